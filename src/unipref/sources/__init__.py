"""Raw rows: files of any known ending, folders, globs, archives, the hub and rows in memory -> numbered rows.

`parts` splits the files that a study names into pieces of work, `hub_parts` those that the catalog names. `read` reads
one piece, and `joined` returns a reader that also looks up rows of other tables. Each file shape has its own module.
"""

from unipref.sources.csv_dialect import CsvSettings
from unipref.sources.fingerprint import check_unchanged, file_hash, fingerprint, hash_files
from unipref.sources.hub import hub_parts
from unipref.sources.in_memory import Rows, spill_rows
from unipref.sources.joins import Join, joined, with_tables
from unipref.sources.limits import Limits
from unipref.sources.nested_rows import rows_inside
from unipref.sources.part import Part, Table
from unipref.sources.reader import peek, read, unusual_delimiter
from unipref.sources.split_files import check_parts, parts
from unipref.sources.unread_files import UnreadFiles

__all__ = [
    "CsvSettings",
    "Join",
    "Limits",
    "Part",
    "Rows",
    "Table",
    "UnreadFiles",
    "check_parts",
    "check_unchanged",
    "file_hash",
    "fingerprint",
    "hash_files",
    "hub_parts",
    "joined",
    "parts",
    "peek",
    "read",
    "rows_inside",
    "spill_rows",
    "unusual_delimiter",
    "with_tables",
]
