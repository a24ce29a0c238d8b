"""The `rewards` of a reinforcement learning step, each with its weight."""

import inspect
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, model_validator

from unipref.core import user_functions
from unipref.core.contracts import ModelDependency, Settings
from unipref.core.user_functions import Dotted


class RewardSettings(Settings):
    """The settings that all rewards share."""

    weight: float = Field(default=1.0, gt=0)
    """Factor in the sum of all rewards."""
    name: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_.+-]+$")
    """Name in the curve; None: its kind and the step it uses."""
    clip: tuple[float, float] | None = None
    """Lowest and highest value, before weighting."""

    @model_validator(mode="after")
    def _clip_is_a_range(self) -> "RewardSettings":
        if self.clip is not None and self.clip[0] >= self.clip[1]:
            raise ValueError(f"clip: {self.clip[0]:g} is not below {self.clip[1]:g}")
        return self

    def model_dependencies(self, place: str) -> list[ModelDependency]:
        """The models it uses."""
        return []

    def label(self) -> str:
        """Its name in the curve."""
        raise NotImplementedError


class ModelReward(RewardSettings):
    """The score of a trained reward model for the whole dialogue, eos included."""

    model: str
    """The step that trained it, or a folder or hub name."""
    axes: dict[str, float] | None = Field(default=None, min_length=1)
    """Of a model with one score per axis: the weight of each axis in the reward, such as `{helpfulness: 1, verbosity:
    -0.2}`; None: the weights it was trained with. List the model twice, with other axes, to see each in the curve."""

    def model_dependencies(self, place: str) -> list[ModelDependency]:
        """The reward model."""
        return [ModelDependency(self.model, "reward", f"{place}.model", tuple(self.axes or ()))]

    def label(self) -> str:
        """Its own name, or else the step's."""
        return self.name or f"model-{shorten(self.model)}"


class LikelihoodReward(RewardSettings):
    """Mean log p (nats) per token of the answer, its eos included, under a named model."""

    likelihood: str
    """The step that trained the model, `base`, or a folder or hub name."""

    def model_dependencies(self, place: str) -> list[ModelDependency]:
        """The policy whose likelihood it is."""
        return [ModelDependency(self.likelihood, "policy", f"{place}.likelihood")]

    def label(self) -> str:
        """Its own name, or else the step's."""
        return self.name or f"likelihood-{shorten(self.likelihood)}"


class ImplicitReward(RewardSettings):
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
        """Its own name, or else the step's."""
        return self.name or f"implicit-{shorten(self.implicit)}"


class CheckerReward(RewardSettings):
    """1 if the answer follows its prompt's rule, else 0; for IFEval, the share of the instructions it follows.

    Prompts that are not in the file get no reward.
    """

    checker: str
    """JSON lines with `prompt` and either `rule` and `arguments`, as of the benchmark `instructions`, or
    `instruction_id_list` and `kwargs`, as of IFEval; relative to `data_root`."""

    def label(self) -> str:
        """Its own name, or else 'checker'."""
        return self.name or "checker"


class FunctionReward(RewardSettings):
    """A Python function of yours that scores each answer."""

    function: Dotted
    """Dotted path of `f(prompt, answer)`: takes the prompt's messages and the answer's text; a number or None."""

    def find_source_file(self) -> str:
        """Finds the file that contains the function."""
        return inspect.getfile(user_functions.load(self.function))

    def label(self) -> str:
        """Its own name, or else the function's."""
        return self.name or self.function.replace(":", ".").rpartition(".")[2]


KINDS = ("model", "likelihood", "implicit", "checker", "function")


def _find_kind(value: Any) -> str | None:
    fields = value if isinstance(value, dict) else vars(value) if isinstance(value, RewardSettings) else {}
    return next((kind for kind in KINDS if kind in fields), None)


Reward = Annotated[
    Annotated[ModelReward, Tag("model")]
    | Annotated[LikelihoodReward, Tag("likelihood")]
    | Annotated[ImplicitReward, Tag("implicit")]
    | Annotated[CheckerReward, Tag("checker")]
    | Annotated[FunctionReward, Tag("function")],
    Discriminator(
        _find_kind,
        custom_error_type="no_reward",
        custom_error_message=f"a reward must be a mapping with one of: {', '.join(KINDS)}",
    ),
]
"""One reward."""


def shorten(name: str) -> str:
    """Returns the last part of a model's name, for the curve."""
    return name.rstrip("/").rpartition("/")[2]
