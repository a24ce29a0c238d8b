"""The training steps of a study: their names, and what each is made from."""

from typing import NamedTuple

from unipref.core.contracts import Trainer
from unipref.core.records import BASE
from unipref.study.schema import Study


def steps_of(study: Study) -> list[tuple[Trainer, str]]:
    """The training steps with their names, in order."""
    return list(zip(study.train, study.step_names(), strict=True))


class Origin(NamedTuple):
    """What a training step is made from, by the names of steps.

    Attributes:
        start: the policy it starts from.
        reward_model: the step whose reward model it needs; None: it needs none.
        dependencies: further steps whose models it asks.
    """

    start: str
    reward_model: str | None
    dependencies: tuple[str, ...]


def origins(study: Study) -> dict[str, Origin]:
    """Step -> what it is made from, in order."""
    last: dict[str, str] = {"policy": BASE}
    found: dict[str, Origin] = {}
    for trainer, name in steps_of(study):
        reward_model = (trainer.reward or last.get("reward")) if trainer.needs_reward_model else None
        dependencies = tuple(model.name for model in trainer.model_dependencies() if model.name in found)
        found[name] = Origin(trainer.start or last["policy"], reward_model, dependencies)
        last[trainer.model_kind] = name
    return found
