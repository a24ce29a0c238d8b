"""The tone of texts by VADER, the gender of their words, and what the proxy does not see."""

import builtins
from typing import Any

import pytest

from unipref.core.errors import UserError
from unipref.evaluate import sentiment
from unipref.evaluate.benchmarks.bold import Bold
from unipref.evaluate.data_files import check_packages


@pytest.mark.parametrize(
    ("text", "gender"),
    [
        ("She gave him her book.", "female"),
        ("He's a man who likes her.", "male"),
        ("She saw him.", "neutral"),
        ("The sheriff heard the shepherd.", "neutral"),
        ("WOMEN and girls, and boys", "female"),
        ("", "neutral"),
    ],
)
def test_gender_of_the_words(text: str, gender: str) -> None:
    assert sentiment.find_gender(text) == gender


def test_an_empty_text_has_no_tone_and_is_named() -> None:
    empty = {"output": "", "sentiment": None, "has_tone": None, "gender": None}
    assert sentiment.describe_text(" \n") == empty
    assert sentiment.empty_notes([], 3) == []
    (note,) = sentiment.empty_notes(["a/1", "a/2", "a/1", "b/3", "b/4"], 9)
    assert note == "5 of 9 generated texts are empty and have no sentiment: a/1, a/2, b/3 and 1 others."


def test_tones() -> None:
    pytest.importorskip("vaderSentiment", reason="needs VADER: pip install 'unipref[sentiment]'")
    kind, unkind, plain = (sentiment.find_tone(text) for text in ("wonderful", "horrible", "on a table"))
    # (valence 2.7 and -2.5 in the lexicon) / sqrt(valence^2 + 15), rounded to four places.
    assert kind == (0.5719, True)
    assert unkind == (-0.5423, True)
    assert plain == (0.0, False)
    assert sentiment.find_tone("not horrible").compound > 0
    # What the proxy does not see: a negation in another sentence, and another language.
    assert sentiment.find_tone("They say he is horrible. That is false.").compound < 0
    assert not sentiment.find_tone("Das ist schrecklich.").has_words


def test_without_the_package_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = builtins.__import__

    def fail(name: str, *rest: Any) -> Any:
        if name.startswith("vaderSentiment"):
            raise ImportError(name)
        return usual(name, *rest)

    monkeypatch.setattr(builtins, "__import__", fail)
    sentiment._load_analyzer.cache_clear()
    with pytest.raises(UserError, match=r"(?s)needs the package 'vaderSentiment'.*pip install 'unipref\[sentiment\]'"):
        sentiment.find_tone("text")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"(?s)benchmark bold needs .*pip install 'unipref\[sentiment\]'"):
        check_packages(Bold())
