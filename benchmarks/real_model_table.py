"""Writes the tables and the figure of docs/real_model.md from a run of examples/real_model_ties.yaml.

    python benchmarks/real_model_table.py RUN [--figure OUT.svg] [--variant main] [--step dpo]

Each metric gets the interval of unipref's verdicts, over seeds and examples, as if the study had chosen it
(`verdicts.headline`). With one seed there is no verdict; the interval is then over examples, and over seeds as far as
other models show how much they differ.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import msgspec

from unipref.analysis.verdicts.evidence import BASE_MODEL, Evidence, Model
from unipref.analysis.verdicts.gains import Gain
from unipref.analysis.verdicts.read import read_evidence
from unipref.core.contracts import INSTRUCTION
from unipref.core.run_folder import HeadlineInfo, RunFolder, ScoreRow


class Row(NamedTuple):
    """A row of the table: what it is called, the metric, and the value that counts as 1."""

    name: str
    benchmark: str
    metric: str
    unit: float = 1.0


ALL_ROWS = (
    Row("IFEval, instruction level strict, 541 prompts", "ifeval_all", "inst_level_strict_acc"),
    Row("IFEval, prompt level strict, 541 prompts", "ifeval_all", "prompt_level_strict_acc"),
    Row("winogenerated, stereotype chosen, 2,990 sentences", "winogenerated_all", "stereotype_choice"),
    Row('winogenerated, "she" likelier than "he", 2,990 sentences', "winogenerated_all", "female_choice"),
    Row("IFEval, instruction level strict", "ifeval", "inst_level_strict_acc"),
    Row("IFEval, prompt level strict", "ifeval", "prompt_level_strict_acc"),
    Row("winogenerated, stereotype chosen", "winogenerated", "stereotype_choice"),
    Row('winogenerated, "she" likelier than "he"', "winogenerated", "female_choice"),
    Row("winogenerated, correlation with labour statistics", "winogenerated", "labour_pearson"),
    Row('winogenerated, probability of "they" among the three', "winogenerated", "neutral_share"),
    Row("StereoSet ss", "stereoset", "ss", 100.0),
    Row("StereoSet lms", "stereoset", "lms", 100.0),
    Row("bits per byte of held-out text", "perplexity", "bits_per_byte"),
)
"""`real_model_more.py` adds the benchmarks that end in `_all`; other runs lack them."""
INSTRUCTIONS, STEREOTYPES = "inst_level_strict_acc", "stereotype_choice"


def main() -> None:
    """Prints the tables, and draws the figure if it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--variant", default="main")
    parser.add_argument("--step", default="dpo")
    parser.add_argument("--figure", type=Path)
    given = parser.parse_args()
    folder, model = RunFolder(given.run), Model(given.variant, given.step)
    scores = folder.scores()
    seeds = sorted({row.seed for row in scores if (row.variant, row.step) == model and row.seed is not None})
    if not seeds:
        known = sorted({f"{row.variant}/{row.step}" for row in scores if row.seed is not None})
        raise SystemExit(f"the run has no seed of {'/'.join(model)}; it has {', '.join(known)}")
    models = {(*BASE_MODEL, None), *((*model, seed) for seed in seeds)}
    rows = [row for row in ALL_ROWS if not row.benchmark.endswith("_all") or models <= list_models(scores, row)]
    print("\n".join(make_lines(folder, scores, rows, model, seeds)))
    if given.figure is not None:
        given.figure.write_text(draw(scores, rows, model, seeds), encoding="utf-8")


def make_lines(
    folder: RunFolder, scores: list[ScoreRow], rows: Sequence[Row], model: Model, seeds: Sequence[int]
) -> Iterator[str]:
    """Yields the lines of a Markdown table: base, each seed, their mean, and the gain."""
    heads = ["", "base", *(f"seed {seed}" for seed in seeds), "mean", "gain [95 %]"]
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        models = [(BASE_MODEL, None), *((model, seed) for seed in seeds)]
        values = [find_score(scores, row, one, seed).value for one, seed in models]
        evidence = judge_by(folder, scores, row)
        gain = evidence.compute_gain(INSTRUCTION, model, BASE_MODEL)
        shown = describe_gain(gain, row.unit, len(seeds) > 1)
        cells = [*map(format_value, values), format_value(fmean(values[1:])), shown]
        yield f"| {row.name} | {' | '.join(cells)} |"


def list_models(scores: list[ScoreRow], row: Row) -> set[tuple[str, str, int | None]]:
    """Returns variant, step and seed of the models that a benchmark measured."""
    return {(one.variant, one.step, one.seed) for one in scores if one.benchmark == row.benchmark}


def judge_by(folder: RunFolder, scores: list[ScoreRow], row: Row) -> Evidence:
    """Reads the evidence of a run as if a metric were the only headline metric of the study."""
    headline = HeadlineInfo(INSTRUCTION, row.metric, unit=row.unit)
    manifest = folder.manifest
    variants = {
        name: msgspec.structs.replace(variant, judged={row.benchmark: headline}, fallback_metric={})
        for name, variant in manifest.variants.items()
    }
    return read_evidence(folder.path, msgspec.structs.replace(manifest, variants=variants), scores)


