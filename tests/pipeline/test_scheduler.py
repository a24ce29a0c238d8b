"""A study in several processes ends as in one; a dry run says what would be done and does nothing."""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import unipref
from support.preloaded import PreloadedPool
from support.study_files import manifest_of, study_of, write_sources
from unipref import cli
from unipref.core import hashing, json_files, stage_cache, yaml_files
from unipref.core.errors import UserError
from unipref.core.progress import ProgressListener
from unipref.core.stage_cache import PendingStage
from unipref.core.workers.pool import Pool
from unipref.pipeline import dry_run, job_workers
from unipref.pipeline.run import Run
from unipref.pipeline.scheduler import Job, find_predecessors
from unipref.study.load import load

DATA = ("selected", "evaluated", "train")


def small(folder: Path, model: Path) -> dict[str, Any]:
    write_sources(folder)
    sft = {"max_steps": 1, "per_device_train_batch_size": 4}
    return study_of(folder, model) | {
        "select": "all",
        "train": [{"sft": sft}],
        "variants": {
            "combined": {"select": {"cluster_quality": {"fraction": 1.0}}},
            "pairs": {"select": {"only": {"sources": ["pairs"]}}},
            # Its SFT is that of the study as written.
            "longer": {"train": [{"sft": sft}, {"dpo": {**sft, "from": "sft"}}]},
        },
        "seeds": [0, 1],
        "workers": 1,
    }


def files_of(run: Path) -> dict[str, bytes]:
    """Every file of the data artefacts but the records, which hold times; the run's own place is taken out."""
    return {
        path.relative_to(run).as_posix(): path.read_bytes().replace(str(run).encode(), b"RUN")
        for kind in DATA
        for path in sorted((run / kind).rglob("*"))
        if path.is_file() and path.name not in (hashing.RECORD, "training_args.bin", "curve.jsonl")
    }


def check_equal(*runs: Path) -> None:
    """Checks that two runs left the same files and scores."""
    files = [files_of(run) for run in runs]
    assert files[0].keys() == files[1].keys() != set()
    assert [place for place in files[0] if files[0][place] != files[1][place]] == []
    for name in ("scores.json", "against_base.json"):
        rows = [json.loads((run / name).read_text()) for run in runs]
        assert rows[0] == rows[1] != [], name


@pytest.mark.slow
def test_two_processes_leave_what_one_does_and_a_dry_run_knows_it_before(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small(tmp_path, tiny_model)
    (tmp_path / "study.yaml").write_text(yaml_files.write(study))
    before = unipref.dry_run(study, tmp_path / "one")
    assert not (tmp_path / "one").exists()
    assert before["to_do"] == before["unknown"] == len(before["stages"])

    one = unipref.run(study, tmp_path / "one")
    with monkeypatch.context() as patch:  # each process would import the libraries for seven seconds
        patch.setattr(job_workers, "Pool", PreloadedPool)
        two = unipref.run(study, tmp_path / "two", jobs=2)
    check_equal(one, two)
    examples = [(run / "examples" / "examples.json").read_bytes() for run in (one, two)]
    assert examples[0] == examples[1]

    shutil.rmtree(one / "evaluated" / "base")
    unipref.run(study, one)
    done = {stage["folder"] for stage in manifest_of(one)["stages"] if not stage["cached"]}
    assert {Path(folder).parent.as_posix() for folder in done} == {"evaluated/base"}, "other models stay measured"
    check_equal(one, two)
    assert (one / "verdicts.json").read_text() == (two / "verdicts.json").read_text()
    stages = [[s["folder"] for s in manifest_of(run)["stages"]] for run in (one, two)]
    assert stages[0] == stages[1]
    assert not any(stage["cached"] for stage in manifest_of(two)["stages"])

    # Shared: both seeds of 'all', everything of 'combined' but its selection, the SFT of 'longer'.
    made = {path.parent.relative_to(one).as_posix() for path in one.rglob(hashing.RECORD)}
    assert {place for place in made if place.startswith("selected")} == {
        *(f"selected/{variant}/0" for variant in ("main", "combined", "pairs")),
        "selected/combined/1",
    }
    assert {place for place in made if place.startswith("train")} == {
        *(f"train/{variant}/{seed}/sft" for variant in ("main", "pairs") for seed in (0, 1)),
        "train/longer/0/dpo",
        "train/longer/1/dpo",
    }

    after = unipref.dry_run(study, one)
    assert (after["to_do"], after["seconds"]) == (0, 0)
    runner = CliRunner()
    shown = runner.invoke(
        cli.app, ["run", str(tmp_path / "study.yaml"), "-o", str(one), "--dry-run", "--set", "seeds=[2]"]
    )
    assert shown.exit_code == 0, shown.output
    assert "train/pairs/2/sft" in shown.stdout
    assert "without an estimate" not in shown.stdout
    assert " of disk." in shown.stdout
    assert not (one / "train" / "pairs" / "2").exists()


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="the extra 'ray' is not installed")
def test_a_cluster_trains_and_measures_what_one_process_does(tmp_path: Path, tiny_model: Path) -> None:
    study = small(tmp_path, tiny_model)
    del study["variants"]["longer"], study["variants"]["pairs"]
    one = unipref.run(study, tmp_path / "one")
    study |= {"engine": {"ray": {"gpus": 0}}, "workers": 2}
    two = unipref.run(study, tmp_path / "two", jobs=2)
    check_equal(one, two)
    assert not list(two.glob(".seen-by-all-*"))
    study["train"] = [{"sft": {"max_steps": 3, "per_device_train_batch_size": 4, "learning_rate": 1e30}}]
    with pytest.raises(UserError, match="not a number"):
        unipref.run(study, tmp_path / "bad", jobs=2)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="the extra 'ray' is not installed")
