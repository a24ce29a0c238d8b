"""CSV and TSV: bytes -> numbered rows."""

import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from itertools import chain

from unipref.core.records import Reason, Reject, Row
from unipref.sources.compressed import Broken, ChunkReader
from unipref.sources.csv_dialect import BACKSLASH, SEPARATOR_LINE, Dialect, detect, is_separator
from unipref.sources.csv_quotes import QuoteCheck
from unipref.sources.json_rows import HEAD_BYTES, Numbered, first_lines
from unipref.sources.limits import DEFAULT_ROW, RowLimit
from unipref.sources.reading_notes import note_row
from unipref.sources.spreadsheet_errors import note_errors

BYTE_ORDER_MARK = "\ufeff"
SAME_HEADER = "before it the header comes again, which is not read as a row"
OTHER_HEADER = (
    "before it a header comes again with other columns or in another order; rows after it are read by that one"
)
MIN_SHARED_NAMES, MIN_NAME_LETTERS = 2, 3
"""Least number of the first header's names in a second one, and of letters in one of them."""

FREE_WORK, FREE_SHARE = 32 << 20, 4
"""Characters that may be read again in any table, and how many times the characters that were read once.

Beyond that, a record ends after `MOST_LINES`: otherwise a quote that stays open in every row costs the square of the
rows.
"""
LINE_WORK = 50
"""Characters that take as long as the fixed work for a line."""
MOST_LINES = 100


class TooLong(csv.Error):
    """A record has more characters than the limit."""


class TooManyLines(csv.Error):
    """A quote stays open for more lines than are read where many quotes stay open."""


class _Lines:
    """The lines of a table. Those of an unfinished record are kept, so that they can be read again.

    Attributes:
        pending: the lines of the record so far.
        ended: whether the table is at its end.
        has_mark: whether the record begins with a byte order mark.
        number: of the record's first line in the file, from 1.
        work, repeated: what reading took, in characters: the first time, and again.
    """

    def __init__(self, lines: Iterator[str], limit: RowLimit = DEFAULT_ROW, n_before: int = 0) -> None:
        self._lines, self._limit = lines, limit
        self._taken = n_before
        self.number = n_before + 1
        self._again: deque[str] = deque()
        self._size = 0
        self.pending: list[str] = []
        self.ended = self.has_mark = False
        self.work = self.repeated = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._again:
            line = self._again.popleft()
            self.repeated += len(line) + LINE_WORK
        elif new := next(self._lines, None):
            line = new
            self.work += len(line) + LINE_WORK
        else:
            self.ended = True
            raise StopIteration
        if not self.pending:
            self.has_mark = line[0] == BYTE_ORDER_MARK  # files were put together
            if self.has_mark:
                line = line.lstrip(BYTE_ORDER_MARK)
        self._size = len(line) + (self._size if self.pending else 0)
        self._taken += 1
        self.pending.append(line)
        if self._size > self._limit.size:
            raise TooLong(self._limit.reject().detail.rstrip("."))
        if len(self.pending) > MOST_LINES and self.repeated > FREE_WORK + FREE_SHARE * self.work:
            raise TooManyLines(f"a quote in it is not closed within {MOST_LINES} lines, like many others in this file")
        return line

    def begin_record(self) -> None:
        """Begins a record at the next line."""
        self.pending.clear()
        self.number = self._taken + 1

    def give_back(self, first: int = 1) -> None:
        """Makes the pending lines from `first` on come again."""
        self.keep(first)
        self.pending = []

    def keep(self, count: int) -> None:
        """Makes the pending lines after the first `count` come again."""
        self._again.extendleft(reversed(self.pending[count:]))
        self._taken -= len(self.pending) - len(self.pending[:count])
        self.pending, self.ended = self.pending[:count], False


def bounded_lines(text: io.TextIOBase, limit: RowLimit) -> Iterator[str]:
    """Yields the lines of a text with their ends; of one that is too long, a beginning of one character too many."""
    while line := text.readline(limit.size + 1):
        yield line
        while len(line) > limit.size and line[-1] not in "\r\n":
            line = text.readline(limit.size + 1)


