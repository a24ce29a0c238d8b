"""What a run leaves on disk. Finished work is skipped by content hash; nothing is ever half-written.

A stage writes into `FOLDER.partial`; when it is done, its files are checksummed in `stage.json` and the folder is
renamed. A stage is done when its key (its settings, what went into it, and the code that does it) and its files'
checksums are still the same. A stage that can be taken up again keeps what it needs for that on its bench, a folder
beside it that bears its key and is gone when the stage is done.
"""

import contextlib
import json
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unipref.core.errors import UserError
from unipref.core.hashing import RECORD, checksums, json_hash
from unipref.core.json_files import plain, write_json

LOCKS = ".locks"
"""Folder of a run in which a stage that is being worked on has a lock."""


@dataclass(frozen=True)
class Stage:
    """A finished stage.

    Attributes:
        folder: where its files are.
        key: hash of all that it depends on.
        content: hash of its files.
        files: path within the folder -> hash, for each of them.
        result: what it returned; empty where the stage is only planned.
        seconds, peak_mb: what it cost when it was done (peak resident memory of this process and its children).
        cpu_seconds: computing time of all cores, of this process and those of its children that had ended; None where
            a former version did it.
        cached: it had been done before.
        planned: it has not been done, and was not to be: its key and content stand for what they will be.
    """

    folder: Path
    key: str
    content: str
    files: dict[str, str]
    result: dict[str, Any]
    seconds: float
    peak_mb: float
    cached: bool
    planned: bool = False
    cpu_seconds: float | None = None


