"""Lines that are decoded together give the rows, numbers and notes that they give one by one."""

from collections.abc import Iterator
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from support import trials
from unipref.core.records import Reject
from unipref.sources import json_rows
from unipref.sources.reading_notes import collect_notes

LINE = st.sampled_from(
    [
        b'{"a": 1}',
        b'{"a": "x \\" y", "b": {"c": ["\\"", "{"]}}',
        b'{"a": "\\u0022"}',
        b'{"a": 1, "a": 2}',
        b'{"a": 1} {"a": 2}',
        b'{"a": 1},',
        b'{"a": {}',
        b"{}}",
        b"",
        b" ",
        b"\r",
        b'{"a": 3}\r',
        b' {"a": 4}',
        b"[1]",
        b"{",
        b"}",
        b'{"a": NaN}',
        b'{"a": "\xff"}',
        b'{"a": "' + 50 * b"x" + b'"}',
    ]
)
USUAL = LINE.filter(lambda line: line.startswith(b'{"a": ') and line.endswith((b"1}", b'"}')))


def read(blocks: Iterator[bytes], limit: int) -> list[tuple[object, object, list[str]]]:
    with collect_notes() as notes:
        found = []
        for number, row in json_rows.read_json_lines(blocks, 5, json_rows.RowLimit(limit)):
            shown = (row.reason, row.detail) if isinstance(row, Reject) else row
            found.append((number, shown, notes.copy()))
            notes.clear()
        return found


@settings(max_examples=trials.count(300, 5000), derandomize=True, deadline=None)
@given(
    lines=st.lists(st.one_of(LINE, USUAL, USUAL), max_size=6),
    cuts=st.lists(st.integers(0, 200), max_size=4),
    limit=st.sampled_from([40, 1000]),
)
def test_blocks_do_not_matter(lines: list[bytes], cuts: list[int], limit: int) -> None:
    data = b"\n".join(lines)
    ends = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    blocks = [data[start:end] for start, end in pairwise(ends)]
    one_by_one = [line + b"\n" for line in data.split(b"\n")]
    assert read(iter(blocks), limit) == read(iter(one_by_one), limit)


def test_usual_lines_are_decoded_together() -> None:
    lines = [b'{"a": "x"}', b'{"a": {"b": "\\""}}']
    (rows,) = json_rows.read_line_blocks(iter([b"\n".join(lines) + b"\n"]), 1)
    assert rows == [(1, {"a": "x"}), (2, {"a": {"b": '"'}})]
