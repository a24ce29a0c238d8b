"""The incremental JSON reader gives the values the standard library gives, wherever the blocks are cut."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from support import trials
from unipref.core.records import Reject
from unipref.sources.json_rows import lines, read_json, read_json_lines
from unipref.sources.json_scanner import JsonText

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def cut(content: bytes, size: int) -> list[bytes]:
    return [content[start : start + size] for start in range(0, len(content), size)]


@settings(max_examples=trials.count(30, 200), deadline=None)
@given(st.lists(VALUES, max_size=6), st.integers(1, 40), st.sampled_from([None, 1]), st.booleans())
def test_elements_of_an_array(values: list[Any], size: int, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(values, indent=indent, ensure_ascii=ascii_only)
    found = list(JsonText(cut(text.encode(), size)).elements())
    assert [value for value, _ in found] == values
    assert [json.loads(raw) for _, raw in found] == values


@settings(max_examples=trials.count(30, 200), deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=6), st.integers(1, 40), st.sampled_from([None, 1]))
def test_values_one_after_another(values: list[Any], size: int, indent: int | None) -> None:
    text = "\n".join(json.dumps(value, indent=indent) for value in values)
    assert [value for value, _ in JsonText(cut(text.encode(), size)).values()] == values


@settings(max_examples=trials.count(30, 200), deadline=None)
@given(st.lists(st.dictionaries(st.text(), VALUES, max_size=3), max_size=6), st.integers(1, 40), st.data())
def test_a_cut_off_array_gives_a_beginning_of_its_rows(
    rows: list[dict[str, Any]], size: int, data: st.DataObject
) -> None:
    content = json.dumps(rows).encode()
    kept = content[: data.draw(st.integers(1, len(content)))]
    found: list[Any] = []
    broke = False
    try:
        found.extend(row for _, row in read_json(iter(cut(kept, size))))
    except Exception as error:
        broke = type(error).__name__ == "Broken"
    assert broke == (kept != content)
    assert not any(isinstance(row, Reject) for row in found)
    assert found == rows[: len(found)]


@settings(max_examples=trials.count(30, 200), deadline=None)
@given(st.lists(st.sampled_from([b"", b"a", b"bc\r", b"d" * 30]), max_size=12), st.integers(1, 40))
def test_lines_wherever_the_blocks_are_cut(wanted: list[bytes], size: int) -> None:
    content = b"\n".join(wanted)
    expected = content.split(b"\n")
    assert list(lines(iter(cut(content, size)))) == (expected if expected[-1] else expected[:-1])


def test_many_byte_order_marks_before_a_row_cost_nothing() -> None:
    mark = b"\xef\xbb\xbf"
    content = mark * 3000 + b'{"a": 1}\n' + mark * 3000 + b"\n" + mark * 3000 + b"bad\n" + b'{"a": 2}\n'
    entries = list(read_json_lines(iter([content]), 1))
    assert [entry for entry in entries if entry[0] != 3] == [(1, {"a": 1}), (4, {"a": 2})]
    assert isinstance(dict(entries)[3], Reject)
