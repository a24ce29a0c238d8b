"""Measures how far a reward can be trusted before training: on held-out pairs and on the policy's own answers.

Held-out pairs alone mislead: a reward model that ranks 0.9 of them correctly may rank the policy's own answers hardly
better than chance, because those are of another kind. Only a checker can decide whether an own answer is right; without
one, the accuracy on own answers is reported as unknown.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from unipref.core import parquet
from unipref.core.chat_models import Policy
from unipref.core.records import Messages
from unipref.core.stats.bootstrap import resample
from unipref.core.stats.sampling import sample_evenly
from unipref.core.stats.wilson import wilson
from unipref.models.inference import answer_log_likelihoods
from unipref.train.rewards.sample_answers import AnswerSampler
from unipref.train.rewards.scorers import Answer, Rewarder, as_assistant_turn
from unipref.train.rewards.trl_function import WeightedSum

MAX_PAIRS = 1000
"""More pairs add little: with these, the interval is at most 0.06 wide."""
MIN_PAIRS = 30
"""With fewer pairs, the interval is too wide to say anything about the reward."""
MIN_PROMPTS = 10
"""The same for prompts with both right and wrong answers."""
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class HeldOutAccuracy:
    """A reward's accuracy on held-out pairs.

    Attributes:
        n: scored pairs; accuracy: share with the higher reward on the chosen answer, ties count half.
        low, high: Wilson's 95 % interval of the accuracy.
    """

    n: int
    accuracy: float | None
    low: float
    high: float

    @property
    def is_weak(self) -> bool:
        """Whether the reward is no better than guessing although there are enough pairs to tell."""
        return self.n >= MIN_PAIRS and self.low <= 0.5

    @property
    def description(self) -> str:
        """The figures in words."""
        return (
            f"accuracy {self.accuracy:.3f} on {self.n} dev pairs, 95 % interval {self.low:.3f} to {self.high:.3f}"
            if self.n
            else "there are no dev pairs it can score"
        )


def compute_held_out_accuracy(chosen: Values, rejected: Values) -> HeldOutAccuracy:
    """Computes the accuracy from the rewards of both sides, (n,) each; a pair with a NaN does not count."""
    is_scored = ~np.isnan(chosen) & ~np.isnan(rejected)
    n = int(is_scored.sum())
    if n == 0:
        return HeldOutAccuracy(0, None, 0.0, 1.0)
    accuracy = float(np.mean(np.sign(chosen[is_scored] - rejected[is_scored]) / 2 + 0.5))
    return HeldOutAccuracy(n, accuracy, *wilson(accuracy * n, n))


@dataclass(frozen=True)
class DevRewards:
    """Each reward's scores of the dev pairs: name -> chosen, rejected, chosen, ...; None if it cannot score one.

    `left_out` is the number of pairs that no reward scores, because an answer is a tool call.
    """

    scores: dict[str, list[float | None]]
    left_out: int = 0

    def make_table(self, name: str) -> Values:
        """Makes an array of a reward's scores, (pairs, 2), NaN if there is none."""
        scores = [math.nan if score is None else score for score in self.scores[name]]
        return np.array(scores, dtype=np.float64).reshape(-1, 2)

    def compute_accuracy(self, rewarders: Sequence[Rewarder]) -> dict[str, HeldOutAccuracy]:
        """Computes each fallible reward's accuracy, and under 'total' that of the weighted sum used in training."""
        tables = {rewarder.label: self.make_table(rewarder.label) for rewarder in rewarders}
        accuracies = {
            rewarder.label: compute_held_out_accuracy(*tables[rewarder.label].T)
            for rewarder in rewarders
            if rewarder.is_fallible
        }
        total = np.zeros_like(next(iter(tables.values())))
        for rewarder in rewarders:
            own = tables[rewarder.label]
            # A checker scores few prompts, and adds 0 for the others; without a model's score, a pair has no total.
            total += rewarder.weight * (own if rewarder.is_fallible else np.nan_to_num(own))
        return accuracies | {"total": compute_held_out_accuracy(*total.T)}


