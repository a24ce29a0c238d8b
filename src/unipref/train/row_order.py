"""Gives TRL a run's rows in the run's order: once from front to back, instead of its own shuffled epochs."""

import math
from typing import Any

import numpy as np

from unipref.train.data.rows import Facts
from unipref.train.trl_trainer import TrlTrainer


def draw_on(hf: Any, passes: int) -> None:
    """Has TRL's own sampler draw the passes that are done before it draws the next.

    Transformers skips what was seen of the pass it is in. But a sampler of reinforcement draws each pass from one
    generator, which is no part of a checkpoint.

    Args:
        hf: the TRL trainer, not yet training.
        passes: how many are done.
    """
    make = hf._get_train_sampler

    def drawn(dataset: Any = None) -> Any:
        sampler = make(dataset)
        for _ in range(passes):
            next(iter(sampler))
        return sampler

    hf._get_train_sampler = drawn


class Ordering:
    """The order of one run.

    TRL first gets each row that the run sees once, sorted by length: it tokenises no row twice and none for nothing,
    and what it computes of every row before training (a reference's log-probabilities) is hardly padded. Then the
    rows are put into the run's order. A trainer that makes something of a row's neighbours gets that order at once.

    Attributes:
        order: positions of the rows in the run; None where TRL orders them itself.
        epochs: how often the data are gone through.

    Args:
        trainer: says how rows are ordered, and how many a run sees.
        facts: of the rows there are.
        args: TRL's arguments, made.
        seed: of the draw.
    """

    def __init__(self, trainer: TrlTrainer, facts: Facts, args: Any, seed: int) -> None:
        plan = trainer.plan(args.per_device_train_batch_size * args.world_size)
        self.order, self.epochs, self.neighbours = None, 1.0, trainer.neighbours
        if plan is not None:
            rows = trainer.rows_of_run(args, len(facts))
            self.order, self.epochs = plan.order(facts, rows, seed), rows / len(facts)
            seen = np.unique(self.order)
            self.seen = seen[np.argsort(np.asarray(facts.lengths)[seen], kind="stable")]
            self._set(args, rows)

    def _set(self, args: Any, rows: int) -> None:
        """Has TRL read the rows once, as they come; what was asked for once an epoch happens as often as before."""
        from transformers.trainer_utils import IntervalStrategy

        args.num_train_epochs = 1
        args.train_sampling_strategy = "sequential"
        each_step = args.per_device_train_batch_size * args.gradient_accumulation_steps * args.world_size
        once = max(1, math.ceil(rows / self.epochs / each_step))
        if args.eval_strategy == IntervalStrategy.EPOCH:
            args.eval_strategy, args.eval_steps = IntervalStrategy.STEPS, once
        if args.logging_strategy == IntervalStrategy.EPOCH:
            args.logging_strategy, args.logging_steps = IntervalStrategy.STEPS, once

    def before(self, dataset: Any) -> Any:
        """The rows as TRL is to tokenise them, from the rows as they are in the file."""
        if self.order is None:
            return dataset
        return dataset.select(self.order if self.neighbours else self.seen)

    def after(self, dataset: Any) -> Any:
        """The rows in the run's order, from the rows as TRL tokenised them."""
        if self.order is None or self.neighbours:
            return dataset
        if len(dataset) != len(self.seen):
            raise AssertionError(f"TRL made {len(dataset)} rows of {len(self.seen)}: their order is not known")
        place = np.empty(self.seen.max() + 1, dtype=np.int64)
        place[self.seen] = np.arange(len(self.seen))
        return dataset.select(place[self.order])

    def put_right(self, points: list[dict[str, Any]]) -> None:
        """Counts the epochs in the curve as the data were gone through, not as TRL saw it."""
        for point in points:
            if "epoch" in point:
                point["epoch"] *= self.epochs
