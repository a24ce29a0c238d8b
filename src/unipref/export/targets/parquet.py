"""Parquet for any reader: every column of a preference, as in docs/design.md."""

from typing import TYPE_CHECKING, ClassVar, Literal

from unipref.core.contracts import Exporter, ExportItem, ExportKind
from unipref.core.contracts.exporting import Part
from unipref.core.records import Row

if TYPE_CHECKING:
    import pyarrow as pa


class Parquet(Exporter):
    """Parquet: all columns of all preferences, with the schema of the run."""

    holds: ClassVar = {"everything": frozenset(Part)}
    loses: ClassVar = ()
    checked: ClassVar = "datasets 5.2.0 by load_dataset"
    source: ClassVar = "docs/design.md of unipref"
    suffix: ClassVar[Literal["jsonl", "parquet"]] = "parquet"

    def convert(self, item: ExportItem, kind: ExportKind) -> Row:
        """Returns the preference itself."""
        return item.row

    def find_schema(self, kind: ExportKind, preferences: "pa.Schema") -> "pa.Schema":
        """The schema of the run."""
        return preferences
