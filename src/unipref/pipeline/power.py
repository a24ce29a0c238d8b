"""Says before a run which differences its seeds and examples would show."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unipref.analysis.power import Components, Measurement, estimate_components, plan
from unipref.analysis.verdicts.read import read_evidence
from unipref.core.errors import UserError
from unipref.core.run_folder import RunFolder
from unipref.core.stats.chance import WHOLE
from unipref.evaluate import check_packages, data_path
from unipref.evaluate.counting import count_units
from unipref.study.load import ResolvedStudy, load


def plan_study(study: Any, run: Path | None = None, *, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Plans a study: which differences its seeds, examples and clusters would show.

    Args:
        study: a study file, or its content as a mapping.
        run: a finished run with the components of variance; None: those of `analysis.power.DEFAULTS`.
        overrides: `key=value` settings that replace those of the study.

    Returns:
        As `analysis.power.plan`, and `notes`: sides that the study does not measure.

    Raises:
        UserError: a setting or a file is wrong, or the study measures neither side.
    """
    resolved = load(study, overrides)
    notes: list[str] = []
    measured = _count_sides(resolved, notes)
    if not measured:
        raise UserError(
            "the study has no benchmark whose examples can be counted before the run.",
            where="evaluate",
            mend="Name one with a headline metric and data of its own: unipref list benchmarks.",
        )
    components: dict[str, Components] = {}
    if run is not None:
        folder = RunFolder(run)
        components = estimate_components(read_evidence(run, folder.manifest, folder.scores()))
        if missing := [objective for objective in measured if objective not in components]:
            notes.append(f"The run {run} does not show the spread of {' and '.join(missing)}: these are defaults.")
    trained = sum(bool(one.train) for one in resolved.variants.values())
    return {**plan(measured, components, trained, len(resolved.study.seeds)), "notes": notes}


def _count_sides(resolved: ResolvedStudy, notes: list[str]) -> dict[str, Measurement]:
    """Counts the examples of the first benchmark of each side."""
    measured: dict[str, Measurement] = {}
    effects = resolved.study.verdicts.effect.model_dump()
    for benchmark, label in resolved.study.labelled_benchmarks():
        headline = benchmark.headline_metric
        if headline is None or headline.objective in measured:
            continue
        if benchmark.data is None:
            notes.append(f"{label}: its examples are held-out preferences, which are not counted before the run.")
            continue
        check_packages(benchmark)
        statistic = count_units(benchmark, data_path(benchmark, resolved.data_root, {}), headline.metric)
        if statistic is None:
            notes.append(f"{label}: no example has the metric {headline.metric} ({WHOLE}).")
            continue
        measured[headline.objective] = Measurement(
            label, headline.metric, len(statistic.units), statistic.grouping.count, effects[headline.objective]
        )
    notes += [f"No benchmark measures {side}." for side in effects if side not in measured]
    return measured
