"""The public functions: one per stage. `import unipref` offers them without loading torch."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from unipref.analysis.audit import write_audit
from unipref.core import registry
from unipref.core.contracts import Benchmark, Judge, Precision
from unipref.core.errors import UserError
from unipref.core.progress import ProgressListener
from unipref.core.records import MAIN
from unipref.core.run_folder import RunFolder
from unipref.evaluate import compare, evaluate
from unipref.models.asking_processes import use_processes
from unipref.models.weight_merging import Recipe
from unipref.pipeline import execute
from unipref.pipeline.auditing import audit_with_engine
from unipref.pipeline.explained_rows import explain_with_rows
from unipref.pipeline.merge import merge
from unipref.pipeline.model_tasks import ModelTask, measure_models
from unipref.pipeline.named_benchmarks import find_benchmarks, make_benchmark, name_folders
from unipref.study.schema import EngineSettings

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
        overrides: `key=value` settings that replace those of the study.
        rows: source name -> its rows (an iterable of dicts or a DataFrame), for sources in memory.
        jobs: number of processes that train and evaluate in parallel.
        listener: receives stages, notes and progress; default: none.
        accelerate: configuration file of accelerate, to train in several processes (`docs/training.md`).

    Returns:
        The run folder, with `scores.json`, `manifest.json`, `report.md` and `report.html`.

    Raises:
        UserError: a setting or a file is wrong, or no usable preference is left.
    """
    folder = Path(out) if out is not None else default_folder(study)
    return execute.run(
        study, folder, overrides=overrides, rows=rows, jobs=jobs, listener=listener, accelerate=accelerate
    )


def dry_run(
    study: StudyLike, out: str | os.PathLike[str] | None = None, *, overrides: Sequence[str] = ()
) -> dict[str, Any]:
    """Returns what `run` would do, without doing it, as `unipref run STUDY --dry-run --json`.

    Args:
        study: a study file, or its content as a mapping.
        out: the run folder; default: as for `run`.
        overrides: `key=value` settings that replace those of the study.

    Returns:
        The stages, finished or not, and estimates of time and disk; as `pipeline.dry_run.estimate`.

    Raises:
        UserError: a setting or a file is wrong.
    """
    from unipref.pipeline.dry_run import estimate

    return estimate(study, Path(out) if out is not None else default_folder(study), overrides=overrides)


def power_of_study(
    study: StudyLike, run: str | os.PathLike[str] | None = None, *, overrides: Sequence[str] = ()
) -> dict[str, Any]:
    """Returns which differences a study's seeds and examples would show, as `unipref power STUDY --json`.

    Args:
        study: a study file, or its content as a mapping.
        run: a finished run with the components of variance; default: stated ones.
        overrides: `key=value` settings that replace those of the study.

    Returns:
        As `pipeline.power.plan_study`.

    Raises:
        UserError: a setting or a file is wrong, or the study measures nothing that verdicts use.
    """
    from unipref.pipeline.power import plan_study

    return plan_study(study, None if run is None else Path(run), overrides=overrides)


def unify_feedback(study: StudyLike, out: str | os.PathLike[str] | None = None, **options: Any) -> Path:
    """Converts all sources to one preference format. Options as for `run`; returns the Parquet file of preferences."""
    return _run_until("unify", study, out, **options) / "unified" / "preferences.parquet"


def select_preferences(study: StudyLike, out: str | os.PathLike[str] | None = None, **options: Any) -> Path:
    """Runs a study up to selection. Options as for `run`; returns the folder `selected` of the run."""
    return _run_until("select", study, out, **options) / "selected"


def check_training(study: StudyLike, out: str | os.PathLike[str] | None = None, **options: Any) -> dict[str, Any]:
    """Checks every training step for errors and risks before any training; `docs/training.md` lists the checks.

    Args:
        study: as for `run`.
        out: as for `run`.
        options: as for `run`.

    Returns:
        variant -> seed -> the model, each step's rows, tokens, batches, memory and disk, and the warnings.

    Raises:
        UserError: a step would fail.
    """
    run = RunFolder(_run_until("check", study, out, **options))
    checks: dict[str, Any] = msgspec.to_builtins(run.manifest.preflight)
    return checks


def train_models(study: StudyLike, out: str | os.PathLike[str] | None = None, **options: Any) -> Path:
    """Runs a study up to training. Options as for `run`; returns the folder `train` of the run."""
    return _run_until("train", study, out, **options) / "train"


