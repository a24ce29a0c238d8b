"""A small run folder written by hand, whose preferences hold every part that a target may not hold."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from unipref.core.records import preference_schema

PARTS = ("reasoning", "tool_calls", "tool_call_id", "name", "images", "tools")
TOOL = {"type": "function", "function": {"name": "weather", "description": "d", "parameters": {"type": "object"}}}


def user(content: str, **parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, **parts}


def assistant(content: str, **parts: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **parts}


def preference(name: str, prompt: Any, chosen: Any, rejected: Any, **changes: Any) -> dict[str, Any]:
    """A preference; a text stands for one turn."""

    def turns(value: Any, make: Any) -> Any:
        return [make(value)] if isinstance(value, str) else value

    values = {
        "id": name,
        "prompt": turns(prompt, user),
        "chosen": turns(chosen, assistant),
        "rejected": turns(rejected, assistant),
        "source": "votes",
        "kind": "pairs",
        "objective": "instruction",
        "licence": "mit",
        "axis": "stars",
        "chosen_score": 5.0,
        "rejected_score": 2.0,
        "axes": [{"axis": "help", "chosen": 1.0, "rejected": None}],
        "margin": 0.5,
        "margin_percentile": 0.75,
        "confidence": 0.875,
        "n_judgements": 3,
        "n_annotators": 2,
        "n_responses": 2,
        "group": f"g-{name}",
        "origin": [f"votes.csv:{name}"],
        "extra": "{}",
    }
    return values | changes


SYSTEM = {"role": "system", "content": "Be short."}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Ulm"}'}}
EARLIER = [SYSTEM, user("Name a moon."), assistant("Io."), user("And another?")]
PLAIN = [
    preference("p1", "Which is the largest moon?", "Ganymede is the largest.", "It is the Sun."),
    preference("p2", EARLIER, "Europa is one.", "Mars is one."),
    preference("up", "Say hello.", "Hello there, friend.", None),
    preference("down", "Say goodbye.", None, "Go away, now."),
]
"""Two pairs, one of them with a system prompt and earlier turns, a good answer and a bad one."""
RICH = [
    preference(
        "calls", [user("Weather in Ulm?", tools=json.dumps([TOOL]))], [assistant("", tool_calls=[CALL])], "No idea."
    ),
    preference(
        "image", [user("What is it?", images=[{"ref": "http://x/a.png", "sha256": None, "at": 5}])], "A cat.", "A dog."
    ),
    preference("long", "Sing.", [assistant("La."), user("More."), assistant("La la.")], "No song."),
    preference(
        "thought", "Two plus two?", [assistant("It is 4.", reasoning="2+2=4")], [assistant("It is 5.", reasoning="?")]
    ),
    preference("same", "Two plus one?", [assistant("It is 3.", reasoning="a")], [assistant("It is 3.", reasoning="b")]),
]
"""Pairs with tools, an image, a long answer, reasoning, and with answers that differ only in their reasoning."""


def add_keys(messages: Any) -> Any:
    return None if messages is None else [dict.fromkeys(PARTS) | message for message in messages]


def write_preferences(path: Path, rows: list[dict[str, Any]], with_parts: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sides = ("prompt", "chosen", "rejected")
    rows = [row | {side: add_keys(row[side]) for side in sides} for row in rows] if with_parts else rows
    pq.write_table(pa.Table.from_pylist(rows, schema=preference_schema(with_parts)), path)


def write_run(folder: Path, rows: list[dict[str, Any]], with_parts: bool = False) -> Path:
    """Writes a run that selected all of `rows` for seed 3, and the last row for the variant small."""
    dev = [preference("d1", "Held out?", "Yes, it is.", "No, it is not.")]
    for name, part in (("unified/preferences", [*rows, *dev]), ("clean/train", rows), ("clean/dev", dev)):
        write_preferences(folder / f"{name}.parquet", part, with_parts)
    write_preferences(folder / "selected/main/3/train.parquet", rows, with_parts)
    write_preferences(folder / "selected/small/3/train.parquet", rows[:1], with_parts)
    manifest = {
        "model": "org/model",
        "seeds": [3],
        "variants": {"main": {}, "small": {}},
        "selected": {name: {"3": {"folder": f"selected/{name}/3"}} for name in ("main", "small")},
        "clean": {"folder": "clean"},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def read_rows(folder: Path, name: str = "train") -> list[dict[str, Any]]:
    """The rows of a file of an export."""
    if (folder / f"{name}.parquet").is_file():
        rows: list[dict[str, Any]] = pq.read_table(folder / f"{name}.parquet").to_pylist()
        return rows
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def texts(value: Any) -> list[str]:
    """Every text of a value, in order."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for one in inner for text in texts(one)]
