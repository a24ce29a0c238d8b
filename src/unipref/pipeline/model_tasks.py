"""Measures several models, one task each on a cluster; a model that fails leaves the results of the others."""

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import Any, NamedTuple

from unipref.core.errors import UserError, describe, report_missing_resources
from unipref.core.work_progress import report_work
from unipref.core.workers import RayCluster
from unipref.pipeline.cluster import open_cluster
from unipref.study.schema import EngineSettings

Rows = list[dict[str, Any]]
Measure = Callable[..., Rows]
"""Called with model, benchmarks, data, folder and options; returns the rows of its scores."""


class ModelTask(NamedTuple):
    """What the measurement of one model needs.

    Attributes:
        measure: a function of a module.
        model: folder or hub name.
        benchmarks, data, out: arguments of `measure`.
        options: keyword arguments of `measure`, without hooks.
        folder: the folder that relative paths start in.
    """

    measure: Measure
    model: str
    benchmarks: Any
    data: str
    out: Path | None
    options: Mapping[str, Any]
    folder: str


class ModelsFailedError(UserError):
    """Some models could not be measured.

    Args:
        failures: model -> why.
        rows: the scores of the other models.
    """

    def __init__(self, failures: Mapping[str, Exception], rows: Rows) -> None:
        self.failures, self.rows = failures, rows
        reasons = "; ".join(_describe(model, error) for model, error in failures.items())
        mend = "The scores of the other models are above." if rows else None
        number = f"{len(failures)} model{'' if len(failures) == 1 else 's'}"
        super().__init__(f"{number} could not be measured. {reasons}.", mend=mend)

    def __reduce__(self) -> Any:
        return ModelsFailedError, (self.failures, self.rows)


def _describe(model: str, error: Exception) -> str:
    text = describe(error)
    return text if text.startswith(f"{model}: ") else f"{model}: {text}"


def measure_models(
    tasks: Sequence[ModelTask], settings: EngineSettings, out: Path | None, hooks: Mapping[str, Any]
) -> Rows:
    """Measures each model, where the engine says; returns the rows of all, in their order.

    Args:
        tasks: one for each model.
        settings: with the engine.
        out: folder of the folders of the tasks.
        hooks: `on_note` and `on_start`, called with lines for the reader.

    Raises:
        ModelsFailedError: some of several models could not be measured.
        UserError: the options do not fit the engine, or the only model could not be measured.
    """
    models = [task.model for task in tasks]
    if settings.find_cluster() is None:
        if settings.workers is not None:
            mend = "Leave it out, or give a cluster with `engine`; `jobs` is the number of processes that answer."
            raise UserError("one model is measured at a time on this machine.", where="workers", mend=mend)
        return _collect_rows(models, measure_here(tasks, hooks))
    if any(task.options.get("jobs", 1) > 1 or "load" in task.options for task in tasks):
        what = "on a cluster, one process measures a model, which it loads by its name."
        raise UserError(what, where="engine", mend="Leave out `jobs` and `load`, or the engine.")
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    with open_cluster(settings, out, *models) as cluster:
        if cluster is None:
            raise AssertionError("the settings name a cluster")
        return _collect_rows(models, measure_on_cluster(tasks, cluster, hooks))


def _collect_rows(models: Sequence[str], measured: Iterable[tuple[int, "Rows | Exception"]]) -> Rows:
    """Returns the rows of all models, in their order.

    Args:
        models: the names.
        measured: place of a model, and its rows or why there are none.

    Raises:
        ModelsFailedError: some have none. If there is one model, the error is its own.
    """
    found = dict(measured)
    failures = {model: one for place, model in enumerate(models) if isinstance(one := found[place], Exception)}
    if failures and len(models) == 1:
        raise failures[models[0]]
    rows = [row for place in range(len(models)) if not isinstance(one := found[place], Exception) for row in one]
    if failures:
        raise ModelsFailedError(failures, rows) from next(iter(failures.values()))
    return rows


def measure_here(tasks: Sequence[ModelTask], hooks: Mapping[str, Any]) -> Iterator[tuple[int, "Rows | Exception"]]:
    """Measures the models in this process, in turn; yields the place of each and its rows, or its error."""
    for place, task in enumerate(tasks):
        try:
            with report_missing_resources(task.model):
                rows = task.measure(task.model, task.benchmarks, task.data, task.out, **task.options, **hooks)
        except UserError as error:
            yield place, error
        else:
            yield place, rows


def measure_on_cluster(
    tasks: Sequence[ModelTask], engine: RayCluster, hooks: Mapping[str, Any]
) -> Iterator[tuple[int, "Rows | Exception"]]:
    """Measures each model in a task of the cluster; yields as `measure_here`, in the order in which they end.

    Args:
        tasks: of the models.
        engine: runs them, at most `engine.workers` at a time.
        hooks: `on_note` and `on_start`, called when a model is measured.
    """
    note, start = (hooks.get(name) or (lambda text: None) for name in ("on_note", "on_start"))
    most = engine.workers or len(tasks)
    waiting, running, done = deque(enumerate(tasks)), dict[Future[Any], int](), 0
    report_work("measuring models", 0, len(tasks))
    while waiting or running:
        while waiting and len(running) < most:
            place, task = waiting.popleft()
            running[engine.submit(measure_model, task)] = place
        finished, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in sorted(finished, key=running.__getitem__):
            place = running.pop(future)
            model, done = tasks[place].model, done + 1
            report_work("measuring models", done, len(tasks))
            try:
                outcome = engine.take(future, model)
            except UserError as error:
                start(f"{model}: failed ({done} of {len(tasks)})")
                yield place, error
                continue
            start(f"{model}: measured ({done} of {len(tasks)}, {outcome.seconds:.0f} s)")
            for text in outcome.notes:
                note(text)
            yield place, outcome.rows


class Outcome(NamedTuple):
    """The scores of a model, the notes for their readers, and the duration in seconds."""

    rows: Rows
    notes: list[str]
    seconds: float


def measure_model(task: ModelTask) -> Outcome:
    """Measures the model of a task; relative paths start in the task's folder."""
    if not Path(task.folder).is_dir():
        what = f"a machine of the cluster does not see '{task.folder}', in which the command was given."
        raise UserError(what, where="engine", mend="Give it in a folder that all machines share.")
    start, notes = time.monotonic(), list[str]()
    with contextlib.chdir(task.folder):
        rows = task.measure(task.model, task.benchmarks, task.data, task.out, **task.options, on_note=notes.append)
    return Outcome(rows, notes, time.monotonic() - start)
