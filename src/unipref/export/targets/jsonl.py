"""JSONL for any reader: every column of a preference, as in docs/design.md."""

from typing import ClassVar

from unipref.core.contracts import Exporter, ExportItem, ExportKind
from unipref.core.contracts.exporting import Part
from unipref.core.messages import drop_empty_parts
from unipref.core.records import Row


class Jsonl(Exporter):
    """JSONL: all columns of all preferences, one object a line; keys that a message lacks are left out."""

    holds: ClassVar = {"everything": frozenset(Part)}
    loses: ClassVar = ()
    checked: ClassVar = "datasets 5.2.0 by load_dataset"
    source: ClassVar = "docs/design.md of unipref"

    def convert(self, item: ExportItem, kind: ExportKind) -> Row:
        """Returns the preference itself."""
        sides = {
            side: None if item.row[side] is None else [drop_empty_parts(message) for message in item.row[side]]
            for side in ("prompt", "chosen", "rejected")
        }
        return {**item.row, **sides}
