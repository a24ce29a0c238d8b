"""The whole way: a study with three shapes and a tiny model, run, run again, changed, broken off and taken up."""

import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import unipref
from support.study_files import done_now, manifest_of, study_of, write_sources
from unipref import cli
from unipref.core.errors import UserError
from unipref.pipeline import training_stage


@pytest.fixture
def study(tmp_path, tiny_model):
    write_sources(tmp_path)
    return study_of(tmp_path, tiny_model)


@pytest.mark.slow
def test_a_study_runs_is_not_run_twice_and_redoes_only_what_a_change_touches(study, tmp_path):
    run = unipref.run(study, tmp_path / "run")
    manifest = manifest_of(run)
    for source in manifest["sources"].values():
        assert source["rows"] == source["used"] + sum(source["rejected"].values())
        assert source["groups"] == source["projected"] + sum(source["groups_rejected"].values())
    assert {name: source["preferences"] for name, source in manifest["sources"].items()} == {
        "pairs": 12,
        "ratings": 12,
        "shown": 12,
    }
    assert set(manifest["train"]["main"]["0"]) == {"sft", "reward", "rloo", "dpo"}
    scores = json.loads((run / "scores.json").read_text())
    asked = {
        "variant",
        "seed",
        "step",
        "model",
        "benchmark",
        "mode",
        "split",
        "slice",
        "metric",
        "value",
        "low",
        "high",
    }
    asked |= {"n", "n_clusters", "unit", "interval", "direction", "ideal", "chance", "at_chance", "precision"}
    assert set(scores[0]) == asked
    assert {(row["variant"], row["step"]) for row in scores} == {
        ("base", "base"),
        *(("main", step) for step in ("sft", "reward", "rloo", "dpo")),
    }
    assert "small" in (run / "report.html").read_text()
    for step in ("sft", "reward", "rloo", "dpo"):
        assert (run / "train" / "main" / "0" / step / "model.safetensors").is_file()

    unipref.run(study, run)
    assert done_now(run) == set()

    unipref.run(study, run, overrides=["select.cluster_quality.fraction=0.9"])
    redone = {folder.split("/")[0] for folder in done_now(run)}
    assert redone == {"selected", "checked", "train", "evaluated", "compared", "examples"}
    assert "evaluated/base/preference_accuracy" not in done_now(run)


@pytest.mark.slow
def test_variants_share_what_they_have_in_common_and_seeds_do_not(study, tmp_path):
    study |= {
        "train": [{"sft": {"max_steps": 1, "per_device_train_batch_size": 4}}],
        "variants": {
            "random": {"select": {"random": {"fraction": 0.5}}},
            "fewer": {"unify": {"min_margin": 0.9}},
            "redrawn": {"split": {"seed": 1}},
        },
        "seeds": [0, 1],
    }
    run = unipref.run(study, tmp_path / "run")
    folders = {stage["folder"] for stage in manifest_of(run)["stages"]}
    assert {folder for folder in folders if folder.startswith("unified")} == {"unified", "unified-fewer"}
    assert {folder for folder in folders if folder.startswith("selected")} == {
        f"selected/{variant}/{seed}" for variant in ("main", "random", "fewer", "redrawn") for seed in (0, 1)
    }
    # A variant with another test split has the base model measured on that split.
    assert {folder for folder in folders if folder.startswith("evaluated/base")} == {
        f"evaluated/{base}/preference_accuracy" for base in ("base", "base-fewer", "base-redrawn")
    }
    scores = json.loads((run / "scores.json").read_text())
    assert {row["variant"] for row in scores if row["step"] == "base"} == {"base", "fewer", "redrawn"}
    drawn = [pq.read_table(run / f"selected/random/{seed}/train.parquet")["id"].to_pylist() for seed in (0, 1)]
    assert drawn[0] != drawn[1]
    left_out = manifest_of(run)["variants"]["fewer"]["sources"]["ratings"]["preferences_rejected"]
    assert left_out["below_min_margin"] > 0


@pytest.mark.slow
def test_a_run_that_breaks_off_goes_on_where_it_stopped(study, tmp_path, monkeypatch):
    calls = []

    def failing(trainer, job, progress, meter):
        calls.append(trainer.name())
        if trainer.name() == "dpo" and calls.count("dpo") == 1:
            raise KeyboardInterrupt
        return original(trainer, job, progress, meter)

    original = training_stage.train
    monkeypatch.setattr(training_stage, "train", failing)
    with pytest.raises(KeyboardInterrupt):
        unipref.run(study, tmp_path / "run")
    assert manifest_of(tmp_path / "run")["train"]["main"]["0"].keys() == {"sft", "reward", "rloo"}
    unipref.run(study, tmp_path / "run")
    assert calls == ["sft", "reward", "rloo", "dpo", "dpo"]


