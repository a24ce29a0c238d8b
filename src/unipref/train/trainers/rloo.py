"""Reinforcement learning with a reward: REINFORCE, leave one out."""

from typing import Any, ClassVar

from unipref.core.contracts import TrainJob
from unipref.train.online_trainer import Online


class Rloo(Online):
    """Reinforcement learning: the policy answers, a reward scores, better answers become likelier.

    Advantage of one of k answers to a prompt: its reward - mean reward of the other k - 1; rewards are lowered by
    beta KL(policy | the model it starts from). `normalize_advantages: true` and `reward_clip_range` are TRL's.
    Rows used: each distinct prompt that leaves room for an answer. Before training, unipref tests the reward
    (`docs/rewards.md`): one that guesses teaches noise.
    Source: TRL's RLOOTrainer; Ahmadian et al. 2024, arXiv 2402.14740. It replaces the paper's PPO (2.6), which TRL
    removed.
    """

    example: ClassVar = {"settings": {"max_steps": 100, "num_generations": 4, "max_completion_length": 64}}
    trl_config: ClassVar[str] = "RLOOConfig"

    def fit(self, job: TrainJob) -> dict[str, Any]:
        """Trains on the prompts; returns as `Trainer.fit`, with the results of the reward's tests."""
        from trl import RLOOTrainer

        return self.learn(job, RLOOTrainer)
