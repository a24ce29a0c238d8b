"""Watching a training run: progress for whoever listens, the curve, dev scores, checkpoints and collapse."""

import contextlib
import contextvars
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unipref.train import processes
from unipref.train.monitor.checkpoints import SoFar, mark_whole
from unipref.train.monitor.collapse import Collapse, Guard
from unipref.train.monitor.dev_scores import DevScores, Meter

TOKENS = "_total_train_tokens"
"""Where a TRL trainer counts the tokens it has seen."""
Progress = Callable[[int, int, dict[str, Any]], None]
"""Called with (step, steps, figures logged last)."""


@dataclass(frozen=True)
class Listener:
    """Who is told of each training step, and what is measured in between."""

    progress: Progress | None = None
    meter: Meter | None = None


NOBODY = Listener()
LISTENER: contextvars.ContextVar[Listener] = contextvars.ContextVar("listener", default=NOBODY)
"""The listener of the step that is running."""


@contextlib.contextmanager
def listening(progress: Progress | None, meter: Meter | None) -> Iterator[None]:
    """Tells `progress` of each training step within, and has the model measured by `meter`."""
    token = LISTENER.set(Listener(progress, meter))
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

    def add(self, step: int, logs: dict[str, Any]) -> dict[str, Any] | None:
        """Takes what was logged at a step; None for the summary at the end, which is no point of the curve."""
        if "train_runtime" in logs:
            return None
        self.points.append(_point(step, logs))
        return self.points[-1]


def _point(step: int, logs: dict[str, Any]) -> dict[str, Any]:
    """The figures of one step as JSON values, in an order that a checkpoint does not change."""
    figures = {name: value.item() if hasattr(value, "item") else value for name, value in sorted(logs.items())}
    # Of a reward that says nothing of a batch there is no mean; a loss that is no number is another matter.
    silent = {name for name, value in figures.items() if name.startswith("rewards/") and value != value}
    return {"step": step} | {name: value for name, value in figures.items() if name not in ("step", *silent)}


class Watcher:
    """Sees a run go by: fills the curve, measures on dev, tells the listener, stops the run when it has collapsed.

    Args:
        hf: the TRL trainer it watches.
        guard: what the run may not leave.
    """

    def __init__(self, hf: Any, guard: Guard) -> None:
        self.hf, self.guard, self.curve = hf, guard, Curve()
        self.collapse: Collapse | None = None
        self.warnings: list[str] = []
        meter = LISTENER.get().meter
        if meter is not None and (hf.is_fsdp_enabled or hf.is_deepspeed_enabled):
            self.warnings.append("it was not measured while it was trained: its weights are spread over the processes")
            meter = None
        self.dev = None if meter is None else DevScores(meter)

    def take_up(self, known: SoFar) -> None:
        """Takes what an earlier try had logged and measured."""
        self.curve.points = list(known.curve)
        for point in known.curve:
            self.guard.figures(point["step"], point)
        # TRL's own count of tokens is not in its checkpoints.
        seen = [point["num_tokens"] for point in known.curve if "num_tokens" in point]
        if seen and hasattr(self.hf, TOKENS):
            setattr(self.hf, TOKENS, seen[-1])
        if self.dev is not None:
            for step, scores in self.dev.take_up(known.dev):
                self.guard.dev(step, scores)

    def so_far(self, state: Any) -> SoFar:
        """What is known now."""
        import torch

        dev = self.dev.points if self.dev else []
        return SoFar(state.global_step, state.max_steps, torch.get_num_threads(), self.curve.points, dev)

    def begins(self, state: Any, control: Any) -> None:
        """The run starts, or goes on."""
        if state.global_step == 0:
            # What was found before the first step.
            for point in state.log_history:
                self.curve.add(point["step"], point)
            self._measure(state, control)

    def logged(self, state: Any, control: Any, logs: dict[str, Any]) -> None:
        """Figures were logged; a checkpoint may be written next."""
        point = self.curve.add(state.global_step, logs)
        if point is not None:
            self._stop_if(self.guard.figures(state.global_step, point), control)
        if self.guard.suspicious:
            # It would push out an earlier checkpoint, and may itself be of no use.
            control.should_save = False

    def step_ends(self, state: Any, control: Any) -> None:
        """A step is done; what is due at it comes next."""
        self._measure(state, control)
        # What was summed up since the last point is not in a checkpoint: each begins a new point.
        if state.global_step >= state.max_steps or control.should_save:
            control.should_log = True
        progress = LISTENER.get().progress
        if progress is not None:
            progress(state.global_step, state.max_steps, {**self._last_scores(), **self._last_point()})

    def _measure(self, state: Any, control: Any) -> None:
        if self.dev is None or not self.dev.due(state.global_step, state.max_steps):
            return
        model = self.hf.accelerator.unwrap_model(self.hf.model)
        step, tokenizer = state.global_step, self.hf.processing_class
        scores = processes.shared(lambda: self.dev.measure(step, model, tokenizer))  # type: ignore[union-attr]
        self._stop_if(self.guard.dev(step, scores), control)

    def _stop_if(self, collapse: Collapse | None, control: Any) -> None:
        if collapse is not None and self.collapse is None:
            self.collapse = collapse
        if self.collapse is not None:
            control.should_training_stop, control.should_save = True, False

    def _last_point(self) -> dict[str, Any]:
        return self.curve.points[-1] if self.curve.points else {}

    def _last_scores(self) -> dict[str, Any]:
        """The last dev scores over everything, as `dev/<name>`."""
        points = self.dev.points if self.dev else []
        scores = points[-1]["scores"] if points else {}
        return {f"dev/{name}": score["value"] for name, score in scores.items() if "slice" not in score}


def callback(watcher: Watcher) -> Any:
    """The watcher as a `TrainerCallback`."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            watcher.begins(state, control)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            watcher.logged(state, control, logs or {})

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            watcher.step_ends(state, control)

        def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            control.should_log = control.should_log or control.should_save

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.is_world_process_zero:
                mark_whole(Path(args.output_dir) / f"checkpoint-{state.global_step}", watcher.so_far(state))

    return Watch()
