"""Raw rows: files of any known ending, folders, globs, archives and rows in memory -> numbered rows.

`parts` cuts what a study file names into pieces of work; `read` reads one of them. The readers of the several shapes
are in underscore files.
"""

from unipref.sources.content import content_key, fingerprint
from unipref.sources.memory import Rows, spill_rows
from unipref.sources.parts import Part, parts
from unipref.sources.reading import peek, read

__all__ = ["Part", "Rows", "content_key", "fingerprint", "parts", "peek", "read", "spill_rows"]
