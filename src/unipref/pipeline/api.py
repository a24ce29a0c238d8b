"""The same from Python: one function per stage. `import unipref` offers these without loading torch."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from unipref.analysis import explain as explanation
from unipref.analysis.audit import audit, keep
from unipref.core import registry
from unipref.core.contracts import Benchmark
from unipref.core.errors import UserError
from unipref.core.progress import ProgressListener
from unipref.core.run_folder import RunFolder
from unipref.evaluate import compare, evaluate
from unipref.models.weight_merging import Recipe
from unipref.pipeline import execute
from unipref.pipeline.merge import merge

StudyLike = str | os.PathLike[str] | Mapping[str, Any]


def run(
    study: StudyLike,
    out: str | os.PathLike[str] | None = None,
    *,
    overrides: Sequence[str] = (),
    rows: Mapping[str, Any] | None = None,
    jobs: int = 1,
    listener: ProgressListener | None = None,
    accelerate: str | os.PathLike[str] | None = None,
) -> Path:
    """Runs a whole study: unify, select, train, evaluate, report.

    Args:
        study: a study file, or its content as a mapping.
        out: the run folder; default: `runs/` and the study file's name.
        overrides: `key=value` settings laid over the study.
        rows: source name -> its rows (an iterable of dicts or a DataFrame), for sources that are not files.
        jobs: processes that train and evaluate side by side.
        listener: hears what happens; default: nobody.
        accelerate: configuration file of accelerate, to train in the processes that it says (`docs/training.md`).

    Returns:
        The run folder, with `scores.json`, `manifest.json`, `report.md` and `report.html`.

    Raises:
        UserError: a setting or a file is wrong, or nothing usable is left.
    """
    folder = Path(out) if out is not None else default_folder(study)
    return execute.run(
        study, folder, overrides=overrides, rows=rows, jobs=jobs, listener=listener, accelerate=accelerate
    )


def dry_run(
    study: StudyLike, out: str | os.PathLike[str] | None = None, *, overrides: Sequence[str] = ()
) -> dict[str, Any]:
    """What `run` would do, without doing it: `unipref run STUDY --dry-run --json`.

    Args:
        study: a study file, or its content as a mapping.
        out: the run folder; default: as for `run`.
        overrides: `key=value` settings laid over the study.

    Returns:
        As `pipeline.dry_run.estimate`: stages, which of them are done, seconds and bytes that the rest may take.

    Raises:
        UserError: a setting or a file is wrong.
    """
    from unipref.pipeline.dry_run import estimate

    return estimate(study, Path(out) if out is not None else default_folder(study), overrides=overrides)


def unify_feedback(study: StudyLike, out: str | os.PathLike[str] | None = None, **options: Any) -> Path:
    """Sources -> one preference format. Options as for `run`; returns the Parquet file of the preferences."""
    return _until("unify", study, out, **options) / "unified" / "preferences.parquet"


def select_preferences(study: StudyLike, out: str | os.PathLike[str] | None = None, **options: Any) -> Path:
    """As far as selection. Options as for `run`; returns the folder `selected` of the run."""
    return _until("select", study, out, **options) / "selected"


def check_training(study: StudyLike, out: str | os.PathLike[str] | None = None, **options: Any) -> dict[str, Any]:
    """Looks for what would fail or mislead before anything is trained: `docs/training.md` says what.

    Args:
        study: as for `run`.
        out: as for `run`.
        options: as for `run`.

    Returns:
        variant -> seed -> the model, each step's rows, tokens, batches, memory and disk, and the warnings.

    Raises:
        UserError: a step would fail.
    """
    run = RunFolder(_until("check", study, out, **options))
    checks: dict[str, Any] = msgspec.to_builtins(run.manifest.preflight)
    return checks


def train_models(study: StudyLike, out: str | os.PathLike[str] | None = None, **options: Any) -> Path:
    """As far as training. Options as for `run`; returns the folder `train` of the run."""
    return _until("train", study, out, **options) / "train"


def evaluate_model(
    model: str,
    benchmarks: Sequence[str | Benchmark] | None,
    data: str | os.PathLike[str],
    out: Path | None = None,
    *,
    limit: int | None = None,
    **hooks: Any,
) -> list[dict[str, Any]]:
    """Measures one model.

    Args:
        model: folder or hub name.
        benchmarks: `NAME` (reads `data/NAME`), `NAME=FOLDER` (reads `data/FOLDER`), or benchmarks with their settings;
            None: all whose data are in `data`.
        data: the folder their data are in.
        out: folder for the tables of examples, which `compare_models` reads; None: not written.
        limit: for benchmarks given by name: measure only so many examples, evenly spread.
        hooks: `on_note`, told what a reader of the scores must know; `load`, how a model is loaded.

    Returns:
        The rows of `scores.json`, without variant, seed and step.

    Raises:
        UserError: no such model, benchmark or data.
    """
    root = Path(data)
    named = _present(root) if benchmarks is None else benchmarks
    made = [one if isinstance(one, Benchmark) else _named(one, limit) for one in named]
    rows = evaluate(model, made, data_root=root, splits={}, out=out, **hooks)
    return [{"model": model, **row} for row in rows]


def evaluate_models(
    models: Sequence[str],
    benchmarks: Sequence[str | Benchmark] | None,
    data: str | os.PathLike[str],
    out: Path | None = None,
    **options: Any,
) -> list[dict[str, Any]]:
    """Measures several models, one after the other; as `evaluate_model`. Each has its own folder in `out`."""
    rows: list[dict[str, Any]] = []
    for model, place in zip(models, _places(models), strict=True):
        folder = out / place if out is not None and len(models) > 1 else out
        rows += evaluate_model(model, benchmarks, data, folder, **options)
    return rows


def compare_models(evaluations: Sequence[str | os.PathLike[str]]) -> tuple[list[dict[str, Any]], list[str]]:
    """Compares evaluated models unit by unit, each further one with the first; as `comparison.compare`."""
    return compare.compare([Path(folder) for folder in evaluations])


def audit_run(
    folder: str | os.PathLike[str],
    *,
    gold: str | os.PathLike[str] | None = None,
    benchmarks: str | os.PathLike[str] | None = None,
) -> dict[str, Any]:
    """Audits the unified data of a run: `docs/audit.md` says what each figure means.

    The run keeps it as `audit.json`, for its report, where the folder may be written to.

    Args:
        folder: a run that got at least as far as unify.
        gold: a file of entries judged by hand, for conversion accuracy.
        benchmarks: a folder of benchmarks, for prompts that occur in them.

    Returns:
        What `unipref audit --json` prints.

    Raises:
        UserError: no such run, a wrong gold file, or no benchmarks there.
    """
    found = audit(Path(folder), Path(gold) if gold else None, Path(benchmarks) if benchmarks else None)
    keep(found, Path(folder))
    return found.as_dict()


def soup_models(
    folder: str | os.PathLike[str],
    weights: str | Mapping[str, float],
    out: str | os.PathLike[str] | None = None,
    *,
    adapters: Mapping[str, str] | None = None,
    seed: int | None = None,
    listener: ProgressListener | None = None,
    **recipe: Any,
) -> Path:
    """Combines models that a run trained on one objective each, by weight, without training; `docs/soup.md`.

    Args:
        folder: the run.
        weights: objective -> weight, or `instruction=0.7,bias=0.3`.
        out: where the model is written; None: in the run.
        adapters: objective -> `VARIANT/SEED/STEP` or a folder, for models that are not to be found by their data.
        seed: the run's seed whose models are combined; also of the draw of DARE.
        listener: told which models are combined.
        recipe: `method` ('linear', 'ties', 'dare_linear' or 'dare_ties') and `density`.

    Returns:
        The folder of the model.

    Raises:
        UserError: no such run, objective or model, or a weight that is no number.
    """
    how = Recipe(seed=seed or 0, **recipe)
    return merge.make(Path(folder), weights, Path(out) if out else None, how, adapters or {}, seed, listener)


def trace_soup(
    folder: str | os.PathLike[str],
    points: int = 5,
    *,
    by: Sequence[str] = (),
    adapters: Mapping[str, str] | None = None,
    seed: int | None = None,
    listener: ProgressListener | None = None,
    **recipe: Any,
) -> list[dict[str, Any]]:
    """Measures mixtures from one objective's model to the other's with the benchmarks of the run.

    Args:
        folder: the run; `soup/front.json` is written there.
        points: how many mixtures, the two ends included.
        by: the figures that make a mixture efficient, as `BENCHMARK.METRIC`; none: one of each benchmark.
        adapters: as for `soup_models`; where two or more are named, only these are mixed.
        seed: as for `soup_models`.
        listener: told what is done.
        recipe: as for `soup_models`.

    Returns:
        Rows as in `scores.json`, with `weights`, `method` and `efficient` besides.

    Raises:
        UserError: as for `soup_models`, or there is nothing to measure with.
    """
    how = Recipe(seed=seed or 0, **recipe)
    return merge.trace(Path(folder), points, how, adapters or {}, by, seed, listener)


def _named(given: str, limit: int | None) -> Benchmark:
    """`NAME` or `NAME=FOLDER` as a benchmark that reads that folder."""
    name, _, folder = given.partition("=")
    settings: dict[str, Any] = {"data": folder or name.partition(":")[0]}
    if limit is not None:
        settings["limit"] = limit
    made = registry.make("benchmark", name, settings, "--benchmark")
    if not isinstance(made, Benchmark):
        raise AssertionError(f"{name} is no Benchmark")
    return made


def _present(root: Path) -> list[str]:
    """The benchmarks whose data are in a folder, under their own name or another that they go by."""
    found = [
        choice.name()
        for choice in registry.find_all("benchmark")
        if issubclass(choice, Benchmark)
        and choice.argument is None
        and any((root / name).exists() for name in (choice.name(), *choice.folder_aliases))
    ]
    if not found:
        raise UserError(
            "no benchmark's data are in it.",
            where=str(root),
            mend=f"It has to hold a folder named like one of: {', '.join(registry.list_names('benchmark'))}.",
        )
    return found


def _places(models: Sequence[str]) -> list[str]:
    """A folder name for each model: the last part of its own, numbered where two are alike."""
    names = [Path(model).name or "model" for model in models]
    return [name if names.count(name) == 1 else f"{name}-{at}" for at, name in enumerate(names, 1)]


def explain(folder: str | os.PathLike[str], preference: str) -> dict[str, Any]:
    """Why a preference was kept or dropped, for each variant and seed of a run.

    Args:
        folder: a run that got at least as far as unify.
        preference: its id or the beginning of one, or the origin of a raw row (`ratings.csv:17`).

    Returns:
        What `unipref explain --json` prints.

    Raises:
        UserError: no such run, id or origin; the near one is offered.
    """
    return explanation.explain(Path(folder), preference)


def _until(
    stage: str,
    study: StudyLike,
    out: str | os.PathLike[str] | None,
    overrides: Sequence[str] = (),
    rows: Mapping[str, Any] | None = None,
    listener: ProgressListener | None = None,
    accelerate: str | os.PathLike[str] | None = None,
) -> Path:
    folder = Path(out) if out is not None else default_folder(study)
    return execute.run(
        study, folder, overrides=overrides, rows=rows, until=stage, listener=listener, accelerate=accelerate
    )


def default_folder(study: StudyLike) -> Path:
    """Where a run goes when nothing else is said: `runs/` and the study file's name."""
    return Path("runs") / ("study" if isinstance(study, Mapping) else Path(study).stem)
