"""Winogenerated: shares and correlations by hand, models whose figures are known, and bad data."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.fakes import answer_by, constant, fake_policy, naive
from unipref.core.errors import UserError
from unipref.core.scores import Finding
from unipref.evaluate import evaluate
from unipref.evaluate.benchmarks.winogenerated import FILES, Winogenerated, read_sentences
from unipref.models.loading import load_policy

WOMEN = {"nurse": 90.0, "plumber": 2.0, "baker": 60.0}
NOMINATIVE, POSSESSIVE = ["he", "she", "they"], ["his", "her", "their"]


def row(index: int, occupation: str, sentence: str, options: list[str]) -> dict[str, Any]:
    return {
        "index": index,
        "occupation": occupation,
        "other_person": "client",
        "pronoun_options": options,
        "sentence_with_blank": sentence,
        "BLS_percent_women_2019": WOMEN[occupation],
        "BLS_original_occupation": occupation,
    }


ROWS = [
    row(0, "nurse", "The nurse said _ came.", NOMINATIVE),
    row(1, "plumber", "The plumber took _ tools.", POSSESSIVE),
    row(2, "baker", "The baker said _ slept.", NOMINATIVE),
    row(3, "nurse", "The nurse lost _ keys.", POSSESSIVE),
]


def write(folder: Path, rows: list[dict[str, Any]] = ROWS, name: str = FILES[0]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    return folder


def values(finding: Finding) -> dict[str, float]:
    return {score.metric: score.value for score in finding.scores}


def lean(nats: dict[str, float], neutral: float = -math.inf):
    """Log p of a whole sentence: the nats of its occupation for the female pronoun, `neutral` for the neutral one."""

    def rule(prompt: str, rest: str) -> float:
        text = f" {prompt}{rest} "
        occupation = next(name for name in WOMEN if name in text)
        if any(f" {word} " in text for word in ("they", "their")):
            return neutral
        return nats[occupation] if any(f" {word} " in text for word in ("she", "her")) else 0.0

    return rule


def test_a_constant_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_by(monkeypatch, constant)
    finding = Winogenerated(framings=1).measure(fake_policy(), write(tmp_path), "test")
    assert values(finding) == {
        "female_share": 0.5,
        "female_choice": 0.5,
        "stereotype_choice": 0.5,
        "neutral_share": pytest.approx(1 / 3),
        "labour_pearson": 0.0,
        "labour_spearman": 0.0,
    }
    assert {(score.n, score.unit) for score in finding.scores} == {(3, "occupations")}


def test_a_model_of_the_stereotype(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Odds of 3 to 1 for the gender of the majority; they as likely as he.
    answer_by(monkeypatch, lean({"nurse": math.log(3), "plumber": -math.log(3), "baker": math.log(3)}, neutral=0.0))
    scores = values(Winogenerated(framings=1).measure(fake_policy(), write(tmp_path), "test"))
    # Sentences: nurse, plumber, baker, nurse.
    assert scores["female_share"] == pytest.approx((3 / 4 + 1 / 4 + 3 / 4 + 3 / 4) / 4)
    assert (scores["female_choice"], scores["stereotype_choice"]) == (3 / 4, 1.0)
    # 1 of 1 + 3 + 1, of 1 + 1/3 + 1, of 1 + 3 + 1 twice.
    assert scores["neutral_share"] == pytest.approx((1 / 5 + 3 / 7 + 1 / 5 + 1 / 5) / 4)
    # Per occupation: nurse, plumber, baker.
    assert scores["labour_pearson"] == pytest.approx(np.corrcoef([0.75, 0.25, 0.75], [90, 2, 60])[0, 1])
    assert scores["labour_spearman"] == pytest.approx(np.corrcoef([2.5, 1, 2.5], [3, 1, 2])[0, 1])


def test_turning_the_genders_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nats = {"nurse": 0.3, "plumber": -1.2, "baker": 0.9}
    results = []
    for sign in (1, -1):
        answer_by(monkeypatch, lean({name: sign * value for name, value in nats.items()}))
        results.append(values(Winogenerated(framings=1).measure(fake_policy(), write(tmp_path), "test")))
    one, two = results
    assert two["female_share"] == pytest.approx(1 - one["female_share"])
    for metric in ("labour_pearson", "labour_spearman"):
        assert two[metric] == pytest.approx(-one[metric])
    assert (one["neutral_share"], one["stereotype_choice"], two["stereotype_choice"]) == (0.0, 1.0, 0.0)


def test_against_the_definition_on_a_real_model(tiny_model: Path, tmp_path: Path) -> None:
    policy = load_policy(str(tiny_model))
    finding = Winogenerated(framings=1).measure(policy, write(tmp_path), "test")
    shares = []
    for raw, example in zip(ROWS, finding.examples, strict=True):
        texts = [raw["sentence_with_blank"].replace("_", option) for option in raw["pronoun_options"]]
        ids = [policy.tokenizer.encode(text, add_special_tokens=False) for text in texts]
        male, female, neutral = (naive(policy, [policy.tokenizer.bos_token_id], one) for one in ids)
        shares.append(math.exp(female) / (math.exp(female) + math.exp(male)))
        log_p = [example[f"log_p_{gender}"] for gender in ("male", "female", "neutral")]
        assert log_p == pytest.approx([male, female, neutral], rel=1e-4)
    assert values(finding)["female_share"] == pytest.approx(np.mean(shares), rel=1e-4)


def test_everything_comes_from_the_table_and_skips_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_by(monkeypatch, lean({"nurse": 0.3, "plumber": -1.2, "baker": 0.9}, neutral=-2.0))
    finding = Winogenerated(framings=1).measure(fake_policy(), write(tmp_path, name=FILES[1]), "test")
    table = [json.loads(json.dumps(one)) for one in finding.examples]
    assert [statistic.score() for statistic in Winogenerated.statistics(table)] == finding.scores
    finding = Winogenerated(framings=1, limit=2).measure(fake_policy(), tmp_path, "test")
    assert [one["id"] for one in finding.examples] == [0, 3]
    assert finding.notes == ["only 2 of 4 sentences were sampled (limit: 2)."]
    finding = Winogenerated(framings=1).measure(fake_policy(context=26), tmp_path, "test")
    # "The nurse said they came." and BOS are 26; all others are longer.
    assert finding.notes == ["3 of 4 sentences skipped: longer than the model's context of 26 tokens."]


def test_bad_data(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"winogenerated_examples.jsonl"):
        Winogenerated(framings=1).measure(fake_policy(), tmp_path, "test")
    for bad, said in [
        ({**ROWS[1], "pronoun_options": ["she", "he", "they"]}, r"jsonl:2: the options are \['she', 'he', 'they'\]"),
        ({**ROWS[1], "sentence_with_blank": "None."}, "needs exactly one blank"),
        ({**ROWS[1], "BLS_percent_women_2019": 130.0}, "130.0 is not a percentage"),
        ({**ROWS[1], "occupation": "nurse"}, "2.0 is not a percentage, or differs from the earlier lines on 'nurse'"),
        ({"occupations" if k == "occupation" else k: v for k, v in ROWS[1].items()}, "Did you mean 'occupations'"),
    ]:
        with pytest.raises(UserError, match=said):
            read_sentences(write(tmp_path / "x", [ROWS[0], bad]) / FILES[0])


@pytest.mark.shared
def test_the_published_file(shared: Path) -> None:
    found = read_sentences(shared / "data" / "eval" / "winogenerated" / FILES[0])
    assert (len(found), len({one["occupation"] for one in found})) == (2990, 299)


@pytest.mark.shared
@pytest.mark.slow
def test_a_public_model(shared: Path) -> None:
    notes: list[str] = []
    rows = evaluate(
        str(shared / "models" / "stories-260k"),
        [Winogenerated(data="eval/winogenerated", limit=60)],
        data_root=shared / "data",
        splits={},
        out=None,
        on_note=notes.append,
    )
    # Some of the 60 sentences are about the same occupation.
    assert {row["n"] for row in rows} == {55}
    assert not any("published" in note or "skipped" in note for note in notes)
