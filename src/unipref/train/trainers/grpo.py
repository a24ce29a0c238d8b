"""Reinforcement learning with a reward: advantages relative to the group of answers."""

from typing import Any, ClassVar

from pydantic import Field

from unipref.core.contracts import TrainJob
from unipref.train.online_trainer import Online


class Grpo(Online):
    """Group relative policy optimisation: as `rloo`, with the advantages scaled within each group of answers.

    Advantage of one of k answers to a prompt: (its reward - mean of the k) / standard deviation of the k; with
    `scale_rewards: none` only the difference. beta KL(policy | the model it starts from) is added to the loss of each
    token. `loss_type`, `epsilon` and similar settings are TRL's.
    Rows used: each distinct prompt that leaves room for an answer.
    Source: TRL's GRPOTrainer; Shao et al. 2024, arXiv 2402.03300. The paper itself has no such step.
    """

    example: ClassVar = {"settings": {"max_steps": 100, "num_generations": 8, "max_completion_length": 64}}
    trl_config: ClassVar[str] = "GRPOConfig"

    num_generations: int = Field(default=8, ge=2)
    """Answers generated for each prompt."""
    beta: float = Field(default=0.04, ge=0)
    """Weight of the KL divergence from the model the step starts from, per token. TRL's own default is 0."""

    def fit(self, job: TrainJob) -> dict[str, Any]:
        """Trains on the prompts; returns as `Trainer.fit`, with the results of the reward's tests."""
        from trl import GRPOTrainer

        return self.learn(job, GRPOTrainer)
