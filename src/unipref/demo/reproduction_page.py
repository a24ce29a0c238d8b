"""What the full demo found, on one page: the paper's claims under each noise, its table, RL, and other sizes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from unipref.core.json_files import write_text
from unipref.demo.full import Chapter, chapters

FILE = "reproduction.md"
GRIDS = ("careless", "gaussian", "adversarial")
"""Chapters that have the paper's table."""
SCALES = (("0.25M", "0.25M"), ("careless", "1M"), ("3M", "3M"), ("twice", "1M, twice the feedback"))
"""Chapter -> how its row is called."""
SCALED = ("combined", "main", "source-dialogues", "source-ratings")
"""`main`, the study as it is written, is trained on the selected part."""
FIGURES = (
    ("instruction", "instructions followed ↑"),
    ("bias", "two-way bias → 0"),
    ("beside", "two-way accuracy ↑"),
    ("nats", "bias, nats ↓"),
)
SHORT = {
    "Combined feedback improves instruction following and bias at once, one source alone does not": "1 combined",
    "A selected subset matches or beats the full data": "2 selected",
    "RL or DPO adds to SFT": "3 after SFT",
}

Found = Mapping[str, Any]


def write(folder: Path) -> Path:
    """Writes `reproduction.md` from the chapters that are finished, and returns its path.

    Args:
        folder: what `full.run` was given.
    """
    path = folder / FILE
    write_text(path, page(folder))
    return path


def page(folder: Path) -> str:
    """The page in Markdown; chapters that were not run are left out and named."""
    runs = {chapter.name: _read(folder / chapter.name) for chapter in chapters()}
    done = {name: run for name, run in runs.items() if run is not None}
    parts = ["# The paper's claims on the built-in world\n", *_told(done, list(runs)), *_claims(done)]
    for name in GRIDS:
        if name in done:
            parts += [f"\n## {_chapter(name).title}\n", *_grid(done[name])]
    if "rl" in done:
        parts += [f"\n## {_chapter('rl').title}\n", *_grid(done["rl"])]
    scaled = [(done[name], title) for name, title in SCALES if name in done]
    if len(scaled) > 1:
        parts += ["\n## Size of the model, and twice the feedback\n", *_scaled(scaled)]
    return "\n".join(parts) + "\n"


def claims(folder: Path) -> Iterator[tuple[str, str, str, str]]:
    """Chapter, claim in short, verdict and reason, of each chapter that is finished."""
    for chapter in chapters():
        run = _read(folder / chapter.name)
        for claim in run["verdicts"]["claims"] if run else ():
            yield chapter.name, SHORT.get(claim["claim"], claim["claim"]), claim["verdict"], claim["why"]


def _read(run: Path) -> Found | None:
    files = {name: run / f"{name}.json" for name in ("manifest", "scores", "verdicts")}
    if not all(path.is_file() for path in files.values()):
        return None
    return {name: json.loads(path.read_text(encoding="utf-8")) for name, path in files.items()}


def _chapter(name: str) -> Chapter:
    return next(chapter for chapter in chapters() if chapter.name == name)


def _told(done: Mapping[str, Found], every: Sequence[str]) -> Iterator[str]:
    counts = [f"{_chapter(name).title.lower()}: {len(_seeds(run))} seeds" for name, run in done.items()]
    yield f"Made by `unipref demo --full`. Chapters: {'; '.join(counts)}.\n"
    if missing := [name for name in every if name not in done]:
        yield f"Not run: {', '.join(missing)}.\n"
    yield (
        "Gains are paired by example and seed, with 95 % intervals over seeds and examples; above 0 is better, for "
        "bias too. * where the interval leaves out 0. ◆ on the front. † at chance. The rules of the claims are in "
        "`docs/verdicts.md`.\n"
    )


def _seeds(run: Found) -> set[Any]:
    return {row["seed"] for row in run["scores"]} - {None}


