"""verl: https://verl.readthedocs.io/en/latest/preparation/prepare_data.html and verl/utils/dataset of 0.9.1."""

from typing import TYPE_CHECKING, ClassVar, Literal

from unipref.core.contracts import Exporter, ExportItem, ExportKind, WrittenRows
from unipref.core.contracts.exporting import TEXT
from unipref.core.records import Row
from unipref.export.chat_rows import MARKS, check_last, to_plain
from unipref.export.launch_files import make_script, quote_model

if TYPE_CHECKING:
    import pyarrow as pa


class Verl(Exporter):
    """verl: Parquet with prompt, data_source, reward_model and extra_info, and a script for true PPO; or for SFT."""

    holds: ClassVar = {"prompts": TEXT, "demonstrations": TEXT}
    loses: ClassVar = (
        "both answers of prompts: verl's PPO takes its reward from a reward model, which it does not train from pairs",
        "scores, margins and confidence in the rows (they are in provenance.jsonl)",
        "which answer of a dialogue is the demonstration: verl learns earlier answers of the prompt too",
    )
    checked: ClassVar = "verl 0.9.1 by RLHFDataset and MultiTurnSFTDataset; the options by its YAML files"
    source: ClassVar = "https://verl.readthedocs.io/en/latest/preparation/prepare_data.html"
    suffix: ClassVar[Literal["jsonl", "parquet"]] = "parquet"
    marks: ClassVar = MARKS
    placeholders: ClassVar = {"REWARD_MODEL": "the name or path of a reward model"}

    def convert(self, item: ExportItem, kind: ExportKind) -> Row:
        """Makes a row; the ground truth is empty, as the reward comes from a model."""
        check_last(item)
        if kind == "demonstrations":
            return {"messages": to_plain([*item.prompt, *item.answer])}
        row = item.row
        return {
            "data_source": row["source"],
            "prompt": to_plain(item.prompt),
            "ability": row["objective"],
            "reward_model": {"style": "model", "ground_truth": ""},
            "extra_info": {"id": row["id"], "source": row["source"], "objective": row["objective"]},
        }

    def find_schema(self, kind: ExportKind, preferences: "pa.Schema") -> "pa.Schema":
        """The schema of verl's examples."""
        import pyarrow as pa

        text = pa.string()
        messages = pa.list_(pa.struct([("role", text), ("content", text)]))
        if kind == "demonstrations":
            return pa.schema([("messages", messages)])
        return pa.schema(
            [
                ("data_source", text),
                ("prompt", messages),
                ("ability", text),
                ("reward_model", pa.struct([("style", text), ("ground_truth", text)])),
                ("extra_info", pa.struct([("id", text), ("source", text), ("objective", text)])),
            ]
        )

    def make_files(self, written: WrittenRows) -> dict[str, str]:
        """A script; PPO has a critic (`gae`), and measures nothing on its own prompts."""
        model = quote_model(written.model)
        if written.kind == "demonstrations":
            lines: tuple[str, ...] = (
                "torchrun --standalone --nproc_per_node=1 -m verl.trainer.sft_trainer",
                f"data.train_files={written.file}",
                "data.messages_key=messages",
                f"model.path={model}",
                "trainer.default_local_dir=sft-model",
            )
            return {"sft.sh": make_script(*lines)}
        lines = (
            "python -m verl.trainer.main_ppo",
            "algorithm.adv_estimator=gae",
            f"data.train_files={written.file}",
            f"data.val_files={written.file}",
            "trainer.val_before_train=False",
            "trainer.test_freq=-1",
            f"actor_rollout_ref.model.path={model}",
            f"critic.model.path={model}",
            "reward.reward_model.enable=True",
            "reward.reward_model.model_path=REWARD_MODEL",
            "reward.reward_model.rollout.name=vllm",
            "actor_rollout_ref.rollout.name=vllm",
            "trainer.default_local_dir=ppo-model",
        )
        return {"ppo.sh": make_script(*lines)}
