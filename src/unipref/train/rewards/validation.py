"""Loads and tests a step's rewards, and prepares them for TRL."""

import gc
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from unipref.core.contracts import TrainJob
from unipref.core.records import Messages, Row
from unipref.models.loading import load_policy
from unipref.train.data.row_usage import NO_RULE
from unipref.train.data.rows import View
from unipref.train.rewards.probe import RewardProbe
from unipref.train.rewards.reliability import (
    HeldOutAccuracy,
    OnPolicy,
    check_on_policy,
    read_dev_prompts,
    score_dev_pairs,
    thin,
)
from unipref.train.rewards.sample_answers import AnswerSampler
from unipref.train.rewards.scorers import CheckerRewarder, Rewarder, RewardModels, compute_penalty, make_rewarder
from unipref.train.rewards.settings import Reward
from unipref.train.rewards.trl_function import RewardFunction, WeightedSum

MANY_UNJUDGED = 0.5
"""Share of answers a reward could not judge above which unipref warns."""


@dataclass
class RewardValidation:
    """The rewards of a step and the results of their tests.

    Attributes:
        functions: for TRL, in the order of the settings.
        held_out: name -> accuracy on dev pairs of each fallible reward, and of the sum under 'total'.
        on_policy: results on the policy's own answers; None: not tested on them.
        probe: the dev prompts that the policy answers repeatedly.
        max_tokens, temperature: of the answers.
        dev_calls: dev pairs without a score, because an answer is a tool call.
    """

    functions: list[RewardFunction]
    held_out: dict[str, HeldOutAccuracy]
    on_policy: OnPolicy | None
    probe: RewardProbe
    max_tokens: int
    temperature: float
    dev_calls: int = 0

    @property
    def is_fallible(self) -> bool:
        """Whether the scores of any reward may be wrong."""
        return any(function.rewarder.is_fallible for function in self.functions)

    @property
    def context(self) -> int:
        """The longest dialogue that every reward can score, in tokens."""
        return min(function.rewarder.context for function in self.functions)

    def restrict(self, view: View) -> View:
        """Restricts the view to prompts that some reward can score; the others are left out and counted."""
        rewarders = [function.rewarder for function in self.functions]

        def examples(row: Row) -> list[Row] | str:
            can_score = any(rewarder.can_score(row["prompt"]) for rewarder in rewarders)
            return view.examples(row) if can_score else NO_RULE

        return replace(view, examples=examples)

    def list_warnings(self) -> list[str]:
        """Lists warnings about the rewards in training."""
        warnings = [
            f"the reward '{function.__name__}' did not judge {function.unjudged_share:.0%} of the answers: they were "
            "empty or did not end within max_completion_length"
            for function in self.functions
            if function.unjudged_share > MANY_UNJUDGED
        ]
        if self.dev_calls:
            warnings.append(
                f"{self.dev_calls} dev pairs have an answer that is a tool call: rewards score texts, so the test of "
                "the rewards leaves them out"
            )
        return warnings

    def as_record(self) -> dict[str, Any]:
        """The figures as the manifest records them."""
        return {
            "held_out": {name: asdict(accuracy) for name, accuracy in self.held_out.items()},
            "dev_pairs_left_out": {"tool_calls": self.dev_calls} if self.dev_calls else {},
            "on_policy": asdict(self.on_policy) if self.on_policy else None,
            "unterminated_reward": {one.__name__: one.unterminated for one in self.functions},
            "unjudged": {one.__name__: round(one.unjudged_share, 4) for one in self.functions},
            "without_reward": {one.__name__: round(one.without_reward_share, 4) for one in self.functions},
        }


@dataclass(frozen=True)
class ValidationSettings:
    """How the rewards of a step are tested; the fields of the trainer that it takes them from.

    Attributes:
        rewards: of the step.
        reference: a checker or function that is always right; None: the first reward that is.
        unterminated_reward: of an answer that does not end; None: computed from the dev pairs.
        check_prompts: prompts for the test on the policy's own answers; 0: no such test.
        probe_prompts: dev prompts that the policy answers repeatedly in training; 0: none.
        answers_per_prompt: for the test on the policy's own answers.
        max_tokens, temperature: of the answers.
    """

    rewards: Sequence[Reward]
    reference: Reward | None
    unterminated_reward: float | None
    check_prompts: int
    probe_prompts: int
    answers_per_prompt: int
    max_tokens: int
    temperature: float


def validate_rewards(settings: ValidationSettings, job: TrainJob) -> RewardValidation:
    """Loads the rewards and tests them on dev pairs and on the policy's own answers.

    Args:
        settings: the rewards, and how to test them.
        job: the policy to train, the dev preferences, and the models' folders.

    Raises:
        UserError: a model or a file of the rewards is missing.
    """
    models = RewardModels(job)
    rewarders = [make_rewarder(reward, models, job.data_root) for reward in settings.rewards]
    dev = score_dev_pairs(rewarders, job.held_out)
    fixed = settings.unterminated_reward
    functions = [
        RewardFunction(one, compute_penalty(one, dev.scores[one.label]).value if fixed is None else fixed)
        for one in rewarders
    ]
    truth = make_rewarder(settings.reference, models, job.data_root) if settings.reference else None
    truth = truth or next((one for one in rewarders if not one.is_fallible), None)
    max_tokens, temperature = settings.max_tokens, settings.temperature
    on_policy, probe = None, RewardProbe([], WeightedSum(functions))
    if settings.check_prompts or settings.probe_prompts:
        policy = load_policy(str(job.policy))
        sampler = AnswerSampler.from_policy(policy, max_tokens, temperature)
        context = min(policy.context, *(one.context for one in rewarders))
        for function in functions:
            function.end_ids = sampler.end_ids
        if settings.check_prompts and any(one.is_fallible for one in rewarders):
            prompts = _choose_test_prompts(truth, job, sampler, context, settings.check_prompts)
            answers = max(4, settings.answers_per_prompt)
            if prompts:
                on_policy = check_on_policy(policy, sampler, prompts, WeightedSum(functions), truth, answers)
        probe.prompts = _choose_probe_prompts(rewarders, job, sampler, context, settings.probe_prompts)
        del policy, sampler
        gc.collect()
    held_out = dev.compute_accuracy(rewarders)
    return RewardValidation(functions, held_out, on_policy, probe, max_tokens, temperature, dev.left_out)


def _choose_test_prompts(
    truth: Rewarder | None, job: TrainJob, sampler: AnswerSampler, context: int, most: int
) -> list[Messages]:
    """Chooses prompts to test the rewards on: the checker's own if there is one, else those of the dev preferences."""
    if isinstance(truth, CheckerRewarder):
        return thin(sampler.keep_fitting(truth.checker.prompts, context), most)
    return sampler.keep_fitting(read_dev_prompts(job.held_out, most), context)


def _choose_probe_prompts(
    rewarders: list[Rewarder], job: TrainJob, sampler: AnswerSampler, context: int, most: int
) -> list[Messages]:
    """Chooses prompts to probe in training: of the dev preferences, and half from a checker if there is one."""
    checkers = [one.checker for one in rewarders if isinstance(one, CheckerRewarder)]
    own = thin(sampler.keep_fitting(checkers[0].prompts, context), most // 2) if checkers else []
    if not any(one.is_fallible for one in rewarders):
        return own
    return own + sampler.keep_fitting(read_dev_prompts(job.held_out, most - len(own)), context)
