"""OpenAI: developers.openai.com/api/docs/guides/direct-preference-optimization and .../supervised-fine-tuning.

Its chat API refuses a call of a tool without an id, a call without a result, and a result of no call. Other tools do
not need ids, so that feedback may lack them.
"""

import itertools
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from unipref.core.contracts import Exporter, ExportItem, ExportKind, WrittenRows
from unipref.core.contracts.exporting import TEXT, Part
from unipref.core.records import Message, Reason, Reject, Row
from unipref.export.chat_rows import check_last, to_openai

LEAST_ROWS = 10
"""Fewest examples of a fine-tuning file."""
MODEL = "gpt-4.1-mini-2025-04-14"
"""A model that the page of preference fine-tuning names."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""The names that a tool may have."""


class Openai(Exporter):
    """OpenAI: JSONL for preference fine-tuning (`input`, `preferred_output`, `non_preferred_output`) or for chats."""

    holds: ClassVar = {"pairs": TEXT | {Part.TOOLS}, "demonstrations": TEXT | {Part.TOOLS, Part.LONG}}
    loses: ClassVar = (
        "scores, margins, confidence and objectives in the rows (they are in provenance.jsonl)",
        "names in the results of tools",
    )
    checked: ClassVar = "a hand-written JSON schema of its fine-tuning files, 2026-11-29; not uploaded"
    source: ClassVar = "https://developers.openai.com/api/docs/guides/direct-preference-optimization"
    least_rows: ClassVar = LEAST_ROWS
    placeholders: ClassVar = {"FILE_ID": "the id that OpenAI gave the uploaded rows"}

    def convert(self, item: ExportItem, kind: ExportKind) -> Row:
        """Makes a row; earlier answers of the prompt get weight 0, so that only the shown one is learned."""
        check_last(item)
        _check_names(item.tools)
        whole = _join_calls([*item.prompt, *item.answer])
        prompt, answer = whole[: len(item.prompt)], whole[len(item.prompt) :]
        if kind == "pairs":
            tools: Row = {"tools": item.tools, "parallel_tool_calls": True} if item.tools else {}
            return {
                "input": {"messages": prompt, **tools},
                "preferred_output": answer,
                "non_preferred_output": _join_calls([*item.prompt, *item.rejected])[len(prompt) :],
            }
        unlearned = [{**turn, "weight": 0} if turn["role"] == "assistant" else turn for turn in prompt]
        row: Row = {"messages": [*unlearned, *answer]}
        return {**row, "tools": item.tools} if item.tools else row

    def make_files(self, written: WrittenRows) -> dict[str, str]:
        """The body of the request that starts the job."""
        method = "dpo" if written.kind == "pairs" else "supervised"
        job: dict[str, Any] = {"model": MODEL, "training_file": "FILE_ID", "method": {"type": method}}
        return {"job.json": json.dumps(job, indent=1) + "\n"}

    def find_warnings(self, written: WrittenRows) -> list[str]:
        """What the page says about the platform."""
        return ["OpenAI is winding down its fine-tuning platform: new users cannot start jobs."]


def _check_names(definitions: Iterable[Row]) -> None:
    """Checks the names in tools or in calls of tools.

    Raises:
        Reject: a name has signs that OpenAI does not take, or more than 64.
    """
    for one in definitions:
        name = one["function"]["name"]
        if not _NAME.fullmatch(name):
            raise Reject(
                Reason.NOT_HELD, f"'{name[:80]}' is not a valid name of a tool: letters, digits, _ and -, at most 64"
            )


def _join_calls(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Returns messages in which each call has an id, and each result the id of the call that it answers.

    Raises:
        Reject: a call before the last turn has no result, a result has no call, or a name is not OpenAI's.
    """
    turns = to_openai(messages)
    taken = {call["id"] for turn in turns for call in turn.get("tool_calls") or ()}
    fresh = (name for number in itertools.count(1) if (name := f"call_{number}") not in taken)
    waiting: dict[str, str] = {}
    made = set[str]()
    joined = []
    for turn in turns:
        if turn["role"] == "tool":
            answered = _find_call(turn, waiting, made)
            del waiting[answered]
            joined.append({"role": "tool", "content": turn["content"], "tool_call_id": answered})
            continue
        if waiting:
            raise Reject(Reason.NOT_HELD, "a call of a tool has no result before the next turn")
        if calls := turn.get("tool_calls"):
            _check_names(calls)
            turn = {**turn, "tool_calls": list(_give_ids(calls, fresh, made))}
            waiting = {call["id"]: call["function"]["name"] for call in turn["tool_calls"]}
        joined.append(turn)
    return joined


def _give_ids(calls: Iterable[Row], fresh: Iterator[str], made: set[str]) -> Iterator[Row]:
    """Yields calls with ids, and adds those that it makes to `made`."""
    for call in calls:
        if not call["id"]:
            call = {**call, "id": next(fresh)}
            made.add(call["id"])
        yield call


def _find_call(result: Row, waiting: dict[str, str], made: set[str]) -> str:
    """Finds the id of the call that a result answers: by its id, otherwise by its name or its place.

    Raises:
        Reject: there is none.
    """
    if (own := result.get("tool_call_id")) in waiting:
        return str(own)
    without = [one for one, name in waiting.items() if (one in made or not own) and result.get("name", name) == name]
    if not without:
        raise Reject(Reason.NOT_HELD, "the result of a tool answers no call")
    return without[0]
