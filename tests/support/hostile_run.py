"""A run of two variants and two seeds in which every name that comes from data tries to be markup."""

import json
from pathlib import Path
from typing import Any

from support.judged_run import annotator, judging, scale, write_judging

HOSTILE = "<script>window.hacked=1</script><img src=x onerror='window.hacked=1'>\u2028%{x}</td>"
LABEL = "part<b onclick=alert(1)>"
VARIANTS = ("main", LABEL)


def write_run(folder: Path, map_points: int = 40, steps: int = 6) -> Path:
    """Writes the run's `manifest.json`, `scores.json`, `verdicts.json` and `study.yaml`."""
    for name, value in (("manifest", _manifest(map_points, steps)), ("scores", _scores()), ("verdicts", _verdicts())):
        (folder / f"{name}.json").write_text(json.dumps(value))
    write_judging(folder, _judging())
    (folder / "examples").mkdir(exist_ok=True)
    (folder / "examples" / "examples.json").write_text(json.dumps([_example()]))
    study = {"name": HOSTILE, "model": f"</code></pre>{HOSTILE}", "sources": []}
    (folder / "study.yaml").write_text(json.dumps(study))
    return folder


def _score(variant: str, seed: int | None, step: str, metric: str, value: float, **changes: Any) -> dict[str, Any]:
    row = {"variant": variant, "seed": seed, "step": step, "model": HOSTILE, "benchmark": "coreference"}
    row |= {"mode": "corrected", "split": "test", "slice": "all", "metric": metric, "value": value, "n": 100}
    row |= {"low": value - 0.05, "high": value + 0.05, "direction": "higher", "ideal": None, "chance": None}
    return row | changes


def _scores() -> list[dict[str, Any]]:
    found = []
    models = [("base", None, "base")] + [(v, s, step) for v in VARIANTS for s in (0, 1) for step in ("sft", "dpo")]
    for at, (variant, seed, step) in enumerate(models):
        found.append(_score(variant, seed, step, "accuracy", 0.5 + 0.04 * at, chance=0.5))
        found.append(_score(variant, seed, step, HOSTILE, 0.4 - 0.03 * at, direction="lower"))
        found += [_score(variant, seed, step, "accuracy", 0.5, slice=f"{HOSTILE} {i}") for i in range(3)]
    return found


def _verdicts() -> dict[str, Any]:
    def side(metric: str) -> dict[str, Any]:
        return {"benchmark": "coreference", "metric": metric, "slice": "all", "skill_metric": "accuracy"}

    def figure(value: float) -> dict[str, Any]:
        ends = {"low": value - 0.02, "high": value + 0.02, "seeds": 2, "n": 100}
        return {"value": value, **ends, "at_chance": False, "skill": 0.75}

    def model(variant: str, step: str, x: float, y: float, front: bool) -> dict[str, Any]:
        figures = {"instruction": figure(x), "bias": figure(y)}
        return {"variant": variant, "step": step, "figures": figures, "gains": {}, "front": front}

    models = [model("base", "base", 0.5, 0.4, False)]
    models += [model(v, s, 0.6 + 0.1 * i, 0.3 - 0.05 * i, i > 1) for i, (v, s) in enumerate(_models())]
    return {
        "version": 2,
        "summary": [f"{HOSTILE} one.", "Two.", "Three."],
        "sides": {"instruction": side("accuracy"), "bias": side(HOSTILE)},
        "models": models,
        "front": {"hypervolume": 0.1, "models": [LABEL], "from": "the base model"},
        "claims": [{"claim": "A claim", "rule": HOSTILE}],
        "signatures": [{"name": HOSTILE, "threshold": "t", "found": [HOSTILE]}],
    }


def _example() -> dict[str, Any]:
    def turn(role: str, text: str) -> list[dict[str, str]]:
        return [{"role": role, "content": text}]

    asked = {"prompt": turn("user", "one\n  two"), "chosen": turn("assistant", HOSTILE), "rejected": None}
    return {"source": "pairs", "kind": "pairs", "objective": "bias", "origin": [], "raw": [], **asked}


def _judging() -> dict[str, Any]:
    people = [annotator(f"{HOSTILE}{n}", -0.5 - n / 100) for n in range(40)]
    scales = [scale(HOSTILE, HOSTILE, -3.0, axis=HOSTILE)]
    return judging(aggregate=HOSTILE, notes=[HOSTILE], annotators=people, n_annotators=40, scales=scales)


def _models() -> list[tuple[str, str]]:
    return [(variant, step) for variant in VARIANTS for step in ("sft", "dpo")]


def _manifest(map_points: int, steps: int) -> dict[str, Any]:
    def fit(offset: float) -> dict[str, Any]:
        curve = [{"step": i + 1, "loss": 3.0 / (i + 1) + offset, "epoch": 2.0} for i in range(steps)]
        return {"used": 90, "left_out": {HOSTILE: 3}, "steps": steps, "curve": curve, "warnings": [HOSTILE]}

    sources = {
        f"{HOSTILE}{i}": {"kind": "pairs", "licence": HOSTILE, "rows": 50 + i, "used": 50 + i, "preferences": 40 + i}
        for i in range(15)
    }
    return {
        "name": HOSTILE,
        "command": HOSTILE,
        "examples": {"folder": "examples", "part": "test"},
        "variants": {variant: {"strategy": {"name": HOSTILE}, "steps": []} for variant in VARIANTS},
        "sources": sources,
        "selected": {variant: {"0": _selection(map_points), "1": _selection(map_points)} for variant in VARIANTS},
        "train": {v: {str(s): {step: fit(s) for step in ("sft", "dpo")} for s in (0, 1)} for v in VARIANTS},
    }


def _selection(points: int) -> dict[str, Any]:
    drawn = {
        "x": [(37 * i) % 1001 for i in range(points)],
        "y": [(91 * i) % 1001 for i in range(points)],
        "kept": "10" * (points // 2),
        "of": 100_000,
        "variance": [0.2, 0.1],
        "prompts": [f"{HOSTILE[:60]} prompt {i}"[:80] for i in range(points)],
        "sources": [[HOSTILE], [0] * points],
        "reasons": [[HOSTILE, "everything is kept"], [i % 2 for i in range(points)]],
    }
    account = {"parts": [], "embedder": HOSTILE, "map": drawn, "warnings": [HOSTILE]}
    return {"candidates": 100, "kept": 50, "by_source": {HOSTILE: [100, 50]}, "account": account}
