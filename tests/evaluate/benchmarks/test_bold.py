"""BOLD: figures by hand for a policy that is kind to one group, equal groups, empty texts, and damaged data."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.fakes import fake_policy
from support.writing import write_by
from unipref.core import registry
from unipref.core.errors import UserError
from unipref.core.scores import Finding, Score
from unipref.core.stats import chance
from unipref.evaluate import evaluate
from unipref.evaluate.benchmarks.bold import Bold
from unipref.evaluate.readers.bold import read_groups

pytest.importorskip("vaderSentiment", reason="needs VADER: pip install 'unipref[sentiment]'")

KIND, UNKIND = 0.5719, -0.5423
"""VADER's scores of `wonderful` and `horrible`."""
RACE = {group: {f"{group} {at}": [f"{group} {at} is "] for at in range(8)} for group in ("North", "South")}
PROFESSION = {group: {f"{group} {at}": [f"{group} {at}, whose "] for at in range(8)} for group in ("nurses", "miners")}


def write(folder: Path, **domains: Any) -> Path:
    for domain, groups in domains.items():
        (folder / f"{domain}_prompt.json").write_text(json.dumps(groups), encoding="utf-8")
    return folder


def measure(
    monkeypatch: pytest.MonkeyPatch, folder: Path, rule: Callable[[str], str], **settings: Any
) -> tuple[Finding, list[str], dict[tuple[str, str], Score]]:
    asked = write_by(monkeypatch, rule)
    finding = Bold(**settings).measure(fake_policy(), folder, "test")
    return finding, asked, {(score.slice, score.metric): score for score in finding.scores}


def test_kind_to_one_group_and_unkind_to_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = write(tmp_path, race=RACE)

    def rule(prompt: str) -> str:
        return " on a table" if prompt[6] in "67" else " wonderful" if "North" in prompt else " horrible"

    finding, asked, scores = measure(monkeypatch, folder, rule)
    # A prompt ends without its space, and its own words are not rated.
    assert asked[0] == "North 0 is"
    assert finding.examples[0]["output"] == " wonderful"
    # Entities 0, 2, 4 and 6 measure; 6 has no tone.
    gap = scores["all", "sentiment_gap"]
    assert ("all", "sentiment") not in scores  # it has no best value
    assert gap.value == pytest.approx((KIND - UNKIND) * 3 / 4)
    assert gap.low is not None
    assert gap.low > 0
    assert chance.shows_bias(gap)
    assert scores["domain:race", "sentiment_gap"].value == gap.value
    assert scores["category:race/North", "sentiment"].value == pytest.approx(KIND * 3 / 4)
    assert scores["category:race/South", "sentiment_difference"].value == pytest.approx((UNKIND - KIND) * 3 / 4)
    assert scores["category:race/South", "negative"].value == 0.75
    assert scores["domain:race", "positive"].value == 0.375
    assert scores["all", "sentiment_words"].value == 0.75
    assert scores["domain:race", "sentiment"].value == pytest.approx((KIND + UNKIND) * 3 / 8)
    assert scores["domain:race", "sentiment"].unit == "entities"
    assert scores["domain:race", "sentiment"].n_clusters == 16


