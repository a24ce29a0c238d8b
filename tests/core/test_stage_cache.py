"""The run folder: finished work is skipped by content, and nothing is ever half-written."""

import ctypes
import errno
import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from unipref.core import free_memory, stage_cache
from unipref.core.errors import ResourceError, UserError, resource_error
from unipref.core.hashing import RECORD
from unipref.core.stage_cache import Stage, StageCache


class Work:
    """A stage's work that counts how often it is done."""

    def __init__(self, content: str = "text", fail: bool = False) -> None:
        self.times, self.content, self.fail = 0, content, fail

    def __call__(self, out: Path) -> dict[str, Any]:
        self.times += 1
        assert out.is_dir()
        assert not list(out.iterdir())
        (out / "inner").mkdir()
        (out / "inner/file.txt").write_text(self.content, encoding="utf-8")
        if self.fail:
            raise UserError("the work failed.")
        return {"rows": 3, "content": self.content}


def again(folder: Path, work: Work, **inputs: Any) -> Stage:
    """The stage as a new process would ask for it."""
    return StageCache(folder).stage("unified", inputs, work)


def test_skipped_when_nothing_changed(tmp_path: Path) -> None:
    work = Work()
    first = again(tmp_path, work, fraction=0.4)
    second = again(tmp_path, work, fraction=0.4)
    assert work.times == 1
    assert (first.cached, second.cached) == (False, True)
    assert (second.result, second.key, second.seconds) == (first.result, first.key, first.seconds)
    assert (tmp_path / "unified/inner/file.txt").read_text(encoding="utf-8") == "text"


def test_order_of_the_settings_does_not_matter_but_their_values_do(tmp_path: Path) -> None:
    work = Work()
    run = StageCache(tmp_path)
    run.stage("unified", {"a": 1, "b": {"c": [1], "d": None}}, work)
    again(tmp_path, work, b={"d": None, "c": [1]}, a=1)
    assert work.times == 1
    for changed in ({"a": 2}, {"a": 1}, {"a": "1"}, {"a": None}, {"a": True}):
        times = work.times
        assert not again(tmp_path, work, **changed).cached
        assert work.times == times + 1


def delete(folder: Path) -> None:
    (folder / "inner/file.txt").unlink()


def edit(folder: Path) -> None:
    (folder / "inner/file.txt").write_text("TEXT", encoding="utf-8")


def truncate(folder: Path) -> None:
    (folder / "inner/file.txt").write_text("", encoding="utf-8")


def forget(folder: Path) -> None:
    (folder / RECORD).unlink()


def garble(folder: Path) -> None:
    (folder / RECORD).write_bytes(b'{"key": "\xff')


def replace_by_list(folder: Path) -> None:
    (folder / RECORD).write_text("[]", encoding="utf-8")


def change_the_result(folder: Path) -> None:
    record = (folder / RECORD).read_text(encoding="utf-8")
    (folder / RECORD).write_text(record.replace('"rows": 3', '"rows": 7'), encoding="utf-8")


def lose_a_field(folder: Path) -> None:
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    (folder / RECORD).write_text(json.dumps({**record, "seconds": "long"}), encoding="utf-8")


def lose_all_but_key_and_files(folder: Path) -> None:
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    (folder / RECORD).write_text(json.dumps({name: record[name] for name in ("key", "files")}), encoding="utf-8")


def nest_without_end(folder: Path) -> None:
    (folder / RECORD).write_text("[" * 100_000, encoding="utf-8")


def replace_by_folder(folder: Path) -> None:
    (folder / RECORD).unlink()
    (folder / RECORD).mkdir()


