"""TRL: https://huggingface.co/docs/trl/dataset_formats (conversational types) and .../clis for the YAML file.

Chat templates take the arguments of calls as data: of text, most make JSON within JSON, or fail. The column says that
its texts are JSON, and `datasets` 4.7, which TRL needs, reads them as data.
"""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from unipref.core.contracts import Exporter, ExportItem, ExportKind, WrittenRows
from unipref.core.contracts.exporting import TEXT, Part
from unipref.core.records import Message, Row
from unipref.export.chat_rows import to_json_text, to_openai
from unipref.export.launch_files import make_yaml

if TYPE_CHECKING:
    import pyarrow as pa

COMMANDS = {"pairs": "dpo", "demonstrations": "sft", "thumbs": "kto"}


class Trl(Exporter):
    """TRL: Parquet with explicit prompts, and a YAML file for `trl dpo`, `trl sft` or `trl kto`."""

    holds: ClassVar = dict.fromkeys(("pairs", "demonstrations", "thumbs", "prompts"), TEXT | {Part.TOOLS})
    loses: ClassVar = (
        "scores, margins, confidence and objectives in the rows (they are in provenance.jsonl)",
        "calls of tools where a chat template takes their arguments as text, as the one of DeepSeek-V3 does",
    )
    checked: ClassVar = "TRL 1.16.0 by its own scripts, parser and data functions"
    source: ClassVar = "https://huggingface.co/docs/trl/dataset_formats"
    suffix: ClassVar[Literal["jsonl", "parquet"]] = "parquet"

    def convert(self, item: ExportItem, kind: ExportKind) -> Row:
        """Makes a row of the conversational type; the JSON text of tools is what TRL's trainers parse."""
        row: Row = {"prompt": _to_messages(item.prompt)}
        if kind == "pairs":
            row |= {"chosen": _to_messages(item.answer), "rejected": _to_messages(item.rejected)}
        elif kind != "prompts":
            row["completion"] = _to_messages(item.answer)
        if kind == "thumbs":
            row["label"] = item.label
        if item.has_parts:
            row["tools"] = to_json_text(item.tools) or None
        return row

    def find_schema(self, kind: ExportKind, preferences: "pa.Schema") -> "pa.Schema":
        """The message columns of the run without reasoning, images and tools, which has a column of its own."""
        import pyarrow as pa

        fields = [
            _mark_arguments(field)
            for field in preferences.field("prompt").type.value_type
            if field.name in ("role", "content", "tool_calls", "tool_call_id", "name")
        ]
        messages = pa.list_(pa.struct(fields))
        names = {"pairs": ["prompt", "chosen", "rejected"], "prompts": ["prompt"]}.get(kind, ["prompt", "completion"])
        columns = [(name, messages) for name in names]
        if kind == "thumbs":
            columns.append(("label", pa.bool_()))
        if len(preferences.field("prompt").type.value_type) > len(("role", "content")):
            columns.append(("tools", pa.string()))
        return pa.schema(columns)

    def make_files(self, written: WrittenRows) -> dict[str, str]:
        """A configuration of the command line of TRL; prompts are for RLOO and GRPO, whose reward is the user's."""
        command = COMMANDS.get(written.kind)
        if command is None:
            return {}
        settings = {
            "model_name_or_path": written.model,
            "datasets": [{"path": "parquet", "data_files": written.file}],
            "output_dir": f"{command}-model",
        }
        return {f"{command}.yaml": make_yaml(f"trl {command} --config {command}.yaml", settings)}


def _to_messages(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Returns messages in which the arguments of each call are JSON."""
    turns = to_openai(messages)
    for turn in turns:
        if calls := turn.get("tool_calls"):
            turn["tool_calls"] = [
                {**call, "function": {**call["function"], "arguments": _to_json(call["function"]["arguments"])}}
                for call in calls
            ]
    return turns


def _to_json(arguments: str) -> str:
    """Returns arguments that `datasets` reads; a text that it does not read as data becomes a JSON string."""
    try:
        json.dumps(json.loads(arguments, parse_int=_read_integer), allow_nan=False)
    except (ValueError, RecursionError):
        return json.dumps(arguments)
    return arguments


def _read_integer(digits: str) -> int:
    number = int(digits)
    if not -(2**63) <= number < 2**64:
        raise ValueError("the parser of datasets takes no more than 64 bits")
    return number


def _mark_arguments(field: "pa.Field") -> "pa.Field":
    """Returns a field of messages; of calls, one whose arguments are marked as JSON."""
    import pyarrow as pa

    if field.name != "tool_calls":
        return field
    call = field.type.value_type
    mark = {"ARROW:extension:name": "arrow.json", "ARROW:extension:metadata": ""}
    function = pa.struct(
        [one.with_metadata(mark) if one.name == "arguments" else one for one in call.field("function").type]
    )
    return pa.field(
        field.name,
        pa.list_(pa.struct([pa.field(one.name, function) if one.name == "function" else one for one in call])),
    )
