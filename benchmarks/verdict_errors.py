"""How often the verdicts on the three claims are false, on simulated studies whose truth is known.

    python benchmarks/verdict_errors.py           # prints the table
    python benchmarks/verdict_errors.py --write   # also puts it into docs/verdicts.md

A study has a base model, one model on all data, five of single sources, two selected parts and two random ones. Gains,
the spread between seeds and the spread between clusters have the size of those of the built-in world
(`docs/reproduction_tables.md`). The rules, the scenarios and the seed were fixed before the first result was read.
"""

import argparse
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from page_parts import replace_part
from unipref.analysis.verdicts.claims import judge_claims
from unipref.analysis.verdicts.evidence import BASE_MODEL, Evidence, Measured, Model, Side, Variant
from unipref.core.run_folder import PlannedStep
from unipref.core.stats.statistic import Statistic

Floats = npt.NDArray[np.float64]

PAGE = Path(__file__).parents[1] / "docs" / "verdicts.md"
BEGIN, END = "<!-- errors: begin -->", "<!-- errors: end -->"
SEED, REPEATS, SEED_COUNTS = 20261128, 200, (1, 2, 3, 5)
SIDES = {"instruction": Side("instruction", "i", "followed"), "bias": Side("bias", "b", "fair")}
CLUSTERS = {"instruction": (27, 6), "bias": (60, 3)}
"""Clusters of a side, and examples in each."""


class Spread(NamedTuple):
    """Standard deviations on a side.

    Attributes:
        seed: between the seeds of one model, times 0.67 to 1.5 by model.
        trained: between clusters, of what all trained models gain.
        own: between clusters, of what one model gains more than others; interaction: of one seed.
        example: within a cluster.
    """

    seed: float
    trained: float
    own: float
    interaction: float
    example: float


SPREADS = {"instruction": Spread(0.03, 0.2, 0.1, 0.05, 0.3), "bias": Spread(0.03, 0.15, 0.07, 0.04, 0.15)}
SFT, DPO = (
    PlannedStep("sft", "sft", "policy", "base", "demonstrations"),
    PlannedStep("dpo", "dpo", "policy", "sft", "pairs"),
)
SOURCES = ("dialogues", "choices", "ratings", "trees", "thumbs")
Truth = dict[str, tuple[float, float]]
"""Model -> its true figures: instructions followed, and 1 - bias. 'sft' is all data before DPO."""


def make_truth(leak: float = 0.03, **changes: tuple[float, float]) -> Truth:
    """Returns the true figures of a world in which all three claims hold; each source leaks into its other side."""
    base = (0.01, 0.29)
    parts = dict.fromkeys(PARTS, (0.72, 0.89))
    return {
        "base": base,
        "combined": (0.77, 0.95),
        "sft": (0.69, 0.94),
        **dict.fromkeys(SOURCES[:2], (base[0] + leak, 0.94)),
        **dict.fromkeys(SOURCES[2:], (0.65, base[1] + leak)),
        **parts,
        **dict.fromkeys(("random-0.4", "random-0.6"), (0.66, 0.9)),
        **changes,
    }


PARTS = ("selected-0.4", "selected-0.6")
RETAINS = (0.01 + 0.8 * 0.76, 0.29 + 0.8 * 0.66)
"""A part that retains exactly 80 % of the gain of all data on both sides."""
SCENARIOS: dict[str, tuple[Truth, tuple[str, str, str]]] = {
    "all claims hold, each source leaks .03": (make_truth(), ("refuted", "refuted", "refuted")),
    "all data gain nothing in bias, parts retain 80 %, DPO adds nothing": (
        make_truth(
            combined=(0.77, 0.29),
            sft=(0.77, 0.29),
            **dict.fromkeys(PARTS, (RETAINS[0], 0.29)),
        ),
        ("shown", "shown", "shown"),
    ),
    "parts retain 80 % on one side and all on the other": (
        make_truth(sft=(0.77, 0.95), **dict.fromkeys(PARTS, (RETAINS[0], 0.95))),
        ("refuted", "shown", "shown"),
    ),
    "one source gains just the effect, parts retain 80 %, DPO adds .05": (
        make_truth(dialogues=(0.06, 0.94), sft=(0.72, 0.95), **dict.fromkeys(PARTS, RETAINS)),
        ("refuted", "refuted", "refuted"),
    ),
}
"""Name -> the truth, and for each claim the verdict that would be false."""


