"""Finds, loads and runs lm-eval's tasks on a model that is already loaded, printing nothing to standard output."""

import contextlib
import difflib
import logging
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from unipref.core.chat_models import Policy
from unipref.core.errors import UserError, first_line, needs_extra
from unipref.core.stats.sampling import sample_evenly
from unipref.core.terminal import LegibleStderr
from unipref.models.loading import NO_LIMIT

AGGREGATIONS = ("mean", "nanmean", "perplexity", "weighted_perplexity", "bits_per_byte")
"""Those of lm-eval's aggregations that are functions of means over samples."""


class Options(NamedTuple):
    """How tasks are run, as lm-eval's arguments; None: the task's default.

    Attributes:
        limit: maximum number of samples per task.
    """

    batch_size: int
    num_fewshot: int | None
    new_tokens: int | None
    chat: bool
    limit: int | None


class TaskResults(NamedTuple):
    """The results of running a task, or the tasks of a group.

    Attributes:
        samples: task -> its samples, as lm-eval logs them.
        higher_is_better: task -> metric -> whether higher is better; None if lm-eval does not say.
        aggregations: task -> metric -> one of AGGREGATIONS; None for any other.
        totals: task -> the number of all its samples.
        cut: number of samples whose prompt lost its beginning.
    """

    samples: dict[str, list[dict[str, Any]]]
    higher_is_better: dict[str, dict[str, bool | None]]
    aggregations: dict[str, dict[str, str | None]]
    totals: dict[str, int]
    cut: int


def run_task(policy: Policy, name: str, folder: Path | None, options: Options) -> TaskResults:
    """Runs a task, group or tag.

    Args:
        policy: the model; it is not loaded again.
        name: name in lm-eval or in one of the folder's task files.
        folder: the user's own task files; None: lm-eval's only.
        options: lm-eval's arguments.

    Raises:
        UserError: the extra is missing, the task is unknown, its data are unavailable, or it cannot be run.
    """
    with _silence_lm_eval(), _restore_random_state(policy):
        manager, task_objects, tasks = _load_tasks(name, folder)
        for task in tasks.values():
            _check_task(task)
        totals = {name: len(task.eval_docs) for name, task in tasks.items()}
        sample_numbers = {task: sample_evenly(n, options.limit) for task, n in totals.items()}
        is_sampled = any(len(sample_numbers[task]) < n for task, n in totals.items())
        lm = _wrap_model(policy, options.batch_size)
        results = _run_lm_eval(lm, manager, task_objects, options, sample_numbers if is_sampled else None)
        samples: dict[str, list[dict[str, Any]]] = results["samples"]
        return TaskResults(
            samples,
            {task: _higher_is_better(tasks[task], samples[task]) for task in samples},
            {task: _aggregations(tasks[task], samples[task]) for task in samples},
            totals,
            sum(_is_cut(lm, sample) for rows in samples.values() for sample in rows),
        )


@contextlib.contextmanager
def _silence_lm_eval() -> Iterator[None]:
    """Sends lm-eval's prints to standard error, because standard output is for results, and logs only its errors."""
    logger = logging.getLogger("lm_eval")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(LegibleStderr()):
            yield
    finally:
        logger.setLevel(level)


@contextlib.contextmanager
def _restore_random_state(policy: Policy) -> Iterator[None]:
    """Restores the random states, all of which lm-eval seeds, so that the program's own draws are not affected."""
    import torch

    python_state, numpy_state = random.getstate(), np.random.get_state()
    devices = [policy.model.device] if policy.model.device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)


