"""Splits prompt groups into train, dev and test by families of groups."""

from collections import Counter
from collections.abc import Mapping

import xxhash
from pydantic import Field, model_validator

from unipref.core.contracts import Settings

PARTS = ("train", "dev", "test")
HEAVY_SHARE, HEAVY_COUNT = 0.1, 20
"""A family of near-duplicates with more than this share of the preferences and more than this number stays in train.
Held out, it would dominate the evaluation or leave too little to train on."""


class SplitSettings(Settings):
    """The shares of prompt groups that are held out. Trainers never see dev or test."""

    dev: float = Field(default=0.1, ge=0.0, lt=1.0)
    """Share of groups to choose settings and monitor training with."""
    test: float = Field(default=0.1, ge=0.0, lt=1.0)
    """Share of groups for the final scores."""
    seed: int = 0
    """Seed of the split. It is the same for all seeds of a study, so that their scores can be compared."""

    @model_validator(mode="after")
    def _leaves_train(self) -> "SplitSettings":
        if self.dev + self.test >= 1.0:
            raise ValueError(f"dev ({self.dev:g}) and test ({self.test:g}) together must be below 1")
        return self


class Families:
    """Joins prompt groups that must be on one side of the split: same first user turn, or near-duplicate prompts.

    A prompt of declared twins can also occur in another source under another group; both groups join one family. A
    family has the name of its first group or prompt in sort order.
    """

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}
        self._sizes: Counter[str] = Counter()

    def add(self, group: str, root: str) -> None:
        """Adds one preference by its group and the hash of its first user turn."""
        self._sizes[group] += 1
        self.join(group, root)

    def remove(self, group: str) -> None:
        """Removes one preference of a group; a group without preferences is not part of the split."""
        self._sizes[group] -= 1

    def join(self, one: str, other: str) -> None:
        """Joins two families."""
        low, high = sorted((self.family_of(one), self.family_of(other)))
        self._parent[high] = low

    def family_of(self, key: str) -> str:
        """Returns the name of the family of a group or of a first user turn."""
        parent = self._parent
        while parent.setdefault(key, key) != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    def by_group(self) -> dict[str, str]:
        """Returns group -> its family, for groups with at least one preference."""
        return {group: self.family_of(group) for group, size in self._sizes.items() if size}

    def sizes(self) -> Counter[str]:
        """Returns family -> number of its preferences."""
        sizes: Counter[str] = Counter()
        for group, size in self._sizes.items():
            if size:
                sizes[self.family_of(group)] += size
        return sizes


def find_heavy_families(sizes: Mapping[str, int]) -> list[str]:
    """Returns the families that are too large to be held out, the largest first."""
    least = max(HEAVY_COUNT, HEAVY_SHARE * sum(sizes.values()))
    return sorted((family for family, size in sizes.items() if size > least), key=lambda f: (-sizes[f], f))


def assign_parts(families: Families, split: SplitSettings, in_train: list[str]) -> dict[str, str]:
    """Returns group -> its part. Families are ordered by a seeded hash, so each share is met to within one family.

    Groups without remaining preferences do not count.

    Args:
        families: the families of all groups.
        split: the shares.
        in_train: families that are not held out.
    """
    family_of = families.by_group()
    names = set(family_of.values())
    order = sorted(
        names - set(in_train), key=lambda family: (xxhash.xxh3_64_intdigest(family.encode(), seed=split.seed), family)
    )
    n_dev, n_test = (round(share * len(names)) for share in (split.dev, split.test))
    part = dict.fromkeys(names, "train")
    part |= dict.fromkeys(order[:n_dev], "dev")
    part |= dict.fromkeys(order[n_dev : n_dev + n_test], "test")
    return {group: part[family] for group, family in family_of.items()}
