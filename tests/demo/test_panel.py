"""Who judged in the built-in world: every judgement has its rater, and a panel judges some prompts again."""

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import unipref
from unipref.core import yaml_files
from unipref.core.judgements import read_judgements
from unipref.demo import FeedbackSizes, Noise, Truth, World, feedback, write_data
from unipref.demo.feedback import write_json_lines

NOISES: tuple[Noise, ...] = ("careless", "gaussian", "adversarial")
STUDY = Path(feedback.__file__).with_name("study.yaml")
MANNERS = {
    "careless": {"careless": 8, "careful": 12, "lazy": 2},
    "gaussian": {"noisy": 20, "lazy": 2},
    "adversarial": {"adversarial": 4, "careful": 16, "lazy": 2},
}
NEW_FIELDS = {"pairs.jsonl": "shown_first", "choices.jsonl": "rater", "trees.jsonl": "rater"}
"""Fields that were added after results on this world were published."""
DIGESTS = {
    "careless": {
        "choices.jsonl": "6fbb6d491bd5562c90398523d6423626aa237926c5ddab58accb2bc8e4b5898d",
        "pairs.jsonl": "32726f0a1325a0e2ebfab7cea1805884461eb5ceefe0ba1285e0d376aba6a609",
        "ratings.csv": "09aa6bc7446c93b8bf449e3ba660f8cbc34bd873352dddab763ff7d0a7b1e661",
        "thumbs.json": "2917c5a61e75961815093447a13b1a4c73d9becd7cafd2de289daccfc38c78d2",
        "trees.jsonl": "4929b968328d05f3344f7225257b5e396d425d9c96b12f56726160ec13d5f61e",
        "truth.jsonl": "4ea7218d9a32b5f67ccef32a0c2b11f725ef49247bb26521d293926eb8937867",
    },
    "gaussian": {
        "choices.jsonl": "8947f4d58311a0364287d61779fc0a5513f28493b606bdcb0f0cb340be32cbae",
        "pairs.jsonl": "d8b109c9d98b8a351a1b34818b15844c7b1095e4a00015c0acc9d8c04c2db0c8",
        "ratings.csv": "ab0f0a858375b175422d37c1701dec99401058386714bd4d2dcc25fe76f4401c",
        "thumbs.json": "9b8d973dbbf819e58e555549d3d29877628ad858d65c14bd28e1f07381d2b631",
        "trees.jsonl": "ca8666fbead889757248b8f93fc6d8a05dc4f1e40e70fb647dee3e747db41898",
        "truth.jsonl": "26fec8e2a74d77e69ee38b19801605f11af71ade2507f450dca17139251c8825",
    },
    "adversarial": {
        "choices.jsonl": "ef4411164f4d8e0164fc333f9cf4d7682aa67ed5b528fb9b9aa6cccebb708566",
        "pairs.jsonl": "33b758df22386e06fedf9469807d6d4a2d0e059222d236b585b1bd96790d99cb",
        "ratings.csv": "039aaa8eb7acd1be3269ae37eac4248ee4c2adbc122f3871cb477da340212f24",
        "thumbs.json": "e726d651d95d107a3f3ee41f7c7ec16832f0d9b2eba7e4749c3527cee61c057f",
        "trees.jsonl": "da4907b6acad677067cb161280e2ad93fd8aead9f53aa5e552ac97a43d1fa2d7",
        "truth.jsonl": "2629f19eeab3d219ea9907a848920f4adab9acefdd8c7b26ce03fb1d24fdbc0b",
    },
}
"""SHA-256 of the files of the world of seed 3. Tables that were published refer to these bytes."""


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


def json_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def manners(folder: Path) -> dict[str, str]:
    return {row["rater"]: row["manner"] for row in json_lines(folder / "raters.jsonl")}


@pytest.mark.parametrize("noise", NOISES)
def test_without_the_new_fields_the_files_are_the_published_ones(
    noise: Noise, world: Callable[[Noise], Path], tmp_path: Path
) -> None:
    for name, digest in DIGESTS[noise].items():
        path = world(noise) / ("" if name == "truth.jsonl" else "feedback") / name
        if name in NEW_FIELDS:
            rows = json_lines(path)
            assert all(row.pop(NEW_FIELDS[name]) for row in rows)
            path = tmp_path / name
            write_json_lines(path, rows)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest, name


@pytest.mark.parametrize("noise", NOISES)
def test_the_rater_of_each_row_is_the_one_who_judged(noise: Noise, world: Callable[[Noise], Path]) -> None:
    folder = world(noise) / "feedback"
    rows = {
        "pairs.jsonl": json_lines(folder / "pairs.jsonl"),
        "choices.jsonl": json_lines(folder / "choices.jsonl"),
        "ratings.csv": list(csv.DictReader((folder / "ratings.csv").open(encoding="utf-8", newline=""))),
        "trees.jsonl": json_lines(folder / "trees.jsonl"),
        "thumbs.json": json.loads((folder / "thumbs.json").read_text(encoding="utf-8")),
    }
    truth = json_lines(world(noise) / "truth.jsonl")
    by_name = manners(world(noise))
    for line in truth:
        first, last = line["rows"]
        assert {row["rater"] for row in rows[line["file"]][first - 1 : last]} == {line["rater"]}
        assert by_name[line["rater"]] == line["manner"]
    assert Counter(by_name.values()) == MANNERS[noise]
    assert Counter(row["shown_first"] for row in rows["pairs.jsonl"]).most_common()[1][1] > 380  # of 840


