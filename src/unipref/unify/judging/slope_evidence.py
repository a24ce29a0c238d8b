"""What judgements tell of how steep a scale is, and which way round: the likelihood of each block by relative slope."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unipref.core.judgements import Floats, Ints
from unipref.unify.judging.profiles import SLOPES


@dataclass(frozen=True)
class SlopeEvidence:
    """What blocks tell of the slopes of scales.

    Attributes:
        scale: (k,) scales.
        logs: (k, slopes) log-likelihood of the overlapping judgements of one block on one scale if all their judges
            had the relative slopes `SLOPES`. Each judgement is predicted from all others.
    """

    scale: Ints
    logs: Floats

    @classmethod
    def sum_by_block(cls, scale: Ints, block: Ints, logs: Floats) -> "SlopeEvidence":
        """Adds the log-likelihoods of judgements by scale and block."""
        width = int(block.max(initial=0)) + 1
        codes, code = np.unique(scale * width + block, return_inverse=True)
        sums = np.stack([np.bincount(code, column, len(codes)) for column in logs.T], axis=1)
        return cls(codes // width, np.asarray(sums, dtype=np.float64))

    @classmethod
    def join(cls, parts: "Sequence[SlopeEvidence]") -> "SlopeEvidence":
        """Joins the evidence of different blocks."""
        if not parts:
            return cls(np.zeros(0, dtype=np.int64), np.zeros((0, len(SLOPES))))
        return cls(np.concatenate([part.scale for part in parts]), np.concatenate([part.logs for part in parts]))
