"""Raw rows: files of any known ending, folders, globs, archives, the hub and rows in memory -> numbered rows.

`parts` cuts what a study file names into pieces of work, `hub_parts` what the catalog names; `read` reads one of them,
and `joined` gives the reader that also looks up other tables. The readers of the several shapes are in underscore
files.
"""

from unipref.sources.fingerprint import file_hash, fingerprint
from unipref.sources.hub import hub_parts
from unipref.sources.in_memory import Rows, spill_rows
from unipref.sources.joins import Join, joined, with_tables
from unipref.sources.part import Part, Table
from unipref.sources.reader import peek, read
from unipref.sources.split_files import parts

__all__ = [
    "Join",
    "Part",
    "Rows",
    "Table",
    "file_hash",
    "fingerprint",
    "hub_parts",
    "joined",
    "parts",
    "peek",
    "read",
    "spill_rows",
    "with_tables",
]
