"""Carries numbers of rows through TRL's collator into the batches."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from unipref.core.records import Row
from unipref.train.data.pair_columns import PROBABILITY


class CarryingCollator:
    """A collator that adds tensors of further columns to the batches of another.

    Args:
        collator: makes the batch.
        makers: key in the batch -> makes its tensor from the rows.
    """

    def __init__(self, collator: Any, makers: dict[str, Callable[[Sequence[Row]], torch.Tensor]]) -> None:
        self.collator, self.makers = collator, makers

    def __call__(self, examples: list[Row]) -> dict[str, Any]:
        """Makes a batch."""
        added = {key: make(examples) for key, make in self.makers.items()}
        return {**self.collator(examples), **added}


def stack_probabilities(examples: Sequence[Row]) -> torch.Tensor:
    """Makes (b,) probabilities that the labels are right."""
    return torch.tensor([example[PROBABILITY] for example in examples], dtype=torch.float32)