def score_dev_pairs(rewarders: Sequence[Rewarder], preferences: Path) -> DevRewards:
    """Scores dev pairs with each reward, at most MAX_PAIRS spread evenly over the file."""
    answers, left_out = read_dev_pairs(preferences)
    return DevRewards({rewarder.label: rewarder.score(answers) for rewarder in rewarders}, left_out)


def read_dev_pairs(preferences: Path) -> tuple[list[Answer], int]:
    """Reads the answers of held-out pairs: chosen, rejected, chosen, rejected, ... Rewards score texts, so pairs with
    an answer that is a tool call are left out; also returns their number.
    """
    sides = ("chosen", "rejected")
    pairs = [row for row in _every_kth_row(preferences, MAX_PAIRS) if row["chosen"] and row["rejected"]]
    texts = [row for row in pairs if not any(row[side][-1].get("tool_calls") for side in sides)]
    answers = [(row["prompt"] + row[side][:-1], row[side][-1]["content"]) for row in texts for side in sides]
    return answers, len(pairs) - len(texts)


def read_dev_prompts(preferences: Path, most: int) -> list[Messages]:
    """Reads distinct prompts of the dev preferences, at most `most`, spread evenly over the file."""
    prompts = {str(row["prompt"]): row["prompt"] for row in _every_kth_row(preferences, MAX_PAIRS)}
    return thin(list(prompts.values()), most)


def thin(prompts: list[Messages], most: int) -> list[Messages]:
    """Keeps at most `most` prompts, evenly spaced and in their order."""
    return [prompts[position] for position in sample_evenly(len(prompts), most)]


def _every_kth_row(preferences: Path, most: int) -> list[dict[str, Any]]:
    """At most `most` rows of a file: every k-th, with the smallest such k."""
    if not preferences.is_file():
        return []
    every = max(1, math.ceil(parquet.count_rows(preferences) / most))
    rows = parquet.read_rows(preferences, ["prompt", "chosen", "rejected"], 512)
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
        low, high = np.percentile(resample(data, lambda means: means), [2.5, 97.5])
        return cls(float(data.mean()), float(low), float(high), len(data))


@dataclass(frozen=True)
class OnPolicy:
    """The rewards on several of the policy's own answers to each of some prompts.

    Attributes:
        prompts, answers: number of prompts, and of answers to each.
        ended: share of the answers that the policy ended.
        spread: per reward, the standard deviation among the finished answers to one prompt, averaged over prompts.
        agreement: Kendall's tau-a, within prompts, of the summed reward with the answers' mean log p under the policy.
        auc: share of (right, wrong) pairs of answers to one prompt that the summed reward orders correctly, ties half;
            prompt by prompt, over those that have both. None: no checker decides which answers are right.
        right: share of right answers; best: the same among the answers with the highest reward of their prompt; gain:
            the difference; possible: share of prompts with at least one right answer.
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
    def is_weak(self) -> bool:
        """Whether the reward is no better than guessing although there are enough prompts to tell."""
        return self.auc is not None and self.auc.n >= MIN_PROMPTS and (self.auc.low or 0.0) <= 0.5

    @property
    def description(self) -> str:
        """The figures in words."""
        if self.auc is None or self.auc.value is None or self.gain is None or self.gain.value is None:
            return f"the accuracy on {self.prompts} x {self.answers} of the policy's own answers is unknown"
        return (
            f"AUC {self.auc.value:.3f} on the policy's own answers to {self.auc.n} prompts, 95 % interval "
            f"{self.auc.low:.3f} to {self.auc.high:.3f}; best of {self.answers}: {self.best:.3f} right, "
            f"one at random: {self.right:.3f}"
        )


def check_on_policy(
    policy: Policy,
    sampler: AnswerSampler,
    prompts: Sequence[Messages],
    total: WeightedSum,
    truth: Rewarder | None,
    answers: int,
) -> OnPolicy:
    """Has the policy answer each prompt several times, and scores the answers with the rewards.

    Args:
        policy: the policy to be trained.
        sampler: samples its answers.
        prompts: prompts that leave room for an answer.
        total: the rewards.
        truth: decides which answers are right (1) and which are wrong (0).
        answers: number of answers to each prompt.
    """
    repeated = [prompt for prompt in prompts for _ in range(answers)]
    samples = sampler.generate(repeated, seed=0)
    sampled = [(prompt, one.text, one.ended) for prompt, one in zip(repeated, samples, strict=True)]
    parts = total.score_parts(sampled)
    rewards = np.array(total.sum_parts(parts)).reshape(-1, answers)
    finished = np.array([bool(end and text) for _, text, end in sampled]).reshape(-1, answers)
    likelihood = _compute_likelihoods(policy, sampled).reshape(-1, answers)
    rows = [_select_comparable(*columns) for columns in zip(rewards, likelihood, finished, strict=True)]
    agreement = [_tau(*columns) for columns in rows if columns]
    figures = {
        "prompts": len(prompts),
        "answers": answers,
        "ended": float(finished.mean()) if finished.size else 0.0,
        "spread": {name: _spread_within(values, finished) for name, values in parts.items()},
        "agreement": Interval.of(agreement),
    }
    if truth is None:
        return OnPolicy(**figures)  # type: ignore[arg-type]
    right = _score_truth(truth, sampled, finished)
    return OnPolicy(**figures, **compare_with_truth(rewards, finished, right))  # type: ignore[arg-type]


def compare_with_truth(rewards: Values, finished: npt.NDArray[np.bool_], right: Values) -> dict[str, Any]:
    """Computes AUC and best-of-n.

    Args:
        rewards: (prompts, answers), NaN if there is none.
        finished: (prompts, answers), whether the policy ended the answer; an unfinished answer is never right, and
            takes no part in the AUC.
        right: (prompts, answers), 1 or 0, NaN if the prompt has no rule.
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


