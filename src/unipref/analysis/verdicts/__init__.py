"""Judges a run: gains with intervals over seeds and examples, the Pareto front, the paper's claims, signs of failure.

It uses only files of the run: `manifest.json`, `scores.json` and the tables of examples. `docs/verdicts.md` states the
rules.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from unipref.analysis.verdicts.claims import find_comparable, find_random_rival, is_base, judge_claims
from unipref.analysis.verdicts.evidence import Evidence, Model
from unipref.analysis.verdicts.failure_signs import find_failure_signs
from unipref.analysis.verdicts.front import Place, compute_front
from unipref.analysis.verdicts.gains import correct
from unipref.analysis.verdicts.read import read_evidence
from unipref.analysis.verdicts.tested import find_tested
from unipref.core import json_files
from unipref.core.run_folder import VERDICTS, GainRecord, JudgedModel, Manifest, PairRecord, RunFolder, Verdicts

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
        `summary` (a sentence on each claim that the study tests), `sides` (objective -> its headline metric), `models`
        (each with its figures, its gains over the base model, all data and a random part of its size, and its place on
        the front), `front` (hypervolume and its reference point), `claims`, `signatures` (the signs of failure) and
        `pairs` (how the last models of all comparable variants compare).
    """
    claims = list(zip(judge_claims(evidence), find_tested(evidence), strict=True))
    models = list(dict.fromkeys(model for by_model in evidence.measured.values() for model in by_model))
    front, places = compute_front(evidence, models)
    return Verdicts(
        summary=[claim.sentence for claim, is_tested in claims if is_tested],
        sides={objective: side.record() for objective, side in evidence.sides.items()},
        models=_judge_models(evidence, models, places),
        front=front,
        claims=[claim.record(is_tested) for claim, is_tested in claims],
        signatures=find_failure_signs(manifest, evidence),
        pairs=_compare_pairs(evidence),
    )


def _judge_models(evidence: Evidence, models: list[Model], places: Mapping[Model, Place]) -> list[JudgedModel]:
    """Collects the models' figures and gains, with p values corrected over all gains, and their places."""
    gains = {
        (model, name, objective): gain
        for model in models
        for name, other in _find_rivals(evidence, model).items()
        for objective in evidence.sides
        if (gain := evidence.compute_gain(objective, model, other)) is not None
    }
    corrected = correct(list(gains.values()))
    by_model: dict[Model, dict[str, dict[str, GainRecord]]] = {model: {} for model in models}
    for ((model, name, objective), gain), p in zip(gains.items(), corrected, strict=True):
        by_model[model].setdefault(name, {})[objective] = gain.record(p)
    judged = []
    for model in models:
        figures = {objective: evidence.compute_figure(objective, model) for objective in evidence.sides}
        place = places.get(model, Place())
        judged.append(
            JudgedModel(*model, figures, by_model[model], place.is_on_front, place.contribution, place.support)
        )
    return judged


def _compare_pairs(evidence: Evidence) -> list[PairRecord]:
    """Compares the last models of all comparable variants in pairs."""
    last = [variant.last for variant in find_comparable(evidence) if variant.last is not None]
    pairs = [(model, other) for at, model in enumerate(last) for other in last[at + 1 :]]
    gains = {
        (pair, objective): gain
        for pair in pairs
        for objective in evidence.sides
        if (gain := evidence.compute_gain(objective, *pair)) is not None
    }
    records: dict[tuple[Model, Model], dict[str, GainRecord]] = {}
    for ((pair, objective), gain), p in zip(gains.items(), correct(list(gains.values())), strict=True):
        records.setdefault(pair, {})[objective] = gain.record(p)
    return [PairRecord(str(model), str(other), by_side) for (model, other), by_side in records.items()]


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
