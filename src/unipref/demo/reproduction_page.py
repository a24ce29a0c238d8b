"""Writes the results of the full demo: the paper's claims under each noise model, its table, RL, other sizes."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from unipref.core.json_files import write_text
from unipref.core.records import BASE, MAIN
from unipref.core.run_folder import GainRecord, JudgedModel, Manifest, RunFolder, ScoreRow, Verdicts
from unipref.demo.full import DemoStudy, demo_studies

FILE = "reproduction.md"
GRIDS = ("careless", "gaussian", "adversarial")
"""Studies with the paper's table."""
SCALES = (("0.25M", "0.25M"), ("careless", "1M"), ("3M", "3M"), ("twice", "1M, twice the feedback"))
"""DemoStudy -> how its row is called."""
SCALED = ("combined", "main", "source-dialogues", "source-ratings")
"""`main`, the study as it is written, is trained on the selected part."""
FIGURES = (
    ("instruction", "instructions followed ↑"),
    ("bias", "two-way bias → 0"),
    ("skill", "two-way accuracy ↑"),
    ("nats", "bias, nats ↓"),
)
SHORT_CLAIMS = {
    "Combined feedback improves instruction following and bias at once, one source alone does not": "1 combined",
    "A selected subset matches or beats the full data": "2 selected",
    "RL or DPO adds to SFT": "3 after SFT",
}


class ChapterRun(NamedTuple):
    """What the page shows of a finished study."""

    manifest: Manifest
    scores: list[ScoreRow]
    verdicts: Verdicts


def write(folder: Path) -> Path:
    """Writes `reproduction.md` from the finished studies, and returns its path.

    Args:
        folder: what `full.run` was given.
    """
    path = folder / FILE
    write_text(path, page(folder))
    return path


def page(folder: Path) -> str:
    """The page in Markdown; it names the studies that were not run."""
    runs = {study.name: _read(folder / study.name) for study in demo_studies()}
    done = {name: run for name, run in runs.items() if run is not None}
    parts = ["# The paper's claims on the built-in world\n", *_introduction(done, list(runs)), *_claims(done)]
    for name in GRIDS:
        if name in done:
            parts += [f"\n## {_study_named(name).title}\n", *_grid(done[name])]
    if "rl" in done:
        parts += [f"\n## {_study_named('rl').title}\n", *_grid(done["rl"])]
    scaled = [(done[name], title) for name, title in SCALES if name in done]
    if len(scaled) > 1:
        parts += ["\n## Size of the model, and twice the feedback\n", *_scaling_table(scaled)]
    return "\n".join(parts) + "\n"


