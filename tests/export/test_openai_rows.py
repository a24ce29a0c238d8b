"""OpenAI's rows against a JSON schema of its documented form, with calls of tools in every form that sources have."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from support.exported_run import PLAIN, RICH, TOOL, assistant, preference, read_rows, user, write_run
from unipref.export import export_run

SCHEMA = json.loads((Path(__file__).parent / "openai_rows.schema.json").read_text(encoding="utf-8"))
TOOLS = json.dumps([TOOL])


def call(name: str, number: str | None = None) -> dict[str, Any]:
    return {"id": number, "type": "function", "function": {"name": name, "arguments": "{}"}}


def result(content: str, **parts: Any) -> dict[str, Any]:
    return {"role": "tool", "content": content, **parts}


def asked(name: str, *turns: dict[str, Any], chosen: Any = "It rains.") -> dict[str, Any]:
    """A preference whose prompt asks for the weather and goes on with these turns."""
    return preference(name, [user("Weather?", tools=TOOLS), *turns], chosen, "No idea.")


CALLED = [
    asked("ids", assistant("", tool_calls=[call("weather", "w")]), result("Rain.", tool_call_id="w")),
    asked("none", assistant("I look.", tool_calls=[call("weather")]), result("Rain.", name="weather")),
    asked(
        "turned",
        assistant("", tool_calls=[call("weather"), call("time")]),
        result("Noon.", name="time"),
        result("Rain.", name="weather"),
    ),
    asked(
        "mixed",
        assistant("", tool_calls=[call("weather", "call_1")]),
        result("Rain.", tool_call_id="call_1"),
        user("And the time?"),
        chosen=[assistant("", tool_calls=[call("time")])],
    ),
]
"""Calls with ids and without, results in another order than the calls, and an id that could be made again."""
REFUSED = {
    "unanswered": asked("unanswered", assistant("", tool_calls=[call("weather", "w")]), user("Well?")),
    "uncalled": asked("uncalled", assistant("I look."), result("Rain.")),
    "other": asked("other", assistant("", tool_calls=[call("weather", "w")]), result("Rain.", tool_call_id="x")),
    "dotted": asked("dotted", assistant("", tool_calls=[call("get.weather", "w")]), result("Rain.", tool_call_id="w")),
}
"""Calls that OpenAI does not take."""


def find_errors(value: Any, name: str) -> list[str]:
    """What the schema says against a value; empty if it fits."""
    validator = jsonschema.Draft202012Validator({**SCHEMA, "$ref": f"#/$defs/{name}"})
    return [error.json_path for error in validator.iter_errors(value)]


def export(tmp_path: Path, kind: Any, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    run = write_run(tmp_path / "run", rows, with_parts=True)
    return read_rows(Path(export_run(run, "openai", kind=kind).folder))


@pytest.mark.parametrize("kind", ["pairs", "demonstrations"])
def test_every_row_is_of_the_documented_form(tmp_path: Path, kind: str) -> None:
    rows = export(tmp_path, kind, [*PLAIN, *RICH, *CALLED])
    assert len(rows) == {"pairs": 4 + len(CALLED), "demonstrations": 7 + len(CALLED)}[kind]
    assert [find_errors(row, kind) for row in rows] == [[]] * len(rows)
    job = json.loads((tmp_path / "run" / "exports" / f"openai-{kind}" / "job.json").read_text())
    assert find_errors(job, "job") == []
    assert job["method"] == {"type": "dpo" if kind == "pairs" else "supervised"}


def test_each_result_names_the_call_that_it_answers(tmp_path: Path) -> None:
    found = {}
    for row in export(tmp_path, "pairs", CALLED):
        messages = [*row["input"]["messages"], *row["preferred_output"]]
        ids = [[one["id"], one["function"]["name"]] for turn in messages for one in turn.get("tool_calls", ())]
        found[len(found)] = (ids, [turn["tool_call_id"] for turn in messages if turn["role"] == "tool"])
    assert list(found.values()) == [
        ([["w", "weather"]], ["w"]),
        ([["call_1", "weather"]], ["call_1"]),
        ([["call_1", "weather"], ["call_2", "time"]], ["call_2", "call_1"]),
        ([["call_1", "weather"], ["call_2", "time"]], ["call_1"]),
    ]


def test_calls_that_openai_refuses_are_rejects_that_say_why(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [*PLAIN[:1], *REFUSED.values()], with_parts=True)
    account = export_run(run, "openai")
    assert (account.rows, dict(account.rejected)) == (1, {"not_held": len(REFUSED)})
    assert {row["id"]: row["detail"] for row in read_rows(Path(account.folder), "rejects")} == {
        "unanswered": "a call of a tool has no result before the next turn",
        "uncalled": "the result of a tool answers no call",
        "other": "the result of a tool answers no call",
        "dotted": "'get.weather' is not a valid name of a tool: letters, digits, _ and -, at most 64",
    }
    assert len(read_rows(Path(export_run(run, "trl").folder))) == 1 + len(REFUSED)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("preferred_output.0.role", "user"),
        ("preferred_output.0.weight", 0),
        ("preferred_output", []),
        ("preferred_output", [{"role": "assistant", "content": "A."}, {"role": "assistant", "content": "B."}]),
        ("input.messages", []),
        ("input.messages.0.role", "human"),
        ("input.messages.0.content", None),
        ("input.messages.1.tool_calls.0.id", None),
        ("input.messages.1.tool_calls.0.function.arguments", {"city": "Ulm"}),
        ("input.messages.1.name", None),
        ("input.messages.2.tool_call_id", None),
        ("input.messages.2.name", "weather"),
        ("input.tools.0.function.name", "get.weather"),
        ("input.tools", TOOLS),
        ("chosen", []),
    ],
)
def test_the_schema_refuses_other_forms(tmp_path: Path, path: str, value: Any) -> None:
    row = copy.deepcopy(export(tmp_path, "pairs", CALLED[:1])[0])
    inner: Any = row
    *steps, last = path.split(".")
    for step in steps:
        inner = inner[int(step) if step.isdigit() else step]
    inner[last] = value
    assert find_errors(row, "pairs")
