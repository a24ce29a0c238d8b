"""Helpers for benchmarks that compare likelihoods: requests, scores per item, and which of two options wins."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from unipref.core.chat_models import Policy
from unipref.core.stats.statistic import Floats
from unipref.models.inference import Request, all_continuation_ids, encode_all, log_likelihoods, opening_ids

T = TypeVar("T")


def text_requests(policy: Policy, texts: Sequence[str]) -> list[Request]:
    """Requests that score whole texts, including their first tokens."""
    opening, ids = opening_ids(policy), encode_all(policy, texts)
    return [(opening, ids[text]) for text in texts]


def continuation_requests(policy: Policy, pairs: Sequence[tuple[str, str]]) -> list[Request]:
    """Requests that score (prompt, continuation) pairs, each tokenised together, with BOS at the start only."""
    opening = opening_ids(policy)
    return [([*opening, *before], rest) for before, rest in all_continuation_ids(policy, pairs)]


def split_into_groups(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """Splits the items into groups of `size`, in order."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def score_items(
    policy: Policy, items: Sequence[T], requests: Sequence[Request], batch_size: int | None
) -> list[tuple[T, list[float]]]:
    """Scores the items that fit in the model's context: (item, log-likelihoods of its requests in nats).

    All requests go into one call, so that shared prefixes are computed once.

    Args:
        policy: the model to score with.
        items: n items.
        requests: the same number for each item, in the order of the items.
        batch_size: as for `unipref.models.inference.ask`.
    """
    if not items:
        return []
    log_p = log_likelihoods(policy, requests, batch_size).reshape(len(items), -1)
    return [(item, row.tolist()) for item, row in zip(items, log_p, strict=True) if not np.isnan(row).any()]


def too_long_notes(policy: Policy, n: int, total: int, what: str) -> list[str]:
    """The note that some items were skipped; empty if all of them were scored."""
    note = f"{total - n} of {total} {what} skipped: longer than the model's context of {policy.context} tokens."
    return [note] if n < total else []


def wins(log_ratios: npt.ArrayLike) -> Floats:
    """1 where the first of two options is likelier (positive log ratio), 0 where the second is, 0.5 for a tie."""
    return (np.sign(np.asarray(log_ratios, dtype=np.float64)) + 1) / 2


def two_way_probability(log_ratios: npt.ArrayLike) -> Floats:
    """Probability of the first of two options, normalised over the two, from log p(first) - log p(second) in nats."""
    # tanh does not overflow: sigmoid(x) = (1 + tanh(x / 2)) / 2
    return (1 + np.tanh(np.asarray(log_ratios, dtype=np.float64) / 2)) / 2
