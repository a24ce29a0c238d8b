import re
import time

import pytest

from unipref.core import patterns
from unipref.core.records import Reason, Reject
from unipref.unify.formats.pairs import Pairs

SLOW = "^((a|a)*)$"
TEXT = "a" * 40 + "!"


def test_a_slow_row_is_a_reject_that_names_pattern_and_text() -> None:
    patterns.limit_rows(0.2)
    try:
        start = time.process_time()
        with pytest.raises(Reject) as caught:
            patterns.search(SLOW, TEXT, "prompt")
        assert time.process_time() - start < 5
    finally:
        patterns.limit_rows(patterns.ROW_SECONDS)
    assert caught.value.reason is Reason.OVER_LIMIT
    assert caught.value.field == "prompt"
    assert SLOW in caught.value.detail
    assert TEXT in caught.value.detail


def test_all_patterns_of_a_row_share_its_time_and_the_next_row_has_its_own() -> None:
    patterns.limit_rows(0.2)
    try:
        with pytest.raises(Reject):
            patterns.search(SLOW, TEXT, "prompt")
        start = time.process_time()
        with pytest.raises(Reject):
            patterns.find_all(SLOW, TEXT, "prompt")
        assert time.process_time() - start < 0.15
        patterns.start_row()
        match = patterns.search("(a+)", TEXT, "prompt")
        assert match is not None
        assert match[1] == "a" * 40
    finally:
        patterns.limit_rows(patterns.ROW_SECONDS)


def test_only_the_slow_row_of_a_source_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "_allowed", 0.2)
    form = Pairs(prompt=[{"field": "prompt", "pattern": SLOW}])
    rows = [{"prompt": prompt, "chosen": "x", "rejected": "y"} for prompt in ("aa", TEXT, "aaa")]
    reasons = []
    for row in rows:
        try:
            reasons += [feedback.prompt[-1]["content"] for feedback in form.read(row)]
        except Reject as reject:
            reasons.append(reject.reason)
    assert reasons == ["aa", Reason.OVER_LIMIT, "aaa"]


@pytest.mark.parametrize(
    ("pattern", "content"),
    [
        (r"^(.+)-[12]$", "id-7-2"),
        (r"Rating: (\d+)(?:/5)?", "I say Rating: 4/5."),
        (r"(?s)^(.*?)\n\nAnswer: (.*)$", "Where?\n\nAnswer: here\nand there"),
        (r"(?i)\b(yes|no)\b", "Oh YES"),
        (r"^(?P<first>[^|]*)\|", "a b|c"),
        (r"([[a-z]+)", "x[y]"),
        (r"(\w+)\s+\1", "the the cat"),
        (r"([^\W\d_]+)", "12 Straße"),
        (r"(a{2,3})", "aaaa"),
        (r"(?<=\$)(\d+)", "$12"),
    ],
)
def test_ordinary_patterns_match_as_python_matches_them(pattern: str, content: str) -> None:
    own, python = patterns.search(pattern, content, "f"), re.search(pattern, content)
    assert own is not None
    assert python is not None
    assert (own.span(), own.groups()) == (python.span(), python.groups())


def test_an_invalid_pattern_is_named() -> None:
    with pytest.raises(ValueError, match="invalid regular expression"):
        patterns.compile_pattern("(a")