def test_a_cluster_scores_what_one_process_does(tmp_path: Path, tiny_model: Path) -> None:
    study = small(tmp_path, tiny_model)
    study["select"] = {"cluster_quality": {"fraction": 0.5, "quality": {"policy_margin": {}}, "unscored": "sample"}}
    del study["variants"], study["seeds"]
    unipref.select_preferences(study, tmp_path / "one")
    unipref.select_preferences(study | {"engine": "ray", "workers": 2}, tmp_path / "two")
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / run).rglob("*") if path.name == "decisions.parquet"}
        | {path.name: b"" for path in (tmp_path / run).rglob("*.npz")}
        for run in ("one", "two")
    )
    assert one == two
    assert len(one) >= 2


@pytest.mark.slow
def test_a_job_that_fails_ends_the_run_with_its_reason(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One process, which imports the libraries, has four jobs: three wait.
    monkeypatch.setattr(job_workers, "Pool", lambda processes, *given: Pool(1, *given))
    study = small(tmp_path, tiny_model)
    study["train"] = [{"sft": {"max_steps": 3, "per_device_train_batch_size": 4, "learning_rate": 1e30}}]
    del study["variants"]["longer"]
    (tmp_path / "study.yaml").write_text(yaml_files.write(study))
    shown = CliRunner().invoke(
        cli.app, ["train", str(tmp_path / "study.yaml"), "-o", str(tmp_path / "run"), "--jobs", "2"]
    )
    assert isinstance(shown.exception, UserError)
    assert "not a number" in str(shown.exception)
    assert manifest_of(tmp_path / "run")["selected"].keys() == {"main", "combined", "pairs"}


def test_jobs_wait_for_what_they_are_made_from() -> None:
    pending = [
        PendingStage("evaluated/base/x", "0", {"model": "base"}),
        PendingStage("train/main/0/sft", "a", {"start": "base", "reward": None}),
        PendingStage("evaluated/main/0/sft/x", "b", {"model": "a"}),
        PendingStage("train/main/0/reward", "c", {"start": "a", "reward": None}),
        PendingStage("train/main/0/rloo", "d", {"start": "a", "reward": "c"}),
        PendingStage("train/other/0/dpo", "e", {"start": "a", "reward": None}),
        PendingStage("evaluated/base-third/x", "1", {"model": "base"}),
        PendingStage("evaluated/third/0/dpo/x", "f", {"model": "e"}),
        PendingStage("evaluated/third/0/dpo/y", "g", {"model": "e"}),
        PendingStage("evaluated/main/0/reward/z", "h", {"model": "c"}),
        PendingStage("compared/main/0/sft/x", "i", {"base": "of 0", "measured": "of b"}),
    ]
    shared = [
        PendingStage("evaluated/base-third/y", "0", {}),  # of the base model, measured for main too
        PendingStage("evaluated/fourth/0/dpo/x", "f", {}),  # of a job that has nothing else to do
        PendingStage("train/third/0/dpo", "e", {}),
    ]
    sft, reward, rloo = (Job("train", "main", 0, step) for step in ("sft", "reward", "rloo"))
    other, third = Job("train", "other", 0, "dpo"), Job("evaluated", "third", 0, "dpo")
    base, base_of_third = Job("evaluated", "main", None, "base"), Job("evaluated", "third", None, "base")
    assert find_predecessors(pending, shared) == {
        base: set(),
        sft: set(),
        Job("evaluated", "main", 0, "sft"): {sft},  # no job compares it with the base model
        reward: {sft},
        rloo: {sft, reward},
        other: {sft},
        base_of_third: {base},
        Job("evaluated", "main", 0, "reward"): {reward},
        third: {other},
    }
    assert [str(job) for job in (base, base_of_third, sft, third)] == [
        "evaluated/base",
        "evaluated/base-third",
        "train/main/0/sft",
        "evaluated/third/0/dpo",
    ]


def test_a_model_that_variants_share_is_measured_by_one_job_on_each_benchmark(tmp_path: Path, tiny_model: Path) -> None:
    write_sources(tmp_path)
    study = study_of(tmp_path, tiny_model)
    own = {"preference_accuracy": {}}
    study |= {"train": [{"sft": {"max_steps": 1}}, {"reward": {"max_steps": 1}}], "evaluate": [own]}
    study["variants"] = {"further": {"evaluate": [own, {"preference_accuracy": {"limit": 3}}]}}
    run = Run(load(study), tmp_path / "run", ProgressListener(), dry_run=True)
    run.run_stages("evaluate")
    before = find_predecessors(run.context.cache.pending, run.context.cache.shared)
    base, further = Job("evaluated", "main", None, "base"), Job("evaluated", "further", None, "base")
    sft, reward = Job("train", "main", 0, "sft"), Job("train", "main", 0, "reward")
    assert before[further] == {base}
    assert before[Job("evaluated", "further", 0, "sft")] == {sft, Job("evaluated", "main", 0, "sft")}
    assert before[sft] == set()
    assert before[Job("evaluated", "main", 0, "reward")] == {reward}


def test_a_dry_run_takes_the_median_of_past_stages_of_a_kind(tmp_path: Path) -> None:
    for place, seconds in (("train/main/0/sft", 10), ("train/main/1/sft", 30), ("train/x/0/sft", 20), ("unified", 1)):
        folder = tmp_path / place
        folder.mkdir(parents=True)
        json_files.write_json(folder / hashing.RECORD, {"key": "k", "seconds": seconds, "peak_mb": 1.5})
    costs = dry_run.read_costs(tmp_path)
    assert sorted((seconds, memory) for seconds, _, memory in costs["train/sft"]) == [
        (seconds, 1_572_864) for seconds in (10, 20, 30)
    ]
    assert [
        dry_run.stage_kind(n) for n in ("unified-x", "selected/a/0", "evaluated/base/ifeval", "evaluated/a/0/sft/bbq")
    ] == [
        "unified",
        "selected",
        "evaluated/ifeval",
        "evaluated/bbq",
    ]


def test_a_second_process_waits_and_then_finds_the_stage_done(tmp_path: Path) -> None:
    import threading

    begun, calls = threading.Event(), list[int]()

    def work(out: Path) -> dict[str, Any]:
        calls.append(1)
        begun.set()
        (out / "file").write_text("x")
        return {}

    first = threading.Thread(target=lambda: stage_cache.StageCache(tmp_path).stage("unified", {}, work))
    first.start()
    begun.wait()
    assert stage_cache.StageCache(tmp_path).stage("unified", {}, work).cached
    first.join()
    assert calls == [1]
