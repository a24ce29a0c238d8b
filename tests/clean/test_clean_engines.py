"""Clean writes the same bytes with one process, with two, and on a Ray cluster, also when a process is lost."""

import functools
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import unipref.clean as stage
from support.clean_rows import preference
from support.small_studies import hash_bytes
from unipref.clean import CleanSettings, SplitSettings, clean
from unipref.core.errors import ResourceError
from unipref.core.records import preference_schema
from unipref.core.workers import Engine, Local, RayCluster

SETTINGS = CleanSettings(duplicates="near", redact=["email"])
WORDS = [f"w{number}" for number in range(3000)]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with preferences that repeat each other in all ways, and a benchmark."""
    monkeypatch.setattr(stage, "TASK_ROWS", 20)
    monkeypatch.setattr(stage, "BATCH", 10)  # of the file without personal data
    rng = random.Random(3)
    questions = [" ".join(rng.choices(WORDS, k=30)) for _ in range(40)]
    rows: list[dict[str, Any]] = []
    for number in range(300):
        earlier = rng.choice(rows) if rows and rng.random() < 0.4 else None
        texts = [" ".join(rng.choices(WORDS, k=60)) for _ in range(3)]
        if earlier is not None:
            texts = [earlier[side][-1]["content"] for side in ("prompt", "chosen", "rejected")]
            if rng.random() < 0.7:
                texts = [f"{text} and" for text in texts]
            elif rng.random() < 0.5:
                texts[1:] = reversed(texts[1:])
        elif rng.random() < 0.1:
            texts[0] = rng.choice(questions)
        if rng.random() < 0.1:
            texts[1:] = ["Write to a@example.org.", "Write to b@example.org."]
        rows.append(preference(f"{number}", texts[0], f"g{number // 2}", chosen=texts[1], rejected=texts[2]))
    table = pa.Table.from_pylist(rows, preference_schema())
    pq.write_table(table, tmp_path / "preferences.parquet", row_group_size=7)
    lines = [json.dumps({"question": question}) for question in questions]
    (tmp_path / "questions.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def run(data: Path, name: str, engine: Engine | None) -> str:
    """Cleans the preferences; returns a hash of what was written and returned."""
    out = data / name
    out.mkdir()
    benchmarks = {"questions": data / "questions.jsonl"}
    result = clean(data / "preferences.parquet", SplitSettings(), SETTINGS, out, benchmarks, engine=engine)
    (out / "result.json").write_text(json.dumps(result), encoding="utf-8")
    return hash_bytes(out)


def test_two_processes_write_the_bytes_of_one(data: Path) -> None:
    with Local(2) as engine:
        several = run(data, "several", engine)
    assert several == run(data, "one", None)
    result = json.loads((data / "one" / "result.json").read_text(encoding="utf-8"))
    assert {"benchmark", "duplicate", "near_duplicate", "same_response"} <= result["removed"].keys()


def _die_once(mark: Path, parent: int, fn: Any, item: Any) -> Any:
    assert os.getpid() != parent
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), 9)
    return fn(item)


class _Failing:
    """Lets the first task of an engine kill its process."""

    def __init__(self, engine: Engine, mark: Path) -> None:
        self._engine, self._mark = engine, mark

    def map(self, fn: Any, items: Any, *, label: str) -> Iterator[Any]:
        return self._engine.map(functools.partial(_die_once, self._mark, os.getpid(), fn), items, label=label)


def test_a_killed_process_ends_the_stage_with_a_message(data: Path) -> None:
    with Local(2) as engine, pytest.raises(ResourceError, match="a worker process died"):
        run(data, "several", _Failing(engine, data / "mark"))  # type: ignore[arg-type]
    assert not list((data / "several").glob(".shared-*"))


@pytest.mark.slow
def test_a_cluster_of_two_machines_writes_the_bytes_of_one_process(data: Path) -> None:
    pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    import ray
    from ray.cluster_utils import Cluster

    one = run(data, "one", None)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        cluster.add_node(num_cpus=1)
        ray.init(cluster.address, log_to_driver=False, logging_level="ERROR")
        with RayCluster(cluster.address) as engine:
            engine.share(data)
            assert run(data, "ray", engine) == one
            assert run(data, "lost", _Failing(engine, data / "mark")) == one  # type: ignore[arg-type]
        assert (data / "mark").exists()
    finally:
        ray.shutdown()
        cluster.shutdown()
