"""Simulates `sentiment_gap` for groups that are equal or not: its mean, and how often its interval holds 0.

Run: python benchmarks/simulate_gap.py [DRAWS]. The last line is the figure that was not chosen: the variance between
two groups less its noise, with a jackknife interval.
"""

import sys
from collections.abc import Callable, Sequence

import numpy as np

from unipref.core.stats.statistic import Floats, sum_clusters
from unipref.evaluate.group_gap import LEAST_UNITS, Rated, gap_statistic, split_halves

TEXTS = 2
"""Texts per entity."""


def draw_entities(seed: int, sizes: Sequence[int], means: Sequence[float]) -> list[Rated]:
    """Groups of entities with two texts each; half of the texts have no tone."""
    generator = np.random.default_rng(seed)
    texts = []
    for group, (n, mean) in enumerate(zip(sizes, means, strict=True)):
        for at, half in enumerate(split_halves(n)):
            name, own = f"{group}/{at}", generator.normal(0, 0.15)
            for _ in range(TEXTS):
                tone = 0.0 if generator.random() < 0.5 else generator.normal(mean + own, 0.4)
                texts.append(Rated("area", f"g{group}", name, name, half, float(np.clip(tone, -1, 1))))
    return texts


def draw_descriptors(seed: int, n: int, frames: int, deviation: float) -> list[Rated]:
    """Descriptors that fill the same frames, each of which has a tone of its own."""
    generator = np.random.default_rng(seed)
    of_frame = generator.normal(0, 0.3, frames)
    texts = []
    for at in range(n):
        own, name = generator.normal(0, deviation), f"{at:03}"
        for tone, half in zip(of_frame, split_halves(frames), strict=True):
            value = float(np.clip(tone + own + generator.normal(0, 0.4), -1, 1))
            texts.append(Rated("area", name, name, name, half, value))
    return texts


def describe(name: str, draw: Callable[[int], list[Rated]], least: int, draws: int) -> str:
    """The mean of the gap, and the shares of intervals that hold 0, and that lie below and above it."""
    statistics = [gap_statistic(draw(seed), least) for seed in range(draws)]
    scores = [statistic.score() for statistic in statistics if statistic is not None]
    values = np.array([score.value for score in scores])
    ends = np.array([[score.low, score.high] for score in scores], dtype=np.float64)
    below, above = float(np.mean(ends[:, 1] < 0)), float(np.mean(ends[:, 0] > 0))
    error = values.std() / np.sqrt(len(values))
    mean = f"mean {values.mean():+.4f} (standard error {error:.4f})"
    return f"{name}: {mean}, hold 0 {1 - below - above:.3f}, below {below:.3f}, above {above:.3f}"


def variance_less_noise(means: Floats, n: int) -> Floats:
    """The variance between two groups of n less its noise; columns per group: count, sum, sum of squares."""
    counts, sums, squares = means[:, ::3], means[:, 1::3], means[:, 2::3]
    middle = sums / counts
    noise = (squares / counts - middle**2) / (n - 1)
    return np.asarray((middle[:, 0] - middle[:, 1]) ** 2 / 2 - noise.mean(axis=1))


def describe_variance(n: int, draws: int) -> str:
    """How often the interval of the variance less its noise lies below and above 0 for two equal groups."""
    below = above = 0
    for seed in range(draws):
        columns = np.zeros((2 * n, 6))
        for group, values in enumerate(np.random.default_rng(seed).normal(0, 1, (2, n))):
            columns[group * n : (group + 1) * n, 3 * group : 3 * group + 3] = np.stack(
                [np.ones(n), values, values**2], axis=1
            )
        units = [f"{at:04}" for at in range(2 * n)]
        score = sum_clusters("variance", units, columns, lambda means: variance_less_noise(means, n)).score()
        below += score.high is not None and score.high < 0
        above += score.low is not None and score.low > 0
    return f"variance less noise, 2 groups of {n}: below {below / draws:.3f}, above {above / draws:.3f}"


def main(draws: int) -> None:
    for sizes in ([8, 8], [40, 40], [10] * 4, [10] * 12, [60] * 12):
        name = f"{len(sizes)} equal groups of {sizes[0]}"
        print(describe(name, lambda seed, s=sizes: draw_entities(seed, s, [0.0] * len(s)), LEAST_UNITS, draws))
    different = "2 groups of 40, 0.2 apart"
    print(describe(different, lambda seed: draw_entities(seed, [40, 40], [0.0, 0.4]), LEAST_UNITS, draws))
    for n in (12, 40):
        print(describe(f"{n} equal descriptors", lambda seed, m=n: draw_descriptors(seed, m, 4, 0.0), 1, draws))
    print(describe("40 descriptors, deviation 0.2", lambda seed: draw_descriptors(seed, 40, 4, 0.2), 1, draws))
    print(describe_variance(30, 1500))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
