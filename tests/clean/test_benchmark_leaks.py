"""Tests of benchmark leaks: matches, removals, counts, and the overlap against its definition."""

import json
import random
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import unipref
from support.clean_rows import counts, part, preference, removed, run
from unipref.clean import CleanSettings, SplitSettings
from unipref.clean.benchmark_leaks import BenchmarkLeaks
from unipref.clean.text_overlap import BenchmarkFile, Benchmarks
from unipref.core.errors import UserError
from unipref.core.progress import ProgressListener
from unipref.core.text_keys import normalise
from unipref.pipeline import execute
from unipref.pipeline.run import Run
from unipref.study import load

ALL = SplitSettings(dev=0, test=0)
QUESTION = "Which of these rivers flows north?"
STORY = "Two friends went out one day to look for the place at which the river rises and found it before the evening"


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Path]:
    """Three benchmarks: WinoBias lines in a folder, a table, and a file of JSON lines."""
    bias = tmp_path / "data" / "winobias"
    bias.mkdir(parents=True)
    (bias / "pro_stereotyped_type1.txt.test").write_text(
        "1 [The janitor] reprimanded the accountant because [he] got less allowance.\n"
        "2 The carpenter built [the desk] and then [it] was sold.\n"
    )
    (bias / "male_occupations.txt").write_text("driver\n")
    (bias.parent / "truth.csv").write_text(f'n,question,answer\n1,{QUESTION},"The Nile, the Rhine and the Elbe do"\n')
    rows = [{"turns": [STORY, "Say it again."], "label": "yes"}, {"turns": ["What next?"], "label": "no"}]
    (bias.parent / "talks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"winobias": bias, "truth": bias.parent / "truth.csv", "talks": bias.parent / "talks.jsonl"}


def leaked(
    data: dict[str, Path], folder: Path, *prompts: Any, settings: CleanSettings | None = None
) -> list[str | None]:
    """Returns the twin of each prompt's preference; None if it is kept."""
    rows = [preference(f"{i}", prompt, f"g{i}") for i, prompt in enumerate(prompts)]
    run([*rows, preference("free", "A prompt of its own", "free")], folder, ALL, settings, data)
    twins = {row["id"]: row["twin"] for row in removed(folder)}
    assert {row["reason"] for row in removed(folder)} <= {"benchmark"}
    return [twins.get(row["id"]) for row in rows]


def test_leaks_are_removed_with_their_place_and_counted(tmp_path: Path, data: dict[str, Path]) -> None:
    rows = [
        preference("a", QUESTION.upper(), "g1", "one"),
        preference("b", "Another question altogether, is it?", "g2", "one"),
        preference("c", f"{STORY}. Tell it from the end.", "g3", "two"),
        preference("d", QUESTION, "g1", "two", chosen="another answer"),
    ]
    result = run(rows, tmp_path / "a", ALL, benchmarks=data)
    assert counts(result) == {"train": 1, "dev": 0, "test": 0, "removed": {"benchmark": 3}}
    assert removed(tmp_path / "a") == [
        {"id": "a", "source": "one", "reason": "benchmark", "twin": "truth/truth.csv:2"},
        {"id": "c", "source": "two", "reason": "benchmark", "twin": "talks/talks.jsonl:1"},
        {"id": "d", "source": "two", "reason": "benchmark", "twin": "truth/truth.csv:2"},
    ]
    assert result["benchmarks"] == {
        "talks": {"texts": 1, "found": 1},
        "truth": {"texts": 2, "found": 2},
        "winobias": {"texts": 2, "found": 0},
    }
    assert result["by_source"] == {"one": {"benchmark": 1, "preferences": 2}, "two": {"benchmark": 2, "preferences": 2}}
    assert result["examples"]["benchmark"][0] == {
        "id": "a",
        "source": "one",
        "reason": "benchmark",
        "twin": "truth/truth.csv:2",
        "origin": "one.jsonl:1",
        "twin_origin": "truth/truth.csv:2",
    }
    assert result["notes"][0] == "3 preferences removed: benchmark 3"
    assert result["notes"][1].startswith("one: 50 % of its preferences were removed as benchmark; if a benchmark's")


def test_the_check_can_be_left_out(tmp_path: Path, data: dict[str, Path]) -> None:
    result = run([preference("a", QUESTION, "g")], tmp_path / "a", ALL, CleanSettings(benchmarks=False), data)
    assert counts(result) == {"train": 1, "dev": 0, "test": 0, "removed": {}}
    assert result["benchmarks"] == {}


def test_numbers_and_brackets_of_winobias_lines_do_not_hide_them(tmp_path: Path, data: dict[str, Path]) -> None:
    sentence = "The janitor reprimanded the accountant because he got less allowance."
    place = "winobias/pro_stereotyped_type1.txt.test:1"
    longer = f"Who is meant by the pronoun? Sentence: {sentence} Give one word only, and no reason for it."
    assert leaked(data, tmp_path / "a", sentence, longer, sentence.replace("janitor", "cook")) == [place, place, None]
    # Nine words, so two runs; a changed one in the middle is in both.
    assert leaked(data, tmp_path / "b", "The carpenter built the desk and then it was sold") == [place[:-1] + "2"]


def test_all_user_turns_are_compared_and_no_other_turns(tmp_path: Path, data: dict[str, Path]) -> None:
    def turns(*contents: str) -> list[dict[str, str]]:
        roles = ("system", "user", "assistant", "user")
        return [{"role": role, "content": content} for role, content in zip(roles, contents, strict=True)]

    found = leaked(
        data,
        tmp_path / "a",
        turns("Be kind.", "Hello there!", "Hello.", QUESTION),
        turns(QUESTION, "Hello there!", "Hello.", "Which one?"),
        turns("Be kind.", "Hello there!", QUESTION, "Which one?"),
        "Say it again.",  # three words
        "yes",
    )
    assert found == ["truth/truth.csv:2", None, None, None, None]


def test_an_answer_that_a_benchmark_contains_is_not_a_leak(tmp_path: Path, data: dict[str, Path]) -> None:
    rows = [preference("a", "Name three rivers", "g", chosen="The Nile, the Rhine and the Elbe do", rejected=QUESTION)]
    assert run(rows, tmp_path / "a", ALL, benchmarks=data)["removed"] == {}


def test_a_leak_is_removed_from_all_parts(tmp_path: Path, data: dict[str, Path]) -> None:
    rows = [preference(f"{i}", f"Question number {i} of the many", f"g{i}") for i in range(40)]
    rows += [preference(f"leak{i}", f"{STORY} {i}", f"l{i}") for i in range(40)]
    result = run(rows, tmp_path / "a", SplitSettings(dev=0.25, test=0.25), benchmarks=data)
    assert counts(result) == {"train": 20, "dev": 10, "test": 10, "removed": {"benchmark": 40}}
    kept = [name for p in ("train", "dev", "test") for name in part(tmp_path / "a", p)]
    assert not any(name.startswith("leak") for name in kept)


def test_a_leak_is_never_the_twin_of_a_duplicate(tmp_path: Path, data: dict[str, Path]) -> None:
    # The first is a leak; the second says nearly the same, beyond the benchmark's words, and the third says it too.
    one, two = (f"{STORY} {' '.join(f'w{i}' for i in range(200))} {end}" for end in ("first", "second"))
    quoted = "The janitor reprimanded the accountant because he got less allowance."
    nearly = quoted.replace("got", "took")
    rows = [preference(name, text, name) for name, text in (("a", one), ("b", one), ("c", two), ("d", nearly))]
    rows += [preference("e", nearly, "e")]
    run(rows, tmp_path / "a", ALL, CleanSettings(duplicates="near"), data)
    assert [(row["id"], row["reason"], row["twin"]) for row in removed(tmp_path / "a")] == [
        ("a", "benchmark", "talks/talks.jsonl:1"),
        ("b", "benchmark", "talks/talks.jsonl:1"),
        ("c", "benchmark", "talks/talks.jsonl:1"),
        ("e", "duplicate", "d"),
    ]


def test_a_benchmark_that_contains_all_training_data_is_an_error(tmp_path: Path, data: Any) -> None:
    with pytest.raises(UserError, match=r"no preference is left .* \{'benchmark': 1\}") as caught:
        run([preference("a", QUESTION, "g")], tmp_path / "a", benchmarks=data)
    assert "set it to the test file" in str(caught.value)


def test_unreadable_benchmark_rows_are_reported(tmp_path: Path, data: dict[str, Path]) -> None:
    (data["winobias"] / "picture.png").write_bytes(b"\x89PNG\x00\xff\xfe")
    result = run([preference("a", "Another prompt", "g")], tmp_path / "a", ALL, benchmarks=data)
    assert len(result["notes"]) == 1
    assert result["notes"][0].startswith("1 benchmark rows or files could not be read, so not compared; the first")
    assert "winobias/picture.png" in result["notes"][0]


def test_a_benchmark_of_single_words_matches_nothing(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("driver\nnurse\n")
    result = run([preference("a", "driver", "g")], tmp_path / "a", ALL, benchmarks={"w": tmp_path / "words.txt"})
    assert (result["train"], result["benchmarks"]) == (1, {"w": {"texts": 0, "found": 0}})


def overlaps(one: str, other: str) -> bool:
    """Applies the definition: the same words, or 0.8 of the different 8-grams of the text with fewer."""
    grams = [{tuple(text.split()[i : i + 8]) for i in range(len(text.split()) - 7)} for text in (one, other)]
    least = min(map(len, grams))
    return one == other or (least > 0 and len(grams[0] & grams[1]) >= 0.8 * least)


def test_overlap_matches_its_definition(tmp_path: Path) -> None:
    rng = random.Random(0)
    words = ["a", "b", "c", "d", "e"]
    pool = [" ".join(rng.choices(words, k=rng.randint(5, 40))) for _ in range(60)]

    def excerpt() -> str:
        known = rng.choice(pool).split()
        start = rng.randrange(len(known))
        return " ".join([*rng.choices(words, k=rng.randint(0, 12)), *known[start : start + rng.randint(1, 40)]])

    asked = [content for content in (excerpt() for _ in range(600)) if len(content.split()) >= 5]
    (tmp_path / "pool.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in pool))
    texts = Benchmarks([BenchmarkFile("pool", tmp_path / "pool.jsonl", "pool.jsonl")])
    expected = [any(overlaps(content, text) for text in pool) for content in asked]
    assert [bool(texts.matches([content])) for content in asked] == expected
    assert 50 < sum(expected) < 500


@pytest.fixture
def study_of(tmp_path: Path, data: dict[str, Path]) -> Any:
    """A study of six prompts, one of them the table's question; benchmarks by name and data."""
    prompts = [QUESTION, *(f"Question number {i} of the many?" for i in range(5))]
    rows = [{"prompt": prompt, "chosen": "yes it is", "rejected": "not so"} for prompt in prompts]
    (tmp_path / "data" / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    items = {key: f"some text {key}" for key in ("id", "pro", "anti", "answer", "distractor", "referent", "other")}
    (tmp_path / "data" / "items").mkdir()
    (tmp_path / "data" / "items" / "test.jsonl").write_text(json.dumps({**items, "pro": QUESTION}) + "\n")

    mapping = {key: key for key in ("prompt", "chosen", "rejected")}

    def make(*benchmarks: str, **changes: Any) -> dict[str, Any]:
        return {
            "model": "gpt2",
            "data_root": str(tmp_path / "data"),
            "sources": [{"name": "s", "path": "rows.jsonl", "format": "pairs", "map": mapping}],
            "split": {"dev": 0.2, "test": 0.2},
            "evaluate": [{"coreference": {"data": name}} for name in benchmarks] + [{"preference_accuracy": {}}],
            **changes,
        }

    return make


def test_the_benchmarks_of_all_variants_are_compared(tmp_path: Path, study_of: Any) -> None:
    variants = {"other": {"evaluate": [{"coreference": {"data": "winobias"}}, {"coreference": {"data": "items"}}]}}
    loaded = load.load(study_of("items", variants=variants))
    run = Run(loaded, tmp_path / "run", ProgressListener())
    root = tmp_path / "data"
    assert run.data.find_benchmark_data() == {"coreference": root / "items", "coreference-2": root / "winobias"}


def test_a_study_is_cleaned_of_its_benchmarks(tmp_path: Path, study_of: Any) -> None:
    execute.run(study_of("items"), tmp_path / "run", until="unify")
    assert pq.read_table(tmp_path / "run/clean/removed.parquet").to_pylist()[0]["twin"] == "coreference/test.jsonl:1"
    report = (tmp_path / "run" / "report.md").read_text()
    assert "| s | benchmark | 1 | 16.7 % |" in report
    assert "| coreference | 1 | 1 |" in report
    assert "| benchmark | rows.jsonl:1 | coreference/test.jsonl:1 |" in report
    execute.run(study_of("items", clean={"benchmarks": False}), tmp_path / "run", until="unify")
    assert pq.read_table(tmp_path / "run/clean/removed.parquet").num_rows == 0


def test_benchmarks_whose_data_are_fetched_are_named(tmp_path: Path, study_of: Any) -> None:
    pytest.importorskip("lm_eval")
    evaluate = [{"lm_eval": {"task": "hellaswag"}}, {"preference_accuracy": {}}]

    def notes(**changes: Any) -> list[str]:
        run = execute.run(study_of(evaluate=evaluate, **changes), tmp_path / "run", until="unify")
        return [note for note in json.loads((run / "manifest.json").read_text())["clean"]["notes"] if "fetch" in note]

    (note,) = notes()
    assert note.startswith("lm_eval:hellaswag: prompts were not compared with data that is fetched at evaluation")
    assert note in (tmp_path / "run" / "report.md").read_text()
    assert notes(clean={"benchmarks": False}) == []
    # A copy in its folder is compared: of the six prompts, the question is removed.
    (tmp_path / "data" / "lm_eval").mkdir()
    (tmp_path / "data" / "lm_eval" / "hellaswag.jsonl").write_text(json.dumps({"ctx": QUESTION}) + "\n")
    assert notes() == []
    assert pq.read_table(tmp_path / "run/clean/removed.parquet")["twin"].to_pylist() == ["lm_eval/hellaswag.jsonl:1"]


def test_later_stages_rerun_only_if_a_preference_is_removed(tmp_path: Path, study_of: Any) -> None:
    def cached() -> dict[str, bool]:
        stages = json.loads((tmp_path / "run/manifest.json").read_text())["stages"]
        return {stage["stage"]: stage["cached"] for stage in stages}

    execute.run(study_of(), tmp_path / "run", until="select")
    execute.run(study_of("winobias"), tmp_path / "run", until="select")
    assert cached() == {"unified": True, "clean": False, "selected": True}
    execute.run(study_of("winobias"), tmp_path / "run", until="select")
    assert cached() == {"unified": True, "clean": True, "selected": True}
    (tmp_path / "data/winobias/more.txt").write_text("Question number 3 of the many?\n")
    execute.run(study_of("winobias"), tmp_path / "run", until="select")
    assert cached() == {"unified": True, "clean": False, "selected": False}


@pytest.mark.slow
def test_the_built_in_world_has_no_leaks(tmp_path: Path) -> None:
    from unipref import demo

    demo.write_data(tmp_path, demo.World(documents=1))
    names = ("pairs.jsonl", "choices.jsonl", "trees.jsonl", "thumbs.json", "ratings.csv")
    texts = Benchmarks([BenchmarkFile("eval", path, path.name) for path in (tmp_path / "eval").rglob("*.jsonl")])
    feedback = Benchmarks([BenchmarkFile(name, tmp_path / "feedback" / name, name) for name in names])
    assert len(texts) > 2500
    assert len(feedback) > 2500
    truth = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text().splitlines()]
    assert [row["prompt"] for row in truth if texts.matches([row["prompt"]])] == []


@pytest.mark.slow
@pytest.mark.shared
def test_the_known_leaks_of_public_data_are_removed(shared: Path, tmp_path: Path) -> None:
    names = ("llmbar", "alpaca", "kto_thumbs")
    settings = {
        "data_root": str(shared / "data" / "feedback"),
        "sources": [{"name": name, "dataset": name, "path": name} for name in names],
    }
    unipref.unify_feedback(settings, tmp_path / "run")
    benchmarks = {name: shared / "data" / "eval" / name for name in ("mt_bench", "truthfulqa", "winobias", "ifeval")}
    (tmp_path / "out").mkdir()
    from unipref.clean import clean

    result = clean(
        tmp_path / "run/unified/preferences.parquet", SplitSettings(), CleanSettings(), tmp_path / "out", benchmarks
    )
    found = pq.read_table(tmp_path / "out/removed.parquet").to_pylist()
    assert sorted((row["source"], row["twin"]) for row in found if row["reason"] == "benchmark") == [
        ("alpaca", "truthfulqa/TruthfulQA.csv:686"),
        ("kto_thumbs", "winobias/pro_stereotyped_type2.txt.dev:303"),
        ("llmbar", "mt_bench/question.jsonl:35"),
        ("llmbar", "mt_bench/question.jsonl:37"),
        ("llmbar", "mt_bench/question.jsonl:54"),
    ]
    assert {name: found["found"] for name, found in result["benchmarks"].items()} == {
        "ifeval": 0,
        "mt_bench": 3,
        "truthfulqa": 1,
        "winobias": 1,
    }


def test_only_the_turn_of_a_dialogue_that_matches_counts_as_a_leaked_text(tmp_path: Path) -> None:
    question = "Which of these two rivers flows to the north sea?"
    (tmp_path / "b.jsonl").write_text(json.dumps({"question": question}) + "\n")
    leaks = BenchmarkLeaks({"b": tmp_path / "b.jsonl"})
    prompt: Any = [{"role": "user", "content": "hi"}, {"role": "user", "content": question}]
    assert leaks.find(prompt) is not None
    assert leaks.items == {("b", normalise(question))}
