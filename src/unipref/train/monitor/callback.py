"""Watches a training run: reports progress, records the curve and dev scores, marks checkpoints, detects collapse."""

import contextlib
import contextvars
import json
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unipref.train import processes
from unipref.train.monitor.checkpoints import RunProgress, write_progress
from unipref.train.monitor.collapse import Collapse, Guard
from unipref.train.monitor.dev_scores import DevScores, Meter

TOKEN_COUNTER = "_total_train_tokens"
"""Where a TRL trainer counts the tokens it has seen."""
Progress = Callable[[int, int, dict[str, Any]], None]
"""Called with (step, steps, latest figures)."""


@dataclass(frozen=True)
class Listener:
    """Receives each training step, and measures the model during training."""

    progress: Progress | None = None
    meter: Meter | None = None


NO_LISTENER = Listener()
LISTENER: contextvars.ContextVar[Listener] = contextvars.ContextVar("listener", default=NO_LISTENER)
"""The listener of the running step."""


@contextlib.contextmanager
def set_listener(progress: Progress | None, meter: Meter | None) -> Iterator[None]:
    """Reports each training step within the context to `progress`, and has `meter` measure the model."""
    token = LISTENER.set(Listener(progress, meter))
    try:
        yield
    finally:
        LISTENER.reset(token)


@contextlib.contextmanager
def silence_libraries() -> Iterator[None]:
    """Hides the libraries' progress bars and their warnings about intended behaviour."""
    import datasets
    from transformers.utils import logging

    bars = datasets.utils.logging.is_progress_bar_enabled(), logging.is_progress_bar_enabled()
    verbosity = logging.get_verbosity()
    datasets.disable_progress_bars()
    logging.disable_progress_bar()
    # transformers would warn of a reward model's new head as a missing weight.
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
        """Adds the figures logged at a step. Returns None for the final summary, which is not a point of the curve."""
        if "train_runtime" in logs:
            return None
        self.points.append(_make_point(step, logs))
        return self.points[-1]


def _make_point(step: int, logs: dict[str, Any]) -> dict[str, Any]:
    """The figures of one step as JSON values, in an order that a checkpoint does not change."""
    figures = {name: value.item() if hasattr(value, "item") else value for name, value in sorted(logs.items())}
    # A reward that scores no answer of a batch has no mean. A loss that is NaN is a different matter and stays.
    without_mean = {name for name, value in figures.items() if name.startswith("rewards/") and value != value}
    return {"step": step} | {name: value for name, value in figures.items() if name not in ("step", *without_mean)}