def test_every_judgement_that_unify_keeps_has_its_rater(tmp_path: Path) -> None:
    sizes = FeedbackSizes(pairs=50, multiple_choice=20, ratings=50, tree=50, thumbs=20)
    write_data(tmp_path, World(documents=10, feedback=sizes))
    study = {"sources": yaml_files.read(STUDY)["sources"], "data_root": str(tmp_path), "workers": 1}
    preferences = unipref.unify_feedback(study, tmp_path / "run")
    judgements = read_judgements(preferences.parent / "judgements.parquet")
    assert set(judgements.annotators) == set(manners(tmp_path))
    assert judgements.annotator.min() >= 0
    panel = judgements.source == list(judgements.sources).index("panel")
    assert panel.sum() == 3 * 3 * 12  # three votes on a fifth of the 60 prompts of each of three files
    # Two sources judge the same answers to one prompt on the same axis.
    assert set(judgements.block[panel]) < set(judgements.block[~panel])


@pytest.mark.parametrize("noise", NOISES)
def test_three_others_judge_a_prompt_of_the_panel(noise: Noise, world: Callable[[Noise], Path]) -> None:
    truth = {line["prompt"]: line for line in json_lines(world(noise) / "truth.jsonl")}
    by_prompt: dict[str, list[dict[str, Any]]] = {}
    for row in json_lines(world(noise) / "feedback/panel.jsonl"):
        by_prompt.setdefault(row["prompt"], []).append(row)
    assert Counter(truth[prompt]["file"] for prompt in by_prompt) == {
        "pairs.jsonl": 168,
        "ratings.csv": 144,
        "trees.jsonl": 96,
    }
    for prompt, votes in by_prompt.items():
        judges = {vote["rater"] for vote in votes} | {truth[prompt]["rater"]}
        assert (len(votes), len(judges)) == (3, 4)
        pairs = {frozenset((vote["first"], vote["second"])) for vote in votes}
        assert len(pairs) == 1
        assert next(iter(pairs)) <= set(truth[prompt]["answers"])
        objective = "bias" if truth[prompt]["file"] == "pairs.jsonl" else "instruction"
        assert {vote["objective"] for vote in votes} == {objective}


def test_raters_of_the_panel_judge_as_their_manner_says(world: Callable[[Noise], Path]) -> None:
    first, right = Counter[str](), Counter[str]()
    count = Counter[str]()
    for noise in NOISES:
        by_name, truth = manners(world(noise)), json_lines(world(noise) / "truth.jsonl")
        quality = {line["prompt"]: line["answers"] for line in truth}
        for vote in json_lines(world(noise) / "feedback/panel.jsonl"):
            manner, answers = by_name[vote["rater"]], quality[vote["prompt"]]
            shown = [answers[vote["first"]], answers[vote["second"]]]
            count[manner] += 1
            first[manner] += vote["choice"] == 1
            right[manner] += shown[vote["choice"] - 1] == max(shown)
    shares = {manner: (first[manner] / count[manner], right[manner] / count[manner]) for manner in count}
    assert shares["lazy"] == pytest.approx((0.95, 0.5), abs=0.07)
    assert all(shares[manner][0] == pytest.approx(0.5, abs=0.07) for manner in shares if manner != "lazy")
    assert shares["careful"][1] > 0.85
    assert shares["adversarial"][1] < 0.25
    assert 0.6 < shares["noisy"][1] < shares["careful"][1]
    assert 0.45 < shares["careless"][1] < 0.7


def test_the_truth_of_the_panel_is_that_of_the_prompts_it_judges(
    world: Callable[[Noise], Path], tmp_path: Path
) -> None:
    sources = [source for source in yaml_files.read(STUDY)["sources"] if source["name"] == "panel"]
    import pyarrow.parquet as pq

    # `latent` would leave out the votes that it overrules.
    settings = {"data_root": str(world("gaussian")), "workers": 1, "unify": {"aggregate": "majority"}}
    study = {"sources": sources, **settings}
    preferences = pq.read_table(unipref.unify_feedback(study, tmp_path)).to_pylist()
    truth = Truth(world("gaussian"))
    assert len(preferences) == 168 + 144 + 96
    assert 0.75 < sum(map(truth.is_order_right, preferences)) / len(preferences) < 0.95
    assert Counter(row["objective"] for row in preferences) == {"bias": 168, "instruction": 240}


def test_a_share_of_zero_has_no_panel_and_changes_no_other_file(tmp_path: Path) -> None:
    small = {"pairs": 10, "multiple_choice": 4, "ratings": 10, "tree": 10, "thumbs": 4}
    for name, share in (("with", 0.5), ("without", 0.0)):
        write_data(tmp_path / name, World(documents=2, feedback=FeedbackSizes(**small, panel=share)))
    sizes = [len(json_lines(tmp_path / name / "feedback/panel.jsonl")) for name in ("with", "without")]
    assert sizes == [3 * 18, 0]
    for name in ("pairs.jsonl", "choices.jsonl", "ratings.csv", "trees.jsonl", "thumbs.json"):
        assert (tmp_path / "with/feedback" / name).read_bytes() == (tmp_path / "without/feedback" / name).read_bytes()
