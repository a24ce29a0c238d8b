"""LLaMA-Factory: https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md (ShareGPT and alpaca form).

The form `openai` is not used: its converter in 0.9.5 adds "detailed thinking off" to every system prompt.
"""

import json
from typing import Any, ClassVar

from unipref.core.contracts import Exporter, ExportItem, ExportKind, WrittenRows
from unipref.core.contracts.exporting import TEXT, Part
from unipref.core.records import Message, Reason, Reject, Row
from unipref.export.chat_rows import MARKS, check_last, check_order, describe_calls, put_image_marks, to_json_text
from unipref.export.launch_files import make_yaml

DATASET = "unipref"
STAGES = {"pairs": "dpo", "demonstrations": "sft", "thumbs": "kto", "prompts": "ppo"}


class Llamafactory(Exporter):
    """LLaMA-Factory: JSONL in ShareGPT form (prompts for PPO in alpaca form), `dataset_info.json` and a YAML file."""

    holds: ClassVar = {
        **dict.fromkeys(("pairs", "demonstrations", "thumbs"), TEXT | {Part.TOOLS, Part.IMAGES}),
        "prompts": TEXT,
    }
    loses: ClassVar = (
        "scores, margins, confidence and objectives in the rows (they are in provenance.jsonl)",
        "ids of tool calls",
    )
    checked: ClassVar = "LLaMA-Factory 0.9.5 by its own parser and converters; the options by its sources"
    source: ClassVar = "https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md"
    marks: ClassVar = MARKS
    placeholders: ClassVar = {"REWARD_MODEL": "the path of an adapter that LLaMA-Factory's stage rm saved"}

    def convert(self, item: ExportItem, kind: ExportKind) -> Row:
        """Makes a row; the turns of others and of the assistant alternate, as the converter checks."""
        check_last(item)
        check_order(item.prompt)
        system = item.prompt[0]["content"] if item.prompt[0]["role"] == "system" else ""
        turns = item.prompt[1:] if item.prompt[0]["role"] == "system" else item.prompt
        if kind == "prompts":
            *earlier, last = [turn["content"] for turn in turns]
            history = [list(pair) for pair in zip(earlier[::2], earlier[1::2], strict=True)]
            return {"instruction": last, "history": history, "system": system}
        conversation = list(map(_to_turn, turns))
        answer = [] if kind == "pairs" else list(map(_to_turn, item.answer))
        row: Row = {"conversations": [*conversation, *answer], "system": system}
        if kind == "pairs":
            row |= {"chosen": _to_turn(item.answer[0]), "rejected": _to_turn(item.rejected[0])}
        elif kind == "thumbs":
            row["kto_tag"] = item.label
        if item.has_parts:
            row |= {"tools": to_json_text(item.tools), "images": item.images}
        return row

    def make_files(self, written: WrittenRows) -> dict[str, str]:
        """The entry of the dataset and a configuration; SFT masks earlier answers of the prompt."""
        stage = STAGES[written.kind]
        settings: dict[str, Any] = {
            "model_name_or_path": written.model,
            "stage": stage,
            "do_train": True,
            "finetuning_type": "lora",
            "dataset_dir": ".",
            "media_dir": ".",
            "dataset": DATASET,
            "output_dir": f"{stage}-model",
        }
        if stage == "sft":
            settings["mask_history"] = True
        if stage == "ppo":
            settings["reward_model"] = "REWARD_MODEL"
        return {
            "dataset_info.json": json.dumps({DATASET: _describe_dataset(written)}, indent=1) + "\n",
            f"{stage}.yaml": make_yaml(f"llamafactory-cli train {stage}.yaml", settings),
        }


def _describe_dataset(written: WrittenRows) -> dict[str, Any]:
    if written.kind == "prompts":
        columns = {"prompt": "instruction", "history": "history", "system": "system"}
        return {"file_name": written.file, "formatting": "alpaca", "columns": columns}
    columns = {"messages": "conversations", "system": "system"}
    if written.kind == "pairs":
        columns |= {"chosen": "chosen", "rejected": "rejected"}
    elif written.kind == "thumbs":
        columns["kto_tag"] = "kto_tag"
    if written.has_parts:
        columns |= {"tools": "tools", "images": "images"} if Part.IMAGES in written.parts else {"tools": "tools"}
    entry = {"file_name": written.file, "formatting": "sharegpt", "columns": columns}
    return {**entry, "ranking": True} if written.kind == "pairs" else entry


def _to_turn(message: Message) -> dict[str, str]:
    """Makes a turn; the calls of one turn are one value.

    Raises:
        Reject: a turn holds both a text and calls, for which there is no form.
    """
    if calls := describe_calls(message):
        if message["content"]:
            raise Reject(Reason.NOT_HELD, "a turn holds both a text and tool calls")
        return {"from": "function_call", "value": to_json_text(calls[0] if len(calls) == 1 else calls)}
    names = {"user": "human", "assistant": "gpt", "tool": "observation"}
    if message["role"] not in names:
        raise Reject(Reason.BAD_ROLE, f"a turn is of the role '{message['role']}'")
    return {"from": names[message["role"]], "value": put_image_marks(message)}
