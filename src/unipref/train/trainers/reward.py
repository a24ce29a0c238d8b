"""A reward model from pairs of answers."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from unipref.core.contracts import LearnsFrom, TrainJob
from unipref.train.data.rows import PAIRS, View, make_margin_view
from unipref.train.fit import fit
from unipref.train.trl_trainer import LengthLimited


class Reward(LengthLimited):
    """A reward model: the policy with a head that returns one number, r, instead of its output layer.

    Loss: - log sigmoid(r(prompt, chosen) - r(prompt, rejected) - m), Bradley and Terry's; r is read at the last token
    of the whole dialogue, its eos. m is 0, or with `use_margin` the margin (Touvron et al. 2023, arXiv 2307.09288).
    Rows used: pairs. The new head starts at random, from the study's seed.
    Source: TRL's RewardTrainer; step 2 of the paper (2.6), which trains with lr 2e-5, batch 4, one epoch and LoRA.
    """

    example: ClassVar = {"settings": {"learning_rate": 2e-5, "lora": {"r": 8, "lora_alpha": 32, "lora_dropout": 0.1}}}
    model_kind: ClassVar[str] = "reward"
    learns_from: ClassVar[LearnsFrom] = "pairs"
    trl_config: ClassVar[str] = "RewardConfig"
    recipes: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {
            "learning_rate": 2e-5,
            "lr_scheduler_type": "linear",
            "weight_decay": 0.001,
            "max_length": 512,
            "per_device_train_batch_size": 4,
            "num_train_epochs": 1.0,
            "lora": {"r": 8, "lora_alpha": 32, "lora_dropout": 0.1},
        }
    }
    full_rate: ClassVar[float] = 2e-5
    lora_rate: ClassVar[float] = 2e-4
    sequences_per_row: ClassVar[int] = 2
    own_fields: ClassVar[frozenset[str]] = LengthLimited.own_fields | {"use_margin", "margin_scale", "missing_margin"}

    use_margin: bool = False
    """Train for a reward gap of at least the pair's margin, times `margin_scale`."""
    margin_scale: float = Field(default=1.0, gt=0)
    """Factor for the margin, a percentile in [0, 1]; a gap of 1 means odds of e to 1."""
    missing_margin: Literal["zero", "leave_out"] = "zero"
    """With `use_margin`, what happens to a pair without a margin."""

    def view(self) -> View:
        """Both answers; with `use_margin`, their margin too."""
        missing = 0.0 if self.missing_margin == "zero" else None
        return make_margin_view(self.margin_scale, missing) if self.use_margin else PAIRS

    def fit(self, job: TrainJob) -> dict[str, Any]:
        """Trains on the pairs; returns as `Trainer.fit`."""
        from trl import RewardTrainer

        return fit(self, job, lambda arguments: RewardTrainer(**arguments))
