"""An audit says the same with one process, with two, and on a Ray cluster."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import unipref.analysis.audit as auditing
from support.audit_rows import preference, reject
from unipref.core.workers import Engine, Local, RayCluster
from unipref.pipeline import api

WORDS = ["apple", "river", "stone", "cloud", "lamp", "horse", "paper", "green", "seven", "night"]


@pytest.fixture
def run(tmp_path: Path, make_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of two sources with repeats, opposite labels and personal data; and a benchmark and labels beside it."""
    monkeypatch.setattr(auditing, "TASK_ROWS", 20)
    rng = random.Random(5)
    rows: list[dict[str, Any]] = []
    gold: list[dict[str, Any]] = []
    questions = [" ".join(rng.choices(WORDS, k=12)) for _ in range(30)]
    for number in range(200):
        origin = f"{'ab'[number % 2]}.jsonl:{number}"
        prompt = rng.choice(questions) if rng.random() < 0.3 else " ".join(rng.choices(WORDS, k=12))
        answers = [" ".join(rng.choices(WORDS, k=rng.randint(1, 30))) for _ in range(2)]
        if rows and rng.random() < 0.3:
            earlier = rng.choice(rows)
            prompt = earlier["prompt"][-1]["content"]
            answers = [earlier[side][-1]["content"] for side in rng.sample(["chosen", "rejected"], 2)]
        if rng.random() < 0.2:
            answers[0] += f" Write to n{number}@example.org, or to 192.0.2.{number}."
        rows.append(preference("ab"[number % 2], origin, prompt, *answers))
        if number % 9 == 0:
            sides = answers if rng.random() < 0.8 else answers[::-1]
            gold.append({"origin": origin, "chosen_begins": sides[0][:20], "rejected_begins": sides[1][:20]})
    folder = make_run(rows, [reject("a", "row", "empty", "a.jsonl:900")])
    path = folder / "unified" / "preferences.parquet"
    pq.write_table(pq.read_table(path), path, row_group_size=7)
    (tmp_path / "gold.jsonl").write_text("\n".join(map(json.dumps, gold)), encoding="utf-8")
    (tmp_path / "benchmarks").mkdir()
    lines = "\n".join(json.dumps({"question": question}) for question in questions)
    (tmp_path / "benchmarks" / "questions.jsonl").write_text(lines, encoding="utf-8")
    return folder


def audit(run: Path, engine: Engine | None) -> str:
    gold = run.parent / "gold.jsonl"
    found = auditing.audit(run, gold, run.parent / "benchmarks", gold, engine).as_dict()
    return json.dumps(found)


def test_two_processes_find_what_one_finds(run: Path) -> None:
    one = audit(run, None)
    with Local(2) as engine:
        assert audit(run, engine) == one
    found = json.loads(one)
    source = found["pages"][0]
    assert source["personal_data"]
    assert source["opposites"]["within"]
    assert source["prompts"]["leaks"]
    assert found["gold"]["wrong"]
    assert not list(run.glob(".shared-*"))
    given: dict[str, Any] = {"gold": run.parent / "gold.jsonl", "benchmarks": run.parent / "benchmarks"}
    first = api.audit_run(run, **given, workers=1)
    written = (run / "audit.json").read_bytes()
    assert api.audit_run(run, **given, workers=2) == first
    assert (run / "audit.json").read_bytes() == written


@pytest.mark.slow
def test_a_cluster_finds_what_one_process_finds(run: Path) -> None:
    pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        cluster.add_node(num_cpus=1)
        ray.init(cluster.address, log_to_driver=False, logging_level="ERROR")
        with RayCluster(cluster.address) as engine:
            engine.share(run)
            assert audit(run, engine) == audit(run, None)
    finally:
        ray.shutdown()
        cluster.shutdown()
