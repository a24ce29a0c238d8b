"""The rules, each with answers that follow and answers that do not; and the benchmark on set answers."""

import json
from pathlib import Path

import pytest

from unipref.core.answer_checks.rules import RULES, follows
from unipref.core.chat_models import Policy
from unipref.core.errors import UserError
from unipref.evaluate.benchmarks import instructions
from unipref.evaluate.benchmarks.instructions import Instructions
from unipref.models.loading import load_policy

ANIMALS = ["dog", "cat", "frog"]

CASES: dict[str, tuple[dict[str, object], list[str], list[str]]] = {
    "one_word": (
        {},
        ["Green.", "green", " Green!\n", "re-read", "don't"],
        ["The frog.", "", ".", "Green..", "green, green", "“green”"],
    ),
    "capitals": ({}, ["GREEN.", "IT IS 3.", "A"], ["Green", "GREEN. yes", "3.", ""]),
    "quotes": (
        {},
        ['"The frog."', "“Green.”", '"a"'],
        ['"The frog.', 'The "frog".', '""', '"a" and "b"', "'green'", "The frog.", '"'],
    ),
    "avoid": (
        {"word": "Frog"},
        ["It is green.", "The frogs sing."],
        ["The frog is green.", "FROG it is", "Green.", ""],
    ),
    "question": (
        {"about": "frog"},
        ["Where is the frog?", "is a Frog green?"],
        ["Where is the frog.", "Where is the dog?", "The frog?", "Where is the frog? Where?", "?", ""],
    ),
    "begins_with": (
        {"word": "Well"},
        ["Well, it is.", "well the frog is green"],
        ["The frog, well.", "Wells are deep.", "Well.", "Well, yes", ""],
    ),
    "ends_with": (
        {"word": "now"},
        ["It is now.", "The frog is green NOW!"],
        ["Now it is.", "I know", "now", "Just now", "It is now here.", ""],
    ),
    "includes": (
        {"words": ["nice", "frog"]},
        ["The nice frog sings.", "A frog is NICE."],
        ["The frog sings.", "nice frog", "It is very nice.", "The nicer frog sings.", ""],
    ),
    "one_of": ({"options": ["yes", "no"]}, ["Yes.", "no", "NO!"], ["Yes, it is.", "yes no", "Maybe.", "Yes..", ""]),
    "repeats": (
        {"word": "sun", "times": 2},
        ["sun sun", "Sun, sun.", "sun sun\n"],
        ["sun", "sun sun sun", "sun moon", "sunsun", ""],
    ),
    "sequence": (
        {"words": ["sun", "cat"]},
        ["sun cat", "Sun, cat."],
        ["cat sun", "sun", "sun cat sun", "sun and cat", ""],
    ),
    "lists": (
        {"count": 2, "among": ANIMALS},
        ["dog, cat", "Frog,dog."],
        ["dog", "dog, dog", "dog, cat, frog", "dog and cat", "dog, sofa", "dog,", "the dog, the cat", ""],
    ),
    "mentions": ({"words": ["Nurse"]}, ["The nurse.", "nurse"], ["The nurses.", "The guard.", ""]),
    "all_of": (
        {"rules": [["quotes", {}], ["begins_with", {"word": "Well"}], ["mentions", {"words": ["nurse"]}]]},
        ['"Well, the nurse was."'],
        ["Well, the nurse was.", '"The nurse was."', '"Well, the guard was."', 'Well, "the nurse was."', ""],
    ),
}


def test_every_rule_is_tried() -> None:
    assert set(CASES) == set(RULES)


@pytest.mark.parametrize("rule", CASES)
def test_rule(rule: str) -> None:
    arguments, following, failing = CASES[rule]
    assert {answer: follows(answer, rule, arguments) for answer in following} == dict.fromkeys(following, True)
    assert {answer: follows(answer, rule, arguments) for answer in failing} == dict.fromkeys(failing, False)


def test_an_unknown_rule_is_named_with_the_near_one() -> None:
    with pytest.raises(UserError, match="Did you mean 'one_word'"):
        follows("Green.", "one_words", {})


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(UserError, match="'avoid' does not accept the arguments"):
        follows("Green it is.", "avoid", {"words": "green"})


