"""The verbs: what a format, a scorer, a strategy, a trainer and a benchmark must do.

Each is a `Choice`: a frozen pydantic object whose fields are its settings, whose docstring is its documentation and
whose one or two methods do the work. A choice lives in a file of its stage's folder, and the file's name is its name.
"""

import abc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from unipref.core import hashing
from unipref.core.candidates import Candidates
from unipref.core.records import Axis, Feedback, Reject, Row
from unipref.core.scores import Example, Finding

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from unipref.core.stats.bootstrap import Statistic
    from unipref.models.loading import Policy, RewardModel


class Settings(BaseModel):
    """Typed settings: immutable, unknown keys and infinite numbers refused, documented at the field."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, populate_by_name=True, allow_inf_nan=False
    )


class Choice(Settings, abc.ABC):
    """One way to do a stage's work. Its name in the study file is the name of its file."""

    example: ClassVar[Mapping[str, Any]]
    """Settings (and, for formats, raw rows) from which the docs and the contract tests are made."""
    argument: ClassVar[str | None] = None
    """The setting that `NAME:VALUE` gives a value; None: its name is always written alone."""

    @classmethod
    def name(cls) -> str:
        """The name in the study file: the last part of the module's name."""
        return cls.__module__.rpartition(".")[2]


Gives = Literal["pairs", "single", "demonstrations"]
"""What a preference holds: two answers to compare; one answer that is judged by itself; or a good answer alone."""


class Format(Choice):
    """A shape of feedback: reads a raw row to `Feedback`. Reading is a pure function of the row.

    `example` holds `settings` (the `map:` of a study file) and `rows` (raw rows of that shape).
    """

    across_rows: ClassVar[bool] = False
    """True when the answers to one prompt are spread over several rows, to be brought together by prompt."""
    gives: ClassVar[Gives] = "pairs"
    """What most preferences of this format are; a drafted study chooses its training steps by it."""
    needs: ClassVar[tuple[str, ...]] = ()
    """What a row must hold, in the words of `unipref.unify.inspection.CONTENTS`: where no format fits, `inspect` says
    which of these are missing. Empty: the format is not suggested."""

    @abc.abstractmethod
    def read(self, row: Row) -> Iterator[Feedback | Reject]:
        """What one raw row says.

        Yields:
            Any number of `Feedback`; a `Reject` for a part of the row that cannot be used.

        Raises:
            Reject: when the whole row cannot be used.
        """

    @classmethod
    def has_pairs(cls, settings: Mapping[str, Any]) -> bool:
        """Whether rows read with these settings, which may still be incomplete, give two answers to compare."""
        return cls.gives == "pairs"

    def axes(self) -> dict[str, Axis]:
        """The axes this format scores answers on, in declared order; the first decides unless the source says."""
        return {}


class Scorer(Choice):
    """A measure of how good a preference is to learn from. `example` holds `settings`.

    Strategies combine scorers: each one's numbers become midrank percentiles within their source, so that no units
    have to agree, and the percentiles are averaged by `weight`.
    """

    weight: float = Field(default=1.0, gt=0)
    """Its weight among several scorers."""

    @abc.abstractmethod
    def score(self, candidates: Candidates) -> "npt.NDArray[np.float64]":
        """(n,) numbers in the scorer's own units: the higher the better, NaN where it has nothing to say."""

    def models(self, default: str | None) -> list[str]:
        """The models it asks.

        Args:
            default: the study's model.

        Raises:
            UserError: it needs one, and there is none.
        """
        return []


@dataclass(frozen=True)
class Selection:
    """What a strategy chose, and its values for each candidate.

    Attributes:
        kept: positions of the kept candidates, ascending, without repeats.
        columns: name -> (n,) values, written to `decisions.parquet` and shown by `unipref explain`. NaN, -1 and the
            empty text mean no value. Names with a fixed meaning: `quality` (percentile), `cluster`, `rank` (place
            within its cell, 1 first), `cell_size` (candidates in that cell), `cell_kept` (how many of them were kept),
            `reason` (in words), `blocked_by` (id of the kept candidate that is too near to it). A scorer's numbers
            are under its name, their percentiles under `NAME_percentile`.
        shortfall: source and objective -> preferences (or tokens) that the budget grants and the strategy cannot fill.
        notes: what a reader of the result must know.
    """

    kept: "npt.NDArray[np.int64]"
    columns: "Mapping[str, npt.NDArray[Any]]" = field(default_factory=dict)
    shortfall: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Strategy(Choice):
    """A way to choose the preferences to train on. `example` holds `settings`."""

    is_seeded: ClassVar[bool] = True
    """Whether the seed can change what it keeps; where not, all seeds of a run share one selection."""
    is_filter: ClassVar[bool] = False
    """Whether it leaves sources or objectives out because its settings say so: then no warning is given."""
    takes_whole: ClassVar[bool] = False
    """Whether it keeps everything of the sources or objectives that its settings `sources` and `objectives` name, and
    nothing else. Reports and verdicts then treat the variant as one source (or objective) alone."""
    random: ClassVar[bool] = False
    """Whether it keeps a random part. Reports and verdicts compare selected parts with a random part of their size."""

    @abc.abstractmethod
    def select(self, candidates: Candidates, seed: int) -> Selection:
        """Which candidates are kept, and why. Ties are broken by id."""

    def models(self, default: str | None) -> list[str]:
        """The models its scorers ask; arguments and errors as in `Scorer.models`."""
        return []


