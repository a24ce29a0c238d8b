"""Runs forward passes over rows of sequences, and computes answers from the logits."""

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from unipref.core.chat_models import Policy, RewardModel
from unipref.core.errors import UserError
from unipref.models.inference.prefix_trees import Branch, Packed, Row, pack
from unipref.models.inference.questions import LogLikelihood, Question

if TYPE_CHECKING:
    import torch

MAX_LOGITS = 2**28
"""Maximum number of logits per pass: 1 GiB in float32."""


def tree_reach(policy: Policy) -> int:
    """Maximum length, in tokens, of a sequence that this model can process in a tree; 0 if it does not support trees.

    A tree needs attention over exactly the tokens that a mask selects, at explicit positions. Models with a recurrent
    state, with positions derived from token order (ALiBi) or with custom attention kernels do not support that. Models
    with sliding-window attention do, as long as the sequence fits in the window.
    """
    model, config = policy.model, policy.model.config.get_text_config()
    parameters = inspect.signature(model.forward).parameters
    supports_masks = (
        {"position_ids", "attention_mask", "past_key_values", "use_cache"} <= set(parameters)
        and getattr(model, "_supports_attention_backend", False)
        and not getattr(model, "_is_stateful", False)
        and not getattr(config, "alibi", False)
        and getattr(config, "_attn_implementation", None) in ("sdpa", "eager")
    )
    layer_types = set(getattr(config, "layer_types", None) or ["full_attention"])
    if not supports_masks or layer_types - {"full_attention", "sliding_attention"}:
        return 0
    has_window = getattr(config, "layer_types", None) is None or "sliding_attention" in layer_types
    window = getattr(config, "sliding_window", None) if has_window else None
    return min(policy.context, int(window)) if window else policy.context


def vocabulary_size(policy: Policy) -> int:
    """Size of the model's vocabulary."""
    return int(policy.model.config.get_text_config().vocab_size)


def divergence_error(model: Policy | RewardModel) -> UserError:
    """The error for a model that outputs NaN."""
    return UserError(
        "the model outputs NaN: its training has diverged.",
        where=model.name,
        mend="Train again with a lower learning rate, or leave this model out.",
    )


@dataclass
class PassOutput:
    """The output of a forward pass over rows.

    Attributes:
        logits: (rows, kept columns, vocabulary).
        cache: keys and values of all columns, if they were requested.
    """

    packed: Packed
    logits: "torch.Tensor"
    cache: Any

    def column(self, row: int, member: int) -> int:
        """The index, among the kept columns, of a sequence's last token."""
        return int(self.packed.paths[row][member][-1]) - self.packed.kept[0]


def read_rows(policy: Policy, rows: Sequence[Row], keep_cache: bool) -> PassOutput:
    """Runs one forward pass.

    Args:
        policy: the model to run.
        rows: the rows; they may branch only if the model supports trees.
        keep_cache: whether to keep keys and values for generation; only if the model supports trees.
    """
    import torch

    device = policy.model.device
    packed = pack(rows)
    _check_token_ids(policy, int(packed.ids.max()))
    inputs: dict[str, Any] = {"input_ids": torch.from_numpy(packed.ids).to(device)}
    if packed.chains:
        # Padding on the right: a causal model's earlier positions never see it, so nothing needs to be masked, and
        # attention without a mask is faster.
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    else:
        inputs["position_ids"] = torch.from_numpy(packed.positions).to(device)
        inputs["attention_mask"] = additive_mask(torch.from_numpy(packed.visible()).to(device), policy)[:, None]
    cache = None
    if keep_cache:
        from transformers import DynamicCache

        # Created here, because the model's own cache drops what is outside a sliding layer's window.
        cache = inputs["past_key_values"] = DynamicCache()
    first, last = packed.kept
    can_select = "logits_to_keep" in inspect.signature(policy.model.forward).parameters
    if can_select:
        inputs["logits_to_keep"] = torch.arange(first, last, device=device)
    logits = policy.model(**inputs, use_cache=keep_cache).logits
    return PassOutput(packed, logits if can_select else logits[:, first:last], cache)


def additive_mask(visible: "torch.Tensor", policy: Policy) -> "torch.Tensor":
    """An additive attention mask: 0 where a token is visible, the lowest number where it is not."""
    import torch

    hidden = torch.finfo(policy.model.dtype).min
    return torch.zeros(visible.shape, dtype=policy.model.dtype, device=visible.device).masked_fill_(~visible, hidden)


def count_logits(policy: Policy, rows: Sequence[Row]) -> int:
    """Maximum number of logits that a pass over the rows holds."""
    first = min(member.first for row in rows for member in row.members)
    longest = max(row.size for row in rows)
    columns = longest - first if all(row.is_chain() for row in rows) else max(_needed_columns(row) for row in rows)
    return vocabulary_size(policy) * len(rows) * columns


def _needed_columns(row: Row) -> int:
    return min(row.size, sum(len(member.ids) - member.first for member in row.members))


def read_answers(
    policy: Policy, output: PassOutput, rows: Sequence[Row], questions: Sequence[Question]
) -> dict[int, Any]:
    """Computes owner -> answer for the questions that need no generation.

    Raises:
        UserError: the logits are NaN.
    """
    import torch

    tokens_to_sum: list[tuple[int, int, int, int]] = []
    last_columns: list[tuple[int, int, int]] = []
    for row, member, branch in iterate_members(rows):
        question = questions[branch.owner]
        if isinstance(question, LogLikelihood):
            columns = (output.packed.paths[row][member][branch.first :] - output.packed.kept[0]).tolist()
            tokens_to_sum += [
                (branch.owner, row, at, token) for at, token in zip(columns, question.continuation, strict=True)
            ]
        elif not branch.room:
            last_columns.append((branch.owner, row, output.column(row, member)))
    answers: dict[int, Any] = {}
    if last_columns:
        owners, row_at, column = torch.tensor(last_columns).T.to(output.logits.device)
        chosen = torch.log_softmax(output.logits[row_at, column].float(), dim=-1).double().cpu().numpy()
        answers.update(zip(owners.tolist(), _check_for_nan(policy, chosen), strict=True))
    if tokens_to_sum:
        _check_token_ids(policy, max(term[-1] for term in tokens_to_sum))
        owners, row_at, column, token = torch.tensor(tokens_to_sum).T.to(output.logits.device)
        sums = torch.logsumexp(output.logits.float(), dim=-1)
        log_p = (output.logits[row_at, column, token].float() - sums[row_at, column]).double().cpu().numpy()
        unique_owners, owner_index = np.unique(owners.cpu().numpy(), return_inverse=True)
        totals = np.bincount(owner_index, weights=_check_for_nan(policy, log_p))
        answers.update(zip(unique_owners.tolist(), totals.tolist(), strict=True))
    return answers


def iterate_members(rows: Sequence[Row]) -> Iterator[tuple[int, int, Branch]]:
    """Yields row number, member number and branch of every member."""
    for row, contents in enumerate(rows):
        for member, branch in enumerate(contents.members):
            yield row, member, branch


def _check_token_ids(policy: Policy, largest: int) -> None:
    if largest >= vocabulary_size(policy):
        raise UserError(
            f"the tokenizer produces token {largest}, but the model's vocabulary has {vocabulary_size(policy)} tokens.",
            where=policy.name,
            mend="Use the model's own tokenizer, or resize the model's embedding.",
        )


def _check_for_nan(policy: Policy, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    if np.isnan(values).any():
        raise divergence_error(policy)
    return values
