"""A disk that is full when a stage starts to write: the run stops with one message and resumes when there is room.

A small file system in memory stands for the disk (`mount -t tmpfs`). Where it cannot be mounted, a limit of the size
of files stands for it: the system then refuses writes as well (EFBIG).
"""

import contextlib
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from trust.attempt import measure
from trust.interruptions import TRACEBACK
from trust.outcome import Outcome
from trust.small_study import UnbrokenRun, differences

DISK_BYTES = 64 << 20

FULL_BEFORE_STAGE = """
import os, resource, signal, sys
from pathlib import Path
from unipref import cli
from unipref.core.stage_cache import StageCache

run_stage, target, room, limit = StageCache.stage, {target!r}, {room}, {limit}

def fill(folder):
    if limit:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        return
    with open(Path(folder) / ".filler", "wb", buffering=0) as filler:
        try:
            while filler.write(bytes(1 << 16)):
                pass
        except OSError:
            pass
        if room:
            filler.truncate(max(0, filler.tell() - room))

def stage(self, name, inputs, work, **options):
    def work_without_room(*places):
        fill(self.folder)
        return work(*places)
    return run_stage(self, name, inputs, work_without_room if name == target else work, **options)

StageCache.stage = stage
sys.argv[0] = "unipref"
cli.main()
"""
"""Runs the command line; when the stage `target` starts, the disk has `room` bytes left."""


def fill_disk_in_each_stage(
    unbroken: UnbrokenRun, folder: Path, seed: int, rooms: tuple[int, ...], n_stages: int | None = None
) -> Outcome:
    """Fills the disk when each stage starts, and resumes with room.

    Args:
        unbroken: the run to compare with.
        folder: created.
        seed: of the choice of stages.
        rooms: bytes left when the stage starts, each tried in each stage.
        n_stages: most stages; None: all.
    """
    with measure("disk full", seed) as outcome:
        folder.mkdir(parents=True)
        stages = [path.parent.relative_to(unbroken.folder).as_posix() for path in unbroken.folder.rglob("stage.json")]
        stages = random.Random(seed).sample(sorted(stages), n_stages or len(stages))
        with _small_disk(folder / "disk") as is_mounted:
            if not is_mounted:
                outcome.notes.append("no file system could be mounted: a limit of the size of files stood for the disk")
            for stage in stages:
                for room in rooms:
                    run, log = folder / "disk" / "run", folder / f"{stage.replace('/', '-')}-{room}.log"
                    code = FULL_BEFORE_STAGE.format(target=stage, room=room, limit=0 if is_mounted else max(room, 64))
                    status = unbroken.finish(run, log, code)
                    text = log.read_text(encoding="utf-8", errors="replace")
                    where = f"{stage} with {room} bytes left"
                    outcome.tries["full disks"] += 1
                    if TRACEBACK in text or status not in (0, 2):
                        outcome.failures.append(f"{where}: status {status}: {text[-400:]}")
                    if status == 0:
                        outcome.notes.append(f"{where}: the stage needed no more room")
                    (run / ".filler").unlink(missing_ok=True)
                    status = unbroken.finish(run, folder / "resumed.log")
                    if status or (different := differences(run, unbroken)):
                        outcome.failures.append(f"{where}, resumed: status {status}, {different if not status else ''}")
                    shutil.rmtree(run, ignore_errors=True)
    return outcome


@contextlib.contextmanager
def _small_disk(folder: Path) -> Iterator[bool]:
    """Mounts a file system of limited size; yields whether this machine allows it."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    is_mounted = (
        hasattr(os, "geteuid")
        and os.geteuid() == 0
        and shutil.which("mount") is not None
        and subprocess.run(command, check=False, capture_output=True).returncode == 0
    )
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)
