"""The pairs of answers that a judgement orders, whatever its kind: what majority votes and agreement are counted on."""

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from unipref.core.aggregation import MOST_TOGETHER
from unipref.core.judgements import KINDS, NOBODY, ORDERED, PAIR, SINGLE, SPLIT, Floats, Ints, Judgements


@dataclass(frozen=True)
class ImpliedPairs:
    """n pairs that judges ordered, by pair and then in the order of the judgements.

    Attributes:
        first, second: (n,) answer codes, first < second.
        sign: (n,) 1 if the first is better, -1 if the second is, 0 for a tie.
        annotator, source, block: (n,) codes.
        judge: (n,) one number for all that one person is known to have judged; each row of an unknown annotator has
            its own, but single answers of one source and prompt are taken as judged by one person.
        count: (n,) judgements that each stands for.
        pair: (n,) code of the pair, from 0.
        keys: (p,) `first * m + second` of each pair, ascending.
    """

    first: Ints
    second: Ints
    sign: Ints
    annotator: Ints
    source: Ints
    block: Ints
    judge: Ints
    count: Ints
    pair: Ints
    keys: Ints

    def tally(self) -> Floats:
        """Returns (p, 3) judgements for the second answer, for a tie and for the first one."""
        size = len(self.keys)
        columns = [np.bincount(self.pair, self.count * (self.sign == sign), size) for sign in (-1, 0, 1)]
        return np.stack(columns, axis=1).astype(np.float64)


_PAIRS_OF: WeakKeyDictionary[Judgements, ImpliedPairs] = WeakKeyDictionary()


def imply_pairs(judgements: Judgements) -> ImpliedPairs:
    """Returns all pairs that the judgements order; the pairs of one table are made once."""
    if judgements not in _PAIRS_OF:
        _PAIRS_OF[judgements] = _imply_pairs(judgements)
    return _PAIRS_OF[judgements]


def _imply_pairs(judgements: Judgements) -> ImpliedPairs:
    """Makes all pairs that the judgements order.

    Two single answers are compared if the same annotator judged both on one scale; the answers of a ranking or split,
    within it. In a split, two good or two bad answers are not compared.
    """
    answers, annotators = max(len(judgements.answers), 1), len(judgements.annotators)
    rows = np.repeat(np.arange(len(judgements)), np.diff(judgements.starts))
    judge_of_row = np.where(
        judgements.annotator == NOBODY, annotators + np.arange(len(judgements)), judgements.annotator
    )
    parts = [_direct(judgements, judge_of_row)]
    single, ordered = judgements.is_kind(*SINGLE), judgements.is_kind(*ORDERED)
    if single.any():
        of_source = annotators + len(judgements) + judgements.source
        judge = np.where(judgements.annotator == NOBODY, of_source, judgements.annotator)[single]
        width = annotators + len(judgements) + len(judgements.sources) + 1
        scale = judgements.source[single] * len(KINDS) + judgements.kind[single]
        most = len(judgements.sources) * len(KINDS)
        _, cell = np.unique((judgements.block[single] * most + scale) * width + judge, return_inverse=True)
        entry_row = np.flatnonzero(single)
        height = judgements.value[single]
        parts.append(
            _within(judgements, cell, judgements.judged[judgements.starts[:-1][single]], height, entry_row, judge)
        )
    if ordered.any():
        use = ordered[rows]
        is_split = judgements.is_kind(SPLIT)[rows[use]]
        height = -judgements.places[use].astype(np.float64)
        _, cell = np.unique(rows[use], return_inverse=True)
        part = _within(judgements, cell, judgements.judged[use], height, rows[use], judge_of_row[rows[use]])
        splits = judgements.is_kind(SPLIT)[part[5]]
        parts.append(tuple(column[~(splits & (part[2] == 0))] for column in part) if is_split.any() else part)
    first, second, sign, judge, count, row = (np.concatenate(column) for column in zip(*parts, strict=True))
    keys, pair = np.unique(first * answers + second, return_inverse=True)
    order = np.lexsort((row, pair))
    taken = row[order]
    return ImpliedPairs(
        first[order],
        second[order],
        sign[order],
        judgements.annotator[taken],
        judgements.source[taken],
        judgements.block[taken],
        judge[order],
        count[order],
        pair[order],
        keys,
    )


