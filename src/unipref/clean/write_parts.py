"""Writes each preference to its part of the split or to the removed ones."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from unipref.clean.split import PARTS
from unipref.core import parquet
from unipref.core.messages import schema_has_parts
from unipref.core.records import Reason, preference_schema

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = parquet.GROUP_ROWS
"""Preferences held in memory with their text at a time."""
MAX_EXAMPLES = 5
"""Most examples of removed preferences per reason, the first in file order."""


class Removal(NamedTuple):
    """Why a preference is removed, and its twin: the row number of the kept preference, the id of one with the opposite
    label, or a place in a benchmark.
    """

    reason: Reason
    twin: int | str


def removed_schema() -> "pa.Schema":
    """Returns the Arrow schema of `removed.parquet`: the preference, the reason and the twin.

    `twin` is the id of the kept preference or of the one with the opposite label. For a prompt of a benchmark, it is
    its place there (`winobias/file:row`).
    """
    import pyarrow as pa

    return pa.schema([(name, pa.string()) for name in ("id", "source", "reason", "twin")])


def write_parts(
    preferences: Path, part_of_group: Mapping[str, str], removals: Mapping[int, Removal], out: Path
) -> dict[str, Any]:
    """Streams the preferences to `train.parquet`, `dev.parquet`, `test.parquet` and `removed.parquet` in `out`.

    Args:
        preferences: the Parquet file that unify wrote.
        part_of_group: group -> its part, for all groups with a kept preference.
        removals: row number -> reason and twin; a twin comes before the preferences it replaces.
        out: an empty folder.

    Returns:
        `train`, `dev`, `test`, `removed`, `by_source`, `agreeing` and `examples`, as `clean` does.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    removed = _RemovedRows(removals)
    counts: Counter[str] = Counter()
    schema = preference_schema(schema_has_parts(parquet.read_schema(preferences)))
    schemas = dict.fromkeys(PARTS, schema) | {"removed": removed_schema()}
    writers = {name: pq.ParquetWriter(out / f"{name}.parquet", s, compression="zstd") for name, s in schemas.items()}
    place = 0
    try:
        for batch in parquet.read_batches(preferences, rows_at_once=BATCH, shown="writing parts"):
            rows = batch.select(["id", "source", "group", "origin"]).to_pylist()
            parts = [removed.assign_part(place + i, row) or part_of_group[row["group"]] for i, row in enumerate(rows)]
            place += len(rows)
            for name in PARTS:
                is_in_part = [part == name for part in parts]
                counts[name] += sum(is_in_part)
                writers[name].write_batch(batch.filter(pa.array(is_in_part, pa.bool_())))
            writers["removed"].write_table(pa.Table.from_pylist(removed.pop_rows(), removed_schema()))
    finally:
        for writer in writers.values():
            writer.close()
    return {name: counts[name] for name in PARTS} | removed.figures()


class _RemovedRows:
    """Collects the removed rows with the ids of their twins, and counts them."""

    def __init__(self, removals: Mapping[int, Removal]) -> None:
        self._removals = removals
        self._kept = dict.fromkeys(removal.twin for removal in removals.values() if isinstance(removal.twin, int))
        self._names: dict[int, tuple[str, str, str]] = {}
        self._agreeing: Counter[str] = Counter()
        self._rows: list[dict[str, str]] = []
        self._by_source: dict[str, Counter[str]] = {}
        self._examples: dict[str, list[dict[str, str]]] = {}

    def assign_part(self, place: int, row: Mapping[str, Any]) -> str | None:
        """Records a preference. Returns 'removed', or None if the preference is kept."""
        counts = self._by_source.setdefault(row["source"], Counter())
        counts["preferences"] += 1
        origin = ", ".join(row["origin"])
        if place in self._kept:
            self._names[place] = (row["id"], origin, row["source"])
        removal = self._removals.get(place)
        if removal is None:
            return None
        reason, twin = removal.reason.value, removal.twin
        name, twin_origin, source = self._names[twin] if isinstance(twin, int) else (twin, twin, row["source"])
        self._agreeing[row["source"]] += reason == Reason.DUPLICATE.value and source != row["source"]
        counts[reason] += 1
        self._rows.append({"id": row["id"], "source": row["source"], "reason": reason, "twin": name})
        examples = self._examples.setdefault(reason, [])
        if len(examples) < MAX_EXAMPLES:
            examples.append({**self._rows[-1], "origin": origin, "twin_origin": twin_origin})
        return "removed"

    def pop_rows(self) -> list[dict[str, str]]:
        """Returns the rows of `removed.parquet` since the last call."""
        rows, self._rows = self._rows, []
        return rows

    def figures(self) -> dict[str, Any]:
        """Returns `removed`, `by_source`, `agreeing` and `examples`."""
        total: Counter[str] = sum(self._by_source.values(), Counter())
        return {
            "removed": {reason: n for reason, n in sorted(total.items()) if reason != "preferences"},
            "by_source": {source: dict(sorted(counts.items())) for source, counts in self._by_source.items()},
            "agreeing": {source: count for source, count in sorted(self._agreeing.items()) if count},
            "examples": dict(sorted(self._examples.items())),
        }
