"""The settings of a study file."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from unipref.clean import CleanSettings, SplitSettings
from unipref.core.choice_setting import one_choice
from unipref.core.contracts import Benchmark, HeadlineMetric, Settings, Strategy, Trainer
from unipref.core.records import BASE
from unipref.evaluate import label_benchmarks
from unipref.sources import Limits
from unipref.study.grid import Grid
from unipref.study.source import Name, Source
from unipref.unify import UnifySettings


class Evaluation(Settings):
    """The benchmarks, and how often to measure them during training. You can give a list of benchmarks instead."""

    benchmarks: list[Annotated[Benchmark, one_choice("benchmark", "evaluate")]] = []
    """Benchmarks that measure every trained model."""
    steps: list[str] = []
    """Training steps whose models are measured at their end, by their names, such as `[dpo]`; default: all. The last
    policy must be one of them. The base model is measured too."""
    every: Annotated[int, Field(ge=1)] | None = None
    """Optimiser steps between two measurements during training, on the dev part of each benchmark that has one. None:
    no measurements during training."""
    limit: Annotated[int, Field(ge=1)] = 200
    """Most items of a benchmark in a measurement during training."""


class Reporting(Settings):
    """What the report shows besides the results of the stages."""

    examples: Annotated[int, Field(ge=0, le=100)] = 8
    """Number of held-out preferences shown with their raw rows and the models' answers; 0: none."""
    models: Annotated[int, Field(ge=2)] = 5
    """Most models that answer them: the base model, and the last policies of the other variants."""
    new_tokens: Annotated[int, Field(ge=1)] = 64
    """Longest answer, in tokens; the model's context may end it earlier."""


class Effect(Settings):
    """The smallest gain that matters on each side, in units of the metric (a percentage counts in hundredths)."""

    instruction: Annotated[float, Field(gt=0, le=1)] = 0.05
    """In instruction following."""
    bias: Annotated[float, Field(gt=0, le=1)] = 0.05
    """In the distance of the bias from its best value."""


class Judging(Settings):
    """What the verdicts on the run's claims need, fixed before the run."""

    effect: Effect = Effect()
    """The smallest gain that matters on each side."""
    headline: dict[str, str] = {}
    """Benchmark -> the metric by which the verdicts judge it, in place of its headline metric, such as
    `ifeval: inst_level_strict_acc`. The report says so."""
    tuned: list[str] = []
    """Settings of training steps that each variant has tuned for itself, such as `max_steps`: variants that differ in
    these and their selection alone are compared."""


def _choose_headline(headline: HeadlineMetric, metric: str) -> HeadlineMetric:
    """Puts a metric in the place of a headline metric."""
    if metric == headline.metric:
        return headline
    return headline._replace(
        metric=metric,
        caption="",
        skill_metric=None if headline.skill_metric == metric else headline.skill_metric,
        guards=tuple(guard for guard in headline.guards if guard != metric),
    )


def _as_evaluation(value: Any) -> Any:
    return {"benchmarks": value} if isinstance(value, list) else value


