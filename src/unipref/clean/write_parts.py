"""Writes each preference to its part, or to what was removed."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from unipref.clean.split import PARTS
from unipref.core import parquet
from unipref.core.records import Reason, preference_schema

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 1024
"""Preferences held in memory with their text at a time."""
EXAMPLES = 5
"""Removed preferences of each reason that are named, the first in file order."""


class Removal(NamedTuple):
    """Why a preference goes, and its twin: the place in the file of the one kept, or a place in a benchmark."""

    reason: Reason
    twin: int | str


def removed_schema() -> "pa.Schema":
    """The Arrow schema of `removed.parquet`: the preference, why it went, and what stands in its place.

    `twin` is the id of the preference that is kept or, for a benchmark's prompt, its place there (`winobias/file:row`).
    """
    import pyarrow as pa

    return pa.schema([(name, pa.string()) for name in ("id", "source", "reason", "twin")])


def write_parts(
    preferences: Path, part_of_group: Mapping[str, str], removals: Mapping[int, Removal], out: Path
) -> dict[str, Any]:
    """Streams the preferences to `train.parquet`, `dev.parquet`, `test.parquet` and `removed.parquet` in `out`.

    Args:
        preferences: the Parquet file that unify wrote.
        part_of_group: group -> its part, of all groups with a preference that stays.
        removals: place in the file -> why it goes; a twin comes before what it replaces.
        out: an empty folder.

    Returns:
        `train`, `dev`, `test`, `removed`, `by_source` and `examples`, as `clean` does.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    removed = _Removed(removals)
    counts: Counter[str] = Counter()
    schemas = dict.fromkeys(PARTS, preference_schema()) | {"removed": removed_schema()}
    writers = {name: pq.ParquetWriter(out / f"{name}.parquet", s, compression="zstd") for name, s in schemas.items()}
    place = 0
    try:
        for batch in parquet.batches(preferences, rows_at_once=BATCH):
            rows = batch.select(["id", "source", "group", "origin"]).to_pylist()
            parts = [removed.part(place + i, row) or part_of_group[row["group"]] for i, row in enumerate(rows)]
            place += len(rows)
            for name in PARTS:
                mine = [part == name for part in parts]
                counts[name] += sum(mine)
                writers[name].write_batch(batch.filter(pa.array(mine, pa.bool_())))
            writers["removed"].write_table(pa.Table.from_pylist(removed.taken(), removed_schema()))
    finally:
        for writer in writers.values():
            writer.close()
    return {name: counts[name] for name in PARTS} | removed.figures()


class _Removed:
    """Tells the twins' ids as they come past, and counts."""

    def __init__(self, removals: Mapping[int, Removal]) -> None:
        self._removals = removals
        self._kept = dict.fromkeys(removal.twin for removal in removals.values() if isinstance(removal.twin, int))
        self._names: dict[int, tuple[str, str]] = {}
        self._rows: list[dict[str, str]] = []
        self._by_source: dict[str, Counter[str]] = {}
        self._examples: dict[str, list[dict[str, str]]] = {}

    def part(self, place: int, row: Mapping[str, Any]) -> str | None:
        """'removed', or None for a preference that stays."""
        counts = self._by_source.setdefault(row["source"], Counter())
        counts["preferences"] += 1
        origin = ", ".join(row["origin"])
        if place in self._kept:
            self._names[place] = (row["id"], origin)
        removal = self._removals.get(place)
        if removal is None:
            return None
        reason, twin = removal.reason.value, removal.twin
        name, twin_origin = self._names[twin] if isinstance(twin, int) else (twin, twin)
        counts[reason] += 1
        self._rows.append({"id": row["id"], "source": row["source"], "reason": reason, "twin": name})
        examples = self._examples.setdefault(reason, [])
        if len(examples) < EXAMPLES:
            examples.append({**self._rows[-1], "origin": origin, "twin_origin": twin_origin})
        return "removed"

    def taken(self) -> list[dict[str, str]]:
        """The rows of `removed.parquet` since the last call."""
        rows, self._rows = self._rows, []
        return rows

    def figures(self) -> dict[str, Any]:
        """`removed`, `by_source` and `examples`."""
        total: Counter[str] = sum(self._by_source.values(), Counter())
        return {
            "removed": {reason: n for reason, n in sorted(total.items()) if reason != "preferences"},
            "by_source": {source: dict(sorted(counts.items())) for source, counts in self._by_source.items()},
            "examples": dict(sorted(self._examples.items())),
        }
