"""A run that is killed, without a chance to tidy up, goes on where it was and ends as if nothing had been."""

import json
import os
import signal
from pathlib import Path

import pytest

import unipref
from support.preloaded import PreloadedProcess
from support.study_files import study_of, write_sources
from unipref.core import hashing, stage_cache, yaml_files

KILLED = """
import os, signal, sys
import unipref
from unipref.core.progress import ProgressListener

class Fatal(ProgressListener):
    def progress(self, label, done, total, figures=None, **more):
        if label == f"training {sys.argv[3]}" and done == 5:
            os.kill(os.getpid(), signal.SIGKILL)

unipref.train_models(sys.argv[1], sys.argv[2], listener=Fatal())
"""

STEP = {"max_steps": 6, "per_device_train_batch_size": 4, "learning_rate": 1e-3, "checkpoint": {"every": 2}}


def weights_of(run: Path, step: str) -> dict[str, str]:
    return {path.name: hashing.file_hash(path) for path in (run / "train/main/0" / step).glob("*.safetensors")}


@pytest.mark.slow
def test_a_run_killed_in_each_step_ends_as_the_unbroken_one(tmp_path: Path, tiny_model: Path) -> None:
    write_sources(tmp_path)
    study = study_of(tmp_path, tiny_model)
    study["train"] = [{"sft": {**STEP, "lora": {"r": 4}}}, {"reward": STEP}, {"dpo": {**STEP, "from": "sft"}}]
    (tmp_path / "study.yaml").write_text(yaml_files.write(study))
    threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    run, log = tmp_path / "killed", tmp_path / "log"
    for step in ("sft", "reward", "dpo"):
        process = PreloadedProcess([str(tmp_path / "study.yaml"), str(run), step], log, threads, KILLED)
        assert process.wait(600) == -signal.SIGKILL, log.read_text(encoding="utf-8")
        (checkpoint_dir,) = (run / "train/main/0").glob(f".{step}.*.checkpoints")
        assert sorted(path.name for path in checkpoint_dir.glob("checkpoint-*")) == ["checkpoint-2", "checkpoint-4"]
        assert not (run / "train/main/0" / step).exists()
    unipref.train_models(study, run)
    unipref.train_models(study, tmp_path / "unbroken")

    (ended, plain) = (
        json.loads((folder / "manifest.json").read_text())["train"]["main"]["0"]
        for folder in (run, tmp_path / "unbroken")
    )
    for step in ("sft", "reward", "dpo"):
        assert weights_of(run, step) == weights_of(tmp_path / "unbroken", step) != {}
        assert ended[step]["curve"] == plain[step]["curve"]
        assert (ended[step]["resumed_at"], plain[step]["resumed_at"]) == (4, None)
    # Nothing that was only needed on the way is left.
    assert sorted(path.name for path in (run / "train/main/0").iterdir()) == ["dpo", "reward", "sft"]


def test_checkpoints_outlive_a_kill_and_go_when_the_stage_is_done(tmp_path: Path) -> None:
    def work(out: Path, checkpoint_dir: Path) -> dict[str, list[str]]:
        found = sorted(path.name for path in checkpoint_dir.iterdir()) if checkpoint_dir.is_dir() else []
        checkpoint_dir.mkdir(exist_ok=True)
        (checkpoint_dir / f"try-{len(found)}").write_text("x")
        if len(found) < 2:
            raise KeyboardInterrupt
        return {"found": found}

    for name in ("train/main/0/sft", "train/main/0/sft-2"):
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                stage_cache.StageCache(tmp_path).stage(name, {"rate": 1}, work, resumable=True)
    # Other settings have checkpoints of their own.
    with pytest.raises(KeyboardInterrupt):
        stage_cache.StageCache(tmp_path).stage("train/main/0/sft", {"rate": 2}, work, resumable=True)
    assert len(list((tmp_path / "train/main/0").glob(".*.checkpoints"))) == 3
    done = stage_cache.StageCache(tmp_path).stage("train/main/0/sft", {"rate": 1}, work, resumable=True)
    assert done.result == {"found": ["try-0", "try-1"]}
    assert [path.name[:7] for path in (tmp_path / "train/main/0").glob(".*.checkpoints")] == [".sft-2."]
