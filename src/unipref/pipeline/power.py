"""Says before a run which differences its seeds and examples would show."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unipref.analysis.power import Components, Measurement, estimate_components, plan
from unipref.analysis.verdicts.read import read_evidence
from unipref.core import parquet
from unipref.core.errors import UserError
from unipref.core.run_folder import RunFolder
from unipref.core.stats.chance import WHOLE
from unipref.evaluate import check_packages, data_path
from unipref.evaluate.counting import count_units
from unipref.study.load import ResolvedStudy, load

ASSUMED_PAIRS = 100
"""Number of held-out pairs that is assumed before anybody can count them."""
STUDY_FILE = "STUDY"
"""What stands for the study file in a command to copy."""


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
    measured = _count_sides(resolved, notes, run) or _assume_held_out(resolved, notes, run)
    if not measured:
        own = [(b, label) for b, label in resolved.study.labelled_benchmarks() if b.data is None]
        held_out = [label for benchmark, label in own if benchmark.fallback_metric is not None]
        why = (
            f"{' and '.join(held_out)} measures held-out pairs, of which {run} has none"
            if held_out
            else "no benchmark measures instructions or bias"
        )
        raise UserError(
            f"the study has no benchmark whose examples can be counted: {why}.",
            where="evaluate",
            mend="Add one with data of its own, as in --set 'evaluate=[{ifeval: {}}]': unipref list benchmarks.",
        )
    components: dict[str, Components] = {}
    if run is not None and (scores := (folder := RunFolder(run)).scores()):
        components = estimate_components(read_evidence(run, folder.manifest, scores))
    if run is not None and (missing := [objective for objective in measured if objective not in components]):
        what = f"The run {run} does not show the spread of {' and '.join(missing)}, so defaults are taken"
        notes.append(f"{what}: it takes two trained variants with two seeds each.")
    trained = sum(bool(one.train) for one in resolved.variants.values())
    return {**plan(measured, components, trained, len(resolved.study.seeds)), "notes": notes}


def _count_sides(resolved: ResolvedStudy, notes: list[str], run: Path | None) -> dict[str, Measurement]:
    """Counts the examples of the first benchmark of each side; of a side without one, the held-out pairs of a run."""
    measured: dict[str, Measurement] = {}
    effects = resolved.study.verdicts.effect.model_dump()
    headlines = resolved.study.headline_metrics()
    for benchmark, label in resolved.study.labelled_benchmarks():
        headline = headlines.get(label)
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
    for benchmark, label in resolved.study.labelled_benchmarks():
        if benchmark.data is not None or benchmark.fallback_metric is None or run is None:
            continue
        for side, (pairs, clusters) in _count_held_out(run).items():
            if side in effects and side not in measured and pairs:
                measured[side] = Measurement(label, benchmark.fallback_metric, pairs, clusters, effects[side])
    notes += [f"No benchmark measures {side}." for side in effects if side not in measured]
    return measured


def _assume_held_out(resolved: ResolvedStudy, notes: list[str], run: Path | None) -> dict[str, Measurement]:
    """Assumes a number of held-out pairs for each objective of a study that measures nothing else, and says so."""
    held_out = [
        (label, benchmark.fallback_metric)
        for benchmark, label in resolved.study.labelled_benchmarks()
        if benchmark.data is None and benchmark.fallback_metric is not None
    ]
    if not held_out or run is not None:
        return {}
    label, metric = held_out[0]
    effects = resolved.study.verdicts.effect.model_dump()
    objectives = dict.fromkeys(one.projection.objective for several in resolved.sources.values() for one in several)
    notes[:] = [
        f"{label} measures held-out pairs, which can be counted after the data are split: {ASSUMED_PAIRS} pairs of as "
        f"many prompts are assumed. Count them: unipref unify {STUDY_FILE} -o RUN, then add --from RUN. A benchmark "
        "with data of its own is counted now, as in --set 'evaluate=[{ifeval: {}}]'."
    ]
    return {
        side: Measurement(label, metric, ASSUMED_PAIRS, ASSUMED_PAIRS, effects[side])
        for side in objectives
        if side in effects
    }


def _count_held_out(run: Path) -> dict[str, tuple[int, int]]:
    """Returns objective -> number of pairs in the test split of a run, and of the groups of prompts that hold them."""
    groups: dict[str, list[str]] = {}
    for file in sorted(run.glob("clean*/test.parquet"))[:1]:
        for row in parquet.read_rows(file, ["objective", "group", "chosen", "rejected"]):
            if row["chosen"] is not None and row["rejected"] is not None:
                groups.setdefault(row["objective"], []).append(row["group"])
    return {objective: (len(several), len({*several})) for objective, several in groups.items()}
