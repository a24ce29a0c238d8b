"""Training in several processes: what is handed over, what comes back, and that two do the work of one."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

import unipref
from support.preloaded import PreloadedProcess
from support.preloaded_launch import PreloadedLaunch
from support.study_files import study_of, write_sources
from unipref import cli
from unipref.core import registry, yaml_files
from unipref.core.errors import UserError
from unipref.pipeline import launcher
from unipref.pipeline.launcher import Launch, read_launch

TWO = {
    "compute_environment": "LOCAL_MACHINE",
    "distributed_type": "MULTI_CPU",
    "num_machines": 1,
    "num_processes": 2,
    "machine_rank": 0,
    "mixed_precision": "no",
    "use_cpu": True,
}
FEW: dict[str, Any] = {"max_steps": 3, "learning_rate": 1e-3, "logging_steps": 1}


@pytest.fixture
def two(tmp_path: Path) -> Callable[..., Path]:
    """Writes accelerate's configuration for two processes on a CPU."""

    def write(**changes: Any) -> Path:
        path = tmp_path / "accelerate.yaml"
        path.write_text(yaml_files.write(TWO | changes))
        return path

    return write


@pytest.fixture
def study(tmp_path: Path, tiny_model: Path) -> dict[str, Any]:
    write_sources(tmp_path)
    return study_of(tmp_path, tiny_model)


