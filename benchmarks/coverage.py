"""Coverage of the 95 % intervals: how often they hold the true value, and how wide they are, before and now.

    python benchmarks/coverage.py           # prints the tables
    python benchmarks/coverage.py --write   # also puts them into docs/verdicts.md

Before: the percentile bootstrap over examples, and for several seeds the one over seeds and examples with Student's t.
Independent shares are computed exactly, by the binomial distribution; the rest is simulated with a fixed seed.
"""

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from page_parts import replace_part
from unipref.core.stats import intervals
from unipref.core.stats.bootstrap import paired_interval
from unipref.core.stats.clusters import Grouping
from unipref.core.stats.seeds import SeedVariance, combine, variance_between

Floats = npt.NDArray[np.float64]
Row = tuple[str, float, float, float, float]
"""What is estimated; coverage and mean width before; coverage and mean width now."""

PAGE = Path(__file__).parents[1] / "docs" / "verdicts.md"
BEGIN, END = "<!-- coverage: begin -->", "<!-- coverage: end -->"
SHARES, SIZES = (0.004, 0.1, 0.5, 0.98), (20, 100, 900)
CORRELATION = 0.3
"""Correlation of answers within a cluster: as in the built-in world's kinds of instruction and referents."""
REPEATS, SEED = 1000, 20261128


def measure_shares() -> Iterator[Row]:
    """Yields the exact coverage for shares of independent answers."""
    from scipy.stats import binom

    for p in SHARES:
        for n in SIZES:
            hits = np.arange(n + 1)
            chance = binom.pmf(hits, n, p)
            old = binom.ppf([[0.025], [0.975]], n, hits / n) / n
            units = np.arange(n)
            grouping = Grouping.of([str(unit) for unit in units])
            new = np.array(
                [_interval_of((units < k).astype(np.float64), grouping, n) for k in hits if chance[k] > 1e-7]
            )
            kept = chance > 1e-7
            yield (
                f"share {p:g}, n = {n}",
                *_weigh(old[0][kept], old[1][kept], chance[kept], p),
                *_weigh(new[:, 0], new[:, 1], chance[kept], p),
            )


def _weigh(low: Floats, high: Floats, chance: Floats, truth: float) -> tuple[float, float]:
    """Returns coverage and mean width."""
    holds = (low <= truth) & (truth <= high)
    return float((chance * holds).sum()), float((chance * (high - low)).sum())


def _interval_of(values: Floats, grouping: Grouping, trials: int | None) -> tuple[float, float]:
    bounds = None if trials is None else (0.0, 1.0)
    found = intervals.estimate(values, lambda means: means, grouping, bounds, trials)
    return (math.nan, math.nan) if found.low is None or found.high is None else (found.low, found.high)


