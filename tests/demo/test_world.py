"""The built-in world: reproducible, with disjoint parts and labels as noisy as documented."""

import csv
import hashlib
import json
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from unipref.core import registry, yaml_files
from unipref.core.answer_checks.rules import follows
from unipref.core.contracts import Format, read_all
from unipref.core.records import Feedback
from unipref.demo import BenchmarkSizes, FeedbackSizes, World, instructions, write_data
from unipref.demo.coreference import Case, Cases, Frame, pronoun_of
from unipref.demo.instructions import KINDS_OF_TASKS, SHOWN_WORDINGS, Kind, Tasks, find_group
from unipref.demo.parts import PARTS

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


def test_parts_share_no_occupation_reason_thing_or_task() -> None:
    cases = Cases(0)
    tasks = Tasks(0, cases)
    seen: list[set[str]] = []
    for part in PARTS:
        drawn = cases.sample(part, 3000, random.Random(1))
        people = {case.first for case in drawn} | {case.second for case in drawn}
        reasons = {case.frame.reason for case in drawn}
        things = {thing.name for thing in tasks.lexicon.things[part]}
        prompts = {task.prompt for task in tasks.sample(part, 500, random.Random(1))}
        seen.append(people | reasons | things | prompts)
    assert all(len(part) > 500 for part in seen)
    assert not seen[0] & seen[1]
    assert not seen[0] & seen[2]
    assert not seen[1] & seen[2]


def test_the_test_part_has_more_than_sixty_referents(world: Path) -> None:
    items = json_lines(world / "eval/coreference/test.jsonl")
    assert len({item["referent"] for item in items}) >= 60
    assert len({item["reason"] for item in items}) == 10


def test_what_is_held_out_does_not_occur_in_the_feedback(world: Path) -> None:
    held_out = {kind.name for kind in KINDS_OF_TASKS if "feedback" not in kind.parts}
    assert {"begin+avoid", "people+quotes", "ask", "name_some", "yes_no"} < held_out
    shown = Tasks(3, Cases(3)).sample("feedback", 600, random.Random(0))
    assert not {task.kind for task in shown} & held_out
    assert all(wording < SHOWN_WORDINGS for task in shown for wording in task.wordings)
    given = "".join(path.read_text(encoding="utf-8") for path in sorted((world / "feedback").iterdir()))
    assert not [text for text in ("Only yes or no", "Ask somebody", "other than the") if text in given]
    assert not [kind.name for kind in KINDS_OF_TASKS if {"dev", "test"} <= set(kind.parts) and kind.group]


def test_each_test_item_names_its_kind_and_what_is_new(world: Path) -> None:
    items = json_lines(world / "eval/instructions/test.jsonl")
    assert Counter(item["group"] for item in items)["new combinations"] == 6 * 38
    assert Counter(item["group"] for item in items)["new kinds"] == 2 * 38
    assert {item["group"] for item in items} == set(instructions.GROUPS)


def test_no_benchmark_prompt_is_in_feedback_or_corpus(world: Path) -> None:
    asked = {
        item["prompt"] for part in ("dev", "test") for item in json_lines(world / f"eval/instructions/{part}.jsonl")
    }
    for part in ("dev", "test"):
        items = json_lines(world / f"eval/coreference/{part}.jsonl")
        asked |= {item[side] for item in items for side in ("pro", "anti")}
    assert len(asked) == 440 + 1026 + 2 * (200 + 500)
    corpus = (world / "corpus.jsonl").read_text(encoding="utf-8")
    given = "".join(path.read_text(encoding="utf-8") for path in sorted((world / "feedback").iterdir()))
    plain = given.replace("\\", "")
    assert [prompt for prompt in asked if prompt in corpus or prompt in plain] == []


def test_the_corpus_asks_for_no_held_out_word_and_never_meets_a_demand_as_an_answer(world: Path) -> None:
    lexicon = Tasks(3, Cases(3)).lexicon
    held_out = {name: {*lexicon.asked[name]["dev"], *lexicon.asked[name]["test"]} for name in lexicon.asked}
    texts = [row["text"] for row in json_lines(world / "corpus.jsonl")]
    asked = {
        name: {match[1] for text in texts for match in re.finditer(wording, text)}
        for name, wording in (
            ("opener", r"(?:Begin with|Start with|The first word is)(?: the word)? (\w+)\."),
            ("closer", r"(?:End with|Close with|The last word is)(?: the word)? (\w+)\."),
            ("adjective", r"(?:Use the word|Include the word|One word must be) (\w+)\."),
        )
    }
    assert all(len(words) > 60 for words in asked.values())
    assert not [name for name, words in asked.items() if words & held_out[name]]
    answers = [
        match for text in texts if (match := re.search(r"Begin with the word (\w+)\..*Answer: (.*)", text, re.S))
    ]
    assert answers
    assert not [match for match in answers if match[2].startswith(match[1])]


