"""ms-swift: https://swift.readthedocs.io/en/latest/Customization/Custom-dataset.html and .../Agent-support.html."""

from typing import Any, ClassVar

from unipref.core.contracts import Exporter, ExportItem, ExportKind, WrittenRows
from unipref.core.contracts.exporting import TEXT, Part
from unipref.core.records import Messages, Reason, Reject, Row
from unipref.export.chat_rows import MARKS, check_last, describe_calls, put_image_marks, to_json_text
from unipref.export.launch_files import make_script, quote_model

ROLES = ("system", "user", "assistant", "tool")


class Swift(Exporter):
    """ms-swift: JSONL with `messages`, and `rejected_messages` or `label`; and a script."""

    holds: ClassVar = dict.fromkeys(("pairs", "demonstrations", "thumbs", "prompts"), TEXT | {Part.TOOLS, Part.IMAGES})
    loses: ClassVar = (
        "scores, margins, confidence and objectives in the rows (they are in provenance.jsonl)",
        "ids of tool calls",
    )
    checked: ClassVar = "ms-swift 4.6.0 by its own preprocessor and template inputs; the options by its sources"
    source: ClassVar = "https://swift.readthedocs.io/en/latest/Customization/Custom-dataset.html"
    marks: ClassVar = (*MARKS, "<bbox>", "<ref-object>")
    placeholders: ClassVar = {"REWARD_MODEL": "the name or path of a reward model"}

    def convert(self, item: ExportItem, kind: ExportKind) -> Row:
        """Makes a row; both lists of messages of a pair begin with the prompt."""
        check_last(item)
        prompt = _to_messages(item.prompt)
        row: Row = {"messages": [*prompt, *_to_messages(item.answer)]}
        if kind == "pairs":
            row["rejected_messages"] = [*prompt, *_to_messages(item.rejected)]
        elif kind == "thumbs":
            row["label"] = item.label
        if item.has_parts:
            row |= {"tools": to_json_text(item.tools) or "[]", "images": item.images}
        return row

    def make_files(self, written: WrittenRows) -> dict[str, str]:
        """A script; of SFT, only the last round is learned."""
        model, data = f"--model {quote_model(written.model)}", f"--dataset {written.file}"
        if written.kind == "demonstrations":
            return {
                "sft.sh": make_script("swift sft", model, data, "--loss_scale last_round", "--output_dir sft-model")
            }
        method = {"pairs": "dpo", "thumbs": "kto", "prompts": "ppo"}[written.kind]
        reward = ["--reward_model REWARD_MODEL"] if method == "ppo" else []
        lines = (f"swift rlhf --rlhf_type {method}", model, *reward, data, f"--output_dir {method}-model")
        return {f"{method}.sh": make_script(*lines)}


def _to_messages(messages: Messages) -> list[dict[str, Any]]:
    """Returns messages with the roles of ms-swift: a message for each tool call and each result."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        if message["role"] not in ROLES:
            raise Reject(Reason.BAD_ROLE, f"a turn is of the role '{message['role']}'")
        calls = describe_calls(message)
        if message["role"] == "tool":
            turns.append({"role": "tool_response", "content": message["content"]})
            continue
        if message["content"] or message.get("images") or not calls:
            turns.append({"role": message["role"], "content": put_image_marks(message)})
        turns += [{"role": "tool_call", "content": to_json_text(call)} for call in calls]
    return turns
