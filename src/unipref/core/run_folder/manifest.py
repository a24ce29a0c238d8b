"""The schema of `manifest.json`, written by the pipeline and read by report and analysis.

Every field has a default, because a run may stop after any stage. Keys that the structs do not have are ignored.
Settings, training curves and other open content stay `dict[str, Any]`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from unipref.core.records import MAIN
from unipref.core.run_folder.data_records import CleanCounts, Selected, SourceCounts
from unipref.core.run_folder.training_records import Preflight, RoundInfo, StepRecipe, TrainedStep

T = TypeVar("T")


class ChoiceInfo(msgspec.Struct):
    """A choice of the study, such as a strategy: its kind, name and settings; `code`: the hash of a plug-in's file.

    `takes_whole`, `random`: of a strategy, as in `contracts.Strategy`.
    """

    kind: str = ""
    name: str = ""
    settings: dict[str, Any] = {}
    code: str | None = None
    takes_whole: bool = False
    random: bool = False


class PlannedStep(msgspec.Struct):
    """A training step of a variant, trained or not; fields as in `StepRecipe`."""

    name: str = ""
    trainer: str = ""
    model_kind: str = ""
    start: str = msgspec.field(default="", name="from")
    learns_from: str = ""
    writes_answers: bool = False


class HeadlineInfo(msgspec.Struct):
    """The headline metric of a benchmark; fields as in `contracts.HeadlineMetric`.

    Attributes:
        replaces: the benchmark's own headline metric, if the study chose another one.
    """

    objective: str = ""
    metric: str = ""
    skill_metric: str | None = None
    unit: float = 1.0
    caption: str = ""
    guards: tuple[str, ...] = ()
    replaces: str | None = None


class VariantInfo(msgspec.Struct, omit_defaults=True):
    """The settings of a variant.

    Attributes:
        strategy: how it selects.
        settings_hash: hash of all other settings; variants with the same hash differ only in what they select.
        steps: its training steps, in order.
        judged: benchmark -> its headline metric, for benchmarks that have one, in order.
        fallback_metric: benchmark -> the metric that verdicts use for an objective without a headline metric.
        sources, clean, unified: of this variant; those of the study as written are in `Manifest`.
    """

    strategy: ChoiceInfo = msgspec.field(default_factory=ChoiceInfo)
    settings_hash: str = ""
    steps: list[PlannedStep] = []
    judged: dict[str, HeadlineInfo] = {}
    fallback_metric: dict[str, str] = {}
    sources: dict[str, SourceCounts] | None = None
    clean: CleanCounts | None = None
    unified: str | None = None


class ExamplesInfo(msgspec.Struct, omit_defaults=True):
    """The examples of a run: their part of the split and the models that answered; `skipped`: why there are none."""

    part: str | None = None
    models: list[str] | None = None
    left_out: list[str] | None = None
    new_tokens: int | None = None
    notes: list[str] | None = None
    folder: str | None = None
    skipped: str | None = None


class Evaluated(msgspec.Struct):
    """One benchmark measured on one model: `variant` and `step` are 'base' for the base model, which has no seed."""

    variant: str = ""
    seed: int | None = None
    step: str = ""
    benchmark: str = ""
    folder: str = ""


class StageCost(msgspec.Struct):
    """Time and memory of a stage when it was executed; `content`: hash of its files."""

    stage: str = "–"
    folder: str = "–"
    seconds: float | None = None
    cpu_seconds: float | None = None
    peak_mb: float | None = None
    cached: bool = False
    content: str | None = None


class Machine(msgspec.Struct):
    """The machine that executed the run."""

    system: str | None = None
    processor: str | None = None
    cores: int | None = None


class CodeFile(msgspec.Struct):
    """A Python file of the user's that the study names, or that such a file imports, and the hash of its content."""

    file: str = ""
    hash: str = ""


