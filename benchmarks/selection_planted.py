"""What each strategy keeps of synthetic data with known topics, wrong labels and copies.

    python benchmarks/selection_planted.py [--worlds 5] [--rows 5000] [--timed 5000 50000]

Prints the two tables of docs/selection.md: purity and coverage against `random`, and seconds. It trains no model.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from unipref.core import registry
from unipref.core.candidates import Candidates
from unipref.core.contracts import Strategy
from unipref.core.records import preference_schema
from unipref.core.stats.percentiles import percentiles_within
from unipref.core.text_keys import digest
from unipref.select.candidates import read_candidates

TOPICS = 24
"""Topics of prompts; the k-th is 1/k as frequent as the first."""
NOISY = (1, 4, 7, 10, 13, 16, 19, 22)
"""Topics whose raters are careless."""
SPREAD, CARELESS = 0.35, 0.9
"""Standard deviation of the error of raters, and of careless raters, around a true gap in (0, 1)."""
COPIES = 0.25
"""Share of prompts that copy another one with one word changed; prompts with a wide true gap are copied most."""
WORDS_OF_TOPIC, WORDS_OF_ALL = 40, 60
STRATEGIES: dict[str, tuple[str, dict[str, Any]]] = {
    "random": ("random", {}),
    "quality": ("quality", {}),
    "cluster_quality": ("cluster_quality", {}),
    "cluster_quality, 24 clusters": ("cluster_quality", {"clusters": TOPICS}),
    "quality_gate": ("quality_gate", {}),
    "quality_gate, 24 clusters": ("quality_gate", {"clusters": TOPICS}),
    "facility_location": ("facility_location", {}),
    "deita": ("deita", {}),
    "deita, distance 0.3": ("deita", {"min_distance": 0.3}),
}
MEASURES = ("filled", "purity", "families", "topics", "copies", "useful")


@dataclass(frozen=True)
class World:
    """Preferences with the truth about each.

    Attributes:
        file: Parquet file of n preferences.
        right: (n,) True if the label is right.
        topic, family: (n,) codes; a family is a prompt and its copies.
    """

    file: Path
    right: npt.NDArray[np.bool_]
    topic: npt.NDArray[np.int64]
    family: npt.NDArray[np.int64]

    def measure(self, kept: npt.NDArray[np.int64], fraction: float) -> dict[str, float]:
        """Measures how good and how varied a selection is.

        Returns:
            `filled`: kept preferences / those that the budget allows. `purity`: share of right labels. `families`:
            different families kept / the most possible. `topics`: exp(entropy of the topics' shares), the effective
            number of topics. `copies`: share of kept preferences beyond the first of each family. `useful`: families
            kept with a right label / the most possible.
        """
        shares = np.bincount(self.topic[kept]) / len(kept)
        shares = shares[shares > 0]
        families = len(np.unique(self.family[kept]))
        most = min(len(kept), len(np.unique(self.family)))
        return {
            "filled": len(kept) / int(fraction * len(self.right) + 0.5),
            "purity": float(self.right[kept].mean()),
            "families": families / most,
            "topics": float(np.exp(-(shares * np.log(shares)).sum())),
            "copies": 1 - families / len(kept),
            "useful": len(np.unique(self.family[kept[self.right[kept]]])) / most,
        }


def build(folder: Path, n: int, seed: int) -> World:
    """Writes a world of n preferences in two sources, 4 to 1."""
    dice = np.random.default_rng(seed)
    topic = dice.choice(TOPICS, n, p=1 / np.arange(1, TOPICS + 1) / (1 / np.arange(1, TOPICS + 1)).sum())
    gap = dice.beta(2, 2, n)
    family = np.arange(n)
    copies = dice.permutation(n)[: int(COPIES * n)]
    originals = np.setdiff1d(np.arange(n), copies)
    drawn = dice.choice(originals, len(copies), p=gap[originals] ** 3 / (gap[originals] ** 3).sum())
    topic[copies], family[copies] = topic[drawn], drawn
    gap[copies] = np.clip(gap[drawn] + 0.05 * dice.normal(size=len(copies)), 0.01, 1)
    seen = gap + np.where(np.isin(topic, NOISY), CARELESS, SPREAD) * dice.normal(size=n)
    source = dice.choice(["big", "small"], n, p=[0.8, 0.2])
    margin = percentiles_within(np.abs(seen), (source == "small").astype(np.int64))
    prompts = _make_prompts(topic, family, copies, dice)
    rows = [
        {
            "id": digest(str(seed), str(i)),
            "prompt": [{"role": "user", "content": prompts[i]}],
            "chosen": [{"role": "assistant", "content": "one answer of a few words"}],
            "rejected": [{"role": "assistant", "content": "another answer"}],
            "source": source[i],
            "kind": "ratings",
            "objective": "instruction",
            "licence": "CC0-1.0",
            "axes": [],
            "margin": None,
            "margin_percentile": margin[i],
            "n_judgements": 1,
            "n_responses": 2,
            "group": digest(prompts[i]),
            "origin": [f"planted:{i + 1}"],
            "extra": "{}",
        }
        for i in range(n)
    ]
    file = folder / f"planted-{n}-{seed}.parquet"
    pq.write_table(pa.Table.from_pylist(rows, preference_schema()), file)
    return World(file, seen > 0, topic, family)


def _make_prompts(
    topic: npt.NDArray[np.int64],
    family: npt.NDArray[np.int64],
    copies: npt.NDArray[np.int64],
    dice: np.random.Generator,
) -> list[str]:
    """Makes prompts of eight words of the topic and four common ones; a copy has one changed word of its topic."""
    n = len(topic)
    own = dice.integers(0, WORDS_OF_TOPIC, (n, 8))
    common = dice.integers(0, WORDS_OF_ALL, (n, 4))
    own[copies], common[copies] = own[family[copies]], common[family[copies]]
    own[copies, dice.integers(0, 8, len(copies))] = dice.integers(0, WORDS_OF_TOPIC, len(copies))
    return [
        " ".join([*(f"t{topic[i]}w{word}" for word in own[i]), *(f"common{word}" for word in common[i])])
        for i in range(n)
    ]


def make_strategy(name: str, fraction: float) -> Strategy:
    """Makes the strategy of a row of the table."""
    choice, settings = STRATEGIES[name]
    strategy = registry.make("strategy", choice, {"fraction": fraction, **settings}, "select")
    assert isinstance(strategy, Strategy)
    return strategy


def compare(worlds: list[World], fraction: float, cache: Path) -> dict[str, dict[str, list[float]]]:
    """Returns strategy -> measure -> its value in each world."""
    values: dict[str, dict[str, list[float]]] = {name: {key: [] for key in MEASURES} for name in STRATEGIES}
    for seed, world in enumerate(worlds):
        candidates = read_candidates(world.file, cache, 4096)
        vectors = candidates.embed("tfidf")
        candidates.embed = lambda embedder, vectors=vectors: vectors
        for name in STRATEGIES:
            kept = make_strategy(name, fraction).select(candidates, seed).kept
            for key, value in world.measure(kept, fraction).items():
                values[name][key].append(value)
    return values


def make_table(by_strategy: dict[str, dict[str, list[float]]], fraction: float) -> str:
    """Renders means over the worlds, with the 95 % interval of the paired difference from `random` in brackets."""
    lines = [f"| {fraction:g} kept | {' | '.join(MEASURES)} |", "|---" * (len(MEASURES) + 1) + "|"]
    for name, values in by_strategy.items():
        cells = []
        for key in MEASURES:
            own, chance = np.array(values[key]), np.array(by_strategy["random"][key])
            cell = f"{own.mean():.3f}" if key != "topics" else f"{own.mean():.1f}"
            if name != "random" and key != "filled":
                low, high = _interval(own - chance)
                digits = 1 if key == "topics" else 3
                cell += f" ({low:+.{digits}f} to {high:+.{digits}f})"
            cells.append(cell)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _interval(differences: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Computes Student's 95 % interval of the mean."""
    from scipy.stats import t

    n = len(differences)
    half = t.ppf(0.975, n - 1) * differences.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
    return float(differences.mean() - half), float(differences.mean() + half)


def measure_seconds(world: World, cache: Path) -> dict[str, float]:
    """Returns strategy -> seconds at 0.4 without embedding; `tfidf` -> seconds of embedding."""
    candidates: Candidates = read_candidates(world.file, cache, 4096)
    start = time.perf_counter()
    vectors = candidates.embed("tfidf")
    seconds = {"tfidf": time.perf_counter() - start}
    candidates.embed = lambda embedder: vectors
    for name in STRATEGIES:
        start = time.perf_counter()
        make_strategy(name, 0.4).select(candidates, 0)
        seconds[name] = time.perf_counter() - start
    return seconds


def main() -> None:
    """Builds the worlds and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--timed", type=int, nargs="*", default=[5000, 50_000])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        worlds = [build(folder, args.rows, seed) for seed in range(args.worlds)]
        wrong = np.mean([1 - world.right.mean() for world in worlds])
        print(f"{args.worlds} worlds of {args.rows:,} preferences, {wrong:.1%} of the labels wrong\n")
        for fraction in (0.2, 0.4):
            print(make_table(compare(worlds, fraction, folder), fraction) + "\n")
        timings = {n: measure_seconds(build(folder, n, 0), folder) for n in args.timed}
        if timings:
            print(f"| seconds | {' | '.join(f'{n:,} candidates' for n in timings)} |\n{'|---' * (len(timings) + 1)}|")
            for name in ("tfidf", *STRATEGIES):
                print(f"| {name} | {' | '.join(f'{timings[n][name]:.2f}' for n in timings)} |")


if __name__ == "__main__":
    main()
