"""The base classes of plug-ins: format, export, scorer, strategy, trainer and benchmark.

Each is a `Choice`: a frozen pydantic object. Its fields are its settings, its docstring is its documentation, and one
or two methods do the work. A choice is one file in the folder of its stage, and the file's name is its name.
"""

import abc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from unipref.core import hashing
from unipref.core.candidates import Candidates
from unipref.core.chat_models import Policy, RewardModel
from unipref.core.records import Axis, Feedback, Reject, Row
from unipref.core.scores import Example, Finding

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from unipref.core.stats.bootstrap import Statistic


class Settings(BaseModel):
    """Typed, immutable settings, each documented at its field. Unknown keys and infinite numbers are errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, populate_by_name=True, allow_inf_nan=False
    )


class Choice(Settings, abc.ABC):
    """One way to do a stage's work. Its name in the study file is the name of its file."""

    example: ClassVar[Mapping[str, Any]]
    """Settings (of a format also rows, of a benchmark also files) for the docs and the contract tests."""
    argument: ClassVar[str | None] = None
    """The setting whose value `NAME:VALUE` gives; None: a value after the name is an error."""

    @classmethod
    def name(cls) -> str:
        """The name in the study file: the last part of the module's name."""
        return cls.__module__.rpartition(".")[2]

    def code_files(self) -> list[Path]:
        """Returns the files of the user's functions in its settings; a stage runs again when one changes."""
        return []


FeedbackKind = Literal["pairs", "single", "demonstrations"]
"""What a preference holds: two answers to compare, one answer judged by itself, or one good answer."""


Grouping = Literal["row", "pair", "prompt"]
"""Which rows unify brings together before it orders their answers. row: none. pair: those that judge the same two
answers to the same prompt. prompt: those with the same prompt."""


class Format(Choice):
    """A shape of feedback: it turns a raw row into `Feedback`. The result depends on the row and the settings alone.

    `example` holds `settings` (the `map:` of a study file) and `rows` (raw rows of that shape).
    """

    grouping: ClassVar[Grouping] = "row"
    """Which rows give one group of answers, whose judgements are added up."""
    feedback_kind: ClassVar[FeedbackKind] = "pairs"
    """What most preferences of this format hold; `unipref init` chooses the training steps by it."""
    needs: ClassVar[tuple[str, ...]] = ()
    """What a row must hold, in the words of `unipref.unify.inspection.CONTENTS`. If no format fits, `inspect` lists
    which of these are missing. Empty: `inspect` does not suggest the format."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Raises TypeError if a subclass sets `across_rows`, which earlier versions read."""
        if hasattr(cls, "across_rows"):
            raise TypeError(f'{cls.__name__}: set grouping = "prompt" in place of across_rows')

    @abc.abstractmethod
    def read(self, row: Row) -> Iterator[Feedback | Reject]:
        """Reads one raw row.

        Yields:
            Any number of `Feedback`, and a `Reject` for each part of the row that cannot be used.

        Raises:
            Reject: the whole row cannot be used.
        """

    @classmethod
    def has_pairs(cls, settings: Mapping[str, Any]) -> bool:
        """Returns whether rows give two answers to compare when read with these settings, which may be incomplete."""
        return cls.feedback_kind == "pairs"

    def axes(self) -> dict[str, Axis]:
        """Returns the axes this format scores answers on, in declared order.

        The first one decides, unless the source names another.
        """
        return {}


@dataclass(frozen=True)
class Proposal:
    """How an export would be read: an entry of a study file, with `?` where only the user knows.

    Attributes:
        format: the format; None if the export holds no judgement that unipref can use.
        map: the format's settings.
        confidence: in [0, 1], that the rows are of this export and that the entry reads them rightly.
        why: the reasons.
        doubts: what the rows do not tell.
        source: further settings of the source, such as `records`.
    """

    format: str | None
    map: dict[str, Any]
    confidence: float
    why: list[str]
    doubts: list[str] = field(default_factory=list)
    source: dict[str, Any] = field(default_factory=dict)


