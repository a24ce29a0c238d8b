"""Trains in several processes: accelerate starts them from its configuration file, and each runs `launched_worker`.

They read the step from a JSON file, print progress and errors as lines, and write the result to a file.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TextIO

from unipref.core import hashing, json_files, registry, user_code, yaml_files
from unipref.core.contracts import Trainer, TrainJob
from unipref.core.errors import ResourceError, UserError, first_line
from unipref.core.search_path import make_safe_environment
from unipref.core.terminal import show_text
from unipref.core.workers.parent_process import make_bound_command
from unipref.evaluate.in_training import DevBenchmark

MARK = "@unipref "
"""The prefix of a progress line, to tell it from the output of libraries."""
RESULT, LOG = "result.json", "processes.log"
SECONDS_TO_END = 5.0
"""How long stopped processes may take to end before they are killed."""
SHARDED = ("FSDP", "DEEPSPEED", "MEGATRON_LM")
"""Kinds of launch that shard a model's weights over the processes."""
LAST_LINES = 12
SECONDS_TO_CLOSE = 5.0
"""Longest wait for the last lines of the processes' errors."""

Progress = Callable[[int, int, dict[str, Any]], None]


@dataclass(frozen=True)
class Launch:
    """How accelerate starts a step.

    Attributes:
        config: accelerate's configuration file.
        processes: number of processes.
        kind: its `distributed_type`.
    """

    config: Path
    processes: int
    kind: str

    @property
    def searches_working_folder(self) -> bool:
        """Whether accelerate puts the folder in which it starts before the installed packages."""
        return self.kind == "DEEPSPEED"

    @property
    def is_sharded(self) -> bool:
        """Whether the weights are sharded over the processes."""
        return self.kind in SHARDED

    def cache_identity(self) -> dict[str, Any]:
        """Returns what a step's result depends on."""
        return {"config": hashing.file_hash(self.config), "processes": self.processes}

    def build_command(self, module: str, argument: Path) -> list[str]:
        """Returns the command that starts the processes.

        On CPUs, accelerate starts several processes only through mpirun; without mpirun it starts one, whatever its
        configuration says. Then this command uses torchrun, as accelerate does for GPUs.
        """
        own = ["-m", module, str(argument)]
        if self.kind == "MULTI_CPU" and "mpirun_config" not in self.config.read_text(encoding="utf-8"):
            start = ["torch.distributed.run", "--standalone", "--nproc_per_node", str(self.processes)]
        else:
            start = ["accelerate.commands.launch", "--config_file", str(self.config)]
        return [sys.executable, "-m", *start, *own]


def read_launch(config: str | os.PathLike[str]) -> Launch:
    """Reads accelerate's configuration.

    Raises:
        UserError: the file does not exist, accelerate refuses it, or it is for several machines.
    """
    path = Path(config).resolve()
    if not path.is_file():
        raise UserError("the file does not exist.", where=str(path), mend="Write one with: accelerate config")
    content = yaml_files.read(path)
    mend = "Write one with: accelerate config"
    if not isinstance(content, dict):
        raise UserError("accelerate's configuration must be a mapping of settings.", where=str(path), mend=mend)
    from accelerate.commands.config.config_args import load_config_from_file

    try:
        settings = load_config_from_file(str(path))
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"accelerate refuses it: {first_line(error)}", where=str(path), mend=mend) from error
    # accelerate reads YAML 1.1, where NO is false and 010 is 8, so its own reading of the settings counts.
    machines = settings.num_machines or 1
    if machines != 1:
        raise UserError(
            f"it is for {machines} machines, but unipref starts processes on one machine only.",
            where=f"{path}: num_machines",
            mend="Set num_machines: 1.",
        )
    kind = str(getattr(settings.distributed_type, "value", settings.distributed_type) or "NO")
    return Launch(path, max(getattr(settings, "num_processes", 1) or 1, 1), kind)


