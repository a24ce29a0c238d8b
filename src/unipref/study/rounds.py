"""The rounds of a training step: how feedback on the newest policy's answers is collected before each of them."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from unipref.core import registry
from unipref.core.choice_setting import one_choice
from unipref.core.contracts import Choice, Strategy, Trainer
from unipref.core.errors import UserError
from unipref.study.collecting import Comparing, Prompts, Sampling
from unipref.study.source import Source


class RoundPrompts(Prompts):
    """Which prompts the policy answers in each round."""

    most: int | None = Field(default=None, ge=1)
    """Prompts of a round; default: all that there are, shared out evenly among the rounds."""
    seed: int = 0
    """Seed of the draw, with the seed of the run."""
    only: list[str] = []
    """Sources of the study whose prompts are used, from the train part alone; default: all."""
    sources: list[Source] = []
    """Other sources, whose prompts are used instead of the study's. Their answers and judgements are not used."""
    repeat: bool = False
    """Whether all rounds have the same prompts. By default no prompt is in two rounds of a step."""

    @model_validator(mode="after")
    def _has_one_origin(self) -> "RoundPrompts":
        if self.only and self.sources:
            raise ValueError("'only' and 'sources' both say where prompts come from; give one of them")
        return self


def _as_prompts(value: Any) -> Any:
    return {"most": value} if isinstance(value, int) and not isinstance(value, bool) else value


class Rounds(Sampling, Comparing):
    """Rounds of collecting feedback on the newest policy's answers and training on it."""

    n: int = Field(ge=1)
    """Number of rounds."""
    prompts: Annotated[RoundPrompts, BeforeValidator(_as_prompts)] = RoundPrompts()
    """Which prompts the policy answers: settings, or the number of prompts of a round."""
    select: Annotated[Strategy, one_choice("strategy", "select")] = Field(default="all", validate_default=True)
    """Which preferences of a round are trained on."""
    jobs: int = Field(default=1, ge=1)
    """Processes that generate answers, of one thread each; changes no result."""

    @model_validator(mode="after")
    def _has_unique_sources(self) -> "Rounds":
        sources = [source.name for source in [*self.prompts.sources, *self.gold.sources]]
        if repeated := sorted({name for name in sources if sources.count(name) > 1}):
            what = f"two sources of 'prompts' and 'gold' are called {', '.join(repeated)}; names must be unique"
            raise ValueError(what)
        return self

    @model_validator(mode="after")
    def _has_no_judging_people(self) -> "Rounds":
        for judge in self.judges:
            if judge.has_people:
                able = [one.name() for one in registry.find_all("judge") if not getattr(one, "has_people", False)]
                raise UserError(
                    f"'{judge.name()}' cannot judge in rounds: the next step would have to wait for people.",
                    where="judges",
                    mend=f"Use {', '.join(able)}, or collect the votes with unipref collect.",
                )
        return self


def can_train_in_rounds(trainer: Choice | type[Choice]) -> bool:
    """Whether a trainer makes a policy from pairs, which is what a round has."""
    kind, learns_from = (getattr(trainer, name, None) for name in ("model_kind", "learns_from"))
    return kind == "policy" and learns_from == "pairs"


def read_rounds(trainer: Trainer, where: str) -> Rounds | None:
    """Reads the rounds of a training step; None if it has none.

    Args:
        trainer: the step, as written.
        where: its place in the study file, for errors.

    Raises:
        UserError: a setting is unknown or invalid, or the trainer makes no policy from pairs.
    """
    if trainer.rounds is None:
        return None
    place = f"{where}.rounds"
    if not can_train_in_rounds(trainer):
        able = [one.name() for one in registry.find_all("trainer") if can_train_in_rounds(one)]
        what = f"'{trainer.name()}' cannot train in rounds: a round trains a policy on pairs of answers."
        raise UserError(what, where=place, mend=f"Trainers that can: {', '.join(able)}.")
    try:
        return registry.validate_settings(Rounds, trainer.rounds, place)
    except UserError as error:
        if error.where is None and error.what.startswith(place):
            raise
        raise UserError(error.what, where=f"{place}.{error.where}" if error.where else place, mend=error.mend) from None