class Watcher:
    """Watches a run: fills the curve, measures on dev, reports to the listener, stops the run when it collapses.

    Args:
        hf: the TRL trainer it watches.
        guard: detects a collapse.
        save_seconds: least seconds between two checkpoints that are saved by time; None: none is.
        file: where each point of the curve is written as it is logged, for `unipref watch`; None: nowhere.
    """

    def __init__(self, hf: Any, guard: Guard, save_seconds: float | None = None, file: Path | None = None) -> None:
        self.hf, self.guard, self.curve = hf, guard, Curve()
        self.file = file if processes.is_first() else None
        self.save_seconds, self.last_save = save_seconds, time.monotonic()
        self.collapse: Collapse | None = None
        self.warnings: list[str] = []
        meter = LISTENER.get().meter
        if meter is not None and (hf.is_fsdp_enabled or hf.is_deepspeed_enabled):
            self.warnings.append("it was not measured during training: its weights are spread over the processes")
            meter = None
        self.dev = None if meter is None else DevScores(meter)

    def resume(self, progress: RunProgress) -> None:
        """Takes over what an earlier attempt logged and measured."""
        self.curve.points = list(progress.curve)
        self._write_points(progress.curve)
        for point in progress.curve:
            self.guard.check_figures(point["step"], point)
        # TRL's checkpoints do not include its own count of tokens.
        token_counts = [point["num_tokens"] for point in progress.curve if "num_tokens" in point]
        if token_counts and hasattr(self.hf, TOKEN_COUNTER):
            setattr(self.hf, TOKEN_COUNTER, token_counts[-1])
        if self.dev is not None:
            for step, scores in self.dev.resume(progress.dev):
                self.guard.check_dev_scores(step, scores)

    def _write_points(self, points: list[dict[str, Any]]) -> None:
        """Appends points to the file of the curve. Only a reader on the way needs them: a full disk stops nothing."""
        if self.file is not None and points:
            with contextlib.suppress(OSError), self.file.open("a", encoding="utf-8") as file:
                file.writelines(f"{json.dumps(point)}\n" for point in points)

    def get_progress(self, state: Any) -> RunProgress:
        """The run's progress, as a checkpoint keeps it."""
        import torch

        dev = self.dev.points if self.dev else []
        return RunProgress(state.global_step, state.max_steps, torch.get_num_threads(), self.curve.points, dev)

    def on_begin(self, state: Any, control: Any) -> None:
        """Called when the run starts or resumes."""
        if state.global_step == 0:
            # Figures logged before the first step, by the reward probe.
            for point in state.log_history:
                self.curve.add(point["step"], point)
            self._measure(state, control)

    def on_log(self, state: Any, control: Any, logs: dict[str, Any]) -> None:
        """Called when figures are logged; a checkpoint may be written next."""
        point = self.curve.add(state.global_step, logs)
        self._write_points([] if point is None else [point])
        if point is not None:
            # Right after a point the sums are empty, so a checkpoint by time does not change the curve.
            control.should_save = control.should_save or self._is_save_due(state)
            self._stop_if_collapsed(self.guard.check_figures(state.global_step, point), control)
        if self.guard.is_suspicious:
            # A checkpoint now could be useless and would push out an earlier one.
            control.should_save = False

    def on_step_end(self, state: Any, control: Any) -> None:
        """Called after a step, before logging and saving."""
        self._measure(state, control)
        # A checkpoint lacks the sums since the last point, so each checkpoint begins a new point.
        if state.global_step >= state.max_steps or control.should_save:
            control.should_log = True
        progress = LISTENER.get().progress
        if progress is not None:
            progress(state.global_step, state.max_steps, {**self._last_scores(), **self._last_point()})

    def _is_save_due(self, state: Any) -> bool:
        """Whether the time for a checkpoint has come; the first process decides for all."""
        seconds = self.save_seconds
        if seconds is None or not 0 < state.global_step < state.max_steps:
            return False
        return processes.run_in_first(lambda: time.monotonic() - self.last_save >= seconds)

    def _measure(self, state: Any, control: Any) -> None:
        if self.dev is None or not self.dev.is_due(state.global_step, state.max_steps):
            return
        model = self.hf.accelerator.unwrap_model(self.hf.model)
        # The processor of a model that reads images holds its tokenizer.
        step = state.global_step
        tokenizer = getattr(self.hf.processing_class, "tokenizer", self.hf.processing_class)
        scores = processes.run_in_first(lambda: self.dev.measure(step, model, tokenizer))  # type: ignore[union-attr]
        self._stop_if_collapsed(self.guard.check_dev_scores(step, scores), control)

    def _stop_if_collapsed(self, collapse: Collapse | None, control: Any) -> None:
        if collapse is not None and self.collapse is None:
            self.collapse = collapse
        if self.collapse is not None:
            control.should_training_stop, control.should_save = True, False

    def _last_point(self) -> dict[str, Any]:
        return self.curve.points[-1] if self.curve.points else {}

    def _last_scores(self) -> dict[str, Any]:
        """The latest dev scores over all items, as `dev/<name>`."""
        points = self.dev.points if self.dev else []
        scores = points[-1]["scores"] if points else {}
        return {f"dev/{name}": score["value"] for name, score in scores.items() if "slice" not in score}


def make_callback(watcher: Watcher) -> Any:
    """Wraps the watcher as a `TrainerCallback`."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            watcher.on_begin(state, control)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            watcher.on_log(state, control, logs or {})

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            watcher.on_step_end(state, control)

        def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            control.should_log = control.should_log or control.should_save

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            watcher.last_save = time.monotonic()
            if state.is_world_process_zero:
                write_progress(Path(args.output_dir) / f"checkpoint-{state.global_step}", watcher.get_progress(state))

    return Watch()
