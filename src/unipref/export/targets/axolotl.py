"""Axolotl: https://docs.axolotl.ai/docs/rlhf.html and .../dataset-formats/conversation.html.

Its strategy `chat_template.default` for DPO reads role and content alone, and of a list of answers the last message.
It finds an answer in the rendered dialogue by its first occurrence. So an answer that occurs in the words around it,
or that begins or ends with spaces which a template removes, would be cut at a wrong place.
"""

from typing import Any, ClassVar

from unipref.core.contracts import Exporter, ExportItem, ExportKind, WrittenRows
from unipref.core.contracts.exporting import TEXT, Part
from unipref.core.records import Reason, Reject, Row
from unipref.export.chat_rows import check_last, to_plain
from unipref.export.launch_files import make_yaml

AROUND = (
    "[[dummy_message]]",
    "user",
    "assistant",
    "system",
    "<|im_start|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
)
"""Texts that come before an answer where Axolotl looks for it."""
COMMANDS = {"pairs": "dpo", "demonstrations": "sft", "thumbs": "kto"}


class Axolotl(Exporter):
    """Axolotl: JSONL and YAML for DPO (`chat_template.default`), SFT and KTO (`chatml.argilla_chat`)."""

    holds: ClassVar = {"pairs": TEXT, "demonstrations": TEXT | {Part.LONG}, "thumbs": TEXT}
    loses: ClassVar = (
        "scores, margins, confidence and objectives in the rows (they are in provenance.jsonl)",
        "spaces around the answers of pairs",
        "chat templates other than ChatML for thumbs",
    )
    checked: ClassVar = "Axolotl 0.19.0 by its own prompt strategies and its schema of configurations"
    source: ClassVar = "https://docs.axolotl.ai/docs/rlhf.html"

    def convert(self, item: ExportItem, kind: ExportKind) -> Row:
        """Makes a row; `train` says of each message whether it is learned."""
        check_last(item)
        prompt = to_plain(item.prompt)
        if kind == "pairs":
            chosen, rejected = (_strip(messages[0]["content"]) for messages in (item.answer, item.rejected))
            if chosen == rejected:
                raise Reject(Reason.SAME_RESPONSE, "the answers differ only in the spaces around them")
            sides = {"chosen": chosen, "rejected": rejected}
            return {
                "messages": prompt,
                **{side: {"role": "assistant", "content": text} for side, text in sides.items()},
            }
        answer = to_plain(item.answer)
        if kind == "thumbs":
            return {"completion": [*prompt, *answer], "label": item.label}
        learned = [{**message, "train": message["role"] == "assistant"} for message in answer]
        return {"messages": [*({**message, "train": False} for message in prompt), *learned]}

    def make_files(self, written: WrittenRows) -> dict[str, str]:
        """A configuration with the entry of the dataset."""
        command = COMMANDS[written.kind]
        entry: dict[str, Any] = {"path": written.file, "ds_type": "json"}
        settings: dict[str, Any] = {"base_model": written.model}
        if command == "dpo":
            entry |= {"type": "chat_template.default", "field_messages": "messages"}
            settings |= {"rl": "dpo", "chat_template": "tokenizer_default"}
        elif command == "kto":
            entry["type"] = "chatml.argilla_chat"
            settings |= {"rl": "kto", "remove_unused_columns": False}
        else:
            entry |= {"type": "chat_template", "field_messages": "messages", "message_field_training": "train"}
            settings["chat_template"] = "tokenizer_default"
        settings |= {
            "datasets": [entry],
            "output_dir": f"{command}-model",
            "sequence_len": 2048,
            "micro_batch_size": 1,
            "gradient_accumulation_steps": 8,
            "num_epochs": 1,
            "learning_rate": 5e-6,
            "optimizer": "adamw_torch",
        }
        return {f"{command}.yaml": make_yaml(f"axolotl train {command}.yaml", settings)}


def _strip(content: str) -> str:
    """Returns an answer without the spaces around it.

    Raises:
        Reject: Axolotl would cut it at a wrong place.
    """
    text = content.strip()
    if any(text in around for around in AROUND):
        raise Reject(Reason.NOT_HELD, "the answer occurs in the words around it, where Axolotl would cut it")
    return text
