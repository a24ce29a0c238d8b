"""What reinforcement learning steps share: the policy answers, a reward judges, better answers become likelier."""

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from unipref.core.contracts import LearnsFrom, ModelDependency, TrainJob
from unipref.core.errors import UserError
from unipref.train.data.batch_math import passes_on_answers
from unipref.train.data.epochs import RowOrder
from unipref.train.data.prompt_file import from_file
from unipref.train.data.rows import PROMPTS, View
from unipref.train.fit import fit
from unipref.train.monitor.callback import quiet
from unipref.train.monitor.checkpoints import Checkpoint
from unipref.train.rewards.probe import callback
from unipref.train.rewards.reliability import HeldOut
from unipref.train.rewards.settings import CheckerReward, FunctionReward, ModelReward, Reward
from unipref.train.rewards.validation import RewardValidation, validate_rewards
from unipref.train.trl_trainer import TrlTrainer


class Online(TrlTrainer):
    """A trainer that learns from answers of the policy's own."""

    learns_from: ClassVar[LearnsFrom] = "prompts"
    writes_answers: ClassVar[bool] = True
    recipes: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        # PPO on 32 answers at once, in mini-batches of 1 whose gradients are summed over 4, 4 times over: 32 optimiser
        # steps of 4 answers for each of the 100 batches.
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
    ours: ClassVar[frozenset[str]] = TrlTrainer.ours | {
        "rewards", "reference", "prompts", "unterminated_reward", "on_weak_reward", "check_prompts", "probe_prompts"
    }  # fmt: skip

    checkpoint: Checkpoint | None = Checkpoint(every=0.1)
    """Save the step on its way, ten times by default: reinforcement collapses more readily than other training. None:
    there is no last good state to go back to."""
    num_generations: int = Field(default=4, ge=2)
    """Answers written to each prompt."""
    max_completion_length: int = Field(default=128, gt=0)
    """Longest answer in tokens. A prompt that leaves less room in the context is left out and counted."""
    beta: float = Field(default=0.05, ge=0)
    """Weight of the KL divergence from the model the step starts from."""
    steps_per_generation: int | None = Field(default=None, gt=0)
    """Forward passes over which the answers written at once are spread; None: `gradient_accumulation_steps`."""
    rewards: list[Reward] | None = Field(default=None, min_length=1)
    """What is rewarded (`docs/rewards.md`): the weighted sum of these. None: the reward model, which is the last one
    trained or `reward: NAME`."""
    reference: Reward | None = None
    """A checker or function that is right, which the rewards are tested against on the policy's own answers. None: the
    first checker among the rewards."""
    prompts: str | None = None
    """JSON lines with `prompt`, a file of prompts to train on in place of those of the preferences; relative to
    `data_root`."""
    unterminated_reward: float | None = None
    """What each reward is for an answer that is empty or has no end within `max_completion_length`. None: the lowest
    that any dev answer gets, less one standard deviation (-10 where there is no dev pair); 0 for a checker."""
    on_weak_reward: Literal["warn", "stop"] = "stop"
    """What happens when the reward cannot be told from guessing: 30 dev pairs or more, and 0.5 not below the 95 %
    interval of its accuracy; or the same of its AUC on the policy's own answers."""
    check_prompts: int = Field(default=50, ge=0)
    """Prompts on which the rewards are tested with the policy's own answers; 0: not tested so."""
    probe_prompts: int = Field(default=32, ge=0)
    """Dev prompts that are answered anew five times in the run and rewarded, for the curve; 0: none."""

    @model_validator(mode="after")
    def _whole_groups(self) -> "Online":
        extra = self.model_extra or {}
        batch = extra.get("generation_batch_size")
        if batch is None:
            spread = self.steps_per_generation or extra.get("gradient_accumulation_steps", 1)
            batch = self.per_device_train_batch_size * spread
        if batch % self.num_generations:
            raise ValueError(
                f"the {batch} answers written at once (per_device_train_batch_size x steps_per_generation) are not "
                f"whole groups of num_generations = {self.num_generations}. Make the first a multiple of the second."
            )
        return self

    @model_validator(mode="after")
    def _rewards_have_names_of_their_own(self) -> "Online":
        labels = [reward.label() for reward in self.rewards or []]
        if twice := next((label for label in labels if labels.count(label) > 1), None):
            raise ValueError(f"rewards: two are called '{twice}'. Give each a 'name' of its own")
        if self.rewards is not None and self.reward is not None:
            raise ValueError(f"reward: name it among the 'rewards', as {{model: {self.reward}}}")
        if self.reference is not None and not isinstance(self.reference, CheckerReward | FunctionReward):
            raise ValueError("reference: only a checker or a function can say what is right")
        return self

    @property
    def needs_reward_model(self) -> bool:
        """Whether the last reward model is asked; not where the rewards are named."""
        return self.rewards is None

    def saving(self) -> dict[str, Any]:
        """When the step is saved on its way: a share of the steps is rounded up to where all answers that have been
        written are used up, so that it is taken up again exactly.

        Nothing is rounded where `max_steps` is not set, as how many steps there are is not known here; nor where fewer
        than two checkpoints would be left: a run that collapses needs a last good state more than an exact place.
        """
        found = super().saving()
        if self.checkpoint is None or self.checkpoint.every >= 1 or self.max_steps <= 0:
            return found
        extra = self.model_extra or {}
        accumulation = int(extra.get("gradient_accumulation_steps", 1))
        # With several processes the answers are used up sooner, and at these places too.
        at_once = self.per_device_train_batch_size
        passes = passes_on_answers({**extra, "steps_per_generation": self.steps_per_generation}, at_once)
        period = passes // math.gcd(passes, accumulation)
        steps = math.ceil(self.checkpoint.every * self.max_steps / period) * period
        return {**found, "save_steps": steps} if 2 * steps <= self.max_steps else found

    def model_dependencies(self) -> list[ModelDependency]:
        """The models that the rewards ask."""
        named = enumerate(self.rewards or [])
        return [model for place, reward in named for model in reward.model_dependencies(f"rewards.{place}")]

    def files(self) -> dict[str, str]:
        """The checkers' files, that of the prompts, and the code of the user's functions."""
        named: list[tuple[str, Any]] = [(f"rewards.{i}", reward) for i, reward in enumerate(self.rewards or [])]
        named += [("reference", self.reference)] if self.reference else []
        found = {"prompts": self.prompts} if self.prompts else {}
        for place, reward in named:
            if isinstance(reward, CheckerReward):
                found[f"{place}.checker"] = reward.checker
            elif isinstance(reward, FunctionReward):
                found[f"{place}.function"] = reward.source()
        return found

    def asked(self, job: TrainJob) -> list[Any]:
        """The rewards: those that are named, or the last reward model.

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

    def room(self) -> int:
        """The answer's."""
        return self.max_completion_length

    def frozen_copies(self) -> int:
        """The models that the rewards ask, and the reference unless it is the model without its adapter."""
        asked = len({model.name for model in self.model_dependencies()}) + self.needs_reward_model
        return asked + (self.lora is None and self.beta > 0)

    def plan(self, batch: int) -> RowOrder | None:
        """The prompts in the shares asked for; without `mix`, TRL draws them."""
        return None if self.mix is None else RowOrder("random", self.mix, None, batch)

    def rows_of_run(self, args: Any, rows: int) -> int:
        """How many prompts a run sees."""
        if args.max_steps <= 0:
            return super().rows_of_run(args, rows)
        passes = args.max_steps * args.gradient_accumulation_steps
        times = math.ceil(passes / (args.steps_per_generation * args.num_iterations))
        return int(times * args.generation_batch_size // args.num_generations)

    def learn(self, job: TrainJob, make: Callable[..., Any]) -> dict[str, Any]:
        """Trains on the prompts.

        Args:
            job: from where to where.
            make: TRL's trainer, given `reward_funcs` and the arguments of all.

        Returns:
            As `Trainer.fit`, and what was found of the reward.
        """
        with quiet():
            tested = validate_rewards(self, job)
        doubts = self._doubts(tested)

        def build(arguments: dict[str, Any]) -> Any:
            self._check_prompts(arguments)
            arguments["args"].reward_weights = [function.rewarder.weight for function in tested.functions]
            if tested.probe.prompts:
                # The curve's own comes after it and takes what it adds to the log.
                arguments["callbacks"] = [callback(tested.probe, tested.longest, tested.temperature)]
            trainer = make(reward_funcs=list(tested.functions), **arguments)
            # The run's order is made before it; shuffling it would undo the shares.
            trainer.shuffle_dataset = self.mix is None
            for function in tested.functions:
                function.end_ids = trainer.eos_token_ids
            return trainer

        with from_file(self.prompts, job) as given:
            done = fit(self, given, build, tested.context, tested.view(self.view()))
        done["warnings"] += doubts + tested.complaints()
        return done | tested.rows()

    def _doubts(self, tested: RewardValidation) -> list[str]:
        """What speaks against the reward.

        Raises:
            UserError: it is weak and the settings say to stop.
        """
        if not tested.guesses:
            return []
        pairs: HeldOut = tested.held_out["total"]
        found = [(pairs, pairs.n == 0), (tested.on_policy, False)]
        weak = [one.said for one, _ in found if one is not None and one.weak]
        if weak and self.on_weak_reward == "stop":
            raise UserError(
                f"the reward cannot be told from guessing: {'; '.join(weak)}.",
                mend="Train its model longer, at another learning rate or on more pairs, or reward something else "
                "(docs/rewards.md); 'on_weak_reward: warn' goes on.",
            )
        doubts = [f"the reward cannot be told from guessing: {said}" for said in weak]
        if pairs.n == 0:
            doubts.append("the reward was not checked: there are no dev pairs it can judge")
        elif not pairs.weak and pairs.low <= 0.5:
            doubts.append(f"too few dev pairs to check the reward: {pairs.said}")
        if tested.on_policy is not None and tested.on_policy.auc is None:
            doubts.append(f"{tested.on_policy.said}: no checker says what is right")
        return doubts

    def _check_prompts(self, arguments: dict[str, Any]) -> None:
        """TRL drops a batch of prompts that is not full; with fewer prompts than that nothing would be trained."""
        needed = arguments["args"].generation_batch_size // self.num_generations
        found = len(arguments["train_dataset"])
        if found < needed:
            raise UserError(
                f"{found} distinct prompts fit, and one batch of answers takes {needed}.",
                mend="Lower per_device_train_batch_size, or raise num_generations.",
            )
