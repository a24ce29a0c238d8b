"""The `rewards` of a reinforcement learning step: what is asked for, each with its weight."""

import inspect
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, model_validator

from unipref.core import user_functions
from unipref.core.contracts import ModelDependency, Settings
from unipref.core.user_functions import Dotted


class Weighed(Settings):
    """What every reward has."""

    weight: float = Field(default=1.0, gt=0)
    """What it is multiplied by in the sum of all rewards."""
    name: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_.+-]+$")
    """What it is called in the curve; None: its kind and the step it asks."""
    clip: tuple[float, float] | None = None
    """Lowest and highest value it can have, before weighing."""

    @model_validator(mode="after")
    def _clip_is_a_range(self) -> "Weighed":
        if self.clip is not None and self.clip[0] >= self.clip[1]:
            raise ValueError(f"clip: {self.clip[0]:g} is not below {self.clip[1]:g}")
        return self

    def model_dependencies(self, place: str) -> list[ModelDependency]:
        """The models it asks."""
        return []

    def label(self) -> str:
        """What it is called in the curve."""
        raise NotImplementedError


class ModelReward(Weighed):
    """The score of a trained reward model for the whole dialogue, eos included."""

    model: str
    """The step that trained it, or a folder or hub name."""

    def model_dependencies(self, place: str) -> list[ModelDependency]:
        """The reward model."""
        return [ModelDependency(self.model, "reward", f"{place}.model")]

    def label(self) -> str:
        """The step's name, where it has no other."""
        return self.name or f"model-{short(self.model)}"


class LikelihoodReward(Weighed):
    """Mean log p (nats) per token of the answer, its eos included, under a named model."""

    likelihood: str
    """The step that trained the model, `base`, or a folder or hub name."""

    def model_dependencies(self, place: str) -> list[ModelDependency]:
        """The policy whose likelihood it is."""
        return [ModelDependency(self.likelihood, "policy", f"{place}.likelihood")]

    def label(self) -> str:
        """The step's name, where it has no other."""
        return self.name or f"likelihood-{short(self.likelihood)}"


class ImplicitReward(Weighed):
    """The reward that DPO implies: beta (log p(answer) - log ref(answer)), summed over its tokens, eos included."""

    implicit: str
    """The step that DPO trained: p."""
    reference: str
    """The step it started from: ref."""
    beta: float = Field(default=0.1, gt=0)
    """As in that DPO step."""

    def model_dependencies(self, place: str) -> list[ModelDependency]:
        """The trained policy and its reference."""
        return [
            ModelDependency(self.implicit, "policy", f"{place}.implicit"),
            ModelDependency(self.reference, "policy", f"{place}.reference"),
        ]

    def label(self) -> str:
        """The step's name, where it has no other."""
        return self.name or f"implicit-{short(self.implicit)}"


class CheckerReward(Weighed):
    """1 where the answer follows its prompt's rule, else 0; of IFEval's instructions the share that is followed.

    No reward for a prompt that is not in the file.
    """

    checker: str
    """JSON lines with `prompt` and either `rule` and `arguments`, as of the benchmark `instructions`, or
    `instruction_id_list` and `kwargs`, as of IFEval; relative to `data_root`."""

    def label(self) -> str:
        """'checker', where it has no other name."""
        return self.name or "checker"


class FunctionReward(Weighed):
    """What a Python function of yours says of each answer."""

    function: Dotted
    """Dotted path of `f(prompt, answer)`: the prompt's messages and the answer's text -> a number, or None for none."""

    def source(self) -> str:
        """The file the function is in."""
        return inspect.getfile(user_functions.load(self.function))

    def label(self) -> str:
        """The function's name, where it has no other."""
        return self.name or self.function.replace(":", ".").rpartition(".")[2]


KINDS = ("model", "likelihood", "implicit", "checker", "function")


def _kind(value: Any) -> str | None:
    given = value if isinstance(value, dict) else vars(value) if isinstance(value, Weighed) else {}
    return next((kind for kind in KINDS if kind in given), None)


Reward = Annotated[
    Annotated[ModelReward, Tag("model")]
    | Annotated[LikelihoodReward, Tag("likelihood")]
    | Annotated[ImplicitReward, Tag("implicit")]
    | Annotated[CheckerReward, Tag("checker")]
    | Annotated[FunctionReward, Tag("function")],
    Discriminator(
        _kind,
        custom_error_type="no_reward",
        custom_error_message=f"a reward is a mapping with one of: {', '.join(KINDS)}",
    ),
]
"""One reward."""


def short(name: str) -> str:
    """The last part of a model's name, as it may stand in the curve."""
    return name.rstrip("/").rpartition("/")[2]
