"""Dev scores during training equal those of an evaluation; the study sets which ones and how often."""

import json
from pathlib import Path
from typing import Any

import pytest

import unipref
from support.study_files import study_of, write_sources
from unipref.core.errors import UserError
from unipref.evaluate import in_training, label_benchmarks
from unipref.evaluate.benchmarks.instructions import Instructions
from unipref.evaluate.benchmarks.preference_accuracy import PreferenceAccuracy
from unipref.models.loading import load_policy
from unipref.study.load import load

TRAIN = [
    {"sft": {"max_steps": 4, "per_device_train_batch_size": 4, "learning_rate": 1e-2}},
    {"reward": {"max_steps": 2, "per_device_train_batch_size": 4}},
]


@pytest.fixture
def study(tmp_path: Path, tiny_model: Path) -> dict[str, Any]:
    write_sources(tmp_path)
    return study_of(tmp_path, tiny_model) | {"train": TRAIN}


def test_evaluate_is_a_list_or_a_mapping_with_intervals(study: dict[str, Any]) -> None:
    plain = load(study).study.evaluate
    assert (plain.every, [b.name() for b in plain.benchmarks]) == (None, ["preference_accuracy"])
    study["evaluate"] = {"every": 50, "benchmarks": ["preference_accuracy"]}
    asked = load(study).study.evaluate
    assert (asked.every, asked.limit, [b.name() for b in asked.benchmarks]) == (50, 200, ["preference_accuracy"])
    assert load(study, ["evaluate.every=7"]).study.evaluate.every == 7


@pytest.mark.parametrize(
    ("evaluate", "said"),
    [
        ({"evry": 5, "benchmarks": []}, r"evaluate\.evry: unknown key\. Did you mean 'every'"),
        ({"every": 0, "benchmarks": []}, r"evaluate\.every: Input should be greater than or equal to 1"),
        (
            {"every": 5, "benchmarks": []},
            r"evaluate\.every: measuring during training needs a benchmark .*\n.*preference_accuracy",
        ),
        ({"every": 5, "benchmarks": [{"instructions": {"data": "held"}}]}, r"needs a benchmark with a dev part"),
    ],
)
def test_what_cannot_be_measured_is_refused(study: dict[str, Any], tmp_path: Path, evaluate: Any, said: str) -> None:
    (tmp_path / "held").mkdir()
    (tmp_path / "held/test.jsonl").write_text("{}\n")
    with pytest.raises(UserError, match=said):
        load(study | {"evaluate": evaluate})


def test_a_dev_part_is_the_runs_own_or_named_dev(tmp_path: Path) -> None:
    for name, files in (("a", ["dev.jsonl"]), ("b", ["test.jsonl"]), ("c", ["inner/pro.txt.dev"])):
        for file in files:
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / file).write_text("{}\n")
    benchmarks = label_benchmarks(
        [PreferenceAccuracy(limit=7), *(Instructions(data=name) for name in "abc"), PreferenceAccuracy(limit=900)]
    )
    selected = in_training.select_dev_benchmarks(benchmarks, "policy", 50, tmp_path, {"dev": tmp_path / "dev.parquet"})
    assert [(p.label, p.data.name) for p in selected] == [
        ("preference_accuracy", "dev.parquet"),
        ("instructions", "a"),
        ("instructions-3", "c"),
        ("preference_accuracy-2", "dev.parquet"),
    ]
    assert [getattr(p.benchmark, "limit", None) for p in selected] == [7, 50, 50, 50]
    assert [getattr(p.benchmark, "split", None) for p in selected] == ["dev"] * 4
    reward = in_training.select_dev_benchmarks(benchmarks, "reward", 50, tmp_path, {"dev": tmp_path / "dev.parquet"})
    assert [p.label for p in reward] == ["preference_accuracy", "preference_accuracy-2"]


@pytest.mark.slow
def test_dev_scores_before_the_first_step_and_after_the_last_are_those_of_the_models(
    study: dict[str, Any], tmp_path: Path, tiny_model: Path
) -> None:
    study["evaluate"] = {"every": 3, "benchmarks": [{"preference_accuracy": {"split": "dev"}}]}
    run = unipref.run(study, tmp_path / "run")
    train = json.loads((run / "manifest.json").read_text())["train"]["main"]["0"]
    scores = json.loads((run / "scores.json").read_text())
    assert [point["step"] for point in train["sft"]["dev"]] == [0, 3, 4]
    assert [point["step"] for point in train["reward"]["dev"]] == [0, 2]

    def final(step: str, metric: str, part: str = "all") -> float:
        values_of_scores = [r["value"] for r in scores if (r["step"], r["metric"], r["slice"]) == (step, metric, part)]
        assert len(values_of_scores) == 1
        return float(values_of_scores[0])

    first, last = train["sft"]["dev"][0]["scores"], train["sft"]["dev"][-1]["scores"]
    for metric in ("accuracy", "accuracy_per_token"):
        assert first[f"preference_accuracy/{metric}"]["value"] == final("base", metric)
        assert last[f"preference_accuracy/{metric}"]["value"] == final("sft", metric)
    # Both objectives are followed: the sources' own, and the one that is named.
    assert last["preference_accuracy/accuracy/objective:help"]["value"] == final("sft", "accuracy", "objective:help")
    assert "preference_accuracy/accuracy/objective:instruction" in last
    reward = train["reward"]["dev"][-1]["scores"]
    assert reward["preference_accuracy/accuracy"]["value"] == final("reward", "accuracy")
    assert (run / "train/main/0/sft/dev.jsonl").is_file()

    unipref.run(study, run)
    assert all(stage["cached"] for stage in json.loads((run / "manifest.json").read_text())["stages"])
    unipref.run(study, run, overrides=["evaluate.every=2"])
    redone = {s["folder"] for s in json.loads((run / "manifest.json").read_text())["stages"] if not s["cached"]}
    assert "train/main/0/sft" in redone


def test_the_training_tokenizer_is_not_changed(study: dict[str, Any], tiny_model: Path) -> None:
    policy = load_policy(str(tiny_model))
    policy.tokenizer.padding_side = "right"
    assert in_training.measure([], "policy", policy.model, policy.tokenizer) == {}
    assert policy.tokenizer.padding_side == "right"
