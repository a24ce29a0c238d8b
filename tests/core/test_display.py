import pytest

from unipref.core import yaml_files
from unipref.core.display import (
    describe_value,
    format_bytes,
    format_seconds,
    name_kind,
    quote_yaml,
    shorten,
    shorten_name,
)


def test_a_short_text_stays_as_it_is() -> None:
    assert shorten("two\n words", 10) == "two\n words"


def test_a_long_text_has_at_most_so_many_characters() -> None:
    assert shorten("abcdefghij", 6) == "abcde…"
    assert shorten("abcdefghij", 9, keep_end=True) == "abc … hij"
    assert len(shorten("abcdefghijklmn", 10, keep_end=True)) <= 10


def test_long_names_stay_distinct_when_shortened() -> None:
    assert shorten_name("n" * 80) == "n" * 80
    names = ["n" * 1_000_000 + end for end in "ab"]
    first, second = map(shorten_name, names)
    assert first != second
    assert (len(first), first[:60], shorten_name(first)) == (80, "n" * 60, first)


def test_white_space_can_be_made_one_line_first() -> None:
    assert shorten(" a\n\n b\tc ", 5, one_line=True) == "a b c"


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 kB"), (1499, "1 kB"), (1e6, "1.0 MB"), (999e6, "999.0 MB"), (2.25e9, "2.2 GB")]
)
def test_bytes(count: float, text: str) -> None:
    assert format_bytes(count) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (5400, "1.5 h")])
def test_seconds(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (None, "no value (null or an empty cell)", "no value (null or an empty cell)"),
        ("N/A", "a text", "the text 'N/A'"),
        (True, "a boolean", "the boolean true"),
        (4.5, "a number", "the number 4.5"),
        (float("nan"), "a number", "the number nan"),
        ([1], "a list", "a list: '[1]'"),
        ({"a": 1}, "an object", "an object: \"{'a': 1}\""),
        (b"x", "bytes", "bytes: \"b'x'\""),
    ],
)
def test_a_value_is_described_in_words(value: object, kind: str, text: str) -> None:
    assert (name_kind(value), describe_value(value)) == (kind, text)


@pytest.mark.parametrize("text", ["jr", "O'Neil", "a: 'b' \\ c", "two\nlines", "\u200b", "#1", "", "yes", "\u5f20"])
def test_a_quoted_text_is_yaml_for_that_text(text: str) -> None:
    line = f"codes: {{{quote_yaml(text)}: {quote_yaml(text)}}}"
    assert "\n" not in line
    assert yaml_files.parse(line, "message") == {"codes": {text: text}}
