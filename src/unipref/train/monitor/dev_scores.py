"""Dev scores of the model while it is trained, measured without a trace in the training."""

import contextlib
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from unipref.core.scores import Score

Measure = Callable[[Any, Any], Mapping[str, Score]]
"""Model in eval mode, tokenizer -> name -> score."""


@dataclass(frozen=True)
class Meter:
    """What is measured while a model is trained.

    Attributes:
        measure: called with the model and its tokenizer; may do with the random states what it likes.
        every: optimiser steps between two measurements; it is also measured before the first and after the last.
    """

    measure: Measure
    every: int


class DevScores:
    """The dev scores of one run, one point per measurement: its `step` and `scores`, name -> value and interval."""

    def __init__(self, meter: Meter) -> None:
        self.meter, self.seconds = meter, 0.0
        self.points: list[dict[str, Any]] = []

    def take_up(self, points: list[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Score]]]:
        """Takes the points of an earlier try; gives each one's step and scores."""
        self.points = list(points)
        for point in points:
            yield point["step"], msgspec.convert(point["scores"], dict[str, Score])

    def due(self, step: int, steps: int) -> bool:
        """Whether to measure after a step."""
        done = bool(self.points) and self.points[-1]["step"] == step
        return not done and (step % self.meter.every == 0 or step >= steps)

    def measure(self, step: int, model: Any, tokenizer: Any) -> Mapping[str, Score]:
        """Measures the model as it is."""
        began = time.monotonic()
        with undisturbed(model):
            scores = self.meter.measure(model, tokenizer)
        self.seconds += time.monotonic() - began
        self.points.append({"step": step, "scores": msgspec.to_builtins(scores)})
        return scores


@contextlib.contextmanager
def undisturbed(model: Any) -> Iterator[None]:
    """Puts a model in eval mode; afterwards its modes and all random states are as they were."""
    import numpy as np
    import torch

    modes = [(module, module.training) for module in model.modules()]
    plain, numbers, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        random.setstate(plain)
        np.random.set_state(numbers)
        torch.set_rng_state(cpu)
        if gpus:
            torch.cuda.set_rng_state_all(gpus)