def test_accelerate_starts_the_processes_and_torchrun_those_on_a_cpu_that_it_would_not(two: Any) -> None:
    launch = read_launch(two())
    assert (launch.processes, launch.kind, launch.is_sharded) == (2, "MULTI_CPU", False)
    command = launch.build_command("unipref.pipeline.launched_worker", Path("job.json"))
    assert command[1:4] == ["-m", "torch.distributed.run", "--standalone"]
    assert command[-3:] == ["-m", "unipref.pipeline.launched_worker", "job.json"]
    for changes in (
        {"mpirun_config": {"mpirun_hostfile": "hosts", "mpirun_ccl": "1"}},
        {"distributed_type": "MULTI_GPU", "use_cpu": False},
        {"distributed_type": "FSDP", "use_cpu": False, "fsdp_config": {"fsdp_version": 2}},
    ):
        launch = read_launch(two(**changes))
        command = launch.build_command("unipref.pipeline.launched_worker", Path("job.json"))
        assert command[1:5] == ["-m", "accelerate.commands.launch", "--config_file", str(launch.config)]
    assert launch.is_sharded


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"num_machines": 2}, r"accelerate\.yaml: num_machines: it is for 2 machines"),
        ({"distributed_type": "MANY_CPU"}, "accelerate refuses it"),
        ({"num_proceses": 2}, "accelerate refuses it"),
    ],
)
def test_a_configuration_that_does_not_do_is_refused(two: Any, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_launch(two(**changes))


@pytest.mark.parametrize(
    ("settings", "processes", "kind"),
    [
        ("distributed_type: NO\nnum_processes: 2\n", 2, "NO"),  # false in YAML 1.1, which accelerate reads
        ("distributed_type: 'NO'\n", 1, "NO"),
        ("distributed_type: MULTI_CPU\nnum_processes: 010\n", 8, "MULTI_CPU"),
        ("distributed_type: MULTI_GPU\n", 1, "MULTI_GPU"),
    ],
)
def test_a_configuration_means_what_accelerate_reads(tmp_path: Path, settings: str, processes: int, kind: str) -> None:
    path = tmp_path / "accelerate.yaml"
    path.write_text(settings, encoding="utf-8")
    launch = read_launch(path)
    assert (launch.processes, launch.kind) == (processes, kind)


def test_a_repeated_key_in_a_configuration_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "accelerate.yaml"
    path.write_text("distributed_type: NO\nuse_cpu: true\nuse_cpu: false\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"accelerate\.yaml, line 3, column 1: invalid YAML: the key 'use_cpu'"):
        read_launch(path)


def test_a_configuration_that_is_not_there_is_refused_before_any_work(study: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.yaml: the file does not exist"):
        unipref.run(study, tmp_path / "run", accelerate="nowhere.yaml")


@pytest.mark.parametrize("name", registry.list_names("trainer"))
def test_a_trainer_is_the_same_after_it_was_handed_over(name: str) -> None:
    example = registry.find("trainer", name).example["settings"]
    settings = {**example, "name": "mine", "from": "base", "optim": "adamw_torch", "warmup_steps": 0.1}
    trainer = registry.make("trainer", name, settings, "train")
    again = launcher.make_choice("trainer", json.loads(json.dumps(launcher._describe_choice(trainer))))
    assert again == trainer
    assert registry.cache_identity(again) == registry.cache_identity(trainer)


@pytest.mark.slow
def test_two_processes_are_one_with_the_same_batch_in_all(
    study: dict[str, Any], two: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 13 rows and 8 pairs: three steps of 4 with no batch unfilled, which accelerate would fill up with rows again.
    def steps(size: int) -> list[dict[str, Any]]:
        own = {**FEW, "per_device_train_batch_size": size}
        return [{"sft": own}, {"reward": own}, {"dpo": {**own, "from": "sft", "lora": {"r": 4, "lora_dropout": 0.0}}}]

    study["evaluate"] = {"every": 2, "benchmarks": [{"preference_accuracy": {"split": "dev"}}]}
    alone = unipref.train_models(study | {"train": steps(4)}, tmp_path / "alone").parent
    file = tmp_path / "study.yaml"
    by_rloo = {"from": "sft", "max_steps": 2, "num_generations": 4, "max_completion_length": 8}
    rloo = {"rloo": {**by_rloo, "per_device_train_batch_size": 2}}
    with pytest.raises(UserError, match=r"2 answers generated at once .* are not a multiple"):
        unipref.train_models(study | {"train": [*steps(4), rloo]}, tmp_path / "alone")
    rloo = {"rloo": {**by_rloo, "per_device_train_batch_size": 4}}
    file.write_text(yaml_files.write(study | {"train": [*steps(2), rloo]}))
    command = ["train", str(file), "-o", str(tmp_path / "together"), "--accelerate", str(two())]
    by_torchrun = preload_all_but_the_first(monkeypatch)
    shown = CliRunner().invoke(cli.app, command)
    assert shown.exit_code == 0, shown.output
    assert by_torchrun == [True, False, False, False]

    one, both = (json.loads((run / "manifest.json").read_text()) for run in (alone, tmp_path / "together"))
    for name in ("sft", "reward", "dpo"):
        first, second = (found["train"]["main"]["0"][name] for found in (one, both))
        assert (second["used"], second["steps"], second["tokens"]) == (first["used"], 3, first["tokens"])
        for expected, point in zip(first["curve"], second["curve"], strict=True):
            assert point["loss"] == pytest.approx(expected["loss"], rel=1e-3)
        assert [point["step"] for point in second["dev"]] == [0, 2, 3]
        for expected, point in zip(first["dev"], second["dev"], strict=True):
            for label, score in expected["scores"].items():
                assert point["scores"][label]["value"] == pytest.approx(score["value"], abs=0.26)
    assert both["train"]["main"]["0"]["rloo"]["steps"] == 2
    # The checks before training count the rows of both.
    assert both["preflight"]["main"]["0"]["steps"]["sft"]["schedule"]["batch"] == 4
    trained = tmp_path / "together/train/main/0"
    assert sorted(path.name for path in trained.iterdir()) == ["dpo", "reward", "rloo", "sft"]
    assert (trained / "rloo/model.safetensors").is_file()


def preload_all_but_the_first(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Most of what a step takes are the imports of torchrun and its processes; returns which were started by it."""
    by_torchrun: list[bool] = []
    build_command = Launch.build_command

    def build(self: Launch, module: str, job: Path) -> list[str]:
        by_torchrun.append(not by_torchrun)
        if by_torchrun[-1]:
            return build_command(self, module, job)
        started_by = SimpleNamespace(**(vars(subprocess) | {"Popen": PreloadedLaunch}))
        monkeypatch.setattr(launcher, "subprocess", started_by)
        return [str(self.processes), module, str(job)]

    monkeypatch.setattr(Launch, "build_command", build)
    return by_torchrun


@pytest.mark.slow
def test_what_the_user_has_to_mend_comes_back_from_the_processes(
    study: dict[str, Any], two: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study["train"] = [{"sft": {**FEW, "per_device_train_batch_size": 2}}]
    monkeypatch.setattr(Launch, "build_command", lambda self, module, job: [sys.executable, "-m", module, str(job)])
    with pytest.raises(UserError, match=r"accelerate started 1 processes, but its configuration says 2"):
        unipref.train_models(study, tmp_path / "run", accelerate=two())
    monkeypatch.setattr(Launch, "build_command", lambda self, module, job: [sys.executable, "-c", "print(7); 1 / 0"])
    with pytest.raises(UserError, match=r"(?s)processes\.log: .*status 1:.*ZeroDivisionError.*accelerate test"):
        unipref.train_models(study, tmp_path / "run", accelerate=two())


KILLED = """
import sys
import unipref
from unipref.core.progress import ProgressListener

class Telling(ProgressListener):
    def progress(self, label, done, total, figures=None, **more):
        if label == "training sft":
            print("training", flush=True)

unipref.train_models(sys.argv[1], sys.argv[2], listener=Telling(), accelerate=sys.argv[3])
"""


@pytest.mark.slow
def test_the_processes_end_with_the_run_that_is_killed(study: dict[str, Any], two: Any, tmp_path: Path) -> None:
    study["train"] = [{"sft": {**FEW, "max_steps": 5000, "per_device_train_batch_size": 2}}]
    (tmp_path / "study.yaml").write_text(yaml_files.write(study))
    given, log = [str(tmp_path / "study.yaml"), str(tmp_path / "run"), str(two())], tmp_path / "log"
    run = PreloadedProcess(given, log, {"OMP_NUM_THREADS": "1"}, KILLED)
    while "training\n" not in (log.read_text(encoding="utf-8") if log.is_file() else ""):
        assert run.poll() is None, log.read_text(encoding="utf-8")
        time.sleep(0.2)
    started = psutil.Process(run.pid).children(recursive=True)
    # The one that starts the others, and both of them.
    assert len(started) == 3
    run.kill()
    run.wait()
    deadline = time.monotonic() + 60
    while any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in started):
        assert time.monotonic() < deadline
        time.sleep(0.2)
