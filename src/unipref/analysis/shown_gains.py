"""What the gains of models over the base model show: by seeds, or by the examples of one training."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from unipref.core.records import BASE
from unipref.core.run_folder import GainRecord, JudgedModel, SideRecord, Verdicts
from unipref.core.stats.differences import BETTER, EQUIVALENT, INCONCLUSIVE, WORSE, classify
from unipref.core.stats.intervals import LEVEL
from unipref.core.stats.multiplicity import holm

ALPHA = 1 - LEVEL
ONCE = "on these examples, one training"
GUESSES = "the model is no better than guessing"


@dataclass(frozen=True)
class ShownGain:
    """What a model's gain over the base model on one side shows.

    Attributes:
        word: 'better', 'worse', 'equivalent' or 'inconclusive', by the interval and the side's smallest effect.
        is_sure: whether the gain differs from 0 after Holm's correction, at .05.
        is_once: whether the interval is over the examples of one training, so it is silent about another training.
        is_guess: whether the model is no better than guessing on that side.
    """

    word: str
    is_sure: bool = False
    is_once: bool = False
    is_guess: bool = False

    @property
    def is_gain(self) -> bool:
        """Whether it is better after the correction; a model that guesses gains nothing."""
        return self.word == BETTER and self.is_sure and not self.is_guess

    @property
    def is_loss(self) -> bool:
        """Whether it is worse by its own interval: a possible loss needs no correction."""
        return self.word == WORSE

    def describe(self) -> str:
        """Says in words what is shown."""
        if self.is_guess and self.word == BETTER:
            return f"a better score, but {GUESSES}, so it is no gain"
        guesses = f"; {GUESSES}" if self.is_guess else ""
        return f"{self._describe_word()}{guesses}"

    def _describe_word(self) -> str:
        if self.word == EQUIVALENT:
            return f"no difference that matters{' ' + ONCE if self.is_once else ''}"
        if self.word == INCONCLUSIVE:
            return self.word
        if not self.is_sure:
            once = f", {ONCE}" if self.is_once else ""
            return f"{self.word} by its own interval, not after Holm's correction for all comparisons{once}"
        return f"{self.word} {ONCE}" if self.is_once else f"clearly {self.word}"


def read_shown_gains(verdicts: Verdicts) -> list[dict[str, ShownGain]]:
    """Reads objective -> what the gain over the base model shows, for each of `verdicts.models`.

    A gain without a number, or on an objective without a headline metric, is left out.
    """
    sure = _correct_gains(verdicts.models)
    return [
        {
            objective: _read_gain(
                gain, side, is_guess=_is_guess(model, objective), is_sure=(at, BASE, objective) in sure
            )
            for objective, side in verdicts.sides.items()
            if (gain := model.gains.get(BASE, {}).get(objective)) is not None and math.isfinite(gain.value)
        }
        for at, model in enumerate(verdicts.models)
    ]


def is_of_one_training(gain: GainRecord) -> bool:
    """Whether the interval of a gain is over the examples of one training."""
    return gain.seeds <= 1 and gain.p is None


def _read_gain(gain: GainRecord, side: SideRecord, *, is_guess: bool, is_sure: bool) -> ShownGain:
    if not is_of_one_training(gain):
        return ShownGain(gain.verdict, gain.has_star, False, is_guess)
    has_interval = gain.low is not None and gain.high is not None
    word = classify(gain.low or 0.0, gain.high or 0.0, side.effect) if has_interval else INCONCLUSIVE
    return ShownGain(word, is_sure, True, is_guess)


def _is_guess(model: JudgedModel, objective: str) -> bool:
    figure = model.figures.get(objective)
    return figure is not None and figure.at_chance


def _correct_gains(models: Sequence[JudgedModel]) -> set[tuple[int, str, str]]:
    """Finds the gains that differ from 0 after Holm's correction over all gains of all models.

    Returns:
        The place of the model, the name of the model it is compared with, and the objective.
    """
    p_values = {
        (at, rival, objective): p
        for at, model in enumerate(models)
        for rival, by_side in model.gains.items()
        for objective, gain in by_side.items()
        if (p := _find_p(gain)) is not None
    }
    return {key for key, p in zip(p_values, holm(list(p_values.values())), strict=True) if p <= ALPHA}


def _find_p(gain: GainRecord) -> float | None:
    """Finds the two-sided p of a gain of 0; None without an interval.

    Of one training, an older `verdicts.json` has no p. Then it follows from the interval, which is taken to be
    Student's with the clusters less one as degrees of freedom.
    """
    if not is_of_one_training(gain) or gain.p_examples is not None:
        return gain.p if gain.p is not None else gain.p_examples
    if gain.low is None or gain.high is None or gain.clusters == 1 or not math.isfinite(gain.value):
        return None
    from scipy.special import stdtr, stdtrit

    width = gain.value - gain.low if gain.value > 0 else gain.high - gain.value
    if gain.value == 0 or width <= 0:
        return 1.0 if gain.value == 0 else 0.0
    freedom = gain.clusters - 1 if gain.clusters else math.inf
    quantile = float(stdtrit(min(freedom, 1e9), (1 + LEVEL) / 2))
    return float(2 * stdtr(min(freedom, 1e9), -abs(gain.value) / width * quantile))
