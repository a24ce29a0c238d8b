"""Forward passes over rows of sequences, and the answers read off their logits."""

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from unipref.core.errors import UserError
from unipref.models.inference.prefix_trees import Branch, Packed, Row, pack
from unipref.models.inference.questions import LogLikelihood, Question
from unipref.models.loading import Policy, RewardModel

if TYPE_CHECKING:
    import torch

LOGITS_AT_ONCE = 2**28
"""Most logits one pass may hold: 1 GiB in float32."""


def tree_reach(policy: Policy) -> int:
    """The longest sequence, in tokens, that this model can read as part of a tree; 0 where it can read none.

    A tree needs attention over exactly the tokens that a mask names, at positions that are given. Models with a
    recurrent state, with positions taken from the order of tokens (ALiBi) or with attention kernels of their own
    cannot do so; those that attend to a window of tokens can as long as all of a sequence is inside.
    """
    model, config = policy.model, policy.model.config.get_text_config()
    accepted = inspect.signature(model.forward).parameters
    able = (
        {"position_ids", "attention_mask", "past_key_values", "use_cache"} <= set(accepted)
        and getattr(model, "_supports_attention_backend", False)
        and not getattr(model, "_is_stateful", False)
        and not getattr(config, "alibi", False)
        and getattr(config, "_attn_implementation", None) in ("sdpa", "eager")
    )
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    if not able or kinds - {"full_attention", "sliding_attention"}:
        return 0
    windows = getattr(config, "layer_types", None) is None or "sliding_attention" in kinds
    window = getattr(config, "sliding_window", None) if windows else None
    return min(policy.context, int(window)) if window else policy.context


def vocabulary(policy: Policy) -> int:
    """How many tokens the model can give."""
    return int(policy.model.config.get_text_config().vocab_size)


def diverged(model: Policy | RewardModel) -> UserError:
    """What to say of a model whose outputs are not numbers."""
    return UserError(
        "the model gives NaN instead of numbers: its training has diverged.",
        where=model.name,
        mend="Train again with a lower learning rate, or leave this model out.",
    )


@dataclass
class Read:
    """Rows that were read.

    Attributes:
        logits: (rows, kept columns, vocabulary).
        cache: keys and values of all columns, where they were asked for.
    """

    packed: Packed
    logits: "torch.Tensor"
    cache: Any

    def column(self, row: int, member: int) -> int:
        """Among the kept columns, that of the last token of a sequence."""
        return int(self.packed.paths[row][member][-1]) - self.packed.kept[0]


def read_rows(policy: Policy, rows: Sequence[Row], keep_cache: bool) -> Read:
    """One forward pass.

    Args:
        policy: the model asked.
        rows: with branches only where the model can read trees.
        keep_cache: keep keys and values, to write on from them; only where the model can read trees.
    """
    import torch

    device = policy.model.device
    packed = pack(rows)
    _known(policy, int(packed.ids.max()))
    inputs: dict[str, Any] = {"input_ids": torch.from_numpy(packed.ids).to(device)}
    if packed.chains:
        # Padding on the right: a causal model's earlier positions never see it, so nothing needs to be masked, and
        # attention without a mask is faster.
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    else:
        inputs["position_ids"] = torch.from_numpy(packed.positions).to(device)
        inputs["attention_mask"] = additive(torch.from_numpy(packed.visible()).to(device), policy)[:, None]
    cache = None
    if keep_cache:
        from transformers import DynamicCache

        # Made here, because the model's own would forget what is outside the window of a sliding layer.
        cache = inputs["past_key_values"] = DynamicCache()
    first, last = packed.kept
    keeps = "logits_to_keep" in inspect.signature(policy.model.forward).parameters
    if keeps:
        inputs["logits_to_keep"] = torch.arange(first, last, device=device)
    logits = policy.model(**inputs, use_cache=keep_cache).logits
    return Read(packed, logits if keeps else logits[:, first:last], cache)


def additive(visible: "torch.Tensor", policy: Policy) -> "torch.Tensor":
    """The mask as every attention takes it: 0 where something is seen, the lowest number where it is not."""
    import torch

    hidden = torch.finfo(policy.model.dtype).min
    return torch.zeros(visible.shape, dtype=policy.model.dtype, device=visible.device).masked_fill_(~visible, hidden)


def logits_held(policy: Policy, rows: Sequence[Row]) -> int:
    """How many logits a pass over the rows will hold, at most."""
    first = min(member.first for row in rows for member in row.members)
    longest = max(row.size for row in rows)
    asked = longest - first if all(row.is_chain() for row in rows) else max(_asked(row) for row in rows)
    return vocabulary(policy) * len(rows) * asked


def _asked(row: Row) -> int:
    return min(row.size, sum(len(member.ids) - member.first for member in row.members))


def read_answers(policy: Policy, read: Read, rows: Sequence[Row], questions: Sequence[Question]) -> dict[int, Any]:
    """Owner -> answer of the questions that need no writing.

    Raises:
        UserError: the logits are not numbers.
    """
    import torch

    terms: list[tuple[int, int, int, int]] = []
    lasts: list[tuple[int, int, int]] = []
    for row, member, branch in members(rows):
        question = questions[branch.owner]
        if isinstance(question, LogLikelihood):
            columns = (read.packed.paths[row][member][branch.first :] - read.packed.kept[0]).tolist()
            terms += [(branch.owner, row, at, token) for at, token in zip(columns, question.continuation, strict=True)]
        elif not branch.room:
            lasts.append((branch.owner, row, read.column(row, member)))
    answers: dict[int, Any] = {}
    if lasts:
        owners, row_at, column = torch.tensor(lasts).T.to(read.logits.device)
        chosen = torch.log_softmax(read.logits[row_at, column].float(), dim=-1).double().cpu().numpy()
        answers.update(zip(owners.tolist(), _numbers(policy, chosen), strict=True))
    if terms:
        _known(policy, max(term[-1] for term in terms))
        owners, row_at, column, token = torch.tensor(terms).T.to(read.logits.device)
        sums = torch.logsumexp(read.logits.float(), dim=-1)
        log_p = (read.logits[row_at, column, token].float() - sums[row_at, column]).double().cpu().numpy()
        numbered, place = np.unique(owners.cpu().numpy(), return_inverse=True)
        totals = np.bincount(place, weights=_numbers(policy, log_p))
        answers.update(zip(numbered.tolist(), totals.tolist(), strict=True))
    return answers


def members(rows: Sequence[Row]) -> Iterator[tuple[int, int, Branch]]:
    """Row number, member number and branch of every member."""
    for row, held in enumerate(rows):
        for member, branch in enumerate(held.members):
            yield row, member, branch


def _known(policy: Policy, largest: int) -> None:
    if largest >= vocabulary(policy):
        raise UserError(
            f"the tokenizer gives token {largest}, but the model knows only {vocabulary(policy)} tokens.",
            where=policy.name,
            mend="Give the tokenizer that belongs to the model, or enlarge the model's embedding.",
        )


def _numbers(policy: Policy, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    if np.isnan(values).any():
        raise diverged(policy)
    return values
