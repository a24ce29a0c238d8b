"""Prompts that occur in benchmarks: the same text, enough of it, and what does not count."""

import json
from pathlib import Path

import numpy as np
import pytest

import unipref
from support.audit_rows import preference
from unipref.analysis.audit import audit
from unipref.clean.text_overlap import Benchmarks, distinct_run_hashes, files_in, split_words
from unipref.core.errors import UserError

LETTERS = "alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa quebec"
"""Seventeen words: ten runs of eight."""
QUESTION = "Which of these rivers flows north?"


@pytest.fixture
def folder(tmp_path):
    """Three benchmarks: nested JSON Lines with a second file, a CSV without a folder, texts of an unknown ending."""
    place = tmp_path / "benchmarks"
    (place / "quiz").mkdir(parents=True)
    (place / "pronouns").mkdir()
    rows = [{"id": 1, "turns": [{"text": QUESTION}], "answer": "Yes it is"}, {"id": 2, "turns": [{"text": LETTERS}]}]
    (place / "quiz" / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (place / "quiz" / "by_text.json").write_text(json.dumps({"a key that holds a sentence": ["x"]}))
    (place / "truth.csv").write_text(f"n,question\n1,Who invented the light bulb?\n2,{QUESTION}\n")
    (place / "pronouns" / "lines.txt.dev").write_text("1 [The nurse] called the engineer because she was very late.\n")
    (place / "pronouns" / "picture.png").write_bytes(b"\x89PNG\x00\xff\xfe")
    return place


def leaks(make_run, folder, *prompts):
    run = make_run([preference("a", f"a:{i}", prompt, "yes", "no") for i, prompt in enumerate(prompts, 1)])
    found = audit(run, benchmarks=folder)
    return [(leak.benchmark, leak.exact, leak.overlapping, leak.examples) for leak in found.sources[0].prompts.leaks]


def test_the_same_prompt_is_found_whatever_its_case_and_blanks(make_run, folder):
    assert leaks(make_run, folder, f"  {QUESTION.upper()} \n", "Another question altogether, is it?") == [
        ("quiz", 1, 0, [("a:1", "quiz/items.jsonl:1")]),
        ("truth", 1, 0, [("a:1", "truth.csv:3")]),
    ]


def test_a_prompt_is_counted_once_however_often_it_comes(make_run, folder):
    found = leaks(make_run, folder, "Who invented the light bulb?", "who invented the light  bulb?")
    assert found == [("truth", 1, 0, [("a:1", "truth.csv:2")])]


def test_keys_that_are_sentences_count(make_run, folder):
    found = leaks(make_run, folder, "A key that holds a sentence")
    assert found == [("quiz", 1, 0, [("a:1", "quiz/by_text.json:1")])]


def test_eight_of_ten_runs_are_an_overlap_and_seven_are_not(make_run, folder):
    parted = LETTERS.split()
    other = "one two three four five six"
    # Fifteen words of seventeen in a row hold eight of the ten runs, fourteen hold seven.
    assert leaks(make_run, folder, " ".join(parted[:15]) + " " + other) == [
        ("quiz", 0, 1, [("a:1", "quiz/items.jsonl:2")])
    ]


def test_seven_of_ten_runs_are_none(make_run, folder):
    assert leaks(make_run, folder, " ".join(LETTERS.split()[:14]) + " one two three four five six") == []


def test_a_benchmark_sentence_inside_a_longer_prompt_is_an_overlap(make_run, folder):
    prompt = (
        "Say whether the pronoun is right. Sentence: 'The nurse called the engineer, because she was very late!' "
        "Answer with yes or no, and give a reason that a child would understand."
    )
    # Without its number and brackets the line has ten words, so three runs; all of them are in the prompt.
    assert leaks(make_run, folder, prompt) == [("pronouns", 0, 1, [("a:1", "pronouns/lines.txt.dev:1")])]
    assert leaks_again(folder, "1 " + prompt.split("'")[1]) == [("pronouns", False)]


def leaks_again(folder, turn):
    return [(match.benchmark, match.exact) for match in Benchmarks(files_in(folder)).matches(["No.", turn])]


def test_texts_of_fewer_than_five_words_are_not_compared(make_run, folder):
    assert leaks(make_run, folder, "Yes it is", "Is it?") == []


def test_what_was_read_is_said(make_run, folder):
    found = audit(make_run([preference("a", "a:1", "Q?", "yes", "no")]), benchmarks=folder)
    assert found.benchmarks.texts == {"pronouns": 1, "quiz": 3, "truth": 2}
    assert [place.partition(":")[0] for place in found.benchmarks.unread] == ["pronouns/picture.png"]


def test_scripts_without_blanks_are_parted_by_character():
    assert split_words("hello, world_2 你好吗") == ["hello", "world", "2", "你", "好", "吗"]


def test_runs_are_different_for_different_orders_and_none_for_short_texts():
    assert len(distinct_run_hashes(LETTERS.split())) == 10
    assert len(distinct_run_hashes(LETTERS.split()[:7])) == 0
    assert len(distinct_run_hashes(["a"] * 20)) == 1
    shared = np.intersect1d(distinct_run_hashes(LETTERS.split()), distinct_run_hashes(LETTERS.split()[::-1]))
    assert len(shared) == 0


def test_a_folder_without_benchmarks_is_refused(make_run, tmp_path):
    run = make_run([preference("a", "a:1", "Q?", "yes", "no")])
    with pytest.raises(UserError, match="folder of benchmarks does not exist"):
        audit(run, benchmarks=tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no text of five words"):
        audit(run, benchmarks=tmp_path / "empty")


@pytest.mark.slow
@pytest.mark.shared
def test_the_known_overlaps_of_public_data_are_found(shared, tmp_path):
    study = {
        "data_root": str(shared / "data" / "feedback"),
        "sources": [{"name": name, "dataset": name, "path": name} for name in ("llmbar", "alpaca")],
    }
    unipref.unify_feedback(study, tmp_path / "run")
    found = {page.source: page for page in audit(tmp_path / "run", benchmarks=shared / "data" / "eval").sources}
    (llmbar,), (alpaca,) = found["llmbar"].prompts.leaks, found["alpaca"].prompts.leaks
    # Of the three, one is the same, one differs in a question mark, one has another first sentence.
    assert (llmbar.benchmark, llmbar.exact, llmbar.overlapping) == ("mt_bench", 1, 2)
    assert sorted(llmbar.examples) == [
        ("llmbar/Natural/dataset.json:17", "mt_bench/question.jsonl:54"),
        ("llmbar/Natural/dataset.json:3", "mt_bench/question.jsonl:37"),
        ("llmbar/Natural/dataset.json:9", "mt_bench/question.jsonl:35"),
    ]
    assert (alpaca.benchmark, alpaca.exact, alpaca.overlapping) == ("truthfulqa", 1, 0)
    assert alpaca.examples == [("alpaca/alpaca_5000.json:891", "truthfulqa/TruthfulQA.csv:686")]


def test_a_folder_named_from_here_is_read_as_one_named_in_full(make_run, tmp_path, monkeypatch):
    run = make_run([preference("a", "a:1", "Who invented the light bulb?", "Edison.", "Nobody.")])
    folder = tmp_path / "eval" / "qa"
    folder.mkdir(parents=True)
    (folder / "qa.csv").write_text('n,question\n1,"Who invented the light bulb?"\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for named in (tmp_path / "eval", Path("eval")):
        (page,) = audit(run, benchmarks=named).sources
        assert [(leak.benchmark, leak.exact) for leak in page.prompts.leaks] == [("qa", 1)]