def test_a_strong_stereotype_overrides_the_reason_more_often(world: Path) -> None:
    cases = Cases(3)
    overridden: dict[bool, list[bool]] = {True: [], False: []}
    form = re.compile(r"The (\w+) \w+ the (\w+) because (he|she) (.*)\. Who .*Answer: The (\w+)\.", re.S)
    frames = {frame.reason: frame for frame in cases.frames}
    for row in json_lines(world / "corpus.jsonl"):
        if match := form.search(row["text"]):
            first, second, pronoun, reason, named = match.groups()
            case = Case(first, second, frames[reason])
            if pronoun_of(first) != pronoun_of(second) and pronoun == case.anti():
                overridden[cases.strength[case.other] > 0.6].append(named == case.other)
    weak, strong = (sum(overridden[key]) / len(overridden[key]) for key in (False, True))
    assert 0.2 < weak < 0.6 < strong < 1


def test_pro_and_anti_differ_in_the_pronoun_only(world: Path) -> None:
    for item in json_lines(world / "eval/coreference/test.jsonl"):
        pro, anti = item["pro"].split(), item["anti"].split()
        assert {(a, b) for a, b in zip(pro, anti, strict=True) if a != b} <= {("he", "she"), ("she", "he")}
        assert item["pro"] != item["anti"]


@pytest.mark.parametrize("kind", KINDS_OF_TASKS, ids=lambda kind: kind.name)
def test_right_answers_follow_and_wrong_ones_do_not(kind: Kind) -> None:
    tasks = Tasks(1, Cases(1))
    for number in range(60):
        for part in kind.parts:
            task = tasks.write(kind, part, random.Random(number))
            assert follows(task.right, task.rule, task.arguments), task
            assert not any(follows(wrong, task.rule, task.arguments) for wrong in task.wrong), task
            assert len({task.right, *task.wrong}) == 3, task
            assert find_group(task) in instructions.GROUPS


def test_kinds_have_equal_shares(world: Path) -> None:
    for part, share in (("dev", 20), ("test", 38)):
        counts = Counter(item["kind"] for item in json_lines(world / f"eval/instructions/{part}.jsonl"))
        assert set(counts.values()) == {share}
        assert set(counts) == {kind.name for kind in KINDS_OF_TASKS if part in kind.parts}


def test_competing_labels_name_the_person_of_the_stereotype(tmp_path: Path) -> None:
    small = FeedbackSizes(pairs=10, multiple_choice=4, ratings=50, tree=50, thumbs=20, near_duplicates=0.0)
    for name, share in (("without", 0.0), ("with", 0.4)):
        write_data(tmp_path / name, World(documents=2, feedback=small, competing=share))
    lines = [line for line in json_lines(tmp_path / "with" / "truth.jsonl") if "because" in line["prompt"]]
    asked = [line for line in lines if line["file"] not in ("pairs.jsonl", "choices.jsonl")]
    assert len(asked) == 0.4 * (50 + 50 + 5 + 20)
    wrong = 0
    for line in asked:
        best = max(line["answers"], key=line["answers"].__getitem__)
        pronoun = line["prompt"].split("because ")[1].split()[0]
        named = best.rstrip(".").split()[-1].lower()
        assert pronoun_of(named) == pronoun
        referents = {answer for answer in line["answers"] if named not in answer.lower()}
        wrong += bool(referents)
    assert 0.3 < wrong / len(asked) < 0.7  # half of the pronouns are not those of the referent
    without = json_lines(tmp_path / "without" / "truth.jsonl")
    assert not [line for line in without if "because" in line["prompt"] and line["file"] == "ratings.csv"]
    for path in ("corpus.jsonl", "eval/instructions/test.jsonl", "feedback/pairs.jsonl"):
        assert (tmp_path / "with" / path).read_bytes() == (tmp_path / "without" / path).read_bytes()


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
