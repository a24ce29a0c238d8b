"""Supervised fine-tuning on the chosen answers."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import model_validator

from unipref.core.contracts import LearnsFrom, TrainJob
from unipref.train.data.epochs import RowOrder
from unipref.train.data.rows import DEMONSTRATIONS, View
from unipref.train.fit import fit
from unipref.train.image_trainer import ImageTrainer


class Sft(ImageTrainer):
    """Supervised fine-tuning: the policy learns to write the chosen answer.

    Loss: - sum over the answer's tokens, eos included, of log p(token | prompt, tokens before); the prompt and
    later user turns have no loss.
    Rows used: every preference with a chosen answer, including demonstrations and lone thumbs-up. TRL's SFT takes no
    weights: `weigh_by` draws rows in proportion to them instead.
    Source: TRL's SFTTrainer; step 1 of the paper (2.6), which trains with lr 1e-5, cosine, batch 4 and LoRA.
    """

    example: ClassVar = {
        "settings": {"learning_rate": 1e-5, "lr_scheduler_type": "cosine", "lora": {"r": 16, "lora_alpha": 32}}
    }
    learns_from: ClassVar[LearnsFrom] = "demonstrations"
    trl_config: ClassVar[str] = "SFTConfig"
    recipes: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {
            "learning_rate": 1e-5,
            "lr_scheduler_type": "cosine",
            "weight_decay": 0.05,
            "max_length": 512,
            "per_device_train_batch_size": 4,
            "gradient_accumulation_steps": 1,
            "max_steps": 5000,
            "lora": {"r": 16, "lora_alpha": 32, "lora_dropout": 0.05},
        }
    }
    full_rate: ClassVar[float] = 2e-5
    lora_rate: ClassVar[float] = 2e-4

    @model_validator(mode="after")
    def _check_packing(self) -> "Sft":
        if (self.model_extra or {}).get("packing") and (self.mix or self.weigh_by):
            raise ValueError("packing: packed rows cannot be mixed or weighted; take 'mix' and 'weigh_by' out")
        return self

    def make_row_order(self, batch: int) -> RowOrder | None:
        """The order that the settings give; TRL orders packed rows."""
        return None if (self.model_extra or {}).get("packing") else super().make_row_order(batch)

    def view(self) -> View:
        """The chosen answer to each prompt."""
        return DEMONSTRATIONS

    def fit(self, job: TrainJob) -> dict[str, Any]:
        """Trains on the chosen answers; returns as `Trainer.fit`."""
        from trl import SFTTrainer

        result = fit(self, job, lambda arguments: SFTTrainer(**arguments))
        extra = self.model_extra or {}
        if extra.get("completion_only_loss") is False and not extra.get("assistant_only_loss"):
            result["warnings"].append(
                "completion_only_loss is false: the prompt and every user turn have a loss too; with "
                "assistant_only_loss: true only the assistant's turns have one"
            )
        return result
