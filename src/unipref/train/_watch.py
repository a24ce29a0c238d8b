"""Watching a training run: progress for whoever listens, the curve, and the stop when the loss is no number."""

import contextlib
import contextvars
import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from unipref.errors import UserError

Progress = Callable[[int, int, dict[str, Any]], None]
"""Called with (step, steps, figures logged last)."""

LISTENER: contextvars.ContextVar[Progress | None] = contextvars.ContextVar("progress", default=None)
"""Who is told of each step."""


@contextlib.contextmanager
def listening(progress: Progress | None) -> Iterator[None]:
    """Tells `progress` of each training step within."""
    token = LISTENER.set(progress)
    try:
        yield
    finally:
        LISTENER.reset(token)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps the libraries' progress bars, and their notes on what is meant to be so, off the screen."""
    import datasets
    from transformers.utils import logging

    bars = datasets.utils.logging.is_progress_bar_enabled(), logging.is_progress_bar_enabled()
    verbosity = logging.get_verbosity()
    datasets.disable_progress_bars()
    logging.disable_progress_bar()
    # It reports a reward model's new head as a missing weight.
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*gradient_checkpointing", category=FutureWarning)
            warnings.filterwarnings("ignore", message="fan_in_fan_out is set", category=UserWarning)
            yield
    finally:
        logging.set_verbosity(verbosity)
        if bars[0]:
            datasets.enable_progress_bars()
        if bars[1]:
            logging.enable_progress_bar()


class Curve:
    """The figures TRL logged, one mapping per logging step, each with its `step`."""

    def __init__(self) -> None:
        self.points: list[dict[str, Any]] = []

    def add(self, step: int, logs: dict[str, Any]) -> None:
        """Takes what was logged at a step.

        Raises:
            UserError: the loss is not a finite number.
        """
        point = {"step": step, **{name: _plain(value) for name, value in logs.items()}}
        loss = point.get("loss", point.get("train_loss", 0.0))
        if not math.isfinite(loss):
            before = next((p["step"] for p in reversed(self.points) if "loss" in p), 0)
            raise UserError(
                f"the loss is no number any more at step {step} (it was one at step {before}).",
                mend="Try a lower learning_rate, a lower max_grad_norm or warmup_steps; with fp16, try bf16.",
            )
        # The summary at the end repeats the run as a whole and is no point of the curve.
        if "train_runtime" not in point:
            self.points.append(point)


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def callback(curve: Curve) -> Any:
    """The `TrainerCallback` that fills the curve, tells the listener and has the last step logged."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            curve.add(state.global_step, logs or {})

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step >= state.max_steps:
                control.should_log = True
            listener = LISTENER.get()
            if listener is not None:
                listener(state.global_step, state.max_steps, curve.points[-1] if curve.points else {})

    return Watch()
