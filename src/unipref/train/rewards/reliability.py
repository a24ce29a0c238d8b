"""How far a reward can be trusted before a policy is trained on it: on held-out pairs and the policy's own answers.

Held-out pairs alone mislead: a reward model that ranks 0.9 of them right may rank the policy's own answers hardly
better than chance, for those are of another kind. Whether an answer of the policy's own is right, only a checker can
say; where there is none, it is said that it cannot be known.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from unipref.core import parquet
from unipref.core.records import Messages
from unipref.core.stats.bootstrap import resampled
from unipref.core.stats.sampling import evenly_spaced
from unipref.core.stats.wilson import wilson
from unipref.models.inference import answer_log_likelihoods
from unipref.models.loading import Policy
from unipref.train.rewards.sample_answers import Writer
from unipref.train.rewards.scorers import Answer, Rewarder, said
from unipref.train.rewards.trl_function import Total

PAIRS_AT_MOST = 1000
"""More pairs than this tell little more: the interval is then 0.06 wide at most."""
PAIRS_AT_LEAST = 30
"""Below this the interval is so wide that it says nothing about the reward."""
PROMPTS_AT_LEAST = 10
"""The same for prompts with right and wrong answers."""
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class HeldOut:
    """A reward on held-out pairs.

    Attributes:
        n: pairs judged; accuracy: share with the higher reward on the chosen answer, ties count half.
        low, high: Wilson's 95 % interval of the accuracy.
    """

    n: int
    accuracy: float | None
    low: float
    high: float

    @property
    def weak(self) -> bool:
        """Whether it cannot be told from guessing though there are pairs enough to tell."""
        return self.n >= PAIRS_AT_LEAST and self.low <= 0.5

    @property
    def said(self) -> str:
        """The figures in words."""
        return (
            f"accuracy {self.accuracy:.3f} on {self.n} dev pairs, 95 % interval {self.low:.3f} to {self.high:.3f}"
            if self.n
            else "there are no dev pairs it can judge"
        )


def held_out(chosen: Values, rejected: Values) -> HeldOut:
    """The accuracy of the rewards of both sides, (n,) each; a pair with a NaN is not judged."""
    known = ~np.isnan(chosen) & ~np.isnan(rejected)
    n = int(known.sum())
    if n == 0:
        return HeldOut(0, None, 0.0, 1.0)
    accuracy = float(np.mean(np.sign(chosen[known] - rejected[known]) / 2 + 0.5))
    return HeldOut(n, accuracy, *wilson(accuracy * n, n))


@dataclass(frozen=True)
class Dev:
    """What each reward says of the dev pairs: name -> chosen, rejected, chosen, ...; None where it says nothing."""

    scores: dict[str, list[float | None]]

    def table(self, name: str) -> Values:
        """A reward's scores, (pairs, 2), NaN where there is none."""
        found = [math.nan if score is None else score for score in self.scores[name]]
        return np.array(found, dtype=np.float64).reshape(-1, 2)

    def accuracy(self, rewarders: Sequence[Rewarder]) -> dict[str, HeldOut]:
        """Each guessing reward's accuracy, and under 'total' that of the weighted sum that is trained on."""
        tables = {rewarder.label: self.table(rewarder.label) for rewarder in rewarders}
        found = {rewarder.label: held_out(*tables[rewarder.label].T) for rewarder in rewarders if rewarder.guesses}
        total = np.zeros_like(next(iter(tables.values())))
        for rewarder in rewarders:
            own = tables[rewarder.label]
            # A checker says nothing of most prompts, and then adds nothing; a judge that is asked in vain spoils all.
            total += rewarder.weight * (own if rewarder.guesses else np.nan_to_num(own))
        return found | {"total": held_out(*total.T)}


def dev_scores(rewarders: Sequence[Rewarder], preferences: Path) -> Dev:
    """Asks each reward about dev pairs, at most PAIRS_AT_MOST spread evenly over the file."""
    answers = dev_pairs(preferences)
    return Dev({rewarder.label: rewarder.scores(answers) for rewarder in rewarders})


def dev_pairs(preferences: Path) -> list[Answer]:
    """The answers of held-out pairs: chosen, rejected, chosen, rejected, ..."""
    return [
        (row["prompt"] + row[side][:-1], row[side][-1]["content"])
        for row in _every_kth_row(preferences, PAIRS_AT_MOST)
        if row["chosen"] and row["rejected"]
        for side in ("chosen", "rejected")
    ]


