"""Tables joined by an id or by row number, before the mapping sees a row.

unipref writes the other table once to an SQLite file, by id, and each map task looks up its rows there, so memory does
not grow with the table. A row whose id is missing in the other table is a reject. An id with two different rows is an
error: the match would be ambiguous.
"""

import contextlib
import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from pydantic import Field, model_validator

from unipref.core.contracts import Settings
from unipref.core.errors import UserError, raise_if_resource
from unipref.core.records import Reason, Reject, Row
from unipref.core.unusable_text import UnusableText
from unipref.core.values import value_key
from unipref.sources.csv_dialect import CsvSettings
from unipref.sources.json_rows import Numbered
from unipref.sources.limits import DEFAULT, Limits
from unipref.sources.oriented_rows import Orient
from unipref.sources.part import Part, Table
from unipref.sources.reader import read
from unipref.sources.reading_notes import collect_notes, note_row
from unipref.sources.split_files import parts
from unipref.sources.unread_files import UnreadFiles

ReadPart = Callable[[Part], Iterator[Numbered]]
"""Reads the rows of a part."""

FieldPath = Annotated[str, Field(min_length=1)]
"""Path of a field, with dots between nested ones."""


class Join(Settings):
    """Another table. Each row of the source gets the table's row with the same id, or with the same number."""

    path: str | Annotated[list[str], Field(min_length=1)]
    """Where the other table is, as for the source itself."""
    on: Literal["row"] | None = None
    """`row`: the n-th row of the source belongs to the n-th row of the table, as in a parallel file of labels. Rows of
    CSV, TSV and XLSX files are counted from 1 below the header, those of other files as in their origin."""
    left: FieldPath | None = None
    """Path of the id in the source's rows."""
    right: FieldPath | None = None
    """Path of the id in the table's rows."""
    orient: Orient | None = None
    """How a JSON file stores the table by column, as for the source itself."""
    records: FieldPath | None = None
    """Path of the list that holds the rows of the table, as for the source itself; `.` for an object of rows, whose
    `key` can be the id."""
    csv: CsvSettings = CsvSettings()
    """How the table is written, if it is a CSV or TSV file, as for the source itself."""
    name: FieldPath | None = Field(default=None, alias="as")
    """The key under which the looked-up row stands; default: the table's file name without its endings."""

    @model_validator(mode="after")
    def _check_one_way_to_join(self) -> "Join":
        if (self.on is None) == (self.left is None) or (self.left is None) != (self.right is None):
            raise ValueError("give either 'on: row', or 'left' and 'right', the paths of the id on both sides")
        return self


def with_tables(
    source_parts: list[Part],
    joins: Sequence[Join],
    root: Path,
    where: str,
    limits: Limits = DEFAULT,
    follow_links: bool = False,
    unread: UnreadFiles | None = None,
) -> list[Part]:
    """Adds to a source's parts the tables that are joined to their rows.

    Raises:
        UserError: a table's file is missing, two tables have one name, or rows are numbered in several files.
    """
    tables: list[Table] = []
    for place, join in enumerate(joins):
        here = f"{where}.{place}"
        paths = [join.path] if isinstance(join.path, str) else join.path
        table_parts = parts(
            paths, root, f"{here}.path", cut_bytes=None, limits=limits, follow_links=follow_links, unread=unread
        )
        files = tuple(table_parts)
        how = {"csv": join.csv.pairs(), "orient": join.orient or "", "records": join.records or ""}
        if any(how.values()):
            files = tuple(msgspec.structs.replace(file, **how) for file in files)
        name = join.name or Path(files[0].path).name.partition(".")[0]
        if name in [table.name for table in tables]:
            raise UserError(f"two tables are called '{name}'.", where=here, mend="Give one another name with 'as'.")
        if join.on == "row" and any(part.orient or part.records for part in (*files, *source_parts)):
            raise UserError(
                "rows inside rows cannot be joined by row number.",
                where=here,
                mend="Join by 'left' and 'right', the paths of an id.",
            )
        if join.on == "row" and (len(files) > 1 or len({part.origin for part in source_parts}) > 1):
            raise UserError(
                "joining by row number needs one file on each side: one for the source, one for the table.",
                where=here,
                mend="Make each pair of files a source of its own, or join by 'left' and 'right'.",
            )
        tables.append(Table(name, files, join.left or "", join.right or ""))
    return [msgspec.structs.replace(part, tables=tuple(tables)) for part in source_parts]


