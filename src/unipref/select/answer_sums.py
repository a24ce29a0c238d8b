"""Sums of the log-likelihoods of answers with gradients, which `models.inference` does not keep."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from unipref.core.chat_models import Policy
from unipref.models.answer_tokens import AnswerTokens
from unipref.models.inference.forward import vocabulary_size

if TYPE_CHECKING:
    import torch


MOST_LOGITS = 2**26
"""In one forward pass: 256 MiB in float32, and a few times as much with gradients."""


def split_by_logits(policy: Policy, lengths: Sequence[int], most: int) -> Iterator[range]:
    """Yields ranges of sequences whose logits fit into memory together; at least one sequence each.

    Args:
        policy: the model.
        lengths: of the sequences, in tokens, ascending.
        most: most sequences in a range.
    """
    vocabulary = vocabulary_size(policy)
    start = 0
    for at in range(1, len(lengths) + 1):
        is_full = at - start >= most
        is_last = at == len(lengths)
        if is_last or is_full or lengths[at] * vocabulary * (at + 1 - start) > MOST_LOGITS:
            yield range(start, at)
            start = at


def sum_answers(policy: Policy, sequences: Sequence[AnswerTokens]) -> "torch.Tensor":
    """Computes (k,) sums of log p, in nats, over the tokens that the assistant wrote, in one forward pass."""
    import torch

    longest = max(len(one.ids) for one in sequences)
    ids = torch.zeros((len(sequences), longest), dtype=torch.long)
    is_text, is_answer = torch.zeros_like(ids), torch.zeros_like(ids)
    for row, one in enumerate(sequences):
        ids[row, : len(one.ids)] = torch.tensor(one.ids)
        is_text[row, : len(one.ids)] = 1
        for begin, end in one.find_answers():
            is_answer[row, begin:end] = 1
    device = policy.model.device
    ids, is_text, is_answer = ids.to(device), is_text.to(device), is_answer.to(device)
    logits = policy.model(input_ids=ids, attention_mask=is_text, use_cache=False).logits[:, :-1].float()
    likelihoods = torch.log_softmax(logits, dim=-1).gather(2, ids[:, 1:, None])[:, :, 0]
    return (likelihoods * is_answer[:, 1:]).sum(dim=1)
