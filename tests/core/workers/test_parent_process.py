import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ENDS_WITH_PARENT = """
import os, subprocess, sys
child = "import sys, time; from unipref.core.workers import parent_process as p; p.SECONDS_BETWEEN_CHECKS = 0.05"
child += "; p.exit_with_parent(int(sys.argv[1])); print('ready', flush=True); time.sleep(60)"
process = subprocess.Popen([sys.executable, "-c", child, str(os.getpid())], stdout=subprocess.PIPE, text=True)
process.stdout.readline()
print(process.pid, flush=True)
"""


def is_running(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_a_child_ends_when_its_parent_has_ended() -> None:
    parent = subprocess.run([sys.executable, "-c", ENDS_WITH_PARENT], capture_output=True, text=True, check=True)
    pid = int(parent.stdout)
    end = time.monotonic() + 20
    while is_running(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not is_running(pid)


def test_a_process_ends_when_its_standard_input_is_closed() -> None:
    code = "import time; from unipref.core.workers import parent_process as p"
    code += "; p.exit_with_standard_input(); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, env=dict(os.environ))
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=30) == 1