class Export(Choice):
    """The files that one tool exports: `unipref inspect` recognises them and proposes an entry for the study file.

    `example` holds `rows` as in a file of the tool, and `preferences`: the last messages of both sides of each
    preference that they give. If the proposal has questions, `answers` holds the settings of the source that the user
    would fill in; `files` holds the rows of files to join. `further_examples` has the same for other shapes.
    """

    origin: ClassVar[str]
    """The tool, its versions, and how a user gets the file."""
    seen: ClassVar[str]
    """The source of its schema."""
    verified: ClassVar[Literal["data", "schema"]]
    """data: tested on a real file; schema: written from its documentation and tested on hand-written rows."""
    further_examples: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Title -> an example of another shape."""
    settled: ClassVar[tuple[str, ...]] = ()
    """Fields that look like a judgement and are rightly left unread; `*` stands for every item of a list."""

    @classmethod
    @abc.abstractmethod
    def recognise(cls, rows: Sequence[Row]) -> Proposal | None:
        """Proposes how to read rows of this export; None if they are not of this export.

        Args:
            rows: the first rows of a file, as they are before `records` and `map`.
        """


class Scorer(Choice):
    """A measure of how good a preference is to learn from. `example` holds `settings`.

    Strategies combine scorers of any unit: the scores become midrank percentiles within their source, and the
    percentiles are averaged by `weight`.
    """

    weight: float = Field(default=1.0, gt=0)
    """Its weight among several scorers."""

    @abc.abstractmethod
    def score(self, candidates: Candidates) -> "npt.NDArray[np.float64]":
        """Returns (n,) scores in the scorer's own units: the higher the better, NaN for no score."""

    def models(self, default: str | None) -> list[str]:
        """Returns the models that it queries.

        Args:
            default: the study's model.

        Raises:
            UserError: the scorer needs a model, but neither its settings nor the study name one.
        """
        return []


@dataclass(frozen=True)
class Selection:
    """What a strategy kept, and its values for each candidate.

    Attributes:
        kept: positions of the kept candidates, ascending, without repeats.
        columns: name -> (n,) values, written to `decisions.parquet` and shown by `unipref explain`. NaN, -1 and the
            empty text mean no value. Names with a fixed meaning: `quality` (percentile), `cluster`, `rank` (place
            within its cell, 1 first), `cell_size` (candidates in that cell), `cell_kept` (how many of them were kept),
            `reason` (in words), `blocked_by` (id of the kept candidate that is too similar to it). A scorer's scores
            are under its name, their percentiles under `NAME_percentile`.
        shortfall: source and objective -> preferences (or tokens) that the budget allows but the strategy cannot
            fill.
        notes: what a reader of the result should know.
    """

    kept: "npt.NDArray[np.int64]"
    columns: "Mapping[str, npt.NDArray[Any]]" = field(default_factory=dict)
    shortfall: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Strategy(Choice):
    """A way to choose the preferences to train on. `example` holds `settings`."""

    is_seeded: ClassVar[bool] = True
    """Whether the seed can change what it keeps. If not, all seeds of a run share one selection."""
    is_filter: ClassVar[bool] = False
    """Whether its settings name the sources or objectives to keep. Then nothing warns that the others are missing."""
    takes_whole: ClassVar[bool] = False
    """Whether it keeps exactly the sources or objectives that its settings `sources` and `objectives` name, complete.
    Reports and verdicts then treat the variant as one source (or objective) alone."""
    random: ClassVar[bool] = False
    """Whether it keeps a random subset. Reports and verdicts compare selections with a random subset of equal size."""

    @abc.abstractmethod
    def select(self, candidates: Candidates, seed: int) -> Selection:
        """Selects candidates and says why. Ties are broken by id."""

    def models(self, default: str | None) -> list[str]:
        """Returns the models that its scorers query; arguments and errors as in `Scorer.models`."""
        return []

    @property
    def embedding_model(self) -> str | None:
        """The embedder that its settings name, whose files its result depends on; None if it embeds nothing."""
        return None


class ModelDependency(NamedTuple):
    """A model that a trainer queries about answers, besides the one it trains.

    Attributes:
        name: an earlier step, 'base', or a folder or hub name.
        model_kind: 'reward' or 'policy'.
        place: the setting that names it, for errors.
    """

    name: str
    model_kind: str
    place: str


class TrainJob(Settings):
    """The input of a trainer: where to start, what to learn from and where to write."""

    policy: Path
    """Folder of the model to start from."""
    preferences: Path
    """Parquet file of the preferences to train on."""
    held_out: Path
    """Parquet file of the dev preferences."""
    reward_model: Path | None = None
    """Folder of the reward model, for trainers that need one."""
    dependencies: dict[str, Path] = {}
    """Name, as in the settings -> folder (or hub name) of a further model that the trainer queries."""
    data_root: Path = Path()
    """The folder that paths in the settings are relative to."""
    out: Path
    """Folder to write the trained model to; exists and is empty."""
    checkpoint_dir: Path | None = None
    """Folder for checkpoints, created when needed. It outlives the process, so the step can resume from it. None: the
    step cannot be resumed."""
    run: Path | None = None
    """The run folder: an adapter names a base model inside it by a relative path, so that the folder can be moved."""
    seed: int = 0


