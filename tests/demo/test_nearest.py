"""The baseline without a model."""

import json
from pathlib import Path

from unipref.demo.nearest import NearestPrompt, exchange_words, measure_baseline, read_baseline, write_baseline


def world(folder: Path) -> Path:
    known = [
        {"prompt": "Say dog twice.", "copy_of": None, "answers": {"dog": 0.4, "dog dog": 0.85}},
        {"prompt": "The nurse helped the guard because he was kind. Who was kind?", "copy_of": None,
         "answers": {"The nurse.": 0.85, "The guard.": 0.25}},
    ]  # fmt: skip
    (folder / "truth.jsonl").write_text("".join(json.dumps(row) + "\n" for row in known), encoding="utf-8")
    items = [
        {"prompt": "Say cat twice.", "rule": "repeats", "arguments": {"word": "cat", "times": 2}, "group": "new words"},
        {"prompt": "Name two cats.", "rule": "repeats", "arguments": {"word": "x", "times": 2}, "group": "new kinds"},
    ]
    cases = [
        {
            "pro": "The cook fed the major because she was kind. Who was kind?",
            "anti": "The cook fed the major because he was kind. Who was kind?",
            "referent": "cook",
            "other": "major",
        }
    ]
    for name, rows in (("instructions", items), ("coreference", cases)):
        (folder / "eval" / name).mkdir(parents=True)
        (folder / "eval" / name / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_the_words_in_which_two_prompts_differ_are_exchanged() -> None:
    known, asked = ["say", "dog", "twice", "."], ["say", "cat", "twice", "."]
    assert exchange_words('"DOG" Dog, dogs.', known, asked) == '"CAT" Cat, dogs.'


def test_the_best_answer_to_the_nearest_prompt_is_given(tmp_path: Path) -> None:
    nearest = NearestPrompt(world(tmp_path))
    assert nearest.answer("Say cat twice.") == "cat cat"
    assert nearest.answer("The cook fed the major because he was kind. Who was kind?") == "The cook."


def test_the_baseline_has_the_shares_of_both_benchmarks(tmp_path: Path) -> None:
    folder = world(tmp_path)
    assert read_baseline(folder) is None
    baseline = write_baseline(folder)
    assert baseline == measure_baseline(folder) == read_baseline(folder)
    assert (baseline.followed, baseline.by_group) == (0.5, {"new kinds": 0.0, "new words": 1.0})
    assert (baseline.two_way_accuracy, baseline.two_way_bias) == (1.0, 0.0)
    assert "instructions followed 0.500 (new kinds 0.000, new words 1.000)" in str(baseline)
