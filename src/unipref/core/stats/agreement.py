"""How far judges agree: Krippendorff's alpha, preference cycles, and pairs that were judged both ways."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Level = Literal["nominal", "ordinal", "interval"]

RESAMPLES = 500
MOST_VALUES = 100
"""Interval data with more values are rounded to as many equal steps, so that a table of counts is enough."""
MOST_CELLS = 2**22
"""Most numbers of a table of coincidences by unit, which makes resampling fast."""


@dataclass(frozen=True)
class Agreement:
    """Krippendorff's alpha of one set of judgements.

    Attributes:
        level: nominal, ordinal or interval.
        alpha: 1 for full agreement, 0 for what chance gives, below 0 for less; None if it is not defined: no unit has
            two values, or all values are equal.
        low, high: 95 % bootstrap interval over units; None if it is not defined.
        units: number of units with at least two values.
        values: number of values in those units.
    """

    level: Level
    alpha: float | None
    low: float | None
    high: float | None
    units: int
    values: int


def krippendorff_alpha(unit: Ints, value: Floats, level: Level, seed: int = 0, counts: Ints | None = None) -> Agreement:
    """Computes Krippendorff's alpha (Krippendorff 2018), from the counts of values per unit.

    Args:
        unit: (n,) codes of what was judged.
        value: (n,) values; who gave a value plays no part.
        level: the scale of the values.
        seed: of the bootstrap.
        counts: (n,) how many judges gave each value; None: one each.
    """
    number = np.ones(len(unit), dtype=np.int64) if counts is None else counts
    value = _round_values(_rescale(np.asarray(value, dtype=np.float64))) if level == "interval" else value
    domain, code = np.unique(value, return_inverse=True)
    _, unit_code = np.unique(unit, return_inverse=True)
    units = int(unit_code.max(initial=-1)) + 1
    table = np.bincount(unit_code * max(len(domain), 1) + code, number, units * len(domain))
    table = table.reshape(units, len(domain))
    table = table[table.sum(axis=1) >= 2]
    alpha = _alpha(table, domain, level)
    if alpha is None:
        return Agreement(level, None, None, None, len(table), int(table.sum()))
    low, high = _interval(table, domain, level, seed)
    return Agreement(level, alpha, low, high, len(table), int(table.sum()))


def _rescale(values: Floats) -> Floats:
    """Divides values by the largest one if their squares would not be floats. Alpha does not depend on the unit."""
    largest = float(np.abs(values).max(initial=0.0))
    return values if largest == 0 or 1e-100 < largest < 1e100 else values / largest


def _round_values(values: Floats) -> Floats:
    """Rounds to `MOST_VALUES` equal steps if there are more different values."""
    if len(np.unique(values)) <= MOST_VALUES:
        return values
    step = (values.max() - values.min()) / (MOST_VALUES - 1)
    return np.asarray(values.min() + np.rint((values - values.min()) / step) * step)


def _alpha(table: Floats, domain: Floats, level: Level) -> float | None:
    """Returns alpha of (units, values) counts; None without two different values in comparable units, or if their
    squared distances are all 0 as floats.
    """
    totals = table.sum(axis=0)
    if not len(table) or (totals > 0).sum() < 2:
        return None
    distance = _distances(domain, totals, level)
    seen = float(_observed(table, table.sum(axis=1), distance).sum())
    expected = float(totals @ distance @ totals)
    return float(1 - seen * (totals.sum() - 1) / expected) if expected > 0 else None


def _interval(table: Floats, domain: Floats, level: Level, seed: int) -> tuple[float | None, float | None]:
    """Computes the percentile bootstrap interval over units.

    Each unit's part of the observed disagreement is computed once, with the distances of all values, so that a
    resample is a sum. The distances of ordinal values are those of the resample.
    """
    if len(table) < 2:
        return None, None
    rng = np.random.default_rng(seed)
    sizes = table.sum(axis=1)
    draws = []
    flat_distance = None if level == "ordinal" else _distances(domain, table.sum(axis=0), level)
    observed = None if flat_distance is None else _observed(table, sizes, flat_distance)
    coincidences = None
    if flat_distance is None:
        coincidences = (
            np.einsum("uv,uw,u->uvw", table, table, 1 / (sizes - 1))
            if len(table) * len(domain) ** 2 <= MOST_CELLS
            else None
        )
    for _ in range(RESAMPLES):
        weight = np.bincount(rng.integers(0, len(table), len(table)), minlength=len(table)).astype(np.float64)
        totals = weight @ table
        n = totals.sum()
        distance = _distances(domain, totals, level) if flat_distance is None else flat_distance
        if observed is not None:
            seen = float(weight @ observed)
        elif coincidences is not None:
            seen = float((np.tensordot(weight, coincidences, 1) * distance).sum())
        else:
            seen = float(weight @ _observed(table, sizes, distance))
        expected = float(totals @ distance @ totals) / (n - 1)
        if expected > 0:
            draws.append(1 - seen / expected)
    if not draws:
        return None, None
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def _observed(table: Floats, sizes: Floats, distance: Floats) -> Floats:
    """Returns (units,) the observed disagreement of each unit."""
    return np.asarray(((table @ distance) * table).sum(axis=1) / (sizes - 1))


def _distances(domain: Floats, totals: Floats, level: Level) -> Floats:
    """Returns the (values, values) squared distances."""
    if level == "nominal":
        return 1.0 - np.eye(len(domain))
    if level == "interval":
        return np.subtract.outer(domain, domain) ** 2
    middle = np.cumsum(totals) - totals / 2
    return np.subtract.outer(middle, middle) ** 2


@dataclass(frozen=True, eq=False)
class Contradictions:
    """How often judgements of the same answers contradict each other.

    Attributes:
        pairs: pairs of answers that were judged at all; judged_twice: those with several judgements.
        ties: pairs with at least one tie.
        opposite: pairs that were judged both ways; opposite_within: by judgements of one source; opposite_across: of
            different sources. A pair may be both.
        opposite_keys: the keys of the opposite pairs.
        blocks: prompts (on one axis) with at least three answers compared; cyclic: those whose majorities form a
            cycle; triangles: number of cycles of three answers.
        cyclic_blocks: the codes of the cyclic ones.
    """

    pairs: int
    judged_twice: int
    ties: int
    opposite: int
    opposite_within: int
    opposite_across: int
    opposite_keys: Ints
    blocks: int
    cyclic: int
    triangles: int
    cyclic_blocks: Ints


def find_contradictions(first: Ints, second: Ints, sign: Ints, source: Ints, block: Ints) -> Contradictions:
    """Finds pairs judged both ways, and cycles of the majorities.

    Args:
        first: (n,) answer codes.
        second: (n,) answer codes.
        sign: (n,) 1 if the first is better, -1 if the second is, 0 for a tie.
        source: (n,) codes.
        block: (n,) codes.
    """
    turned = first > second
    low, high, sign = np.minimum(first, second), np.maximum(first, second), np.where(turned, -sign, sign)
    width = int(high.max(initial=0)) + 1
    keys, pair = np.unique(low * width + high, return_inverse=True)
    size = len(keys)
    tally = np.stack([np.bincount(pair, sign == one, size) for one in (-1, 0, 1)], axis=1)
    both = (tally[:, 0] > 0) & (tally[:, 2] > 0)
    by_source, of_source = np.unique(pair * (int(source.max(initial=0)) + 1) + source, return_inverse=True)
    sides = np.stack([np.bincount(of_source, sign == one, len(by_source)) > 0 for one in (-1, 1)], axis=1)
    pair_of = by_source // (int(source.max(initial=0)) + 1)
    within = np.bincount(pair_of, sides.all(axis=1), size) > 0
    # Across sources: one source says the one, another source the other.
    sources_for = [np.bincount(pair_of, sides[:, side], size) for side in (0, 1)]
    one_of_each = np.bincount(pair_of, sides.all(axis=1), size)
    across = both & (sources_for[0] * sources_for[1] > one_of_each)
    block_of_pair = np.zeros(size, dtype=np.int64)
    block_of_pair[pair] = block
    lead = np.sign(tally[:, 2] - tally[:, 0])
    blocks, cyclic, triangles = _find_cycles(keys // width, keys % width, lead, block_of_pair)
    return Contradictions(
        size,
        int((tally.sum(axis=1) > 1).sum()),
        int((tally[:, 1] > 0).sum()),
        int(both.sum()),
        int(within.sum()),
        int(across.sum()),
        keys[both],
        blocks,
        len(cyclic),
        triangles,
        cyclic,
    )


def _find_cycles(first: Ints, second: Ints, lead: Floats, block: Ints) -> tuple[int, Ints, int]:
    """Returns the number of blocks with three compared answers, the cyclic ones, and the number of triangles.

    A block is cyclic if answers beat each other in a circle of any length: a strongly connected part of several.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    if not len(first):
        return 0, np.zeros(0, dtype=np.int64), 0
    answers, code = np.unique(np.concatenate([first, second]), return_inverse=True)
    one, two = code[: len(first)], code[len(first) :]
    of_answer = np.zeros(len(answers), dtype=np.int64)
    of_answer[one], of_answer[two] = block, block
    _, per_block = np.unique(of_answer, return_counts=True)
    winner, loser = np.where(lead > 0, one, two)[lead != 0], np.where(lead > 0, two, one)[lead != 0]
    graph = coo_matrix((np.ones(len(winner), dtype=np.int64), (winner, loser)), shape=(len(answers),) * 2).tocsr()
    _, label = connected_components(graph, directed=True, connection="strong")
    is_in_cycle = np.bincount(label)[label] > 1
    triangles = int((graph @ graph).multiply(graph.T).sum()) // 3
    return int((per_block >= 3).sum()), np.unique(of_answer[is_in_cycle]), triangles
