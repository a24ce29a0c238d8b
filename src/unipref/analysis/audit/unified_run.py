"""Reads what unify wrote into a run folder: the counts of its sources, and preferences and rejects as a stream."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from unipref.core import parquet
from unipref.core.errors import UserError
from unipref.core.records import Messages
from unipref.core.run_folder import Polarity, RunFolder

MEND = "Run unify again."
BATCH = 1024
"""Number of preferences with text in memory at a time."""
COLUMNS = ["source", "prompt", "chosen", "rejected", "origin", "confidence"]
PARTS = ("train", "dev", "test", "removed")


class UnifiedSource(msgspec.Struct, frozen=True):
    """The counts of a source, none of them missing; fields as in `SourceCounts`."""

    kind: str
    objective: str
    licence: str
    axis: str | None
    rows: int
    used: int
    rejected: dict[str, int]
    parts_rejected: dict[str, int]
    groups: int
    projected: int
    groups_rejected: dict[str, int]
    preferences: int
    preferences_rejected: dict[str, int]
    ordered_pairs: int
    kept_pairs: int
    implied_pairs: int
    polarity: Polarity


REQUIRED = tuple(name for name in UnifiedSource.__struct_fields__ if name != "axis")


class AuditedPreference(NamedTuple):
    """One preference: its number in the file, its texts, its origin and its confidence."""

    number: int
    source: str
    prompt: Messages
    chosen: Messages | None
    rejected: Messages | None
    origin: list[str]
    confidence: float | None

    @property
    def user_turns(self) -> list[str]:
        """The texts of the prompt's user turns."""
        return [turn["content"] for turn in self.prompt if turn["role"] == "user"]

    @property
    def place(self) -> str:
        """Its origin in one line: `file:row, file:row`."""
        return ", ".join(self.origin)


def read_preferences(path: Path, rows: range, sources: Collection[str]) -> Iterator[AuditedPreference]:
    """Yields some preferences of a file, in order; the source of each must be one of the manifest's `sources`."""
    for number, row in zip(rows, parquet.read_range(path, rows, COLUMNS, BATCH, MEND), strict=True):
        _check_source(row, path, sources)
        yield AuditedPreference(number, **row)


def _check_source(row: Mapping[str, Any], path: Path, sources: Collection[str]) -> None:
    if row["source"] not in sources:
        raise UserError(
            f"a row is of source '{row['source']}', which is missing in manifest.json.",
            where=str(path),
            mend="The run was interrupted: run unify again.",
        )


class UnifiedRun:
    """A run folder in which `unify` is finished.

    Args:
        folder: the run.

    Attributes:
        sources: the counts of each source; recorded: all that the manifest records of it.
        judging: what is estimated of the judges; None in runs of earlier versions.

    Raises:
        UserError: the run is missing, or unify is not finished.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.preferences_file, self.rejects_file = (
            folder / "unified" / f"{name}.parquet" for name in ("preferences", "rejects")
        )
        run = RunFolder(folder)
        self.recorded, self.judging = run.manifest.sources, run.judging()
        sources = self.recorded
        if not sources or not self.preferences_file.is_file() or not self.rejects_file.is_file():
            raise UserError(
                "the run has no unified preferences.", where=str(folder), mend="Run: unipref unify STUDY -o RUN"
            )
        if missing := sorted(
            {name for counts in sources.values() for name in REQUIRED if getattr(counts, name) is None}
        ):
            raise UserError(
                f"the sources in manifest.json lack {', '.join(missing)}: another version of unipref wrote them.",
                where=str(folder),
                mend="Run unify again.",
            )
        self.sources = {
            name: msgspec.convert(counts, UnifiedSource, from_attributes=True) for name, counts in sources.items()
        }

    def read_rejects(self) -> Iterator[dict[str, Any]]:
        """Yields every row of `rejects.parquet`; the source of each must be in the manifest."""
        columns = ["source", "level", "reason", "field", "detail", "origin"]
        for row in parquet.read_rows(self.rejects_file, columns, BATCH, MEND, "auditing rejects"):
            _check_source(row, self.rejects_file, self.sources)
            yield row

    def find_places(self, numbers: set[int]) -> dict[int, str]:
        """Returns number of a preference -> its origin."""
        if not numbers:
            return {}
        rows = parquet.read_rows(self.preferences_file, ["origin"], BATCH, shown="finding examples")
        return {number: ", ".join(row["origin"]) for number, row in enumerate(rows) if number in numbers}

    def count_after_clean(self) -> dict[str, dict[str, int]]:
        """Counts the preferences by source and part (train, dev, test, removed); empty if clean is not finished."""
        by_source: dict[str, dict[str, int]] = {}
        for part in PARTS:
            path = self.folder / "clean" / f"{part}.parquet"
            if not path.is_file():
                continue
            counts = Counter(row["source"] for row in parquet.read_rows(path, ["source"], shown=f"counting {part}"))
            for source, n in counts.items():
                by_source.setdefault(source, dict.fromkeys(PARTS, 0))[part] = n
        return by_source
