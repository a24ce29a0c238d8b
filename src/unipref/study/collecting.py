"""The settings of collecting feedback that a file for `unipref collect` and the rounds of a study have in common."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from unipref.core.answer_checks.constraints import ConstraintSettings
from unipref.core.choice_setting import one_choice
from unipref.core.contracts import Judge, Settings
from unipref.study.source import Source


class Prompts(Settings):
    """Which prompts of the sources are used."""

    most: int | None = Field(default=None, ge=1)
    """Most prompts, drawn at random from all sources together; default: all."""
    seed: int = 0
    """Seed of the draw. A prompt's place in it depends on this and on the prompt alone."""


class Sampling(Settings):
    """How the policy answers."""

    k: int = Field(default=4, ge=2)
    """Answers to each prompt."""
    temperature: float = Field(default=0.8, gt=0)
    """Temperature of the sampling."""
    max_new_tokens: int = Field(default=256, ge=1)
    """Longest answer, in tokens; a longer one is cut off there, and marked as such."""
    precision: Literal["float32", "bfloat16", "float16"] | None = None
    """Type of the policy's weights; default: as they are saved."""


class Gold(Settings):
    """Pairs with known better answers, on which fallible judges are tested before they judge."""

    sources: list[Source] = []
    """Sources with pairs that people judged."""
    most: int = Field(default=200, ge=30)
    """Most pairs that a judge is asked about."""
    keep_weak: bool = False
    """Whether to use a judge whose agreement with them is not clearly above chance. By default it judges nothing."""


class Comparing(Settings):
    """What the prompts ask, and who compares the answers."""

    constraints: ConstraintSettings | None = None
    """Instructions about the form of the answer to add to the prompts, in unipref's own words; null: none."""
    pairs: Literal["all", "adjacent"] = "all"
    """Which answers to a prompt are compared. all: each with each other one. adjacent: each with the next one, k - 1
    pairs, for judges that cost money."""
    judges: Annotated[list[Annotated[Judge, one_choice("judge", "judges")]], Field(min_length=1)]
    """Who compares the answers."""
    gold: Gold = Gold()
    """On what the judges are tested."""
    objective: str = "instruction"
    """What the judges compare, as `objective` of a source."""

    @model_validator(mode="before")
    @classmethod
    def _read_gold_list(cls, value: Any) -> Any:
        """Takes a list for the sources of the gold pairs."""
        if isinstance(value, dict) and isinstance(value.get("gold"), list):
            return {**value, "gold": {"sources": value["gold"]}}
        return value

    @model_validator(mode="after")
    def _has_unique_judges(self) -> "Comparing":
        names = [judge.annotator() for judge in self.judges]
        if repeated := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two judges are called {', '.join(sorted(repeated))}; give one of them a 'label'")
        return self
