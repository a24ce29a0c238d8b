"""Where several people judged the same answers: all that tells how reliable an annotator or a source is."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unipref.core.judgements import NOBODY, SINGLE, Ints, Judgements

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Overlaps:
    """What is known of the reliability of judgements.

    Attributes:
        of_row: (n,) whether others judged the same answers as each judgement.
        by_annotator, by_source: number of such judgements.
        is_known: (n,) whether enough of them tell how reliable the judgement is: those of its annotator, or of its
            source.
        part: (m,) answers of a block with the same number are linked by such judgements; -1: linked to nothing.
    """

    of_row: Flags
    by_annotator: Ints
    by_source: Ints
    is_known: Flags
    part: Ints


def find_overlaps(judgements: Judgements, least: int) -> Overlaps:
    """Finds the judgements on answers that others judged too.

    Unknown annotators of one source may be one person. So their judgements overlap only if they are about exactly the
    same answers, which unify has freed of repeats. The judges of one-way sources cannot disagree, so all of them
    together are one judge.

    Args:
        judgements: the table.
        least: number of overlapping judgements from which on a reliability is known.
    """
    n, answers = len(judgements), len(judgements.answers)
    rows = np.repeat(np.arange(n), np.diff(judgements.starts))
    single = judgements.is_kind(*SINGLE)
    named = len(judgements.annotators)
    judge = np.where(judgements.annotator == NOBODY, named + judgements.source, judgements.annotator)
    judge[_is_one_way(judgements)] = named + len(judgements.sources)
    _, cell = np.unique(judgements.block * (named + len(judgements.sources) + 1) + judge, return_inverse=True)
    judges_of, pair_of_entry = _count_judges(cell[rows], judgements.judged, answers)
    singles_of, _ = _count_judges(cell[rows][single[rows]], judgements.judged[single[rows]], answers)
    shared = judges_of[judgements.judged] >= 2
    shared_of_row = np.bincount(rows, shared, n) >= 2
    cells = int(cell.max()) + 1 if n else 0
    seen = distinct(pair_of_entry)
    shared_of_cell = np.bincount(seen // max(answers, 1), judges_of[seen % max(answers, 1)] >= 2, cells) >= 2
    first = judgements.judged[judgements.starts[:-1]] if n else np.zeros(0, dtype=np.int64)
    by_answer = single & ((singles_of[first] >= 2) | shared_of_cell[cell]) if n else single
    of_row = _is_repeated(judgements) | (~single & shared_of_row) | by_answer
    weight = judgements.count * of_row
    by_annotator = np.bincount(
        judgements.annotator[judgements.annotator != NOBODY], of_row[judgements.annotator != NOBODY], named
    ).astype(np.int64)
    by_source = np.bincount(judgements.source, weight, len(judgements.sources)).astype(np.int64)
    is_known = by_source[judgements.source] >= least
    if named:
        of_annotator = by_annotator[np.maximum(judgements.annotator, 0)] >= least
        is_known |= (judgements.annotator != NOBODY) & of_annotator
    return Overlaps(of_row, by_annotator, by_source, is_known, _link(judgements, rows, single, is_known))


def distinct(values: Ints) -> Ints:
    """Returns the different values, ascending; for large arrays much faster than `np.unique` of numpy 2.4."""
    ordered = np.sort(values)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered


def _count_judges(cell: Ints, answer: Ints, answers: int) -> tuple[Ints, Ints]:
    """Returns how many judges judged each answer, and the code of (judge, answer) of each entry."""
    code = cell * max(answers, 1) + answer
    return np.bincount(distinct(code) % max(answers, 1), minlength=answers), code


def _is_one_way(judgements: Judgements) -> Flags:
    """Returns (n,) whether each judgement is of a source whose judges cannot disagree with each other."""
    return np.isin(judgements.source, judgements.one_way)


def _is_repeated(judgements: Judgements) -> Flags:
    """Returns (n,) whether another row, or another of the judgements that a row stands for, is about the same answers
    in the same form.
    """
    n = len(judgements)
    sizes = np.diff(judgements.starts)
    one_way = _is_one_way(judgements)
    result: Flags = (judgements.count > 1) & (judgements.annotator == NOBODY) & ~one_way
    for size in np.unique(sizes).tolist():
        rows = np.flatnonzero(sizes == size)
        at = judgements.starts[:-1][rows][:, None] + np.arange(size)
        judged = judgements.judged[at]
        if size <= 2:
            _, code = np.unique(judged[:, 0] * len(judgements.answers) + judged[:, -1], return_inverse=True)
        else:
            _, code = np.unique(judged, axis=0, return_inverse=True)
            code = code.reshape(-1)
        judge = np.where(judgements.annotator == NOBODY, n + np.arange(n), judgements.annotator)
        judge = np.where(one_way, 2 * n, judge)[rows]
        different = distinct(code * (2 * n + 1) + judge) // (2 * n + 1)
        result[rows] |= np.bincount(different, minlength=int(code.max()) + 1)[code] >= 2
    return result


def _link(judgements: Judgements, rows: Ints, single: Flags, is_known: Flags) -> Ints:
    """Numbers the answers that known judgements link; single answers of a block are linked by their common scale."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    answers, blocks = len(judgements.answers), len(judgements.blocks)
    part = np.full(answers, -1, dtype=np.int64)
    use = is_known[rows]
    if not use.any():
        return part
    row, answer = rows[use], judgements.judged[use]
    hub = np.where(single[row], answers + judgements.block[row], judgements.judged[judgements.starts[row]])
    size = answers + blocks
    graph = coo_matrix((np.ones(len(row), dtype=np.int8), (answer, hub)), shape=(size, size))
    _, label = connected_components(graph, directed=False)
    part[answer] = label[answer]
    _, smallest = np.unique(part[part >= 0], return_inverse=True)
    part[part >= 0] = smallest
    return part
