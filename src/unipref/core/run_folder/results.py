"""Records of results: the rows of `scores.json` and `against_base.json`, and `verdicts.json`."""

from typing import Any

import msgspec

from unipref.core.scores import Score

SCORE_COLUMNS = (
    "variant", "seed", "step", "model", "benchmark", "mode", "split", "slice", "metric", "value", "low", "high", "n",
    "n_clusters", "unit", "interval", "direction", "ideal", "chance", "at_chance", "precision",
)  # fmt: skip
"""The columns of `scores.json`, in order."""


class ScoreRow(Score, frozen=True, kw_only=True):
    """A score and its model: `variant` and `step` are 'base' for the base model, which has no `seed`.

    Attributes:
        at_chance: the model does no better than guessing on that benchmark, in that mode.
        precision: type of the model's weights while it was measured, such as 'float32'; None: unknown.
    """

    variant: str
    step: str
    benchmark: str
    seed: int | None = None
    model: str = ""
    at_chance: bool = False
    precision: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Returns the row as in `scores.json`."""
        return {column: getattr(self, column) for column in SCORE_COLUMNS}


class MixtureRow(ScoreRow, frozen=True, kw_only=True):
    """A score of a mixture of models in `soup/front.json`: `step` is its name; the base model has no weights."""

    weights: dict[str, float] = {}
    method: str | None = None
    efficient: bool = False


class PairedRow(msgspec.Struct, frozen=True):
    """One metric of a trained model compared with the base model's, example by example; see `compare.compare`."""

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
    """The metric that stands for an objective.

    Attributes:
        skill_metric: the skill shown beside it.
        effect: the smallest gain that matters, in units of one.
        replaces: the benchmark's own headline metric, if the study chose another one.
    """

    benchmark: str = ""
    metric: str = ""
    slice: str = "all"
    skill_metric: str | None = None
    effect: float = 0.05
    replaces: str | None = None


class FigureRecord(msgspec.Struct):
    """A model's value for one objective: mean over seeds, 95 % interval over seeds and clusters of examples.

    Attributes:
        at_chance: the model guesses in half of the seeds or more.
        skill: mean over seeds of the skill metric shown beside it.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    seeds: int = 0
    n: int = 0
    at_chance: bool = False
    skill: float | None = None


class GainRecord(msgspec.Struct):
    """How much better one model is than another, in units of one; above 0 is better.

    Attributes:
        n, clusters: number of examples, and of independent groups of them.
        verdict: 'better', 'worse', 'equivalent' or 'inconclusive'.
        p: two-sided p of a gain of 0, None without an interval over seeds; p_holm: corrected for all gains of its
            table.
        p_examples: p by the interval over examples alone, if there is no interval over seeds.
    """

    value: float
    low: float | None = None
    high: float | None = None
    seeds: int = 0
    n: int = 0
    clusters: int = 0
    verdict: str = "inconclusive"
    p: float | None = None
    p_holm: float | None = None
    p_examples: float | None = None

    @property
    def has_star(self) -> bool:
        """Whether the gain differs from 0 after the correction, at .05."""
        return self.p_holm is not None and self.p_holm <= 0.05


class PairRecord(msgspec.Struct):
    """How two last models compare: the gain of `model` over `other` on each objective."""

    model: str
    other: str
    gains: dict[str, GainRecord] = {}


class JudgedModel(msgspec.Struct):
    """A model over all its seeds: its values by objective, and its gains by rival and objective.

    Attributes:
        front: no other model is at least as good on both sides and better on one.
        contribution: the hypervolume that only this model adds.
        support: share of simulated runs in which it is on the front.
    """

    variant: str
    step: str
    figures: dict[str, FigureRecord | None] = {}
    gains: dict[str, dict[str, GainRecord]] = {}
    front: bool = False
    contribution: float | None = None
    support: float | None = None


class FrontRecord(msgspec.Struct):
    """The Pareto front: its hypervolume from `reference`, the models on it, and the models it leaves out.

    `hypervolume_unbiased` is without the bias of choosing the best of noisy models, with its 95 % interval.
    """

    hypervolume: float | None = None
    reference: tuple[float, float] = (0.0, 0.0)
    measured_from: str = msgspec.field(default="", name="from")
    models: list[str] = []
    left_out: list[str] = []
    hypervolume_unbiased: float | None = None
    low: float | None = None
    high: float | None = None


class ClaimRecord(msgspec.Struct):
    """A claim, the rule that decides it, the verdict and why; the gains behind it by comparison and objective.

    `tested`: whether the study has the variants and benchmarks that can test it.
    """

    claim: str
    verdict: str = ""
    why: str = ""
    rule: str = ""
    gains: dict[str, dict[str, GainRecord]] = {}
    tested: bool = True


class FailureSign(msgspec.Struct, frozen=True):
    """A way to fail, the threshold that shows it, and where it occurred (empty if nowhere)."""

    name: str
    threshold: str
    occurrences: list[str] = msgspec.field(default_factory=list, name="found")


VERDICTS_VERSION = 2
"""The version of `verdicts.json` that this version of unipref reads."""


class Verdicts(msgspec.Struct):
    """The verdicts of a run; `analysis.verdicts.judge` documents each field."""

    claims: list[ClaimRecord]
    version: int = VERDICTS_VERSION
    summary: list[str] = []
    sides: dict[str, SideRecord] = {}
    models: list[JudgedModel] = []
    front: FrontRecord | None = None
    signatures: list[FailureSign] = []
    pairs: list[PairRecord] = []

    def __post_init__(self) -> None:
        if len(self.sides) > 2:
            raise ValueError(f"found {len(self.sides)} sides, expected at most 2")
