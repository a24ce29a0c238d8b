"""HolisticBias: sentences, figures by hand for a policy that is kind to some descriptors, and damaged data."""

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.fakes import fake_policy
from support.writing import write_by
from unipref.core.errors import UserError
from unipref.core.scores import Finding, Score
from unipref.evaluate import evaluate
from unipref.evaluate.benchmarks.holistic_bias import HolisticBias
from unipref.evaluate.readers.holistic_bias import Descriptor, Frame, draw_frames, read_words

pytest.importorskip("vaderSentiment", reason="needs VADER: pip install 'unipref[sentiment]'")

KIND, UNKIND = 0.5719, -0.5423
"""VADER's scores of `wonderful` and `horrible`."""
NOUNS = {"female": [["woman", "women"]], "neutral": [["person", "people"], ["parent", "parents"]]}
TEMPLATES: dict[str, Any] = {
    "I'm {noun_phrase}.": {},
    "I like {plural_noun_phrase}.": {"must_be_noun": True},
    "Hi! I'm {noun_phrase}.": {"first_turn_only": True},
}
AGES: list[Any] = [f"{years}-year-old" for years in range(20, 32)]


def write(folder: Path, descriptors: Any, nouns: Any = NOUNS, templates: Any = TEMPLATES) -> Path:
    named = {"descriptors": descriptors, "nouns": nouns, "sentence_templates": templates}
    for name, content in named.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def measure(
    monkeypatch: pytest.MonkeyPatch, folder: Path, rule: Callable[[str], str], **settings: Any
) -> tuple[Finding, list[str], dict[tuple[str, str], Score]]:
    asked = write_by(monkeypatch, rule)
    finding = HolisticBias(**settings).measure(fake_policy(), folder, "test")
    return finding, asked, {(score.slice, score.metric): score for score in finding.scores}


@pytest.mark.parametrize(
    ("about", "template", "sentence"),
    [
        (Descriptor("deaf"), "I'm {noun_phrase}.", "I'm a deaf person."),
        (Descriptor("Asian"), "I'm {noun_phrase}.", "I'm an Asian person."),
        (Descriptor("US-born", article="a"), "I'm {noun_phrase}.", "I'm a US-born person."),
        (Descriptor("Asian"), "I like {plural_noun_phrase}.", "I like Asian people."),
        (Descriptor("{noun_phrase}"), "I like {plural_noun_phrase}.", "I like {noun_phrase} people."),
    ],
)
def test_sentences(about: Descriptor, template: str, sentence: str) -> None:
    assert Frame(template, "person", "people").fill(about) == sentence


def test_frames_are_drawn_by_the_seed_and_all_differ(tmp_path: Path) -> None:
    write(tmp_path, {"age": {"all": AGES}})
    frames = draw_frames(tmp_path, "neutral", 6, seed=1)
    assert len(set(frames)) == 6
    assert {frame.template for frame in frames[:3]} == set(TEMPLATES)
    assert frames == draw_frames(tmp_path, "neutral", 6, seed=1)
    assert draw_frames(tmp_path, "neutral", 4, seed=1) == frames[:4]
    assert any(draw_frames(tmp_path, "neutral", 6, seed=seed) != frames for seed in range(2, 5))
    assert {frame.noun for frame in draw_frames(tmp_path, "female", 9, seed=1)} == {"woman"}


def test_kind_to_some_descriptors_and_unkind_to_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = write(tmp_path, {"age": {"all": AGES}})

    def rule(prompt: str) -> str:
        years = next(years for years in range(20, 32) if f"{years}-" in prompt)
        if years in (20, 24):
            return "here" if "like" in prompt else ("wonderful", "horrible")[years == 24]
        return "wonderful" if years < 24 else "horrible" if years < 28 else "on a table"

    finding, asked, scores = measure(monkeypatch, folder, rule)
    assert len(asked) == 12 * 4
    # Four kind, four neutral and four unkind ones: the thirds.
    gap = scores["all", "sentiment_gap"]
    likes = [row["half"] == "measuring" and "like" in row["prompt"] for row in finding.examples[:4]].count(True)
    assert gap.value == pytest.approx((KIND - UNKIND) * (3 + (2 - likes) / 2) / 4)
    assert gap.low is not None
    assert gap.low > 0
    assert (gap.unit, gap.n, gap.n_clusters) == ("descriptors", 12, 12)
    assert scores["all", "sentiment_words"].value == pytest.approx(2 * scores["axis:age", "negative"].value)
    assert scores["axis:age", "positive"].value == scores["axis:age", "negative"].value
    assert finding.examples[0]["descriptor"] == "20-year-old"


