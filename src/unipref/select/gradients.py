"""Random projections of the gradients of a model's last layer, one per dialogue, from forward passes alone.

The last layer maps hidden states h (H) to logits z = W h (V). The gradient of a loss in W is G = sum over tokens of
d h', d being the loss's gradient in z. It has V x H numbers; its projection A' G B has few, and is the sum of
(A' d) (B' h)', so G itself is never made. A and B hold random signs, scaled so that the inner product of two projected
gradients estimates that of the gradients.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from unipref.core.candidates import Dialogue
from unipref.core.chat_models import Policy, RefusedDialogue
from unipref.core.errors import UserError
from unipref.core.records import Messages
from unipref.models.answer_tokens import AnswerTokens
from unipref.models.inference import all_answer_tokens
from unipref.select.answer_sums import split_by_logits, sum_answers

if TYPE_CHECKING:
    import numpy.typing as npt
    import torch


class Projection(NamedTuple):
    """The two random matrices: `rows` (V, a) and `columns` (H, b)."""

    rows: "torch.Tensor"
    columns: "torch.Tensor"


def make_projection(policy: Policy, side: int, seed: int = 0) -> Projection:
    """Makes the projection to side x side numbers.

    Raises:
        UserError: the model's last layer is not known.
    """
    import torch

    head = _find_head(policy)
    height, width = head.weight.shape
    generator = torch.Generator().manual_seed(seed)
    matrices = [
        (2 * torch.randint(0, 2, (size, side), generator=generator).float() - 1) / side**0.5 for size in (height, width)
    ]
    return Projection(*(matrix.to(policy.model.device) for matrix in matrices))


def project_gradients(
    policy: Policy, dialogues: Sequence[Dialogue], is_paired: bool, projection: Projection, batch_size: int
) -> "npt.NDArray[np.float32]":
    """Computes the projected gradient of each dialogue's loss.

    Args:
        policy: the model.
        dialogues: n dialogues.
        is_paired: True: the loss is log p(rejected) - log p(chosen), whose gradient has the direction of DPO's before
            the first step, when policy and reference are equal. False: -log p(chosen) / tokens(chosen).
        projection: of `make_projection`.
        batch_size: most sequences in one forward pass.

    Returns:
        (n, a b) numbers; NaN where the loss's answers are missing, refused or longer than the context.
    """
    size = projection.rows.shape[1] * projection.columns.shape[1]
    vectors = np.full((len(dialogues), size), np.nan, dtype=np.float32)
    texts: list[tuple[int, float, AnswerTokens]] = []
    for i, dialogue in enumerate(dialogues):
        if (parts := _weigh_answers(policy, dialogue, is_paired)) is not None:
            texts += [(i, weight, tokens) for weight, tokens in parts]
            vectors[i] = 0.0
    texts.sort(key=lambda text: len(text[2].ids))
    for part in split_by_logits(policy, [len(tokens.ids) for _, _, tokens in texts], batch_size):
        sums = _project_batch(policy, [texts[at][2] for at in part], projection)
        for at, vector in zip(part, sums, strict=True):
            vectors[texts[at][0]] += texts[at][1] * vector
    return vectors


def _weigh_answers(policy: Policy, dialogue: Dialogue, is_paired: bool) -> list[tuple[float, AnswerTokens]] | None:
    """Returns the texts of a loss with their weights in it, as minus log p; None if one of them cannot be used."""
    chosen = _tokens(policy, dialogue.prompt, dialogue.chosen)
    if chosen is None:
        return None
    if not is_paired:
        return [(1 / sum(end - begin for begin, end in chosen.find_answers()), chosen)]
    rejected = _tokens(policy, dialogue.prompt, dialogue.rejected)
    return None if rejected is None else [(1.0, chosen), (-1.0, rejected)]


def _tokens(policy: Policy, prompt: Messages, answer: Messages | None) -> AnswerTokens | None:
    if not answer:
        return None
    try:
        tokens = all_answer_tokens(policy, [(prompt, answer)])[0]
    except RefusedDialogue:
        return None
    return tokens if tokens.find_answers() and len(tokens.ids) <= policy.context else None


def _project_batch(
    policy: Policy, sequences: Sequence[AnswerTokens], projection: Projection
) -> "npt.NDArray[np.float32]":
    """Computes (k, a b) projections of the gradients of the sequences' sums of -log p."""
    import torch

    with _record_last_layer(policy) as last, torch.enable_grad():
        loss = -sum_answers(policy, sequences).sum()
        (gradients,) = torch.autograd.grad(loss, last["output"])
    left = gradients.float() @ projection.rows
    right = last["input"].float() @ projection.columns
    return torch.einsum("kta,ktb->kab", left, right).reshape(len(sequences), -1).cpu().numpy()


def _find_head(policy: Policy) -> Any:
    head = policy.model.get_output_embeddings()
    if head is None or getattr(head, "weight", None) is None or head.weight.ndim != 2:
        raise UserError(
            "the model's last layer is not known, so its gradients cannot be computed.",
            where=policy.name,
            mend="Name another model: one whose class in transformers has output embeddings.",
        )
    return head


@contextmanager
def _record_last_layer(policy: Policy) -> "Iterator[dict[str, torch.Tensor]]":
    """Records the input of the last layer and its output, at which the computation of gradients begins.

    The weights need no gradients, so no activations of the layers below are kept.
    """
    recorded: dict[str, torch.Tensor] = {}

    def record(module: Any, inputs: "tuple[torch.Tensor, ...]", output: "torch.Tensor") -> "torch.Tensor":
        recorded["input"], recorded["output"] = inputs[0].detach(), output.detach().requires_grad_()
        return recorded["output"]

    needed = [weight for weight in policy.model.parameters() if weight.requires_grad]
    undo: Callable[[], None] = _find_head(policy).register_forward_hook(record).remove
    for weight in needed:
        weight.requires_grad_(False)
    try:
        yield recorded
    finally:
        undo()
        for weight in needed:
            weight.requires_grad_(True)
