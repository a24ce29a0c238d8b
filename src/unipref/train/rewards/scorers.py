"""Rewarders: score answers for the rewards in the settings, from the prompt and the finished answer alone."""

import abc
import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unipref.core import user_functions
from unipref.core.answer_checks.prompt_file import Checker
from unipref.core.chat_models import Policy, RewardModel
from unipref.core.errors import UserError
from unipref.core.records import Message, Messages
from unipref.models import loading
from unipref.models.inference import answer_log_likelihoods, rewards
from unipref.models.loading import NO_LIMIT
from unipref.models.reward_axes import check_weights
from unipref.train.rewards.settings import (
    CheckerReward,
    FunctionReward,
    ImplicitReward,
    LikelihoodReward,
    ModelReward,
    RewardSettings,
)

if TYPE_CHECKING:
    from unipref.core.contracts import TrainJob

Answer = tuple[Messages, str]
"""A prompt and the text of an answer to it."""


class Rewarder(abc.ABC):
    """Scores answers.

    Attributes:
        label: its name in the curve.
        weight, clip: as in the settings.
        context: longest dialogue it can score, in tokens.
        is_fallible: whether its scores may be wrong, so that they are tested; a checker is right by definition.
    """

    is_fallible = True
    context = NO_LIMIT

    def __init__(self, settings: RewardSettings) -> None:
        self.label, self.weight, self.clip = settings.label(), settings.weight, settings.clip

    @abc.abstractmethod
    def score_raw(self, answers: Sequence[Answer]) -> Sequence[float | None]:
        """As `score`, without clipping."""

    def score(self, answers: Sequence[Answer]) -> list[float | None]:
        """Scores each answer: NaN if the dialogue does not fit, None if the reward cannot score it."""
        scores = self.score_raw(answers) if answers else []
        if self.clip is None:
            return list(scores)
        low, high = self.clip
        return [score if score is None or math.isnan(score) else min(max(score, low), high) for score in scores]

    def can_score(self, prompt: Messages) -> bool:
        """Whether it can score answers to this prompt."""
        return True


class ModelRewarder(Rewarder):
    """A trained reward model."""

    def __init__(self, settings: ModelReward, model: RewardModel) -> None:
        super().__init__(settings)
        if settings.axes is not None:
            weights = check_weights(settings.axes, model.axes, f"rewards: {self.label}: axes")
            model = dataclasses.replace(model, weights=weights)
        self.model, self.context = model, model.context

    def score_raw(self, answers: Sequence[Answer]) -> Sequence[float | None]:
        """The model's score of each whole dialogue, with the same end as in its training."""
        dialogues = [[*prompt, *as_assistant_turn(text)] for prompt, text in answers]
        return [float(value) for value in rewards(self.model, dialogues)]


class LikelihoodRewarder(Rewarder):
    """A policy's mean log p per token."""

    def __init__(self, settings: RewardSettings, policy: Policy) -> None:
        super().__init__(settings)
        self.policy, self.context = policy, policy.context

    def score_raw(self, answers: Sequence[Answer]) -> Sequence[float | None]:
        """Sum of log p of the answer's tokens, eos included, divided by their number."""
        dialogues = [(prompt, as_assistant_turn(text)) for prompt, text in answers]
        sums, tokens = answer_log_likelihoods(self.policy, dialogues)
        return [float(value) for value in sums / tokens]


class ImplicitRewarder(Rewarder):
    """The reward that DPO implies."""

    def __init__(self, settings: ImplicitReward, policy: Policy, reference: Policy) -> None:
        super().__init__(settings)
        self.policy, self.reference, self.beta = policy, reference, settings.beta
        self.context = min(policy.context, reference.context)

    def score_raw(self, answers: Sequence[Answer]) -> Sequence[float | None]:
        """Beta (log p - log ref) of each whole answer."""
        dialogues = [(prompt, as_assistant_turn(text)) for prompt, text in answers]
        policy, _ = answer_log_likelihoods(self.policy, dialogues)
        reference, _ = answer_log_likelihoods(self.reference, dialogues)
        return [float(value) for value in self.beta * (policy - reference)]