def evaluate_model(
    model: str,
    benchmarks: Sequence[str | Benchmark] | None,
    data: str | os.PathLike[str],
    out: Path | None = None,
    *,
    limit: int | None = None,
    precision: Precision | None = None,
    new_tokens: int | None = None,
    jobs: int = 1,
    **hooks: Any,
) -> list[dict[str, Any]]:
    """Measures one model on benchmarks.

    Args:
        model: folder or hub name.
        benchmarks: `NAME` (reads `data/NAME`), `NAME=FOLDER` (reads `data/FOLDER`), or benchmarks with their settings;
            None: all that have data in `data`.
        data: folder with a folder for each benchmark.
        out: folder for the tables of examples, which `compare_models` reads; None: writes none.
        limit: for benchmarks given by name: number of examples to measure, evenly spread.
        precision: for benchmarks given by name: the type of the model's weights; None: float32.
        new_tokens: for benchmarks given by name that generate: longest answer in tokens; None: their default.
        jobs: processes that a policy answers in on a CPU, of one thread each; each loads the model.
        hooks: `on_note`, called with notes for readers of the scores; `on_start`, called with a line as each benchmark
            starts; `load`, the function that loads the model.

    Returns:
        The rows of `scores.json`, without variant, seed and step.

    Raises:
        UserError: the model, a benchmark or its data do not exist.
    """
    root = Path(data)
    choices = find_benchmarks(root) if benchmarks is None else benchmarks
    selected = [
        choice if isinstance(choice, Benchmark) else make_benchmark(choice, limit, precision, new_tokens)
        for choice in choices
    ]
    if new_tokens is not None and not any(hasattr(benchmark, "new_tokens") for benchmark in selected):
        raise UserError(
            f"none of the benchmarks generates answers: {', '.join(one.name() for one in selected)}.",
            where="new_tokens",
            mend="Leave it out.",
        )
    if jobs > 1 and "load" in hooks:
        raise UserError(
            "the processes load the model by its name, so `load` cannot be given with more than one.",
            where="jobs",
            mend="Leave out `load`, or give 1.",
        )
    with use_processes(jobs):
        rows = evaluate(model, selected, data_root=root, splits={}, out=out, **hooks)
    return [{"model": model, **row} for row in rows]


def evaluate_models(
    models: Sequence[str],
    benchmarks: Sequence[str | Benchmark] | None,
    data: str | os.PathLike[str],
    out: Path | None = None,
    *,
    engine: str | Mapping[str, Any] = "local",
    workers: int | None = None,
    **options: Any,
) -> list[dict[str, Any]]:
    """Measures several models: in turn, or one task each on a Ray cluster.

    Args:
        models: folders or hub names.
        benchmarks: as for `evaluate_model`.
        data: as for `evaluate_model`.
        out: as for `evaluate_model`; each model has its own folder there.
        engine: `local`, `ray`, or `{"ray": {"address": ..., "gpus": ...}}`, as in a study. A task has `gpus` GPUs.
        workers: most models at a time on the cluster.
        options: as for `evaluate_model`; on a cluster without `jobs` and `load`.

    Raises:
        ModelsFailedError: some of several models could not be measured; its `rows` are the scores of the others.
        UserError: as for `evaluate_model`, or the cluster cannot be reached.
    """
    settings = registry.validate_settings(EngineSettings, {"engine": engine, "workers": workers}, "")
    folders = [out / name if out is not None and len(models) > 1 else out for name in name_folders(models)]
    hooks: dict[str, Any] = {name: hook for name, hook in options.items() if name in ("on_note", "on_start")}
    others = {name: value for name, value in options.items() if name not in hooks}
    tasks = [
        ModelTask(evaluate_model, model, benchmarks, os.fspath(data), folder, others, os.getcwd())
        for model, folder in zip(models, folders, strict=True)
    ]
    return measure_models(tasks, settings, out, hooks)


def evaluate_judges(
    judges: StudyLike | Sequence[Judge],
    benchmarks: Sequence[str | Benchmark] | None,
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    limit: int | None = None,
    listener: ProgressListener | None = None,
) -> list[dict[str, Any]]:
    """Measures judges on benchmarks of right and wrong answers, such as JudgeBench; a stopped measurement continues.

    Args:
        judges: a file for `unipref collect` or another with its `judges` (and `data_root`), its content, or judges.
        benchmarks: as for `evaluate_model`.
        data: folder with a folder for each benchmark.
        out: folder for the tables of examples, and for what the judges said; each judge has its own.
        limit: for benchmarks given by name: number of examples to measure, evenly spread.
        listener: gets notes and progress.

    Returns:
        The rows of `scores.json`, without variant, seed and step; `model` is the judge's name.

    Raises:
        UserError: a judge, a benchmark or its data do not exist, or a judge stopped. What it judged is kept.
    """
    from unipref.pipeline.judge_evaluation import evaluate_judges as evaluate_all

    choices = find_benchmarks(Path(data)) if benchmarks is None else benchmarks
    selected = [one if isinstance(one, Benchmark) else make_benchmark(one, limit) for one in choices]
    return evaluate_all(judges, selected, Path(data), Path(out), listener or ProgressListener())


def compare_models(evaluations: Sequence[str | os.PathLike[str]]) -> tuple[list[dict[str, Any]], list[str]]:
    """Compares evaluated models unit by unit, the first with each of the others; as `evaluate.compare.compare`."""
    return compare.compare([Path(folder) for folder in evaluations])


