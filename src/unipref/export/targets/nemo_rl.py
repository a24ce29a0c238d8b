"""NeMo-RL: https://docs.nvidia.com/nemo/rl/latest/guides/dpo.html and .../sft.html."""

from typing import Any, ClassVar

from unipref.core.contracts import Exporter, ExportItem, ExportKind, WrittenRows
from unipref.core.contracts.exporting import TEXT, Part
from unipref.core.records import Row
from unipref.export.chat_rows import check_last, to_openai, to_plain
from unipref.export.launch_files import make_yaml

METHODS = {
    "pairs": ("dpo", "PreferenceDataset", "dpo"),
    "demonstrations": ("sft", "openai_format", "sft"),
    "prompts": ("ppo", "ResponseDataset", "ppo_math_1B"),
}
"""Kind of rows -> NeMo-RL's script, its class for the data, and the example that the configuration changes."""


class NemoRl(Exporter):
    """NeMo-RL: JSONL with ranked completions (DPO), chats (SFT) or prompts (true PPO), and YAML on top of its own."""

    holds: ClassVar = {"pairs": TEXT, "demonstrations": TEXT | {Part.TOOLS, Part.LONG}, "prompts": frozenset[Part]()}
    loses: ClassVar = (
        "scores, margins, confidence and objectives in the rows (they are in provenance.jsonl)",
        "which answer of a dialogue is the demonstration, in versions that do not read message_loss_mask",
    )
    checked: ClassVar = "documents of NeMo-RL 0.6.0 and its sources, 2026-11-29; not loaded"
    source: ClassVar = "https://docs.nvidia.com/nemo/rl/latest/guides/dpo.html"
    placeholders: ClassVar = {
        "NEMO_RL": "the path of your copy of NeMo-RL",
        "REWARD_MODEL": "the name or path of a reward model",
    }

    def convert(self, item: ExportItem, kind: ExportKind) -> Row:
        """Makes a row; of two completions, the one of the lower rank is preferred."""
        check_last(item)
        if kind == "pairs":
            sides = (to_plain(item.answer), to_plain(item.rejected))
            completions = [{"rank": rank, "completion": side} for rank, side in enumerate(sides)]
            return {"context": to_plain(item.prompt), "completions": completions}
        if kind == "prompts":
            return {"input": item.prompt[0]["content"], "output": ""}
        learned = [0] * len(item.prompt) + [int(message["role"] == "assistant") for message in item.answer]
        row: Row = {"messages": to_openai([*item.prompt, *item.answer]), "message_loss_mask": learned}
        return {**row, "tools": item.tools} if item.tools else row

    def make_files(self, written: WrittenRows) -> dict[str, str]:
        """A configuration that changes the data and the model of NeMo-RL's own example."""
        method, dataset, base = METHODS[written.kind]
        data: dict[str, Any] = {"dataset_name": dataset, "data_path": written.file}
        if Part.TOOLS in written.parts:
            data["use_preserving_dataset"] = True
        if written.kind == "prompts":
            data |= {"input_key": "input", "output_key": "output", "env_name": "reward_model"}
        settings: dict[str, Any] = {
            "defaults": f"NEMO_RL/examples/configs/{base}.yaml",
            "policy": {"model_name": written.model, "tokenizer": {"name": written.model}},
            "data": {"train": data, "validation": None},
        }
        if written.kind == "prompts":
            settings["env"] = {"reward_model": {"enabled": True, "model_name": "REWARD_MODEL", "precision": "bfloat16"}}
        command = f"uv run NEMO_RL/examples/run_{method}.py --config {method}.yaml"
        return {f"{method}.yaml": make_yaml(command, settings)}
