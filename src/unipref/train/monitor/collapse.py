"""Detects a collapse: the loss is NaN, a figure of reinforcement learning is out of bounds, or dev falls to chance."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from unipref.core.contracts import Settings
from unipref.core.scores import Score
from unipref.core.stats.chance import is_skill
from unipref.train.monitor.checkpoints import find_fault, list_checkpoints, parse_step

LOWER_LEARNING_RATE = "Try a lower learning_rate, a lower max_grad_norm or warmup_steps; with fp16, try bf16."


class Bounds(Settings):
    """Bounds a training run may not leave. None: no bound. All but `chance` are for reinforcement learning only."""

    kl: float | None = Field(default=5.0, gt=0)
    """Highest mean KL divergence from the model the step starts from, in nats per token."""
    entropy: float | None = Field(default=0.01, ge=0)
    """Lowest mean entropy of the next token, in nats: below it, the policy gives the same answer to any prompt."""
    length: float | None = Field(default=1.5, ge=0)
    """Lowest mean length of the answers in tokens, eos included: below it, they are empty."""
    reward: float | None = None
    """Lowest mean reward. Rewards have no scale of their own, so there is no bound unless you give one."""
    chance: bool = True
    """Whether a dev score counts as collapsed when it falls to chance after its interval was above; needs
    `evaluate.every`."""
    patience: int = Field(default=2, ge=1)
    """Consecutive points of the curve that have to be out of bounds; a loss that is NaN counts at once."""


WATCHED_FIGURES = {
    "kl": ("kl", "KL divergence", False),
    "entropy": ("entropy", "entropy", True),
    "length": ("completions/mean_length", "mean length of the answers", True),
    "reward": ("reward", "mean reward", True),
}
"""Bound -> the figure's name in the curve, its name in words, and whether the bound is the lowest value allowed."""


@dataclass(frozen=True)
class Collapse:
    """A collapse.

    Attributes:
        step: when it was detected; since: the first step that may be affected.
        why: in words.
        mend: what to do about it.
    """

    step: int
    since: int
    why: str
    mend: str


class Guard:
    """Checks a run's figures for a collapse.

    Args:
        bounds: of the figures.
        online: whether the policy generates answers in training, so that they have lengths, entropies and rewards.
    """

    def __init__(self, bounds: Bounds, online: bool) -> None:
        self.bounds, self.online = bounds, online
        self._last_finite_step = 0
        self._outside: dict[str, list[int]] = {}
        self._above_chance: set[str] = set()

    @property
    def is_suspicious(self) -> bool:
        """Whether a figure is out of bounds, but not yet for long: a bad time to replace a good checkpoint."""
        return any(self._outside.values())

    def check_figures(self, step: int, point: Mapping[str, Any]) -> Collapse | None:
        """Checks a point of the curve."""
        if (loss := point.get("loss")) is not None:
            if not math.isfinite(loss):
                why = f"the loss is not a number at step {step} (the last finite one: step {self._last_finite_step})"
                return Collapse(step, step, why, LOWER_LEARNING_RATE)
            self._last_finite_step = step
        for bound, (name, words, lowest) in WATCHED_FIGURES.items() if self.online else ():
            limit, value = getattr(self.bounds, bound), point.get(name)
            if limit is None or value is None:
                continue
            steps = self._outside.setdefault(name, [])
            if math.isfinite(value) and (value >= limit if lowest else value <= limit):
                steps.clear()
                continue
            steps.append(step)
            if len(steps) >= self.bounds.patience:
                side = "below" if lowest else "above"
                why = f"the {words} is {value:.4g}, {side} the bound of {limit:g}, since step {steps[0]}"
                mend = f"Lower the learning_rate, raise beta, or set bounds.{bound} to another value or to null."
                return Collapse(step, steps[0], why, mend)
        return None

    def check_dev_scores(self, step: int, scores: Mapping[str, Score]) -> Collapse | None:
        """Checks dev scores: a score that was clearly above chance must stay above it."""
        for name, score in scores.items():
            if not self.bounds.chance or score.chance is None or not is_skill(score):
                continue
            if score.low is not None and score.low > score.chance:
                self._above_chance.add(name)
            elif name in self._above_chance and score.value <= score.chance:
                why = f"the dev score {name} fell to {score.value:.3f}, and chance is {score.chance:g}"
                mend = "Lower the learning_rate or train for fewer steps; 'bounds: {chance: false}' ends this check."
                return Collapse(step, step, why, mend)
        return None


def find_last_good(checkpoint_dir: Path, collapse: Collapse) -> Path | None:
    """Finds the last undamaged checkpoint before a collapse whose weights are all finite."""
    earlier = [path for path in list_checkpoints(checkpoint_dir) if parse_step(path) < collapse.since]
    return next((path for path in reversed(earlier) if not find_fault(path) and _has_finite_weights(path)), None)


def _has_finite_weights(checkpoint: Path) -> bool:
    from safetensors import safe_open

    for path in checkpoint.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            if not all(bool(file.get_tensor(name).isfinite().all()) for name in file.keys()):  # noqa: SIM118
                return False
    return True
