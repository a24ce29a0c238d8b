"""Simulated votes of people who are right more or less often, one row per vote."""

import json
import random
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

VOTE = {
    "prompt": "q",
    "first": "a",
    "second": "b",
    "votes": "vote",
    "codes": {"A": "first", "B": "second", "=": "tie"},
    "annotator": "who",
}
STARS = {"low": 1, "high": 9, "better": "high"}
PEOPLE = {"ann": 0.9, "bob": 0.9, "cyd": 0.9, "dan": 0.9, "eve": 0.05}
"""Annotator -> how often they are right. Eve chooses the worse answer."""


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def votes(people: dict[str, float], prompts: int, seed: int = 3) -> list[dict[str, Any]]:
    """One row per vote. The good answer of each prompt is 'good N', and it is the first one in half of the rows."""
    draw = random.Random(seed)
    rows = []
    for number in range(prompts):
        for who, accuracy in people.items():
            good, bad = f"good {number}", f"bad {number}"
            is_first, is_right = draw.random() < 0.5, draw.random() < accuracy
            a, b = (good, bad) if is_first else (bad, good)
            rows.append({"q": f"Q{number}?", "a": a, "b": b, "vote": "A" if is_first == is_right else "B", "who": who})
    return rows


def read(folder: Path, name: str = "preferences") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / f"{name}.parquet").to_pylist()
    return rows


def is_right(preference: dict[str, Any]) -> bool:
    return bool(preference["chosen"][0]["content"].startswith("good"))
