"""How the raters of the built-in world err, and the ground truth of their rows."""

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import unipref
from unipref.core import yaml_files
from unipref.demo import FeedbackSizes, Noise, Truth, World, feedback, panel, write_data
from unipref.demo.coreference import Case, Frame
from unipref.demo.feedback import add_copies, case_question, pair_row
from unipref.demo.questions import Question
from unipref.demo.raters import (
    ADVERSARIAL_MANNER,
    CARELESS_MANNER,
    NOISY_MANNER,
    Manner,
    Rater,
    Raters,
    relative_lengths,
)

NOISES: tuple[Noise, ...] = ("careless", "gaussian", "adversarial")
STUDY = Path(feedback.__file__).with_name("study.yaml")


def rater(manner: Manner, centre: float = 0.5, length_bias: float = 0.2) -> Rater:
    return Rater("r", manner, centre, length_bias, random.Random(0))


def still(manner: Manner) -> Manner:
    """The same without chance."""
    return Manner(manner.kind, manner.attention, manner.shift, jitter=0.0, slip=0.0)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Noise], Path]:
    """The data of a world, with a small corpus, once per noise."""
    made: dict[str, Path] = {}

    def build(noise: Noise) -> Path:
        if noise not in made:
            made[noise] = tmp_path_factory.mktemp(noise)
            write_data(made[noise], World(noise=noise, documents=10))
        return made[noise]

    return build


def test_perceived_quality_follows_the_formula() -> None:
    # 0.7 + 0.05 * (0.85 - 0.5) + 0.05 * 0.2 * 0.5 = 0.7225
    assert rater(still(CARELESS_MANNER), centre=0.7).perceive(0.85, 0.5) == pytest.approx(0.7225)
    # Upside down in quality, and longer still seems better: 0.5 - (0.85 - 0.5) + 0.2 * 0.5 = 0.25
    assert rater(still(ADVERSARIAL_MANNER)).perceive(0.85, 0.5) == pytest.approx(0.25)
    # 0.5 + (0.95 - 0.5) + 0.2 * 0.5 = 1.05, which no scale has.
    assert rater(still(NOISY_MANNER)).perceive(0.95, 0.5) == pytest.approx(1.05)
    assert rater(still(NOISY_MANNER)).rating(0.95, 0.5) == 1.0


def test_length_is_relative_to_the_shortest_and_the_longest() -> None:
    assert relative_lengths(["one", "one two three", "one two"]) == [-0.5, 0.5, 0.0]
    assert relative_lengths(["The nurse.", "The housekeeper."]) == [0.0, 0.0]


def test_raters_prefer_the_longer_of_two_equally_good_answers() -> None:
    biased, plain = rater(NOISY_MANNER), rater(NOISY_MANNER, length_bias=0.0)
    share = [sum(r.prefers((0.5, 0.5), (0.5, -0.5)) for _ in range(4000)) / 4000 for r in (biased, plain)]
    # P(0.2 + 0.35 (N - N') > 0) = Phi(0.2 / (0.35 sqrt 2)) = Phi(0.404) = 0.657
    assert share == pytest.approx([0.657, 0.5], abs=0.025)


def test_an_adversary_is_wrong_where_others_are_right() -> None:
    judge = rater(ADVERSARIAL_MANNER)
    question = case_question(Case("nurse", "guard", Frame("helped", "was kind", True)), "she")
    right = [pair_row(question, judge, random.Random(0)).right for _ in range(2000)]
    # Jitter hardly ever bridges a gap of 0.6, so only the slips are right: 0.05.
    assert sum(right) / len(right) == pytest.approx(0.05, abs=0.015)


@pytest.mark.parametrize(
    ("noise", "manners"),
    [
        ("careless", {"careless": 8, "careful": 12}),
        ("gaussian", {"noisy": 20}),
        ("adversarial", {"adversarial": 4, "careful": 16}),
    ],
)
def test_raters_per_noise_model(noise: Noise, manners: dict[str, int]) -> None:
    drawn = Raters(0, noise, 0.2)
    seen = {r.name: r.manner.kind for r in (drawn.any() for _ in range(1000))}
    kinds = list(seen.values())
    assert {kind: kinds.count(kind) for kind in kinds} == manners


def test_careless_raters_have_different_centres() -> None:
    drawn = Raters(0, "careless", 0.2)
    centres = {r.name: r.centre for r in (drawn.any() for _ in range(1000)) if r.manner is CARELESS_MANNER}
    assert len(set(centres.values())) == 8
    assert all(0.25 <= centre <= 0.75 for centre in centres.values())


@pytest.mark.parametrize("noise", NOISES)
def test_about_four_labels_in_five_are_right_whatever_the_noise(noise: Noise, world: Callable[[Noise], Path]) -> None:
    lines = truths(world(noise))
    assert sum(line["right"] for line in lines) / len(lines) == pytest.approx(0.79, abs=0.03)


