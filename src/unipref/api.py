"""The same from Python: one function per stage. `import unipref` offers these without loading torch."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unipref import choices, pipeline
from unipref.audit import audit
from unipref.contracts import Benchmark
from unipref.evaluate import evaluate
from unipref.narrator import Narrator

StudyLike = str | os.PathLike[str] | Mapping[str, Any]


def run(
    study: StudyLike,
    out: str | os.PathLike[str] | None = None,
    *,
    overrides: Sequence[str] = (),
    rows: Mapping[str, Any] | None = None,
    narrator: Narrator | None = None,
) -> Path:
    """Runs a whole study: unify, select, train, evaluate, report.

    Args:
        study: a study file, or its content as a mapping.
        out: the run folder; default: `runs/` and the study file's name.
        overrides: `key=value` settings laid over the study.
        rows: source name -> its rows (an iterable of dicts or a DataFrame), for sources that are not files.
        narrator: hears what happens; default: nobody.

    Returns:
        The run folder, with `scores.json`, `manifest.json`, `report.md` and `report.html`.

    Raises:
        UserError: a setting or a file is wrong, or nothing usable is left.
    """
    return _until("evaluate", study, out, overrides, rows, narrator)


def unify_feedback(study: StudyLike, out: str | os.PathLike[str] | None = None, **options: Any) -> Path:
    """Sources -> one preference format. Options as for `run`; returns the Parquet file of the preferences."""
    return _until("unify", study, out, **options) / "unified" / "preferences.parquet"


def select_preferences(study: StudyLike, out: str | os.PathLike[str] | None = None, **options: Any) -> Path:
    """As far as selection. Options as for `run`; returns the folder `selected` of the run."""
    return _until("select", study, out, **options) / "selected"


def train_models(study: StudyLike, out: str | os.PathLike[str] | None = None, **options: Any) -> Path:
    """As far as training. Options as for `run`; returns the folder `train` of the run."""
    return _until("train", study, out, **options) / "train"


def evaluate_model(
    model: str,
    benchmarks: Sequence[str | Benchmark],
    data: str | os.PathLike[str],
    out: Path | None = None,
    **hooks: Any,
) -> list[dict[str, Any]]:
    """Measures one model.

    Args:
        model: folder or hub name.
        benchmarks: names (each reads `data/<name>`) or benchmarks with their settings.
        data: the folder their data are in.
        out: folder for the per-example tables; None: not written.
        hooks: `on_note`, told what a reader of the scores must know.

    Returns:
        The rows of `scores.json`, without variant, seed and step.

    Raises:
        UserError: no such model, benchmark or data.
    """
    made = [named if isinstance(named, Benchmark) else _named(named) for named in benchmarks]
    rows = evaluate(model, made, data_root=Path(data), splits={}, out=out, **hooks)
    return [{"model": model, **row} for row in rows]


def audit_run(
    folder: str | os.PathLike[str],
    *,
    gold: str | os.PathLike[str] | None = None,
    benchmarks: str | os.PathLike[str] | None = None,
) -> dict[str, Any]:
    """Audits the unified data of a run: `docs/audit.md` says what each figure means.

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
    return found.as_dict()


def _named(name: str) -> Benchmark:
    made = choices.make("evaluate", name, {"data": name}, "--benchmark")
    if not isinstance(made, Benchmark):
        raise AssertionError(f"{name} is no Benchmark")
    return made


def _until(
    stage: str,
    study: StudyLike,
    out: str | os.PathLike[str] | None,
    overrides: Sequence[str] = (),
    rows: Mapping[str, Any] | None = None,
    narrator: Narrator | None = None,
) -> Path:
    folder = Path(out) if out is not None else default_folder(study)
    return pipeline.run(study, folder, overrides=overrides, rows=rows, until=stage, narrator=narrator)


def default_folder(study: StudyLike) -> Path:
    """Where a run goes when nothing else is said: `runs/` and the study file's name."""
    return Path("runs") / ("study" if isinstance(study, Mapping) else Path(study).stem)
