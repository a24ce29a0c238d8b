"""The built-in world: reproducible, with disjoint parts and labels as noisy as documented."""

import csv
import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from unipref.core import registry, yaml_files
from unipref.core.answer_checks.rules import follows
from unipref.core.contracts import Format, read_all
from unipref.core.records import Feedback
from unipref.demo import BenchmarkSizes, FeedbackSizes, World, instructions, write_data
from unipref.demo.coreference import PARTS, Case, Cases, Frame
from unipref.demo.instructions import TYPES, Tasks

STUDY = Path(instructions.__file__).with_name("study.yaml")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    write_data(folder, World(documents=3000))
    return folder


def json_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_same_settings_give_the_same_bytes(tmp_path: Path) -> None:
    small = {
        "documents": 50,
        "feedback": FeedbackSizes(pairs=20, multiple_choice=20, ratings=24, tree=20, thumbs=12),
        "benchmarks": BenchmarkSizes(coreference={"test": 10}, instructions={"test": 24}),
    }
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_data(tmp_path / name, World(seed=seed, **small))
    a, b, c = (hashes(tmp_path / name) for name in "abc")
    assert len(a) == 11  # six files of feedback, two benchmarks, corpus, truth and raters
    assert a == b
    # The names and manners of the raters do not depend on the seed.
    assert {name for name in a if a[name] == c[name]} == {"raters.jsonl"}


def test_the_reason_determines_the_referent() -> None:
    helper = Case("nurse", "guard", Frame("helped", "was kind", True))
    helped = Case("nurse", "guard", Frame("helped", "was hurt", False))
    assert helper.question("she") == "The nurse helped the guard because she was kind. Who was kind?"
    assert (helper.referent, helper.pro(), helper.anti()) == ("nurse", "she", "he")
    assert (helped.referent, helped.other, helped.pro(), helped.anti()) == ("guard", "nurse", "he", "she")


def test_parts_share_neither_occupations_nor_frames_nor_tasks() -> None:
    cases, tasks = Cases(0), Tasks(0)
    seen: list[set[str]] = []
    import random

    for part in PARTS:
        drawn = cases.sample(part, 2000, random.Random(1))
        words = {case.first for case in drawn} | {case.second for case in drawn}
        frames = {f"{case.frame.verb} {case.frame.reason}" for case in drawn}
        prompts = {task.prompt for task in tasks.sample(part, 10_000, random.Random(1))}
        seen.append(words | frames | prompts)
    assert all(len(part) > 300 for part in seen)
    assert not seen[0] & seen[1]
    assert not seen[0] & seen[2]
    assert not seen[1] & seen[2]


def test_no_benchmark_prompt_is_in_feedback_or_corpus(world: Path) -> None:
    asked = {
        item["prompt"] for part in ("dev", "test") for item in json_lines(world / f"eval/instructions/{part}.jsonl")
    }
    for part in ("dev", "test"):
        items = json_lines(world / f"eval/coreference/{part}.jsonl")
        asked |= {item[side] for item in items for side in ("pro", "anti")}
    assert len(asked) == 468 + 900 + 2 * (400 + 1000)
    corpus = (world / "corpus.jsonl").read_text(encoding="utf-8")
    given = "".join(path.read_text(encoding="utf-8") for path in sorted((world / "feedback").iterdir()))
    plain = given.replace("\\", "")
    assert [prompt for prompt in asked if prompt in corpus or prompt in plain] == []


def test_pro_and_anti_differ_in_the_pronoun_only(world: Path) -> None:
    for item in json_lines(world / "eval/coreference/test.jsonl"):
        pro, anti = item["pro"].split(), item["anti"].split()
        assert {(a, b) for a, b in zip(pro, anti, strict=True) if a != b} <= {("he", "she"), ("she", "he")}
        assert item["pro"] != item["anti"]


@pytest.mark.parametrize("make", TYPES, ids=lambda make: make.__name__)
def test_right_answers_follow_and_wrong_ones_do_not(make: Any) -> None:
    for variants in make():
        for task in variants:
            assert follows(task.right, task.rule, task.arguments), task
            assert not any(follows(wrong, task.rule, task.arguments) for wrong in task.wrong), task


def test_there_are_twelve_types_in_equal_shares(world: Path) -> None:
    counts = Counter(item["rule"] for item in json_lines(world / "eval/instructions/test.jsonl"))
    assert set(counts.values()) == {75}
    assert len(counts) == 12


def test_the_study_reads_every_row_of_the_six_files(world: Path) -> None:
    study = yaml_files.read(STUDY)
    results = {}
    for source in study["sources"]:
        form = registry.make("format", source["format"], source.get("map"), source["name"])
        assert isinstance(form, Format)
        path = world / source["path"]
        if path.suffix == ".csv":
            rows: list[dict[str, Any]] = list(csv.DictReader(path.open(encoding="utf-8", newline="")))
        else:
            rows = json.loads(path.read_text()) if path.suffix == ".json" else json_lines(path)
        read = read_all(form, rows)
        assert all(isinstance(feedback, Feedback) and feedback.annotator for feedback in read)
        results[source["format"]] = len(read)
    # A tenth of the prompts comes twice more: 1.2 times the sizes. 40 of the trees have a second question, and three
    # answers to each question are rated. The panel gives three votes on a fifth of 840 + 720 + 480 prompts.
    assert results == {
        "pairs": 840,
        "multiple_choice": 480,
        "ratings": 3 * 720,
        "tree": 480 + 40,
        "thumbs": 480,
        "votes": 3 * (168 + 144 + 96),
    }