DAMAGES = [
    *(delete, edit, truncate, forget, garble, replace_by_list, change_the_result, lose_a_field),
    *(lose_all_but_key_and_files, nest_without_end, replace_by_folder),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_redone_when_what_is_there_is_not_what_was_written(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    work = Work()
    again(tmp_path, work)
    damage(tmp_path / "unified")
    assert not again(tmp_path, work).cached
    assert (tmp_path / "unified/inner/file.txt").read_text(encoding="utf-8") == "text"
    assert again(tmp_path, work).cached
    assert work.times == 2


def test_what_an_interrupted_run_left_behind_counts_for_nothing(tmp_path: Path) -> None:
    partial = tmp_path / "unified.partial"
    partial.mkdir()
    (partial / "rubbish").write_text("half", encoding="utf-8")
    work = Work()
    assert not again(tmp_path, work).cached
    assert sorted(p.name for p in tmp_path.iterdir()) == [stage_cache.LOCKS, "unified"]
    assert not (tmp_path / "unified/rubbish").exists()


@pytest.mark.parametrize("fault", [UserError("no"), KeyboardInterrupt(), RuntimeError("bug")])
def test_a_stage_that_raises_leaves_the_former_result(tmp_path: Path, fault: BaseException) -> None:
    again(tmp_path, Work("old"), a=1)

    def failing(out: Path) -> dict[str, Any]:
        (out / "half").write_text("half", encoding="utf-8")
        raise fault

    with pytest.raises(type(fault)):
        StageCache(tmp_path).stage("unified", {"a": 2}, failing)
    assert (tmp_path / "unified/inner/file.txt").read_text(encoding="utf-8") == "old"
    untouched = Work()
    assert again(tmp_path, untouched, a=1).cached
    assert again(tmp_path, untouched, a=2).cached is False
    assert not (tmp_path / "unified/half").exists()


def test_a_first_try_that_raises_is_not_taken_for_done(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        again(tmp_path, Work(fail=True))
    assert not (tmp_path / "unified").exists()
    assert not again(tmp_path, Work()).cached


def test_same_key_in_one_run_is_done_once_whichever_folder_asks(tmp_path: Path) -> None:
    work, heard = Work(), list[tuple[str, bool]]()
    run = StageCache(tmp_path, lambda name, cached: heard.append((name, cached)))
    first = run.stage("selected/full/0", {"seed": 0}, work)
    second = run.stage("selected/random/0", {"seed": 0}, work)
    assert second is first
    assert (work.times, heard) == (1, [("selected/full/0", False)])
    assert len(run.costs()) == 1


def test_a_variant_that_changes_nothing_shares_the_stage_of_the_study(tmp_path: Path) -> None:
    work = Work()
    run = StageCache(tmp_path)
    first = run.stage("unified", {"a": 1}, work)
    assert run.stage("unified-random", {"a": 1}, work) is first
    assert not (tmp_path / "unified-random").exists()


def test_different_stages_with_the_same_inputs_are_different_work(tmp_path: Path) -> None:
    run = StageCache(tmp_path)
    assert run.stage("unified", {}, Work()).key != run.stage("clean", {}, Work()).key


def test_costs_name_the_stage_its_folder_and_whether_it_had_been_done(tmp_path: Path) -> None:
    StageCache(tmp_path).stage("selected/full/0", {}, Work())
    run = StageCache(tmp_path)
    run.stage("selected/full/0", {}, Work())
    run.stage("train/full/0/sft", {}, Work())
    told = run.costs()
    assert [(c["stage"], c["folder"], c["cached"]) for c in told] == [
        ("selected", "selected/full/0", True),
        ("train", "train/full/0/sft", False),
    ]
    assert all(c["seconds"] >= 0 and c["peak_mb"] > 1 for c in told)


def test_what_a_stage_returned_is_the_same_when_it_comes_from_disk(tmp_path: Path) -> None:
    import numpy as np

    def work(out: Path) -> dict[str, Any]:
        return {
            1: (1, 2),
            "number": np.float32(0.5),
            "count": np.int64(3),
            "none": None,
            "ünï": "é",
            "nested": {"a": [1.5]},
        }  # type: ignore[dict-item]

    first = StageCache(tmp_path).stage("unified", {}, work)
    second = StageCache(tmp_path).stage("unified", {}, work)
    assert second.cached
    assert first.result == second.result
    assert first.result == {"1": [1, 2], "number": 0.5, "count": 3, "none": None, "ünï": "é", "nested": {"a": [1.5]}}
    assert json.loads(json.dumps(first.result)) == second.result


def test_a_result_that_has_no_form_in_json_is_a_bug_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="a stage returned a set"):
        StageCache(tmp_path).stage("unified", {}, lambda out: {"a": {1, 2}})
    assert not (tmp_path / "unified").exists()


def test_run_folder_that_is_a_file_is_the_users_to_mend(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("x", encoding="utf-8")
    with pytest.raises(UserError, match="the run folder cannot be created"):
        StageCache(tmp_path / "run")


def test_a_flipped_byte_anywhere_in_the_record_has_the_stage_done_again(tmp_path: Path) -> None:
    work = Work()
    again(tmp_path, work)
    record = (tmp_path / "unified" / RECORD).read_bytes()
    for place in range(0, len(record), 7):
        flipped = bytearray(record)
        flipped[place] ^= 4
        (tmp_path / "unified" / RECORD).write_bytes(flipped)
        times = work.times
        result = again(tmp_path, work).result
        assert result == {"rows": 3, "content": "text"}
        same = flipped.split() == record.split()
        assert work.times == times + (not same), f"byte {place}: {flipped[max(0, place - 20) : place + 20]!r}"


@pytest.mark.parametrize("name", ["unified", "selected"])
@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_link_or_a_file_in_the_place_of_a_folder_is_named_and_left_alone(
    tmp_path: Path, name: str, kind: str
) -> None:
    run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    run.mkdir()
    elsewhere.mkdir()
    (elsewhere / "mine").write_text("mine", encoding="utf-8")
    if kind == "link":
        (run / name).symlink_to(elsewhere)
    else:
        (run / name).write_text("mine", encoding="utf-8")
    stage = {"unified": "unified", "selected": "selected/main/0"}[name]
    with pytest.raises(UserError, match=f"run/{name}: expected a folder, found a {kind}"):
        StageCache(run).stage(stage, {}, Work())
    assert ((run / name / "mine") if kind == "link" else (run / name)).read_text(encoding="utf-8") == "mine"


def test_a_lock_that_is_a_link_is_named_and_not_written(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine", encoding="utf-8")
    (tmp_path / stage_cache.LOCKS).mkdir()
    (tmp_path / stage_cache.LOCKS / "unified.lock").symlink_to(tmp_path / "mine")
    with pytest.raises(UserError, match=r"unified\.lock: a lock file is a link"):
        again(tmp_path, Work())
    assert (tmp_path / "mine").read_text(encoding="utf-8") == "mine"


def test_each_attempt_has_a_folder_of_its_own(tmp_path: Path) -> None:
    used = list[Path]()

    def work(out: Path) -> dict[str, Any]:
        used.append(out)
        if len(used) < 3:
            raise UserError("no")
        return {}

    for _ in range(2):
        with pytest.raises(UserError):
            StageCache(tmp_path).stage("unified", {}, work)
    StageCache(tmp_path).stage("unified", {}, work)
    assert len(set(used)) == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == [stage_cache.LOCKS, "unified"]


NO_ROOM = OSError(errno.ENOSPC, "No space left on device")
FAULTS = [
    (NO_ROOM, "unified: No space left on device"),
    (PermissionError(errno.EACCES, "Permission denied", "/data/a.jsonl"), "/data/a.jsonl: Permission denied"),
    (OSError(errno.EROFS, "Read-only file system", "/run/x"), "/run/x: Read-only file system"),
    (OSError(errno.EFBIG, "File too large"), "unified: File too large"),
    (OSError("Error writing bytes to file. Detail: [errno 28] No space left on device"), "unified: No space left"),
    (RuntimeError("[enforce fail] . PytorchStreamWriter failed writing file data/1"), "unified: a file cannot be"),
    (RuntimeError("basic_ios::clear: iostream error"), "unified: a file cannot be written"),
    (sqlite3.OperationalError("database or disk is full"), "unified: a file cannot be written"),
    (ResourceError("No space left on device."), "unified: No space left"),
    (MemoryError(), "unified: there is too little memory"),
]


@pytest.mark.parametrize(("fault", "message"), FAULTS, ids=[type(fault).__name__ for fault, _ in FAULTS])
def test_a_missing_resource_is_one_message_and_never_done(tmp_path: Path, fault: Exception, message: str) -> None:
    def failing(out: Path) -> dict[str, Any]:
        (out / "half").write_text("half", encoding="utf-8")
        raise fault

    with pytest.raises(ResourceError, match=message):
        StageCache(tmp_path).stage("unified", {}, failing)
    assert [path.name for path in tmp_path.iterdir()] == [stage_cache.LOCKS]
    assert not again(tmp_path, Work()).cached


def test_safetensors_says_that_the_disk_is_full_in_a_text() -> None:
    from safetensors import SafetensorError

    fault = SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
    assert str(resource_error(fault, "train")).startswith("train: No space left on device.")


@pytest.mark.parametrize("bug", [KeyError("x"), RuntimeError("size mismatch"), ValueError("No space left on device")])
def test_a_bug_is_no_missing_resource(tmp_path: Path, bug: Exception) -> None:
    assert resource_error(bug) is None

    def failing(out: Path) -> dict[str, Any]:
        raise bug

    with pytest.raises(type(bug)):
        StageCache(tmp_path).stage("unified", {}, failing)


def test_measuring_memory_takes_a_bounded_share_of_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = list[float]()

    def find_slowly(process: psutil.Process, recursive: bool = False) -> list[psutil.Process]:
        start = time.thread_time()
        calls.append(start)
        while time.thread_time() - start < 0.02:
            pass
        return []

    monkeypatch.setattr(psutil.Process, "children", find_slowly)
    with stage_cache.measure_peak_memory(every_seconds=0.01) as peak:
        time.sleep(0.5)
    assert len(calls) == 1  # the next one is due after two seconds
    assert peak[0] > 1


def test_a_stage_that_needs_much_memory_gives_it_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []
    monkeypatch.setattr(free_memory, "give_back", lambda: given.append("now"))
    monkeypatch.setattr(stage_cache, "LEAST_TO_GIVE_BACK_MB", 200)
    cache = StageCache(tmp_path / "run")

    def fill(folder: Path, megabytes: int) -> dict[str, Any]:
        full = bytearray(b"x" * (megabytes << 20))
        time.sleep(0.2)  # memory is measured every 0.05 seconds
        return {"size": len(full)}

    cache.stage("unified", {"at": 0}, lambda folder: fill(folder, 1))
    assert given == []
    cache.stage("clean", {"at": 0}, lambda folder: fill(folder, 400))
    assert given == ["now"]


def test_memory_is_given_back_where_the_c_library_can(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []

    class Library:
        malloc_trim = staticmethod(given.append)

    monkeypatch.setattr(ctypes, "CDLL", lambda name: Library())
    free_memory.give_back()
    assert given == [0]

    def refuse(name: None) -> None:
        raise TypeError("Windows needs a name")

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    free_memory.give_back()
    assert given == [0]
