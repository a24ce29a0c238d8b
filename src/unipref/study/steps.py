"""The training steps of a study: their names, and what each starts from."""

from typing import NamedTuple

from unipref.core.contracts import Trainer
from unipref.core.records import BASE
from unipref.study.schema import Study


def list_steps(study: Study) -> list[tuple[Trainer, str]]:
    """Returns the training steps with their names, in order."""
    return list(zip(study.train, study.step_names(), strict=True))


class Origin(NamedTuple):
    """The models that a training step needs, by the names of steps.

    Attributes:
        start: the policy it starts from.
        reward_model: the step whose reward model it needs; None if it needs none.
        dependencies: further steps whose models it uses.
    """

    start: str
    reward_model: str | None
    dependencies: tuple[str, ...]


def find_origins(study: Study) -> dict[str, Origin]:
    """Returns step -> the models it needs, in order."""
    last: dict[str, str] = {"policy": BASE}
    origins: dict[str, Origin] = {}
    for trainer, name in list_steps(study):
        reward_model = (trainer.reward or last.get("reward")) if trainer.needs_reward_model else None
        dependencies = tuple(model.name for model in trainer.model_dependencies() if model.name in origins)
        origins[name] = Origin(trainer.start or last["policy"], reward_model, dependencies)
        last[trainer.model_kind] = name
    return origins
