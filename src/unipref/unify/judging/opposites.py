"""Judgements of one person that contradict each other: on the same pair, or on the same answer."""

import numpy as np
import numpy.typing as npt

from unipref.core.judgements import NOBODY, PAIR, THUMB, Judgements


def find_opposites(judgements: Judgements) -> npt.NDArray[np.bool_]:
    """Returns (n,) which judgements a named person contradicts, in any source: a pair judged both ways, or a thumb up
    and a thumb down. Which of them the person means is not known, so neither tells of the answers.
    """
    result = np.zeros(len(judgements), dtype=bool)
    if not len(judgements):
        return result
    first = judgements.judged[judgements.starts[:-1]]
    last = judgements.judged[judgements.starts[1:] - 1]
    for kind, middle in ((PAIR, 0.0), (THUMB, 0.5)):
        rows = np.flatnonzero(
            judgements.is_kind(kind) & (judgements.annotator != NOBODY) & (judgements.value != middle)
        )
        about = np.stack([first[rows], last[rows], judgements.annotator[rows]])
        _, code = np.unique(about, axis=1, return_inverse=True)
        code, is_up = code.reshape(-1), judgements.value[rows] > middle
        ups, all_of = np.bincount(code, is_up), np.bincount(code)
        result[rows] = ((ups > 0) & (ups < all_of))[code]
    return result
