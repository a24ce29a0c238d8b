"""A run folder -> what unify wrote: the counts of its sources, and preferences and rejects as a stream."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from unipref.core import parquet
from unipref.core.errors import UserError
from unipref.core.records import Messages
from unipref.core.run_folder import Polarity, RunFolder

BATCH = 1024
"""Preferences held in memory with their text at a time."""
COLUMNS = ["source", "prompt", "chosen", "rejected", "origin"]
PARTS = ("train", "dev", "test", "removed")


class UnifiedSource(msgspec.Struct, frozen=True):
    """What unify made of a source, complete; fields as in `SourceCounts`."""

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


class Judged(NamedTuple):
    """One preference as the audit sees it: its number in the file, its texts and where it came from."""

    number: int
    source: str
    prompt: Messages
    chosen: Messages | None
    rejected: Messages | None
    origin: list[str]

    @property
    def asked(self) -> list[str]:
        """The user turns of the prompt."""
        return [turn["content"] for turn in self.prompt if turn["role"] == "user"]

    @property
    def place(self) -> str:
        """Where it came from, in words."""
        return ", ".join(self.origin)


class UnifiedRun:
    """The folder of a run that got at least as far as `unify`.

    Raises:
        UserError: there is no such run, or unify did not finish.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.preferences_file, self.rejects_file = (
            folder / "unified" / f"{name}.parquet" for name in ("preferences", "rejects")
        )
        sources = RunFolder(folder).manifest.sources
        if not sources or not self.preferences_file.is_file() or not self.rejects_file.is_file():
            raise UserError(
                "unify has left no preferences here.", where=str(folder), mend="Run: unipref unify STUDY -o RUN"
            )
        if lacking := sorted(
            {name for counts in sources.values() for name in REQUIRED if getattr(counts, name) is None}
        ):
            raise UserError(
                f"the sources in manifest.json lack {', '.join(lacking)}: another version of unipref wrote them.",
                where=str(folder),
                mend="Run unify again.",
            )
        self.sources = {
            name: msgspec.convert(counts, UnifiedSource, from_attributes=True) for name, counts in sources.items()
        }

    def preferences(self) -> Iterator[Judged]:
        """Every preference in file order."""
        for number, row in enumerate(self._known(self.preferences_file, COLUMNS)):
            yield Judged(number, **row)

    def rejects(self) -> Iterator[dict[str, Any]]:
        """Every row of `rejects.parquet`."""
        return self._known(self.rejects_file, ["source", "level", "reason", "field", "detail", "origin"])

    def _known(self, path: Path, columns: list[str]) -> Iterator[dict[str, Any]]:
        """The rows of a table, all of which must be of a source in the manifest."""
        for row in parquet.read_rows(path, columns, BATCH, "Run unify again."):
            if row["source"] not in self.sources:
                raise UserError(
                    f"there is a row of source '{row['source']}', of which manifest.json knows nothing.",
                    where=str(path),
                    mend="The run was broken off: run unify again.",
                )
            yield row

    def places(self, numbers: set[int]) -> dict[int, str]:
        """Number of a preference -> where it came from, for the numbers asked for."""
        if not numbers:
            return {}
        rows = parquet.read_rows(self.preferences_file, ["origin"], BATCH)
        return {number: ", ".join(row["origin"]) for number, row in enumerate(rows) if number in numbers}

    def after_clean(self) -> dict[str, dict[str, int]]:
        """Source -> part (train, dev, test, removed) -> preferences; empty when clean has not been done."""
        found: dict[str, dict[str, int]] = {}
        for part in PARTS:
            path = self.folder / "clean" / f"{part}.parquet"
            if not path.is_file():
                continue
            counts = Counter(row["source"] for row in parquet.read_rows(path, ["source"]))
            for source, n in counts.items():
                found.setdefault(source, dict.fromkeys(PARTS, 0))[part] = n
        return found
