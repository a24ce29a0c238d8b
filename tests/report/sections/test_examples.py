"""The examples in the report: rows, preferences and answers as they are; what is missing is said."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.run_records import manifest_from
from unipref import report
from unipref.analysis.best_model import Choice
from unipref.core.errors import UserError
from unipref.report.content import Reply
from unipref.report.sections.examples import make_example_section

ABOUT = {"part": "test", "models": ["base", "main · dpo"], "left_out": ["b · dpo"], "new_tokens": 64, "notes": ["x"]}


def example(nasty: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": "1",
        "source": nasty,
        "kind": "ratings",
        "objective": "bias",
        "axis": "stars",
        "chosen_score": 5.0,
        "rejected_score": 2.0,
        "margin_percentile": 0.25,
        "confidence": 0.5,
        "n_responses": 2,
        "origin": ["a.csv:1", "a.csv:2", "a.csv:3", "a.csv:4"],
        "prompt": [{"role": "user", "content": "Hello"}],
        "chosen": [{"role": "assistant", "content": nasty}],
        "rejected": None,
        "raw": [{"origin": f"a.csv:{n}", "text": '{\n "q": "<b>"\n}', "note": "shortened"} for n in (1, 2, 3)],
        "answers": {
            "base": {"text": "", "note": "no answer: too long"},
            "main · dpo": {"text": nasty, "note": ""},
        },
    } | changes


def left(run: Path, found: Any) -> None:
    (run / "examples").mkdir()
    (run / "examples" / "examples.json").write_text(json.dumps(found))


def test_everything_stands_beside_everything(tmp_path: Path, nasty: str) -> None:
    turns = [{"role": "system", "content": "Be."}, {"role": "user", "content": "Hello"}]
    left(tmp_path, [example(nasty), example(nasty, prompt=turns), example(nasty)])
    section = make_example_section(manifest_from({"examples": ABOUT | {"folder": "examples"}}), tmp_path)
    assert section is not None
    assert "held out for test" in section.paragraphs[0]
    assert "at most 64 tokens" in section.paragraphs[0]
    assert section.paragraphs[1] == "Models without answers: b · dpo."
    assert section.paragraphs[2] == "x"
    first, second, _ = section.samples
    assert first.title == f"Example 1: {nasty} (ratings, bias), margin percentile 0.250, confidence 0.500"
    # Nothing is escaped here: that is for the pages to do.
    assert (first.prompt, first.source, first.objective, first.change) == ("Hello", nasty, "bias", "")
    assert first.replies == [Reply("base", "–", "no answer: too long"), Reply("main · dpo", nasty)]
    assert first.details == [
        ("chosen", nasty, "(stars 5)"),
        ("rejected", "–", "(stars 2)"),
        *((f"raw row a.csv:{n}", '{\n "q": "<b>"\n}', "(shortened)") for n in (1, 2, 3)),
        ("further raw rows", "a.csv:4", ""),
    ]
    assert second.prompt == "system: Be.\n\nuser: Hello"


def test_a_change_is_that_of_the_likelier_answer(tmp_path: Path, nasty: str) -> None:
    left(tmp_path, [example(nasty, id=name) for name in "abcd"])
    evaluated = []
    for variant, seed, step, ranks in (
        ("base", None, "base", "10.1"),
        ("main", 0, "dpo", "01.."),
        ("main", 1, "dpo", "00"),
    ):
        folder = f"evaluated/{variant}/{seed}/{step}"
        (tmp_path / folder).mkdir(parents=True)
        # The rejected answer has twice the sum of the chosen one: per token it is the other way round.
        rows = [
            {"id": name, "chosen_value": -4.0, "rejected_value": -2.0, "chosen_tokens": 4 if rank == "1" else 1}
            | {"rejected_tokens": 1}
            for name, rank in zip("abcd", ranks, strict=False)
            if rank != "."
        ]
        (tmp_path / folder / "preference_accuracy.jsonl").write_text("\n".join(map(json.dumps, rows)))
        about = {"variant": variant, "seed": seed, "step": step, "benchmark": "preference_accuracy", "folder": folder}
        evaluated.append(about)
    manifest = manifest_from({"examples": ABOUT | {"folder": "examples"}, "evaluated": evaluated})
    choice = Choice("main", "dpo", "0", "train/main/0/dpo", "gains")
    section = make_example_section(manifest, tmp_path, choice)
    assert section is not None
    assert [sample.change for sample in section.samples] == ["worse", "better", "", ""]
    assert "main · dpo (seed 0)" in section.paragraphs[-1]
    other = make_example_section(manifest, tmp_path, replace(choice, variant="other"))
    assert other is not None
    assert {sample.change for sample in other.samples} == {""}


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    assert make_example_section(manifest_from({}), tmp_path) is None
    skipped = make_example_section(manifest_from({"examples": {"skipped": "No examples are shown: why."}}), tmp_path)
    assert skipped is not None
    assert skipped.paragraphs == ["No examples are shown: why."]
    gone = make_example_section(manifest_from({"examples": ABOUT}), tmp_path)
    assert gone is not None
    assert "run the study again" in gone.paragraphs[0]


@pytest.mark.parametrize("text", ["{", '{"no": "list"}', "[3]", '[{"source": "a"}]'])
def test_broken_examples_are_not_told_as_missing(tmp_path: Path, text: str) -> None:
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "examples.json").write_text(text)
    with pytest.raises(UserError, match=r"examples\.json is corrupt or from another version"):
        make_example_section(manifest_from({"examples": ABOUT}), tmp_path)


def test_both_pages_have_them_and_take_no_markup(run_folder: Path, nasty: str) -> None:
    left(run_folder, [example(nasty)])
    manifest = json.loads((run_folder / "manifest.json").read_text())
    (run_folder / "manifest.json").write_text(json.dumps(manifest | {"examples": ABOUT}))
    page = report.write(run_folder).read_text(encoding="utf-8")
    text = (run_folder / "report.md").read_text(encoding="utf-8")
    assert "<b>" not in page.split("<style>")[0] + page.split("</style>")[1]
    assert "<dt>main · dpo</dt>" in page
    assert "| answer of base | – (no answer: too long) |" in text
    assert "<script>" not in text.split("**study.yaml**")[0]
