"""WinoGrande: accuracy and twins by hand, models whose figures are known, agreement with lm-eval, bad data."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.fakes import answer_by, constant, fake_policy, naive
from unipref.core.errors import UserError
from unipref.core.scores import Finding
from unipref.evaluate import evaluate
from unipref.evaluate.benchmarks.winogrande import WinoGrande, read_sentences
from unipref.models.inference import continuation_ids
from unipref.models.loading import load_policy


def row(name: str, sentence: str, first: str, second: str, answer: str | None) -> dict[str, Any]:
    known = {} if answer is None else {"answer": answer}
    return {"qID": name, "sentence": sentence, "option1": first, "option2": second, **known}


ROWS = [
    row("A-2", "Ann hired Bea since _ needed work.", "Ann", "Bea", "2"),
    row("A-1", "Ann hired Bea since _ needed help.", "Ann", "Bea", "1"),
    row("B-1", "The cup broke the plate, for the _ was hard.", "cup", "plate", "1"),
    row("C-1", "The rope held the boat as the _ was strong.", "rope", "boat", "1"),
    row("C-2", "The rope held the boat as the _ was light.", "rope", "boat", "2"),
]


def write(folder: Path, rows: list[dict[str, Any]] = ROWS, labels: str | None = None, part: str = "dev") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{part}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    if labels is not None:
        (folder / f"{part}-labels.lst").write_text("\n".join(labels) + "\n")
    return folder


def values(finding: Finding) -> dict[str, float]:
    return {score.metric: score.value for score in finding.scores}


def knows(prompt: str, rest: str) -> float:
    """Right on every sentence."""
    for one in ROWS:
        before, after = one["sentence"].split("_")
        if rest == after and prompt.startswith(before):
            return float(prompt == before + one[f"option{one['answer']}"])
    raise AssertionError(prompt)


def test_models_whose_figures_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path)
    answer_by(monkeypatch, constant)
    assert values(WinoGrande().measure(fake_policy(), folder, "dev")) == {"accuracy": 0.5, "twin_accuracy": 0.25}
    answer_by(monkeypatch, knows)
    assert values(WinoGrande().measure(fake_policy(), folder, "dev")) == {"accuracy": 1.0, "twin_accuracy": 1.0}
    answer_by(monkeypatch, lambda prompt, rest: -knows(prompt, rest))
    assert values(WinoGrande().measure(fake_policy(), folder, "dev")) == {"accuracy": 0.0, "twin_accuracy": 0.0}
    # Blind to the text after the blank, always the first option: one of each pair of twins, and the single one.
    answer_by(monkeypatch, lambda prompt, rest: float(prompt.endswith(("Ann", "cup", "rope"))))
    assert values(WinoGrande().measure(fake_policy(), folder, "dev")) == {"accuracy": 3 / 5, "twin_accuracy": 0.0}


def test_units_are_twins_and_what_follows_the_blank_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answer_by(monkeypatch, constant)
    finding = WinoGrande().measure(fake_policy(), write(tmp_path), "dev")
    assert asked[:2] == [
        ("Ann hired Bea since Ann", " needed work."),
        ("Ann hired Bea since Bea", " needed work."),
    ]
    assert {score.metric: (score.n, score.unit, score.chance) for score in finding.scores} == {
        "accuracy": (3, "twins", 0.5),
        "twin_accuracy": (2, "twins", 0.25),
    }
    table = [json.loads(json.dumps(one)) for one in finding.examples]
    assert [statistic.score() for statistic in WinoGrande.statistics(table)] == finding.scores
    assert list(WinoGrande.statistics([])) == []


def test_against_the_definition_on_a_real_model(tiny_model: Path, tmp_path: Path) -> None:
    policy = load_policy(str(tiny_model))
    right = []
    for one in ROWS:
        before, rest = one["sentence"].split("_")
        log_p = []
        for option in ("option1", "option2"):
            prompt, after = continuation_ids(policy, before + one[option], rest)
            log_p.append(naive(policy, [policy.tokenizer.bos_token_id, *prompt], after))
        right.append((log_p[0] > log_p[1]) == (one["answer"] == "1"))
    scores = values(WinoGrande().measure(policy, write(tmp_path), "dev"))
    assert scores["accuracy"] == pytest.approx(sum(right) / 5)
    assert scores["twin_accuracy"] == ((right[0] and right[1]) + (right[3] and right[4])) / 2


def test_limits_keep_twins_together_and_skips_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_by(monkeypatch, constant)
    finding = WinoGrande(limit=2).measure(fake_policy(), write(tmp_path), "dev")
    assert [one["qID"] for one in finding.examples] == ["A-2", "A-1", "C-1", "C-2"]
    assert finding.notes == ["only 2 of 3 twins were sampled (limit: 2)."]
    finding = WinoGrande().measure(fake_policy(context=40), write(tmp_path), "dev")
    assert [one["qID"] for one in finding.examples] == ["A-2", "A-1"]
    assert finding.notes == ["3 of 5 sentences skipped: longer than the model's context of 40 tokens."]


def test_labels_may_be_in_their_own_file(tmp_path: Path) -> None:
    bare = [{key: value for key, value in one.items() if key != "answer"} for one in ROWS]
    assert [one["answer"] for one in read_sentences(write(tmp_path, bare, "21112") / "dev.jsonl")] == list("21112")
    with pytest.raises(UserError, match=r"dev.jsonl:2: the answer is '1', and '2' in dev-labels.lst"):
        read_sentences(write(tmp_path, ROWS, "22112") / "dev.jsonl")
    with pytest.raises(UserError, match=r"4 labels, but dev.jsonl has 5 sentences"):
        read_sentences(write(tmp_path, ROWS, "2112") / "dev.jsonl")


def test_bad_data(tmp_path: Path) -> None:
    bare = [{key: value for key, value in one.items() if key != "answer"} for one in ROWS]
    folder = write(tmp_path, bare, part="test")
    with pytest.raises(UserError, match=r"test.jsonl:1: the sentence has no answer[\s\S]*split: dev"):
        WinoGrande(split="test").measure(fake_policy(), folder, "test")
    with pytest.raises(UserError, match=r"the file dev.jsonl is missing"):
        WinoGrande().measure(fake_policy(), folder, "dev")
    for bad, said in [
        ({**ROWS[0], "answer": "0"}, r"dev.jsonl:1: the answer is '0'; expected '1' or '2'"),
        ({**ROWS[0], "sentence": "No blank."}, "needs exactly one blank"),
        ({**ROWS[0], "sentence": "Two _ blanks _."}, "needs exactly one blank"),
        ({**ROWS[0], "sentence": "Nothing after the _"}, "text after it"),
        ({"qIDs" if key == "qID" else key: value for key, value in ROWS[0].items()}, "Did you mean 'qIDs'"),
        ({**ROWS[0], "answer": 1}, "Expected `str"),
    ]:
        with pytest.raises(UserError, match=said):
            read_sentences(write(tmp_path / "x", [bad]) / "dev.jsonl")


@pytest.mark.shared
def test_the_published_sentences_are_split_as_lm_eval_splits_them(shared: Path) -> None:
    preprocess = pytest.importorskip("lm_eval.tasks.winogrande.preprocess_winogrande")
    path = shared / "data" / "eval" / "winogrande" / "dev.jsonl"
    found = read_sentences(path)
    assert (len(found), len({one["twins"] for one in found})) == (1267, 983)
    for one, line in zip(found, path.read_text().splitlines(), strict=True):
        raw = json.loads(line)
        assert [one["before"] + one[f"option_{n}"] for n in (1, 2)] == preprocess.doc_to_choice(raw)
        # lm-eval puts one blank between the two.
        assert one["after"] == " " + preprocess.doc_to_target(raw)
        assert int(one["answer"]) - 1 == preprocess.doc_to_text(raw)


@pytest.mark.shared
@pytest.mark.slow
def test_a_public_model(shared: Path) -> None:
    rows = evaluate(
        str(shared / "models" / "stories-260k"),
        [WinoGrande(data="eval/winogrande", limit=30)],
        data_root=shared / "data",
        splits={},
        out=None,
    )
    assert {row["metric"]: row["split"] for row in rows} == {"accuracy": "dev", "twin_accuracy": "dev"}
    with pytest.raises(UserError, match="the published test part has no answers at all"):
        read_sentences(shared / "data" / "eval" / "winogrande" / "test.jsonl")
