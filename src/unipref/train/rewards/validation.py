"""The rewards of a step, loaded, put to the test and made ready for TRL."""

import gc
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from unipref.core.contracts import TrainJob
from unipref.core.records import Messages, Row
from unipref.models.loading import load_policy
from unipref.train.data.rows import NO_RULE, View
from unipref.train.rewards.probe import RewardProbe
from unipref.train.rewards.reliability import HeldOut, OnPolicy, dev_prompts, dev_scores, on_policy, thinned
from unipref.train.rewards.sample_answers import Writer
from unipref.train.rewards.scorers import CheckerRewarder, Models, Rewarder, make_rewarder, penalty
from unipref.train.rewards.trl_function import RewardFunction, Total

if TYPE_CHECKING:
    from unipref.train.online_trainer import Online

MANY = 0.5
"""Share of answers without a judgement above which a run is warned of."""


@dataclass
class RewardValidation:
    """The rewards of a step and what was found of them.

    Attributes:
        functions: for TRL, in the order of the settings.
        held_out: name -> accuracy on dev pairs of each reward that may be wrong, and of the sum under 'total'.
        on_policy: on the policy's own answers; None: not tested so.
        probe: the dev prompts that are answered again and again.
        longest, temperature: of the answers.
    """

    functions: list[RewardFunction]
    held_out: dict[str, HeldOut]
    on_policy: OnPolicy | None
    probe: RewardProbe
    longest: int
    temperature: float

    @property
    def guesses(self) -> bool:
        """Whether any reward may be wrong."""
        return any(function.rewarder.guesses for function in self.functions)

    @property
    def context(self) -> int:
        """The longest dialogue that every reward can judge, in tokens."""
        return min(function.rewarder.context for function in self.functions)

    def view(self, plain: View) -> View:
        """The prompts that some reward has something to say of; the others are left out and counted."""
        rewarders = [function.rewarder for function in self.functions]

        def examples(row: Row) -> list[Row] | str:
            return plain.examples(row) if any(rewarder.knows(row["prompt"]) for rewarder in rewarders) else NO_RULE

        return replace(plain, examples=examples)

    def complaints(self) -> list[str]:
        """What went wrong with the rewards in training."""
        found = [
            f"the reward '{function.__name__}' did not judge {function.unjudged_share:.0%} of the answers: they were "
            "empty or did not end within max_completion_length"
            for function in self.functions
            if function.unjudged_share > MANY
        ]
        return found

    def rows(self) -> dict[str, Any]:
        """The figures as they are recorded."""
        return {
            "held_out": {name: asdict(found) for name, found in self.held_out.items()},
            "on_policy": self.on_policy.rows() if self.on_policy else None,
            "unterminated_reward": {one.__name__: one.unterminated for one in self.functions},
            "unjudged": {one.__name__: round(one.unjudged_share, 4) for one in self.functions},
            "without_reward": {one.__name__: round(one.silent_share, 4) for one in self.functions},
        }


def validate_rewards(settings: "Online", job: TrainJob) -> RewardValidation:
    """Loads the rewards and tests them on dev pairs and on the policy's own answers.

    Args:
        settings: of the step.
        job: the policy to be trained, the dev preferences, and where the models are.

    Raises:
        UserError: a model or a file of the rewards is not there.
    """
    loaded = Models(job)
    rewarders = [make_rewarder(asked, loaded, job.data_root) for asked in settings.asked(job)]
    dev = dev_scores(rewarders, job.held_out)
    given = settings.unterminated_reward
    functions = [
        RewardFunction(one, penalty(one, dev.scores[one.label]).value if given is None else given) for one in rewarders
    ]
    truth = make_rewarder(settings.reference, loaded, job.data_root) if settings.reference else None
    truth = truth or next((one for one in rewarders if not one.guesses), None)
    longest, temperature = settings.max_completion_length, (settings.model_extra or {}).get("temperature", 1.0)
    found, probe = None, RewardProbe([], Total(functions))
    if settings.check_prompts or settings.probe_prompts:
        policy = load_policy(str(job.policy))
        writer = Writer.of(policy, longest, temperature)
        context = min(policy.context, *(one.context for one in rewarders))
        for function in functions:
            function.end_ids = writer.end_ids
        if settings.check_prompts and any(one.guesses for one in rewarders):
            prompts = _to_check(truth, job, writer, context, settings.check_prompts)
            answers = max(4, settings.num_generations)
            found = on_policy(policy, writer, prompts, Total(functions), truth, answers) if prompts else None
        probe.prompts = _to_probe(rewarders, job, writer, context, settings.probe_prompts)
        del policy, writer
        gc.collect()
    return RewardValidation(functions, dev.accuracy(rewarders), found, probe, longest, temperature)


def _to_check(truth: Rewarder | None, job: TrainJob, writer: Writer, context: int, most: int) -> list[Messages]:
    """Prompts to test the rewards on: the checker's own where there is one, else those of the dev preferences."""
    if isinstance(truth, CheckerRewarder):
        return thinned(writer.fitting(truth.checker.prompts, context), most)
    return writer.fitting(dev_prompts(job.held_out, most), context)


def _to_probe(rewarders: list[Rewarder], job: TrainJob, writer: Writer, context: int, most: int) -> list[Messages]:
    """Prompts to look at in training: of the dev preferences; half of them a checker's own where one is asked."""
    checkers = [one.checker for one in rewarders if isinstance(one, CheckerRewarder)]
    own = thinned(writer.fitting(checkers[0].prompts, context), most // 2) if checkers else []
    if not any(one.guesses for one in rewarders):
        return own
    return own + writer.fitting(dev_prompts(job.held_out, most - len(own)), context)