def _claims(done: Mapping[str, Found]) -> Iterator[str]:
    yield "\n## The claims\n"
    yield from _table(
        ["claim", "study", "verdict", "why"],
        [
            [SHORT.get(claim["claim"], claim["claim"]), name, f"**{claim['verdict']}**", claim["why"]]
            for at in range(len(SHORT))
            for name, run in done.items()
            for claim in run["verdicts"]["claims"][at : at + 1]
        ],
        numbers=False,
    )


def _grid(run: Found) -> Iterator[str]:
    """Every variant after every step, and its gains over the base model, all data and a random part of its size."""
    models = [model for model in run["verdicts"]["models"] if model["variant"] != "main" or _alone(run)]
    yield from _table(
        ["variant", "kept", "step", *(head for _, head in FIGURES)],
        [[*_named(run, model), *(_figure(run, model, name) for name, _ in FIGURES)] for model in models],
    )
    for rival, title in (("base", "the base model"), ("full", "all data"), ("random", "a random part of its size")):
        against = [model for model in models if rival in model["gains"]]
        if against:
            yield f"\nGain over {title}, after the same step.\n" if rival != "base" else f"\nGain over {title}.\n"
            rows = [
                [*_named(run, model), *(_gain(model["gains"][rival].get(side)) for side in ("instruction", "bias"))]
                for model in against
            ]
            yield from _table(["variant", "kept", "step", "instructions followed", "two-way bias"], rows)


def _alone(run: Found) -> bool:
    """Whether the study as written has no variant beside it."""
    return {model["variant"] for model in run["verdicts"]["models"]} <= {"base", "main"}


def _named(run: Found, model: Found) -> list[str]:
    chosen = (run["manifest"].get("selected") or {}).get(model["variant"]) or {}
    kept = f"{fmean(one['kept'] for one in chosen.values()):,.0f}" if chosen else ""
    front = " ◆" if model["front"] else ""
    return [f"`{model['variant']}`{front}", kept, model["step"]]


def _figure(run: Found, model: Found, name: str) -> str:
    if name == "beside":
        return _number((model["figures"].get("bias") or {}).get("beside"))
    if name == "nats":
        place = (model["variant"], model["step"], "coreference", "bias", "all")
        keys = ("variant", "step", "benchmark", "metric", "slice")
        values = [row["value"] for row in run["scores"] if tuple(row[key] for key in keys) == place]
        return _number(fmean(values) if values and None not in values else None)
    figure = model["figures"].get(name) or {}
    return _number(figure.get("value")) + ("†" if figure.get("at_chance") else "")


def _gain(gain: Found | None) -> str:
    if gain is None or gain["void"]:
        return "–"
    if gain["low"] is None:
        return f"{gain['value']:+.3f}"
    clear = " *" if gain["low"] > 0 or gain["high"] < 0 else ""
    return f"{gain['value']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]{clear}"


def _scaled(scaled: Sequence[tuple[Found, str]]) -> Iterator[str]:
    """The variants that all sizes have, after each step, with the base model before them."""
    rows = []
    for run, title in scaled:
        for model in run["verdicts"]["models"]:
            if model["variant"] in ("base", *SCALED):
                named = [title, str(len(_seeds(run))), *_named(run, model)]
                gains = (model["gains"].get("base") or {}) if model["gains"] else {}
                told = [_gain(gains[side]) if side in gains else "" for side in ("instruction", "bias")]
                rows.append([*named, *(_figure(run, model, name) for name, _ in FIGURES), *told])
    heads = ["model", "seeds", "variant", "kept", "step", *(head for _, head in FIGURES)]
    yield from _table([*heads, "gain in instructions over base", "gain in two-way bias over base"], rows)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: bool = True) -> Iterator[str]:
    rule = ["---:" if numbers and at else "---" for at in range(len(heads))]
    for line in (heads, rule, *rows):
        yield "| " + " | ".join(line) + " |"
