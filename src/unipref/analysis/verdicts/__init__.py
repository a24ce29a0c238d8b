"""Judges a run: gains with intervals over seeds and examples, the Pareto front, the paper's claims, signs of failure.

It uses only files of the run: `manifest.json`, `scores.json` and the tables of examples. `docs/verdicts.md` states the
rules.
"""

from pathlib import Path

import msgspec

from unipref.analysis.verdicts.claims import find_random_rival, is_base, judge_claims
from unipref.analysis.verdicts.evidence import BASE_MODEL, Evidence, Model
from unipref.analysis.verdicts.failure_signs import find_failure_signs
from unipref.analysis.verdicts.read import read_evidence
from unipref.core import json_files
from unipref.core.run_folder import VERDICTS, FrontRecord, JudgedModel, Manifest, RunFolder, Verdicts
from unipref.core.stats.pareto import contributions, find_efficient_points, hypervolume

__all__ = ["judge", "judge_run", "write_verdicts"]


def write_verdicts(run: Path) -> None:
    """Writes `verdicts.json`, unless the run has nothing to judge.

    Raises:
        UserError: a table of examples is corrupt.
    """
    record = judge_run(run)
    if record is not None:
        json_files.write_json(run / VERDICTS, msgspec.to_builtins(record))


def judge_run(run: Path) -> Verdicts | None:
    """Judges a run. Returns None if no trained policy has scores of a headline metric."""
    folder = RunFolder(run)
    if not folder.has_scores:
        return None
    evidence = read_evidence(run, folder.manifest, folder.scores())
    trained = any(not is_base(model) for models in evidence.measured.values() for model in models)
    return judge(evidence, folder.manifest) if trained else None


def judge(evidence: Evidence, manifest: Manifest) -> Verdicts:
    """Computes the verdicts.

    Returns:
        `summary` (three sentences), `sides` (objective -> its headline metric), `models` (each with its figures, its
        gains over the base model, all data and a random part of its size, and whether it is on the front), `front`
        (hypervolume and its reference point), `claims` and `signatures` (the signs of failure).
    """
    claims = judge_claims(evidence)
    models = list(dict.fromkeys(model for by_model in evidence.measured.values() for model in by_model))
    front, places = _compute_front(evidence, models)
    return Verdicts(
        summary=[claim.sentence for claim in claims],
        sides={objective: side.record() for objective, side in evidence.sides.items()},
        models=[_judge_model(evidence, model, *places.get(model, (False, None))) for model in models],
        front=front,
        claims=[claim.record() for claim in claims],
        signatures=find_failure_signs(manifest, evidence),
    )


def _judge_model(evidence: Evidence, model: Model, is_on_front: bool, contribution: float | None) -> JudgedModel:
    """Collects one model's figures and gains by objective, and its place on the front."""
    figures = {objective: evidence.compute_figure(objective, model) for objective in evidence.sides}
    gains = {}
    for name, other in _find_rivals(evidence, model).items():
        by_side = {objective: evidence.compute_gain(objective, model, other) for objective in evidence.sides}
        gains[name] = {objective: gain.record() for objective, gain in by_side.items() if gain is not None}
    return JudgedModel(model.variant, model.step, figures, gains, is_on_front, contribution)


def _find_rivals(evidence: Evidence, model: Model) -> dict[str, Model]:
    """Finds what a model is compared with, after the same step: the base model, all data, a random part of its size."""
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
    random = find_random_rival(evidence, variant) if variant.kind in ("selected", "weighted") else None
    return rivals | ({"random": Model(random.name, model.step)} if random else {})


def _compute_front(
    evidence: Evidence, models: list[Model]
) -> tuple[FrontRecord | None, dict[Model, tuple[bool, float | None]]]:
    """Computes the front of the models measured on both sides.

    The reference point of the area is the base model or, if that guesses, the worst value of each side in the run.

    Returns:
        The front, None without a second side; and model -> whether it is on the front, and the hypervolume that only
        it adds.
    """
    if len(evidence.sides) < 2:
        return None, {}
    instruction, bias = evidence.sides
    points: dict[Model, tuple[float, float]] = {}
    for model in models:
        x, y = evidence.compute_goodness(instruction, model), evidence.compute_goodness(bias, model)
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
