"""The cache of a run folder: finished stages are skipped, and no reader ever sees half of one.

The key of a stage is the hash of its inputs: settings, keys or contents of the stages before it, code and package
versions (`pipeline/stage_inputs.py` lists them for each stage). The stage is skipped if the `stage.json` in its folder
has the same key, and its files still have the checksums recorded there.

Each attempt at a stage writes into a folder of its own, `FOLDER.partial-ID`, so nothing that is left of an earlier
attempt can write into it. When it is done, `stage.json` records the checksums of its files and of itself, and the
folder is renamed. A stage that can be resumed keeps checkpoints in a folder beside its own, whose name contains the
key. That folder is deleted when the stage is done.
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

import msgspec

from unipref.core import free_memory
from unipref.core.attempts import replace_folder
from unipref.core.errors import report_missing_resources
from unipref.core.folder_lock import LOCKS, check_real_folder, make_folder, make_lock_path
from unipref.core.hashing import RECORD, checksums, json_hash
from unipref.core.json_files import to_plain_json, write_json
from unipref.core.secrets import hide_secrets_in
from unipref.core.work_progress import show_phase

__all__ = ["LOCKS", "PendingStage", "Stage", "StageCache", "checkpoint_dir", "stage_kind"]


MOST_TIME_TO_MEASURE = 0.01
"""Share of a core that the measurement of memory may take. It took 4 % of one while a model was trained. Where the
search for children takes long, it is done less often, and misses children with short lives."""
LEAST_TO_GIVE_BACK_MB = 512
"""After a stage by which the process grew more than this, memory is given back: the next one needs its own."""


class StageRecord(msgspec.Struct, forbid_unknown_fields=True):
    """The content of `stage.json`; fields as in `Stage`. `check` is the hash of all other fields."""

    key: str
    seconds: float
    cpu_seconds: float | None
    peak_mb: float
    files: dict[str, str]
    result: dict[str, Any]
    check: str = ""

    def compute_check(self) -> str:
        """Returns the hash of all fields but `check`."""
        return json_hash({name: getattr(self, name) for name in self.__struct_fields__ if name != "check"})


@dataclass(frozen=True)
class Stage:
    """A finished stage.

    Attributes:
        folder: where its files are.
        key: hash of its inputs.
        content: hash of its files.
        files: path within the folder -> hash.
        result: what it returned; empty if the stage is pending.
        seconds, peak_mb: run time, and peak resident memory of the process and its children, when it was executed.
        cpu_seconds: CPU time of this process and of its children that had ended; None if an earlier version executed
            the stage.
        cached: it was done before this run.
        pending: a dry run found that it is not cached. Its content is then a placeholder made from its key.
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
    """A stage that the run would execute, as found by a dry run."""

    name: str
    key: str
    inputs: Mapping[str, Any]