def dev_prompts(preferences: Path, most: int) -> list[Messages]:
    """Different prompts of the dev preferences, at most `most` spread evenly over the file."""
    found = {str(row["prompt"]): row["prompt"] for row in _every_kth_row(preferences, PAIRS_AT_MOST)}
    return thinned(list(found.values()), most)


def thinned(prompts: list[Messages], most: int) -> list[Messages]:
    """At most so many, evenly spaced and in their order."""
    return [prompts[position] for position in evenly_spaced(len(prompts), most)]


def _every_kth_row(preferences: Path, most: int) -> list[dict[str, Any]]:
    """At most `most` rows of a file: every k-th, with the smallest such k."""
    if not preferences.is_file():
        return []
    every = max(1, math.ceil(parquet.count_rows(preferences) / most))
    rows = parquet.rows(preferences, ["prompt", "chosen", "rejected"], 512)
    return list(itertools.islice(rows, None, None, every))


@dataclass(frozen=True)
class Interval:
    """A mean over prompts with its 95 % percentile bootstrap interval, and over how many prompts it is taken."""

    value: float | None
    low: float | None
    high: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Interval":
        """The mean of one value per prompt; resampled with a fixed seed."""
        if not len(values):
            return cls(None, None, None, 0)
        data = np.asarray(values, dtype=np.float64)
        low, high = np.percentile(resampled(data, lambda means: means), [2.5, 97.5])
        return cls(float(data.mean()), float(low), float(high), len(data))


@dataclass(frozen=True)
class OnPolicy:
    """The rewards on several answers of the policy's own to each of some prompts.

    Attributes:
        prompts, answers: how many prompts, and answers to each.
        ended: share of the answers that the policy ended.
        spread: of each reward, the standard deviation among the finished answers to one prompt, averaged.
        agreement: Kendall's tau-a, within prompts, of the summed reward with the answers' mean log p under the policy.
        auc: share of (right, wrong) answers to one prompt that the summed reward orders so, ties half; prompt by
            prompt, over those that have both. None: no checker says what is right.
        right: share of right answers; best: of the answers with the highest reward of their prompt; gain: how much
            more that is; possible: prompts with a right answer at all.
    """

    prompts: int
    answers: int
    ended: float
    spread: dict[str, float | None]
    agreement: Interval
    auc: Interval | None = None
    right: float | None = None
    best: float | None = None
    gain: Interval | None = None
    possible: float | None = None

    @property
    def weak(self) -> bool:
        """Whether it cannot be told from guessing though there are prompts enough to tell."""
        return self.auc is not None and self.auc.n >= PROMPTS_AT_LEAST and (self.auc.low or 0.0) <= 0.5

    def rows(self) -> dict[str, Any]:
        """The figures as they are recorded."""
        return asdict(self)

    @property
    def said(self) -> str:
        """The figures in words."""
        if self.auc is None or self.auc.value is None or self.gain is None or self.gain.value is None:
            return f"on {self.prompts} x {self.answers} of the policy's own answers its accuracy cannot be known"
        return (
            f"AUC {self.auc.value:.3f} on the policy's own answers to {self.auc.n} prompts, 95 % interval "
            f"{self.auc.low:.3f} to {self.auc.high:.3f}; best of {self.answers}: {self.best:.3f} right, "
            f"one at random: {self.right:.3f}"
        )


