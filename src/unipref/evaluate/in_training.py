"""Scores a model during training: on the dev parts of the study's benchmarks, a sample of each."""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unipref.core.chat_models import Policy, RewardModel
from unipref.core.contracts import Benchmark, SplitBenchmark
from unipref.core.scores import Score
from unipref.evaluate import dev_path
from unipref.models.loading import CHAT_TEMPLATES, context_length
from unipref.models.reward_axes import read_axes, read_weights

NAME = "the model in training"
"""Its name in errors."""
SLICES = ("all", "objective:")
"""Slices whose scores are kept: everything, and each objective."""


@dataclass(frozen=True)
class DevBenchmark:
    """One benchmark, ready to be measured on its dev part.

    Attributes:
        label: its name in the scores.
        benchmark: set to the dev part and to a sample of it.
        data: path of its data.
    """

    label: str
    benchmark: Benchmark
    data: Path


def select_dev_benchmarks(
    benchmarks: Iterable[tuple[Benchmark, str]], kind: str, limit: int, data_root: Path, splits: Mapping[str, Path]
) -> list[DevBenchmark]:
    """Selects the benchmarks that can be measured during training, and sets them to their dev parts.

    Args:
        benchmarks: (benchmark, label) pairs.
        kind: 'policy' or 'reward': the kind of model in training.
        limit: maximum number of items per benchmark.
        data_root: folder that the `data` of the benchmarks is relative to.
        splits: split name -> Parquet file of the run's preferences.
    """
    selected = []
    for benchmark, label in benchmarks:
        path = dev_path(benchmark, data_root, splits)
        if path is None or kind not in benchmark.measures:
            continue
        changes: dict[str, Any] = {"limit": min(limit, benchmark.limit or limit)}
        changes |= {"split": "dev"} if isinstance(benchmark, SplitBenchmark) else {}
        selected.append(DevBenchmark(label, benchmark.model_copy(update=changes), path))
    return selected


def measure(probes: Iterable[DevBenchmark], kind: str, model: Any, tokenizer: Any) -> dict[str, Score]:
    """Scores a model that is already in memory.

    Args:
        probes: the benchmarks to measure.
        kind: 'policy' or 'reward'.
        model: in eval mode, with or without an adapter.
        tokenizer: the training's; it is copied, not changed.

    Returns:
        `label/metric` (plus mode and slice, unless they are the default ones) -> score.
    """
    tokenizer_copy = copy.deepcopy(tokenizer)
    tokenizer_copy.padding_side = "right" if kind == "reward" else "left"
    base_model = model.get_base_model() if hasattr(model, "get_base_model") else model
    has_own_template = tokenizer_copy.chat_template not in CHAT_TEMPLATES
    context = context_length(base_model, tokenizer_copy)
    wrapped: Policy | RewardModel = Policy(base_model, tokenizer_copy, NAME, has_own_template, context)
    if kind == "reward":
        axes, weights = read_axes(base_model.config), read_weights(base_model.config, NAME)
        wrapped = RewardModel(base_model, tokenizer_copy, NAME, has_own_template, context, axes, weights)
    scores: dict[str, Score] = {}
    for probe in probes:
        measurement = probe.benchmark.measure(wrapped, probe.data, "dev")
        scores |= {_score_name(probe.label, s): s for s in measurement.scores if s.slice.startswith(SLICES)}
    return scores


def _score_name(label: str, score: Score) -> str:
    parts = [label, *([score.mode] if score.mode not in ("corrected", "likelihood", "reward") else []), score.metric]
    return "/".join([*parts, *([score.slice] if score.slice != "all" else [])])
