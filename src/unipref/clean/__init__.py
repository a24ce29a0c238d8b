"""Split and clean: dev and test parts by prompt group, exact duplicates removed with their reason and twin.

Twins and the turns of one conversation share a group, so no prompt of dev or test is trained on. Held in memory per
preference: two hashes and its place, never text.
"""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import xxhash
from pydantic import Field, model_validator

from unipref.contracts import Settings
from unipref.errors import UserError
from unipref.keys import root_of
from unipref.records import Messages, Reason, preference_schema

if TYPE_CHECKING:
    import pyarrow as pa

PARTS = ("train", "dev", "test")
BATCH = 1024
"""Preferences held in memory with their text at a time."""


class Split(Settings):
    """Which share of the prompt groups is held out. Trainers never see dev or test."""

    dev: float = Field(default=0.1, ge=0.0, lt=1.0)
    """Share of groups for choosing settings and following training."""
    test: float = Field(default=0.1, ge=0.0, lt=1.0)
    """Share of groups for the final scores."""
    seed: int = 0
    """Of the draw; the same for all seeds of a study, so that their scores can be compared."""

    @model_validator(mode="after")
    def _something_is_left(self) -> "Split":
        if self.dev + self.test >= 1.0:
            raise ValueError(f"dev ({self.dev:g}) and test ({self.test:g}) together must be below 1")
        return self


class Clean(Settings):
    """What is removed before training."""

    duplicates: Literal["exact", "keep"] = "exact"
    """exact: of preferences with the same prompt, chosen and rejected texts, in any source, the first is kept."""


def clean(preferences: Path, split: Split, settings: Clean, out: Path) -> dict[str, Any]:
    """Writes `train.parquet`, `dev.parquet`, `test.parquet` and `removed.parquet` to `out`.

    Args:
        preferences: the Parquet file that unify wrote.
        split: which shares are held out.
        settings: what is removed.
        out: an empty folder.

    Returns:
        Counts of `train`, `dev` and `test`, and `removed` by reason.

    Raises:
        UserError: nothing is left to train on.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    twins = _twins(preferences) if settings.duplicates == "exact" else {}
    part_of_group = _draw(preferences, split, twins)
    counts: Counter[str] = Counter()
    removed: Counter[str] = Counter()
    schemas = dict.fromkeys(PARTS, preference_schema()) | {"removed": removed_schema()}
    writers = {name: pq.ParquetWriter(out / f"{name}.parquet", s, compression="zstd") for name, s in schemas.items()}
    start = 0
    try:
        with pq.ParquetFile(preferences) as file:
            for batch in file.iter_batches(batch_size=BATCH):
                places = range(start, start := start + len(batch))
                groups = batch["group"].to_pylist()
                for name in PARTS:
                    mine = [
                        place not in twins and part_of_group[group] == name
                        for place, group in zip(places, groups, strict=True)
                    ]
                    counts[name] += sum(mine)
                    writers[name].write_batch(batch.filter(pa.array(mine, pa.bool_())))
                left_out = [
                    {"id": row["id"], "source": row["source"], "reason": Reason.DUPLICATE.value, "twin": twins[place]}
                    for place, row in zip(places, batch.select(["id", "source"]).to_pylist(), strict=True)
                    if place in twins
                ]
                removed.update(item["reason"] for item in left_out)
                writers["removed"].write_table(pa.Table.from_pylist(left_out, removed_schema()))
    finally:
        for writer in writers.values():
            writer.close()
    if not counts["train"]:
        raise UserError(
            f"no preference is left to train on: {dict(counts)} after removing {dict(removed)}.",
            where="split",
            mend="Lower split.dev and split.test, or add sources.",
        )
    return {name: counts[name] for name in PARTS} | {"removed": dict(sorted(removed.items()))}


def removed_schema() -> "pa.Schema":
    """The Arrow schema of `removed.parquet`: the preference, why it went, and the one kept in its place."""
    import pyarrow as pa

    return pa.schema([(name, pa.string()) for name in ("id", "source", "reason", "twin")])


def _twins(preferences: Path) -> dict[int, str]:
    """Place of each preference whose texts came before -> the id of the first one with them."""
    import pyarrow.parquet as pq

    first_seen: dict[bytes, str] = {}
    twins: dict[int, str] = {}
    place = 0
    with pq.ParquetFile(preferences) as file:
        for batch in file.iter_batches(batch_size=BATCH, columns=["id", "prompt", "chosen", "rejected"]):
            for row in batch.to_pylist():
                key = _texts_key(row)
                if key in first_seen:
                    twins[place] = first_seen[key]
                else:
                    first_seen[key] = row["id"]
                place += 1
    return twins


def _texts_key(row: dict[str, Any]) -> bytes:
    sides: list[Messages | None] = [row["prompt"], row["chosen"], row["rejected"]]
    return xxhash.xxh3_128_digest(repr([[(m["role"], m["content"]) for m in side or []] for side in sides]).encode())


def _draw(preferences: Path, split: Split, twins: dict[int, str]) -> dict[str, str]:
    """Group -> its part. Families of groups are ordered by a seeded hash, so each share is met to within one family.

    Groups all of whose preferences are removed take no part: the shares are of what is left.
    """
    family_of = _families(preferences, twins)
    families = set(family_of.values())
    order = sorted(families, key=lambda group: (xxhash.xxh3_64_intdigest(group.encode(), seed=split.seed), group))
    n_dev, n_test = (round(share * len(order)) for share in (split.dev, split.test))
    part = dict.fromkeys(order, "train")
    part |= dict.fromkeys(order[:n_dev], "dev")
    part |= dict.fromkeys(order[n_dev : n_dev + n_test], "test")
    return {group: part[family] for group, family in family_of.items()}


def _families(preferences: Path, twins: dict[int, str]) -> dict[str, str]:
    """Group -> the first, in order of names, of all groups it is tied to by a shared first user turn.

    A prompt of declared twins may stand in another source too, under another group: both must be on one side.
    """
    import pyarrow.parquet as pq

    parent: dict[str, str] = {}

    def head(key: str) -> str:
        while parent.setdefault(key, key) != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    groups: set[str] = set()
    place = 0
    with pq.ParquetFile(preferences) as file:
        for batch in file.iter_batches(batch_size=BATCH, columns=["group", "prompt"]):
            for row in batch.to_pylist():
                if place not in twins:
                    groups.add(row["group"])
                    low, high = sorted((head(row["group"]), head(root_of(row["prompt"]))))
                    parent[high] = low
                place += 1
    return {group: head(group) for group in groups}
