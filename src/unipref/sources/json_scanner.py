"""Scans JSON that is too long to hold, or damaged: yields its values one by one, in memory bounded by the largest."""

import codecs
import json
import re
from collections.abc import Iterable, Iterator

from unipref.core.records import Reason, Reject
from unipref.sources.compressed import Broken
from unipref.sources.limits import DEFAULT_ROW, RowLimit

_SPACE = re.compile("[ \t\n\r\ufeff]*")
"""White space, and byte order marks, which stand between files that were put together."""
_IN_STRING, _IN_NUMBER, _IN_BRACKETS = re.compile(r'["\\]'), re.compile(r"[\s,\]}]"), re.compile(r'["\[\]{}]')
"""The next character that matters inside a string, a number or word, a list or object."""
_decode_at = json.JSONDecoder().raw_decode


class Malformed(Exception):
    """The text is malformed at some place and cannot be read past it. The message names the place."""


class JsonText:
    """A window on a JSON text that grows at its end and is dropped at its beginning.

    Bytes that are not UTF-8 become lone surrogates, so that only the value that holds them is refused.
    """

    def __init__(self, blocks: Iterable[bytes], limit: RowLimit = DEFAULT_ROW) -> None:
        self._blocks, self._limit = iter(blocks), limit
        self._utf8 = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._text, self._at, self._ended = "", 0, False
        self._dropped, self._dropped_lines = 0, 0
        self._fault: Broken | None = None

    def elements(self) -> Iterator[tuple[object, str]]:
        """Yields the elements of an array, each with its own text; a reject and no text for one that is too long.

        Raises:
            Malformed: at the fault, after every element before it.
            Broken: where the blocks raise it, after every whole element before it.
        """
        self._skip("[")
        row = 0
        if self._next() != "]":
            while True:
                row += 1
                yield self._value(row)
                if self._next() != ",":
                    break
                self._skip(",")
            if self._next() != "]":
                raise self._malformed(row + 1, "expected ',' or ']'", self._at)
        self._skip("]")
        if self._next() or self._fault is not None:
            raise self._malformed(row + 1, "something follows the end of the array", self._at)

    def values(self) -> Iterator[tuple[object, str]]:
        """Yields values one after another, with white space or commas between. Raises as `elements` does."""
        row = 0
        while self._next() or row == 0:
            row += 1
            yield self._value(row)
            self._skip(",")
        if self._fault is not None:
            raise self._fault

    @staticmethod
    def scan_head(head: str) -> tuple[int, bool]:
        """Returns the number of whole values in a text's beginning, and whether the next one is malformed rather than
        cut off by the end.
        """
        n_whole, place = 0, _skip_space(head, 0)
        while place < len(head):
            try:
                _, place = _decode_at(head, place)
            except json.JSONDecodeError as error:
                return n_whole, not _reaches_end(error.msg, error.pos, head)
            except (ValueError, RecursionError):
                return n_whole, True
            n_whole, place = n_whole + 1, _skip_space(head, place, ",")
        return n_whole, False

    def _value(self, row: int) -> tuple[object, str]:
        """The value that begins here; the window grows until it holds the whole value."""
        self._next()
        while True:
            try:
                value, end = _decode_at(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._ended or not _reaches_end(error.msg, error.pos, self._text):
                    raise self._malformed(row, error.msg, error.pos) from None
            except RecursionError:
                self._skip_value()
                return Reject(Reason.NOT_JSON, "the values are nested too deeply."), ""
            except ValueError as error:
                raise self._malformed(row, str(error), self._at) from None
            else:
                # A number may go on beyond the window: "1", "1." and "1e+" all begin one that decodes as 1.
                if self._ended or isinstance(value, dict | list | str) or end + len("e+") < len(self._text):
                    raw, self._at = self._text[self._at : end], end
                    return (value, raw) if len(raw) <= self._limit.size else (self._limit.reject(), "")
            if len(self._text) - self._at > self._limit.size + len("-Infinity"):
                self._skip_value()
                return self._limit.reject(), ""
            self._grow()

    def _skip_value(self) -> None:
        """Reads past the value that begins here, window by window, without decoding it."""
        first = self._text[self._at]
        in_string, depth = first == '"', 0
        is_scalar = first not in '"[{'
        self._at += in_string
        while True:
            pattern = _IN_STRING if in_string else _IN_NUMBER if is_scalar else _IN_BRACKETS
            mark = pattern.search(self._text, self._at)
            if mark is None:
                self._at = len(self._text)
                if self._ended:
                    return
                self._grow()
                continue
            if is_scalar:
                self._at = mark.start()
                return
            if mark[0] == "\\":
                # The escaped character may be the first of the next window.
                if mark.end() == len(self._text) and not self._ended:
                    self._at = mark.start()
                    self._grow()
                    continue
                self._at = mark.end() + 1
                continue
            self._at = mark.end()
            if mark[0] == '"':
                in_string = not in_string
            else:
                depth += 1 if mark[0] in "[{" else -1
            if depth == 0 and not in_string:
                return

    def _next(self) -> str:
        """The next character that is not white space, '' at the end."""
        while True:
            spaces = _SPACE.match(self._text, self._at)
            self._at = spaces.end() if spaces else self._at
            if self._at < len(self._text) or self._ended:
                return self._text[self._at : self._at + 1]
            self._grow()

    def _skip(self, character: str) -> None:
        if self._next() == character:
            self._at += 1

    def _grow(self) -> None:
        """Drops the text that was read and at least doubles the rest, so that a long value is not decoded too often."""
        self._dropped += self._at
        self._dropped_lines += self._text.count("\n", 0, self._at)
        pieces, missing = [self._text[self._at :]], len(self._text) - self._at
        self._at = 0
        while missing >= 0 and not self._ended:
            try:
                block = next(self._blocks, None)
            except Broken as fault:
                self._fault, block = fault, None
            self._ended = block is None
            pieces.append(self._utf8.decode(block or b"", final=self._ended))
            missing -= len(pieces[-1])
        self._text = "".join(pieces)

    def _malformed(self, row: int, what: str, at: int) -> Exception:
        """The error at a place, or the bytes' own error if they broke off."""
        if _reaches_end(what, at, self._text):
            if self._fault is not None:
                return self._fault
            what = f"the text ends early ({what})"
        line = self._dropped_lines + self._text.count("\n", 0, at) + 1
        place = f"row {row}, line {line}, character {self._dropped + at + 1}"
        return Malformed(f"{what} at {place}: JSON cannot be read past an error. Fix it there, or save as JSON Lines.")


def split_values(text: str) -> list[str] | None:
    """Returns the texts of the whole values that a text consists of, with white space or commas between; else None."""
    pieces: list[str] = []
    place = _skip_space(text, 0)
    while place < len(text):
        try:
            _, end = _decode_at(text, place)
        except (ValueError, RecursionError):
            return None
        pieces.append(text[place:end])
        place = _skip_space(text, end, ",")
    return pieces


def _skip_space(text: str, place: int, separator: str = "") -> int:
    """Returns the place after white space, and after one separator in it."""
    spaces = _SPACE.match(text, place)
    place = spaces.end() if spaces else place
    if separator and text.startswith(separator, place):
        return _skip_space(text, place + len(separator))
    return place


def _reaches_end(what: str, at: int, text: str) -> bool:
    """Whether more text could remove an error: in a string, escape or literal that the end of the text cuts off."""
    return what.startswith("Unterminated string") or at >= len(text) - len("-Infinity")
