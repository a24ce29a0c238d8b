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

NOISES: tuple[Noise, ...] = ("careless", "gaussian", "adversarial")
STUDY = Path(feedback.__file__).with_name("study.yaml")
MANNERS = {
    "careless": {"careless": 8, "careful": 12, "lazy": 2},
    "gaussian": {"noisy": 20, "lazy": 2},
    "adversarial": {"adversarial": 4, "careful": 16, "lazy": 2},
}
DIGESTS = {
    "careless": {
        "choices.jsonl": "cb34af020fcebc839b1b2e146bc397831f29f0b76a6a86d3f67166db7724bc60",
        "pairs.jsonl": "2ef44df535496fdce25c84a674f1b389fb4df27de359430ad203ba3d7c4b6dd1",
        "panel.jsonl": "74be20679821806ba0e8e616114448d2586a9f42a5316c7f7873c0e1be8c7b8a",
        "ratings.csv": "0ce25efd5a68d1290f2e49fef2874b4f23409103c5ab1e623a69ca595977e634",
        "thumbs.json": "358572f4bf942524e101587079a66f93f404c220dd156e4fdc09f1c0e1cbc614",
        "trees.jsonl": "105fed1df4c0de7339a4847c90529d519ef843014a7a4f8854f4912b8b898a5b",
        "truth.jsonl": "ad09d8cb8cc4b306e0b2399b6047e5798023bd2fc4995dfa751db0e430f69193",
    },
    "gaussian": {
        "choices.jsonl": "6b46f9ec7fee41d91da9483a543beabe13ea4d28a49ca586c6b8b91e0f6f19d7",
        "pairs.jsonl": "8fd2495fd10e1c47bf10a113cc32b42f9c8d31ec542dd53011877cc62a1d92d3",
        "panel.jsonl": "52b428d85db35db0c361f24cea0a55fd43f5c0f2446cfb82b013da0b2b6a66f2",
        "ratings.csv": "d3d2fd2040a9ca07c929f25b62934eb5e0f3bcdd1d2acad592558f2bd658b518",
        "thumbs.json": "326ead04ce01024da1b707d2524f6461e6b5ddc1cd9337b0b72db78f22701917",
        "trees.jsonl": "735c174e0f8a9a5f74a09fecef496e805815aff780674f18e218f46bec3614a3",
        "truth.jsonl": "4e73a5a182aa0ef9cd15f4a98e1648dd1904164791bb517cf34af3d4664242fe",
    },
    "adversarial": {
        "choices.jsonl": "2b81eb150556ff69e73d4d40531c991523fba78df9c5cd4bc186fbedbe2da39e",
        "pairs.jsonl": "bd8d53797910572f905752b9abf4326c4a881a166f7c4b6504b5b90ca24c54c5",
        "panel.jsonl": "a83e9e9cdc5fc37d6c3b203e9500a8b2e0ffb30b08e714059c053fe0a60c50ef",
        "ratings.csv": "ba0884406218d7cc26478d66703fb62f223f87186802253b73eff2995a74b6f4",
        "thumbs.json": "772ec9e849c785e06c29554bb7691fbf9da9e5995af96e9dcec95ca52c682284",
        "trees.jsonl": "8de61357efb6b733bc5f818699a72dc6790a2d9b20e32d45509edd80e2f69006",
        "truth.jsonl": "1d0598c4f8cf71794ab555a2f8f2afbf8728af0c45883b03aa122c267a56515e",
    },
}
"""SHA-256 of the files of the world of seed 3. The rules of the full demo were fixed for these bytes."""


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
def test_the_files_are_those_of_the_rules(noise: Noise, world: Callable[[Noise], Path]) -> None:
    for name, digest in DIGESTS[noise].items():
        path = world(noise) / ("" if name == "truth.jsonl" else "feedback") / name
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
