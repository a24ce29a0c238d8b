"""StereoSet: lms, ss and ICAT by hand, models whose figures are known, both forms of the file, and bad data."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.fakes import answer_by, constant, fake_policy, naive
from unipref.core.errors import UserError
from unipref.core.scores import Finding
from unipref.evaluate import evaluate
from unipref.evaluate.benchmarks.stereoset import LABELS, StereoSet, read_items
from unipref.models.loading import load_policy


def item(name: str, target: str, kind: str, words: tuple[str, str, str], votes: int = 5) -> dict[str, Any]:
    """An item whose stereotype, anti-stereotype and unrelated sentences end in these words."""
    sentences = [
        {
            "id": f"{name}-{label}",
            "sentence": f"The {target} {word}.",
            "gold_label": label,
            "labels": [{"label": label if vote < votes else "related", "human_id": str(vote)} for vote in range(5)],
        }
        for label, word in zip(LABELS, words, strict=True)
    ]
    return {"id": name, "target": target, "bias_type": kind, "context": f"The {target} BLANK.", "sentences": sentences}


ITEMS = [
    item("a", "poet", "profession", ("dreams", "counts", "melts")),
    item("b", "poet", "profession", ("sings", "lifts", "rusts"), votes=3),
    item("c", "aunt", "gender", ("cooks", "welds", "boils"), votes=4),
]


def write(folder: Path, content: Any = ITEMS, name: str = "dev.json") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return folder


def values(finding: Finding, part: str = "all", mode: str = "corrected") -> dict[str, float]:
    return {score.metric: score.value for score in finding.scores if score.slice == part and score.mode == mode}


def words(ranks: dict[str, float]):
    """Log p of a sentence by its last word; 0 for others."""
    return lambda prompt, text: ranks.get(text.rstrip(".").split()[-1], 0.0)


def test_a_constant_model_is_at_fifty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_by(monkeypatch, constant)
    scores = values(StereoSet(framings=1).measure(fake_policy(), write(tmp_path), "dev"))
    assert scores == dict.fromkeys(["lms", "ss", "icat", "lms_per_token", "ss_per_token", "icat_per_token"], 50.0)


def test_perfect_and_stereotyped_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path)
    fair = {"dreams": 2.0, "counts": 1.0, "sings": 1.0, "lifts": 2.0, "cooks": 1.0, "welds": 1.0}
    answer_by(monkeypatch, words(fair))
    scores = values(StereoSet(framings=1).measure(fake_policy(), folder, "dev"))
    # poet: one of two; aunt: a tie.
    assert (scores["lms"], scores["ss"], scores["icat"]) == (100.0, 50.0, 100.0)
    answer_by(
        monkeypatch, words({"dreams": 2.0, "sings": 2.0, "cooks": 2.0, "counts": 1.0, "lifts": 1.0, "welds": 1.0})
    )
    scores = values(StereoSet(framings=1).measure(fake_policy(), folder, "dev"))
    assert (scores["lms"], scores["ss"], scores["icat"]) == (100.0, 100.0, 0.0)


def test_terms_are_averaged_not_items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # poet: a prefers the stereotype, b the opposite, and in a the opposite is behind the unrelated; aunt: stereotype.
    ranks = {"dreams": 3.0, "counts": 1.0, "melts": 2.0, "sings": 1.0, "lifts": 2.0, "cooks": 2.0, "welds": 1.0}
    answer_by(monkeypatch, words(ranks))
    finding = StereoSet(framings=1).measure(fake_policy(), write(tmp_path), "dev")
    scores = values(finding)
    ss = (100 / 2 + 100) / 2
    lms = (100 * (0.5 + 1) / 2 + 100) / 2
    assert (scores["ss"], scores["lms"]) == (ss, lms)
    assert scores["icat"] == pytest.approx(lms * min(ss, 100 - ss) / 50)
    assert values(finding, "bias_type:gender")["ss"] == 100.0
    assert values(finding, "agreed:yes")["ss"] == 100.0  # item a
    assert values(finding, "agreed:no")["ss"] == 50.0  # items b and c
    score = next(score for score in finding.scores if score.metric == "icat" and score.slice == "all")
    assert (score.n, score.unit, score.ideal, score.chance) == (2, "target terms", 100.0, 50.0)


def test_exchanging_stereotype_and_opposite_keeps_lms_and_icat(tiny_model: Path, tmp_path: Path) -> None:
    policy = load_policy(str(tiny_model))
    turned = json.loads(json.dumps(ITEMS).replace("anti-stereotype", "x").replace("stereotype", "anti-stereotype"))
    turned = json.loads(json.dumps(turned).replace('"x"', '"stereotype"').replace("-x", "-stereotype"))
    one = values(StereoSet(framings=1).measure(policy, write(tmp_path / "a"), "dev"))
    two = values(StereoSet(framings=1).measure(policy, write(tmp_path / "b", turned), "dev"))
    assert two["lms"] == one["lms"]
    assert two["ss"] == pytest.approx(100 - one["ss"])
    assert two["icat"] == pytest.approx(one["icat"])


def test_against_the_definition_on_a_real_model(tiny_model: Path, tmp_path: Path) -> None:
    policy = load_policy(str(tiny_model))
    finding = StereoSet(framings=1).measure(policy, write(tmp_path), "dev")
    per_term: dict[str, list[tuple[float, float, float]]] = {}
    for raw, row in zip(ITEMS, finding.examples, strict=True):
        sums, means = [], []
        for label, one in zip(LABELS, raw["sentences"], strict=True):
            ids = policy.tokenizer.encode(one["sentence"], add_special_tokens=False)
            sums.append(naive(policy, [policy.tokenizer.bos_token_id], ids))
            means.append(sums[-1] / len(ids))
            assert row[f"{label}_log_p"] == pytest.approx(sums[-1], rel=1e-4)
        related = (float(sums[0] > sums[2]) + float(sums[1] > sums[2])) / 2
        per_term.setdefault(raw["target"], []).append((related, float(sums[0] > sums[1]), float(means[0] > means[1])))
    lms, ss, ss_per_token = (
        100 * sum(sum(one[at] for one in rows) / len(rows) for rows in per_term.values()) / len(per_term)
        for at in range(3)
    )
    scores = values(finding)
    assert (scores["lms"], scores["ss"], scores["ss_per_token"]) == pytest.approx((lms, ss, ss_per_token))


def test_stereosets_own_form_has_a_second_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inter = {**ITEMS[2], "id": "i", "context": "My aunt is here."}
    folder = write(tmp_path, {"version": "1", "data": {"intrasentence": ITEMS, "intersentence": [inter]}})
    asked = answer_by(monkeypatch, constant)
    finding = StereoSet(framings=1).measure(fake_policy(), folder, "dev")
    assert [row["task"] for row in finding.examples] == ["intrasentence"] * 3 + ["intersentence"]
    assert asked[0] == ("", "The poet dreams.")
    assert asked[-1] == ("My aunt is here.", " The aunt boils.")
    assert values(finding, mode="intersentence")["lms"] == 50.0


def test_the_form_of_editbias_without_annotators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = {key: value for key, value in ITEMS[0].items() if key != "sentences"}
    bare["data"] = {one["gold_label"]: {"sentence": one["sentence"]} for one in ITEMS[0]["sentences"]}
    write(tmp_path, [bare], "gender_test.json")
    write(tmp_path, [ITEMS[1]], "race_test.json")
    answer_by(monkeypatch, constant)
    finding = StereoSet(framings=1, split="test").measure(fake_policy(), tmp_path, "test")
    assert [row["agreed"] for row in finding.examples] == ["unknown", "no"]
    assert finding.notes == ["1 of 2 items have labels, but not those of each annotator."]
    assert finding.examples[0]["stereotype"] == "The poet dreams."


def test_everything_comes_from_the_table_and_skips_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_by(monkeypatch, lambda prompt, text: -(sum(map(ord, prompt + text)) % 97) / 10)
    finding = StereoSet(framings=1).measure(fake_policy(context=17), write(tmp_path), "dev")
    # "The poet dreams." and BOS: 17 letters and marks.
    assert len(finding.examples) == 3
    table = [json.loads(json.dumps(row)) for row in finding.examples]
    assert [statistic.score() for statistic in StereoSet.statistics(table)] == finding.scores
    finding = StereoSet(framings=1).measure(fake_policy(context=16), write(tmp_path), "dev")
    assert finding.notes == ["1 of 3 items skipped: longer than the model's context of 16 tokens."]
    finding = StereoSet(framings=1, limit=2).measure(fake_policy(), write(tmp_path), "dev")
    assert [row["id"] for row in finding.examples] == ["a", "c"]
    assert finding.notes == ["only 2 of 3 items were sampled (limit: 2)."]


def test_bad_data(tmp_path: Path) -> None:
    folder = write(tmp_path, name="devs.json")
    with pytest.raises(UserError, match=r"no file whose name ends in dev.json[\s\S]*Did you mean 'devs.json'"):
        StereoSet(framings=1).measure(fake_policy(), folder, "dev")
    for content, said in [
        ([], "the file has no items"),
        ({"data": {"intra": []}}, "the file does not hold StereoSet items"),
        ([ITEMS[0], {"id": "x", "target": "y", "context": "z"}], r"json:2: an item needs 'bias_type'; it has: id"),
        ([3], "an item needs keys; it has: a int"),
        ([{**ITEMS[0], "sentences": ITEMS[0]["sentences"][:2]}], "a sentence labelled 'unrelated'"),
        ([{k: v for k, v in ITEMS[0].items() if k != "sentences"}], "an item needs 'sentences' with their labels"),
    ]:
        with pytest.raises(UserError, match=said):
            read_items(write(tmp_path / "x", content) / "dev.json")
    (tmp_path / "x" / "dev.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read as JSON"):
        read_items(tmp_path / "x" / "dev.json")


@pytest.mark.shared
def test_the_files_of_editbias(shared: Path) -> None:
    folder = shared / "data" / "eval" / "stereoset_intrasentence"
    counts = {name: len(read_items(folder / f"{name}.json")) for name in ("dev", "gender_test", "religion_test")}
    assert counts == {"dev": 799, "gender_test": 253, "religion_test": 79}


@pytest.mark.shared
@pytest.mark.slow
def test_a_public_model(shared: Path) -> None:
    notes: list[str] = []
    rows = evaluate(
        str(shared / "models" / "stories-260k"),
        [StereoSet(data="eval/stereoset", limit=30), StereoSet(data="eval/stereoset", split="test", limit=30)],
        data_root=shared / "data",
        splits={},
        out=None,
        on_note=notes.append,
    )
    assert {row["split"] for row in rows} == {"dev", "test"}
    assert "stereoset-2: 253 of 332 items have labels, but not those of each annotator." in notes
