"""The cache of a run folder: a stage that is done is skipped, and no reader ever sees half of one.

May a stage be skipped? Its key is the hash of its inputs: settings, keys or contents of the stages before it, code and
package versions (`pipeline/stage_inputs.py` lists them for each stage). It is skipped when the `stage.json` in its
folder has the same key and its files still have the checksums noted there.

A stage writes into `FOLDER.partial`. When it is done, its files are checksummed in `stage.json` and the folder is
renamed. A stage that can be resumed keeps its checkpoints in a folder beside it, whose name contains the key; that
folder is deleted when the stage is done.
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
from typing import Any, NamedTuple

from unipref.core.errors import UserError
from unipref.core.hashing import RECORD, checksums, json_hash
from unipref.core.json_files import to_plain_json, write_json

LOCKS = ".locks"
"""Folder of a run with a lock for each stage that a process is working on."""


@dataclass(frozen=True)
class Stage:
    """A finished stage.

    Attributes:
        folder: where its files are.
        key: hash of all that it depends on.
        content: hash of its files.
        files: path within the folder -> hash, for each of them.
        result: what it returned; empty if the stage is pending.
        seconds, peak_mb: what it cost when it was done (peak resident memory of this process and its children).
        cpu_seconds: computing time of all cores, of this process and those of its children that had ended; None if an
            earlier version did it.
        cached: it was done before this run.
        pending: a dry run would do it. Its content is then a placeholder made of its key.
    """

    folder: Path
    key: str
    content: str
    files: dict[str, str]
    result: dict[str, Any]
    seconds: float
    peak_mb: float
    cached: bool
    pending: bool = False
    cpu_seconds: float | None = None


class PendingStage(NamedTuple):
    """A stage that a dry run would do."""

    name: str
    key: str
    inputs: Mapping[str, Any]


class StageCache:
    """The stages of one run folder. Work with the same key is done once in a run, whatever folder it is asked for.

    Args:
        folder: created if it is missing.
        on_stage: called with name and `cached` as each stage starts.
        dry_run: do nothing and write nothing; `pending` lists what would be done.
        done_by_others: keys of stages that other processes did in this run: they do not count as cached.
    """

    def __init__(
        self,
        folder: Path,
        on_stage: Callable[[str, bool], None] | None = None,
        *,
        dry_run: bool = False,
        done_by_others: Collection[str] = (),
    ) -> None:
        self.folder = folder
        self.on_stage = on_stage or (lambda name, cached: None)
        self.stages: list[Stage] = []
        self.pending: list[PendingStage] = []
        """The stages that would be done, in order."""
        self.folders_of_others: dict[str, str] = {}
        """Key -> the folder, relative to the run, in which another process of this run did that work."""
        self._dry_run, self._done_by_others = dry_run, frozenset(done_by_others)
        self._by_key: dict[str, Stage] = {}
        if dry_run:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"the run folder cannot be made: {error.strerror}.", where=str(folder)) from error

    def stage(
        self, name: str, inputs: Mapping[str, Any], work: Callable[..., dict[str, Any]], *, resumable: bool = False
    ) -> Stage:
        """Does a stage's work, unless it is done already.

        Args:
            name: its folder, relative to the run, with `/` between parts: its kind, then whose it is (`unified`,
                `unified-random`, `selected/random/0`).
            inputs: all that its result depends on, as JSON values; the keys of earlier stages among them.
            work: writes into the folder it is given and returns the stage's result, as JSON values.
            resumable: also give `work` the path of a folder for checkpoints, which it may create and fill.
        """
        folder = self.folder / name
        key = json_hash({"stage": re.split("[/-]", name)[0], **inputs})
        if key in self._by_key:
            return self._by_key[key]
        stage = self._read(folder, key)
        if stage is None and key in self.folders_of_others:
            stage = self._read(self.folder / self.folders_of_others[key], key)
        if stage is None and self._dry_run:
            self.pending.append(PendingStage(name, key, inputs))
            stage = Stage(folder, key, f"of {key}", {}, {}, 0.0, 0.0, cached=False, pending=True)
        elif stage is None:
            with self._lock(name):
                # Another process may have done it while this one waited.
                stage = self._read(folder, key)
                self.on_stage(name, stage is not None)
                stage = stage or self._do(folder, key, work, resumable)
        else:
            self.on_stage(name, True)
        self.stages.append(stage)
        self._by_key[key] = stage
        return stage

    @contextlib.contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        """Keeps two processes from writing one stage: the second waits. A lock ends with its process."""
        from filelock import FileLock

        locks = self.folder / LOCKS
        locks.mkdir(exist_ok=True)
        with FileLock(locks / f"{name.replace('/', '@')}.lock"):
            yield

    def _read(self, folder: Path, key: str) -> Stage | None:
        """The stage in a folder; None if it is missing, has another key or its files were changed."""
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
            cached=key not in self._done_by_others,
            cpu_seconds=record.get("cpu_seconds"),
        )

    def _do(self, folder: Path, key: str, work: Callable[..., dict[str, Any]], resumable: bool) -> Stage:
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        start, cpu_start = time.perf_counter(), sum(os.times()[:4])
        with peak_memory() as peak:
            result = work(partial, checkpoint_dir(folder, key)) if resumable else work(partial)
        seconds, cpu_seconds = round(time.perf_counter() - start, 3), round(sum(os.times()[:4]) - cpu_start, 3)
        files = checksums(partial)
        stage = Stage(
            folder,
            key,
            json_hash(files),
            files,
            to_plain_json(result),
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
        if resumable:
            for path in _checkpoint_dirs(folder):
                shutil.rmtree(path)
        return stage

    def folders(self) -> dict[str, str]:
        """Key -> folder, relative to the run, of each stage that is done."""
        return {s.key: s.folder.relative_to(self.folder).as_posix() for s in self.stages if not s.pending}

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


def stage_kind(name: str) -> str:
    """The kind of a stage, such as one training step of any variant and seed. Stages of a kind cost about the same."""
    parts = name.split("/")
    return f"{parts[0]}/{parts[-1]}" if parts[0] in ("train", "evaluated") else parts[0].split("-")[0]


def checkpoint_dir(folder: Path, key: str) -> Path:
    """Where a stage with that key keeps its checkpoints until it is done."""
    return folder.with_name(f".{folder.name}.{key[:12]}.checkpoints")


def _checkpoint_dirs(folder: Path) -> list[Path]:
    """The checkpoint folders of a stage, those of earlier settings too."""
    mine = re.compile(rf"\.{re.escape(folder.name)}\.[0-9a-f]{{12}}\.checkpoints")
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