def write(folder: Path, items: list[object]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "test.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    return folder


ITEMS = [
    {"id": "a", "prompt": "Sun twice.", "rule": "repeats", "arguments": {"word": "sun", "times": 2}},
    {"id": "b", "prompt": "Cat twice.", "rule": "repeats", "arguments": {"word": "cat", "times": 2}},
    {"id": "c", "prompt": "One word.", "rule": "one_word"},
    {"id": "d", "prompt": "Loud.", "rule": "capitals"},
]


def test_share_followed_over_all_and_per_type(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answers(policy: Policy, prompts: list[str], new_tokens: int, batch_size: int) -> list[str]:
        asked.extend(prompts)
        return [" sun sun", " cat", " Yes.", " loud"]

    monkeypatch.setattr(instructions, "generate", answers)
    finding = Instructions().measure(load_policy(str(tiny_model)), write(tmp_path / "data", ITEMS), "test")

    assert asked[0] == "<s>Question: Sun twice.\n\nAnswer:"
    assert [example["followed"] for example in finding.examples] == [True, False, True, False]
    # all: 2 of 4; repeats: 1 of 2; one_word: 1 of 1; capitals: 0 of 1.
    assert {score.slice: (score.value, score.n) for score in finding.scores} == {
        "all": (0.5, 4),
        "type:repeats": (0.5, 2),
        "type:one_word": (1.0, 1),
        "type:capitals": (0.0, 1),
    }
    assert all(score.metric == "followed" and score.direction == "higher" for score in finding.scores)


def test_prompts_beyond_the_context_are_skipped_with_a_note(tiny_model: Path, tmp_path: Path) -> None:
    long = {"id": "long", "prompt": "sun " * 300, "rule": "one_word"}
    finding = Instructions(new_tokens=2).measure(
        load_policy(str(tiny_model)), write(tmp_path / "d", [long, *ITEMS]), "test"
    )
    assert [example["id"] for example in finding.examples] == ["a", "b", "c", "d"]
    assert finding.notes == ["1 of 5 items skipped: longer than the model's context."]


def test_a_line_that_is_not_an_item_is_reported(tiny_model: Path, tmp_path: Path) -> None:
    data = write(tmp_path / "d", [ITEMS[0], {"id": "x", "prompt": 3}])
    with pytest.raises(UserError, match=r"test\.jsonl:2: the line is not a valid item of this benchmark"):
        Instructions().measure(load_policy(str(tiny_model)), data, "test")


def test_a_missing_part_is_named(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"dev\.jsonl: the benchmark's items cannot be read"):
        Instructions().measure(load_policy(str(tiny_model)), write(tmp_path / "d", ITEMS), "dev")


def test_a_limit_is_reported(tiny_model: Path, tmp_path: Path) -> None:
    lines = [json.dumps({"id": str(i), "prompt": f"Say {i}.", "rule": "one_word"}) for i in range(5)]
    (tmp_path / "test.jsonl").write_text("\n".join(lines))
    finding = Instructions(new_tokens=1, limit=3).measure(load_policy(str(tiny_model)), tmp_path, "test")
    assert [row["id"] for row in finding.examples] == ["0", "2", "4"]
    assert finding.notes == ["only 3 of 5 items were sampled (limit: 3)."]


def test_items_of_one_kind_are_a_cluster_and_groups_are_slices() -> None:
    rows = [
        {
            "split": "test",
            "id": str(i),
            "type": "all_of",
            "kind": f"kind {i % 4}",
            "group": "ab"[i % 2],
            "followed": i % 3 == 0,
        }
        for i in range(24)
    ]
    by_slice = {statistic.slice: statistic for statistic in Instructions.statistics(rows)}
    kinds = {f"kind:kind {i}" for i in range(4)}
    assert set(by_slice) == {"all", "type:all_of", "group:a", "group:b", *kinds}
    assert by_slice["all"].score().n_clusters == 4
    assert by_slice["group:a"].score().n_clusters == 2
    assert by_slice["kind:kind 0"].score().n_clusters == 6
    assert by_slice["group:b"].score().value == pytest.approx(4 / 12)
