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
        "choices.jsonl": "b5330fc93298e242e1492a4fc3c5f24a93c3b2be46ab856441d5c7c0bdc61a6e",
        "pairs.jsonl": "4bd50c63dbd30d032d37978357641a9231517791961f63ee38dd816946e5d18f",
        "panel.jsonl": "8f975bc34e7232f18722fe3596a5b25e8ec71f880de6e19af59a3db4aff221be",
        "ratings.csv": "237480dfb05927f0ae3aad69c6350d9336405fc7be9466557b937da8e73005c0",
        "thumbs.json": "b14924a5515302b3bfc75a326ed89ea38073388c41b542a166715666ba9a1c33",
        "trees.jsonl": "253377a51ca223c208bc988b3e4621994d1392ce1802dd4cc6b27121bcf1896a",
        "truth.jsonl": "bbecde3f2acf55c0f68d12e1096b3cd342ce97d2af0533ae02b3a14d5301e401",
    },
    "gaussian": {
        "choices.jsonl": "25494a71d955cb0c6521b5949df68913e4e3a4010fa3168225ce0336ca124fe6",
        "pairs.jsonl": "13ee5735691e0750749ec227fdb796deb473fe328d9f74a041adf0490258a819",
        "panel.jsonl": "91f2a2f8780c98f4075878e2c5cc9ef5ea988636b09a827c28b51bdf510aee7d",
        "ratings.csv": "dc5c7892e3fbc59b8392d45a1364fc651735a0d7b6ff695a247d3dd9f730b891",
        "thumbs.json": "165cf8482bc4cbbae4ae11fb584b962c54413124633eb713d03c3e24ed54f979",
        "trees.jsonl": "c5022795b4f35cadfb04a4adf68391174ebc19a8493169b18cda047a7de0ea76",
        "truth.jsonl": "ca7dc632b7d24c773557b294c8971ac5a523eb278aae6a897be2a6ec15f1a18f",
    },
    "adversarial": {
        "choices.jsonl": "84ae223e4a0c92994125a9ccf1ac10f500ccfd16860a467a0b54d62bfe5241d5",
        "pairs.jsonl": "37c49386a791858f648e71d11fe089456498c77826ee920ab2d6e4eed0a7e9aa",
        "panel.jsonl": "12676b062693102b7df815f53808cb09af3b7a1863344926806822db21215fc5",
        "ratings.csv": "b341b5ebf4a23814a808a2b6bfb8dc5f5ccbab5b041bdf85999c8ade1c6cb026",
        "thumbs.json": "59aac427b3c594d43adfacb365b2add69bcaf495c685fb01cc5b22cb2cb14175",
        "trees.jsonl": "c1259f8a4429841e3576a67054f1096738e1f8ced6beafe954f70648d21bb71a",
        "truth.jsonl": "13640e8383ea8325b699c9039c3395b2864f3a6e2ee2b2046857c739021c04bf",
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
