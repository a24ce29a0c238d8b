"""Any task of lm-eval, asked of the model that is loaded already; its figures come from the table of samples."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from unipref.core.contracts import Benchmark
from unipref.core.scores import Example
from unipref.core.stats.bootstrap import Statistic, mean, pooled
from unipref.evaluate.lm_eval_runner import Options, Ran, run_task
from unipref.models.loading import Policy, RewardModel

USUAL = "corrected"
"""The mode of metrics without a filter of their own."""


class LmEval(Benchmark):
    """A task, group or tag of lm-eval by its name, as in `lm_eval:hellaswag`; prompts, filters, metrics are lm-eval's.

    | metric | formula | best |
    |---|---|---|
    | those of the task | means over samples, or perplexities of them, as the task aggregates them | as the task says |

    A metric that is aggregated otherwise (F1, BLEU, a function of the task's own), or of which lm-eval does not say
    whether higher is better, is left out and named in a note. lm-eval knows no chance levels, so none is given. A
    filter is a mode. Of several tasks `all` is the mean over their samples, and `task:NAME` one task. Units are
    samples: two models are compared sample by sample.

    A prompt that is longer than the model's context loses its beginning, as lm-eval does it; a note counts those.

    Data: a folder of task files (YAML) of your own, beside lm-eval's tasks; none is needed for those. Where a hub
    cannot be reached, a task file names local data: `dataset_path: json` and `dataset_kwargs: {data_files: {test:
    FILE}}`. Needs the extra `eval`.
    """

    example: ClassVar[Mapping[str, Any]] = {"settings": {"task": "hellaswag", "num_fewshot": 0, "limit": 500}}
    argument: ClassVar[str | None] = "task"
    packages: ClassVar[tuple[str, ...]] = ("lm_eval",)
    fetches: ClassVar[bool] = True

    task: Annotated[str, Field(min_length=1)]
    """The name of a task, group or tag."""
    data: str | None = "lm_eval"
    """Folder of task files, relative to `data_root`; a missing folder of this name is no error."""
    num_fewshot: Annotated[int, Field(ge=0)] | None = None
    """Examples in front of each question; None: as the task says."""
    new_tokens: Annotated[int, Field(ge=1)] | None = None
    """Longest text written, in tokens; None: as the task says."""
    chat: bool = False
    """Ask through the chat template instead of with plain text."""
    limit: int | None = None
    """Measure only so many samples of each task, evenly spread; None: all."""
    batch_size: int = 16
    """Most sequences in one forward pass."""

    @property
    def dialogue(self) -> bool:  # type: ignore[override]
        """Whether it asks through the chat template: a setting here."""
        return self.chat

    def examine(self, model: Policy | RewardModel, data: Path, split: str) -> tuple[list[Example], list[str]]:
        """Asks a policy; one row is one sample of a task under one filter."""
        assert isinstance(model, Policy)
        options = Options(self.batch_size, self.num_fewshot, self.new_tokens, self.chat, self.limit)
        ran = run_task(model, self.task, data if data.exists() else None, options)
        examples = [_example(ran, task, sample, split) for task in sorted(ran.samples) for sample in ran.samples[task]]
        return examples, list(self._notes(ran, model))

    @classmethod
    def statistics(cls, examples: Sequence[Example]) -> Iterator[Statistic]:
        """All figures: over all samples and per task, each metric under each filter; units are samples."""
        tasks = sorted({example["task"] for example in examples})
        parts = {"all": list(examples)} if examples else {}
        for task in tasks if len(tasks) > 1 else []:
            parts[f"task:{task}"] = [example for example in examples if example["task"] == task]
        for name, rows in parts.items():
            for mode in sorted({row["mode"] for row in rows}):
                yield from _statistics([row for row in rows if row["mode"] == mode], name)

    def _notes(self, ran: Ran, policy: Policy) -> Iterator[str]:
        for task in sorted(ran.samples):
            n = len({sample["doc_id"] for sample in ran.samples[task]})
            if n < ran.documents[task]:
                yield f"{task}: only {n} of {ran.documents[task]} samples were taken (limit: {self.limit})."
            for metric, way in ran.aggregations[task].items():
                if way is None:
                    yield f"{task}: {metric} left out: it is no mean over samples."
                elif ran.better[task][metric] is None:
                    yield f"{task}: {metric} left out: lm-eval does not say whether higher is better."
        if ran.cut:
            yield f"{ran.cut} samples lost their beginning: longer than the model's context of {policy.context} tokens."


def _example(ran: Ran, task: str, sample: Mapping[str, Any], split: str) -> Example:
    """What of a sample is kept: what was asked and answered as text, and the values of its metrics."""
    values, better, ways = {}, ran.better[task], ran.aggregations[task]
    for metric in sample["metrics"]:
        if ways[metric] is not None and better[metric] is not None:
            value = sample[metric]
            values[metric] = {
                "value": [float(part) for part in value] if isinstance(value, tuple | list) else float(value),
                "aggregation": ways[metric],
                "higher_is_better": better[metric],
            }
    return {
        "split": split,
        "mode": USUAL if sample["filter"] == "none" else sample["filter"],
        "task": task,
        "doc_id": sample["doc_id"],
        "prompt": str(sample["arguments"][0][0]),
        "target": str(sample["target"]),
        "responses": [str(response) for response in sample["filtered_resps"]],
        "values": values,
    }


def _statistics(rows: Sequence[Example], part: str) -> Iterator[Statistic]:
    """Each metric that the rows have, over the rows that have it."""
    for metric in sorted({metric for row in rows for metric in row["values"]}):
        own = [row for row in rows if metric in row["values"]]
        entries = [row["values"][metric] for row in own]
        if len({(entry["aggregation"], entry["higher_is_better"]) for entry in entries}) > 1:
            continue  # tasks of a group that mean different things by it: it stands with each of them
        about: dict[str, Any] = {
            "mode": own[0]["mode"],
            "split": own[0]["split"],
            "slice": part,
            "unit": "samples",
            "direction": "higher" if entries[0]["higher_is_better"] else "lower",
        }
        yield _aggregated(metric, entries[0]["aggregation"], own, about)


def _aggregated(metric: str, way: str, rows: Sequence[Example], about: Mapping[str, Any]) -> Statistic:
    """A metric as lm-eval aggregates it (lm_eval.api.metrics)."""
    units = [f"{row['task']}:{row['doc_id']}" for row in rows]
    values = np.array([row["values"][metric]["value"] for row in rows], dtype=np.float64)
    if way in ("weighted_perplexity", "bits_per_byte"):
        of_ratio = (lambda r: np.exp(-r)) if way == "weighted_perplexity" else (lambda r: -r / math.log(2))
        return pooled(metric, units, values[:, 0], values[:, 1], of_ratio, **about)
    if way == "nanmean":
        there = np.isfinite(values)
        return pooled(metric, units, np.where(there, values, 0.0), there, **about)
    of_means = (lambda means: np.exp(-means)) if way == "perplexity" else None
    return mean(metric, units, values, of_means=of_means, **about)