class CheckerRewarder(Rewarder):
    """Checks answers by a benchmark's rules."""

    is_fallible = False

    def __init__(self, settings: RewardSettings, checker: Checker) -> None:
        super().__init__(settings)
        self.checker = checker

    def score_raw(self, answers: Sequence[Answer]) -> Sequence[float | None]:
        """1 or 0; None if the prompt has no rule."""
        return [self.checker(prompt, text) for prompt, text in answers]

    def can_score(self, prompt: Messages) -> bool:
        """Whether the prompt has a rule."""
        return self.checker.can_check(prompt)


class FunctionRewarder(Rewarder):
    """The user's Python function."""

    def __init__(self, settings: FunctionReward) -> None:
        super().__init__(settings)
        self.path = settings.function
        self.function: Callable[[Messages, str], float | None] = user_functions.load(settings.function)

    def score_raw(self, answers: Sequence[Answer]) -> Sequence[float | None]:
        """Calls the function on each answer.

        Raises:
            UserError: the function raised an error, or returned something that is not a finite number.
        """
        scores: list[float | None] = []
        for prompt, text in answers:
            try:
                value = self.function(prompt, text)
                scores.append(None if value is None else float(value))
            except Exception as error:  # the function is the user's: it may raise anything
                raise UserError(f"the function failed: {type(error).__name__}: {error}", where=self.path) from error
            if scores[-1] is not None and not math.isfinite(scores[-1]):
                raise UserError(f"the function returned {value}, not a finite number.", where=self.path)
        return scores


def as_assistant_turn(text: str) -> Messages:
    """Wraps the text of an answer in an assistant message."""
    return [Message(role="assistant", content=text)]


class RewardModels:
    """The models that rewards use, each loaded once."""

    def __init__(self, job: "TrainJob") -> None:
        self.folders = job.dependencies
        self._policies: dict[str, Policy] = {}
        self._rewards: dict[str, RewardModel] = {}

    def load_policy(self, name: str) -> Policy:
        """Loads a language model, by the name of its step."""
        folder = str(self.folders.get(name, name))
        if folder not in self._policies:
            self._policies[folder] = loading.load_policy(folder)
        return self._policies[folder]

    def load_reward_model(self, name: str) -> RewardModel:
        """Loads a reward model, by the name of its step."""
        folder = str(self.folders.get(name, name))
        if folder not in self._rewards:
            self._rewards[folder] = loading.load_reward_model(folder)
        return self._rewards[folder]


def make_rewarder(settings: RewardSettings, models: RewardModels, data_root: Path) -> Rewarder:
    """Makes the rewarder for a reward in the settings.

    Raises:
        UserError: a model or a file is missing, or a weight is of no axis of the model.
    """
    match settings:
        case ModelReward():
            return ModelRewarder(settings, models.load_reward_model(settings.model))
        case LikelihoodReward():
            return LikelihoodRewarder(settings, models.load_policy(settings.likelihood))
        case ImplicitReward():
            policy, reference = models.load_policy(settings.implicit), models.load_policy(settings.reference)
            return ImplicitRewarder(settings, policy, reference)
        case CheckerReward():
            return CheckerRewarder(settings, Checker(data_root / settings.checker))
        case FunctionReward():
            return FunctionRewarder(settings)
    raise AssertionError(f"no rewarder for {settings!r}")


@dataclass(frozen=True)
class Penalty:
    """The reward of an answer that cannot be scored because it is empty, never ends or does not fit.

    Attributes:
        value: the reward.
        is_measured: whether dev answers show the reward's range; otherwise the value is a fallback.
    """

    value: float
    is_measured: bool


FALLBACK_PENALTY = -10.0
"""The reward of an unfinished answer if no dev answer shows the reward's range."""


def compute_penalty(rewarder: Rewarder, dev_scores: Sequence[float | None]) -> Penalty:
    """Computes a value below all dev answers' rewards, by one standard deviation; 0 for a checker."""
    if not rewarder.is_fallible:
        return Penalty(0.0, is_measured=True)
    scores = np.array([score for score in dev_scores if score is not None and not math.isnan(score)])
    if not len(scores):
        return Penalty(FALLBACK_PENALTY, is_measured=False)
    return Penalty(float(scores.min() - scores.std()), is_measured=True)
