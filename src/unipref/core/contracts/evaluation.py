"""The base class of benchmarks."""

import abc
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from unipref.core import hashing
from unipref.core.chat_models import Policy, RewardModel
from unipref.core.contracts.base import Choice
from unipref.core.scores import Example, Finding

if TYPE_CHECKING:
    from unipref.core.stats.statistic import Statistic


class HeadlineMetric(NamedTuple):
    """The one metric that stands for a benchmark, in mode `corrected` over all examples.

    Attributes:
        objective: what it measures: INSTRUCTION or BIAS.
        metric: its name.
        skill_metric: a metric shown beside it as a caption. None: it is a skill itself.
        unit: the value that stands for 1: 100 for a percentage.
        caption: what the report says about it, where it is a proxy for what it measures.
        guards: further metrics of the benchmark; where one of them, or the skill, gets worse, a better headline
            metric deceives.
    """

    objective: str
    metric: str
    skill_metric: str | None = None
    unit: float = 1.0
    caption: str = ""
    guards: tuple[str, ...] = ()


INSTRUCTION, BIAS = "instruction", "bias"
Precision = Literal["float32", "bfloat16", "float16"]
"""The type of a model's weights while it is measured."""


class Benchmark(Choice):
    """A way to measure a model. `example` holds `settings` and `files`: a small copy of the data, file name -> text or
    rows (`unipref.evaluate.example_files` writes them; the contract test damages them).

    It works in two separate steps: `examine` queries the model and returns a table with one row per example;
    `statistics` computes every score from that table alone. So scores can be recomputed from disk, and models compared
    unit by unit, without querying them again.
    """

    measures: ClassVar[frozenset[str]] = frozenset({"policy"})
    """What it can measure: 'policy', 'reward' or 'judge', or several of them."""
    dialogue: ClassVar[bool] = False
    """Whether it uses the model's chat template (or the paper's layout, if the model has none) instead of plain text.
    The scores state which one was used."""
    folder_aliases: ClassVar[tuple[str, ...]] = ()
    """Other names of its data folder, tried if the data root has no folder with the benchmark's name."""
    required_packages: ClassVar[tuple[str, ...]] = ()
    """Packages that it needs besides unipref's own. unipref checks them before a run starts."""
    required_extra: ClassVar[str] = "eval"
    """The extra of unipref that installs them."""
    downloads_data: ClassVar[bool] = False
    """Whether it downloads its data if no folder has its name."""
    headline_metric: ClassVar[HeadlineMetric | None] = None
    """The metric that verdicts use; None: it measures neither instruction following nor bias."""
    has_parts: ClassVar[bool] = False
    """Whether its data have a test and a dev part; True for every `SplitBenchmark`."""
    fallback_metric: ClassVar[str | None] = None
    """A metric with slices `objective:NAME`. Verdicts use it for objectives without a headline metric in the study."""
    published_hashes: ClassVar[Mapping[str, str]] = {}
    """File name -> SHA-256 of the published data. If a file differs, a note says so."""

    data: str | None = None
    """Folder or file with the benchmark's data, relative to `data_root`, or `hf://datasets/OWNER/NAME@REVISION/PATH` on
    the hub; None: the run's own splits."""
    data_hash: str | None = None
    """The expected hash of the data, as an earlier evaluation printed it. Other data are an error."""
    limit: int | None = None
    """Measure at most this many items, evenly spaced; None: all. `examine` must apply it, with
    `evaluate.subsample.apply_limit`."""
    precision: Precision = "float32"
    """The type of the model's weights while it is measured, however they were saved. All models that are compared need
    the same one. In the two short types, log-likelihoods depend on the batch, by up to about 0.25 nats."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Raises TypeError if a subclass has a setting `split` but is not a `SplitBenchmark`."""
        if "split" in cls.model_fields and not cls.has_parts:
            raise TypeError(f"{cls.__name__} has a setting 'split': make it a subclass of SplitBenchmark")

    @property
    def part(self) -> str:
        """The part of the data it measures, 'test' or 'dev'; a setting of `SplitBenchmark`."""
        return "test"

    def extra_files(self, data: Path) -> list[Path]:
        """Returns files that it reads outside its data; their hash is part of the data's hash."""
        return []

    def environment(self) -> dict[str, Any]:
        """Returns what else on this machine affects its scores, such as package versions; part of the cache key."""
        return hashing.find_versions("torch", "transformers", *self.required_packages)

    @property
    def title(self) -> str:
        """Its name in the scores, with the value of its `argument` if it has one."""
        return self.name() if self.argument is None else f"{self.name()}:{getattr(self, self.argument)}"

    @abc.abstractmethod
    def examine(self, model: Policy | RewardModel, data: Path, split: str) -> tuple[list[Example], list[str]]:
        """Asks the model.

        Args:
            model: the loaded model.
            data: the benchmark's folder or file; for run splits, the Parquet file of that split.
            split: 'test' or 'dev'.

        Returns:
            The table, JSON values only, and notes: what a reader of the scores should know, such as skipped items.

        Raises:
            UserError: the data are not in this benchmark's format.
        """

    @classmethod
    @abc.abstractmethod
    def statistics(cls, examples: Sequence[Example]) -> "Iterator[Statistic]":
        """Yields all statistics of a table; none for an empty one."""

    def measure(self, model: Policy | RewardModel, data: Path, split: str) -> Finding:
        """Asks the model and computes all scores; arguments and errors as for `examine`."""
        examples, notes = self.examine(model, data, split)
        return Finding([statistic.score() for statistic in self.statistics(examples)], examples, notes)


class SplitBenchmark(Benchmark):
    """A benchmark whose data have a test and a dev part. The dev part can be measured during training."""

    has_parts: ClassVar[bool] = True

    split: Literal["test", "dev"] = "test"
    """The part of the data to measure."""

    @property
    def part(self) -> str:
        """The part of the data that its settings name."""
        return self.split
