"""Measures judges on benchmarks: reads the judges from a file, and keeps what they say."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from unipref.collect import scoring
from unipref.collect.benchmark_judge import open_judge
from unipref.core import registry, user_code
from unipref.core.choice_setting import one_choice
from unipref.core.contracts import Benchmark, Judge, JudgeJob, Settings
from unipref.core.errors import UserError
from unipref.core.folder_lock import use_alone
from unipref.core.progress import ProgressListener
from unipref.evaluate.judge_scores import evaluate_judge
from unipref.study.load import read_settings, resolve_data_root


class Judges(Settings):
    """The part of a file for `unipref collect` that names judges."""

    judges: Annotated[list[Annotated[Judge, one_choice("judge", "judges")]], Field(min_length=1)]
    """Who compares the answers."""
    data_root: str = "."
    """The folder in which relative paths start; itself relative to this file."""


def evaluate_judges(
    judges: str | os.PathLike[str] | Mapping[str, Any] | Sequence[Judge],
    benchmarks: Sequence[Benchmark],
    data: Path,
    out: Path,
    listener: ProgressListener,
) -> list[dict[str, Any]]:
    """Measures judges in turn; arguments, result and errors as for `api.evaluate_judges`."""
    chosen, root = _read_judges(judges)
    names = [judge.annotator() for judge in chosen]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        mend = "Give one of them a 'label'."
        raise UserError(f"two judges are called {', '.join(repeated)}.", where="judges", mend=mend)
    rows: list[dict[str, Any]] = []
    for judge in chosen:
        folder = out / judge.annotator() if len(chosen) > 1 else out
        folder.mkdir(parents=True, exist_ok=True)
        with use_alone(folder):
            try:
                opened = open_judge(judge, JudgeJob(root, folder, note=listener.note), listener)
                own = evaluate_judge(
                    opened, benchmarks, data_root=data, out=folder, on_note=listener.note, on_start=listener.note
                )
            finally:
                scoring.unload_models()
        rows += [{"model": judge.annotator(), **row} for row in own]
    return rows


def _read_judges(
    judges: str | os.PathLike[str] | Mapping[str, Any] | Sequence[Judge],
) -> tuple[list[Judge], Path]:
    """Reads the judges, and finds the folder in which their relative paths start."""
    if not isinstance(judges, str | os.PathLike | Mapping):
        return list(judges), Path()
    raw, folder, _ = read_settings(judges)
    user_code.use_folder(folder)
    own = {name: value for name, value in raw.items() if name in Judges.model_fields}
    settings = registry.validate_settings(Judges, own, "")
    return list(settings.judges), resolve_data_root(settings.data_root, folder)