def _as_grid(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _check_gpus(value: float) -> float:
    if value > 1 and not value.is_integer():
        raise ValueError("a task has a part of one GPU, or whole ones: give a number up to 1, or an integer")
    return value


class Cluster(Settings):
    """A Ray cluster."""

    address: str | None = None
    """Its address, such as `auto` or `10.0.0.1:6379`; null: one is started on this machine."""
    gpus: Annotated[float, Field(ge=0), AfterValidator(_check_gpus)] = 0
    """GPUs for each task that uses a model: a training step, a measured model (both with `--jobs`), or a chunk of texts
    to embed or score; below 1, several share one."""


class OnRay(Settings):
    """The engine `ray` with its settings."""

    ray: Cluster
    """The cluster."""


def _kind_of_engine(value: Any) -> str:
    return "<settings>" if isinstance(value, Mapping | OnRay) else "<name>"


Engine = Annotated[
    Annotated[Literal["local", "ray"], Tag("<name>")] | Annotated[OnRay, Tag("<settings>")],
    Discriminator(_kind_of_engine),
]


class _HasEngine:
    """What the settings `engine` and `workers` say."""

    engine: Engine
    workers: int | None

    def engine_settings(self) -> tuple[str, str | None]:
        """Returns the name of the engine, and the address of its cluster."""
        cluster = self.find_cluster()
        return ("local", None) if cluster is None else ("ray", cluster.address)

    def find_cluster(self) -> Cluster | None:
        """Returns the Ray cluster that the study names; None for the local engine."""
        if isinstance(self.engine, str):
            return Cluster() if self.engine == "ray" else None
        return self.engine.ray


class EngineSettings(Settings, _HasEngine):
    """The engine of a command that has no study."""

    engine: Engine = "local"
    """As in a study."""
    workers: Annotated[int, Field(ge=1)] | None = None
    """As in a study."""


class Study(Settings, _HasEngine):
    """A study file."""

    name: str = "study"
    """Title of the report."""
    model: str | None = None
    """The model to start from: a folder, or `OWNER/NAME` or `OWNER/NAME@REVISION` on the hub. Needed to train and
    evaluate."""
    revision: str | None = None
    """Commit, branch or tag of the model on the hub. A run resolves a branch or tag once, and keeps its commit."""
    data_root: str = "."
    """The folder in which relative paths start; itself relative to the study file. It may use environment variables."""
    sources: Annotated[list[Source], Field(min_length=1)]
    """The feedback."""
    unify: UnifySettings = Field(default_factory=UnifySettings)
    """How groups of answers become preferences."""
    split: SplitSettings = SplitSettings()
    """Which prompts are held out."""
    clean: CleanSettings = CleanSettings()
    """Which preferences are removed."""
    select: Annotated[Strategy, one_choice("strategy", "select")] = Field(default="all", validate_default=True)
    """Which preferences are trained on."""
    train: list[Annotated[Trainer, one_choice("trainer", "train")]] = []
    """Training steps, in order."""
    evaluate: Annotated[Evaluation, BeforeValidator(_as_evaluation)] = Evaluation()
    """Benchmarks that measure every model."""
    variants: dict[Name, dict[str, Any]] = {}
    """Named changes of the settings above; each variant runs besides the study as written."""
    grid: Annotated[Grid | None, BeforeValidator(_as_grid)] = None
    """`paper`: the variants of the paper's table and their baselines; `variants` of the same name change these."""
    seeds: Annotated[list[int], Field(min_length=1)] = [0]
    """Selection and training run once for each seed."""
    verdicts: Judging = Judging()
    """How the verdicts on the paper's claims are reached."""
    report: Reporting = Reporting()
    """What the report shows besides the results."""
    limits: Limits = Limits()
    """How much of a file is held in memory or unpacked."""
    engine: Engine = "local"
    """The engine that processes rows: `local`, `ray`, or `{ray: {address: ..., gpus: ...}}` for an existing cluster."""
    workers: Annotated[int, Field(ge=1)] | None = None
    """Most processes at a time; default: the free cores, or all cores of the cluster."""

    def is_measured(self, step: str) -> bool:
        """Whether the benchmarks measure the model of this step, or of the base model's name."""
        return step == BASE or not self.evaluate.steps or step in self.evaluate.steps

    def labelled_benchmarks(self) -> list[tuple[Benchmark, str]]:
        """Returns the benchmarks with unique labels; a benchmark that is used again gets a number."""
        return label_benchmarks(self.evaluate.benchmarks)

    def headline_metrics(self) -> dict[str, HeadlineMetric]:
        """Returns label -> the metric by which the verdicts judge a benchmark, of those that have one."""
        return {
            label: _choose_headline(headline, self.verdicts.headline.get(label, headline.metric))
            for benchmark, label in self.labelled_benchmarks()
            if (headline := benchmark.headline_metric) is not None
        }

    @model_validator(mode="after")
    def _check_source_names(self) -> "Study":
        names = [source.name for source in self.sources]
        if repeated := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two sources are called {', '.join(sorted(repeated))}; names must be unique")
        return self