class ModelDependency(NamedTuple):
    """A model that a trainer asks about answers, besides the one it trains.

    Attributes:
        name: an earlier step, 'base', or a folder or hub name.
        model_kind: 'reward' or 'policy': what kind of model it is.
        place: the setting that names it, for errors.
    """

    name: str
    model_kind: str
    place: str


class TrainJob(Settings):
    """What a trainer is given: where to start, what to learn from and where to write."""

    policy: Path
    """Folder of the model to start from."""
    preferences: Path
    """Parquet file of the preferences to train on."""
    held_out: Path
    """Parquet file of the dev preferences."""
    reward_model: Path | None = None
    """Folder of the reward model, for trainers that need one."""
    dependencies: dict[str, Path] = {}
    """Name, as in the settings -> folder (or hub name) of a further model that the trainer asks."""
    data_root: Path = Path()
    """Where the paths in the settings start."""
    out: Path
    """Folder to write the trained model to; exists and is empty."""
    checkpoint_dir: Path | None = None
    """Folder for checkpoints, created when needed. It outlives the process, and the same step finds it again when it is
    run again. None: the step cannot be resumed."""
    seed: int = 0


LearnsFrom = Literal["demonstrations", "pairs", "labels", "prompts"]
"""Chosen answers alone; chosen and rejected answers; single answers, each labelled good or bad; or prompts alone."""


class Trainer(Choice):
    """A training step: from one model folder to the next. `example` holds `settings`.

    A thin wrapper around one TRL trainer: it builds TRL's arguments, calls it and saves. TRL's own fields are passed
    through under their own names.
    """

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True, populate_by_name=True)

    model_kind: ClassVar[str] = "policy"
    """'policy' or 'reward': what the step leaves behind."""
    learns_from: ClassVar[LearnsFrom] = "pairs"
    """What of a preference it learns from. Verdicts compare steps with the step on demonstrations they start from."""
    writes_answers: ClassVar[bool] = False
    """Whether it learns from answers that the model writes itself. Then the number of epochs over the prompts says
    little about the selection, and the report gives no warning about too few of them."""
    step: str | None = Field(default=None, alias="name")
    """The step's name, where it differs from the trainer's; later steps refer to it."""
    start: str | None = Field(default=None, alias="from")
    """The step to start from; None: the last policy. 'base' is the study's model."""
    reward: str | None = None
    """The step whose reward model is used; None: the last one."""

    @property
    def needs_reward_model(self) -> bool:
        """Whether it asks the reward model of an earlier step."""
        return False

    def model_dependencies(self) -> list[ModelDependency]:
        """The models that the settings name, besides the one it starts from and the last reward model."""
        return []

    def files(self) -> dict[str, str]:
        """The files that the settings name: the setting -> the path, which starts at `data_root`."""
        return {}

    @abc.abstractmethod
    def fit(self, job: TrainJob) -> dict[str, Any]:
        """Trains, saves model and tokenizer to `job.out` and returns what happened.

        Returns:
            `used` and `left_out` (reason -> count) preferences, `tokens`, `steps` and the `curve` (a list of the
            figures TRL logged, one mapping per logging step).
        """


class HeadlineMetric(NamedTuple):
    """The figure by which a benchmark is judged where one has to stand for it: mode `corrected`, all examples.

    Attributes:
        objective: what it tells of: INSTRUCTION or BIAS.
        metric: its name.
        skill_metric: the skill without which it means nothing; None: it is a skill itself.
        unit: how much of it is one: 100 where it is given in per cent.
    """

    objective: str
    metric: str
    skill_metric: str | None = None
    unit: float = 1.0


INSTRUCTION, BIAS = "instruction", "bias"


