"""The standard normal distribution without scipy, whose import takes longer than a small stage."""

import math
from functools import cache
from statistics import NormalDist

import numpy as np

from unipref.core.judgements import Floats


def find_probabilities(values: Floats) -> Floats:
    """Returns the probability that a standard normal number is below each value, in an array of the same shape."""
    halves = [0.5 * math.erfc(-value * math.sqrt(0.5)) for value in values.reshape(-1).tolist()]
    return np.array(halves).reshape(values.shape)


@cache
def find_normal_quantile(p: float) -> float:
    """Returns the value below which a standard normal number is with probability p, between 0 and 1."""
    return NormalDist().inv_cdf(p)
