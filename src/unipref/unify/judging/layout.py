"""The judgements in the form that the fit needs: factors of one utility or difference, and rankings."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from unipref.core.judgements import KINDS, NOBODY, PAIR, RANKING, SINGLE, SPLIT, Floats, Ints, Judgements
from unipref.unify.judging.overlaps import Overlaps
from unipref.unify.judging.scales import Scale, make_scale

MOST_PAIRS = 4096
"""About how many pairs of a good and a bad answer one judgement implies at most."""


@dataclass
class Factors:
    """n judgements of one answer or of one pair of answers, sorted by site. A split is the pairs that it implies.

    A site is what several judgements are about: an answer, or a pair of answers.

    Attributes:
        row: (n,) rows of `Judgements`; several factors of a split have the same.
        scale, category: (n,) code of the scale, and the category on it.
        order: (n,) 1 if the first answer of the pair was shown first, -1 if the second was, 0 if this is not known.
            1 for a single answer, whose shift is the annotator's leniency.
        annotator: (n,) codes; NOBODY for an unknown one.
        source: (n,) codes.
        weight: (n,) how many judgements each counts as.
        people: (n,) how many annotators each stands for: 1 if the annotator is named.
        block: (n,) code of the block.
        cell: (n,) the same number for judgements of an annotator in one block; ascending with the block.
        site: (n,) ascending codes.
        is_overlapping: (n,) whether others judged the same.
        site_first, site_second: (s,) answer codes of each site; the second is -1 for a single answer.
        site_block: (s,) its block.
        site_starts: (s + 1,) where the judgements of each site start.
    """

    row: Ints
    scale: Ints
    category: Ints
    order: Ints
    annotator: Ints
    source: Ints
    weight: Floats
    people: Ints
    block: Ints
    cell: Ints
    site: Ints
    is_overlapping: npt.NDArray[np.bool_]
    site_first: Ints
    site_second: Ints
    site_block: Ints
    site_starts: Ints


@dataclass
class Rankings:
    """Rankings of one length.

    Attributes:
        row: (n,) rows of `Judgements`.
        scale: (n,) codes of the scale.
        annotator, source, block: (n,) codes.
        weight: (n,) how many judgements each stands for.
        people: (n,) how many annotators each stands for: 1 if the annotator is named.
        is_overlapping: (n,).
        answers: (n, m) answer codes, best first.
        bucket: (n, m) position at which the answers tied with each one start.
    """

    row: Ints
    scale: Ints
    annotator: Ints
    source: Ints
    block: Ints
    weight: Floats
    people: Ints
    is_overlapping: npt.NDArray[np.bool_]
    answers: Ints
    bucket: Ints


def group_places(code: Ints, count: int) -> list[Ints]:
    """Returns the places of each code from 0 to `count` - 1, ascending; one sort, however many codes there are."""
    order = np.argsort(code, kind="stable")
    bounds = np.searchsorted(code[order], np.arange(count + 1))
    return [order[start:end] for start, end in pairwise(bounds.tolist())]


def lay_out(judgements: Judgements, overlaps: Overlaps) -> tuple[list[Scale], Factors, list[Rankings]]:
    """Returns the scales, the factors and the rankings by length."""
    scale_keys, scale_of_row = np.unique(
        (judgements.source * max(len(judgements.axes), 1) + judgements.blocks[judgements.block, 1]) * len(KINDS)
        + judgements.kind,
        return_inverse=True,
    )
    parts = _expand(judgements)
    scales = []
    rows, value = np.asarray(parts["row"], dtype=np.int64), np.asarray(parts["value"], dtype=np.float64)
    places = group_places(scale_of_row[rows], len(scale_keys))
    for key, mine in zip(scale_keys.tolist(), places, strict=True):
        rest, kind = divmod(key, len(KINDS))
        source, axis = divmod(rest, max(len(judgements.axes), 1))
        counts = judgements.count[rows[mine]].astype(np.float64)
        scales.append(
            _ranking_scale(source, axis)
            if KINDS[kind] == RANKING
            else make_scale(source, axis, KINDS[kind], value[mine], counts)
        )
    factors = _make_factors(judgements, overlaps, parts, scale_of_row, scales)
    return scales, factors, _make_rankings(judgements, overlaps, scale_of_row)


def _ranking_scale(source: int, axis: int) -> Scale:
    scale = make_scale(source, axis, PAIR, np.array([1.0]), np.array([1.0]))
    scale.kind = RANKING
    return scale


def _expand(judgements: Judgements) -> dict[str, npt.NDArray[np.generic]]:
    """Returns rows, both answers (-1 for none), values, shown order and weights of all factors.

    g good against b bad answers imply g * b pairs, but only g + b - 1 of them can be chosen freely; so each of n pairs
    counts (g + b - 1) / n.
    """
    single, pair = judgements.is_kind(*SINGLE), judgements.is_kind(PAIR)
    plain = np.flatnonzero(single | pair)
    starts = judgements.starts[:-1][plain]
    is_pair = pair[plain]
    second_at = np.minimum(starts + 1, max(len(judgements.judged) - 1, 0))
    shown = judgements.shown
    order = np.ones(len(plain), dtype=np.int64)
    if len(plain):
        is_shown = (shown[starts] >= 0) & (shown[second_at] >= 0)
        order = np.where(is_pair, np.where(is_shown, np.sign(shown[second_at] - shown[starts]), 0), 1)
    columns: dict[str, list[npt.NDArray[np.generic]]] = {
        "row": [plain],
        "first": [judgements.judged[starts] if len(plain) else plain],
        "second": [np.where(is_pair, judgements.judged[second_at], -1) if len(plain) else plain],
        "value": [judgements.value[plain]],
        "order": [order],
        "weight": [judgements.count[plain].astype(np.float64)],
    }
    for row in np.flatnonzero(judgements.is_kind(SPLIT)).tolist():
        part = slice(judgements.starts[row], judgements.starts[row + 1])
        answers, places, shown_at = judgements.judged[part], judgements.places[part], judgements.shown[part]
        good, bad = (np.flatnonzero(places == place) for place in (1, 2))
        if not len(good) or not len(bad):
            continue
        one, two = _pair_sides(good, bad)
        turned = answers[one] > answers[two]
        count = len(one)
        is_shown = (shown_at[one] >= 0) & (shown_at[two] >= 0)
        first_shown = np.where(is_shown, np.sign(shown_at[two] - shown_at[one]), 0)
        columns["row"].append(np.full(count, row))
        columns["first"].append(np.minimum(answers[one], answers[two]))
        columns["second"].append(np.maximum(answers[one], answers[two]))
        columns["value"].append(np.where(turned, -1.0, 1.0))
        columns["order"].append(np.where(turned, -first_shown, first_shown))
        weight = judgements.count[row] * (len(good) + len(bad) - 1) / count
        columns["weight"].append(np.full(count, weight))
    return {name: np.concatenate(values) for name, values in columns.items()}


def _pair_sides(good: Ints, bad: Ints) -> tuple[Ints, Ints]:
    """Pairs each good answer with each bad one. Above `MOST_PAIRS` pairs, each answer of the larger side is paired with
    as many of the smaller side as keep the number near it, in turn.
    """
    if len(good) * len(bad) <= MOST_PAIRS:
        return np.repeat(good, len(bad)), np.tile(bad, len(good))
    small, large = (good, bad) if len(good) < len(bad) else (bad, good)
    each = min(len(small), max(2, MOST_PAIRS // len(large)))  # with two, the pairs link all answers
    place = np.repeat(np.arange(len(large)), each)
    partner = small[(place + np.tile(np.arange(each), len(large))) % len(small)]
    return (partner, large[place]) if small is good else (large[place], partner)


def _make_factors(
    judgements: Judgements,
    overlaps: Overlaps,
    parts: dict[str, npt.NDArray[np.generic]],
    scale_of_row: Ints,
    scales: list[Scale],
) -> Factors:
    row, first, second = (np.asarray(parts[name], dtype=np.int64) for name in ("row", "first", "second"))
    block = judgements.block[row]
    width = len(judgements.answers) + 1
    site_keys, site = np.unique((block * width + first) * width + second + 1, return_inverse=True)
    scale = scale_of_row[row]
    value = np.asarray(parts["value"], dtype=np.float64)
    category = np.zeros(len(row), dtype=np.int64)
    for one, mine in zip(scales, group_places(scale, len(scales)), strict=True):
        if len(mine):
            category[mine] = one.categories(value[mine])
    order = np.argsort(site, kind="stable")
    annotator = judgements.annotator[row]
    # An unknown annotator is another one in every row.
    judge = np.where(annotator == NOBODY, len(judgements.annotators) + row, annotator)
    _, cell = np.unique(block * (len(judgements.annotators) + len(judgements) + 1) + judge, return_inverse=True)
    site_first = site_keys // width % width
    site_block = site_keys // width // width
    return Factors(
        row=row[order],
        scale=scale[order],
        category=category[order],
        order=np.asarray(parts["order"], dtype=np.int64)[order],
        annotator=annotator[order],
        source=judgements.source[row][order],
        weight=np.asarray(parts["weight"], dtype=np.float64)[order],
        people=np.where(annotator == NOBODY, judgements.count[row], 1)[order],
        block=block[order],
        cell=cell[order],
        site=site[order],
        is_overlapping=overlaps.of_row[row][order],
        site_first=site_first,
        site_second=site_keys % width - 1,
        site_block=site_block,
        site_starts=np.searchsorted(site[order], np.arange(len(site_keys) + 1)),
    )


def _make_rankings(judgements: Judgements, overlaps: Overlaps, scale_of_row: Ints) -> list[Rankings]:
    rows = np.flatnonzero(judgements.is_kind(RANKING))
    sizes = np.diff(judgements.starts)[rows]
    result = []
    for size in np.unique(sizes).tolist():
        mine = rows[sizes == size]
        at = judgements.starts[:-1][mine][:, None] + np.arange(size)
        best_first = np.argsort(judgements.places[at], axis=1, kind="stable")
        places = np.take_along_axis(judgements.places[at], best_first, axis=1)
        is_new = np.concatenate([np.ones((len(mine), 1), bool), np.diff(places, axis=1) != 0], axis=1)
        bucket = np.maximum.accumulate(np.where(is_new, np.arange(size), 0), axis=1)
        result.append(
            Rankings(
                row=mine,
                scale=scale_of_row[mine],
                annotator=judgements.annotator[mine],
                source=judgements.source[mine],
                block=judgements.block[mine],
                weight=judgements.count[mine].astype(np.float64),
                people=np.where(judgements.annotator[mine] == NOBODY, judgements.count[mine], 1),
                is_overlapping=overlaps.of_row[mine],
                answers=np.take_along_axis(judgements.judged[at], best_first, axis=1),
                bucket=bucket,
            )
        )
    return result
