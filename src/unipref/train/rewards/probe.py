"""A probe: the policy's answers to the same dev prompts at several times in training, and their rewards."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from unipref.core.records import Messages
from unipref.train.rewards.sample_answers import AnswerSampler
from unipref.train.rewards.trl_function import WeightedSum

PROBES_PER_RUN = 5
"""How often per run, the end included; the probe also runs once before training."""


class RewardProbe:
    """Answers to fixed prompts, drawn with a fixed seed, so that only the model differs from one probe to the next."""

    def __init__(self, prompts: list[Messages], total: WeightedSum) -> None:
        self.prompts, self.total = prompts, total

    def measure(self, sampler: AnswerSampler) -> dict[str, float]:
        """Has the model answer the prompts and scores the answers.

        Returns:
            `probe/<reward>` (mean), `probe/reward` (mean of the sum), `probe/ended` (share of the answers that ended)
            and `probe/tokens` (mean length).
        """
        samples = sampler.generate(self.prompts, seed=0)
        answers = [(prompt, one.text, one.ended) for prompt, one in zip(self.prompts, samples, strict=True)]
        parts = self.total.score_parts(answers)
        columns: dict[str, Sequence[float | None]] = {**parts, "reward": self.total.sum_parts(parts)}
        numbers = {name: [one for one in values if one is not None and one == one] for name, values in columns.items()}
        figures = {f"probe/{name}": float(np.mean(values)) for name, values in numbers.items() if values}
        figures["probe/ended"] = float(np.mean([one.ended for one in samples]))
        figures["probe/tokens"] = float(np.mean([one.tokens for one in samples]))
        return figures


def make_probe_callback(probe: RewardProbe, max_tokens: int, temperature: float) -> Any:
    """Makes a `TrainerCallback` that probes before the first step and PROBES_PER_RUN times, and adds to the step's log.

    Args:
        probe: the prompts and rewards.
        max_tokens: most tokens of an answer.
        temperature: of the draw.
    """
    from transformers import TrainerCallback

    class ProbeCallback(TrainerCallback):  # type: ignore[misc]
        figures: dict[str, float]

        def on_train_begin(self, args: Any, state: Any, control: Any, **context: Any) -> None:
            self.figures = {}
            if state.global_step == 0:
                state.log_history.append({"step": 0, "epoch": 0.0, **self.measure(context)})

        def on_step_end(self, args: Any, state: Any, control: Any, **context: Any) -> None:
            due = {max(1, round(state.max_steps * i / PROBES_PER_RUN)) for i in range(1, PROBES_PER_RUN + 1)}
            if state.global_step in due:
                self.figures = self.measure(context)
                control.should_log = True

        def measure(self, context: dict[str, Any]) -> dict[str, float]:
            return probe.measure(AnswerSampler(context["model"], context["processing_class"], max_tokens, temperature))

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if self.figures and logs is not None:
                logs.update(self.figures)
                self.figures = {}

    return ProbeCallback()
