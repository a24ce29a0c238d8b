"""Which share of the prompts is held out, drawn by families of prompt groups."""

from collections import Counter
from collections.abc import Mapping

import xxhash
from pydantic import Field, model_validator

from unipref.core.contracts import Settings

PARTS = ("train", "dev", "test")
HEAVY_SHARE, HEAVY_COUNT = 0.1, 20
"""A family of near-duplicates with more than this share of the preferences, and more than this many, is not held out:
it would be most of what is measured on, or most of what is trained on would be gone."""


class SplitSettings(Settings):
    """Which share of the prompt groups is held out. Trainers never see dev or test."""

    dev: float = Field(default=0.1, ge=0.0, lt=1.0)
    """Share of groups for choosing settings and following training."""
    test: float = Field(default=0.1, ge=0.0, lt=1.0)
    """Share of groups for the final scores."""
    seed: int = 0
    """Of the draw; the same for all seeds of a study, so that their scores can be compared."""

    @model_validator(mode="after")
    def _something_is_left(self) -> "SplitSettings":
        if self.dev + self.test >= 1.0:
            raise ValueError(f"dev ({self.dev:g}) and test ({self.test:g}) together must be below 1")
        return self


class Families:
    """Prompt groups that must be on one side of the split, tied by a shared first user turn or by near-duplicates.

    A prompt of declared twins may stand in another source too, under another group: both must be on one side. A family
    is called by the first, in order of names, of all groups and prompts in it.
    """

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}
        self._sizes: Counter[str] = Counter()

    def add(self, group: str, root: str) -> None:
        """Takes in one preference: its group, and the hash of its first user turn."""
        self._sizes[group] += 1
        self.join(group, root)

    def remove(self, group: str) -> None:
        """Takes one preference of a group out again; a group that has none left takes no part in the split."""
        self._sizes[group] -= 1

    def join(self, one: str, other: str) -> None:
        """Makes one family of two."""
        low, high = sorted((self.family_of(one), self.family_of(other)))
        self._parent[high] = low

    def family_of(self, key: str) -> str:
        """What the family of a group or of a first user turn is called."""
        parent = self._parent
        while parent.setdefault(key, key) != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    def by_group(self) -> dict[str, str]:
        """Group -> its family, of the groups with a preference left."""
        return {group: self.family_of(group) for group, size in self._sizes.items() if size}

    def sizes(self) -> Counter[str]:
        """Family -> its preferences."""
        found: Counter[str] = Counter()
        for group, size in self._sizes.items():
            if size:
                found[self.family_of(group)] += size
        return found


def find_heavy_families(sizes: Mapping[str, int]) -> list[str]:
    """The families that are too large to be held out, the largest first."""
    least = max(HEAVY_COUNT, HEAVY_SHARE * sum(sizes.values()))
    return sorted((family for family, size in sizes.items() if size > least), key=lambda f: (-sizes[f], f))


def assign_parts(families: Families, split: SplitSettings, kept_in: list[str]) -> dict[str, str]:
    """Group -> its part. Families are ordered by a seeded hash, so each share is met to within one family.

    Groups all of whose preferences are removed take no part: the shares are of what is left.

    Args:
        families: of all groups.
        split: the shares.
        kept_in: families that are not held out.
    """
    family_of = families.by_group()
    known = set(family_of.values())
    order = sorted(
        known - set(kept_in), key=lambda family: (xxhash.xxh3_64_intdigest(family.encode(), seed=split.seed), family)
    )
    n_dev, n_test = (round(share * len(known)) for share in (split.dev, split.test))
    part = dict.fromkeys(known, "train")
    part |= dict.fromkeys(order[:n_dev], "dev")
    part |= dict.fromkeys(order[n_dev : n_dev + n_test], "test")
    return {group: part[family] for group, family in family_of.items()}