class RunDir:
    """The folder of one run. Work with the same key is done once in a run, whichever folder it was asked for.

    Args:
        folder: made when it is missing.
        on_stage: told of each stage as it starts (cached or not).
        planning: do nothing and write nothing; `planned` has what would be done.
        elsewhere: keys of stages that other processes of this run have done: they do not count as cached.
    """

    def __init__(
        self,
        folder: Path,
        on_stage: Callable[[str, bool], None] | None = None,
        *,
        planning: bool = False,
        elsewhere: Collection[str] = (),
    ) -> None:
        self.folder = folder
        self.on_stage = on_stage or (lambda name, cached: None)
        self.stages: list[Stage] = []
        self.planned: list[tuple[str, str, Mapping[str, Any]]] = []
        """Name, key and inputs of each stage that would be done."""
        self.known: dict[str, str] = {}
        """Key -> the folder, relative to the run, in which another process of this run has done that work."""
        self._planning, self._elsewhere = planning, frozenset(elsewhere)
        self._by_key: dict[str, Stage] = {}
        if planning:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"the run folder cannot be made: {error.strerror}.", where=str(folder)) from error

    def stage(
        self, name: str, inputs: Mapping[str, Any], work: Callable[..., dict[str, Any]], *, bench: bool = False
    ) -> Stage:
        """Does a stage's work, unless it has been done.

        Args:
            name: its folder, relative to the run, with `/` between parts: its kind, then whose it is (`unified`,
                `unified-random`, `selected/random/0`).
            inputs: all that its result depends on, as JSON values; the keys of earlier stages among them.
            work: writes into the folder it is given and returns what is to be remembered, as JSON values.
            bench: also give `work` the path of its bench, which it may make and fill.
        """
        folder = self.folder / name
        key = json_hash({"stage": re.split("[/-]", name)[0], **inputs})
        if key in self._by_key:
            return self._by_key[key]
        stage = self._done(folder, key) or (
            self._done(self.folder / self.known[key], key) if key in self.known else None
        )
        if stage is None and self._planning:
            self.planned.append((name, key, inputs))
            stage = Stage(folder, key, f"of {key}", {}, {}, 0.0, 0.0, cached=False, planned=True)
        elif stage is None:
            with self._alone(name):
                # Another process may have done it while this one waited.
                stage = self._done(folder, key)
                self.on_stage(name, stage is not None)
                stage = stage or self._do(folder, key, work, bench)
        else:
            self.on_stage(name, True)
        self.stages.append(stage)
        self._by_key[key] = stage
        return stage

    @contextlib.contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """No two processes write one stage: the second waits. The lock goes with the process that holds it."""
        from filelock import FileLock

        locks = self.folder / LOCKS
        locks.mkdir(exist_ok=True)
        with FileLock(locks / f"{name.replace('/', '@')}.lock"):
            yield

    def _done(self, folder: Path, key: str) -> Stage | None:
        try:
            record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        files = checksums(folder)
        if not isinstance(record, dict) or record.get("key") != key or record.get("files") != files:
            return None
        return Stage(
            folder,
            key,
            json_hash(files),
            files,
            record["result"],
            record["seconds"],
            record["peak_mb"],
            cached=key not in self._elsewhere,
            cpu_seconds=record.get("cpu_seconds"),
        )

    def _do(self, folder: Path, key: str, work: Callable[..., dict[str, Any]], bench: bool) -> Stage:
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        start, cpu_start = time.perf_counter(), sum(os.times()[:4])
        with peak_memory() as peak:
            result = work(partial, bench_of(folder, key)) if bench else work(partial)
        seconds, cpu_seconds = round(time.perf_counter() - start, 3), round(sum(os.times()[:4]) - cpu_start, 3)
        files = checksums(partial)
        stage = Stage(
            folder,
            key,
            json_hash(files),
            files,
            plain(result),
            seconds,
            peak[0],
            cached=False,
            cpu_seconds=cpu_seconds,
        )
        record = {
            "key": key,
            "seconds": stage.seconds,
            "cpu_seconds": stage.cpu_seconds,
            "peak_mb": stage.peak_mb,
            "files": files,
            "result": stage.result,
        }
        write_json(partial / RECORD, record)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(partial, folder)
        if bench:
            for left in _benches(folder):
                shutil.rmtree(left)
        return stage

    def places(self) -> dict[str, str]:
        """Key -> folder, relative to the run, of each stage that is done."""
        return {s.key: s.folder.relative_to(self.folder).as_posix() for s in self.stages if not s.planned}

    def costs(self) -> list[dict[str, Any]]:
        """What each stage of this run cost, in order."""
        return [
            {
                "stage": stage.folder.relative_to(self.folder).parts[0],
                "folder": stage.folder.relative_to(self.folder).as_posix(),
                "seconds": stage.seconds,
                "cpu_seconds": stage.cpu_seconds,
                "peak_mb": stage.peak_mb,
                "cached": stage.cached,
                "content": stage.content,
            }
            for stage in self.stages
        ]


def kind_of(name: str) -> str:
    """Stages of one kind cost about the same: a training step whatever its variant and seed, a benchmark too."""
    parts = name.split("/")
    return f"{parts[0]}/{parts[-1]}" if parts[0] in ("train", "evaluated") else parts[0].split("-")[0]


def bench_of(folder: Path, key: str) -> Path:
    """The bench of a stage with that key."""
    return folder.with_name(f".{folder.name}.{key[:12]}.bench")


def _benches(folder: Path) -> list[Path]:
    """The benches of a stage, those of former settings too."""
    mine = re.compile(rf"\.{re.escape(folder.name)}\.[0-9a-f]{{12}}\.bench")
    return [path for path in folder.parent.iterdir() if mine.fullmatch(path.name)]


@contextlib.contextmanager
def peak_memory(every_seconds: float = 0.05) -> Iterator[list[float]]:
    """Follows the resident memory of this process and its children; the list holds the peak in MB afterwards."""
    import psutil

    me, peak, stop = psutil.Process(), [0.0], threading.Event()

    def look() -> None:
        total = 0
        for process in (me, *me.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
        peak[0] = max(peak[0], round(total / 2**20, 1))

    def follow() -> None:
        while not stop.wait(every_seconds):
            look()

    look()
    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    try:
        yield peak
    finally:
        stop.set()
        follower.join()
        look()
