"""What a run shows: gains with intervals over seeds and examples, the front, the paper's claims, and what went wrong.

Everything is computed from the files of the run: `manifest.json`, `scores.json` and the tables of examples.
`docs/verdicts.md` states the rules.
"""

from pathlib import Path

import msgspec

from unipref.analysis.verdicts.claims import claims, is_base, random_rival
from unipref.analysis.verdicts.evidence import BASE_MODEL, Evidence, Model
from unipref.analysis.verdicts.failure_signs import failure_signs
from unipref.analysis.verdicts.read import read
from unipref.core import json_files, stage_cache
from unipref.core.run_folder import VERDICTS, FrontRecord, JudgedModel, Manifest, RunFolder, Verdicts
from unipref.core.stats.pareto import contributions, find_efficient_points, hypervolume

__all__ = ["judge", "stage_cache", "verdicts", "write_verdicts"]


def write_verdicts(run: Path) -> None:
    """Writes `verdicts.json`; a run in which nothing was measured this time leaves it as it is.

    Raises:
        UserError: a table of examples is not what it should be.
    """
    record = verdicts(run)
    if record is not None:
        json_files.write_json(run / VERDICTS, msgspec.to_builtins(record))


def verdicts(run: Path) -> Verdicts | None:
    """What `judge` says of a run; None where no trained policy was measured on anything that verdicts judge by."""
    folder = RunFolder(run)
    if not folder.has_scores:
        return None
    evidence = read(run, folder.manifest, folder.scores())
    trained = any(not is_base(model) for models in evidence.measured.values() for model in models)
    return judge(evidence, folder.manifest) if trained else None


def judge(evidence: Evidence, manifest: Manifest) -> Verdicts:
    """The verdicts.

    Returns:
        `summary` (three sentences), `sides` (objective -> the figure that stands for it), `models` (each with its
        figures, its gains over the base model, over all data and over a random part of its size, and whether it is on
        the front), `front` (hypervolume and what it is measured from), `claims` and `signatures` (the failure signs).
    """
    judged = claims(evidence)
    models = list(dict.fromkeys(model for by_model in evidence.measured.values() for model in by_model))
    front, places = _front(evidence, models)
    return Verdicts(
        summary=[claim.sentence for claim in judged],
        sides={objective: side.record() for objective, side in evidence.sides.items()},
        models=[_judged_model(evidence, model, *places.get(model, (False, None))) for model in models],
        front=front,
        claims=[claim.record() for claim in judged],
        signatures=failure_signs(manifest, evidence),
    )


def _judged_model(evidence: Evidence, model: Model, is_on_front: bool, contribution: float | None) -> JudgedModel:
    """One model's figures and gains, per objective, and its place."""
    figures = {objective: evidence.value(objective, model) for objective in evidence.sides}
    gains = {}
    for name, other in _rivals(evidence, model).items():
        by_side = {objective: evidence.gain(objective, model, other) for objective in evidence.sides}
        gains[name] = {objective: gain.record() for objective, gain in by_side.items() if gain is not None}
    return JudgedModel(model.variant, model.step, figures, gains, is_on_front, contribution)


def _rivals(evidence: Evidence, model: Model) -> dict[str, Model]:
    """What a model is compared with: the base model, all data and a random part of its size, after the same step."""
    if is_base(model):
        return {}
    rivals = {"base": evidence.base_of(model)}
    variant = evidence.variants.get(model.variant)
    if variant is None:
        return rivals
    full = next(
        (o for o in evidence.variants.values() if o.kind == "full" and o.settings_hash == variant.settings_hash), None
    )
    if full is not None and full.name != variant.name and variant.kind != "full":
        rivals["full"] = Model(full.name, model.step)
    chance = random_rival(evidence, variant) if variant.kind in ("selected", "weighted") else None
    return rivals | ({"random": Model(chance.name, model.step)} if chance else {})


def _front(
    evidence: Evidence, models: list[Model]
) -> tuple[FrontRecord | None, dict[Model, tuple[bool, float | None]]]:
    """The front of the models measured on both sides; None where there is no second side.

    The area is measured from the base model, or where that guesses, from the worst value of each side in the run.

    Returns:
        The front, and model -> whether it is on it, and the hypervolume that it alone adds.
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
    places: dict[Model, tuple[bool, float | None]] = {
        model: (is_on_front, round(part, 6))
        for model, is_on_front, part in zip(points, find_efficient_points(values), parts, strict=True)
    }
    front = FrontRecord(
        hypervolume=round(hypervolume(values, reference), 6),
        reference=reference,
        measured_from="the base model" if from_base else "the worst value of each side in the run",
        models=[str(model) for model, (is_on_front, _) in places.items() if is_on_front],
        left_out=[str(model) for model in models if model not in points],
    )
    return front, places