def on_policy(
    policy: Policy, writer: Writer, prompts: Sequence[Messages], total: Total, truth: Rewarder | None, answers: int
) -> OnPolicy:
    """Has the policy answer each prompt several times, and asks the rewards.

    Args:
        policy: the one that is going to be trained.
        writer: asks it.
        prompts: that leave room for an answer.
        total: the rewards.
        truth: says which answers are right (1) and which wrong (0).
        answers: to each prompt.
    """
    asked = [prompt for prompt in prompts for _ in range(answers)]
    written = writer.write(asked, seed=0)
    given = [(prompt, one.text, one.ended) for prompt, one in zip(asked, written, strict=True)]
    parts = total.parts(given)
    rewards = np.array(total.sums(parts)).reshape(-1, answers)
    finished = np.array([bool(end and text) for _, text, end in given]).reshape(-1, answers)
    likelihood = _likelihoods(policy, given).reshape(-1, answers)
    rows = [_known(*columns) for columns in zip(rewards, likelihood, finished, strict=True)]
    agreement = [_tau(*columns) for columns in rows if columns]
    found = {
        "prompts": len(prompts),
        "answers": answers,
        "ended": float(finished.mean()) if finished.size else 0.0,
        "spread": {name: _spread_within(values, finished) for name, values in parts.items()},
        "agreement": Interval.of(agreement),
    }
    if truth is None:
        return OnPolicy(**found)  # type: ignore[arg-type]
    return OnPolicy(**found, **against_truth(rewards, finished, _truth(truth, given, finished)))  # type: ignore[arg-type]


def against_truth(rewards: Values, finished: npt.NDArray[np.bool_], right: Values) -> dict[str, Any]:
    """AUC and best-of-n.

    Args:
        rewards: (prompts, answers), NaN where there is none.
        finished: which answers the policy ended; an unfinished one is never right, and takes no part in the AUC.
        right: 1 or 0, NaN where nothing is known of the prompt.
    """
    aucs, gains, best, possible, means = [], [], [], [], []
    for reward, end, true in zip(rewards, finished, right, strict=True):
        if np.isnan(true).any() or np.isnan(reward).any():
            continue
        good, bad = reward[end & (true > 0.5)], reward[end & (true <= 0.5)]
        if len(good) and len(bad):
            aucs.append(float(np.mean(np.sign(good[:, None] - bad[None, :]) / 2 + 0.5)))
        first = float(true[reward == reward.max()].mean())
        best.append(first)
        means.append(float(true.mean()))
        gains.append(first - float(true.mean()))
        possible.append(float((true > 0.5).any()))

    def mean(values: Sequence[float]) -> float | None:
        return float(np.mean(values)) if values else None

    return {
        "auc": Interval.of(aucs),
        "right": mean(means),
        "best": mean(best),
        "gain": Interval.of(gains),
        "possible": mean(possible),
    }


def _truth(truth: Rewarder, given: Sequence[tuple[Messages, str, bool]], finished: npt.NDArray[np.bool_]) -> Values:
    """What is right: 1, 0, NaN where the prompt has no rule."""
    said_of = truth.scores([(prompt, text) for prompt, text, _ in given])
    values = np.array([math.nan if value is None else value for value in said_of]).reshape(finished.shape)
    return np.where(np.isnan(values), values, values * finished)


def _likelihoods(policy: Policy, given: Sequence[tuple[Messages, str, bool]]) -> Values:
    """Mean log p per token of the finished answers under the policy itself; NaN of the others."""
    found = np.full(len(given), math.nan)
    known = [i for i, (_, text, end) in enumerate(given) if end and text]
    if known:
        sums, tokens = answer_log_likelihoods(policy, [(given[i][0], said(given[i][1])) for i in known])
        found[known] = sums / tokens
    return found


def _known(reward: Values, likelihood: Values, finished: npt.NDArray[np.bool_]) -> tuple[Values, Values] | None:
    """Both columns of one prompt's finished answers; None where no two differ."""
    use = finished & ~np.isnan(reward) & ~np.isnan(likelihood)
    columns = reward[use], likelihood[use]
    return columns if use.sum() > 1 and len(set(zip(*columns, strict=True))) > 1 else None


def _tau(a: Values, b: Values) -> float:
    """Kendall's tau-a: over all pairs, the share ordered alike less the share ordered otherwise."""
    first, second = np.triu_indices(len(a), 1)
    return float(np.mean(np.sign(a[first] - a[second]) * np.sign(b[first] - b[second])))


def _spread_within(values: Sequence[float | None], finished: npt.NDArray[np.bool_]) -> float | None:
    """Mean over prompts of the standard deviation among one prompt's finished answers."""
    table = np.array([math.nan if value is None else value for value in values]).reshape(finished.shape)
    deviations = [float(np.std(row[end])) for row, end in zip(table, finished, strict=True) if end.sum() > 1]
    known = [one for one in deviations if not math.isnan(one)]
    return float(np.mean(known)) if known else None
