"""The values that the stages of a run pass to each other: a variant's data, a trained model, a training step."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from unipref.core.contracts import Trainer
from unipref.core.records import MAIN
from unipref.core.stage_cache import Stage
from unipref.study.schema import Study


class VariantData(NamedTuple):
    """A variant, its cleaned data, and the selection for each seed."""

    study: Study
    cleaned: Stage
    selected: dict[int, Stage]


class TrainedModel(NamedTuple):
    """A model of the run: its folder or hub name, the key of its stage, and its kind, 'policy' or 'reward'."""

    folder: str
    key: str
    model_kind: str


class TrainingStep(NamedTuple):
    """One training step with its models and data.

    Attributes:
        place: its folder in the run.
        trainer, seed: the settings.
        start: the model it starts from; reward_model: the last reward model, if it needs one.
        dependencies: name in the settings -> a further model that it uses.
        selected, cleaned: the data.
    """

    place: str
    trainer: Trainer
    seed: int
    start: TrainedModel
    reward_model: TrainedModel | None
    dependencies: Mapping[str, TrainedModel]
    selected: Stage
    cleaned: Stage


def find_steps_place(variant: str) -> str:
    """Returns the place of a variant's training steps in the study file, for errors."""
    return "train" if variant == MAIN else f"variants.{variant}.train"


def find_held_out_files(cleaned: Stage, study: Study) -> dict[str, Path]:
    """Returns held-out part -> its file, for parts with rows; in a dry run, for parts with a share."""
    rows = {part: getattr(study.split, part) if cleaned.pending else cleaned.result[part] for part in ("dev", "test")}
    return {part: cleaned.folder / f"{part}.parquet" for part, count in rows.items() if count}
