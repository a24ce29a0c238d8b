"""Rewarders: what a reward says of answers. Each is a function of prompts and finished answers alone."""

import abc
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unipref.core import user_functions
from unipref.core.answer_checks.prompt_file import Checker
from unipref.core.errors import UserError
from unipref.core.records import Message, Messages
from unipref.models import loading
from unipref.models.inference import answer_log_likelihoods, rewards
from unipref.models.loading import NO_LIMIT, Policy, RewardModel
from unipref.train.rewards.settings import (
    CheckerReward,
    FunctionReward,
    ImplicitReward,
    LikelihoodReward,
    ModelReward,
    Weighed,
)

if TYPE_CHECKING:
    from unipref.core.contracts import TrainJob

Answer = tuple[Messages, str]
"""A prompt and the text of an answer to it."""


class Rewarder(abc.ABC):
    """Scores answers.

    Attributes:
        label: what it is called in the curve.
        weight, clip: as in the settings.
        context: longest dialogue it can judge, in tokens.
        guesses: whether it may be wrong, so that it is put to the test; a checker is right by definition.
    """

    guesses = True
    context = NO_LIMIT

    def __init__(self, asked: Weighed) -> None:
        self.label, self.weight, self.clip = asked.label(), asked.weight, asked.clip

    @abc.abstractmethod
    def raw(self, answers: Sequence[Answer]) -> Sequence[float | None]:
        """As `scores`, not clipped."""

    def scores(self, answers: Sequence[Answer]) -> list[float | None]:
        """One value per answer: NaN where the dialogue does not fit, None where the reward has nothing to say."""
        found = self.raw(answers) if answers else []
        if self.clip is None:
            return list(found)
        low, high = self.clip
        return [score if score is None or math.isnan(score) else min(max(score, low), high) for score in found]

    def knows(self, prompt: Messages) -> bool:
        """Whether it has anything to say of the answers to this prompt."""
        return True


class ModelRewarder(Rewarder):
    """A trained reward model."""

    def __init__(self, asked: Weighed, model: RewardModel) -> None:
        super().__init__(asked)
        self.model, self.context = model, model.context

    def raw(self, answers: Sequence[Answer]) -> Sequence[float | None]:
        """Its score of each whole dialogue, ended as in its training."""
        return [float(value) for value in rewards(self.model, [[*prompt, *said(text)] for prompt, text in answers])]


class LikelihoodRewarder(Rewarder):
    """A policy's mean log p per token."""

    def __init__(self, asked: Weighed, policy: Policy) -> None:
        super().__init__(asked)
        self.policy, self.context = policy, policy.context

    def raw(self, answers: Sequence[Answer]) -> Sequence[float | None]:
        """Sum of log p of the answer's tokens, eos included, over their number."""
        sums, tokens = answer_log_likelihoods(self.policy, [(prompt, said(text)) for prompt, text in answers])
        return [float(value) for value in sums / tokens]


class ImplicitRewarder(Rewarder):
    """The reward that DPO implies."""

    def __init__(self, asked: ImplicitReward, policy: Policy, reference: Policy) -> None:
        super().__init__(asked)
        self.policy, self.reference, self.beta = policy, reference, asked.beta
        self.context = min(policy.context, reference.context)

    def raw(self, answers: Sequence[Answer]) -> Sequence[float | None]:
        """Beta (log p - log ref) of each whole answer."""
        pairs = [(prompt, said(text)) for prompt, text in answers]
        ours, _ = answer_log_likelihoods(self.policy, pairs)
        theirs, _ = answer_log_likelihoods(self.reference, pairs)
        return [float(value) for value in self.beta * (ours - theirs)]


class CheckerRewarder(Rewarder):
    """A benchmark's rules."""

    guesses = False

    def __init__(self, asked: Weighed, checker: Checker) -> None:
        super().__init__(asked)
        self.checker = checker

    def raw(self, answers: Sequence[Answer]) -> Sequence[float | None]:
        """1, 0, or nothing where there is no rule."""
        return [self.checker(prompt, text) for prompt, text in answers]

    def knows(self, prompt: Messages) -> bool:
        """Whether the prompt has a rule."""
        return self.checker.knows(prompt)


class FunctionRewarder(Rewarder):
    """A function of the user's."""

    def __init__(self, asked: FunctionReward) -> None:
        super().__init__(asked)
        self.path = asked.function
        self.function: Callable[[Messages, str], float | None] = user_functions.load(asked.function)

    def raw(self, answers: Sequence[Answer]) -> Sequence[float | None]:
        """What the function returns.

        Raises:
            UserError: it raised an error, or returned what is no number.
        """
        found: list[float | None] = []
        for prompt, text in answers:
            try:
                value = self.function(prompt, text)
                found.append(None if value is None else float(value))
            except Exception as error:  # the function is the user's: it may raise anything
                raise UserError(f"it failed: {type(error).__name__}: {error}", where=self.path) from error
            if found[-1] is not None and not math.isfinite(found[-1]):
                raise UserError(f"it returned {value}, which is no reward.", where=self.path)
        return found


def said(text: str) -> Messages:
    """An answer as messages."""
    return [Message(role="assistant", content=text)]


class Models:
    """The models that rewards ask, each loaded once."""

    def __init__(self, job: "TrainJob") -> None:
        self.folders = job.dependencies
        self._policies: dict[str, Policy] = {}
        self._rewards: dict[str, RewardModel] = {}

    def policy(self, name: str) -> Policy:
        """A language model, by the name of its step."""
        folder = str(self.folders.get(name, name))
        if folder not in self._policies:
            self._policies[folder] = loading.load_policy(folder)
        return self._policies[folder]

    def reward_model(self, name: str) -> RewardModel:
        """A reward model, by the name of its step."""
        folder = str(self.folders.get(name, name))
        if folder not in self._rewards:
            self._rewards[folder] = loading.load_reward_model(folder)
        return self._rewards[folder]


def make_rewarder(asked: Weighed, loaded: Models, data_root: Path) -> Rewarder:
    """The rewarder that a reward of the settings asks for.

    Raises:
        UserError: a model or a file is not there.
    """
    match asked:
        case ModelReward():
            return ModelRewarder(asked, loaded.reward_model(asked.model))
        case LikelihoodReward():
            return LikelihoodRewarder(asked, loaded.policy(asked.likelihood))
        case ImplicitReward():
            return ImplicitRewarder(asked, loaded.policy(asked.implicit), loaded.policy(asked.reference))
        case CheckerReward():
            return CheckerRewarder(asked, Checker(data_root / asked.checker))
        case FunctionReward():
            return FunctionRewarder(asked)
    raise AssertionError(f"no rewarder for {asked!r}")


@dataclass(frozen=True)
class Penalty:
    """What an answer gets that no reward may judge: one that is empty, never ends or does not fit.

    Attributes:
        value: the reward.
        known: whether dev answers show the reward's range; without, it is a guess.
    """

    value: float
    known: bool


LOWEST = -10.0
"""The reward of an unfinished answer where no dev answer shows the reward's range."""


def penalty(rewarder: Rewarder, dev_scores: Sequence[float | None]) -> Penalty:
    """Below all that the dev answers get, by one standard deviation; 0 for a checker."""
    if not rewarder.guesses:
        return Penalty(0.0, known=True)
    seen = np.array([score for score in dev_scores if score is not None and not math.isnan(score)])
    return Penalty(float(seen.min() - seen.std()), known=True) if len(seen) else Penalty(LOWEST, known=False)