def _load_tasks(name: str, folder: Path | None) -> tuple[Any, list[Any], dict[str, Any]]:
    """Loads a task, group or tag: (task manager, what lm-eval is to run, name -> each task in it)."""
    try:
        from lm_eval.tasks import TaskManager
    except ModuleNotFoundError as error:
        raise needs_extra(str(error.name), "eval", "The benchmark lm_eval") from error
    where = f"evaluate.lm_eval:{name}"
    # Indexing all of lm-eval's task files takes seconds. In the folder, only a group can refer to them.
    manager = TaskManager(include_path=folder, include_defaults=False) if folder else None
    if manager is None or name not in manager.all_subtasks:
        manager = TaskManager(include_path=folder)
    if name not in manager.all_tasks:
        near_names = difflib.get_close_matches(name, manager.all_tasks, n=1, cutoff=0.6)
        hint = f"Did you mean '{near_names[0]}'?" if near_names else "List them with: lm-eval ls tasks"
        raise UserError(f"unknown lm-eval task '{name}'.", where=where, mend=hint)
    from datasets.exceptions import DatasetsError
    from jinja2 import TemplateError

    try:
        loaded = manager.load([name])
    except ModuleNotFoundError as error:
        raise UserError(
            f"the task needs the package '{error.name}', which is not installed.",
            where=where,
            mend=f"Install it with: pip install 'lm-eval[{name.partition('_')[0]}]' or pip install {error.name}",
        ) from error
    except (OSError, ValueError, KeyError, DatasetsError, TemplateError) as error:
        raise UserError(
            f"the task or its data cannot be loaded: {first_line(error)}",
            where=where,
            mend="Check the network, or add a task file with local data to the benchmark's folder, using "
            "dataset_path: json and dataset_kwargs: {data_files: {test: FILE}}.",
        ) from error
    tasks = dict(loaded["tasks"])
    groups = list(loaded["groups"].values())
    # A group includes its tasks and inner groups, so the outermost one is enough.
    return manager, [group for group in groups if group.name == name] or list(tasks.values()), tasks


def _check_task(task: Any) -> None:
    reason = None
    if getattr(task, "UNSAFE_CODE", False):
        reason = "it executes code that the model generates"
    elif getattr(task, "MULTIMODAL", False):
        reason = "it needs images or audio"
    if reason:
        raise UserError(
            f"unipref cannot run this task: {reason}.",
            where=f"evaluate.lm_eval:{task.task_name}",
            mend="Run it with lm-eval itself.",
        )


def _wrap_model(policy: Policy, batch_size: int) -> Any:
    from lm_eval.models.huggingface import HFLM

    return HFLM(
        pretrained=policy.model,
        tokenizer=policy.tokenizer,
        batch_size=batch_size,
        max_length=policy.context if policy.context < NO_LIMIT else None,
    )


def _run_lm_eval(
    lm: Any,
    manager: Any,
    task_objects: Sequence[Any],
    options: Options,
    sample_numbers: Mapping[str, Sequence[int]] | None,
) -> dict[str, Any]:
    from jinja2 import TemplateError
    from lm_eval import simple_evaluate

    try:
        results: dict[str, Any] = simple_evaluate(
            model=lm,
            tasks=list(task_objects),
            task_manager=manager,
            num_fewshot=options.num_fewshot,
            gen_kwargs=None if options.new_tokens is None else {"max_gen_toks": options.new_tokens},
            apply_chat_template=options.chat,
            samples=None if sample_numbers is None else dict(sample_numbers),
            batch_size=options.batch_size,
            bootstrap_iters=0,
            log_samples=True,
        )
    except (AssertionError, ValueError, TemplateError) as error:
        problem = first_line(error) if str(error).strip() else "an answer is longer than its context"
        raise UserError(
            f"lm-eval cannot run this model: {problem}.",
            where="evaluate.lm_eval",
            mend=f"The model's context is {lm.max_length} tokens: lower new_tokens or num_fewshot, or fix the task.",
        ) from error
    return results


def _higher_is_better(task: Any, samples: Sequence[Mapping[str, Any]]) -> dict[str, bool | None]:
    by_metric = task.higher_is_better()
    return {metric: by_metric.get(metric) for metric in _metrics(samples)}


def _aggregations(task: Any, samples: Sequence[Mapping[str, Any]]) -> dict[str, str | None]:
    from lm_eval.api.registry import get_aggregation

    names = {get_aggregation(name): name for name in AGGREGATIONS}
    by_metric = task.aggregation()
    return {metric: names.get(by_metric.get(metric)) for metric in _metrics(samples)}


def _metrics(samples: Sequence[Mapping[str, Any]]) -> list[str]:
    return sorted({metric for sample in samples for metric in sample["metrics"]})


def _is_cut(lm: Any, sample: Mapping[str, Any]) -> bool:
    """Whether the beginning of a prompt did not fit in the model's context."""
    for request in sample["arguments"]:
        if len(request) < 2:  # a text scored in windows: nothing is cut
            continue
        prompt, continuation = request[0], request[1]
        room = lm.max_length
        if isinstance(continuation, Mapping):
            room -= continuation.get("max_gen_toks", lm.max_gen_toks)
            continuation = ""
        else:
            room += 1  # the last token is only predicted, not read
        if len(lm.tok_encode(prompt + continuation)) > room:
            return True
    return False
