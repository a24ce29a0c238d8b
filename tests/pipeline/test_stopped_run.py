"""Nothing writes after its run has ended, whatever ended it."""

import collections
import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from support import command_line, trials
from support.command_line import list_children, start, stop, wait_for, wait_until_ended
from unipref import cli
from unipref.core import hashing

pytestmark = pytest.mark.slow

FUNCTIONS = """
import os, re, time

def wait_at(row, place, sides):
    if row["prompt"] == f"Question {place} 39?":
        open(f"{sides}_is_there", "w").close()
        while not os.path.exists(f"{sides}_may_end"):
            time.sleep(0.02)

def swapped(row):
    wait_at(row, 1, "swapped")
    return {**row, "chosen": row["second"], "rejected": row["first"]}

def right(row):
    wait_at(row, 2, "right")
    return {**row, "chosen": row["first"], "rejected": row["second"]}

def busy(row):
    open("busy_is_there", "w").close()
    re.match("(a+)+$", "a" * 60 + "b")  # years of C code that keeps Python's lock
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "slow.py").write_text(FUNCTIONS, encoding="utf-8")
    for place in (1, 2):
        # Files below a megabyte are read together, in this process.
        padding = {"padding": "x" * 30_000}
        rows = [
            {"prompt": f"Question {place} {at}?", "first": f"right {place}.{at}", "second": f"wrong {place}.{at}"}
            | padding
            for at in range(40)
        ]
        (tmp_path / f"f{place}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for name in ("swapped", "right", "busy"):
        mapping = f"{{prompt: prompt, function: slow.{name}}}"
        source = f"{{name: x, path: 'f*.jsonl', format: pairs, map: {mapping}}}"
        (tmp_path / f"{name}.yaml").write_text(f"sources:\n  - {source}\nworkers: 2\n", encoding="utf-8")
    return tmp_path


def run_here(folder: Path, *words: str) -> None:
    """Runs a command that nothing stops, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        shown = CliRunner().invoke(cli.app, [*words, "--set", "workers=1"])
    assert shown.exit_code == 0, shown.output


def first_words(run: Path) -> dict[str, int]:
    rows = pq.read_table(run / "unified/preferences.parquet").to_pylist()
    return dict(collections.Counter(row["chosen"][0]["content"].split()[0] for row in rows))


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGKILL, -9)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_workers_end_with_their_run_and_the_next_run_has_its_own_rows(
    folder: Path, number: signal.Signals, status: int
) -> None:
    process = start(folder, "unify", "swapped.yaml", "-o", "run")
    wait_for(folder / "swapped_is_there")
    workers = list_children(process.pid)
    assert len(workers) >= 2
    ended, err = stop(process, number)
    assert ended == status
    if number != signal.SIGKILL:
        assert "Stopped. Run the same command again to resume" in err
        assert not list((folder / "run").glob("unified.partial*"))
    assert "Traceback" not in err
    wait_until_ended(workers)
    (folder / "swapped_may_end").touch()
    (folder / "right_may_end").touch()
    run_here(folder, "unify", "right.yaml", "-o", "run")
    assert first_words(folder / "run") == {"right": 80}
    assert sorted(path.name for path in (folder / "run").glob("unified*")) == ["unified"]


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux kills them")
def test_a_worker_that_is_busy_in_c_code_ends_too(folder: Path) -> None:
    process = start(folder, "unify", "busy.yaml", "-o", "run")
    wait_for(folder / "busy_is_there")
    workers = list_children(process.pid)
    stop(process, signal.SIGKILL)
    wait_until_ended(workers)


def test_a_signal_that_is_ignored_stays_ignored(folder: Path) -> None:
    def ignore() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    process = start(folder, "unify", "swapped.yaml", "-o", "run", preexec_fn=ignore)
    wait_for(folder / "swapped_is_there")
    process.send_signal(signal.SIGHUP)
    (folder / "swapped_may_end").touch()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err


def test_runs_at_once_in_one_folder_succeed_alike_or_say_that_another_is_there(folder: Path) -> None:
    for name in ("right_may_end", "swapped_may_end"):
        (folder / name).touch()
    words = ("unify", "right.yaml", "-o", "run", "--set", "workers=1")
    at_once = trials.count(2, 3)
    with ThreadPoolExecutor(at_once) as pool:
        ended = list(pool.map(lambda _: command_line.run(folder, *words), range(at_once)))
    assert 0 in [status for status, _ in ended]
    for status, text in ended:
        assert "Traceback" not in text
        assert status == 0 or (status == 2 and "another command is using this folder" in text)
    before = hashing.tree_hash(folder / "run/unified")
    run_here(folder, "unify", "right.yaml", "-o", "alone")
    assert hashing.tree_hash(folder / "alone/unified") == before


def test_a_source_that_changes_while_it_is_read_stops_the_run(folder: Path) -> None:
    process = start(folder, "unify", "right.yaml", "-o", "run", "--set", "workers=1")
    wait_for(folder / "right_is_there")
    with (folder / "f1.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"prompt": "Late?", "first": "right", "second": "wrong"}) + "\n")
    (folder / "right_may_end").touch()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert f"{folder / 'f1.jsonl'}: the file changed while it was read" in err
    assert not list((folder / "run").glob("unified*"))
    run_here(folder, "unify", "right.yaml", "-o", "run")
    assert first_words(folder / "run") == {"right": 81}


BOUND = """
import subprocess, sys, time
from unipref.core.workers.parent_process import make_bound_command
process = subprocess.Popen(make_bound_command([sys.executable, "-c", "import time; time.sleep(60)"]))
print(process.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux kills it")
def test_a_bound_command_ends_with_the_process_that_started_it() -> None:
    parent = subprocess.Popen([sys.executable, "-c", BOUND], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    parent.stdout.readline()
    children = list_children(parent.pid)
    assert children
    parent.kill()
    parent.wait()
    wait_until_ended(children)