def read_table(
    blocks: Iterator[bytes], usual: str, limit: RowLimit = DEFAULT_ROW, given: dict[str, str] | None = None
) -> Iterator[Numbered]:
    """Yields the records of a CSV with a header, as strings by column, without header and blank lines.

    A record's number is that of the line on which it begins, from 1, as an editor shows it. A sheet shows another one
    if a record before it has line breaks in a cell.
    A record with more or fewer cells than the header is a reject, and so is one whose quotes are not closed properly:
    reading continues at the next line. Columns without a name are called `column_N`; a repeated name gets `_2`.

    Args:
        blocks: the bytes.
        usual: the delimiter, unless the content shows another.
        limit: the longest record.
        given: the settings `delimiter`, `quote` and `escape` of the study, those that are set.

    Raises:
        Broken: where the blocks raise it, after the last whole record; or the header cannot be read.
    """
    # The limit belongs to the process; it only ever grows here.
    csv.field_size_limit(max(csv.field_size_limit(), limit.size))
    given = dict(given or {})
    head, rest = first_lines(blocks)
    sample, is_whole = _whole_lines(head)
    n_before = 0
    if match := SEPARATOR_LINE.match(sample):
        n_before = 1
        if is_separator(match[1], given.get("quote", '"')):
            given.setdefault("delimiter", match[1])
        head, sample = head[len(match[0].encode("utf-8", "surrogateescape")) :], sample[match.end() :]
    dialect = detect(sample, is_whole, usual, given)
    text = io.TextIOWrapper(
        io.BufferedReader(ChunkReader(chain([head] if head else [], rest))),
        encoding="utf-8",
        errors="surrogateescape",
        newline="",
    )
    lines = bounded_lines(text, limit)
    lines = map(dialect.protect, lines) if dialect.escape else lines
    yield from _rows(_Lines(lines, limit, n_before), dialect, sample)


def find_delimiter(blocks: Iterator[bytes], usual: str) -> str:
    """Returns the character that separates the cells of a table, as its first rows tell.

    Args:
        blocks: of the file.
        usual: the delimiter for the file's ending.
    """
    head, _ = first_lines(blocks)
    sample, is_whole = _whole_lines(head)
    if (match := SEPARATOR_LINE.match(sample)) and is_separator(match[1], '"'):
        return match[1]
    return detect(sample, is_whole, usual, {}).delimiter


def _whole_lines(head: bytes) -> tuple[str, bool]:
    """The whole lines of at most `HEAD_BYTES` of a file as text, and whether that is the whole file."""
    if len(head) < HEAD_BYTES:
        return head.decode("utf-8", "surrogateescape"), True
    sample = head[:HEAD_BYTES]
    end = max(sample.rfind(b"\n"), sample.rfind(b"\r")) + 1
    return (sample[:end] if end else head).decode("utf-8", "surrogateescape"), False


def _rows(lines: _Lines, dialect: Dialect, sample: str) -> Iterator[Numbered]:
    first = _read_header(lines, dialect)
    if not first:
        return
    header = _name_columns(first)
    check = QuoteCheck(first, dialect, sample)
    for record in _records(lines, check):
        if isinstance(record, list) and _is_header(record, first, lines.has_mark):
            note_row(SAME_HEADER if record == first else OTHER_HEADER)
            header, first = _name_columns(record), record
            check.set_columns(len(record))
            continue
        yield lines.number, record if isinstance(record, Reject) else _record(header, record)


def _read_header(lines: _Lines, dialect: Dialect) -> list[str]:
    """Reads the cells of the first line that is not blank; empty if there is none."""
    try:
        cells = next(filter(None, csv.reader(lines, **dialect.options())), [])
    except csv.Error as error:
        raise Broken(f"the header cannot be read: {error}.") from error
    if lines.ended and cells and len(lines.pending) > 1:
        raise Broken("the header cannot be read: a quote in it is never closed. Close it.")
    return cells


NAME = re.compile(r"[^\W\d][\w.-]*(?: [\w.-]+)?")
"""One or two words: what a column may be called."""


def _is_header(cells: list[str], header: list[str], has_mark: bool) -> bool:
    """Whether a record is the header of another file that was put behind the first one.

    Its columns may have another order, and some may have other names. Short names in another order, such as B, A and C
    or 2, 1 and 3, are a header only after a byte order mark: otherwise they may be votes or ranks. So may be some of
    the names beside a text that is no name, as in a row with the question which of 'left' and 'right' is meant.
    """
    if cells == header:
        return len(cells) > 1
    names = set(header)
    shared = sum(cell in names for cell in cells)
    if shared < MIN_SHARED_NAMES or 2 * shared <= len(cells) or len(set(cells)) < len(cells):
        return False
    if has_mark:
        return True
    if not all(cell in names or NAME.fullmatch(cell) for cell in cells):
        return False
    return any(len(re.findall(r"[^\W\d_]", cell)) >= MIN_NAME_LETTERS for cell in cells if cell in names)


