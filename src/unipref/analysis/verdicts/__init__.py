"""What a run shows: gains with intervals over seeds and examples, the front, the paper's claims, and what went wrong.

Everything is computed from the files of the run: `manifest.json`, `scores.json` and the tables of examples.
`docs/verdicts.md` states the rules.
"""

import json
from pathlib import Path
from typing import Any

from unipref.analysis.verdicts.claims import claims, is_base, random_rival
from unipref.analysis.verdicts.evidence import BASE_MODEL, Evidence, Model
from unipref.analysis.verdicts.failure_signs import signatures
from unipref.analysis.verdicts.pareto import contributions, hypervolume, pareto
from unipref.analysis.verdicts.read import read
from unipref.core import json_files

VERDICTS = "verdicts.json"

__all__ = ["VERDICTS", "judge", "verdicts", "write_verdicts"]


def write_verdicts(run: Path) -> None:
    """Writes `verdicts.json`; a run in which nothing was measured this time leaves it as it is.

    Raises:
        UserError: a table of examples is not what it should be.
    """
    found = verdicts(run)
    if found is not None:
        json_files.write_json(run / VERDICTS, found)


def verdicts(run: Path) -> dict[str, Any] | None:
    """What `judge` says of a run; None where no trained policy was measured on anything that verdicts judge by."""
    scores = run / "scores.json"
    if not scores.is_file():
        return None
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    evidence = read(run, manifest, json.loads(scores.read_text(encoding="utf-8")))
    trained = any(not is_base(model) for models in evidence.measured.values() for model in models)
    return judge(evidence, manifest) if trained else None


def judge(evidence: Evidence, manifest: dict[str, Any]) -> dict[str, Any]:
    """The verdicts.

    Returns:
        `summary` (three sentences), `sides` (objective -> the figure that stands for it), `models` (each with its
        figures, its gains over the base model, over all data and over a random part of its size, and whether it is on
        the front), `front` (hypervolume and what it is measured from), `claims` and `signatures`.
    """
    made = claims(evidence)
    models = list(dict.fromkeys(model for by_model in evidence.measured.values() for model in by_model))
    front, places = _front(evidence, models)
    return {
        "summary": [claim.sentence for claim in made],
        "sides": {
            objective: {"benchmark": side.benchmark, "metric": side.metric, "slice": side.slice, "beside": side.beside}
            for objective, side in evidence.sides.items()
        },
        "models": [_model(evidence, model) | places.get(model, {"front": False}) for model in models],
        "front": front,
        "claims": [claim.as_dict() for claim in made],
        "signatures": [signature.as_dict() for signature in signatures(manifest, evidence)],
    }


def _model(evidence: Evidence, model: Model) -> dict[str, Any]:
    """One model's figures and gains, per objective."""
    found: dict[str, Any] = {**model._asdict(), "figures": {}, "gains": {}}
    for objective in evidence.sides:
        found["figures"][objective] = evidence.value(objective, model)
    for name, other in _rivals(evidence, model).items():
        gains = {objective: evidence.gain(objective, model, other) for objective in evidence.sides}
        found["gains"][name] = {objective: gain.as_dict() for objective, gain in gains.items() if gain is not None}
    return found


def _rivals(evidence: Evidence, model: Model) -> dict[str, Model]:
    """What a model is compared with: the base model, all data and a random part of its size, after the same step."""
    if is_base(model):
        return {}
    rivals = {"base": evidence.base_of(model)}
    arm = evidence.arms.get(model.variant)
    if arm is None:
        return rivals
    full = next((o for o in evidence.arms.values() if o.kind == "full" and o.rest == arm.rest), None)
    if full is not None and full.name != arm.name and arm.kind != "full":
        rivals["full"] = Model(full.name, model.step)
    chance = random_rival(evidence, arm) if arm.kind in ("selected", "weighted") else None
    return rivals | ({"random": Model(chance.name, model.step)} if chance else {})


def _front(evidence: Evidence, models: list[Model]) -> tuple[dict[str, Any] | None, dict[Model, dict[str, Any]]]:
    """Hypervolume of the models measured on both sides, and each one's place; None where there is no second side.

    The area is measured from the base model, or where that guesses, from the worst value of each side in the run.
    """
    if len(evidence.sides) < 2:
        return None, {}
    instruction, bias = evidence.sides
    points: dict[Model, tuple[float, float]] = {}
    for model in models:
        x, y = evidence.goodness(instruction, model), evidence.goodness(bias, model)
        if x is not None and y is not None:
            points[model] = (x, y)
    if not points:
        return None, {}
    values = list(points.values())
    from_base = BASE_MODEL in points
    reference = points[BASE_MODEL] if from_base else (min(x for x, _ in values), min(y for _, y in values))
    parts = contributions(values, reference)
    places = {
        model: {"front": on, "contribution": round(part, 6)}
        for model, on, part in zip(points, pareto(values), parts, strict=True)
    }
    front = {
        "hypervolume": round(hypervolume(values, reference), 6),
        "reference": list(reference),
        "from": "the base model" if from_base else "the worst value of each side in the run",
        "models": [str(model) for model, place in places.items() if place["front"]],
        "left_out": [str(model) for model in models if model not in points],
    }
    return front, places
