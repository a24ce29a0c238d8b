"""TRL: https://huggingface.co/docs/trl/dataset_formats (conversational types) and .../clis for the YAML file."""

from typing import TYPE_CHECKING, ClassVar, Literal

from unipref.core.contracts import Exporter, ExportItem, ExportKind, WrittenRows
from unipref.core.contracts.exporting import TEXT, Part
from unipref.core.records import Row
from unipref.export.chat_rows import to_json_text, to_openai
from unipref.export.launch_files import make_yaml

if TYPE_CHECKING:
    import pyarrow as pa

COMMANDS = {"pairs": "dpo", "demonstrations": "sft", "thumbs": "kto"}


class Trl(Exporter):
    """TRL: Parquet with explicit prompts, and a YAML file for `trl dpo`, `trl sft` or `trl kto`."""

    holds: ClassVar = dict.fromkeys(("pairs", "demonstrations", "thumbs", "prompts"), TEXT | {Part.TOOLS})
    loses: ClassVar = ("scores, margins, confidence and objectives in the rows (they are in provenance.jsonl)",)
    checked: ClassVar = "TRL 1.16.0 by its own scripts, parser and data functions"
    source: ClassVar = "https://huggingface.co/docs/trl/dataset_formats"
    suffix: ClassVar[Literal["jsonl", "parquet"]] = "parquet"

    def convert(self, item: ExportItem, kind: ExportKind) -> Row:
        """Makes a row of the conversational type; the JSON text of tools is what TRL's trainers parse."""
        row: Row = {"prompt": to_openai(item.prompt)}
        if kind == "pairs":
            row |= {"chosen": to_openai(item.answer), "rejected": to_openai(item.rejected)}
        elif kind != "prompts":
            row["completion"] = to_openai(item.answer)
        if kind == "thumbs":
            row["label"] = item.label
        if item.has_parts:
            row["tools"] = to_json_text(item.tools) or None
        return row

    def find_schema(self, kind: ExportKind, preferences: "pa.Schema") -> "pa.Schema":
        """The message columns of the run without reasoning, images and tools, which has a column of its own."""
        import pyarrow as pa

        fields = [
            field
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