def _score_truth(
    truth: Rewarder, sampled: Sequence[tuple[Messages, str, bool]], finished: npt.NDArray[np.bool_]
) -> Values:
    """Whether each answer is right: 1 or 0, NaN if the prompt has no rule."""
    scores = truth.score([(prompt, text) for prompt, text, _ in sampled])
    values = np.array([math.nan if value is None else value for value in scores]).reshape(finished.shape)
    return np.where(np.isnan(values), values, values * finished)


def _compute_likelihoods(policy: Policy, sampled: Sequence[tuple[Messages, str, bool]]) -> Values:
    """Mean log p per token of the finished answers under the policy itself; NaN for the others."""
    likelihoods = np.full(len(sampled), math.nan)
    finished = [i for i, (_, text, end) in enumerate(sampled) if end and text]
    if finished:
        dialogues = [(sampled[i][0], as_assistant_turn(sampled[i][1])) for i in finished]
        sums, tokens = answer_log_likelihoods(policy, dialogues)
        likelihoods[finished] = sums / tokens
    return likelihoods


def _select_comparable(
    reward: Values, likelihood: Values, finished: npt.NDArray[np.bool_]
) -> tuple[Values, Values] | None:
    """Selects both columns of one prompt's finished answers; None if no two answers differ."""
    use = finished & ~np.isnan(reward) & ~np.isnan(likelihood)
    columns = reward[use], likelihood[use]
    return columns if use.sum() > 1 and len(set(zip(*columns, strict=True))) > 1 else None


def _tau(a: Values, b: Values) -> float:
    """Kendall's tau-a: over all pairs, the share ordered alike minus the share ordered differently."""
    first, second = np.triu_indices(len(a), 1)
    return float(np.mean(np.sign(a[first] - a[second]) * np.sign(b[first] - b[second])))


def _spread_within(values: Sequence[float | None], finished: npt.NDArray[np.bool_]) -> float | None:
    """Mean over prompts of the standard deviation among one prompt's finished answers."""
    table = np.array([math.nan if value is None else value for value in values]).reshape(finished.shape)
    deviations = [float(np.std(row[end])) for row, end in zip(table, finished, strict=True) if end.sum() > 1]
    numbers = [one for one in deviations if not math.isnan(one)]
    return float(np.mean(numbers)) if numbers else None
