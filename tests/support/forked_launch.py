"""Starts the processes of a training step, as torchrun does, but as copies of one that has imported the libraries.

python tests/support/forked_launch.py PROCESSES MODULE JOB    # torchrun imports them in each process and for itself
"""

import importlib
import os
import runpy
import socket
import sys

IMPORTED = (
    "unipref.train.fit",
    "unipref.pipeline.launched_worker",
    "transformers.models.llama.modeling_llama",
    "peft",
    "trl.trainer.sft_trainer",
    "trl.trainer.dpo_trainer",
    "trl.trainer.reward_trainer",
)


def main() -> None:
    """Runs the module in each process; the status is that of the first that fails."""
    processes, (module, *_) = int(sys.argv[1]), sys.argv[2:]
    for name in IMPORTED:
        importlib.import_module(name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ |= {"WORLD_SIZE": str(processes), "LOCAL_WORLD_SIZE": str(processes)}
    started = [_start(rank, module) for rank in range(processes)]
    statuses = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in started]
    sys.exit(next((status for status in statuses if status), 0))


def _start(rank: int, module: str) -> int:
    """Returns the id of a new process that runs the module."""
    if pid := os.fork():
        return pid
    status = 1
    try:
        os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
        sys.argv[:] = sys.argv[2:]
        del sys.modules[module]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
