"""`unipref init`: what it drafts from files, and that the user need not touch more than the questions."""

import json
from pathlib import Path
from typing import Any

import pytest

import unipref
from support.shapes import SHAPES, write_jsonl
from unipref.core import yaml_files
from unipref.core.errors import UserError
from unipref.study import draft


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def drafted(*paths: str) -> tuple[dict[str, Any], list[str]]:
    text = draft.draft_study(paths)
    study = yaml_files.parse(text, "study")
    return study, [line for line in text.splitlines() if line.startswith("#")]


def solutions(task: str, n: int = 12) -> list[dict[str, Any]]:
    """Solutions in steps; every other one has a wrong step, and the last has none though it misses the target."""
    return [
        {
            "input": f"Solve problem {i} of the {task} tasks.",
            "steps": [f"First we look at number {i} of {task}.", f"Then we add {i} to it.", "So we have the answer."],
            "answer": f"({i})",
            "target": f"({i})" if i % 2 and i < n - 1 else "(none)",
            "mistake_index": None if i % 2 else 1 + i // 2 % 2,
        }
        for i in range(n)
    ]


def test_files_of_a_folder_that_are_read_alike_are_one_source_with_one_question(here: Path) -> None:
    (here / "maths").mkdir()
    for task in ("sums", "sorting", "logic"):
        write_jsonl(here / f"maths/{task}.jsonl", solutions(task))
    study, said = drafted("maths")
    (source,) = study["sources"]
    assert (source["name"], source["path"], source["format"]) == ("maths", "maths", "steps")
    assert [line for line in said if "open questions" in line] == [
        "# maths: open questions, marked '?': sources.maths.map.counted_from"
    ]
    # The place that is named is the one that --set takes.
    unipref.unify_feedback(study, here / "run", overrides=["sources.maths.map.counted_from=0"])
    found = json.loads((here / "run/manifest.json").read_text())["sources"]["maths"]
    assert (found["rows"], found["used"], found["preferences"]) == (36, 33, 33)
    assert found["rejected"] == {"contradiction": 3}


def test_the_answer_reached_is_told_from_the_right_one_whichever_comes_first(here: Path) -> None:
    rows = [{"correct_answer": row.pop("target"), **row} for row in solutions("sums")]
    write_jsonl(here / "sums.jsonl", rows)
    study, said = drafted("sums.jsonl")
    mapping = study["sources"][0]["map"]
    assert (mapping["answer"], mapping["target"]) == ("answer", "correct_answer")
    assert (
        "# sums: 'answer' sometimes equals 'correct_answer', so it can be checked against it: solutions without a "
        "wrong step that miss it are left out"
    ) in said


def test_what_is_read_otherwise_or_named_by_itself_is_a_source_of_its_own(here: Path) -> None:
    (here / "mixed").mkdir()
    write_jsonl(here / "mixed/a.jsonl", SHAPES["hh"][0])
    write_jsonl(here / "mixed/b.jsonl", SHAPES["kto"][0])
    write_jsonl(here / "mixed/c.jsonl", SHAPES["hh"][0])
    study, _ = drafted("mixed")
    assert [(s["name"], s["path"]) for s in study["sources"]] == [
        ("mixed", ["mixed/a.jsonl", "mixed/c.jsonl"]),
        ("b", "mixed/b.jsonl"),
    ]
    study, _ = drafted("mixed/a.jsonl", "mixed/c.jsonl")
    assert [source["path"] for source in study["sources"]] == ["mixed/a.jsonl", "mixed/c.jsonl"]


@pytest.mark.parametrize(
    ("shapes", "trainers"),
    [
        (["hh"], ["sft", "dpo"]),
        (["hh", "kto"], ["sft", "kto"]),
        (["alpaca"], ["sft"]),
        (["alpaca", "hh"], ["sft", "dpo"]),
    ],
)
def test_the_training_suits_what_is_judged(here: Path, shapes: list[str], trainers: list[str]) -> None:
    for shape in shapes:
        write_jsonl(here / f"{shape}.jsonl", SHAPES[shape][0])
    study, _ = drafted(*(f"{shape}.jsonl" for shape in shapes))
    assert [next(iter(step)) for step in study["train"]] == trainers


def test_a_file_that_is_named_twice_is_one_source(here: Path) -> None:
    (here / "mixed").mkdir()
    for name in "ab":
        write_jsonl(here / f"mixed/{name}.jsonl", SHAPES["hh"][0])
    study, _ = drafted("mixed", "mixed/a.jsonl", "mixed/../mixed")
    assert [source["path"] for source in study["sources"]] == ["mixed"]
    study, _ = drafted("mixed/a.jsonl", "mixed")
    assert [source["path"] for source in study["sources"]] == ["mixed/a.jsonl", "mixed/b.jsonl"]