def audit_run(
    folder: str | os.PathLike[str],
    *,
    gold: str | os.PathLike[str] | None = None,
    truth: str | os.PathLike[str] | None = None,
    benchmarks: str | os.PathLike[str] | None = None,
    engine: str | Mapping[str, Any] = "local",
    workers: int | None = None,
) -> dict[str, Any]:
    """Audits the unified data of a run; `docs/audit.md` explains each figure.

    Writes `audit.json` into the run folder, for its report, unless the folder is read-only.

    Args:
        folder: a run that has finished unify.
        gold: a file of hand-labelled entries, for conversion accuracy.
        truth: a file of true labels in the same form, to check the confidence.
        benchmarks: a folder of benchmarks, to find prompts that overlap with them.
        engine: reads the preferences, as in a study.
        workers: most processes or tasks at a time, as in a study.

    Returns:
        The audit, as `unipref audit --json` prints it.

    Raises:
        UserError: the run does not exist, the gold file is invalid, or the folder has no benchmarks.
    """
    files = (None if path is None else Path(path) for path in (gold, benchmarks, truth))
    findings = audit_with_engine(Path(folder), *files, engine=engine, workers=workers)
    write_audit(findings, Path(folder))
    return findings.as_dict()


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
    """Merges the weights of models that a run trained on one objective each, without training; see `docs/soup.md`.

    Args:
        folder: the run.
        weights: objective -> weight, or `instruction=0.7,bias=0.3`.
        out: folder for the model; None: a folder in the run.
        adapters: objective -> `VARIANT/SEED/STEP` or a folder, for models that cannot be found by their data.
        seed: the run's seed whose models are merged; also the seed of DARE's draw.
        listener: receives the models that are merged.
        recipe: `method` ('linear', 'ties', 'dare_linear' or 'dare_ties') and `density`.

    Returns:
        The folder of the model.

    Raises:
        UserError: the run, an objective or a model does not exist, or a weight is not a number.
    """
    settings = Recipe(seed=seed or 0, **recipe)
    return merge.write_mixture(
        Path(folder), weights, Path(out) if out else None, settings, adapters or {}, seed, listener
    )


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
    """Measures mixtures of two objectives' models, from one to the other, on the benchmarks of the run.

    Args:
        folder: the run; the function writes `soup/front.json` there.
        points: number of mixtures, including the two ends.
        by: the metrics to trade off, as `BENCHMARK.METRIC`; empty: one of each benchmark.
        adapters: as for `soup_models`; if two or more are given, only these are mixed.
        seed: as for `soup_models`.
        listener: receives stages and notes.
        recipe: as for `soup_models`.

    Returns:
        Rows as in `scores.json`, with `weights`, `method` and `efficient`.

    Raises:
        UserError: as for `soup_models`, or the run has no benchmarks.
    """
    settings = Recipe(seed=seed or 0, **recipe)
    return merge.trace(Path(folder), points, settings, adapters or {}, by, seed, listener)


def value_sources(
    folder: str | os.PathLike[str],
    *,
    variant: str = MAIN,
    ask: Sequence[str] = (),
    fractions: Sequence[float] = (),
    labels: int | None = None,
    jobs: int = 1,
    listener: ProgressListener | None = None,
) -> dict[str, Any]:
    """Measures what each source and axis of a finished run contributed; `docs/value.md` explains the figures.

    It trains on less of each, merges models and writes `value/value.json` into the run, for its report.

    Args:
        folder: the run.
        variant: whose last policy is the reference.
        ask: some of 'sources', 'axes', 'mixtures' and 'curve'; empty: all.
        fractions: parts of each source for the learning curve; empty: a quarter and a half.
        labels: number of further labels to ask about; None: 1,000.
        jobs: number of processes that train and evaluate in parallel.
        listener: receives the cost before any training, then stages, notes and progress.

    Returns:
        The content of `value/value.json`.

    Raises:
        UserError: the run is not finished, measures no side, or a value is invalid.
    """
    from unipref.pipeline.value import plan
    from unipref.pipeline.value.value import value

    request = plan.make_request(variant, ask, fractions, labels)
    record: dict[str, Any] = msgspec.to_builtins(value(Path(folder), request, jobs, listener))
    return record


def explain(folder: str | os.PathLike[str], preference: str) -> dict[str, Any]:
    """Explains why a preference was kept or dropped, for each variant and seed of a run.

    Args:
        folder: a run that has finished unify.
        preference: its id or the beginning of one, or the origin of a raw row (`ratings.csv:17`).

    Returns:
        The explanation, as `unipref explain --json` prints it.

    Raises:
        UserError: the run, id or origin does not exist; the message suggests a similar one.
    """
    return explain_with_rows(Path(folder), preference)


def _run_until(
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
    """Returns the default run folder: `runs/` and the study file's name."""
    return Path("runs") / ("study" if isinstance(study, Mapping) else Path(study).stem)
