"""How likely an answer is under a model."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from unipref.collect.scoring import Scored, ScoringJudge, load_policy, model_identity, resolve_model
from unipref.core.contracts import JudgeJob, ModelDependency
from unipref.core.records import Message
from unipref.models import inference, loading


class Likelihood(ScoringJudge):
    """Scores an answer by its log probability under a language model, such as one that was fine-tuned on good answers.
    With `reference`, by how much more likely that model makes it than another one, as DPO does.
    """

    model: str
    """Folder, relative to `data_root`, or hub name."""
    reference: str | None = None
    """A second model, whose log probability is subtracted."""
    per: Literal["token", "answer"] = "token"
    """The mean over tokens, or the sum, which favours short answers."""

    example: ClassVar[dict[str, Any]] = {"settings": {"model": "runs/study/train/main/0/sft"}}

    def identity(self, job: JudgeJob) -> dict[str, Any]:
        """Adds the content of the models."""
        models = [name for name in (self.model, self.reference) if name is not None]
        return {**super().identity(job), "models": [model_identity(name, job.data_root) for name in models]}

    def model_dependencies(self) -> list[ModelDependency]:
        """Returns the models."""
        named = {"model": self.model, "reference": self.reference}
        return [ModelDependency(name, "policy", place) for place, name in named.items() if name is not None]

    def check(self, job: JudgeJob) -> None:
        """Checks that the models exist."""
        for name in (self.model, self.reference):
            if name is not None:
                loading.check_name(resolve_model(name, job.data_root))

    def score(self, answers: Sequence[Scored], job: JudgeJob) -> list[float | None]:
        """Scores answers, in nats; None for dialogues that a model cannot take."""
        scores = self._read(self.model, answers, job)
        if self.reference is not None:
            below = self._read(self.reference, answers, job)
            scores = [score - other for score, other in zip(scores, below, strict=True)]
        return [None if math.isnan(score) else score for score in scores]

    def _read(self, model: str, answers: Sequence[Scored], job: JudgeJob) -> list[float]:
        policy = load_policy(resolve_model(model, job.data_root))
        pairs = [(prompt, [Message(role="assistant", content=text)]) for prompt, text, _ in answers]
        sums, tokens = inference.answer_log_likelihoods(policy, pairs)
        return [float(value) for value in (sums / tokens if self.per == "token" else sums)]
