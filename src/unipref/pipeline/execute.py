"""Runs a study: in this process, or in several with the scheduler."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unipref.core import user_code
from unipref.core.errors import UserError, report_missing_resources
from unipref.core.folder_lock import use_alone
from unipref.core.hub import pin_in, save_pins
from unipref.core.progress import DeferredNotes, ProgressListener
from unipref.core.work_progress import show_work
from unipref.models import gguf, opening
from unipref.pipeline.launcher import Launch, read_launch
from unipref.pipeline.run import STAGES, Run
from unipref.pipeline.scheduler import run_side_by_side
from unipref.study.load import ResolvedStudy, load


def run(
    study: str | os.PathLike[str] | Mapping[str, Any],
    out: str | os.PathLike[str],
    *,
    overrides: Sequence[str] = (),
    rows: Mapping[str, Any] | None = None,
    until: str = "evaluate",
    jobs: int = 1,
    listener: ProgressListener | None = None,
    accelerate: str | os.PathLike[str] | None = None,
) -> Path:
    """Runs a study and writes its report.

    Args:
        study: a study file, or its content as a mapping.
        out: the run folder; stages that are finished there are skipped.
        overrides: `key=value` settings that replace those of the study.
        rows: source name -> its rows (an iterable of mappings or a DataFrame), for sources in memory.
        until: the last stage to run.
        jobs: number of processes that train and evaluate models in parallel.
        listener: receives stages, notes and progress.
        accelerate: configuration file of accelerate, to train in several processes.

    Returns:
        The run folder.

    Raises:
        UserError: a setting, a file or a model is wrong, no usable preference is left, or another run uses the folder.
        ResourceError: memory, disk space or a permission is missing.
    """
    folder, listener = Path(out), listener or ProgressListener()
    launch = read_launch(accelerate) if accelerate is not None else None
    if jobs > 1 and launch is not None:
        raise UserError(
            "accelerate trains one model in several processes, but --jobs trains several models in one process each.",
            where="--jobs",
            mend="Remove one of the two.",
        )
    with report_missing_resources(str(folder)), show_work(listener.progress), pin_in(folder):
        # The study and its models are checked before a folder is made.
        resolved = load(study, overrides, rows=rows, rows_folder=folder / "inputs")
        _check_models(resolved, until)
        for file in user_code.list_files().values():
            listener.note(f"code from {file}")
        with use_alone(folder), gguf.keep_in(folder / "cache"):
            save_pins()
            return _run(resolved, folder, until, jobs, listener, launch)


def _run(
    resolved: ResolvedStudy, folder: Path, until: str, jobs: int, listener: ProgressListener, launch: Launch | None
) -> Path:
    """Runs a resolved study in a folder that no other run uses."""
    if jobs > 1 and STAGES.index(until) >= STAGES.index("train"):
        done = run_side_by_side(resolved, folder, until, jobs, listener)
        return Run(resolved, folder, DeferredNotes(listener), done_by_others=done).execute(until)
    return Run(resolved, folder, listener, launch).execute(until)


def _check_models(resolved: ResolvedStudy, until: str) -> None:
    """Checks the files of the models to train and evaluate, before any data is read.

    Raises:
        UserError: a folder is incomplete or damaged.
    """
    if STAGES.index(until) < STAGES.index("check"):
        return
    models = {study.model for study in resolved.variants.values() if study.train or study.evaluate.benchmarks}
    for model in sorted(name for name in models if name is not None):
        opening.check_folder(model)
