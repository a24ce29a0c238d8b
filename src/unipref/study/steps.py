"""The training steps of a study: their names, their rounds, and what each starts from."""

from typing import Any, NamedTuple

from unipref.core import registry
from unipref.core.contracts import Trainer
from unipref.core.records import BASE
from unipref.study.rounds import Rounds, read_rounds
from unipref.study.schema import Study


class Round(NamedTuple):
    """One of the rounds of a step, from 1, and the settings of all."""

    number: int
    settings: Rounds


class Step(NamedTuple):
    """A training step.

    Attributes:
        trainer: the step; of a round, without the settings of the rounds.
        name: its name.
        place: its place in the study file; rounds share it.
        round: the round that it is; None if it trains on the study's own preferences.
    """

    trainer: Trainer
    name: str
    place: int
    round: Round | None = None


def list_steps(study: Study) -> list[Step]:
    """Returns the training steps in order; a step with rounds is one step per round, named `NAME-1`, `NAME-2`, ...

    Args:
        study: the study as written, or one of its variants.

    Raises:
        UserError: the settings of rounds are invalid.
    """
    steps: list[Step] = []
    for place, trainer in enumerate(study.train):
        name = trainer.step or trainer.name()
        rounds = read_rounds(trainer, f"train.{place}")
        if rounds is None:
            steps.append(Step(trainer, name, place))
            continue
        start = trainer.start
        for number in range(1, rounds.n + 1):
            step = f"{name}-{number}"
            changes = {"rounds": None, "step": step, "start": start}
            steps.append(Step(trainer.model_copy(update=changes), step, place, Round(number, rounds)))
            start = step
    return steps


def identify_step(trainer: Trainer) -> dict[str, Any]:
    """Returns `registry.cache_identity` of a step as written, without `jobs` of its rounds, which change no result."""
    identity = registry.cache_identity(trainer)
    if trainer.rounds is not None:
        rounds = {name: value for name, value in identity["settings"]["rounds"].items() if name != "jobs"}
        identity["settings"] = {**identity["settings"], "rounds": rounds}
    return identity


class Origin(NamedTuple):
    """The models that a training step needs, by the names of steps.

    Attributes:
        start: the policy it starts from.
        reward_model: the step whose reward model it needs; None if it needs none.
        dependencies: further steps whose models it uses, also those whose models judge in its round.
    """

    start: str
    reward_model: str | None
    dependencies: tuple[str, ...]


def find_origins(study: Study) -> dict[str, Origin]:
    """Returns step -> the models it needs, in order."""
    last: dict[str, str] = {"policy": BASE}
    origins: dict[str, Origin] = {}
    for trainer, name, _, round_ in list_steps(study):
        reward_model = (trainer.reward or last.get("reward")) if trainer.needs_reward_model else None
        models = trainer.model_dependencies()
        for judge in round_.settings.judges if round_ else ():
            models += judge.model_dependencies()
        dependencies = tuple(dict.fromkeys(model.name for model in models if model.name in origins))
        origins[name] = Origin(trainer.start or last["policy"], reward_model, dependencies)
        last[trainer.model_kind] = name
    return origins
