"""What an aggregate estimates of annotators and sources, and how its fit ended. `judging.json` has the same fields."""

from dataclasses import dataclass

LEAST_RELIABLE = 0.4
"""An annotator whose reliability is surely below this judges about at random: right in less than 70 % of cases."""


@dataclass(frozen=True)
class Convergence:
    """How an iterative fit ended.

    Attributes:
        steps: passes over the judgements.
        change: mean absolute change of the utilities in the last step; of `dawid_skene`, how much the log-likelihood
            per vote grew in it.
        tolerance: the change at which it stops; it has converged if `change` is not above it.
    """

    steps: int
    change: float
    tolerance: float

    @property
    def has_converged(self) -> bool:
        """Whether the last step changed less than the tolerance."""
        return self.change <= self.tolerance


@dataclass(frozen=True)
class AnnotatorReport:
    """What is estimated of one annotator.

    Attributes:
        name: the annotator.
        n_judgements: number of judgements.
        n_overlapping: those on answers that others judged too, which is all that tells how reliable they are.
        agreement, n_compared: share of the pairs on which they and another annotator order the answers alike, and the
            number of such pairs; None if there is none.
        reliability: 1 for always right, 0 for chance, -1 for always wrong, about a typical pair of answers; None if it
            cannot be known.
        low, high: its 95 % interval.
        n_opposite: number of judgements that the annotator contradicts; they tell nothing of the answers.
        n_shown: number of pairs that the annotator decided and of which it is known which answer was shown first.
        chose_first: share of these in which it was chosen; None without any.
        shift: how much more the annotator is for the answer shown first, in units of slope * utility; None if it is
            not estimated.
        favours_place: 'first' or 'last' if the annotator chooses the answer shown there clearly more often than the
            others do, else None.
        inverted_source: the only source that the annotator judges in, if its scale is inverted or it is opposed to
            another source: whether the person or the source is the wrong way round is then not known.
    """

    name: str
    n_judgements: int
    n_overlapping: int
    agreement: float | None
    n_compared: int
    reliability: float | None = None
    low: float | None = None
    high: float | None = None
    n_opposite: int = 0
    n_shown: int = 0
    chose_first: float | None = None
    shift: float | None = None
    favours_place: str | None = None
    inverted_source: str | None = None

    @property
    def is_inverted(self) -> bool | None:
        """True if the interval of the reliability lies below 0, False if it lies above it, None otherwise."""
        return _is_below_zero(self.low, self.high)

    @property
    def is_near_chance(self) -> bool:
        """Whether the annotator surely judges about at random, and is not inverted."""
        return self.high is not None and self.high < LEAST_RELIABLE and not self.is_inverted


@dataclass(frozen=True)
class SourceReport:
    """What is estimated of one kind of judgement, of one source, on one axis.

    Attributes:
        source, axis, kind: which judgements.
        n_judgements, n_overlapping: as for an annotator.
        slope: how steeply its judgements follow the utilities, whose standard deviation within a prompt is 1. Below 0
            the scale is inverted. None if it cannot be known.
        low, high: its 95 % interval.
        thresholds: between its categories, in the same units as slope * utility; empty if there are none.
    """

    source: str
    axis: str | None
    kind: str
    n_judgements: int
    n_overlapping: int
    slope: float | None = None
    low: float | None = None
    high: float | None = None
    thresholds: tuple[float, ...] = ()

    @property
    def is_inverted(self) -> bool | None:
        """True if the interval of the slope lies below 0, False if it lies above it, None otherwise."""
        return _is_below_zero(self.low, self.high)


def _is_below_zero(low: float | None, high: float | None) -> bool | None:
    """Whether an interval lies below 0; None if it holds 0 or is not known."""
    return None if low is None or high is None or low <= 0.0 <= high else high < 0.0
