"""lm-eval's tasks found, loaded and run on a model that is loaded already, without a word on standard output."""

import contextlib
import difflib
import logging
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from unipref.core.errors import UserError, needs_extra
from unipref.core.stats.sampling import evenly_spaced
from unipref.models.loading import NO_LIMIT, Policy

AGGREGATIONS = ("mean", "nanmean", "perplexity", "weighted_perplexity", "bits_per_byte")
"""The ways of lm-eval to aggregate a metric that are functions of means over samples."""


class Options(NamedTuple):
    """How tasks are run: lm-eval's arguments; None leaves it to the task.

    Attributes:
        limit: samples of each task.
    """

    batch_size: int
    num_fewshot: int | None
    new_tokens: int | None
    chat: bool
    limit: int | None


class Ran(NamedTuple):
    """What running a task, or the tasks of a group, gave.

    Attributes:
        samples: task -> its samples, as lm-eval logs them.
        better: task -> metric -> whether higher is better; None where lm-eval does not say.
        aggregations: task -> metric -> one of AGGREGATIONS; None for any other.
        documents: task -> how many samples it has in all.
        cut: prompts whose beginning was lost.
    """

    samples: dict[str, list[dict[str, Any]]]
    better: dict[str, dict[str, bool | None]]
    aggregations: dict[str, dict[str, str | None]]
    documents: dict[str, int]
    cut: int


def run_task(policy: Policy, name: str, folder: Path | None, options: Options) -> Ran:
    """Runs a task, group or tag.

    Args:
        policy: the model, which is not loaded again.
        name: as lm-eval knows it, or a task file of the folder does.
        folder: of task files of the user's own.
        options: how.

    Raises:
        UserError: the extra is missing, there is no such task, its data cannot be had, or it cannot be run.
    """
    with _quiet(), _own_random_state(policy):
        manager, built, tasks = _loaded(name, folder)
        for task in tasks.values():
            _check(task)
        documents = {task: len(found.eval_docs) for task, found in tasks.items()}
        kept = {task: evenly_spaced(n, options.limit) for task, n in documents.items()}
        sampled = any(len(kept[task]) < n for task, n in documents.items())
        lm = _wrapped(policy, options.batch_size)
        found = _evaluated(lm, manager, built, options, kept if sampled else None)
        samples: dict[str, list[dict[str, Any]]] = found["samples"]
        return Ran(
            samples,
            {task: _better(tasks[task], samples[task]) for task in samples},
            {task: _aggregations(tasks[task], samples[task]) for task in samples},
            documents,
            sum(_is_cut(lm, sample) for rows in samples.values() for sample in rows),
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Nothing of lm-eval's talk on standard output, which is for results, and of its log only errors."""
    logger = logging.getLogger("lm_eval")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        logger.setLevel(level)


@contextlib.contextmanager
def _own_random_state(policy: Policy) -> Iterator[None]:
    """lm-eval seeds all random states; the program's own draws go on as if nothing had been."""
    import torch

    drawn, state = random.getstate(), np.random.get_state()
    devices = [policy.model.device] if policy.model.device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        random.setstate(drawn)
        np.random.set_state(state)


def _loaded(name: str, folder: Path | None) -> tuple[Any, list[Any], dict[str, Any]]:
    """The manager of tasks; the task, or the group or tasks that the name stands for; all tasks in it, by name."""
    try:
        from lm_eval.tasks import TaskManager
    except ModuleNotFoundError as error:
        raise needs_extra(str(error.name), "eval", "The benchmark lm_eval") from error
    where = f"evaluate.lm_eval:{name}"
    # Looking through the files of all tasks takes seconds; those of the folder may refer to them only in a group.
    manager = TaskManager(include_path=folder, include_defaults=False) if folder else None
    if manager is None or name not in manager.all_subtasks:
        manager = TaskManager(include_path=folder)
    if name not in manager.all_tasks:
        near = difflib.get_close_matches(name, manager.all_tasks, n=1, cutoff=0.6)
        hint = f"Did you mean '{near[0]}'?" if near else "List them with: lm-eval ls tasks"
        raise UserError(f"lm-eval has no task '{name}'.", where=where, mend=hint)
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
            f"the task or its data cannot be loaded: {_first_line(error)}",
            where=where,
            mend="Check the network; or put a task file into the benchmark's folder whose data are local, with "
            "dataset_path: json and dataset_kwargs: {data_files: {test: FILE}}.",
        ) from error
    tasks = dict(loaded["tasks"])
    groups = list(loaded["groups"].values())
    # A group holds its tasks and its inner groups: the outermost one is enough.
    return manager, [group for group in groups if group.name == name] or list(tasks.values()), tasks


