"""The benchmarks of reward models from data sets of the hub, in the files that their authors publish."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.hub_server import Hub
from support.ranked import fake_reward_model, reward_by
from unipref.core.contracts import Benchmark
from unipref.core.errors import UserError
from unipref.evaluate import evaluate
from unipref.evaluate.benchmarks.judgebench import JudgeBench
from unipref.evaluate.benchmarks.rewardbench2 import RewardBench2
from unipref.evaluate.benchmarks.rm_bench import RmBench
from unipref.evaluate.data_files import check_hash, data_path

CARD = b"---\nlicense: mit\n---\n"


def to_parquet(rows: list[dict[str, Any]]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return bytes(sink.getvalue())


def to_lines(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


BEST_OF_FOUR = [
    {
        "id": str(place),
        "prompt": f"Question {place}?",
        "chosen": [f"{right} points"],
        "rejected": ["1 point", "2 points", "3 points"],
        "num_correct": 1,
        "subset": "Math",
    }
    for place, right in enumerate((9, 8, 7, 0))
]
STYLES = [
    {
        "id": "1",
        "prompt": "How?",
        "chosen": ["4 points", "5 points", "6 points"],
        "rejected": ["1 point", "2 points", "9 points"],
        "domain": "chat",
    }
]
PAIRS = [
    {
        "pair_id": f"p{place}",
        "source": "mmlu-pro-law",
        "question": f"Which {place}?",
        "response_model": "m",
        "response_A": f"{first} points",
        "response_B": f"{second} points",
        "label": label,
    }
    for place, (first, second, label) in enumerate(((2, 1, "A>B"), (1, 2, "B>A"), (2, 1, "B>A"), (5, 1, "A>B")))
]
PUBLISHED: dict[str, tuple[type[Any], str, dict[str, bytes], str, list[str], float]] = {
    "rewardbench2": (
        RewardBench2,
        "allenai/reward-bench-2",
        {"README.md": CARD, "data/test-00000-of-00001.parquet": to_parquet(BEST_OF_FOUR)},
        "/data",
        ["data/test-00000-of-00001.parquet"],
        3 / 4,
    ),
    "rm_bench": (
        RmBench,
        "THU-KEG/RM-Bench",
        {"README.md": CARD, "total_dataset.json": json.dumps(STYLES).encode(), "chat_filtered.json": b"[]"},
        "/total_dataset.json",
        ["total_dataset.json"],
        6 / 9,
    ),
    "judgebench": (
        JudgeBench,
        "ScalerLab/JudgeBench",
        {"README.md": CARD, "data/gpt.jsonl": to_lines(PAIRS[:3]), "data/claude.jsonl": to_lines(PAIRS[3:])},
        "",
        ["README.md", "data/claude.jsonl", "data/gpt.jsonl"],
        3 / 4,
    ),
}
"""Benchmark -> its class, its data set, the files there, the path in the setting, what is fetched, and the accuracy of
a model whose reward is the number of points."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_reward_benchmark_is_measured_from_the_hub(
    hub: Hub, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice, repo, files, inner, fetched, accuracy = PUBLISHED[name]
    reward_by(monkeypatch, lambda prompt, answer: float(answer.split()[0]))
    commit = hub.add("dataset", repo, files)
    benchmark: Benchmark = choice(data=f"hf://datasets/{repo}{inner}")

    def measure() -> tuple[dict[str, float], str]:
        path = data_path(benchmark, tmp_path, {})
        found = benchmark.measure(fake_reward_model(), path, "test")
        return {one.metric: one.value for one in found.scores if one.slice == "all"}, check_hash(benchmark, path)

    first = measure()
    assert first[0]["accuracy"] == pytest.approx(accuracy)
    assert sorted(hub.fetched()) == fetched
    hub.add("dataset", repo, dict.fromkeys(files, b""))
    asked = len(hub.requests)
    assert measure() == first
    assert len(hub.requests) == asked
    old: Benchmark = choice(data=f"hf://datasets/{repo}@{commit}{inner}")
    assert check_hash(old, data_path(old, tmp_path, {})) == first[1]
    with pytest.raises(UserError, match="has no file 'tset"):
        data_path(choice(data=f"hf://datasets/{repo}@{commit}/tset.parquet"), tmp_path, {})


@pytest.mark.slow
def test_a_model_has_the_same_scores_from_the_hub_as_from_local_files(
    hub: Hub, tiny_model: Path, tmp_path: Path
) -> None:
    at_hub, local = [], []
    for name, (choice, repo, files, inner, _, _) in PUBLISHED.items():
        hub.add("dataset", repo, files)
        for file, content in files.items():
            path = tmp_path / "data" / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        at_hub.append(choice(data=f"hf://datasets/{repo}{inner}"))
        local.append(choice(data=f"{name}{inner}"))
    root = tmp_path / "data"
    scores = [
        evaluate(str(tiny_model), some, data_root=root, splits={}, out=tmp_path / place)
        for place, some in (("hub", at_hub), ("local", local))
    ]
    assert scores[0] == scores[1]
    assert {row["benchmark"] for row in scores[0]} == set(PUBLISHED)