def simulate(truth: Truth, seeds: int, rng: np.random.Generator) -> Evidence:
    """Draws a study: clusters, models, seeds and examples."""
    measured: dict[str, dict[Model, Measured]] = {}
    trained_models = [name for name in truth if name != "base"]
    places = {name: Model("combined", "sft") if name == "sft" else Model(name, "dpo") for name in trained_models}
    for at, side in enumerate(SIDES):
        (count, size), spread = CLUSTERS[side], SPREADS[side]
        clusters = [f"c{i // size}" for i in range(count * size)]

        def draw(scale: float, *shape: int, _count: int = count, _size: int = size) -> Floats:
            return np.repeat(scale * rng.normal(size=(*shape, _count)), _size, axis=-1)

        base = truth["base"][at] + draw(spread.own) + spread.example * rng.normal(size=count * size)
        trained, models = draw(spread.trained), {BASE_MODEL: Measured({None: _make(base, clusters)})}
        shared_seed, shared_own = spread.seed * rng.normal(size=seeds), draw(spread.own)
        for name, place in places.items():
            own = spread.seed * np.exp(rng.uniform(-0.4, 0.4)) * rng.normal(size=seeds)
            effect = draw(spread.own)
            if name in ("combined", "sft"):
                # DPO starts from SFT of the same seed, so the two models are alike.
                own, effect = 0.8 * shared_seed + 0.6 * own, 0.9 * shared_own + 0.4 * effect
            middle = truth[name][at] + trained + effect
            values = middle + own[:, None] + draw(spread.interaction, seeds)
            values = values + spread.example * rng.normal(size=values.shape)
            models[place] = Measured({seed: _make(values[seed], clusters) for seed in range(seeds)})
        measured[side] = models
    return Evidence(SIDES, measured, _make_variants())


def _make(values: Floats, clusters: list[str]) -> Statistic:
    return Statistic("x", UNITS[: len(values)], values, clusters=clusters, bounds=(-1.0, 1.0))


UNITS = [f"u{i}" for i in range(1000)]


def _make_variants() -> dict[str, Variant]:
    full = Variant("combined", "full", 100.0, "r", (SFT, DPO))
    alone = [Variant(name, "alone", 20.0, "r", (DPO,), ("source", name)) for name in SOURCES]
    parts = [
        Variant(f"{kind}-{share}", kind, 100 * share, "r", (DPO,))
        for kind in ("selected", "random")
        for share in (0.4, 0.6)
    ]
    return {variant.name: variant for variant in (full, *alone, *parts)}


def count_verdicts(truth: Truth, seeds: int, repeats: int, seed: int = SEED) -> list[Counter[str]]:
    """Counts the verdicts on each claim in simulated studies."""
    rng = np.random.default_rng([seed, seeds])
    counts: list[Counter[str]] = [Counter() for _ in range(3)]
    for _ in range(repeats):
        for counter, claim in zip(counts, judge_claims(simulate(truth, seeds, rng)), strict=True):
            counter[claim.verdict] += 1
    return counts


def render(repeats: int, seed_counts: tuple[int, ...] = SEED_COUNTS) -> list[str]:
    """Simulates all scenarios and renders a Markdown table: shares of shown and refuted; the false one in bold."""
    heads = "".join(f" {count} seed{'s' if count > 1 else ''} |" for count in seed_counts)
    lines = [f"{repeats} studies per cell.", "", f"| truth | claim |{heads}", f"|---|---|{'---:|' * len(seed_counts)}"]
    for name, (truth, false) in SCENARIOS.items():
        found = [count_verdicts(truth, seeds, repeats) for seeds in seed_counts]
        for claim in range(3):
            cells = []
            for counts in found:
                shares = {verdict: counts[claim][verdict] / repeats for verdict in ("shown", "refuted")}
                cells.append(" / ".join(f"**{s:.2f}**" if v == false[claim] else f"{s:.2f}" for v, s in shares.items()))
            lines.append(f"| {name if claim == 0 else ''} | {claim + 1} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Simulates and prints the error rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEED_COUNTS))
    options = parser.parse_args()
    lines = render(options.repeats, tuple(options.seeds))
    print("\n".join(lines))
    if options.write:
        replace_part(PAGE, BEGIN, END, lines)


if __name__ == "__main__":
    main()
