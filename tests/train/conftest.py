"""Preferences on disk, and one trained reward model that several tests share."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unipref.core.contracts import TrainJob
from unipref.core.messages import have_parts
from unipref.core.records import preference_schema
from unipref.train.trainers.reward import Reward
from unipref.train.trainers.sft import Sft

LONG = "word " * 200
"""Longer than the tiny model's 256 positions."""


def preference(question: str, chosen: str | None, rejected: str | None) -> dict[str, Any]:
    key = hashlib.sha256(f"{question}|{chosen}|{rejected}".encode()).hexdigest()[:32]
    return {
        "id": key,
        "prompt": [{"role": "user", "content": question}],
        "chosen": None if chosen is None else [{"role": "assistant", "content": chosen}],
        "rejected": None if rejected is None else [{"role": "assistant", "content": rejected}],
        "source": "test",
        "kind": "pairs",
        "objective": "instruction",
        "licence": "CC0-1.0",
        "axis": None,
        "chosen_score": None,
        "rejected_score": None,
        "axes": [],
        "margin": None,
        "margin_percentile": 0.5 if rejected else None,
        "confidence": None,
        "n_judgements": 1,
        "n_annotators": None,
        "n_responses": 2,
        "group": key,
        "origin": ["test.jsonl:1"],
        "extra": "{}",
    }


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    has_parts = any(have_parts(row[side]) for row in rows for side in ("prompt", "chosen", "rejected"))
    pq.write_table(pa.Table.from_pylist(list(rows), schema=preference_schema(has_parts)), path)
    return path


# 12 good pairs; one too long on the chosen side, one on the rejected, one in the prompt; two demonstrations, one lone
# thumbs-down; one pair with equal sides; two pairs more on the first prompt.
MIXED = [
    *(preference(f"Who called number {i}?", f"The nurse called {i} times.", "He did.") for i in range(12)),
    preference("Long chosen?", LONG, "No."),
    preference("Long rejected?", "Yes.", LONG),
    preference(LONG, "Yes.", "No."),
    preference("Who was late?", "The engineer was.", None),
    preference("Who was early?", "The nurse was.", None),
    preference("Who sang?", None, "Nobody at all."),
    preference("Who slept?", "The cat.", "The cat."),
    preference("Who called number 0?", "The nurse.", "Not he."),
    preference("Who called number 0?", "The nurse did.", "Not him."),
]


def rate(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with ratings of each answer on the deciding axis `help`, and of every second row on `brief` too."""
    rated = []
    for i, one in enumerate(rows):
        sides = {"chosen": 3.0 + i % 3, "rejected": 1.0 + i % 2}
        scores = {f"{side}_score": score if one[side] else None for side, score in sides.items()}
        other = {"axis": "brief", "chosen": float(i % 3), "rejected": 2.0}
        rated.append({**one, "axis": "help", **scores, "axes": [other] if i % 2 and one["chosen"] else []})
    return rated


@pytest.fixture
def rated() -> list[dict[str, Any]]:
    """MIXED, with ratings."""
    return rate(MIXED)


Job = Callable[..., TrainJob]


@pytest.fixture(scope="session")
def row() -> Callable[[str, str | None, str | None], dict[str, Any]]:
    """Makes a preference from question, chosen and rejected answer."""
    return preference


@pytest.fixture
def job(tiny_model: Path, tmp_path: Path) -> Job:
    """Makes a job over MIXED from the tiny model, into a new empty folder."""

    def make(rows: Sequence[dict[str, Any]] = MIXED, **changes: Any) -> TrainJob:
        out = tmp_path / changes.pop("to", "out")
        out.mkdir()
        dev = write(tmp_path / "dev.parquet", MIXED[:8])
        given = {
            "policy": tiny_model,
            "preferences": write(tmp_path / "train.parquet", rows),
            "held_out": dev,
            "out": out,
        }
        return TrainJob(**(given | changes))

    return make


@pytest.fixture(scope="session")
def reward_folder(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reward model, trained for two steps."""
    root = tmp_path_factory.mktemp("reward")
    data = write(root / "train.parquet", MIXED)
    (root / "out").mkdir()
    Reward(max_steps=2, learning_rate=1e-3).fit(
        TrainJob(policy=tiny_model, preferences=data, held_out=data, out=root / "out")
    )
    return root / "out"


@pytest.fixture(scope="session")
def ending(tiny_model: Path, reward_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy that ends some of its answers, which the untrained model never does: without that, nothing is learnt."""
    out, data = tmp_path_factory.mktemp("ending"), reward_folder.parent / "train.parquet"
    Sft(max_steps=60, learning_rate=1e-2).fit(TrainJob(policy=tiny_model, preferences=data, held_out=data, out=out))
    return out