@pytest.mark.parametrize(
    ("shapes", "benchmark"),
    [(["hh", "kto"], "preference_accuracy"), (["kto"], "perplexity"), (["alpaca"], "perplexity")],
)
def test_the_benchmark_suits_what_is_judged(here: Path, shapes: list[str], benchmark: str) -> None:
    for shape in shapes:
        write_jsonl(here / f"{shape}.jsonl", SHAPES[shape][0])
    study, _ = drafted(*(f"{shape}.jsonl" for shape in shapes))
    assert [next(iter(one)) for one in study["evaluate"]] == [benchmark]


@pytest.mark.slow
def test_held_out_demonstrations_are_measured(here: Path, tiny_model: Path) -> None:
    rows = [{"instruction": f"Name number {i} of it.", "input": "", "output": f"It is {i * i}."} for i in range(30)]
    write_jsonl(here / "shown.jsonl", rows)
    study, _ = drafted("shown.jsonl")
    study |= {"model": str(tiny_model), "train": [{"sft": {"max_steps": 1}}]}
    run = unipref.run(study, here / "run")
    scores = json.loads((run / "scores.json").read_text())
    assert {(row["step"], row["benchmark"], row["n"]) for row in scores if row["metric"] == "perplexity"} == {
        ("base", "perplexity", 3),
        ("sft", "perplexity", 3),
    }


def test_the_fields_of_a_known_dataset_are_named_and_common_ones_are_not(here: Path) -> None:
    write_jsonl(here / "steps.jsonl", solutions("sums"))
    # prompt, chosen and rejected are the fields of tulu_preference, and of many others.
    write_jsonl(here / "pairs.jsonl", SHAPES["tulu"][0])
    _, said = drafted("steps.jsonl", "pairs.jsonl")
    known = [line for line in said if "known dataset" in line]
    assert known == [
        "# steps: same fields as the known dataset 'bigbench_mistake'; if it is that, replace format and map by "
        "'dataset: bigbench_mistake'"
    ]


def test_the_kinds_of_edits_are_named(here: Path) -> None:
    rows = [
        {
            "before_sent": f"He go to the house number {i} on a hill.",
            "after_sent": f"He goes to the house number {i} on a hill.",
            "intent": ("fluency", "clarity", "other")[i % 3],
        }
        for i in range(30)
    ]
    write_jsonl(here / "edits.jsonl", rows)
    _, said = drafted("edits.jsonl")
    assert said[1] == (
        "# edits: every edit counts as an improvement; leave out others with 'where', for instance by 'intent' "
        "(clarity, fluency, other)"
    )


def test_no_demonstration_is_drafted_over_a_judgement_without_a_question(here: Path) -> None:
    rows = [
        {"question": f"What is number {i}?", "answer": f"It is {i}, as far as I know.", "grade": "ABCD"[i % 4]}
        for i in range(20)
    ]
    write_jsonl(here / "graded.jsonl", rows)
    study, said = drafted("graded.jsonl")
    assert study["sources"][0]["map"]["where"] == {"grade": "?"}
    assert any("'grade' looks like a judgement (A, B, C, D) and is not read" in line for line in said)
    with pytest.raises(UserError) as caught:
        unipref.unify_feedback(study, here / "run")
    assert caught.value.where == "sources.0 (graded).map.where.grade"


def write_rated(path: Path, first: int, name: str) -> None:
    rows = [
        {"question": f"What is number {n}?", "answer": f"{name} says that it is {n}, {mark}.", "stars": mark, "ts": n}
        for n in range(first, first + 12)
        for mark in (5, 2)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_sources_that_share_prompts_are_named(here: Path) -> None:
    write_rated(here / "one.jsonl", 0, "Ann")
    write_rated(here / "two.jsonl", 6, "Bo")
    study, comments = drafted("one.jsonl", "two.jsonl")
    assert "# Sources with the same prompts: one and two (6 of the first 12 and 12)." in comments
    assert study["unify"] == {"aggregate": "latent", "overruled": "leave_out"}
    write_rated(here / "two.jsonl", 100, "Bo")
    study, comments = drafted("one.jsonl", "two.jsonl")
    assert not [line for line in comments if "same prompts" in line]
    assert "unify" not in study


def test_fields_that_are_not_read_are_listed(here: Path) -> None:
    write_rated(here / "one.jsonl", 0, "Ann")
    assert "# one: not read: ts" in drafted("one.jsonl")[1]
