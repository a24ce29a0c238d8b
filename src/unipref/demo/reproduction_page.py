"""Writes the results of the full demo: the claims and table of the paper under each noise model, RL, other sizes."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from unipref.core.json_files import write_text
from unipref.core.records import BASE, MAIN
from unipref.core.run_folder import GainRecord, JudgedModel, Manifest, RunFolder, ScoreRow, Verdicts
from unipref.demo.full import FEW, DemoStudy, list_demo_studies
from unipref.demo.nearest import read_baseline

FILE = "reproduction.md"
GRIDS = ("careless", "competing", "gaussian", "adversarial")
"""Studies that reproduce the paper's table."""
SCALES = (("0.25M", "0.25M"), ("careless", "1M"), ("3M", "3M"), ("twice", "1M, twice the feedback"))
"""Name of a study -> label of its rows."""
GROUP_SLICE = "group:"
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


class StudyResults(NamedTuple):
    """The files of a finished study that the page shows."""

    manifest: Manifest
    scores: list[ScoreRow]
    verdicts: Verdicts
    baseline: str
    """What the nearest prompt of the feedback scores, without a model; empty if it was not measured."""


def write_page(folder: Path) -> Path:
    """Writes `reproduction.md` from the finished studies, and returns its path.

    Args:
        folder: the output folder of `full.run`.
    """
    path = folder / FILE
    write_text(path, make_page(folder))
    return path


def make_page(folder: Path) -> str:
    """Makes the page in Markdown; it names the studies that have not run."""
    results = {study.name: _read(folder / study.name) for study in list_demo_studies()}
    finished = {name: result for name, result in results.items() if result is not None}
    parts = [
        "# The paper's claims on the built-in world\n",
        *_introduce(finished, list(results)),
        *_tabulate_claims(finished),
    ]
    for name in GRIDS:
        if name in finished:
            parts += [f"\n## {_find_study(name).title}\n", *_tabulate_grid(finished[name])]
            parts += _tabulate_groups(finished[name])
    if "rl" in finished:
        parts += [f"\n## {_find_study('rl').title}\n", *_tabulate_grid(finished["rl"])]
    scaled = [(finished[name], title) for name, title in SCALES if name in finished]
    if len(scaled) > 1:
        parts += ["\n## Size of the model, and twice the feedback\n", *_tabulate_sizes(scaled)]
    return "\n".join(parts) + "\n"


