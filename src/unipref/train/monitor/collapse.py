"""When a run has collapsed: the loss is no number, a figure of reinforcement is out of bounds, or dev is at chance."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from unipref.core.contracts import Settings
from unipref.core.scores import Score
from unipref.core.stats.chance import is_skill
from unipref.train.monitor.checkpoints import checkpoints, step_of

LOWER_IT = "Try a lower learning_rate, a lower max_grad_norm or warmup_steps; with fp16, try bf16."


class Bounds(Settings):
    """What a training run may not leave. None: not watched. All but `chance` are for reinforcement only."""

    kl: float | None = Field(default=5.0, gt=0)
    """Highest mean KL divergence from the model the step starts from, in nats per token."""
    entropy: float | None = Field(default=0.01, ge=0)
    """Lowest mean entropy of the next token, in nats: below it the policy says one thing whatever it is asked."""
    length: float | None = Field(default=1.5, ge=0)
    """Lowest mean length of the answers in tokens, eos counted: below it they are empty."""
    reward: float | None = None
    """Lowest mean reward. Rewards have no scale of their own, so nothing is watched unless it is given."""
    chance: bool = True
    """Whether a dev score may not fall to chance or below once its interval was above; needs `evaluate.every`."""
    patience: int = Field(default=2, ge=1)
    """Points of the curve in a row that have to be out of bounds; a loss that is no number is enough at once."""


WATCHED = {
    "kl": ("kl", "KL divergence", False),
    "entropy": ("entropy", "entropy", True),
    "length": ("completions/mean_length", "mean length of the answers", True),
    "reward": ("reward", "mean reward", True),
}
"""Bound -> the figure's name in the curve, its name in words, and whether the bound is the lowest or the highest."""


@dataclass(frozen=True)
class Collapse:
    """A collapse that was seen.

    Attributes:
        step: when it was; since: the first step that may be affected.
        why: in words.
        mend: what to do about it.
    """

    step: int
    since: int
    why: str
    mend: str


class Guard:
    """Watches the figures of a run.

    Args:
        bounds: what they may not leave.
        online: the policy answers in training, so that there are lengths, entropies and rewards of its own answers.
    """

    def __init__(self, bounds: Bounds, online: bool) -> None:
        self.bounds, self.online = bounds, online
        self._last_number = 0
        self._outside: dict[str, list[int]] = {}
        self._proven: set[str] = set()

    @property
    def suspicious(self) -> bool:
        """Whether some figure is out of bounds, though not yet for long: no time to give up a good checkpoint."""
        return any(self._outside.values())

    def figures(self, step: int, point: Mapping[str, Any]) -> Collapse | None:
        """Looks at a point of the curve."""
        if (loss := point.get("loss")) is not None:
            if not math.isfinite(loss):
                why = f"the loss is no number any more at step {step} (it was one at step {self._last_number})"
                return Collapse(step, step, why, LOWER_IT)
            self._last_number = step
        for bound, (name, words, lowest) in WATCHED.items() if self.online else ():
            limit, value = getattr(self.bounds, bound), point.get(name)
            if limit is None or value is None:
                continue
            seen = self._outside.setdefault(name, [])
            if math.isfinite(value) and (value >= limit if lowest else value <= limit):
                seen.clear()
                continue
            seen.append(step)
            if len(seen) >= self.bounds.patience:
                side = "below" if lowest else "above"
                why = f"the {words} is {value:.4g}, {side} the bound of {limit:g}, since step {seen[0]}"
                mend = f"Lower the learning_rate, raise beta, or set bounds.{bound} to another value or to null."
                return Collapse(step, seen[0], why, mend)
        return None

    def dev(self, step: int, scores: Mapping[str, Score]) -> Collapse | None:
        """Looks at dev scores: a skill that was clearly above chance must stay above it."""
        for name, score in scores.items():
            if not self.bounds.chance or score.chance is None or not is_skill(score):
                continue
            if score.low is not None and score.low > score.chance:
                self._proven.add(name)
            elif name in self._proven and score.value <= score.chance:
                why = f"the dev score {name} has fallen to {score.value:.3f}, chance is {score.chance:g}"
                mend = "Lower the learning_rate or train for fewer steps; 'bounds: {chance: false}' goes on."
                return Collapse(step, step, why, mend)
        return None


def last_good(checkpoint_dir: Path, collapse: Collapse) -> Path | None:
    """The last checkpoint from before a collapse whose weights are all numbers."""
    earlier = [path for path in checkpoints(checkpoint_dir) if step_of(path) < collapse.since]
    return next((path for path in reversed(earlier) if _all_numbers(path)), None)


def _all_numbers(checkpoint: Path) -> bool:
    from safetensors import safe_open

    for path in checkpoint.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            if not all(bool(file.get_tensor(name).isfinite().all()) for name in file.keys()):  # noqa: SIM118
                return False
    return True
