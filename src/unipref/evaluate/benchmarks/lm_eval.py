"""Runs any task of lm-eval on the model that is already loaded; its metrics are computed from the samples."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from unipref.core.chat_models import Policy, RewardModel
from unipref.core.contracts import Benchmark
from unipref.core.scores import Example
from unipref.core.stats.statistic import Statistic, mean, pool_clusters
from unipref.evaluate.lm_eval_runner import Options, TaskResults, run_task

DEFAULT_MODE = "corrected"
"""The mode of metrics that have no filter."""


class LmEval(Benchmark):
    """A task, group or tag of lm-eval by its name, as in `lm_eval:hellaswag`; prompts, filters, metrics are lm-eval's.

    | metric | formula | best |
    |---|---|---|
    | the task's own | means over samples, or perplexities of them, as the task aggregates them | as the task defines |

    Metrics with another aggregation (F1, BLEU, the task's own function) are left out, as are those for which lm-eval
    does not say whether higher is better; a note names them. lm-eval has no chance levels, so none is given. A filter
    becomes a mode. For several tasks, `all` is the mean over their samples and `task:NAME` is one task. Units are
    samples: two models are compared sample by sample.

    As in lm-eval, a prompt that is longer than the model's context loses its beginning; a note counts these.

    Data: an optional folder of your own task files (YAML), in addition to lm-eval's tasks. Without access to the hub,
    write a task file with local data: `dataset_path: json` and `dataset_kwargs: {data_files: {test: FILE}}`. Needs the
    extra `eval`.
    """

    example: ClassVar[Mapping[str, Any]] = {"settings": {"task": "hellaswag", "num_fewshot": 0, "limit": 500}}
    argument: ClassVar[str | None] = "task"
    required_packages: ClassVar[tuple[str, ...]] = ("lm_eval",)
    downloads_data: ClassVar[bool] = True

    task: Annotated[str, Field(min_length=1)]
    """The name of a task, group or tag."""
    data: str | None = "lm_eval"
    """Folder of task files, relative to `data_root`; the default folder may be missing."""
    num_fewshot: Annotated[int, Field(ge=0)] | None = None
    """Number of few-shot examples before each question; None: the task's default."""
    new_tokens: Annotated[int, Field(ge=1)] | None = None
    """Maximum length of generated text, in tokens; None: the task's default."""
    chat: bool = False
    """Whether to format prompts with the chat template instead of as plain text."""
    limit: int | None = None
    """Number of samples of each task to measure, evenly spread; None: all."""
    batch_size: int = 16
    """Maximum number of sequences in one forward pass."""

    @property
    def dialogue(self) -> bool:  # type: ignore[override]
        """Whether prompts use the chat template: a setting here."""
        return self.chat

    def examine(self, model: Policy | RewardModel, data: Path, split: str) -> tuple[list[Example], list[str]]:
        """Scores a policy; one row is one sample of a task under one filter."""
        assert isinstance(model, Policy)
        options = Options(self.batch_size, self.num_fewshot, self.new_tokens, self.chat, self.limit)
        task_results = run_task(model, self.task, data if data.exists() else None, options)
        examples = [
            _example(task_results, task, sample, split)
            for task in sorted(task_results.samples)
            for sample in task_results.samples[task]
        ]
        return examples, list(self._notes(task_results, model))

    @classmethod
    def statistics(cls, examples: Sequence[Example]) -> Iterator[Statistic]:
        """All metrics: over all samples and per task, each metric under each filter; units are samples."""
        tasks = sorted({example["task"] for example in examples})
        parts = {"all": list(examples)} if examples else {}
        for task in tasks if len(tasks) > 1 else []:
            parts[f"task:{task}"] = [example for example in examples if example["task"] == task]
        for name, rows in parts.items():
            for mode in sorted({row["mode"] for row in rows}):
                yield from _statistics([row for row in rows if row["mode"] == mode], name)

    def _notes(self, task_results: TaskResults, policy: Policy) -> Iterator[str]:
        for task in sorted(task_results.samples):
            n = len({sample["doc_id"] for sample in task_results.samples[task]})
            if n < task_results.totals[task]:
                yield f"{task}: only {n} of {task_results.totals[task]} samples were sampled (limit: {self.limit})."
            for metric, aggregation in task_results.aggregations[task].items():
                if aggregation is None:
                    yield f"{task}: {metric} left out: its aggregation is not a mean over samples."
                elif task_results.higher_is_better[task][metric] is None:
                    yield f"{task}: {metric} left out: lm-eval does not say whether higher is better."
        if task_results.cut:
            context = f"the model's context of {policy.context} tokens"
            yield f"{task_results.cut} prompts lost their beginning: longer than {context}."


def _example(task_results: TaskResults, task: str, sample: Mapping[str, Any], split: str) -> Example:
    """The table row of a sample: prompt, target and responses as text, and the values of its metrics."""
    values, better, aggregations = {}, task_results.higher_is_better[task], task_results.aggregations[task]
    for metric in sample["metrics"]:
        if aggregations[metric] is not None and better[metric] is not None:
            value = sample[metric]
            values[metric] = {
                "value": [float(part) for part in value] if isinstance(value, tuple | list) else float(value),
                "aggregation": aggregations[metric],
                "higher_is_better": better[metric],
            }
    return {
        "split": split,
        "mode": DEFAULT_MODE if sample["filter"] == "none" else sample["filter"],
        "task": task,
        "doc_id": sample["doc_id"],
        "prompt": str(sample["arguments"][0][0]),
        "target": str(sample["target"]),
        "responses": [str(response) for response in sample["filtered_resps"]],
        "values": values,
    }


def _statistics(rows: Sequence[Example], part: str) -> Iterator[Statistic]:
    """Each metric of the rows, over the rows that have it."""
    for metric in sorted({metric for row in rows for metric in row["values"]}):
        own = [row for row in rows if metric in row["values"]]
        entries = [row["values"][metric] for row in own]
        if len({(entry["aggregation"], entry["higher_is_better"]) for entry in entries}) > 1:
            continue  # the group's tasks define this metric differently: it appears per task only
        about: dict[str, Any] = {
            "mode": own[0]["mode"],
            "split": own[0]["split"],
            "slice": part,
            "unit": "samples",
            "direction": "higher" if entries[0]["higher_is_better"] else "lower",
        }
        yield _aggregate(metric, entries[0]["aggregation"], own, about)


def _aggregate(metric: str, aggregation: str, rows: Sequence[Example], about: Mapping[str, Any]) -> Statistic:
    """Aggregates a metric as lm-eval does (lm_eval.api.metrics)."""
    units = [f"{row['task']}:{row['doc_id']}" for row in rows]
    values = np.array([row["values"][metric]["value"] for row in rows], dtype=np.float64)
    if aggregation in ("weighted_perplexity", "bits_per_byte"):
        of_ratio = (lambda r: np.exp(-r)) if aggregation == "weighted_perplexity" else (lambda r: -r / math.log(2))
        return pool_clusters(metric, units, values[:, 0], values[:, 1], of_ratio, **about)
    if aggregation == "nanmean":
        is_finite = np.isfinite(values)
        return pool_clusters(metric, units, np.where(is_finite, values, 0.0), is_finite, **about)
    of_means = (lambda means: np.exp(-means)) if aggregation == "perplexity" else None
    return mean(metric, units, values, of_means=of_means, **about)