def train_launched(
    launch: Launch,
    trainer: Trainer,
    job: TrainJob,
    progress: Progress,
    probes: Sequence[DevBenchmark] = (),
    every: int | None = None,
) -> dict[str, Any]:
    """Runs one training step in the processes that accelerate starts.

    Args:
        launch: how the processes start.
        trainer: the step.
        job: the model to start from, the preferences and the output folder.
        progress: called with (step, steps, figures) for each progress line of the first process.
        probes: benchmarks to measure during training.
        every: optimiser steps between two measurements.

    Returns:
        As `Trainer.fit`.

    Raises:
        UserError: a process raised it, or the processes died.
    """
    folder = job.out.with_name(f".{job.out.name}-job").absolute()
    folder.mkdir(exist_ok=True)
    result = folder / RESULT
    result.unlink(missing_ok=True)
    json_files.write_private_json(folder / "job.json", _describe_job(launch, trainer, job, probes, every))
    command = launch.build_command("unipref.pipeline.launched_worker", folder / "job.json")
    try:
        status, fault = _run(command, folder / LOG, progress, folder if launch.searches_working_folder else None)
    finally:
        # The settings may contain secrets.
        (folder / "job.json").unlink(missing_ok=True)
    if fault is not None:
        raise fault
    if status != 0 or not result.is_file():
        lines = (folder / LOG).read_text(encoding="utf-8", errors="replace").splitlines()
        raise UserError(
            f"the training processes ended with status {status}:\n" + "\n".join(lines[-LAST_LINES:]),
            where=str(folder / LOG),
            mend=f"Test the configuration with: accelerate test --config_file {launch.config}",
        )
    record: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    return record


def _describe_job(
    launch: Launch, trainer: Trainer, job: TrainJob, probes: Sequence[DevBenchmark], every: int | None
) -> dict[str, Any]:
    measured = [
        {"label": probe.label, "data": str(probe.data), **_describe_choice(probe.benchmark)} for probe in probes
    ]
    return {
        "processes": launch.processes,
        "working_folder": os.getcwd(),
        "code": user_code.snapshot().as_json(),
        "trainer": _describe_choice(trainer),
        "job": job.model_dump(mode="json"),
        "every": every,
        "probes": measured,
    }


def _describe_choice(choice: Any) -> dict[str, Any]:
    """The name of a choice, or its module if it is from outside unipref, and its settings."""
    return {
        "name": registry.reference(type(choice)),
        "settings": choice.model_dump(mode="json", by_alias=True, exclude_unset=True),
    }


def make_choice(kind: str, description: dict[str, Any]) -> Any:
    """Makes the choice that `_describe_choice` described."""
    return registry.make(kind, description["name"], description["settings"], kind)


def make_error_line(error: UserError) -> str:
    """Returns the line with which a process reports an error; a file would need room on the disk."""
    kind = "resource" if isinstance(error, ResourceError) else "user"
    return MARK + json.dumps({"kind": kind, "what": error.what, "where": error.where, "mend": error.mend})


def _read_error(line: Mapping[str, Any]) -> UserError:
    kind = ResourceError if line["kind"] == "resource" else UserError
    return kind(line["what"], where=line["where"], mend=line["mend"])


def _run(
    command: Sequence[str], log: Path, progress: Progress, working_folder: Path | None
) -> tuple[int, UserError | None]:
    """Runs a command, with its output in the log except the lines of unipref. If this process stops, so does it.

    Returns:
        The exit status, and the first error that a process reported.
    """
    fault: UserError | None = None
    with log.open("w", encoding="utf-8") as log_file:
        # The processes end when this process closes the other end of their standard input.
        process = subprocess.Popen(
            make_bound_command(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            cwd=working_folder,
            env=make_safe_environment(os.environ),
        )
        assert process.stdout is not None
        assert process.stderr is not None
        errors = threading.Thread(target=_copy, args=(process.stderr, log_file), daemon=True)
        errors.start()
        try:
            for line in process.stdout:
                if not line.startswith(MARK):
                    log_file.write(show_text(line))
                    log_file.flush()
                    continue
                content = json.loads(line.removeprefix(MARK))
                if isinstance(content, dict):
                    fault = fault or _read_error(content)
                else:
                    progress(*content)
            status = process.wait()
            errors.join(SECONDS_TO_CLOSE)
            return status, fault
        except BaseException:
            _end(process)
            raise


def _end(process: "subprocess.Popen[str]") -> None:
    """Ends the processes: they end with their standard input, and when the process that started them is killed."""
    assert process.stdin is not None
    process.stdin.close()
    process.terminate()
    try:
        process.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _copy(lines: IO[str], log: TextIO) -> None:
    """Copies the error output of processes to their log, without control characters and secrets."""
    for line in lines:
        log.write(show_text(line))
        log.flush()
