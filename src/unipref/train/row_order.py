"""Gives TRL a run's rows in the run's order, to read once from first to last instead of in its own shuffled epochs."""

import math
from typing import Any

import numpy as np

from unipref.train.data.row_usage import RowFacts
from unipref.train.trl_trainer import TrlTrainer


def skip_done_passes(hf: Any, passes: int) -> None:
    """Makes TRL's own sampler draw the passes that are done before it draws the next.

    Transformers skips what the run had seen of the current pass. But a sampler of reinforcement learning draws all
    passes from one generator, which is not part of a checkpoint.

    Args:
        hf: the TRL trainer, before training.
        passes: number of passes that are done.
    """
    make = hf._get_train_sampler

    def make_advanced(dataset: Any = None) -> Any:
        sampler = make(dataset)
        for _ in range(passes):
            next(iter(sampler))
        return sampler

    hf._get_train_sampler = make_advanced


class OrderedRows:
    """The rows of one run in the run's order.

    TRL first gets each row that the run sees once, sorted by length: it tokenises no row twice and no unused row, and
    the numbers it computes per row before training (a reference's log-probabilities) need little padding. Then the
    rows are put into the run's order. A trainer that uses a row's neighbours gets that order at once.

    Attributes:
        order: positions of the rows in the run; None if TRL orders them itself.
        epochs: passes over the data.

    Args:
        trainer: decides how rows are ordered, and how many a run sees.
        facts: of the available rows.
        args: TRL's arguments.
        seed: of the draw.
    """

    def __init__(self, trainer: TrlTrainer, facts: RowFacts, args: Any, seed: int) -> None:
        row_order = trainer.make_row_order(args.per_device_train_batch_size * args.world_size)
        self.order, self.epochs, self.uses_neighbours = None, 1.0, trainer.uses_neighbours
        if row_order is not None:
            rows = trainer.count_rows_of_run(args, len(facts))
            self.order, self.epochs = row_order.order(facts, rows, seed), rows / len(facts)
            seen = np.unique(self.order)
            self.seen = seen[np.argsort(np.asarray(facts.lengths)[seen], kind="stable")]
            self._read_once(args, rows)

    def _read_once(self, args: Any, rows: int) -> None:
        """Makes TRL read the rows once, in the given order; actions due once per epoch happen as often as before."""
        from transformers.trainer_utils import IntervalStrategy

        args.num_train_epochs = 1
        args.train_sampling_strategy = "sequential"
        each_step = args.per_device_train_batch_size * args.gradient_accumulation_steps * args.world_size
        steps_per_epoch = max(1, math.ceil(rows / self.epochs / each_step))
        if args.eval_strategy == IntervalStrategy.EPOCH:
            args.eval_strategy, args.eval_steps = IntervalStrategy.STEPS, steps_per_epoch
        if args.logging_strategy == IntervalStrategy.EPOCH:
            args.logging_strategy, args.logging_steps = IntervalStrategy.STEPS, steps_per_epoch

    def select_for_tokenising(self, dataset: Any) -> Any:
        """Selects the rows that TRL tokenises, from the rows as in the file."""
        if self.order is None:
            return dataset
        return dataset.select(self.order if self.uses_neighbours else self.seen)

    def put_in_run_order(self, dataset: Any) -> Any:
        """Puts the rows that TRL tokenised into the run's order."""
        if self.order is None or self.uses_neighbours:
            return dataset
        if len(dataset) != len(self.seen):
            raise AssertionError(f"TRL made {len(dataset)} rows of {len(self.seen)}: their order is unknown")
        place = np.empty(self.seen.max() + 1, dtype=np.int64)
        place[self.seen] = np.arange(len(self.seen))
        return dataset.select(place[self.order])

    def correct_epochs(self, points: list[dict[str, Any]]) -> None:
        """Makes the curve's epochs count passes over the data, not over the one long pass that TRL saw."""
        for point in points:
            if "epoch" in point:
                point["epoch"] *= self.epochs
