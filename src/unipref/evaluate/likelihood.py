"""What benchmarks of likelihoods share: whole texts as requests, which option is ahead, and what is left out."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from unipref.core.stats.bootstrap import Floats
from unipref.models.inference import Request, all_continuation_ids, encode_all, log_likelihoods, opening_ids
from unipref.models.loading import Policy

T = TypeVar("T")


def text_requests(policy: Policy, texts: Sequence[str]) -> list[Request]:
    """Whole texts, their first tokens included."""
    opening, ids = opening_ids(policy), encode_all(policy, texts)
    return [(opening, ids[text]) for text in texts]


def continuation_requests(policy: Policy, pairs: Sequence[tuple[str, str]]) -> list[Request]:
    """Continuations after prompts, each pair tokenised together, BOS at the start only."""
    opening = opening_ids(policy)
    return [([*opening, *before], rest) for before, rest in all_continuation_ids(policy, pairs)]


def grouped(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """The items in groups of a size, in their order."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def score_items(
    policy: Policy, items: Sequence[T], requests: Sequence[Request], batch_size: int | None
) -> list[tuple[T, list[float]]]:
    """The items that fit in the model's context, each with the log-likelihoods (nats) of its requests.

    All are asked in one call, so that what they have in common is read once.

    Args:
        policy: the model asked.
        items: n of them.
        requests: the same number for each item, in the order of the items.
        batch_size: as for `unipref.models.inference.ask`.
    """
    if not items:
        return []
    sums = log_likelihoods(policy, requests, batch_size).reshape(len(items), -1)
    return [(item, row.tolist()) for item, row in zip(items, sums, strict=True) if not np.isnan(row).any()]


def too_long(policy: Policy, n: int, total: int, what: str) -> list[str]:
    """The note that some of the items were skipped; none where all were asked."""
    said = f"{total - n} of {total} {what} skipped: longer than the model's context of {policy.context} tokens."
    return [said] if n < total else []


def wins(ahead: npt.ArrayLike) -> Floats:
    """1 where a difference is positive, 0 where it is negative, a half for a tie."""
    return (np.sign(np.asarray(ahead, dtype=np.float64)) + 1) / 2


def share(ahead: npt.ArrayLike) -> Floats:
    """The probability of the first of two options, normalised over the two, from its lead in nats."""
    # tanh does not overflow: sigmoid(x) = (1 + tanh(x / 2)) / 2
    return (1 + np.tanh(np.asarray(ahead, dtype=np.float64) / 2)) / 2
