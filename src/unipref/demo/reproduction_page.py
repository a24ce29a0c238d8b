"""Writes the results of the full demo: the paper's claims under each noise model, its table, RL, other sizes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from unipref.core.json_files import write_text
from unipref.demo.full import DemoStudy, demo_studies

FILE = "reproduction.md"
GRIDS = ("careless", "gaussian", "adversarial")
"""Studies with the paper's table."""
SCALES = (("0.25M", "0.25M"), ("careless", "1M"), ("3M", "3M"), ("twice", "1M, twice the feedback"))
"""(study, name of its rows)."""
SCALED = ("combined", "main", "source-dialogues", "source-ratings")
"""Variants in the table of sizes; `main`, the study as written, is trained on the selected part."""
FIGURES = (
    ("instruction", "instructions followed ↑"),
    ("bias", "two-way bias → 0"),
    ("beside", "two-way accuracy ↑"),
    ("nats", "bias, nats ↓"),
)
SHORT_CLAIMS = {
    "Combined feedback improves instruction following and bias at once, one source alone does not": "1 combined",
    "A selected subset matches or beats the full data": "2 selected",
    "RL or DPO adds to SFT": "3 after SFT",
}

Record = Mapping[str, Any]


def write(folder: Path) -> Path:
    """Writes `reproduction.md` from the finished studies, and returns its path.

    Args:
        folder: the output folder of `full.run`.
    """
    path = folder / FILE
    write_text(path, page(folder))
    return path


def page(folder: Path) -> str:
    """The page in Markdown; it names the studies that were not run."""
    runs = {study.name: _read(folder / study.name) for study in demo_studies()}
    finished = {name: run for name, run in runs.items() if run is not None}
    parts = ["# The paper's claims on the built-in world\n", *_introduction(finished, list(runs)), *_claims(finished)]
    for name in GRIDS:
        if name in finished:
            parts += [f"\n## {_study_named(name).title}\n", *_grid(finished[name])]
    if "rl" in finished:
        parts += [f"\n## {_study_named('rl').title}\n", *_grid(finished["rl"])]
    scaled_runs = [(finished[name], title) for name, title in SCALES if name in finished]
    if len(scaled_runs) > 1:
        parts += ["\n## Size of the model, and twice the feedback\n", *_scaling_table(scaled_runs)]
    return "\n".join(parts) + "\n"


