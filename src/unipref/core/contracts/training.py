"""The base class of trainers: one training step each."""

import abc
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import ConfigDict, Field

from unipref.core.contracts.base import Choice, Settings


class ModelDependency(NamedTuple):
    """A model that a trainer queries about answers, besides the one it trains.

    Attributes:
        name: an earlier step, 'base', or a folder or hub name.
        model_kind: 'reward' or 'policy'.
        place: the setting that names it, for errors.
        axes: the axes of a reward model that the trainer uses; empty: its reward.
    """

    name: str
    model_kind: str
    place: str
    axes: tuple[str, ...] = ()


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
    rounds: dict[str, Any] | None = None
    """Repeats the step `n` times, each time on new feedback: judges compare answers that the newest policy gives to
    some `prompts`. `docs/rounds.md` has the settings. For trainers of policies that learn from pairs."""

    @property
    def needs_reward_model(self) -> bool:
        """Whether it uses the reward model of an earlier step."""
        return False

    @property
    def saves_adapter(self) -> bool:
        """Whether it saves an adapter alone, which needs the model that the step started from."""
        return False

    def list_outputs(self) -> Sequence[str] | None:
        """Lists the axes of the reward model that it trains; empty: it has one output; None: the data decide."""
        return ()

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
