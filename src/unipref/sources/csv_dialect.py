"""Which characters separate, quote and escape the cells of a CSV file: as the study says, or as the rows tell."""

import csv
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import Field, field_validator, model_validator

from unipref.core.contracts import Settings

DELIMITERS = (",", ";", "\t", "|")
"""Delimiters to try if the usual one does not separate the cells."""
MIN_OTHER_FIT = 0.9
"""Least share of rows with as many cells as the header, for a delimiter other than the usual one."""
MIN_USUAL_FIT = 0.5
"""The usual delimiter is kept if at least this share of the rows has as many cells as the header."""
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)
"""A first line that spreadsheet programs write to name the delimiter."""
_BAD_SEPARATOR = re.compile('["\r\0\ud800-\udfff]')
BACKSLASH = "\\"


class CsvSettings(Settings):
    """How CSV and TSV files are written. What is not set is found from the content."""

    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    """The character between cells. By default it is the comma (in .tsv the tab), or `;`, tab or `|` if only that gives
    the header several cells and the rows as many."""
    quote: str | None = Field(default=None, max_length=1)
    """The character around cells, which is doubled inside them, by default `"`; '' if quotes are part of the text. If
    it is set, unipref does not check whether a cell with line breaks holds rows that a stray quote swallowed."""
    escape: str | None = Field(default=None, max_length=1)
    """The character before a quote inside a cell, often a backslash. By default there is none, unless the first rows
    can only be read with backslashes."""

    @field_validator("delimiter", "escape", mode="before")
    @classmethod
    def _read_tab(cls, value: object) -> object:
        return "\t" if value in ("\\t", "tab") else value

    @model_validator(mode="after")
    def _characters_differ(self) -> "CsvSettings":
        used = [value for value in (self.delimiter, self.quote, self.escape) if value]
        if len(set(used)) < len(used):
            raise ValueError("'delimiter', 'quote' and 'escape' must be different characters")
        if any(character in "\r\n" for character in used):
            raise ValueError("a line end cannot be a delimiter, quote or escape")
        return self

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Returns the settings that are set."""
        settings = {"delimiter": self.delimiter, "quote": self.quote, "escape": self.escape}
        return tuple((name, value) for name, value in settings.items() if value is not None)


@dataclass(frozen=True)
class Dialect:
    """How the cells of a table are written.

    Attributes:
        delimiter: the character between cells.
        quote: the character around cells; '' if quotes are part of the text.
        escape: the character before a quote inside a quoted cell, besides a doubled quote; '' if there is none.
        is_quote_set: whether the study names the quote, so that quotes that fit each other are trusted.
    """

    delimiter: str
    quote: str = '"'
    escape: str = ""
    is_quote_set: bool = False

    def options(self) -> dict[str, Any]:
        """Returns the options for `csv.reader`."""
        quoting = {"quotechar": self.quote} if self.quote else {"quoting": csv.QUOTE_NONE}
        return {"delimiter": self.delimiter, "escapechar": self.escape or None, **quoting}

    def protect(self, line: str) -> str:
        """Doubles the escape characters that escape nothing, because the csv module would drop them."""
        special = self.quote if self.quote else self.delimiter
        pattern = f"{re.escape(self.escape)}([{re.escape(self.escape + special)}])|{re.escape(self.escape)}"
        return re.sub(pattern, lambda match: match[0] if match[1] else self.escape * 2, line)


def is_separator(character: str, quote: str) -> bool:
    """Whether a character can separate cells: it is not the quote, a line end, NUL or a byte that is not UTF-8."""
    return character != quote and not _BAD_SEPARATOR.match(character)


def detect(sample: str, is_whole: bool, usual: str, given: dict[str, str]) -> Dialect:
    """Returns the dialect of a table.

    Args:
        sample: the beginning of the file: whole lines.
        is_whole: whether that is the whole file.
        usual: the delimiter for the file's ending.
        given: the settings `delimiter`, `quote` and `escape` of the study, those that are set.
    """
    lines = [line.lstrip("\ufeff") for line in sample.splitlines(keepends=True)]
    quote, escape = given.get("quote", '"'), given.get("escape", "")
    delimiter = given.get("delimiter") or _detect_delimiter(lines, usual, quote, escape)
    dialect = Dialect(delimiter, quote, escape, "quote" in given)
    if "escape" not in given and quote and f"{BACKSLASH}{quote}" in sample:
        with_escape = Dialect(delimiter, quote, BACKSLASH, "quote" in given)
        if _has_fault(lines, dialect, is_whole) and not _has_fault(lines, with_escape, is_whole):
            return with_escape
    return dialect


def _detect_delimiter(lines: list[str], usual: str, quote: str, escape: str) -> str:
    columns, fit = _measure_fit(lines, Dialect(usual, quote, escape))
    if columns > 1 and fit >= MIN_USUAL_FIT:
        return usual
    fits = {other: _measure_fit(lines, Dialect(other, quote, escape)) for other in DELIMITERS if other != usual}
    others = [(share, n, other) for other, (n, share) in fits.items() if n > 1 and share >= max(MIN_OTHER_FIT, fit)]
    return max(others)[2] if others else usual


def _measure_fit(lines: list[str], dialect: Dialect) -> tuple[int, float]:
    """Returns the number of cells of the header, and the share of rows with as many; 1.0 without rows."""
    records, _ = parse(lines, dialect)
    if not records:
        return 0, 1.0
    header, *rows = (len(record.cells) for record in records)
    return header, sum(count == header for count in rows) / len(rows) if rows else 1.0


def _has_fault(lines: list[str], dialect: Dialect, is_whole: bool) -> bool:
    """Whether a quote is not closed properly, or a row has more or fewer cells than the header."""
    records, faults = parse(lines, dialect, is_whole)
    return faults > 0 or any(len(record.cells) != len(records[0].cells) for record in records)


class Record(NamedTuple):
    """The cells of a record, and its lines."""

    cells: list[str]
    lines: list[str]


def parse(lines: list[str], dialect: Dialect, is_whole: bool = False) -> tuple[list[Record], int]:
    """Parses some lines.

    Args:
        lines: of the table.
        dialect: how they are written.
        is_whole: whether an open quote at the end is a fault rather than cut off.

    Returns:
        The records without faults that are not blank, and the number of faults of quotes.
    """
    records: list[Record] = []
    faults = 0
    lines = [dialect.protect(line) for line in lines] if dialect.escape else lines
    reader = csv.reader(iter(lines), strict=True, **dialect.options())
    while True:
        start = reader.line_num
        try:
            cells = next(reader)
        except StopIteration:
            return records, faults
        except csv.Error as error:
            faults += is_whole or "unexpected end" not in str(error)
        else:
            records += [Record(cells, lines[start : reader.line_num])] if cells else []