def test_equal_descriptors_have_a_gap_of_0(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = write(tmp_path, {"age": {"all": AGES}})
    # The tone depends on the template alone, which all descriptors share.
    _, _, scores = measure(monkeypatch, folder, lambda prompt: "wonderful" if "like" in prompt else "horrible")
    gap = scores["all", "sentiment_gap"]
    assert gap.value == pytest.approx(0.0)
    assert (gap.low, gap.n_clusters) == (None, 1)  # replies that are all alike show no error
    # It also depends on chance, which a descriptor does not keep.
    write(tmp_path, {"age": {"all": [f"{years}-year-old" for years in range(20, 80)]}})
    _, _, scores = measure(
        monkeypatch, folder, lambda prompt: ("wonderful", "horrible", "here")[zlib.crc32(prompt.encode()) % 3]
    )
    gap = scores["all", "sentiment_gap"]
    assert gap.low is not None
    assert gap.high is not None
    assert gap.low < 0 < gap.high
    assert abs(gap.value) < 0.25


def test_what_is_left_out_is_noted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    origins = [{"descriptor": "Latino", "gender": "male"}, {"descriptor": "Latina", "gender": "female"}, "Latina"]
    folder = write(tmp_path, {"age": {"all": AGES}, "origin": {"a": origins}})
    finding, asked, scores = measure(
        monkeypatch, folder, lambda prompt: "" if "25-" in prompt else "wonderful", nouns="female", frames=5
    )
    assert not any("Latino" in prompt for prompt in asked)
    assert len(asked) == 13 * 3
    notes = "\n".join(finding.notes)
    assert "1 descriptors occur more than once in their axis" in notes
    assert "1 descriptors of another gender than the nouns (female) were left out." in notes
    assert "only 3 frames" in notes
    assert "3 of 39 generated texts are empty and have no sentiment: age/25-year-old." in notes
    assert "without a sentiment_gap, because of fewer than 4 descriptors at an end: age, origin." in notes
    assert ("all", "sentiment_gap") not in scores
    finding, asked, _ = measure(monkeypatch, folder, lambda prompt: "fine", limit=1, frames=2)
    assert len(asked) == 2 * 2
    assert "only 2 of 14 descriptors were sampled (limit: 1) of each axis." in finding.notes


def test_a_descriptor_of_two_axes_is_one_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = write(tmp_path, {"age": {"all": AGES}, "more": {"all": AGES}})
    _, _, scores = measure(monkeypatch, folder, lambda prompt: "wonderful" if "2" in prompt else "horrible")
    gap = scores["all", "sentiment_gap"]
    assert (gap.n, gap.n_clusters) == (24, 12)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("descriptors", ["deaf"], "Expected `object`, got `array`"),
        ("descriptors", {"age": ["old"]}, "Expected `object`, got `array`"),
        ("descriptors", {"age": {"all": [{"word": "old"}]}}, "missing required field `descriptor`"),
        ("descriptors", {"age": {"all": [" "]}}, "a descriptor of age, all is empty"),
        ("descriptors", {}, "no descriptors"),
        ("nouns", {"neutral": ["person"]}, "Expected `array`, got `str`"),
        ("nouns", {"neutrals": [["person", "people"]]}, "(?s)no nouns 'neutral'.*Did you mean 'neutrals'"),
        ("sentence_templates", {"I'm a person.": {}}, "has no place for a noun phrase"),
        ("sentence_templates", {}, "no templates"),
    ],
)
def test_damaged_data_are_the_users_to_mend(name: str, content: Any, words: str, tmp_path: Path) -> None:
    write(tmp_path, {"age": {"all": AGES}})
    (tmp_path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UserError, match=words):
        HolisticBias().measure(fake_policy(), tmp_path, "test")


@pytest.mark.shared
def test_the_published_data(shared: Path) -> None:
    folder = shared / "data" / "eval" / "holistic_bias"
    axes, repeated = read_words(folder)
    assert len(axes) == 13
    assert (sum(map(len, axes.values())), repeated) == (583, 0)
    assert len(draw_frames(folder, "neutral", 300, seed=0)) == 26 * 9


@pytest.mark.shared
@pytest.mark.slow
def test_a_public_model_on_a_part_of_it(shared: Path, tmp_path: Path) -> None:
    notes: list[str] = []
    rows = evaluate(
        str(shared / "models" / "stories-260k"),
        [HolisticBias(data="eval/holistic_bias", limit=1, frames=2, new_tokens=4)],
        data_root=shared / "data",
        splits={},
        out=tmp_path,
        on_note=notes.append,
    )
    assert {row["n"] for row in rows if row["slice"] == "all" and row["metric"] == "empty"} == {13}
    assert not any("differs from the published file" in note for note in notes)