def _name_columns(cells: list[str]) -> list[str]:
    for name in cells:
        if not _is_text(name):
            shown = name.encode("utf-8", "surrogateescape").decode("latin-1")
            raise Broken(
                f"the header is not UTF-8: as Latin-1, one of its columns is {shown[:60]!r}. Save the file as UTF-8, "
                "for example with: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW_FILE."
            )
    return column_names(cells)


def _records(lines: _Lines, check: QuoteCheck) -> Iterator[list[str] | Reject]:
    """Yields the cells of each record, or a reject for a line that is not one."""
    reader = csv.reader(lines, strict=True, **check.dialect.options())
    after_fault = False
    while True:
        lines.begin_record()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cells = _read_again(error, lines, check)
            if not cells:
                after_fault = True
                yield _quote_reject(error, lines, check)
                continue
        if not cells:
            continue
        if len(lines.pending) > 1 and check.swallows_rows(cells, lines.pending):
            n_lines = len(lines.pending) - 1
            yield Reject(
                Reason.WRONG_TYPE,
                f"a quote opens in this row and closes {n_lines} lines below. These lines look like rows, so they were "
                "read as rows. Close the quote, or double it inside a cell. If the cell is meant so, set "
                f"csv: {{quote: '{check.dialect.quote}'}}.",
            )
            lines.give_back()
        elif after_fault and check.may_be_rest(cells, lines.pending):
            yield Reject(
                Reason.WRONG_TYPE,
                "the line may be the rest of the row before it, whose quotes are not closed properly.",
            )
        else:
            after_fault = after_fault and len(cells) != check.columns
            yield cells


def _read_again(error: csv.Error, lines: _Lines, check: QuoteCheck) -> list[str]:
    """Reads a record again whose closing quote is not at the end of its cell; empty unless only spaces follow it."""
    if lines.ended or "expected after" not in str(error) or not check.may_be_well_formed(lines.pending):
        return []
    failed = len(lines.pending)
    lines.give_back(0)
    try:
        cells = next(csv.reader(lines, **check.dialect.options()))
    except csv.Error:
        cells = []
    if cells and not lines.ended and check.is_well_formed(lines.pending):
        return cells
    lines.keep(failed)
    return []


def _quote_reject(error: csv.Error, lines: _Lines, check: QuoteCheck) -> Reject:
    """Makes the reject of a record with a fault, and makes the lines after its first one come again."""
    swallowed = len(lines.pending) - 1
    reason = Reason.OVER_LIMIT if isinstance(error, TooLong) else Reason.WRONG_TYPE
    if lines.ended and reason != Reason.OVER_LIMIT:
        detail = (
            f"a quote is never closed; the {swallowed} lines after it were read as if the quote were missing."
            " Close it, or double it inside a cell."
        )
    elif "expected after" not in str(error):
        detail = f"not a CSV record: {error}."
    else:
        detail = "text follows a closing quote. Double a quote inside a cell"
        if f"{BACKSLASH}{check.dialect.quote}" in lines.pending[-1] and not check.dialect.escape:
            detail += "; if backslashes escape quotes in this file, set csv: {escape: '\\'}"
        detail += f". Reading goes on at the next line, {swallowed} lines before this place." if swallowed else "."
    lines.give_back()
    return Reject(reason, detail)


def column_names(header: list[str]) -> list[str]:
    """Unique column names from the cells of a header: an empty cell is `column_N`, a repeated name gets `_2`."""
    names: dict[str, None] = {}
    copies: dict[str, int] = {}
    for number, name in enumerate(header, 1):
        name = name or f"column_{number}"
        unique, copy = name, copies.get(name, 1)
        while unique in names:
            copy += 1
            unique = f"{name}_{copy}"
        copies[name] = copy
        names[unique] = None
    return list(names)


def _record(header: list[str], cells: list[str]) -> Row | Reject:
    content = "".join(cells)
    if "\0" in content and not content.strip("\0"):
        return Reject(Reason.NOT_TEXT, "the row holds nothing but NUL bytes: the file was not written to its end.")
    if len(cells) != len(header):
        return Reject(
            Reason.WRONG_TYPE,
            f"the row has {len(cells)} cells, the header {len(header)}. Quote cells that hold a delimiter or a quote.",
        )
    try:
        content.encode()
    except UnicodeEncodeError:
        field = next(name for name, cell in zip(header, cells, strict=True) if not _is_text(cell))
        return Reject(Reason.NOT_TEXT, "bytes that are not UTF-8. Save the file as UTF-8.", field)
    row = dict(zip(header, cells, strict=True))
    if "#" in content or "Err:" in content:
        note_errors(row)
    return row


def _is_text(cell: str) -> bool:
    return not any("\udc80" <= character <= "\udcff" for character in cell)
