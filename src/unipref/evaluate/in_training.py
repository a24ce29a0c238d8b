"""Dev scores of a model that is being trained: the study's benchmarks on their dev parts, a sample of each."""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unipref.core.contracts import Benchmark
from unipref.core.scores import Score
from unipref.evaluate import dev_path
from unipref.models.loading import CHAT_TEMPLATE, Policy, RewardModel, context_length

SLICES = ("all", "objective:")
"""Slices whose scores are kept: everything, and each objective."""


@dataclass(frozen=True)
class Probed:
    """One benchmark, ready to be measured on its dev part.

    Attributes:
        label: its name in the scores.
        benchmark: set to the dev part and to a sample of it.
        data: where its data lie.
    """

    label: str
    benchmark: Benchmark
    data: Path


def probed(
    benchmarks: Iterable[tuple[Benchmark, str]], kind: str, limit: int, data_root: Path, splits: Mapping[str, Path]
) -> list[Probed]:
    """The benchmarks that can be measured while a model is trained.

    Args:
        benchmarks: with their labels.
        kind: 'policy' or 'reward': what is trained.
        limit: most items of a benchmark.
        data_root: where the `data` of the benchmarks starts.
        splits: the run's own.
    """
    found = []
    for benchmark, label in benchmarks:
        path = dev_path(benchmark, data_root, splits)
        if path is None or kind not in benchmark.measures:
            continue
        fields, own = type(benchmark).model_fields, getattr(benchmark, "limit", None)
        changes = {"split": "dev", "limit": min(limit, own or limit)}
        kept = {name: value for name, value in changes.items() if name in fields}
        found.append(Probed(label, benchmark.model_copy(update=kept), path))
    return found


def measure(probes: Iterable[Probed], kind: str, model: Any, tokenizer: Any) -> dict[str, Score]:
    """Scores a model that is in memory.

    Args:
        probes: what to measure.
        kind: 'policy' or 'reward'.
        model: in eval mode; an adapter may be in it.
        tokenizer: the training's; it is not changed.

    Returns:
        `label/metric` (with mode and slice, where they are not the usual ones) -> score.
    """
    own = copy.deepcopy(tokenizer)
    own.padding_side = "right" if kind == "reward" else "left"
    plain = model.get_base_model() if hasattr(model, "get_base_model") else model
    wrap = RewardModel if kind == "reward" else Policy
    asked = wrap(plain, own, "the model in training", own.chat_template != CHAT_TEMPLATE, context_length(plain, own))
    found: dict[str, Score] = {}
    for probe in probes:
        finding = probe.benchmark.measure(asked, probe.data, "dev")
        found |= {_name(probe.label, s): s for s in finding.scores if s.slice.startswith(SLICES)}
    return found


def _name(label: str, score: Score) -> str:
    parts = [label, *([score.mode] if score.mode not in ("corrected", "likelihood", "reward") else []), score.metric]
    return "/".join([*parts, *([score.slice] if score.slice != "all" else [])])