LearnsFrom = Literal["demonstrations", "pairs", "labels", "prompts"]
"""Only chosen answers; chosen and rejected answers; single answers labelled good or bad; or only prompts."""


class Trainer(Choice):
    """A training step: from one model folder to the next. `example` holds `settings`.

    It wraps one TRL trainer: it builds TRL's arguments, calls TRL and saves the model. TRL's fields keep their
    names.
    """

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True, populate_by_name=True)

    model_kind: ClassVar[str] = "policy"
    """The kind of model that the step trains: 'policy' or 'reward'."""
    learns_from: ClassVar[LearnsFrom] = "pairs"
    """The part of a preference it learns from. Verdicts compare a step with the demonstrations step it starts from."""
    writes_answers: ClassVar[bool] = False
    """Whether it learns from answers that the model generates. Then the number of epochs over the prompts says little
    about the selection, and the report does not warn about too few epochs."""
    step: str | None = Field(default=None, alias="name")
    """The step's name, if it differs from the trainer's; later steps refer to it."""
    start: str | None = Field(default=None, alias="from")
    """The step to start from; None: the last policy. 'base' is the study's model."""
    reward: str | None = None
    """The step whose reward model is used; None: the last one."""

    @property
    def needs_reward_model(self) -> bool:
        """Whether it uses the reward model of an earlier step."""
        return False

    @property
    def saves_adapter(self) -> bool:
        """Whether it saves an adapter alone, which needs the model that the step started from."""
        return False

    def model_dependencies(self) -> list[ModelDependency]:
        """Returns the models that the settings name, besides the one it starts from and the last reward model."""
        return []

    def files(self) -> dict[str, str]:
        """Returns the files that the settings name: setting -> path, relative to `data_root`."""
        return {}

    @abc.abstractmethod
    def fit(self, job: TrainJob) -> dict[str, Any]:
        """Trains, saves model and tokenizer to `job.out` and returns a record of the training.

        Returns:
            `used` and `left_out` (reason -> count) preferences, `tokens`, `steps` and `curve` (the metrics TRL logged,
            one mapping per logging step).
        """


class HeadlineMetric(NamedTuple):
    """The one metric that stands for a benchmark, in mode `corrected` over all examples.

    Attributes:
        objective: what it measures: INSTRUCTION or BIAS.
        metric: its name.
        skill_metric: a metric shown beside it; if that is at chance, this one is meaningless. None: it is a skill
            itself.
        unit: the value that stands for 1: 100 for a percentage.
    """

    objective: str
    metric: str
    skill_metric: str | None = None
    unit: float = 1.0


INSTRUCTION, BIAS = "instruction", "bias"


class Benchmark(Choice):
    """A way to measure a model. `example` holds `settings` and `files`: a small copy of the data, file name -> text or
    rows (`unipref.evaluate.example_files` writes them; the contract test damages them).

    It works in two separate steps: `examine` queries the model and returns a table with one row per example;
    `statistics` computes every score from that table alone. So scores can be recomputed from disk, and models compared
    unit by unit, without querying them again.
    """

    measures: ClassVar[frozenset[str]] = frozenset({"policy"})
    """The kinds of model it can measure: 'policy', 'reward' or both."""
    dialogue: ClassVar[bool] = False
    """Whether it uses the model's chat template (or the paper's layout, if the model has none) instead of plain text.
    The scores state which one was used."""
    folder_aliases: ClassVar[tuple[str, ...]] = ()
    """Other names of its data folder, tried if the data root has no folder with the benchmark's name."""
    required_packages: ClassVar[tuple[str, ...]] = ()
    """Packages of the extra `eval` that it needs. unipref checks them before a run starts."""
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
    """Folder or file with the benchmark's data, relative to `data_root`; None: the run's own splits."""
    data_hash: str | None = None
    """The expected hash of the data, as an earlier evaluation printed it. Other data are an error."""
    limit: int | None = None
    """Measure at most this many items, evenly spaced; None: all. `examine` must apply it, with
    `evaluate.subsample.apply_limit`."""

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


def read_all(form: Format, rows: Iterable[Row]) -> list[Feedback | Reject]:
    """Returns the feedback and rejects of all rows, rejects of whole rows included: for tests, docs and `inspect`."""
    records: list[Feedback | Reject] = []
    for row in rows:
        try:
            records.extend(form.read(row))
        except Reject as reject:
            records.append(reject)
    return records
