"""What aggregates that count votes on pairs have in common."""

import numpy as np

from unipref.core.judgements import Floats, Ints


def share_of_votes(tally: Floats) -> Floats:
    """Returns the share of the votes for the first answer, ties counting half; NaN for a single vote.

    Args:
        tally: (p, 3) votes for the second answer, a tie and the first.
    """
    votes = tally.sum(axis=1)
    return np.where(votes > 1, (tally[:, 2] + 0.5 * tally[:, 1]) / np.maximum(votes, 1), np.nan)


def average_leads(keys: Ints, lead: Floats, answers: int) -> Floats:
    """Returns (answers,) the mean lead of each answer over those that it was compared with; NaN for none.

    Args:
        keys: (p,) `first * answers + second`.
        lead: (p,) lead of the first answer, in [-1, 1].
        answers: number of answers.
    """
    first, second = np.divmod(keys, max(answers, 1))
    number = np.bincount(first, minlength=answers) + np.bincount(second, minlength=answers)
    total = np.zeros(answers)
    np.add.at(total, first, lead)
    np.subtract.at(total, second, lead)
    with np.errstate(invalid="ignore"):
        return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def link_pairs(keys: Ints, answers: int) -> Ints:
    """Returns (answers,) one number for all answers that comparisons link; -1 for an answer without a comparison."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    part = np.full(answers, -1, dtype=np.int64)
    if not len(keys):
        return part
    first, second = np.divmod(keys, answers)
    graph = coo_matrix((np.ones(len(keys), dtype=np.int8), (first, second)), shape=(answers, answers))
    _, label = connected_components(graph, directed=False)
    part[first], part[second] = label[first], label[second]
    return part
