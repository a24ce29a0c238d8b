"""OpenAI: developers.openai.com/api/docs/guides/direct-preference-optimization and .../supervised-fine-tuning."""

import json
from typing import Any, ClassVar

from unipref.core.contracts import Exporter, ExportItem, ExportKind, WrittenRows
from unipref.core.contracts.exporting import TEXT, Part
from unipref.core.records import Row
from unipref.export.chat_rows import check_last, to_openai

LEAST_ROWS = 10
"""Fewest examples of a fine-tuning file."""
MODEL = "gpt-4.1-mini-2025-04-14"
"""A model that the page of preference fine-tuning names."""


class Openai(Exporter):
    """OpenAI: JSONL for preference fine-tuning (`input`, `preferred_output`, `non_preferred_output`) or for chats."""

    holds: ClassVar = {"pairs": TEXT | {Part.TOOLS}, "demonstrations": TEXT | {Part.TOOLS, Part.LONG}}
    loses: ClassVar = ("scores, margins, confidence and objectives in the rows (they are in provenance.jsonl)",)
    checked: ClassVar = "its page of preference fine-tuning, 2026-11-29; not uploaded"
    source: ClassVar = "https://developers.openai.com/api/docs/guides/direct-preference-optimization"
    least_rows: ClassVar = LEAST_ROWS

    def convert(self, item: ExportItem, kind: ExportKind) -> Row:
        """Makes a row; earlier answers of the prompt get weight 0, so that only the shown one is learned."""
        check_last(item)
        prompt = to_openai(item.prompt)
        if kind == "pairs":
            tools: Row = {"tools": item.tools, "parallel_tool_calls": True} if item.tools else {}
            return {
                "input": {"messages": prompt, **tools},
                "preferred_output": to_openai(item.answer),
                "non_preferred_output": to_openai(item.rejected),
            }
        unlearned = [{**turn, "weight": 0} if turn["role"] == "assistant" else turn for turn in prompt]
        row: Row = {"messages": [*unlearned, *to_openai(item.answer)]}
        return {**row, "tools": item.tools} if item.tools else row

    def make_files(self, written: WrittenRows) -> dict[str, str]:
        """The body of the request that starts the job."""
        method = "dpo" if written.kind == "pairs" else "supervised"
        job: dict[str, Any] = {"model": MODEL, "training_file": "FILE_ID", "method": {"type": method}}
        return {"job.json": json.dumps(job, indent=1) + "\n"}

    def find_warnings(self, written: WrittenRows) -> list[str]:
        """What the page says about the platform."""
        return ["OpenAI is winding down its fine-tuning platform: new users cannot start jobs."]
