"""OpenRLHF: https://github.com/OpenRLHF/OpenRLHF (section "Prepare Datasets") and openrlhf/datasets of 0.11.2."""

from typing import ClassVar

from unipref.core.contracts import Exporter, ExportItem, ExportKind, WrittenRows
from unipref.core.contracts.exporting import TEXT
from unipref.core.records import Row
from unipref.export.chat_rows import check_last, to_plain
from unipref.export.launch_files import make_script, quote_model


class Openrlhf(Exporter):
    """OpenRLHF: JSONL with prompt, chosen and rejected, and scripts for DPO, a reward model, SFT and true PPO."""

    holds: ClassVar = dict.fromkeys(("pairs", "demonstrations", "prompts"), TEXT)
    loses: ClassVar = (
        "scores, margins, confidence and objectives in the rows (they are in provenance.jsonl)",
        "answers longer than --data.max_len, which OpenRLHF truncates",
    )
    checked: ClassVar = "OpenRLHF 0.11.2 by its own data sets; the options by its sources"
    source: ClassVar = "https://github.com/OpenRLHF/OpenRLHF#prepare-datasets"
    marks: ClassVar = ("<image>",)
    placeholders: ClassVar = {"REWARD_MODEL": "the path of a reward model, such as `reward.sh` of the pairs saves"}

    def convert(self, item: ExportItem, kind: ExportKind) -> Row:
        """Makes a row of lists of messages, to which OpenRLHF applies the chat template."""
        check_last(item)
        prompt = to_plain(item.prompt)
        if kind == "pairs":
            return {"prompt": prompt, "chosen": to_plain(item.answer), "rejected": to_plain(item.rejected)}
        if kind == "demonstrations":
            return {"input": prompt, "output": to_plain(item.answer)}
        return {"input": prompt, "datasource": item.row["source"]}

    def make_files(self, written: WrittenRows) -> dict[str, str]:
        """Scripts; PPO has a critic, and its reward model comes from the pairs (`reward.sh`)."""
        model = quote_model(written.model)
        template = "--data.apply_chat_template"
        if written.kind == "pairs":
            data = (f"--data.dataset {written.file}", "--data.prompt_key prompt", template)
            keys = ("--data.chosen_key chosen", "--data.rejected_key rejected")
            start = "deepspeed --module openrlhf.cli"
            return {
                name: make_script(f"{start}.{module}", f"--model.model_name_or_path {model}", *data, *keys, out)
                for name, module, out in (
                    ("dpo.sh", "train_dpo", "--ckpt.output_dir dpo-model"),
                    ("reward.sh", "train_rm", "--ckpt.output_dir reward-model"),
                )
            }
        if written.kind == "demonstrations":
            lines: tuple[str, ...] = (
                "deepspeed --module openrlhf.cli.train_sft",
                f"--model.model_name_or_path {model}",
                f"--data.dataset {written.file}",
                "--data.input_key input",
                "--data.output_key output",
                template,
                "--ckpt.output_dir sft-model",
            )
            return {"sft.sh": make_script(*lines)}
        lines = (
            "python -m openrlhf.cli.train_ppo_ray",
            f"--actor.model_name_or_path {model}",
            "--reward.model_name_or_path REWARD_MODEL",
            "--critic.model_name_or_path REWARD_MODEL",
            "--algo.advantage.estimator gae",
            f"--data.prompt_dataset {written.file}",
            "--data.input_key input",
            template,
            "--ckpt.output_dir ppo-model",
        )
        return {"ppo.sh": make_script(*lines)}
