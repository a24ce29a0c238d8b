"""A probe: what the policy in training answers to the same dev prompts again and again, and what it is rewarded."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from unipref.core.records import Messages
from unipref.train.rewards.sample_answers import Writer
from unipref.train.rewards.trl_function import Total

TIMES = 5
"""How often in a run, the end among them; and once before."""


class RewardProbe:
    """Answers to fixed prompts, drawn with a fixed seed, so that only the model differs from one time to the next."""

    def __init__(self, prompts: list[Messages], total: Total) -> None:
        self.prompts, self.total = prompts, total

    def look(self, writer: Writer) -> dict[str, float]:
        """Asks the model as it is now.

        Returns:
            `probe/<reward>` (mean), `probe/reward` (of the sum), `probe/ended` (share of the answers that ended) and
            `probe/tokens` (mean length).
        """
        written = writer.write(self.prompts, seed=0)
        given = [(prompt, one.text, one.ended) for prompt, one in zip(self.prompts, written, strict=True)]
        parts = self.total.parts(given)
        columns: dict[str, Sequence[float | None]] = {**parts, "reward": self.total.sums(parts)}
        known = {name: [one for one in values if one is not None and one == one] for name, values in columns.items()}
        found = {f"probe/{name}": float(np.mean(values)) for name, values in known.items() if values}
        found["probe/ended"] = float(np.mean([one.ended for one in written]))
        found["probe/tokens"] = float(np.mean([one.tokens for one in written]))
        return found


def callback(probe: RewardProbe, longest: int, temperature: float) -> Any:
    """The `TrainerCallback` that looks before the first step and TIMES times, and adds to what is logged at that step.

    Args:
        probe: what is asked.
        longest: most tokens of an answer.
        temperature: of the draw.
    """
    from transformers import TrainerCallback

    class Looks(TrainerCallback):  # type: ignore[misc]
        found: dict[str, float]

        def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            self.found = {}
            if state.global_step == 0:
                state.log_history.append({"step": 0, "epoch": 0.0, **self.look(given)})

        def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            due = {max(1, round(state.max_steps * i / TIMES)) for i in range(1, TIMES + 1)}
            if state.global_step in due:
                self.found = self.look(given)
                control.should_log = True

        def look(self, given: dict[str, Any]) -> dict[str, float]:
            return probe.look(Writer(given["model"], given["processing_class"], longest, temperature))

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if self.found and logs is not None:
                logs.update(self.found)
                self.found = {}

    return Looks()
