"""The benchmark of unify: its workload in memory and on disk, and a run without plain Python."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from support.scripts import BENCHMARKS, open_script


@pytest.fixture
def bench() -> Iterator[ModuleType]:
    with open_script(BENCHMARKS / "unify.py", "unify_benchmark") as module:
        yield module


def test_a_workload_shuffled_on_disk_is_like_one_shuffled_in_memory(bench: ModuleType, tmp_path: Path) -> None:
    on_disk, again, in_memory = (tmp_path / name for name in ("disk.jsonl", "again.jsonl", "memory.jsonl"))
    for path in (on_disk, again):
        bench.write_rows(path, 500, in_memory=100)
    bench.write_rows(in_memory, 500)
    assert on_disk.read_bytes() == again.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.jsonl", "disk.jsonl", "memory.jsonl"]
    tables = [[json.loads(line) for line in path.read_text().splitlines()] for path in (on_disk, in_memory)]
    for rows in tables:
        ids = [row["id"] for row in rows]
        assert sorted(ids) == [f"r-{number:08d}" for number in range(500)]
        assert ids != sorted(ids)
    prompts = [len({" ".join(row["prompt"].lower().split()) for row in rows}) for rows in tables]
    assert prompts[0] == pytest.approx(prompts[1], rel=0.1)
    sizes = [path.stat().st_size for path in (on_disk, in_memory)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.1)


def test_without_plain_python_there_are_no_ratios(
    bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = []

    def measure(command: list[str], log: Path) -> object:
        commands.append(command[command.index("--way") + 1])
        return bench.Run(2.0, 3.0, 4_000_000)

    monkeypatch.setattr(bench, "measure", measure)
    arguments = ["--rows", "20", "--rounds", "2", "--no-json", "--ways", "unipref-2", "--work", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["unify.py", *arguments])
    bench.main()
    assert set(commands) == {"unipref-2"}
    lines = capsys.readouterr().out.splitlines()
    assert lines[-3:] == ["| way | wall s | CPU s | peak MB |", "|---|---|---|---|", "| unipref-2 | 2.0 | 3.0 | 4 |"]
