"""Training in several processes: accelerate starts them by its own configuration file, and each runs `launched`.

What a step needs goes there as JSON; progress comes back as lines, the result or the user's error as a file.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unipref.core import hashing, json_files, registry, yaml_files
from unipref.core.contracts import Trainer, TrainJob
from unipref.core.errors import UserError, first_line
from unipref.evaluate.in_training import DevBenchmark

MARK = "@unipref "
"""How a line of progress begins, among all that libraries print."""
RESULT, ERROR, LOG = "result.json", "error.json", "processes.log"
SHARDED = ("FSDP", "DEEPSPEED", "MEGATRON_LM")
"""Kinds of launch that spread a model's weights over the processes."""
LAST_LINES = 12

Progress = Callable[[int, int, dict[str, Any]], None]


@dataclass(frozen=True)
class Launch:
    """How accelerate is to start a step.

    Attributes:
        config: accelerate's file.
        processes: how many it starts.
        kind: its `distributed_type`.
    """

    config: Path
    processes: int
    kind: str

    @property
    def is_sharded(self) -> bool:
        """Whether the weights are spread over the processes."""
        return self.kind in SHARDED

    def cache_identity(self) -> dict[str, Any]:
        """What a step's result depends on."""
        return {"config": hashing.file_hash(self.config), "processes": self.processes}

    def command(self, module: str, argument: Path) -> list[str]:
        """What is run.

        accelerate starts several processes on a CPU only through mpirun, and without it one alone, whatever its file
        says: torchrun, with which it starts those on GPUs, starts them then.
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
        UserError: there is no such file, accelerate refuses it, or it is for several machines.
    """
    path = Path(config).resolve()
    if not path.is_file():
        raise UserError("there is no such file.", where=str(path), mend="Write one with: accelerate config")
    given = yaml_files.read(path)
    mend = "Write one with: accelerate config"
    if not isinstance(given, dict):
        raise UserError("accelerate's configuration is a mapping of settings.", where=str(path), mend=mend)
    from accelerate.commands.config.config_args import load_config_from_file

    try:
        settings = load_config_from_file(str(path))
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"accelerate refuses it: {first_line(error)}", where=str(path), mend=mend) from error
    # accelerate reads YAML 1.1, where NO is false and 010 is 8: what counts is what it has read.
    machines = settings.num_machines or 1
    if machines != 1:
        raise UserError(
            f"it is for {machines} machines, and a run starts the processes of one.",
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
        launch: how.
        trainer: the step.
        job: from which model, on which preferences, to which folder.
        progress: told (step, steps, figures) as the first process says.
        probes: what is measured while it trains.
        every: optimiser steps between two measurements.

    Returns:
        As `Trainer.fit`.

    Raises:
        UserError: as raised in the processes, or they died.
    """
    folder = job.out.with_name(f".{job.out.name}-job")
    folder.mkdir(exist_ok=True)
    for left in (RESULT, ERROR):
        (folder / left).unlink(missing_ok=True)
    json_files.write_json(folder / "job.json", _describe_job(launch, trainer, job, probes, every))
    status = _run(launch.command("unipref.pipeline.launched_worker", folder / "job.json"), folder / LOG, progress)
    error, result = folder / ERROR, folder / RESULT
    if error.is_file():
        raise UserError(**json.loads(error.read_text(encoding="utf-8")))
    if status != 0 or not result.is_file():
        lines = (folder / LOG).read_text(encoding="utf-8", errors="replace").splitlines()
        raise UserError(
            f"the training processes ended with status {status}:\n" + "\n".join(lines[-LAST_LINES:]),
            where=str(folder / LOG),
            mend=f"See whether this works: accelerate test --config_file {launch.config}",
        )
    done: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    return done


def _describe_job(
    launch: Launch, trainer: Trainer, job: TrainJob, probes: Sequence[DevBenchmark], every: int | None
) -> dict[str, Any]:
    measured = [
        {"label": probe.label, "data": str(probe.data), **_describe_choice(probe.benchmark)} for probe in probes
    ]
    return {
        "processes": launch.processes,
        "trainer": _describe_choice(trainer),
        "job": job.model_dump(mode="json"),
        "every": every,
        "probes": measured,
    }


def _describe_choice(choice: Any) -> dict[str, Any]:
    """A choice by its name, or the module of code outside unipref, and its settings."""
    return {
        "name": registry.reference(type(choice)),
        "settings": choice.model_dump(mode="json", by_alias=True, exclude_unset=True),
    }


def make_choice(kind: str, chosen: dict[str, Any]) -> Any:
    """The choice that `_chosen` described."""
    return registry.make(kind, chosen["name"], chosen["settings"], kind)


def _run(command: Sequence[str], log: Path, progress: Progress) -> int:
    """Runs it to its end; what it prints goes to the log, all but progress. Stopped here, it stops there."""
    with log.open("w", encoding="utf-8") as kept:
        # The processes end when nobody holds the other end of their input any more.
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=kept, text=True, errors="replace"
        )
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.startswith(MARK):
                    progress(*json.loads(line.removeprefix(MARK)))
                else:
                    kept.write(line)
                    kept.flush()
            return process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise
