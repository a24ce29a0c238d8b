"""Records of results: the rows of `scores.json` and `against_base.json`, and `verdicts.json`."""

from typing import Any

import msgspec

from unipref.core.scores import Score

SCORE_COLUMNS = (
    "variant", "seed", "step", "model", "benchmark", "mode", "split", "slice", "metric", "value", "low", "high", "n",
    "unit", "direction", "ideal", "chance", "at_chance",
)  # fmt: skip
"""The columns of `scores.json`, in order."""


class ScoreRow(Score, frozen=True, kw_only=True):
    """A score and the model it is of: `variant` and `step` are 'base' for the base model, which has no `seed`.

    `at_chance`: the model does no better than guessing on that benchmark, in that mode.
    """

    variant: str
    step: str
    benchmark: str
    seed: int | None = None
    model: str = ""
    at_chance: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The row as `scores.json` has it."""
        return {column: getattr(self, column) for column in SCORE_COLUMNS}


class MixtureRow(ScoreRow, frozen=True, kw_only=True):
    """A score of a mixture of models in `soup/front.json`: `step` is its name; the base model has no weights."""

    weights: dict[str, float] = {}
    method: str | None = None
    efficient: bool = False


class PairedRow(msgspec.Struct, frozen=True):
    """One figure of a trained model compared with the base model's, example by example; as `compare.compare` says."""

    variant: str
    seed: int | None
    step: str
    benchmark: str
    mode: str
    split: str
    slice: str
    metric: str
    verdict: str


class SideRecord(msgspec.Struct):
    """The figure that stands for an objective. `skill_metric`: the skill shown beside it."""

    benchmark: str = ""
    metric: str = ""
    slice: str = "all"
    skill_metric: str | None = None


class FigureRecord(msgspec.Struct):
    """A model's figure for one objective: mean over seeds, 95 % interval over seeds and examples.

    Attributes:
        at_chance: the model guesses in half of the seeds or more.
        skill: mean over seeds of the skill shown beside it.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    seeds: int = 0
    n: int = 0
    at_chance: bool = False
    skill: float | None = None


class GainRecord(msgspec.Struct):
    """How much better one model is than another; above 0 is better.

    Attributes:
        guessing: which of the two models guess; void: whether one does, so that the gain means nothing.
        clear: 'better' or 'worse' where the interval leaves out 0 and there are several seeds.
    """

    value: float
    low: float | None = None
    high: float | None = None
    seeds: int = 0
    n: int = 0
    guessing: list[str] = []
    clear: str | None = None
    void: bool = False


class JudgedModel(msgspec.Struct):
    """A model, all its seeds taken together: its figures by objective, and its gains by rival and objective.

    Attributes:
        front: no other model is at least as good on both sides and better on one.
        contribution: the hypervolume that only this model adds.
    """

    variant: str
    step: str
    figures: dict[str, FigureRecord | None] = {}
    gains: dict[str, dict[str, GainRecord]] = {}
    front: bool = False
    contribution: float | None = None


class FrontRecord(msgspec.Struct):
    """The front: its hypervolume, measured from `reference`, and the models on it and left out of it."""

    hypervolume: float | None = None
    reference: tuple[float, float] = (0.0, 0.0)
    measured_from: str = msgspec.field(default="", name="from")
    models: list[str] = []
    left_out: list[str] = []


class ClaimRecord(msgspec.Struct):
    """A claim, the rule that decides it, the verdict and why; the gains it rests on by comparison and objective."""

    claim: str
    verdict: str = ""
    why: str = ""
    rule: str = ""
    gains: dict[str, dict[str, GainRecord]] = {}


class FailureSign(msgspec.Struct, frozen=True):
    """A way to fail, the threshold that shows it, and where it occurred; empty where it did not."""

    name: str
    threshold: str
    occurrences: list[str] = msgspec.field(default_factory=list, name="found")


class Verdicts(msgspec.Struct):
    """What a run shows; `analysis.verdicts.judge` says what each field is."""

    claims: list[ClaimRecord]
    summary: list[str] = []
    sides: dict[str, SideRecord] = {}
    models: list[JudgedModel] = []
    front: FrontRecord | None = None
    signatures: list[FailureSign] = []

    def __post_init__(self) -> None:
        if len(self.sides) > 2:
            raise ValueError(f"{len(self.sides)} sides instead of at most 2")