class Manifest(msgspec.Struct, omit_defaults=True):
    """What a run records. `sources`, `clean` and `unified` are those of the study as written.

    Attributes:
        unipref: its version; versions: those of the main packages.
        code: dotted path -> file, of the user's own code; study_folder: the folder that it comes from, unless it is
            installed.
        model, model_hash: the study's model, and the hash of its files or its name on the hub.
        model_quantization: how a GGUF file stored the model's weights.
        hub: name on the hub, such as `datasets/OWNER/NAME@main` -> the commit that the run uses.
        unified: the folder that unify wrote, relative to the run; variants may share it.
        selected, preflight: variant -> seed -> record.
        train, rounds: variant -> seed -> step -> record; steps: variant -> step -> recipe.
        effects: objective -> the smallest gain that matters to verdicts.
    """

    unipref: str | None = None
    name: str | None = None
    model: str | None = None
    seeds: list[int] = []
    data_root: str | None = None
    study_folder: str | None = None
    code: dict[str, CodeFile] = {}
    python: str | None = None
    machine: Machine | None = None
    versions: dict[str, str] = {}
    variants: dict[str, VariantInfo] = {}
    sources: dict[str, SourceCounts] = {}
    clean: CleanCounts | None = None
    unified: str | None = None
    selected: dict[str, dict[str, Selected]] = {}
    preflight: dict[str, dict[str, Preflight]] = {}
    model_hash: str | None = None
    model_quantization: str | None = None
    hub: dict[str, str] = {}
    rounds: dict[str, dict[str, dict[str, RoundInfo]]] = {}
    train: dict[str, dict[str, dict[str, TrainedStep]]] = {}
    steps: dict[str, dict[str, StepRecipe]] = {}
    evaluated: list[Evaluated] = []
    examples: ExamplesInfo | None = None
    stages: list[StageCost] = []
    effects: dict[str, float] = {}

    def sources_of(self, variant: str) -> dict[str, SourceCounts]:
        """Returns the sources of a variant: its own, or those of the study as written."""
        own = self.variants[variant].sources if variant != MAIN and variant in self.variants else None
        return self.sources if own is None else own

    def clean_of(self, variant: str) -> CleanCounts | None:
        """Returns the counts of clean for a variant; without own sources, those of the study as written."""
        own = self.variants.get(variant) if variant != MAIN else None
        return self.clean if own is None or (own.clean is None and own.sources is None) else own.clean

    def unified_of(self, variant: str) -> str:
        """Returns the folder that unify wrote for a variant, relative to the run."""
        is_own = variant != MAIN and variant in self.variants
        if recorded := self.variants[variant].unified if is_own else self.unified:
            return recorded
        # Earlier versions did not record it: a variant had its own folder, or shared that of the study as written.
        own = f"unified-{variant}"
        return own if is_own and own in {stage.folder for stage in self.stages} else "unified"

    def selection(self, variant: str, seed: str) -> Selected | None:
        """Returns the selection of a variant and seed; None if select did not run."""
        return self.selected.get(variant, {}).get(seed)

    def trained(self, variant: str, seed: str) -> dict[str, TrainedStep]:
        """Returns step -> record, of the trained steps of a variant and seed, in order."""
        return self.train.get(variant, {}).get(seed, {})

    def trained_steps(self) -> Iterator[tuple[str, str, str, TrainedStep]]:
        """Yields variant, seed, step and record of every trained step."""
        for variant, seed, steps in each_seed(self.train):
            for step, record in steps.items():
                yield variant, seed, step, record

    def each_round(self) -> Iterator[tuple[str, str, str, RoundInfo]]:
        """Yields variant, seed, step and record of every round."""
        for variant, seed, steps in each_seed(self.rounds):
            for step, record in steps.items():
                yield variant, seed, step, record


def each_seed(by_variant: Mapping[str, Mapping[str, T]]) -> Iterator[tuple[str, str, T]]:
    """Yields variant, seed and record of a mapping variant -> seed -> record."""
    for variant, by_seed in by_variant.items():
        for seed, record in by_seed.items():
            yield variant, seed, record