def test_wrong_labels_are_near_ties_only_where_raters_are_careless(world: Callable[[Noise], Path]) -> None:
    gaps = {}
    for noise in NOISES:
        right = {line["prompt"]: line["right"] for line in truths(world(noise)) if line["file"] == "ratings.csv"}
        rated: dict[str, list[float]] = {}
        for row in csv.DictReader((world(noise) / "feedback/ratings.csv").open(encoding="utf-8", newline="")):
            rated.setdefault(row["question"], []).append(float(row["following"]))
        mean = {
            kind: [max(values) - min(values) for prompt, values in rated.items() if right[prompt] == kind]
            for kind in (True, False)
        }
        gaps[noise] = sum(mean[False]) / len(mean[False]) / (sum(mean[True]) / len(mean[True]))
    assert gaps["careless"] < 0.4
    assert 0.4 < gaps["gaussian"] < 1.0
    assert 0.9 < gaps["adversarial"] < 1.4  # longer answers help those who want the wrong one


def test_a_tenth_of_the_prompts_is_paraphrased_twice(world: Callable[[Noise], Path]) -> None:
    lines = truths(world("careless"))
    copies = [line for line in lines if line["copy_of"]]
    # 2 * (70 + 40 + 60 + 40 + 40); the two questions of twins are copied together.
    assert len(copies) == 500
    known = {line["prompt"]: line["answers"] for line in lines}
    assert all(line["answers"] == known[line["copy_of"]] and line["copy_of"] in line["prompt"] for line in copies)
    assert len(known) == len(lines)
    first = [bool(line["copy_of"]) for line in lines[:840]]
    assert 30 < sum(first[:420]) < 110  # of 140: they stand anywhere


def test_no_copies_with_a_share_of_zero() -> None:
    units = [[Question(str(i), ("a", "b"), (1.0, 0.0))] for i in range(10)]
    made = add_copies(units, 0.0, random.Random(0))
    assert sorted(question.prompt for (question,) in made) == sorted("0123456789")


@pytest.mark.parametrize("noise", NOISES)
def test_the_truth_is_that_of_the_rows_it_names(noise: Noise, world: Callable[[Noise], Path], tmp_path: Path) -> None:
    study = yaml_files.read(STUDY)
    sources = [source for source in study["sources"] if source["name"] != panel.SOURCE]
    study = {"sources": sources, "data_root": str(world(noise)), "workers": 1}
    import pyarrow.parquet as pq

    preferences = pq.read_table(unipref.unify_feedback(study, tmp_path)).to_pylist()
    by_prompt = {line["prompt"]: line for line in truths(world(noise))}
    truth = Truth(world(noise))
    assert len(preferences) > 3000
    for preference in preferences:
        line = by_prompt[preference["prompt"][-1]["content"]]
        files, numbers = zip(*(place.rsplit(":", 1) for place in preference["origin"]), strict=True)
        assert set(files) == {f"feedback/{line['file']}"}
        header = int(line["file"].endswith(".csv"))  # the truth counts rows below it
        assert all(line["rows"][0] <= int(number) - header <= line["rows"][1] for number in numbers)
        assert truth.original(preference) == (line["copy_of"] or line["prompt"])
        if line["file"] in ("pairs.jsonl", "choices.jsonl"):
            assert truth.is_order_right(preference) == truth.is_chosen_right(preference) == line["right"]
        elif line["file"] == "thumbs.json":
            assert truth.is_order_right(preference) == line["right"]
            assert truth.is_chosen_right(preference) == (None if preference["chosen"] is None else line["right"])
        elif line["right"]:
            assert truth.is_order_right(preference)
            assert truth.is_chosen_right(preference)


def test_a_world_with_other_raters_asks_the_same_and_judges_otherwise(world: Callable[[Noise], Path]) -> None:
    asked = [[line["prompt"] for line in truths(world(noise)) if not line["copy_of"]] for noise in NOISES]
    assert sorted(asked[0]) == sorted(asked[1]) == sorted(asked[2])
    assert (world("careless") / "feedback/pairs.jsonl").read_bytes() != (
        world("gaussian") / "feedback/pairs.jsonl"
    ).read_bytes()
    for path in ("corpus.jsonl", "eval/instructions/test.jsonl", "eval/coreference/test.jsonl"):
        assert (world("careless") / path).read_bytes() == (world("adversarial") / path).read_bytes()


def test_sizes_can_be_small(tmp_path: Path) -> None:
    sizes = FeedbackSizes(pairs=2, multiple_choice=2, ratings=2, tree=2, thumbs=2)
    write_data(tmp_path, World(documents=2, feedback=sizes))
    assert [line["file"] for line in truths(tmp_path)] == [
        *["pairs.jsonl"] * 2,
        *["choices.jsonl"] * 2,
        *["ratings.csv"] * 2,
        *["trees.jsonl"] * 2,
        *["thumbs.json"] * 2,
    ]


def truths(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
