"""The base of the reinforcement learning trainers: the policy answers, a reward scores, good answers get likelier."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from unipref.core import user_functions
from unipref.core.contracts import LearnsFrom, ModelDependency, TrainJob
from unipref.core.errors import UserError
from unipref.train.data.batch_math import count_passes_on_answers
from unipref.train.data.epochs import RowOrder
from unipref.train.data.prompt_file import use_prompt_file
from unipref.train.data.rows import PROMPTS, View
from unipref.train.fit import fit
from unipref.train.monitor.callback import silence_libraries
from unipref.train.monitor.checkpoints import Checkpoint
from unipref.train.rewards.probe import make_probe_callback
from unipref.train.rewards.reliability import HeldOutAccuracy
from unipref.train.rewards.settings import CheckerReward, FunctionReward, ModelReward, Reward
from unipref.train.rewards.validation import RewardValidation, ValidationSettings, validate_rewards
from unipref.train.trl_trainer import TrlTrainer


class Online(TrlTrainer):
    """A trainer that learns from the policy's own answers."""

    learns_from: ClassVar[LearnsFrom] = "prompts"
    writes_answers: ClassVar[bool] = True
    recipes: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        # PPO on 32 answers at once, in mini-batches of 1 whose gradients are summed over 4, repeated 4 times: 32
        # optimiser steps of 4 answers for each of the 100 batches.
        "paper": {
            "learning_rate": 1.41e-5,
            "per_device_train_batch_size": 4,
            "steps_per_generation": 8,
            "num_generations": 4,
            "num_iterations": 4,
            "max_steps": 3200,
            "max_completion_length": 128,
            "lora": {"r": 16, "lora_alpha": 32, "lora_dropout": 0.05},
        }
    }
    full_rate: ClassVar[float] = 1e-6
    lora_rate: ClassVar[float] = 1e-5
    own_fields: ClassVar[frozenset[str]] = TrlTrainer.own_fields | {
        "rewards", "reference", "prompts", "unterminated_reward", "on_weak_reward", "check_prompts", "probe_prompts"
    }  # fmt: skip

    checkpoint: Checkpoint | None = Checkpoint(every=0.1)
    """Save checkpoints, ten by default: reinforcement learning collapses more readily than other training. None: there
    is no last good state to return to."""
    num_generations: int = Field(default=4, ge=2)
    """Answers generated for each prompt."""
    max_completion_length: int = Field(default=128, gt=0)
    """Longest answer in tokens. Prompts that leave less room in the context are left out and counted."""
    beta: float = Field(default=0.05, ge=0)
    """Weight of the KL divergence from the model the step starts from."""
    steps_per_generation: int | None = Field(default=None, gt=0)
    """Forward passes over which the answers generated at once are spread; None: `gradient_accumulation_steps`."""
    rewards: list[Reward] | None = Field(default=None, min_length=1)
    """The rewards (`docs/rewards.md`); the answers get their weighted sum. None: the reward model, which is the last
    one trained or `reward: NAME`."""
    reference: Reward | None = None
    """A checker or function that is always right, which the rewards are tested against on the policy's own answers.
    None: the first checker among the rewards."""
    prompts: str | None = None
    """JSON lines with `prompt`: a file of prompts to train on instead of the preferences' prompts; relative to
    `data_root`."""
    unterminated_reward: float | None = None
    """Each reward's value for an answer that is empty or does not end within `max_completion_length`. None: the lowest
    of any dev answer, minus one standard deviation (-10 without dev pairs); 0 for a checker."""
    on_weak_reward: Literal["warn", "stop"] = "stop"
    """What happens when the reward is no better than guessing: with 30 dev pairs or more, the 95 % interval of its
    accuracy does not lie above 0.5; or the same for its AUC on the policy's own answers."""
    check_prompts: int = Field(default=50, ge=0)
    """Prompts for testing the rewards on the policy's own answers; 0: no such test."""
    probe_prompts: int = Field(default=32, ge=0)
    """Dev prompts that the policy answers five times during the run, for the rewards in the curve; 0: none."""

    @model_validator(mode="after")
    def _check_full_groups(self) -> "Online":
        extra = self.model_extra or {}
        batch = extra.get("generation_batch_size")
        if batch is None:
            spread = self.steps_per_generation or extra.get("gradient_accumulation_steps", 1)
            batch = self.per_device_train_batch_size * spread
        if batch % self.num_generations:
            raise ValueError(
                f"the {batch} answers generated at once (per_device_train_batch_size x steps_per_generation) are not a "
                f"multiple of num_generations = {self.num_generations}. Make the first a multiple of the second."
            )
        return self

    @model_validator(mode="after")
    def _check_reward_names(self) -> "Online":
        labels = [reward.label() for reward in self.rewards or []]
        if doubled := next((label for label in labels if labels.count(label) > 1), None):
            raise ValueError(f"rewards: two rewards have the name '{doubled}'. Give each its own 'name'")
        if self.rewards is not None and self.reward is not None:
            raise ValueError(f"reward: put it among the 'rewards', as {{model: {self.reward}}}")
        if self.reference is not None and not isinstance(self.reference, CheckerReward | FunctionReward):
            raise ValueError("reference: only a checker or a function can decide which answers are right")
        return self

    @property
    def needs_reward_model(self) -> bool:
        """Whether the step uses the last reward model: it does unless the settings name the rewards."""
        return self.rewards is None

    def build_save_settings(self) -> dict[str, Any]:
        """When TRL saves checkpoints, as TRL's settings. A share of the steps is rounded up to a multiple after which
        all generated answers are used up, so that the step resumes exactly.

        Nothing is rounded if `max_steps` is not set, as the number of steps is not known here; nor if fewer than two
        checkpoints would be left: a run that collapses needs a last good state more than an exact position.
        """
        settings = super().build_save_settings()
        every = self.checkpoint.every if self.checkpoint and "save_steps" in settings else None
        if every is None or every >= 1 or self.max_steps <= 0:
            return settings
        extra = self.model_extra or {}
        accumulation = int(extra.get("gradient_accumulation_steps", 1))
        # With several processes the answers are used up sooner, but also at these steps.
        at_once = self.per_device_train_batch_size
        passes = count_passes_on_answers({**extra, "steps_per_generation": self.steps_per_generation}, at_once)
        period = passes // math.gcd(passes, accumulation)
        steps = math.ceil(every * self.max_steps / period) * period
        return {**settings, "save_steps": steps} if 2 * steps <= self.max_steps else settings

    def model_dependencies(self) -> list[ModelDependency]:
        """The models that the rewards use."""
        places = enumerate(self.rewards or [])
        return [model for place, reward in places for model in reward.model_dependencies(f"rewards.{place}")]

    def files(self) -> dict[str, str]:
        """The checkers' files, the file of prompts, and the code of the user's functions."""
        rewards: list[tuple[str, Any]] = [(f"rewards.{i}", reward) for i, reward in enumerate(self.rewards or [])]
        rewards += [("reference", self.reference)] if self.reference else []
        files = {"prompts": self.prompts} if self.prompts else {}
        for place, reward in rewards:
            if isinstance(reward, CheckerReward):
                files[f"{place}.checker"] = reward.checker
            elif isinstance(reward, FunctionReward):
                files[f"{place}.function"] = reward.find_source_file()
        return files

    def code_files(self) -> list[Path]:
        """The files of the user's functions."""
        functions = [reward for reward in self.rewards or [] if isinstance(reward, FunctionReward)]
        return [file for reward in functions for file in user_functions.code_files(reward.function)]

    def list_rewards(self, job: TrainJob) -> list[Any]:
        """Lists the rewards: those in the settings, or the last reward model.

        Raises:
            UserError: there is no reward model.
        """
        if self.rewards is not None:
            return list(self.rewards)
        if job.reward_model is None:
            raise UserError(f"{self.name()} needs a reward model.", mend="Add a 'reward' step before it.")
        return [ModelReward(model=str(job.reward_model), name="reward_model")]

    def view(self) -> View:
        """The prompts alone."""
        return PROMPTS

    def count_reserved_tokens(self) -> int:
        """The longest answer."""
        return self.max_completion_length

    def count_frozen_copies(self, with_images: bool = False) -> int:
        """Counts the models that the rewards use, and the reference unless it is the model without its adapter."""
        models = len({model.name for model in self.model_dependencies()}) + self.needs_reward_model
        return models + (self.lora is None and self.beta > 0)

    def make_row_order(self, batch: int) -> RowOrder | None:
        """Orders the prompts by the shares in `mix`; without `mix`, TRL orders them."""
        return None if self.mix is None else RowOrder("random", self.mix, None, batch)

    def count_rows_of_run(self, args: Any, rows: int) -> int:
        """Counts the prompts a run sees."""
        if args.max_steps <= 0:
            return super().count_rows_of_run(args, rows)
        passes = args.max_steps * args.gradient_accumulation_steps
        times = math.ceil(passes / (args.steps_per_generation * args.num_iterations))
        return int(times * args.generation_batch_size // args.num_generations)

    def learn(self, job: TrainJob, make: Callable[..., Any]) -> dict[str, Any]:
        """Trains on the prompts.

        Args:
            job: input model and data, and output folder.
            make: TRL's trainer, called with `reward_funcs` and the arguments that all trainers share.

        Returns:
            As `Trainer.fit`, with the results of the reward's tests.
        """
        with silence_libraries():
            validation = validate_rewards(self._make_validation_settings(job), job)
        warnings = self._warn_of_reward(validation)

        def build(arguments: dict[str, Any]) -> Any:
            self._check_prompts(arguments)
            arguments["args"].reward_weights = [function.rewarder.weight for function in validation.functions]
            if validation.probe.prompts:
                # The watcher's callback comes after this one and takes the figures it adds to the log.
                probe = make_probe_callback(validation.probe, validation.max_tokens, validation.temperature)
                arguments["callbacks"] = [probe]
            trainer = make(reward_funcs=list(validation.functions), **arguments)
            # The run's order is already made; shuffling it would undo the shares.
            trainer.shuffle_dataset = self.mix is None
            for function in validation.functions:
                function.end_ids = trainer.eos_token_ids
            return trainer

        with use_prompt_file(self.prompts, job) as prompt_job:
            result = fit(self, prompt_job, build, validation.context, validation.restrict(self.view()))
        result["warnings"] += warnings + validation.list_warnings()
        return result | validation.as_record()

    def _make_validation_settings(self, job: TrainJob) -> ValidationSettings:
        """Collects what the tests of the rewards need."""
        return ValidationSettings(
            rewards=self.list_rewards(job),
            reference=self.reference,
            unterminated_reward=self.unterminated_reward,
            check_prompts=self.check_prompts,
            probe_prompts=self.probe_prompts,
            answers_per_prompt=self.num_generations,
            max_tokens=self.max_completion_length,
            temperature=(self.model_extra or {}).get("temperature", 1.0),
        )

    def _warn_of_reward(self, validation: RewardValidation) -> list[str]:
        """Lists the reasons to doubt the reward.

        Raises:
            UserError: the reward is weak and the settings say to stop.
        """
        if not validation.is_fallible:
            return []
        pairs: HeldOutAccuracy = validation.held_out["total"]
        on_policy = validation.on_policy
        weak = [test.description for test in (pairs, on_policy) if test is not None and test.is_weak]
        if weak and self.on_weak_reward == "stop":
            raise UserError(
                f"the reward is no better than guessing: {'; '.join(weak)}.",
                mend="Train its model longer, at another learning rate or on more pairs, or choose another reward "
                "(docs/rewards.md); with 'on_weak_reward: warn' the step trains anyway.",
            )
        warnings = [f"the reward is no better than guessing: {description}" for description in weak]
        if pairs.n == 0:
            warnings.append("the reward was not tested: there are no dev pairs it can score")
        elif not pairs.is_weak and pairs.low <= 0.5:
            warnings.append(f"too few dev pairs to test the reward: {pairs.description}")
        if on_policy is not None and on_policy.auc is None:
            warnings.append(f"{on_policy.description}: no checker decides which answers are right")
        return warnings

    def _check_prompts(self, arguments: dict[str, Any]) -> None:
        """Refuses too few prompts: TRL drops a batch of prompts that is not full, and would train on nothing."""
        needed = arguments["args"].generation_batch_size // self.num_generations
        n = len(arguments["train_dataset"])
        if n < needed:
            raise UserError(
                f"{n} distinct prompts fit, but one batch of answers needs {needed}.",
                mend="Lower per_device_train_batch_size, or raise num_generations.",
            )
