"""Recognises quotes that swallow rows: a stray quote opens a cell, and the next one, rows below, closes it.

The csv module reads the rows between as one long cell. A text with line breaks can look the same. A cell holds
swallowed rows if its lines have the cells of a row, and no delimiter is followed by a space, as in prose. These cells
also look like those of the other rows.
"""

import csv
import re
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from unipref.sources.csv_dialect import Dialect, parse

MIN_LINES_FIT = 0.9
"""Least share of a cell's lines that have the cells of a row, if the record as a whole has them too."""
MIN_LINES_FIT_IN_FAULT = 0.5
"""The same if the record has more or fewer cells than the header."""
MIN_SIMILAR = 0.8
"""Least share of lines whose cells have lengths and kinds like those of the table."""
MIN_DELIMITERS, MIN_DELIMITERS_IN_PROSE, MIN_DELIMITERS_UNKNOWN = 2, 6, 4
"""Least number of delimiters in the lines: usually, in a table with other texts of several lines, and in a table with
too few rows to compare with."""
MAX_PROFILED = 1000
"""Most rows to compare with."""


class QuoteCheck:
    """Decides about the records of one table.

    Args:
        header: the cells of the header.
        dialect: how the table is written.
        sample: lines from its beginning.
    """

    def __init__(self, header: Sequence[str], dialect: Dialect, sample: str) -> None:
        self.columns, self.dialect, self._options = len(header), dialect, dialect.options()
        self._sample = sample
        self._is_spaced = self.columns > 1 and all(cell[:1] == " " for cell in header[1:])
        quote, delimiter = re.escape(dialect.quote), re.escape(dialect.delimiter)
        quoted = f"{quote}[^{quote}]*+(?:{quote}{quote}[^{quote}]*+)*+{quote}"
        if dialect.escape:
            escape = re.escape(dialect.escape)
            quoted = f"{quote}[^{quote}{escape}]*+(?:(?:{quote}{quote}|{escape}.)[^{quote}{escape}]*+)*+{quote}"
        cell = f"(?:{quoted}[ \\t]*+|(?!{quote})[^{delimiter}\\r\\n]*+)"
        self._record = self._beginning = None
        if dialect.quote:
            opened = quoted.removesuffix(quote)
            self._record = re.compile(f"{cell}(?:{delimiter}{cell})*+[\\r\\n]*", re.DOTALL)
            self._beginning = re.compile(f"(?:{cell}{delimiter})*+(?:{opened}|{cell}[\\r\\n]*)", re.DOTALL)

    def set_columns(self, columns: int) -> None:
        """Sets the number of columns of the rows from here on, with which the sample is not compared if they differ."""
        if columns != self.columns:
            self.columns, self._sample = columns, ""
            self.__dict__.pop("_profile", None)

    def is_well_formed(self, lines: Sequence[str]) -> bool:
        """Whether nothing but spaces follows the closing quotes of a record."""
        return self._record is not None and self._record.fullmatch("".join(lines)) is not None

    def may_be_well_formed(self, lines: Sequence[str]) -> bool:
        """Whether more lines can make a well-formed record of these, the first ones."""
        return self._beginning is not None and self._beginning.fullmatch("".join(lines)) is not None

    def may_be_rest(self, cells: Sequence[str], lines: Sequence[str]) -> bool:
        """Whether a record with the cells of a row may be the rest of a damaged one before it.

        It has an odd number of quotes, or each delimiter is followed by a space, as in a sentence, or by nothing.
        """
        if len(cells) != self.columns or self.columns < 2:
            return False
        is_odd = sum(line.count(self.dialect.quote) for line in lines) % 2 == 1
        is_prose = not self._is_spaced and all(cell[:1].isspace() or not cell for cell in cells[1:])
        return is_odd or is_prose

    def swallows_rows(self, cells: Sequence[str], lines: Sequence[str]) -> bool:
        """Whether the lines of a record after the first one are rows of their own.

        Args:
            cells: of the record.
            lines: two or more, as they are in the file.
        """
        if self.columns < 2:
            return False
        if len(cells) != self.columns:
            inner = [line for line in lines[1:] if line.strip()]
            return sum(map(self._is_row, inner)) >= MIN_LINES_FIT_IN_FAULT * len(inner)
        if self.dialect.is_quote_set or not self._are_rows(lines):
            return False
        inner = [line for line in lines[1:] if line.strip()]
        columns, has_prose = self._profile
        least = MIN_DELIMITERS_IN_PROSE if has_prose else MIN_DELIMITERS if any(columns) else MIN_DELIMITERS_UNKNOWN
        return len(inner) * (self.columns - 1) >= least and self._is_similar(inner)

    def _are_rows(self, lines: Sequence[str]) -> bool:
        """Whether the first line of a record, its last one and nearly all others would be rows without its quotes."""
        delimiter, least = self.dialect.delimiter, self.columns - 1
        spaced = 0 if self._is_spaced else lines[-1].count(f"{delimiter} ")
        if lines[-1].count(delimiter) - spaced < least or lines[0].count(delimiter) < least:  # most texts, quickly
            return False
        if not self._is_row(lines[-1]) or not self._begins_like_row(lines[0]):
            return False
        inner = [line for line in lines[1:] if line.strip()]
        return sum(map(self._is_row, inner)) >= MIN_LINES_FIT * len(inner)

    def _begins_like_row(self, line: str) -> bool:
        """Whether a line would have the cells of a row if its last, open quote were missing."""
        *before, opened = self._split(line)
        return len(before) + opened.count(self.dialect.delimiter) + 1 == self.columns

    def _is_row(self, line: str) -> bool:
        """Whether a line has the cells of a row, and no delimiter in it is followed by a space, as in prose."""
        cells = self._split(line)
        if len(cells) != self.columns or not any(cells[1:]):
            return False
        return self._is_spaced or not any(cell[:1].isspace() for cell in cells[1:])

    def _split(self, line: str) -> list[str]:
        return next(csv.reader((line,), **self._options), [""])

    @cached_property
    def _profile(self) -> tuple[list["_Cells | None"], bool]:
        """What the cells of each column look like in the sample, and whether it has other texts of several lines."""
        records, _ = parse(self._sample.splitlines(keepends=True), self.dialect)
        records = [record for record in records[1:] if len(record.cells) == self.columns]
        has_prose = any(not self._are_rows(lines) for _, lines in records if len(lines) > 1)
        columns = zip(*(cells for cells, _ in records[:MAX_PROFILED]), strict=True)
        return [_describe(column) for column in columns] or [None] * self.columns, has_prose

    def _is_similar(self, lines: Sequence[str]) -> bool:
        """Whether the cells of the lines have lengths like those in their columns, and letters where these have."""
        rows = [cells for line in lines if len(cells := self._split(line)) == self.columns]
        columns, _ = self._profile
        similar = sum(
            all(about is None or about.includes(cell) for about, cell in zip(columns, cells, strict=True))
            for cells in rows
        )
        return similar >= MIN_SIMILAR * len(lines)


class _Cells(NamedTuple):
    """What the cells of one column look like: nearly all lengths, and the share of cells with a letter."""

    shortest: int
    longest: int
    letters: float

    def includes(self, cell: str) -> bool:
        """Whether a cell looks like those of the column."""
        if not self.shortest / 2 <= len(cell) <= 2 * self.longest + 2:
            return False
        return 0.05 < self.letters < 0.95 or _has_letter(cell) == (self.letters >= 0.95)


def _describe(column: Sequence[str]) -> _Cells | None:
    """Describes the cells of one line in a column; None if there are fewer than two."""
    cells = [cell for cell in column if "\n" not in cell and "\r" not in cell]
    if len(cells) < 2:
        return None
    lengths, margin = sorted(map(len, cells)), len(cells) // 20
    return _Cells(lengths[margin], lengths[-1 - margin], sum(map(_has_letter, cells)) / len(cells))


def _has_letter(cell: str) -> bool:
    return any(map(str.isalpha, cell))
