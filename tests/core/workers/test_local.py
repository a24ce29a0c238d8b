import functools
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from unipref.core.errors import UserError
from unipref.core.records import Reason, Reject
from unipref.core.workers import Local, make_engine


def squared(n: int) -> tuple[int, int]:
    return n * n, os.getpid()


def slow_first(n: int) -> int:
    import time

    time.sleep(0.3 if n == 0 else 0)
    return n


def failing(n: int, kind: str) -> int:
    if n != 3:
        return n
    if kind == "user":
        raise UserError("the file is gone", where="a.jsonl:3", mend="Bring it back.")
    if kind == "reject":
        raise Reject(Reason.TIE, "both are good", "score")
    if kind == "bug":
        raise ZeroDivisionError("n is 3")
    os._exit(9)


@pytest.fixture(scope="module")
def two() -> Iterator[Local]:
    with Local(workers=2) as engine:
        yield engine


def test_several_processes_give_what_one_gives(two: Local) -> None:
    alone = list(Local(workers=1).map(squared, range(20), label="squaring"))
    shared = list(two.map(squared, range(20), label="squaring"))
    assert [n for n, _ in shared] == [n for n, _ in alone] == [n * n for n in range(20)]
    assert {pid for _, pid in alone} == {os.getpid()}
    assert os.getpid() not in {pid for _, pid in shared}


def test_order_is_that_of_the_items(two: Local) -> None:
    assert list(two.map(slow_first, range(6), label="waiting")) == [0, 1, 2, 3, 4, 5]


def test_one_item_needs_no_process(two: Local) -> None:
    assert list(two.map(squared, [3], label="squaring")) == [(9, os.getpid())]
    assert list(two.map(squared, [], label="squaring")) == []


def test_small_work_needs_no_process() -> None:
    assert Local(size=1 << 20).workers == 1
    assert Local(workers=3, size=1 << 20).workers == 3
    assert Local(size=1 << 30).workers >= 1


def test_few_items_are_ahead(tmp_path: Path, two: Local) -> None:
    results = two.map(functools.partial(leave_trace, tmp_path), range(50), label="tracing")
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert len(list(tmp_path.iterdir())) <= 5


@pytest.fixture(scope="module")
def one_besides() -> Iterator[Local]:
    with Local(workers=2, is_worker=True) as engine:
        yield engine


def pause(n: int) -> tuple[int, int]:
    import time

    time.sleep(0.05)
    return n, os.getpid()


def test_this_process_works_too_where_it_is_a_worker(one_besides: Local) -> None:
    results = list(one_besides.map(pause, range(60), label="pausing"))
    assert [n for n, _ in results] == list(range(60))
    pids = {pid for _, pid in results}
    assert len(pids) == 2
    assert os.getpid() in pids


def test_few_items_are_ahead_where_this_process_works_too(tmp_path: Path, one_besides: Local) -> None:
    results = one_besides.map(functools.partial(leave_trace, tmp_path), range(50), label="tracing")
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert len(list(tmp_path.iterdir())) <= 5


def test_the_first_error_in_the_order_of_the_items_arrives_where_this_process_works_too(one_besides: Local) -> None:
    results = one_besides.map(fail_late, range(8), label="failing")
    assert [next(results) for _ in range(2)] == [0, 1]
    with pytest.raises(UserError, match="item 2 fails"):
        next(results)


def fail_late(n: int) -> int:
    import time

    time.sleep(0.2 if n == 2 else 0)
    if n >= 2:
        raise UserError(f"item {n} fails", where="x")
    return n


def leave_trace(folder: Path, n: int) -> int:
    (folder / str(n)).touch()
    return n


def test_progress_is_told() -> None:
    heard: list[tuple[str, int, int]] = []
    engine = Local(1, on_progress=lambda *told: heard.append(told))
    assert list(engine.map(squared, [1, 2], label="squaring"))
    assert heard == [("squaring", 1, 2), ("squaring", 2, 2)]


