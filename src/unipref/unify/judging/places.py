"""How often annotators choose the answer that was shown first."""

import numpy as np

from unipref.core.judgements import NOBODY, PAIR, Floats, Ints, Judgements
from unipref.core.stats.wilson import wilson

LEAST_MORE = 0.1
"""Least difference, beyond the interval of an annotator's share, to the usual share."""
LEAST_ANNOTATORS, LEAST_PAIRS = 3, 10
"""Least number of annotators, with at least so many pairs each, whose median share is the usual one."""


def count_first_choices(judgements: Judgements) -> tuple[Ints, Ints]:
    """Returns, per annotator, the number of decided pairs of which the order on the screen is known, and in how many of
    them the answer shown first was chosen.
    """
    count = len(judgements.annotators)
    rows = np.flatnonzero(judgements.is_kind(PAIR) & (judgements.value != 0) & (judgements.annotator != NOBODY))
    starts = judgements.starts[:-1][rows]
    first, second = judgements.shown[starts], judgements.shown[starts + 1] if len(rows) else judgements.shown[starts]
    is_shown = (first >= 0) & (second >= 0) & (first != second)
    who, number = judgements.annotator[rows][is_shown], judgements.count[rows][is_shown]
    is_first = (judgements.value[rows] > 0) == (first < second)
    shown = np.bincount(who, number, count).astype(np.int64)
    return shown, np.bincount(who, number * is_first[is_shown], count).astype(np.int64)


def find_favoured_places(shown: Ints, first: Ints) -> list[str | None]:
    """Returns, per annotator, the place that they choose clearly more often than the others do.

    That all choose the first answer more often can be due to the answers. So each is compared with the median of all,
    which one odd annotator of three or more hardly changes.
    """
    share, is_usable = first / np.maximum(shown, 1), shown >= LEAST_PAIRS
    result: list[str | None] = [None] * len(shown)
    if is_usable.sum() < LEAST_ANNOTATORS:
        return result
    usual = float(np.median(share[is_usable]))
    for code in np.flatnonzero(is_usable).tolist():
        low, high = wilson(int(first[code]), int(shown[code]))
        if low > usual + LEAST_MORE and share[code] > 0.5:
            result[code] = "first"
        elif high < usual - LEAST_MORE and share[code] < 0.5:
            result[code] = "last"
    return result


def mean_shift(annotator: Ints, shift: Floats, count: int) -> Floats:
    """Returns (count,) the mean of the shifts in an annotator's judgements; NaN for an annotator without any."""
    total, number = np.bincount(annotator, shift, count), np.bincount(annotator, minlength=count)
    return np.asarray(np.where(number > 0, total / np.maximum(number, 1), np.nan))