SCHEMA = "CREATE TABLE found (id TEXT PRIMARY KEY, place TEXT, row TEXT, remarks TEXT) WITHOUT ROWID"
FAULT_SCHEMA = "CREATE TABLE faults (rows INTEGER, first TEXT)"
SAME_SCHEMA = "CREATE TABLE same (key TEXT, id TEXT, PRIMARY KEY (key, id)) WITHOUT ROWID"
"""The ids that are written otherwise than their `value_key`, such as "7.0" for 7."""
WITH_HEADER = ("csv", "tsv", "xlsx")
"""Shapes of files that begin with a header."""
LEAST_INEXACT = 2.0**53
"""From here on a float does not hold every whole number, so two ids may have become one."""


@contextlib.contextmanager
def joined(parts: Iterable[Part], folder: Path) -> Iterator[ReadPart]:
    """Yields a reader of parts that also looks up their tables. The reader can be sent to other processes.

    Args:
        parts: what will be read.
        folder: an existing folder that those processes can read; it holds the tables until the context ends.

    Yields:
        `read` itself if there is nothing to join.

    Raises:
        UserError: a table has two different rows with the same id, or no row with an id.
    """
    tables = list(dict.fromkeys(table for part in parts for table in part.tables))
    if not tables:
        yield read
        return
    with tempfile.TemporaryDirectory(dir=folder, prefix=".joined-") as place:
        indexes: dict[Table, str] = {}
        for number, table in enumerate(tables):
            indexes[table] = str(Path(place) / f"{number}.sqlite")
            try:
                _write_index(table, indexes[table])
            except (sqlite3.Error, MemoryError) as error:
                raise_if_resource(error, f"join '{table.name}', whose table is written into {folder}")
                raise
        yield ReadJoined(indexes)


@dataclass(frozen=True)
class ReadJoined:
    """Reads parts and looks up the rows of their tables; `indexes`: table -> its SQLite file."""

    indexes: dict[Table, str]

    def __call__(self, part: Part) -> Iterator[Numbered]:
        """Yields the rows of a part with the looked-up rows under the tables' names; a reject where one is missing."""
        with contextlib.ExitStack() as stack:
            indexes = [
                (table, stack.enter_context(contextlib.closing(_open_index(self.indexes[table]))))
                for table in part.tables
            ]
            for place, number, row in _with_places(part):
                yield number, row if isinstance(row, Reject) else _with_tables(row, place, indexes)


def _with_places(part: Part) -> Iterator[tuple[int | str, int | str, Row | Reject]]:
    """Yields the rows of a part with the place by which they are joined, and their numbers.

    The place is the number, except in files with a header line: there it counts the rows, so that row 1 belongs to line
    1 of a file without one. Such files are never cut into parts.
    """
    for count, (number, row) in enumerate(read(part), 1):
        yield count if part.shape in WITH_HEADER else number, number, row


def _describe_count(part: Part) -> str:
    return " below its header" if part.shape in WITH_HEADER else ""