def _check(task: Any) -> None:
    reason = None
    if getattr(task, "UNSAFE_CODE", False):
        reason = "it runs code that the model writes"
    elif getattr(task, "MULTIMODAL", False):
        reason = "it asks about images or sound"
    if reason:
        raise UserError(
            f"the task cannot be measured here: {reason}.",
            where=f"evaluate.lm_eval:{task.task_name}",
            mend="Run it with lm-eval itself.",
        )


def _wrapped(policy: Policy, batch_size: int) -> Any:
    from lm_eval.models.huggingface import HFLM

    return HFLM(
        pretrained=policy.model,
        tokenizer=policy.tokenizer,
        batch_size=batch_size,
        max_length=policy.context if policy.context < NO_LIMIT else None,
    )


def _evaluated(
    lm: Any, manager: Any, built: Sequence[Any], options: Options, kept: Mapping[str, Sequence[int]] | None
) -> dict[str, Any]:
    from jinja2 import TemplateError
    from lm_eval import simple_evaluate

    try:
        found: dict[str, Any] = simple_evaluate(
            model=lm,
            tasks=list(built),
            task_manager=manager,
            num_fewshot=options.num_fewshot,
            gen_kwargs=None if options.new_tokens is None else {"max_gen_toks": options.new_tokens},
            apply_chat_template=options.chat,
            samples=None if kept is None else dict(kept),
            batch_size=options.batch_size,
            bootstrap_iters=0,
            log_samples=True,
        )
    except (AssertionError, ValueError, TemplateError) as error:
        raise UserError(
            f"lm-eval cannot ask this model: {_first_line(error) or 'an answer is longer than its context.'}",
            where="evaluate.lm_eval",
            mend=f"The model reads {lm.max_length} tokens: set new_tokens or num_fewshot lower, or mend the task.",
        ) from error
    return found


def _better(task: Any, samples: Sequence[Mapping[str, Any]]) -> dict[str, bool | None]:
    said = task.higher_is_better()
    return {metric: said.get(metric) for metric in _metrics(samples)}


def _aggregations(task: Any, samples: Sequence[Mapping[str, Any]]) -> dict[str, str | None]:
    from lm_eval.api.registry import get_aggregation

    known = {get_aggregation(name): name for name in AGGREGATIONS}
    used = task.aggregation()
    return {metric: known.get(used.get(metric)) for metric in _metrics(samples)}


def _metrics(samples: Sequence[Mapping[str, Any]]) -> list[str]:
    return sorted({metric for sample in samples for metric in sample["metrics"]})


def _is_cut(lm: Any, sample: Mapping[str, Any]) -> bool:
    """Whether the beginning of what was asked did not fit in the model's context."""
    for asked in sample["arguments"]:
        if len(asked) < 2:  # a text read in windows, of which nothing is lost
            continue
        before, after = asked[0], asked[1]
        room = lm.max_length
        if isinstance(after, Mapping):
            room -= after.get("max_gen_toks", lm.max_gen_toks)
            after = ""
        else:
            room += 1  # the last token is only predicted
        if len(lm.tok_encode(before + after)) > room:
            return True
    return False


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "")
