"""The parts of a world: what feedback shows, and what is held out for dev and for test."""

import random
from collections.abc import Sequence
from typing import Literal, TypeVar

Part = Literal["feedback", "dev", "test"]
PARTS: tuple[Part, ...] = ("feedback", "dev", "test")
SHARES = (0.4, 0.6)
"""Where dev begins and where it ends: two fifths for the feedback, a fifth for dev, two fifths for test."""

T = TypeVar("T")


def split_into_parts(
    seed: int, name: str, items: Sequence[T], shares: tuple[float, float] = SHARES
) -> dict[Part, list[T]]:
    """Splits items into three disjoint parts.

    Args:
        seed: of the world.
        name: of what is split; part of the seed.
        items: at least three.
        shares: of the items that come before dev, and before test.
    """
    shuffled = list(items)
    random.Random(f"{seed}/{name}").shuffle(shuffled)
    first, second = (round(share * len(items)) for share in shares)
    return {"feedback": shuffled[:first], "dev": shuffled[first:second], "test": shuffled[second:]}