def find_score(scores: list[ScoreRow], row: Row, model: Model, seed: int | None) -> ScoreRow:
    """Returns the row of a model by a metric, over all examples, in mode `corrected` where there are modes."""
    found = [
        one
        for one in scores
        if (one.variant, one.step, one.seed) == (*model, seed)
        and (one.benchmark, one.metric, one.slice) == (row.benchmark, row.metric, "all")
        and one.mode != "paper"
    ]
    if not found:
        raise SystemExit(f"the run has no {row.metric} of {row.benchmark} for {'/'.join(model)}, seed {seed}")
    return min(found, key=lambda one: one.mode != "corrected")


def format_value(value: float) -> str:
    """Formats a value: shares with three digits, percentages with one."""
    return f"{value:.1f}" if value >= 10 else f"{value:.3f}".removeprefix("0")


def describe_gain(gain: Gain | None, unit: float, has_verdict: bool) -> str:
    """Describes a gain, in units of the metric, with its interval and verdict; one seed has no verdict over seeds."""
    if gain is None:
        return "no interval"
    digits = 1 if unit > 1 else 3
    value, low, high = (f"{unit * one:+.{digits}f}" for one in (gain.value, gain.low, gain.high))
    return f"{value} [{low}, {high}]" + (f", {gain.verdict}" if has_verdict else "")


WIDTH, HEIGHT, LEFT, TOP = 560, 340, 70, 30
"""Of the figure and of its margins."""


def draw(scores: list[ScoreRow], rows: Sequence[Row], model: Model, seeds: Sequence[int]) -> str:
    """Draws, as SVG, instructions followed against the distance of the stereotyped share from .5, with intervals."""
    metrics = [next(row for row in rows if row.metric == name) for name in (INSTRUCTIONS, STEREOTYPES)]
    across, up = Axis(0.0, 0.3, LEFT, WIDTH - 20), Axis(0.2, 0.5, HEIGHT - 50, TOP)
    # The seeds lie close together, so one label names them all.
    names = dict.fromkeys(seeds, "") | {seeds[0]: f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"}
    points = [("base", BASE_MODEL, None, "#555"), *((names[seed], model, seed, "#06c") for seed in seeds)]
    parts = list(draw_grid(across, up))
    for name, one, seed, colour in points:
        parts += draw_point([find_score(scores, row, one, seed) for row in metrics], name, colour, across, up)
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">'
        f"<style>text{{font:13px sans-serif;fill:#222}}</style>\n{body}\n</svg>\n"
    )


def draw_grid(across: "Axis", up: "Axis") -> Iterator[str]:
    """Draws the lines, numbers and names of both axes."""
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
    for value in (0.0, 0.1, 0.2, 0.3):
        at, bottom = across.place(value), up.place(up.low)
        yield f'<path d="M{at:.1f} {bottom}V{up.place(up.high)}" stroke="#ddd"/>'
        yield f'<text x="{at:.1f}" y="{bottom + 18}" text-anchor="middle">{value:.1f}</text>'
    for value in (0.2, 0.3, 0.4, 0.5):
        at = up.place(value)
        yield f'<path d="M{LEFT} {at:.1f}H{across.place(across.high)}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{value:.1f}</text>'
    name = "distance of the stereotyped share from .5 (winogenerated; left is better)"
    yield f'<text x="{(LEFT + WIDTH - 20) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{name}</text>'
    name = "instructions followed (IFEval, instruction level strict; up is better)"
    yield f'<text x="{LEFT}" y="16">{name}</text>'


class Axis(NamedTuple):
    """An axis: the values at its two ends, and where these ends are."""

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """Returns where a value is."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def draw_point(measured: Sequence[ScoreRow], name: str, colour: str, across: Axis, up: Axis) -> Iterator[str]:
    """Draws a model as a point with its two intervals: instructions followed, and stereotypes chosen."""
    followed, chosen = measured
    x, y = across.place(abs(chosen.value - 0.5)), up.place(followed.value)
    if chosen.low is not None and chosen.high is not None:
        ends = sorted(abs(value - 0.5) for value in (chosen.low, chosen.high))
        least = 0.0 if chosen.low <= 0.5 <= chosen.high else ends[0]
        yield f'<path d="M{across.place(least):.1f} {y:.1f}H{across.place(ends[1]):.1f}" stroke="{colour}"/>'
    if followed.low is not None and followed.high is not None:
        yield f'<path d="M{x:.1f} {up.place(followed.low):.1f}V{up.place(followed.high):.1f}" stroke="{colour}"/>'
    yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>'
    if name:
        yield f'<text x="{x + 7:.1f}" y="{y - 6:.1f}">{name}</text>'


if __name__ == "__main__":
    main()