def claims(folder: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yields (study, short claim, verdict, reason) for each finished study."""
    for study in demo_studies():
        run = _read(folder / study.name)
        for claim in run["verdicts"]["claims"] if run else ():
            yield study.name, SHORT_CLAIMS.get(claim["claim"], claim["claim"]), claim["verdict"], claim["why"]


def _read(run: Path) -> Record | None:
    files = {name: run / f"{name}.json" for name in ("manifest", "scores", "verdicts")}
    if not all(path.is_file() for path in files.values()):
        return None
    return {name: json.loads(path.read_text(encoding="utf-8")) for name, path in files.items()}


def _study_named(name: str) -> DemoStudy:
    return next(study for study in demo_studies() if study.name == name)


def _introduction(finished: Mapping[str, Record], all_names: Sequence[str]) -> Iterator[str]:
    counts = [f"{_study_named(name).title.lower()}: {len(_seeds(run))} seeds" for name, run in finished.items()]
    yield f"Made by `unipref demo --full`. Studies: {'; '.join(counts)}.\n"
    if missing := [name for name in all_names if name not in finished]:
        yield f"Not run: {', '.join(missing)}.\n"
    yield (
        "Gains are paired by example and seed, with 95 % intervals over seeds and examples; above 0 is better, for "
        "bias too. * where the interval excludes 0. ◆ on the front. † at chance. The rules of the claims are in "
        "`docs/verdicts.md`.\n"
    )


def _seeds(run: Record) -> set[Any]:
    return {row["seed"] for row in run["scores"]} - {None}


def _claims(finished: Mapping[str, Record]) -> Iterator[str]:
    yield "\n## The claims\n"
    yield from _table(
        ["claim", "study", "verdict", "why"],
        [
            [SHORT_CLAIMS.get(claim["claim"], claim["claim"]), name, f"**{claim['verdict']}**", claim["why"]]
            for at in range(len(SHORT_CLAIMS))
            for name, run in finished.items()
            for claim in run["verdicts"]["claims"][at : at + 1]
        ],
        numbers=False,
    )


def _grid(run: Record) -> Iterator[str]:
    """Every variant after every step, and its gains over the base model, all data and a random part of its size."""
    models = [model for model in run["verdicts"]["models"] if model["variant"] != "main" or _has_only_main(run)]
    yield from _table(
        ["variant", "kept", "step", *(head for _, head in FIGURES)],
        [[*_model_cells(run, model), *(_figure(run, model, name) for name, _ in FIGURES)] for model in models],
    )
    for rival, title in (("base", "the base model"), ("full", "all data"), ("random", "a random part of its size")):
        against = [model for model in models if rival in model["gains"]]
        if against:
            yield f"\nGain over {title}, after the same step.\n" if rival != "base" else f"\nGain over {title}.\n"
            rows = [
                [
                    *_model_cells(run, model),
                    *(_gain(model["gains"][rival].get(side)) for side in ("instruction", "bias")),
                ]
                for model in against
            ]
            yield from _table(["variant", "kept", "step", "instructions followed", "two-way bias"], rows)


def _has_only_main(run: Record) -> bool:
    """Whether the run has no variants besides `base` and `main`."""
    return {model["variant"] for model in run["verdicts"]["models"]} <= {"base", "main"}


def _model_cells(run: Record, model: Record) -> list[str]:
    chosen = (run["manifest"].get("selected") or {}).get(model["variant"]) or {}
    kept = f"{fmean(one['kept'] for one in chosen.values()):,.0f}" if chosen else ""
    front = " ◆" if model["front"] else ""
    return [f"`{model['variant']}`{front}", kept, model["step"]]


def _figure(run: Record, model: Record, name: str) -> str:
    if name == "beside":
        return _number((model["figures"].get("bias") or {}).get("beside"))
    if name == "nats":
        place = (model["variant"], model["step"], "coreference", "bias", "all")
        keys = ("variant", "step", "benchmark", "metric", "slice")
        values = [row["value"] for row in run["scores"] if tuple(row[key] for key in keys) == place]
        return _number(fmean(values) if values and None not in values else None)
    figure = model["figures"].get(name) or {}
    return _number(figure.get("value")) + ("†" if figure.get("at_chance") else "")


def _gain(gain: Record | None) -> str:
    if gain is None or gain["void"]:
        return "–"
    if gain["low"] is None:
        return f"{gain['value']:+.3f}"
    clear = " *" if gain["low"] > 0 or gain["high"] < 0 else ""
    return f"{gain['value']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]{clear}"


def _scaling_table(scaled: Sequence[tuple[Record, str]]) -> Iterator[str]:
    """The table of the variants that all sizes have, after each step, preceded by the base model."""
    rows = []
    for run, title in scaled:
        for model in run["verdicts"]["models"]:
            if model["variant"] in ("base", *SCALED):
                name_cells = [title, str(len(_seeds(run))), *_model_cells(run, model)]
                gains = (model["gains"].get("base") or {}) if model["gains"] else {}
                gain_cells = [_gain(gains[side]) if side in gains else "" for side in ("instruction", "bias")]
                rows.append([*name_cells, *(_figure(run, model, name) for name, _ in FIGURES), *gain_cells])
    heads = ["model", "seeds", "variant", "kept", "step", *(head for _, head in FIGURES)]
    yield from _table([*heads, "gain in instructions over base", "gain in two-way bias over base"], rows)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: bool = True) -> Iterator[str]:
    rule = ["---:" if numbers and at else "---" for at in range(len(heads))]
    for line in (heads, rule, *rows):
        yield "| " + " | ".join(line) + " |"