Part = tuple[Ints, Ints, Ints, Ints, Ints, Ints]


def _direct(judgements: Judgements, judge: Ints) -> Part:
    rows = np.flatnonzero(judgements.is_kind(PAIR))
    starts = judgements.starts[:-1][rows]
    sign = np.sign(judgements.value[rows]).astype(np.int64)
    second = judgements.judged[starts + 1] if len(rows) else rows
    return judgements.judged[starts], second, sign, judge[rows], judgements.count[rows], rows


def _within(judgements: Judgements, cell: Ints, answer: Ints, height: Floats, row: Ints, judge: Ints) -> Part:
    """Returns the pairs of answers within each cell; an answer that was judged several times has the mean height of its
    judgements. In a cell of more than `MOST_TOGETHER` answers, each is compared with the next ones in the order of
    their codes, which is random.
    """
    answers = len(judgements.answers)
    code, first_at, entry = np.unique(cell * answers + answer, return_index=True, return_inverse=True)
    number = judgements.count[row].astype(np.float64)
    height = np.bincount(entry, height * number) / np.bincount(entry, number)
    # A comparison of the mean of different heights is one vote: who of the judges would agree with it is not known.
    count = np.where(np.bincount(entry) > 1, 1, judgements.count[row[first_at]])
    row, judge = row[first_at], judge[first_at]
    _, starts, sizes = np.unique(code // answers, return_index=True, return_counts=True)
    parts: list[Part] = []
    for size in np.unique(sizes[sizes > 1]).tolist():
        one, two = _pairs_of(size)
        start = starts[sizes == size][:, None]
        a, b = (start + one).reshape(-1), (start + two).reshape(-1)
        sign = np.sign(np.where(np.abs(height[a] - height[b]) < 1e-9, 0.0, height[a] - height[b])).astype(np.int64)
        parts.append((code[a] % answers, code[b] % answers, sign, judge[a], np.minimum(count[a], count[b]), row[a]))
    if not parts:
        empty = np.zeros(0, dtype=np.int64)
        return empty, empty, empty, empty, empty, empty
    first, second, sign, judges, counts, rows = (np.concatenate(column) for column in zip(*parts, strict=True))
    return first, second, sign, judges, counts, rows


def _pairs_of(size: int) -> tuple[Ints, Ints]:
    """Returns the places of all pairs of so many answers; of many answers, of a part of the pairs."""
    if size <= MOST_TOGETHER:
        one, two = np.triu_indices(size, 1)
        return one.astype(np.int64), two.astype(np.int64)
    one = np.repeat(np.arange(size), MOST_TOGETHER // 2)
    two = one + np.tile(np.arange(1, MOST_TOGETHER // 2 + 1), size)
    return one[two < size], two[two < size]


def agreement_with_others(pairs: ImpliedPairs, annotators: int) -> tuple[Floats, Ints]:
    """Returns, per annotator, the mean share of the other judgements of a pair that order it alike, and the number of
    pairs that have others; NaN for none.
    """
    tally = pairs.tally()
    named = pairs.annotator != NOBODY
    pair, who = pairs.pair[named], pairs.annotator[named]
    alike = tally[pair, pairs.sign[named] + 1] - 1
    others = tally[pair].sum(axis=1) - 1
    has = others > 0
    compared = np.bincount(who[has], minlength=annotators)
    total = np.bincount(who[has], alike[has] / others[has], annotators)
    with np.errstate(invalid="ignore", divide="ignore"):
        return total / compared, compared
