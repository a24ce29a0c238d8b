"""The mean of all judgements of an answer."""

from typing import ClassVar

import numpy as np

from unipref.core.aggregation import Aggregation
from unipref.core.contracts import Aggregate
from unipref.core.contracts.judging import StepListener
from unipref.core.judgements import KINDS, PAIR, SINGLE, Judgements
from unipref.unify.judging.findings import describe_annotators
from unipref.unify.judging.overlaps import find_overlaps


class Mean(Aggregate):
    """Averages the judgements of each answer, in standard deviations of their source, kind and axis.

    A pair counts half its value for the one answer and half against the other; in a ranking, the place counts. The mean
    alone tells no confidence: it is null.
    """

    example: ClassVar = {"settings": {}}
    needs_overlaps: ClassVar[bool] = False

    def aggregate(self, judgements: Judgements, on_step: StepListener | None = None) -> Aggregation:
        """Averages the judgements."""
        rows = np.repeat(np.arange(len(judgements)), np.diff(judgements.starts))
        size = np.diff(judgements.starts)[rows]
        is_first = np.concatenate([[True], np.diff(rows) != 0]) if len(rows) else np.zeros(0, dtype=bool)
        pair, single = judgements.is_kind(PAIR)[rows], judgements.is_kind(*SINGLE)[rows]
        middle = (np.bincount(rows, judgements.places, len(judgements)) / np.diff(judgements.starts))[rows]
        value = np.where(single, judgements.value[rows], (middle - judgements.places) / np.maximum(size - 1, 1))
        value = np.where(pair, np.where(is_first, 0.5, -0.5) * judgements.value[rows], value)
        axis = judgements.blocks[judgements.block, 1]
        code = (judgements.source * max(len(judgements.axes), 1) + axis) * len(KINDS) + judgements.kind
        _, scale = np.unique(code[rows], return_inverse=True)
        weight = judgements.count[rows].astype(np.float64)
        total = np.bincount(scale, weight)
        centre = np.bincount(scale, weight * value) / np.maximum(total, 1)
        spread = np.sqrt(np.bincount(scale, weight * (value - centre[scale]) ** 2) / np.maximum(total, 1))
        standard = (value - centre[scale]) / np.where(spread[scale] > 0, spread[scale], 1.0)
        answers = len(judgements.answers)
        with np.errstate(invalid="ignore"):
            mean = np.bincount(judgements.judged, weight * standard, answers) / np.bincount(
                judgements.judged, weight, answers
            )
        block = np.repeat(np.arange(len(judgements.blocks)), np.diff(judgements.block_starts))
        return Aggregation(
            mean=mean,
            part=block,
            pair_keys=np.zeros(0, dtype=np.int64),
            pair_probability=np.zeros(0),
            block_starts=judgements.block_starts,
            annotators=describe_annotators(judgements, find_overlaps(judgements, 1)),
            counts={"judgements": int(judgements.count.sum())},
        )
