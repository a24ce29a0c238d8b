"""A reward model: a sequence classifier with one output."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from unipref.collect.scoring import Scored, ScoringJudge, load_reward_model, model_identity, resolve_model
from unipref.core.contracts import JudgeJob, ModelDependency
from unipref.core.records import Message
from unipref.models import inference, loading


class RewardModel(ScoringJudge):
    """Scores whole dialogues with a reward model, such as the folder of a trained step `reward`."""

    model: str
    """Folder, relative to `data_root`, or hub name."""

    example: ClassVar[dict[str, Any]] = {"settings": {"model": "runs/study/train/main/0/reward"}}

    def identity(self, job: JudgeJob) -> dict[str, Any]:
        """Adds the content of the model."""
        return {**super().identity(job), "model": model_identity(self.model, job.data_root)}

    def model_dependencies(self) -> list[ModelDependency]:
        """Returns the reward model."""
        return [ModelDependency(self.model, "reward", "model")]

    def check(self, job: JudgeJob) -> None:
        """Checks that the model exists."""
        loading.check_name(resolve_model(self.model, job.data_root))

    def score(self, answers: Sequence[Scored], job: JudgeJob) -> list[float | None]:
        """Scores answers; None for dialogues that the model cannot take."""
        loaded = load_reward_model(resolve_model(self.model, job.data_root))
        dialogues = [[*prompt, Message(role="assistant", content=text)] for prompt, text, _ in answers]
        scores = [float(score) for score in inference.rewards(loaded, dialogues)]
        return [None if math.isnan(score) else score for score in scores]
