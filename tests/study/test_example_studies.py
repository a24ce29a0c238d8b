"""The studies in `examples/`, on the public data: they load, and their preferences are the right way round."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import unipref
from unipref.collect.load import load as collect_load
from unipref.study.load import load
from unipref.study.steps import list_steps

pytestmark = pytest.mark.shared
EXAMPLES = Path(__file__).parents[2] / "examples"
INTENTS = ("clarity", "fluency", "coherence", "style")
ASKED = "Improve this text:\n\n"


def here(shared: Path) -> list[str]:
    return [f"data_root={shared / 'data'}", f"model={shared / 'models/stories-260k'}"]


def test_the_papers_setting_has_the_rows_of_its_table(shared: Path) -> None:
    loaded = load(EXAMPLES / "paper.yaml", here(shared))
    assert list(loaded.variants) == [
        *("main", "combined", "source-winogrande", "source-oasst", "objective-bias", "objective-instruction"),
        *("selected-0.2", "random-0.2", "selected-0.4", "random-0.4", "selected-0.6", "random-0.6"),
        *("quality-0.4", "diversity-0.4", "weight-bias-0.25", "weight-bias-0.5", "weight-bias-0.75"),
    ]
    for study in loaded.variants.values():
        assert [step.name for step in list_steps(study)] == ["sft", "reward", "rloo"]
        assert study.seeds == [0, 1]


def test_without_its_own_settings_a_step_of_the_papers_setting_is_the_papers(shared: Path) -> None:
    steps = ["{sft: {recipe: paper}}", "{reward: {recipe: paper}}", "{rloo: {recipe: paper}}"]
    loaded = load(EXAMPLES / "paper.yaml", [*here(shared), f"train=[{', '.join(steps)}]"])
    sft, reward, rloo = (step.model_dump() for step in loaded.study.train)
    # arXiv 2408.02861, A.3
    assert (sft["learning_rate"], sft["max_steps"], sft["lora"]["r"]) == (1e-5, 5000, 16)
    assert (reward["learning_rate"], reward["num_train_epochs"], reward["lora"]["r"]) == (2e-5, 1.0, 8)
    assert (rloo["learning_rate"], rloo["max_completion_length"]) == (1.41e-5, 128)


@pytest.fixture(scope="module")
def kinds(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """The preferences of each source of the study of other kinds."""
    run = tmp_path_factory.mktemp("kinds")
    path = unipref.unify_feedback(EXAMPLES / "ratings_steps_edits.yaml", run, overrides=here(shared))
    found: dict[str, list[dict[str, Any]]] = {}
    for row in pq.read_table(path).to_pylist():
        found.setdefault(row["source"], []).append(row)
    assert {name: len(rows) for name, rows in found.items()} == {
        "dialogue": 48,
        "data_to_text": 292,
        "solutions": 1078,
        "edits": 721,
    }
    return found


def said(row: dict[str, Any], side: str) -> str | None:
    return None if row[side] is None else row[side][-1]["content"]


@pytest.mark.parametrize(
    ("source", "file", "places"),
    [
        ("dialogue", "topical_chat_ratings/topical_chat.json", ("source", "context")),
        ("data_to_text", "sfres_ratings/sfres.json", ("source",)),
    ],
)
def test_of_rated_answers_the_one_with_the_higher_mean_is_chosen(
    shared: Path, kinds: dict[str, list[dict[str, Any]]], source: str, file: str, places: tuple[str, ...]
) -> None:
    raw = json.loads((shared / "data/feedback" / file).read_text(encoding="utf-8"))
    for row in kinds[source]:
        asked = row["prompt"][-1]["content"]
        same = [r for r in raw if all(r[place].strip() in asked for place in places)]
        rated = {r["system_output"].strip(): r["scores"]["overall"] for r in same}
        better, worse = rated[said(row, "chosen") or ""], rated[said(row, "rejected") or ""]
        assert better > worse
        # The paper's pair: the best and the worst answer to the prompt.
        assert (better, worse) == (row["chosen_score"], row["rejected_score"])


def lines_of(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            yield f"{path.name}:{number}", json.loads(line)


def test_the_first_wrong_step_is_rejected_after_the_right_ones(
    shared: Path, kinds: dict[str, list[dict[str, Any]]]
) -> None:
    raw = dict(lines_of(shared / "data/feedback/bigbench_mistake"))
    for row in kinds["solutions"]:
        solution = raw[row["origin"][0].rpartition("/")[2]]
        steps, wrong = [step.strip() for step in solution["steps"]], solution["mistake_index"]
        if wrong is None:
            assert (said(row, "chosen"), said(row, "rejected")) == ("\n".join(steps), None)
        else:
            assert (said(row, "chosen"), said(row, "rejected")) == (None, steps[wrong])
            assert row["prompt"][-1]["content"].endswith("\n".join(steps[:wrong]))


def test_edits_that_mean_to_improve_are_chosen_over_what_was_there(
    shared: Path, kinds: dict[str, list[dict[str, Any]]]
) -> None:
    with zipfile.ZipFile(shared / "data/feedback/iterater/human_sent_level.zip") as archive:
        (member,) = [name for name in archive.namelist() if name.endswith("train.json")]
        raw = [json.loads(line) for line in archive.read(member).decode().splitlines()]
    for row in kinds["edits"]:
        edit = raw[int(row["origin"][0].rpartition(":")[2]) - 1]
        assert edit["labels"] in INTENTS
        assert said(row, "chosen") == edit["after_sent"].strip()
        assert said(row, "rejected") == edit["before_sent"].strip()
        assert row["prompt"][-1]["content"] == ASKED + edit["before_sent"].strip()


def test_the_study_of_a_real_model_and_its_collection_load(
    shared: Path, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "feedback.jsonl").write_text("{}\n")
    for name, value in {"SHARED": shared, "OWN": tmp_path, "REAL_MODEL": tiny_model}.items():
        monkeypatch.setenv(f"UNIPREF_{name}", str(value))
    loaded = load(EXAMPLES / "real_model.yaml")
    assert {"main", "instruction_only", "bias_only", "own_only", "selected", "random"} <= set(loaded.variants)
    assert loaded.study.seeds == [0, 1, 2, 3]
    own, more = ([step.name for step in list_steps(loaded.variants[name])] for name in ("on_policy", "old_pairs"))
    assert (own, more) == (["sft", "dpo", "own-1"], ["sft", "dpo", "more"])
    measures = {benchmark.name() for benchmark in loaded.study.evaluate.benchmarks}
    assert measures == {"ifeval", "winogenerated", "stereoset", "winobias", "perplexity"}
    collection = collect_load(EXAMPLES / "real_model_collect.yaml")
    assert collection.settings.answers.k == 4
    assert not {source.projection.source for source in collection.sources} & {"ifeval", "mt_bench"}
