"""One of several processes that train a step together, started by `launcher` with `python -m`."""

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

from unipref.core import json_files
from unipref.core.contracts import TrainJob
from unipref.core.errors import UserError
from unipref.core.workers.parent_process import exit_with_standard_input
from unipref.evaluate import in_training
from unipref.pipeline.launcher import ERROR, MARK, RESULT, made
from unipref.train import Meter, train


def main() -> None:
    """Trains the step that the job file describes; the first process writes what came of it beside that file."""
    path = Path(sys.argv[1])
    first = os.environ.get("RANK", "0") == "0"
    exit_with_standard_input()
    sys.path.append(os.getcwd())
    try:
        done = _trained(json.loads(path.read_text(encoding="utf-8")), first)
    except UserError as error:
        if first:
            fault = {"what": error.what, "where": error.where, "mend": error.mend}
            json_files.write_json(path.with_name(ERROR), fault)
        sys.exit(2)
    if first:
        json_files.write_json(path.with_name(RESULT), done)


def _trained(given: dict[str, Any], first: bool) -> dict[str, Any]:
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started != given["processes"]:
        raise UserError(
            f"{started} processes were started, and accelerate's configuration says {given['processes']}.",
            mend="See what accelerate makes of it: accelerate test --config_file CONFIG",
        )
    trainer, job = made("trainer", given["trainer"]), TrainJob(**given["job"])
    probes = [
        in_training.DevBenchmark(one["label"], made("benchmark", one), Path(one["data"])) for one in given["probes"]
    ]
    meter = Meter(partial(in_training.measure, probes, trainer.model_kind), given["every"]) if probes else None
    return train(trainer, job, _tell if first else None, meter)


def _tell(step: int, steps: int, figures: dict[str, Any]) -> None:
    print(MARK + json.dumps([step, steps, figures]), flush=True)


if __name__ == "__main__":
    main()