def test_rows_may_come_from_python(study, tmp_path):
    table = pd.read_csv(tmp_path / "ratings.csv")
    pairs = [json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text().splitlines()]
    for source in study["sources"][:2]:
        del source["path"]
    from_memory = unipref.unify_feedback(study, tmp_path / "run", rows={"ratings": table, "pairs": iter(pairs)})
    from_files = unipref.unify_feedback(study_of(tmp_path, Path(study["model"])), tmp_path / "other")
    columns = ["id", "prompt", "chosen", "rejected", "margin_percentile"]
    assert pq.read_table(from_memory, columns=columns).equals(pq.read_table(from_files, columns=columns))
    origins = {place for row in pq.read_table(from_memory)["origin"].to_pylist() for place in row}
    assert "ratings:1" in origins
    assert "pairs:12" in origins

    with pytest.raises(UserError, match="no source 'rating' for these rows"):
        unipref.unify_feedback(study, tmp_path / "run", rows={"rating": table})


def test_datasets_can_read_the_preferences(study, tmp_path):
    from datasets import Dataset

    path = unipref.unify_feedback(study, tmp_path / "run")
    rows = Dataset.from_parquet(str(path), cache_dir=str(tmp_path / "cache"))
    assert len(rows) == 36
    assert rows[0]["prompt"][0] == {"role": "user", "content": "What does the cat eat?"}


def test_the_command_line_goes_as_far_as_it_is_asked(study, tmp_path):
    from unipref.core import yaml_files

    (tmp_path / "study.yaml").write_text(yaml_files.write(study))
    runner = CliRunner()
    result = runner.invoke(cli.app, ["select", str(tmp_path / "study.yaml"), "-o", str(tmp_path / "run"), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["selected"]["main"]["0"]["candidates"] == 26
    assert not (tmp_path / "run" / "train").exists()
    shown = runner.invoke(cli.app, ["report", str(tmp_path / "run")])
    assert shown.exit_code == 0
    assert "ratings" in shown.stdout


@pytest.mark.slow
def test_models_can_be_evaluated_and_asked_from_the_command_line(study, tmp_path, tiny_model):
    preferences = unipref.unify_feedback(study, tmp_path / "run")
    data = tmp_path / "eval" / "preference_accuracy"
    data.mkdir(parents=True)
    (data / "test.parquet").write_bytes(preferences.read_bytes())
    runner = CliRunner()
    command = ["evaluate", str(tiny_model), "--benchmark", "preference_accuracy", "--data", str(tmp_path / "eval")]
    result = runner.invoke(cli.app, [*command, "--json"])
    rows = json.loads(result.stdout)
    by_length = {"shorter_preferred", "shorter_preferred_per_token", "shorter_is_chosen"}
    assert {row["metric"] for row in rows} == {"accuracy", "accuracy_per_token", "ties", *by_length}
    assert {row["n"] for row in rows if row["slice"] == "all"} == {24}
    assert "accuracy" in runner.invoke(cli.app, command).stdout

    asked = ["generate", str(tiny_model), "Who are you?", "--beside", str(tiny_model), "--max-new-tokens", "4"]
    assert "> Who are you?" in runner.invoke(cli.app, asked).stdout
    answers = json.loads(runner.invoke(cli.app, [*asked, "--json"]).stdout)
    assert answers[0]["prompt"] == "Who are you?"


@pytest.mark.parametrize("what", ["formats", "datasets", "strategies", "trainers", "benchmarks"])
def test_list_names_every_choice(what):
    found = json.loads(CliRunner().invoke(cli.app, ["list", what, "--json"]).stdout)
    assert len(found) == len({entry["name"] for entry in found}) >= 3
    assert all(entry["about"] for entry in found)


@pytest.mark.slow
def test_scores_of_models_that_are_no_more_do_not_stand_beside_those_that_took_their_place(study, tmp_path):
    study["train"] = study["train"][:1]
    run = unipref.run(study, tmp_path / "run")
    before = (run / "scores.json").read_text()
    unipref.train_models(study, run)
    assert (run / "scores.json").read_text() == before
    unipref.train_models(study, run, overrides=["train.sft.learning_rate=1e-2"])
    assert {row["step"] for row in json.loads((run / "scores.json").read_text())} == {"base"}
    # Nothing is measured of another model than the base's was measured of.
    study["evaluate"] = []
    unipref.train_models(study, run)
    assert not (run / "scores.json").exists()
    assert not (run / "verdicts.json").exists()
