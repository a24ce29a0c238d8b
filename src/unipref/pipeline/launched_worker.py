"""One of several processes that train a step together; `launcher` starts it with `python -m`."""

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

from unipref.core import json_files, terminal, user_code
from unipref.core.contracts import TrainJob
from unipref.core.errors import UserError, report_missing_resources
from unipref.core.user_code import CodeFiles
from unipref.core.workers.parent_process import exit_with_standard_input, kill_with_parent
from unipref.evaluate import in_training
from unipref.pipeline.launcher import MARK, RESULT, make_choice, make_error_line
from unipref.train import Meter, train


def main() -> None:
    """Trains the step that the job file describes; the first process writes the result beside that file.

    Each process reports what the user can mend, also a disk that is full.
    """
    path = Path(sys.argv[1])
    is_first = os.environ.get("RANK", "0") == "0"
    kill_with_parent()
    exit_with_standard_input()
    terminal.guard_libraries()
    try:
        with report_missing_resources(str(path.parent)):
            description = json.loads(path.read_text(encoding="utf-8"))
            os.chdir(description["working_folder"])
            user_code.restore(CodeFiles.from_json(description["code"]))
            result = _train(description, is_first)
            if is_first:
                json_files.write_json(path.with_name(RESULT), result)
    except UserError as error:
        terminal.echo(make_error_line(error))
        sys.exit(2)


def _train(description: dict[str, Any], is_first: bool) -> dict[str, Any]:
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started != description["processes"]:
        raise UserError(
            f"accelerate started {started} processes, but its configuration says {description['processes']}.",
            mend="Test the configuration with: accelerate test --config_file CONFIG",
        )
    trainer, job = make_choice("trainer", description["trainer"]), TrainJob(**description["job"])
    probes = [
        in_training.DevBenchmark(one["label"], make_choice("benchmark", one), Path(one["data"]))
        for one in description["probes"]
    ]
    meter = Meter(partial(in_training.measure, probes, trainer.model_kind), description["every"]) if probes else None
    return train(trainer, job, _print_progress if is_first else None, meter)


def _print_progress(step: int, steps: int, figures: dict[str, Any]) -> None:
    terminal.echo(MARK + json.dumps([step, steps, figures]))


if __name__ == "__main__":
    main()