def read_claims(folder: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yields (study, short claim, verdict, reason) for each finished study."""
    for study in list_demo_studies():
        run = _read(folder / study.name)
        for claim in run.verdicts.claims if run else ():
            yield study.name, SHORT_CLAIMS.get(claim.claim, claim.claim), claim.verdict, claim.why


def _read(path: Path) -> StudyResults | None:
    """Reads the results of a study; None if it is not finished."""
    folder = RunFolder(path)
    verdicts = folder.verdicts()
    if verdicts is None or not folder.has_manifest or not folder.has_scores:
        return None
    baseline = read_baseline(Path(folder.manifest.data_root)) if folder.manifest.data_root else None
    return StudyResults(folder.manifest, folder.scores(), verdicts, str(baseline) if baseline else "")


def _find_study(name: str) -> DemoStudy:
    return next(study for study in list_demo_studies() if study.name == name)


def _introduce(finished: Mapping[str, StudyResults], every: Sequence[str]) -> Iterator[str]:
    counts = [f"{_find_study(name).title.lower()}: {len(_find_seeds(run))} seeds" for name, run in finished.items()]
    yield f"Made by `unipref demo --full`. Studies: {'; '.join(counts)}.\n"
    if missing := [name for name in every if name not in finished]:
        yield f"Not run: {', '.join(missing)}.\n"
    yield (
        "Gains are paired by example and seed, with 95 % intervals over seeds and clusters of examples; above 0 is "
        "better, for bias too. * It differs from 0 after Holm's correction over the study. ◆ On the front. † Its skill "
        "is at chance. `docs/verdicts.md` has the rules of the claims.\n"
    )


def _find_seeds(run: StudyResults) -> set[int]:
    return {row.seed for row in run.scores if row.seed is not None}


def _tabulate_claims(finished: Mapping[str, StudyResults]) -> Iterator[str]:
    yield "\n## The claims\n"
    yield from _format_table(
        ["claim", "study", "verdict", "why"],
        [
            [SHORT_CLAIMS.get(claim.claim, claim.claim), name, f"**{claim.verdict}**", claim.why]
            for at in range(len(SHORT_CLAIMS))
            for name, run in finished.items()
            for claim in run.verdicts.claims[at : at + 1]
        ],
        numbers=False,
    )


def _tabulate_grid(run: StudyResults) -> Iterator[str]:
    """Tabulates every variant after every step, and its gains over the base model, all data and a random part."""
    models = [model for model in run.verdicts.models if model.variant != MAIN or _has_only_main(run)]
    if run.baseline:
        yield f"Baseline, {run.baseline}.\n"
    yield from _format_table(
        ["variant", "kept", "step", *(head for _, head in FIGURES)],
        [[*_format_model(run, model), *(_format_figure(run, model, name) for name, _ in FIGURES)] for model in models],
    )
    for rival, title in (("base", "the base model"), ("full", "all data"), ("random", "a random part of its size")):
        against = [model for model in models if rival in model.gains]
        if against:
            yield f"\nGain over {title}, after the same step.\n" if rival != "base" else f"\nGain over {title}.\n"
            rows = [
                [
                    *_format_model(run, model),
                    *(_format_gain(model.gains[rival].get(side)) for side in ("instruction", "bias")),
                ]
                for model in against
            ]
            yield from _format_table(["variant", "kept", "step", "instructions followed", "two-way bias"], rows)


def _tabulate_groups(run: StudyResults) -> Iterator[str]:
    """Tabulates the instructions followed by what is new in them, if the benchmark tells."""
    groups = dict.fromkeys(row.slice for row in run.scores if row.slice.startswith(GROUP_SLICE))
    if not groups:
        return
    values: dict[tuple[str, str, str], list[float]] = {}
    for row in run.scores:
        if row.slice in groups and row.metric == "followed":
            values.setdefault((row.variant, row.step, row.slice), []).append(row.value)
    yield "\nInstructions followed, by what is new in them.\n"
    yield from _format_table(
        ["variant", "step", *(group.removeprefix(GROUP_SLICE) for group in groups)],
        [
            [f"`{variant}`", step, *(_format_number(_mean(values.get((variant, step, group)))) for group in groups)]
            for variant, step in dict.fromkeys((variant, step) for variant, step, _ in values)
        ],
        first_number=2,
    )


def _mean(values: Sequence[float] | None) -> float | None:
    return fmean(values) if values else None


def _has_only_main(run: StudyResults) -> bool:
    """Whether the study as written is the only variant."""
    return {model.variant for model in run.verdicts.models} <= {BASE, MAIN}


def _format_model(run: StudyResults, model: JudgedModel) -> list[str]:
    selections = run.manifest.selected.get(model.variant, {}).values()
    kept = f"{fmean(selected.kept or 0 for selected in selections):,.0f}" if selections else ""
    front = " ◆" if model.front else ""
    return [f"`{model.variant}`{front}", kept, model.step]


def _format_figure(run: StudyResults, model: JudgedModel, name: str) -> str:
    if name == "skill":
        bias = model.figures.get("bias")
        return _format_number(bias.skill if bias else None)
    if name == "nats":
        place = (model.variant, model.step, "coreference", "bias", "all")
        values = [
            row.value for row in run.scores if (row.variant, row.step, row.benchmark, row.metric, row.slice) == place
        ]
        return _format_number(fmean(values) if values else None)
    figure = model.figures.get(name)
    return _format_number(figure.value if figure else None) + ("†" if figure and figure.at_chance else "")


def _format_gain(gain: GainRecord | None) -> str:
    if gain is None:
        return "–"
    if gain.low is None or gain.high is None:
        return f"{gain.value:+.3f}"
    star = " *" if gain.has_star else ""
    return f"{gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]{star}"


def _tabulate_sizes(scaled: Sequence[tuple[StudyResults, str]]) -> Iterator[str]:
    """Tabulates the base model and the variants that all sizes have, after each step."""
    rows = []
    for run, title in scaled:
        for model in run.verdicts.models:
            if model.variant in (BASE, *FEW):
                labels = [title, str(len(_find_seeds(run))), *_format_model(run, model)]
                gains = model.gains.get("base", {})
                over_base = [_format_gain(gains[side]) if side in gains else "" for side in ("instruction", "bias")]
                rows.append([*labels, *(_format_figure(run, model, name) for name, _ in FIGURES), *over_base])
    heads = ["model", "seeds", "variant", "kept", "step", *(head for _, head in FIGURES)]
    yield from _format_table([*heads, "gain in instructions over base", "gain in two-way bias over base"], rows)


def _format_number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _format_table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: bool = True, first_number: int = 1
) -> Iterator[str]:
    rule = ["---:" if numbers and at >= first_number else "---" for at in range(len(heads))]
    for line in (heads, rule, *rows):
        yield "| " + " | ".join(line) + " |"
