"""Values the sources and axes of a finished run, and writes `value/value.json`."""

from dataclasses import replace
from pathlib import Path

import msgspec

from unipref.analysis.value.contributions import Valuation, count_agreeing
from unipref.analysis.value.design import CURVE, MIXTURES
from unipref.analysis.value.statements import list_assumptions, list_unknowns
from unipref.analysis.verdicts.evidence import Model
from unipref.analysis.verdicts.read import read_evidence
from unipref.core import json_files
from unipref.core.errors import ResourceError, UserError, report_missing_resources
from unipref.core.folder_lock import use_alone
from unipref.core.hub import pin_in
from unipref.core.progress import DeferredNotes, ProgressListener
from unipref.core.run_folder import VALUE, RunFolder, ValuedPart, ValueRecord
from unipref.models import gguf
from unipref.pipeline.run import STAGES, Run
from unipref.pipeline.scheduler import run_side_by_side
from unipref.pipeline.value.mixtures import MixtureStages
from unipref.pipeline.value.plan import Plan, Request, describe_estimate, estimate, make_plan
from unipref.study.steps import list_steps


def value(run: Path, request: Request, jobs: int = 1, listener: ProgressListener | None = None) -> ValueRecord:
    """Values the sources and axes of a run. Finished models are kept, so it can be stopped and resumed.

    Args:
        run: the finished run; its results stay as they are. The models are stages of it.
        request: what is asked.
        jobs: number of processes that train and evaluate in parallel.
        listener: receives the cost before any training, then stages, notes and progress.

    Returns:
        What was written to `value/value.json`.

    Raises:
        UserError: the run is not finished, no side is measured, no model can be trained, or a value is invalid.
        ResourceError: memory, disk space or a permission is missing.
    """
    listener = listener or ProgressListener()
    with report_missing_resources(str(run)), use_alone(run), pin_in(run), gguf.keep_in(run / "cache"):
        plan = make_plan(run, request)
        # An error in it would otherwise end the command after all trainings.
        folder = RunFolder(run)
        read_evidence(run, folder.manifest, folder.scores())
        plan = _drop_untrainable(plan, listener)
        cost = estimate(plan)
        listener.note(describe_estimate(cost, len(plan.seeds)))
        if jobs > 1:
            done = run_side_by_side(plan.resolved, run, "evaluate", jobs, listener, plan.only)
            stages = Run(plan.resolved, run, DeferredNotes(listener), done_by_others=done, only=plan.only)
        else:
            stages = Run(plan.resolved, run, listener, only=plan.only)
        stages.run_stages("evaluate")
        record = _make_record(plan, stages, cost["trainings"])
        json_files.write_json(run / VALUE, msgspec.to_builtins(record))
    return record


def _drop_untrainable(plan: Plan, listener: ProgressListener) -> Plan:
    """Selects and checks for each model; leaves out those that cannot be trained, such as without any pair.

    Raises:
        UserError: none is left.
        ResourceError: memory, disk space or a permission is missing.
    """
    run = Run(plan.resolved, plan.folder, listener, only=plan.only)
    depth, dropped = STAGES.index("check"), {}
    for name in plan.only:
        try:
            data = run.prepare_variant(name, plan.resolved.variants[name], depth)
            run.training.run_checks({name: data})
        except ResourceError:
            raise  # every other model would miss it too
        except UserError as error:
            if name not in plan.design.variants:
                raise
            dropped[name] = " ".join(error.what.split())
    if plan.design.variants and len(dropped) == len(plan.design.variants):
        name, why = next(iter(dropped.items()))
        raise UserError(f"none of the models can be trained. {name}: {why}", where=str(plan.folder))
    return replace(plan, dropped=dropped)


def _make_record(plan: Plan, stages: Run, trainings: int) -> ValueRecord:
    manifest, scores = stages.context.manifest.snapshot()
    evidence = read_evidence(plan.folder, manifest, scores)
    if not evidence.sides:
        raise UserError(
            "the run measures neither instruction following nor bias, so contributions have no unit.",
            where=str(plan.folder),
            mend="Add a benchmark under 'evaluate': unipref list benchmarks.",
        )
    if plan.list_mixtures():
        evidence = MixtureStages(plan, stages, manifest, evidence).add_figures()
    reference = Model(plan.request.variant, plan.step)
    labels = {name: source.judgements for name, source in manifest.sources_of(plan.request.variant).items()}
    valuation = Valuation(evidence, plan.design, reference, len(plan.seeds), labels, plan.request.labels)
    parts = valuation.value_parts()
    _note_dropped(plan, parts)
    mixture = valuation.compare_mixture()
    return ValueRecord(
        variant=reference.variant,
        step=reference.step,
        seeds=len(plan.seeds),
        sides={objective: side.record() for objective, side in evidence.sides.items()},
        labels=plan.request.labels,
        parts=parts,
        mixture=mixture,
        smallest=valuation.find_smallest(),
        trainings=trainings,
        assumptions=list_assumptions(
            f"{reference}",
            steps=_find_fixed_steps(plan),
            mixtures=count_agreeing(parts) if mixture and MIXTURES in plan.request.questions else None,
            smallest_part=min(plan.request.fractions) if CURVE in plan.request.questions else None,
            labels=plan.request.labels,
        ),
        unknowns=list_unknowns(len(plan.seeds), has_curve=CURVE in plan.request.questions),
    )


def _note_dropped(plan: Plan, parts: list[ValuedPart]) -> None:
    """Says at each part which of its models could not be trained."""
    for part, valued in zip(plan.design.parts, parts, strict=True):
        variants = [plan.design.without.get(part), plan.design.alone.get(part)]
        variants += plan.design.reduced.get(part, {}).values()
        for variant in variants:
            if variant in plan.dropped:
                valued.notes.append(f"{variant} could not be trained: {plan.dropped[variant]}")


def _find_fixed_steps(plan: Plan) -> bool:
    """Whether the reference's last policy trains a fixed number of optimiser steps."""
    study = plan.resolved.variants[plan.request.variant]
    trainer = next(step.trainer for step in list_steps(study) if step.name == plan.step)
    return (trainer.model_dump().get("max_steps") or 0) > 0