def _open_index(index: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{Path(index).absolute().as_uri()}?mode=ro&immutable=1", uri=True)


def _with_tables(row: Row, place: int | str, tables: list[tuple[Table, sqlite3.Connection]]) -> Row | Reject:
    joined_row = dict(row)
    for table, index in tables:
        if table.name in row:
            detail = f"the row has a field '{table.name}' already; give the join another name with 'as'"
            return Reject(Reason.WRONG_TYPE, detail, table.name)
        key = str(place) if not table.left else id_at(row, table.left)
        if key is None:
            return _describe_id(row, table.left)
        matches = _look_up(index, key)
        if len(matches) != 1:
            origin, number_of_rows = table.files[0].origin, f"{len(matches)} rows" if matches else "no row"
            with_id = f" with {table.right} {key!r}" if table.right else f" {key}{_describe_count(table.files[0])}"
            detail = f"{origin} has {number_of_rows}{with_id}{_describe_faults(index)}"
            if matches:
                return Reject(Reason.WRONG_TYPE, f"{detail}, written in several ways; write ids in one way", table.left)
            return Reject(Reason.MISSING_FIELD, detail, table.left or None)
        joined_row[table.name] = _restore(table, *matches[0])
    return joined_row


def _restore(table: Table, row: str, remarks: str | None) -> Row:
    """Returns a looked-up row, with its texts that must not be read, and repeats the notes on it."""
    fields: Row = json.loads(row)
    if remarks is not None:
        notes, unusable = json.loads(remarks)
        for note in notes:
            note_row(f"in the joined table '{table.name}', {note}")
        fields |= {name: UnusableText(fields[name], why) for name, why in unusable.items()}
    return fields


def _describe_faults(index: sqlite3.Connection) -> str:
    """Describes the rows of a table that could not be read, because the row that is missing may be one of them."""
    rows, first = index.execute("SELECT rows, first FROM faults").fetchone()
    return f" ({rows} of its rows cannot be used, the first: {first})" if rows else ""


def _describe_id(row: Row, path: str) -> Reject:
    """Makes the reject of a row whose id cannot be used."""
    value = _value_at(row, path)
    if isinstance(value, UnusableText):
        return Reject(Reason.WRONG_TYPE, value.why, path)
    if isinstance(value, float) and value.is_integer():
        detail = (
            f"the id {value:.0f} may be rounded: it is stored with a decimal point, which is exact only below 2**53."
            " Store ids as text or whole numbers."
        )
        return Reject(Reason.WRONG_TYPE, detail, path)
    return Reject(Reason.MISSING_FIELD, "the row has no id to join by (text or a whole number)", path)


def _look_up(index: sqlite3.Connection, key: str) -> list[tuple[str, str | None]]:
    """Returns the rows with an id, and the remarks on them: those with the same text, or else those whose id is the
    same value.
    """
    by_id, same = "SELECT row, remarks FROM found WHERE id = ?", value_key(key)
    rows = index.execute(by_id, (key,)).fetchall() or (index.execute(by_id, (same,)).fetchall() if same != key else [])
    if not rows:
        rows = index.execute("SELECT row, remarks FROM same JOIN found USING (id) WHERE key = ?", (same,)).fetchall()
    return rows


def _value_at(row: Any, path: str) -> Any:
    """Returns the value at a path; None if it is missing."""
    if isinstance(row, dict) and path in row:
        return row[path]
    value = row
    for step in path.split("."):
        if not isinstance(value, dict) or step not in value:
            return None
        value = value[step]
    return value


def id_at(row: Any, path: str) -> str | None:
    """The id at a path as text, so that 7 and "7" are one id; None if it is missing or was rounded."""
    value = _value_at(row, path)
    if isinstance(value, float) and value.is_integer() and abs(value) < LEAST_INEXACT:
        value = int(value)
    if isinstance(value, bool | UnusableText) or not isinstance(value, int | str):
        return None
    text = str(value).strip()
    try:
        text.encode()  # Parquet can hold bytes that are not UTF-8
    except UnicodeEncodeError:
        return None
    return text or None


def _write_index(table: Table, path: str) -> None:
    """Writes the table as an SQLite file. Rows that cannot be read or have no id are left out."""
    has_id, n_faults, first_fault = False, 0, ""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as index, collect_notes() as notes:
        index.execute("PRAGMA journal_mode = OFF")
        index.execute("PRAGMA synchronous = OFF")
        index.execute(SCHEMA)
        index.execute(SAME_SCHEMA)
        index.execute(FAULT_SCHEMA)
        index.execute("BEGIN")
        for part in table.files:
            for place, number, row in _with_places(part):
                origin = f"{part.origin}:{number}"
                encoded = row if isinstance(row, Reject) else _encode(row)
                if isinstance(row, Reject) or isinstance(encoded, Reject):
                    n_faults += 1
                    first_fault = first_fault or f"{origin}: {encoded}"
                elif (key := id_at(row, table.right) if table.right else str(place)) is not None:
                    has_id = True
                    _insert(index, table, key, origin, encoded, _remarks(row, notes))
                notes.clear()
        index.execute("INSERT INTO faults VALUES (?, ?)", (n_faults, first_fault))
        index.execute("COMMIT")
    if not has_id:
        field = f"has the id '{table.right}'" if table.right else "can be read"
        field += f"; the first fault: {first_fault}" if first_fault else ""
        raise UserError(
            f"no row of {table.files[0].origin} {field}.",
            where=f"join '{table.name}'",
            mend="'right' is the id's field in the joined table, 'left' the id's field in the source's rows.",
        )


def _encode(row: Row) -> str | Reject:
    try:
        return json.dumps(row)
    except RecursionError:
        return Reject(Reason.WRONG_TYPE, "the values are nested too deeply")


def _remarks(row: Row, notes: Sequence[str]) -> str | None:
    """Returns the notes on a row and the reasons why some texts must not be read, as JSON; None if there are none."""
    unusable = {name: value.why for name, value in row.items() if isinstance(value, UnusableText)}
    return json.dumps([notes, unusable]) if notes or unusable else None


def _insert(index: sqlite3.Connection, table: Table, key: str, place: str, row: str, remarks: str | None) -> None:
    if index.execute("INSERT OR IGNORE INTO found VALUES (?, ?, ?, ?)", (key, place, row, remarks)).rowcount:
        if (same := value_key(key)) != key:
            index.execute("INSERT INTO same VALUES (?, ?)", (same, key))
        return
    first, other = index.execute("SELECT place, row FROM found WHERE id = ?", (key,)).fetchone()
    if other != row:
        raise UserError(
            f"two rows have {table.right} {key!r}: {first} and {place}.",
            where=f"join '{table.name}'",
            mend="If a row of the source matches several rows, make the table of those rows the source's "
            "'path' and join the other one to it.",
        )