class StageCache:
    """The stages of one run folder. A run executes stages with the same key once, even if their folders differ.

    Args:
        folder: created if it is missing.
        on_stage: called with name and `cached` as each stage starts.
        dry_run: execute and write nothing; `pending` lists the stages that are not cached.
        done_by_others: keys of stages that other processes executed in this run; they do not count as cached.
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
        """The stages that a dry run would execute, in order."""
        self.shared: list[PendingStage] = []
        """Stages that a dry run found pending under another name before, in order."""
        self.folders_of_others: dict[str, str] = {}
        """Key -> the folder, relative to the run, of a stage that another process of this run executed."""
        self.is_dry_run, self._done_by_others = dry_run, frozenset(done_by_others)
        self._by_key: dict[str, Stage] = {}
        if dry_run:
            return
        make_folder(folder)

    def stage(
        self, name: str, inputs: Mapping[str, Any], work: Callable[..., dict[str, Any]], *, resumable: bool = False
    ) -> Stage:
        """Executes a stage unless it is cached.

        Args:
            name: its folder, relative to the run, with `/` between parts: its kind, then its variant and seed
                (`unified`, `unified-random`, `selected/random/0`).
            inputs: everything that its result depends on, as JSON values, including the keys of earlier stages.
            work: writes into the folder that it gets, and returns the stage's result as JSON values.
            resumable: also pass `work` the path of a folder for checkpoints, which it may create.

        Raises:
            UserError: the stage's folder is a link or a file, or `work` raised it.
            ResourceError: memory, disk space or a permission is missing.
        """
        with report_missing_resources(name):
            return self._find_or_execute(name, inputs, work, resumable)

    def _find_or_execute(
        self, name: str, inputs: Mapping[str, Any], work: Callable[..., dict[str, Any]], resumable: bool
    ) -> Stage:
        folder = self.folder / name
        for parent in (folder, *folder.parents[: len(Path(name).parts) - 1]):
            check_real_folder(parent)
        key = json_hash({"stage": re.split("[/-]", name)[0], **inputs})
        if key in self._by_key:
            if self._by_key[key].pending:
                self.shared.append(PendingStage(name, key, inputs))
            return self._by_key[key]
        stage = self._read(folder, key)
        if stage is None and key in self.folders_of_others:
            stage = self._read(self.folder / self.folders_of_others[key], key)
        if stage is None and self.is_dry_run:
            self.pending.append(PendingStage(name, key, inputs))
            stage = Stage(folder, key, f"of {key}", {}, {}, 0.0, 0.0, cached=False, pending=True)
        elif stage is None:
            with self._lock(name):
                # Another process may have executed it while this one waited.
                stage = self._read(folder, key)
                self.on_stage(name, stage is not None)
                stage = stage or self._execute(folder, key, work, resumable)
        else:
            self.on_stage(name, True)
        self.stages.append(stage)
        self._by_key[key] = stage
        return stage

    @contextlib.contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        """Keeps two processes from writing one stage: the second waits. A lock is released when its process ends."""
        from filelock import FileLock

        with FileLock(make_lock_path(self.folder, f"{name.replace('/', '@')}.lock")):
            yield

    def _read(self, folder: Path, key: str) -> Stage | None:
        """Returns the stage in a folder; None if it is missing or damaged, or if its key or files differ."""
        record = _read_record(folder / RECORD)
        if record is None or record.key != key:
            return None
        with show_phase("checking results"):
            files = checksums(folder)
        if record.files != files:
            return None
        return _make_stage(folder, record, files, cached=key not in self._done_by_others)

    def _execute(self, folder: Path, key: str, work: Callable[..., dict[str, Any]], resumable: bool) -> Stage:
        """Executes a stage whose lock is held, so that every other attempt at it has ended."""
        with replace_folder(folder) as partial:
            start, cpu_start = time.perf_counter(), sum(os.times()[:4])
            with measure_peak_memory() as peak:
                at_start = peak[0]
                result = work(partial, checkpoint_dir(folder, key)) if resumable else work(partial)
            if peak[0] - at_start > LEAST_TO_GIVE_BACK_MB:
                free_memory.give_back()
            seconds, cpu_seconds = time.perf_counter() - start, sum(os.times()[:4]) - cpu_start
            with show_phase("hashing results"):
                files = checksums(partial)
            plain = hide_secrets_in(to_plain_json(result))
            record = StageRecord(key, round(seconds, 3), round(cpu_seconds, 3), peak[0], files, plain)
            record.check = record.compute_check()
            write_json(partial / RECORD, msgspec.to_builtins(record))
        if resumable:
            for path in _find_checkpoint_dirs(folder):
                shutil.rmtree(path)
        return _make_stage(folder, record, files, cached=False)

    def folders(self) -> dict[str, str]:
        """Returns key -> folder, relative to the run, of each finished stage."""
        return {s.key: s.folder.relative_to(self.folder).as_posix() for s in self.stages if not s.pending}

    def costs(self) -> list[dict[str, Any]]:
        """Returns time and memory of each stage of this run, in order."""
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


def _make_stage(folder: Path, record: StageRecord, files: dict[str, str], *, cached: bool) -> Stage:
    return Stage(
        folder,
        record.key,
        json_hash(files),
        files,
        record.result,
        record.seconds,
        record.peak_mb,
        cached=cached,
        cpu_seconds=record.cpu_seconds,
    )


def _read_record(path: Path) -> StageRecord | None:
    """Returns the content of `stage.json`; None if it is missing, or not what was written."""
    if not path.is_file():
        return None
    try:
        # JSON as Python writes it: NaN is a number.
        record = msgspec.convert(json.loads(path.read_text(encoding="utf-8")), StageRecord)
    except (FileNotFoundError, ValueError, RecursionError):
        return None
    return record if record.check == record.compute_check() else None


def stage_kind(name: str) -> str:
    """Returns the kind of a stage, such as one training step of any variant and seed. A kind has similar costs."""
    parts = name.split("/")
    is_of_model = parts[0] in ("train", "evaluated", "compared", "collected")
    return f"{parts[0]}/{parts[-1]}" if is_of_model else parts[0].split("-")[0]


def checkpoint_dir(folder: Path, key: str) -> Path:
    """Returns the folder in which a stage with that key keeps its checkpoints until it is done."""
    return folder.with_name(f".{folder.name}.{key[:12]}.checkpoints")


def _find_checkpoint_dirs(folder: Path) -> list[Path]:
    """Returns the checkpoint folders of a stage, including those of earlier settings."""
    pattern = re.compile(rf"\.{re.escape(folder.name)}\.[0-9a-f]{{12}}\.checkpoints")
    return [path for path in folder.parent.iterdir() if pattern.fullmatch(path.name)]


@contextlib.contextmanager
def measure_peak_memory(every_seconds: float = 0.05) -> Iterator[list[float]]:
    """Measures the resident memory of this process and its children; the list then holds the peak in MB."""
    import psutil

    process, peak, stop = psutil.Process(), [0.0], threading.Event()

    def sample(*children: psutil.Process) -> None:
        total = 0
        for member in (process, *children):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += member.memory_info().rss
        peak[0] = max(peak[0], round(total / 2**20, 1))

    def sample_repeatedly() -> None:
        # To find the children, psutil reads a file of every process of the machine: many stages end before that.
        wait = every_seconds
        while not stop.wait(wait):
            start = time.thread_time()
            sample(*process.children(recursive=True))
            wait = max(every_seconds, (time.thread_time() - start) / MOST_TIME_TO_MEASURE)

    sample()
    thread = threading.Thread(target=sample_repeatedly, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()
        sample()