def measure_clusters(repeats: int, seed: int = SEED) -> Iterator[Row]:
    """Yields the coverage for shares and means of examples in clusters."""
    rng = np.random.default_rng(seed)
    size = 20
    for count in (12, 27, 72):
        grouping = Grouping.of([str(i) for i in range(count * size)], [str(i // size) for i in range(count * size)])
        for p in (0.1, 0.5, 0.98):
            a, b = (share * (1 / CORRELATION - 1) for share in (p, 1 - p))
            means = np.repeat(rng.beta(a, b, size=(repeats, count)), size, axis=1)
            answers = (rng.random(size=means.shape) < means).astype(np.float64)
            yield (f"share {p:g}, {count} clusters of {size}", *_cover(answers, grouping, p, answers.shape[1]))
        effects = np.repeat(rng.normal(size=(repeats, count)) * math.sqrt(CORRELATION), size, axis=1)
        values = effects + rng.normal(size=effects.shape) * math.sqrt(1 - CORRELATION)
        yield (f"mean, {count} clusters of {size}", *_cover(values, grouping, 0.0, None))


def _cover(tables: Floats, grouping: Grouping, truth: float, trials: int | None) -> tuple[float, float, float, float]:
    """Compares the bootstrap over examples, by its normal approximation, with the interval over clusters."""
    n = tables.shape[1]
    middle, half = tables.mean(axis=1), 1.96 * tables.std(axis=1) / math.sqrt(n)
    equal = np.full(len(tables), 1 / len(tables))
    new = np.array([_interval_of(table, grouping, trials) for table in tables])
    return (*_weigh(middle - half, middle + half, equal, truth), *_weigh(new[:, 0], new[:, 1], equal, truth))


def measure_seeds(repeats: int, seed: int = SEED, arms: int = 12, with_old: bool = True) -> Iterator[Row]:
    """Yields the coverage for differences of two models, paired by seed and example."""
    rng = np.random.default_rng(seed)
    count, size = 27, 6
    grouping = Grouping.of([str(i) for i in range(count * size)], [str(i // size) for i in range(count * size)])
    spreads = {
        "equal seeds' spread": np.full(arms, 0.04),
        "unequal seeds' spread": 0.04 * np.exp(np.linspace(-0.7, 0.7, arms)),
    }
    for name, spread in spreads.items():
        for seeds in (2, 3, 5):
            found = [_compare_arms(rng, spread, seeds, grouping, size, with_old) for _ in range(repeats)]
            old, new = (np.concatenate([one[at] for one in found]) for at in (0, 1))
            before = _weigh(old[:, 0], old[:, 1], np.full(len(old), 1 / len(old)), 0.0) if with_old else (math.nan,) * 2
            now = _weigh(new[:, 0], new[:, 1], np.full(len(new), 1 / len(new)), 0.0)
            yield (f"paired difference, {seeds} seeds, {name}", *before, *now)


def _compare_arms(
    rng: np.random.Generator, spread: Floats, seeds: int, grouping: Grouping, size: int, with_old: bool
) -> tuple[Floats, Floats]:
    """Simulates equal arms and the base model, and returns the intervals of three arms' gains, before and now."""
    n, count, arms = len(grouping.members[0]), grouping.count, len(spread)
    effects = np.repeat(0.08 * rng.normal(size=(arms, 1, count)), size, axis=2)
    interaction = np.repeat(0.04 * rng.normal(size=(arms, seeds, count)), size, axis=2)
    gains = (
        effects + interaction + spread[:, None, None] * rng.normal(size=(arms, seeds, 1))
        + 0.3 * rng.normal(size=(arms, seeds, n))
    )  # fmt: skip
    figures = gains.mean(axis=2)
    pool = SeedVariance.fit(*zip(*(variance_between(one) for one in figures), strict=True))
    old, new = [], []
    for arm in (0, arms // 2, arms - 1):
        terms = (gains[arm] - figures[arm][:, None]) / n
        new.append(combine(figures[arm], terms, grouping, pool).interval((-1.0, 1.0)))
        if with_old:
            old.append(paired_interval(gains[arm], resamples=500, student=True, seed=int(rng.integers(1 << 30))))
    return np.array(old), np.array(new)


def render(rows: list[Row]) -> list[str]:
    """Renders the rows as a Markdown table."""
    lines = ["| estimated | coverage before | width before | coverage now | width now |", "|---|---:|---:|---:|---:|"]
    cells = ((name, *("–" if value != value else f"{value:.3f}" for value in values)) for name, *values in rows)
    return lines + [f"| {' | '.join(row)} |" for row in cells]


def main() -> None:
    """Measures and prints the coverage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    options = parser.parse_args()
    few = max(options.repeats // 4, 1)
    rows = [*measure_shares(), *measure_clusters(options.repeats), *measure_seeds(few)]
    lines = [
        f"Shares: exact. Clusters: {options.repeats} draws. Differences: {few} studies of 3 arms.",
        "",
        *render(rows),
    ]
    print("\n".join(lines))
    if options.write:
        replace_part(PAGE, BEGIN, END, lines)


if __name__ == "__main__":
    main()