class Benchmark(Choice):
    """A way to measure a model. `example` holds `settings` and `files`: the benchmark's data in small, file name ->
    text or rows (`unipref.evaluate.example_files` writes them; the contract test damages them).

    Two steps that never mix: `examine` asks the model and gives a table, one row per example; `statistics` computes
    every figure from that table alone. So each figure can be recomputed from what is on disk, and models be compared
    unit by unit without asking them again.
    """

    measures: ClassVar[frozenset[str]] = frozenset({"policy"})
    """What it can judge: 'policy', 'reward' or both."""
    dialogue: ClassVar[bool] = False
    """Whether it asks through the model's chat template (or the layout of the paper, where a model has none) rather
    than with plain text. Which one it was is stated with the scores."""
    folder_aliases: ClassVar[tuple[str, ...]] = ()
    """Other names its data's folder goes by, tried where a data root has none called as the benchmark is."""
    required_packages: ClassVar[tuple[str, ...]] = ()
    """Packages of the extra `eval` that it needs; their absence is told before anything is done."""
    downloads_data: ClassVar[bool] = False
    """Whether it can do without a folder: where none has its name, it brings its data itself."""
    headline_metric: ClassVar[HeadlineMetric | None] = None
    """The metric that verdicts judge a model by; None: it measures neither instruction following nor bias."""
    has_parts: ClassVar[bool] = False
    """Whether its data have a test and a dev part: True for every `SplitBenchmark`."""
    fallback_metric: ClassVar[str | None] = None
    """A metric with slices `objective:NAME`; verdicts use it for an objective that no headline metric of the study
    measures. None: it has none."""
    published_hashes: ClassVar[Mapping[str, str]] = {}
    """File name -> SHA-256 of the published data; another content is said in a note."""

    data: str | None = None
    """Folder or file with the benchmark's data, relative to `data_root`; None: the run's own splits."""
    data_hash: str | None = None
    """The hash that the data must have, as an earlier evaluation printed it; other data are refused."""
    limit: int | None = None
    """Measure only so many items, evenly spread; None: all. `examine` has to obey it: `evaluate.subsample.limited`."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Refuses a setting `split` that nothing would read."""
        if "split" in cls.model_fields and not cls.has_parts:
            raise TypeError(f"{cls.__name__} has a setting 'split': make it a subclass of SplitBenchmark")

    @property
    def part(self) -> str:
        """The part of the data it measures, 'test' or 'dev'; a `SplitBenchmark` takes it from its settings."""
        return "test"

    def extra_files(self, data: Path) -> list[Path]:
        """The files that it reads besides those in its data: they are hashed with them."""
        return []

    def environment(self) -> dict[str, Any]:
        """What on this machine, besides settings and data, decides its figures: versions of packages."""
        return hashing.find_versions("torch", "transformers", *self.required_packages)

    @property
    def title(self) -> str:
        """What it is called in the scores: its name, and the value of its `argument` where it has one."""
        return self.name() if self.argument is None else f"{self.name()}:{getattr(self, self.argument)}"

    @abc.abstractmethod
    def examine(self, model: "Policy | RewardModel", data: Path, split: str) -> tuple[list[Example], list[str]]:
        """Asks the model.

        Args:
            model: the loaded model.
            data: the benchmark's folder or file; for run splits, the Parquet file of that split.
            split: 'test' or 'dev'.

        Returns:
            The table, JSON values only, and notes: what a reader of the scores must know, such as what was skipped.

        Raises:
            UserError: the data cannot be read as this benchmark's.
        """

    @classmethod
    @abc.abstractmethod
    def statistics(cls, examples: Sequence[Example]) -> "Iterator[Statistic]":
        """All figures, from the table alone; none from an empty one."""

    def measure(self, model: "Policy | RewardModel", data: Path, split: str) -> Finding:
        """Asks the model and computes all scores; arguments and errors as for `examine`."""
        examples, notes = self.examine(model, data, split)
        return Finding([statistic.score() for statistic in self.statistics(examples)], examples, notes)


class SplitBenchmark(Benchmark):
    """A benchmark whose data have a test and a dev part. Dev parts can be measured while a model is trained."""

    has_parts: ClassVar[bool] = True

    split: Literal["test", "dev"] = "test"
    """The part of the data to measure."""

    @property
    def part(self) -> str:
        """The part of the data it measures, as its settings say."""
        return self.split


def read_all(form: Format, rows: Iterable[Row]) -> list[Feedback | Reject]:
    """Every row's feedback and rejects, a whole-row reject included: for tests, docs and `inspect`."""
    found: list[Feedback | Reject] = []
    for row in rows:
        try:
            found.extend(form.read(row))
        except Reject as reject:
            found.append(reject)
    return found
