"""Prompts to collect feedback on."""

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def settings(tmp_path: Path, tiny_model: Path) -> dict[str, Any]:
    """A collection with twelve prompts, whose judges a test adds."""
    rows = [{"q": f"Tell me about number {number}", "a": "no"} for number in range(12)]
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = {
        "name": "asked",
        "path": "prompts.jsonl",
        "format": "demonstration",
        "map": {"prompt": "q", "response": "a"},
    }
    return {"model": str(tiny_model), "data_root": str(tmp_path), "sources": [source], "answers": {"k": 3}}


@pytest.fixture
def gold(tmp_path: Path) -> list[dict[str, Any]]:
    """A source of gold pairs, whose better answers contain the word good."""
    rows = [{"q": f"Question {n}", "c": f"a good answer {n}", "r": f"an answer {n}"} for n in range(40)]
    (tmp_path / "gold.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    mapping = {"prompt": "q", "chosen": "c", "rejected": "r"}
    return [{"name": "gold", "path": "gold.jsonl", "format": "pairs", "map": mapping}]