def test_equal_groups_have_a_gap_around_0(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    groups = {group: {f"{group} {at}": [f"{group} {at} is "] for at in range(24)} for group in "ABCD"}
    # The tone depends on the number of the entity, which says nothing about its group.
    tones = ("wonderful", "horrible", "on a table", "not good", "great", "sad", "here")
    finding, _, scores = measure(
        monkeypatch, write(tmp_path, race=groups), lambda prompt: tones[int(prompt.split()[1]) % 7]
    )
    gap = scores["all", "sentiment_gap"]
    assert gap.value == pytest.approx(0.0)
    assert gap.low is not None
    assert gap.high is not None
    assert gap.low < 0 < gap.high
    assert all(score.value == pytest.approx(0.0) for score in finding.scores if score.metric == "sentiment_difference")


def test_gender_of_the_words_about_professions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def rule(prompt: str) -> str:
        number = int(prompt.split()[1].strip(","))
        if "nurses" in prompt:
            return " her work" if number < 6 else " his work" if number == 6 else " work"
        return " his work"

    _, _, scores = measure(monkeypatch, write(tmp_path, profession=PROFESSION, race=RACE), lambda prompt: rule(prompt)
                           if "whose" in prompt else " he")  # fmt: skip
    assert scores["category:profession/nurses", "gender_polarity"].value == pytest.approx((6 - 1) / 7)
    assert scores["category:profession/nurses", "gendered"].value == pytest.approx(7 / 8)
    assert scores["category:profession/miners", "gender_polarity"].value == -1.0
    assert scores["domain:profession", "gender_polarity"].value == pytest.approx((6 - 9) / 15)
    assert not {name for name, metric in scores if metric == "gender_polarity" and "race" in name}


def test_an_empty_text_is_counted_and_not_neutral(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    finding, _, scores = measure(
        monkeypatch, write(tmp_path, race=RACE), lambda prompt: " \n" if "South 3" in prompt else "wonderful"
    )
    assert scores["all", "empty"].value == pytest.approx(1 / 16)
    assert scores["domain:race", "sentiment"].value == pytest.approx(KIND)
    assert scores["domain:race", "sentiment"].n == 15
    assert "1 of 16 generated texts are empty and have no sentiment: South/South 3." in finding.notes
    finding, _, scores = measure(monkeypatch, tmp_path, lambda prompt: "")
    assert {metric for _, metric in scores} == {"empty", "sentiment_words"}
    assert any("16 of 16 generated texts are empty" in note for note in finding.notes)


def test_texts_without_a_toned_word_are_no_evidence_of_equal_treatment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    finding, _, scores = measure(monkeypatch, write(tmp_path, race=RACE), lambda prompt: "ba da na")
    assert scores["all", "sentiment_gap"].value == 0.0
    assert scores["all", "sentiment_words"].value == 0.0
    assert scores["all", "sentiment_gap"].low is None  # texts that are all alike show no error
    assert chance.hides_bias(finding.scores)
    finding, _, _ = measure(monkeypatch, tmp_path, lambda prompt: "wonderful")
    assert not chance.hides_bias(finding.scores)


def test_what_is_left_out_is_noted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    groups = {**RACE, "East": {"East 0": ["East 0 is ", " ", "East is not "]}}
    finding, _, scores = measure(monkeypatch, write(tmp_path, race=groups), lambda prompt: "wonderful")
    assert "1 prompts of the data are empty and were skipped." in finding.notes
    assert any(
        "in no sentiment_gap, because of fewer than 4 measuring" in n and "race/East." in n for n in finding.notes
    )
    assert any(note.startswith("sentiment is a proxy") for note in finding.notes)
    assert ("category:race/East", "sentiment_difference") not in scores
    assert scores["category:race/East", "sentiment"].low is None
    finding, asked, scores = measure(monkeypatch, tmp_path, lambda prompt: "wonderful", limit=2)
    assert len(asked) == 2 + 2 + 2
    assert "only 6 of 18 prompts were sampled (limit: 2) of each group." in finding.notes
    assert ("all", "sentiment_gap") not in scores


def test_a_limit_spreads_over_the_entities(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    groups = {"North": {"A": [f"A{at} is" for at in range(9)], "B": ["B0 is", "B1 is"], "C": ["C0 is"], "D": ["D0 is"]}}
    write(tmp_path, race=groups)
    expected = {2: ["A0", "D0"], 4: ["A0", "B0", "C0", "D0"], 5: ["A0", "A1", "B0", "C0", "D0"]}
    for limit, names in expected.items():
        _, asked, _ = measure(monkeypatch, tmp_path, lambda prompt: "fine", limit=limit)
        assert asked == [f"{name} is" for name in names]
    _, asked, _ = measure(monkeypatch, tmp_path, lambda prompt: "fine", limit=8)
    assert asked == [f"A{at} is" for at in range(4)] + ["B0 is", "B1 is", "C0 is", "D0 is"]


def test_a_folder_of_the_repository_and_a_file(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    write(tmp_path / "prompts", race=RACE)
    assert read_groups(tmp_path) == read_groups(tmp_path / "prompts" / "race_prompt.json")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"A": ["text"]}', r"(?s)Expected `object`, got `array` - at `\$\[\.\.\.\]`.*group: \{entity: \[prompt"),
        ('{"A": {"a": [3]}}', "Expected `str`, got `int`"),
        ('{"A": ', "truncated"),
        ('{"A": {"a": []}}', "no prompts"),
    ],
)
def test_damaged_data_are_the_users_to_mend(content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "race_prompt.json").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=words):
        Bold().measure(fake_policy(), tmp_path, "test")


def test_settings_are_checked() -> None:
    with pytest.raises(UserError, match="new_tokens"):
        registry.validate_settings(Bold, {"new_tokens": 0}, "bold")


@pytest.mark.shared
def test_the_published_data(shared: Path) -> None:
    groups = read_groups(shared / "data" / "eval" / "bold")
    assert sum(map(len, groups.values())) == 23_679  # as the paper says
    assert len(groups) == 43
    assert len({domain for domain, _ in groups}) == 5


@pytest.mark.shared
@pytest.mark.slow
def test_a_public_model_on_a_part_of_it(shared: Path, tmp_path: Path) -> None:
    notes: list[str] = []
    benchmark = Bold(data="eval/bold", limit=1, new_tokens=4)
    rows = evaluate(
        str(shared / "models" / "stories-260k"),
        [benchmark],
        data_root=shared / "data",
        splits={},
        out=tmp_path,
        on_note=notes.append,
    )
    assert {row["n"] for row in rows if row["slice"] == "all" and row["metric"] == "empty"} == {43}
    assert not any("differs from the published file" in note for note in notes)
    assert any("5 prompts of the data are empty" in note for note in notes)
    table = [json.loads(line) for line in (tmp_path / "bold.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {row["domain"] for row in table} == {
        "gender",
        "political_ideology",
        "profession",
        "race",
        "religious_ideology",
    }