@pytest.mark.parametrize("workers", [1, 2])
def test_errors_arrive_unharmed(workers: int) -> None:
    with Local(workers) as engine:
        with pytest.raises(UserError) as user:
            list(engine.map(functools.partial(failing, kind="user"), range(6), label="failing"))
        assert user.value.lines() == ["a.jsonl:3: the file is gone", "  Bring it back."]
        assert str(user.value) == "a.jsonl:3: the file is gone\n  Bring it back."
        with pytest.raises(Reject) as reject:
            list(engine.map(functools.partial(failing, kind="reject"), range(6), label="failing"))
        assert (reject.value.reason, reject.value.detail, reject.value.field) == (Reason.TIE, "both are good", "score")
        with pytest.raises(ZeroDivisionError, match="n is 3"):
            list(engine.map(functools.partial(failing, kind="bug"), range(6), label="failing"))


def test_a_worker_that_dies_is_told_and_replaced() -> None:
    with Local(2) as engine:
        with pytest.raises(UserError) as caught:
            list(engine.map(functools.partial(failing, kind="death"), range(6), label="reading"))
        assert caught.value.where == "reading"
        assert "a worker process died" in caught.value.what
        assert "fewer workers" in (caught.value.mend or "")
        assert [n for n, _ in engine.map(squared, [1, 2], label="squaring")] == [1, 4]


def test_a_worker_that_dies_is_told_where_this_process_works_too() -> None:
    with Local(2, is_worker=True) as engine:
        with pytest.raises(UserError, match="a worker process died"):
            list(engine.map(functools.partial(die_elsewhere, os.getpid()), range(40), label="reading"))
        assert [n for n, _ in engine.map(squared, [1, 2], label="squaring")] == [1, 4]


def die_elsewhere(driver: int, n: int) -> int:
    import time

    time.sleep(0.1)
    if os.getpid() != driver:
        os._exit(9)
    return n


@pytest.mark.parametrize("how", ["file", "standard input"])
def test_a_script_without_a_guard_is_not_run_again(tmp_path: Path, how: str) -> None:
    (tmp_path / "work.py").write_text("def half(n):\n    return n // 2\n")
    script = textwrap.dedent("""
        from unipref.core.workers import Local
        import work
        print(list(Local(2).map(work.half, [2, 4, 6], label="halving")))
    """)
    (tmp_path / "script.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "script.py" if how == "file" else "-"],
        input=None if how == "file" else script,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "[1, 2, 3]\n", done.stderr


def test_engines_by_name() -> None:
    assert isinstance(make_engine("local", 2), Local)
    with pytest.raises(UserError, match="Did you mean 'local'") as caught:
        make_engine("locl")
    assert caught.value.where == "engine"
    with pytest.raises(UserError, match="expected 1 or more workers, found 0"):
        make_engine("local", 0)


def test_a_pool_that_is_found_broken_when_work_is_handed_over_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with Local(2) as engine:
        assert [n for n, _ in engine.map(squared, [1, 2], label="squaring")] == [1, 4]

        def broken(*_: object) -> None:
            raise BrokenProcessPool("a child process terminated abruptly")

        monkeypatch.setattr(engine._pool, "submit", broken)
        with pytest.raises(UserError, match="a worker process died at item 1 of 2"):
            list(engine.map(squared, [1, 2], label="squaring"))
        assert [n for n, _ in engine.map(squared, [3, 4], label="squaring")] == [9, 16]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stream_takes_only_the_items_that_run(workers: int) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(-20, 0):
            taken.append(number)
            yield number

    with Local(workers) as engine:
        results = engine.stream(abs, items(), label="stream")
        assert next(results) == 20
        assert len(taken) <= 2 * workers
        assert [20, *results] == list(range(20, 0, -1))
        assert list(engine.stream(abs, iter(()), label="none")) == []