def claims(folder: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yields (study, short claim, verdict, reason) for each finished study."""
    for study in demo_studies():
        run = _read(folder / study.name)
        for claim in run.verdicts.claims if run else ():
            yield study.name, SHORT_CLAIMS.get(claim.claim, claim.claim), claim.verdict, claim.why


def _read(path: Path) -> ChapterRun | None:
    """The run of a study, or None if it is not finished."""
    folder = RunFolder(path)
    verdicts = folder.verdicts()
    if verdicts is None or not folder.has_manifest or not folder.has_scores:
        return None
    return ChapterRun(folder.manifest, folder.scores(), verdicts)


def _study_named(name: str) -> DemoStudy:
    return next(study for study in demo_studies() if study.name == name)


def _introduction(done: Mapping[str, ChapterRun], every: Sequence[str]) -> Iterator[str]:
    counts = [f"{_study_named(name).title.lower()}: {len(_seeds(run))} seeds" for name, run in done.items()]
    yield f"Made by `unipref demo --full`. Studies: {'; '.join(counts)}.\n"
    if missing := [name for name in every if name not in done]:
        yield f"Not run: {', '.join(missing)}.\n"
    yield (
        "Gains are paired by example and seed, with 95 % intervals over seeds and examples; above 0 is better, for "
        "bias too. * where the interval excludes 0. ◆ on the front. † at chance. The rules of the claims are in "
        "`docs/verdicts.md`.\n"
    )


def _seeds(run: ChapterRun) -> set[int]:
    return {row.seed for row in run.scores if row.seed is not None}


def _claims(done: Mapping[str, ChapterRun]) -> Iterator[str]:
    yield "\n## The claims\n"
    yield from _table(
        ["claim", "study", "verdict", "why"],
        [
            [SHORT_CLAIMS.get(claim.claim, claim.claim), name, f"**{claim.verdict}**", claim.why]
            for at in range(len(SHORT_CLAIMS))
            for name, run in done.items()
            for claim in run.verdicts.claims[at : at + 1]
        ],
        numbers=False,
    )


def _grid(run: ChapterRun) -> Iterator[str]:
    """Every variant after every step, and its gains over the base model, all data and a random part of its size."""
    models = [model for model in run.verdicts.models if model.variant != MAIN or _has_only_main(run)]
    yield from _table(
        ["variant", "kept", "step", *(head for _, head in FIGURES)],
        [[*_model_cells(run, model), *(_figure(run, model, name) for name, _ in FIGURES)] for model in models],
    )
    for rival, title in (("base", "the base model"), ("full", "all data"), ("random", "a random part of its size")):
        against = [model for model in models if rival in model.gains]
        if against:
            yield f"\nGain over {title}, after the same step.\n" if rival != "base" else f"\nGain over {title}.\n"
            rows = [
                [*_model_cells(run, model), *(_gain(model.gains[rival].get(side)) for side in ("instruction", "bias"))]
                for model in against
            ]
            yield from _table(["variant", "kept", "step", "instructions followed", "two-way bias"], rows)


def _has_only_main(run: ChapterRun) -> bool:
    """Whether the study as written has no variant beside it."""
    return {model.variant for model in run.verdicts.models} <= {BASE, MAIN}


def _model_cells(run: ChapterRun, model: JudgedModel) -> list[str]:
    selections = run.manifest.selected.get(model.variant, {}).values()
    kept = f"{fmean(selected.kept or 0 for selected in selections):,.0f}" if selections else ""
    front = " ◆" if model.front else ""
    return [f"`{model.variant}`{front}", kept, model.step]


def _figure(run: ChapterRun, model: JudgedModel, name: str) -> str:
    if name == "skill":
        bias = model.figures.get("bias")
        return _number(bias.skill if bias else None)
    if name == "nats":
        place = (model.variant, model.step, "coreference", "bias", "all")
        values = [
            row.value for row in run.scores if (row.variant, row.step, row.benchmark, row.metric, row.slice) == place
        ]
        return _number(fmean(values) if values else None)
    figure = model.figures.get(name)
    return _number(figure.value if figure else None) + ("†" if figure and figure.at_chance else "")


def _gain(gain: GainRecord | None) -> str:
    if gain is None or gain.void:
        return "–"
    if gain.low is None or gain.high is None:
        return f"{gain.value:+.3f}"
    clear = " *" if gain.low > 0 or gain.high < 0 else ""
    return f"{gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]{clear}"


def _scaling_table(scaled: Sequence[tuple[ChapterRun, str]]) -> Iterator[str]:
    """The variants that all sizes have, after each step, with the base model before them."""
    rows = []
    for run, title in scaled:
        for model in run.verdicts.models:
            if model.variant in (BASE, *SCALED):
                named = [title, str(len(_seeds(run))), *_model_cells(run, model)]
                gains = model.gains.get("base", {})
                over_base = [_gain(gains[side]) if side in gains else "" for side in ("instruction", "bias")]
                rows.append([*named, *(_figure(run, model, name) for name, _ in FIGURES), *over_base])
    heads = ["model", "seeds", "variant", "kept", "step", *(head for _, head in FIGURES)]
    yield from _table([*heads, "gain in instructions over base", "gain in two-way bias over base"], rows)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: bool = True) -> Iterator[str]:
    rule = ["---:" if numbers and at else "---" for at in range(len(heads))]
    for line in (heads, rule, *rows):
        yield "| " + " | ".join(line) + " |"
