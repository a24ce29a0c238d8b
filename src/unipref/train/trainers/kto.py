"""Learns from single judged answers: thumbs up and down, without pairs and without a reward model."""

import contextlib
import io
from typing import Any, ClassVar

from pydantic import Field, model_validator

from unipref.core.contracts import LearnsFrom, TrainJob
from unipref.train.data.epochs import Sampling
from unipref.train.data.rows import JUDGED, View
from unipref.train.fit import fit
from unipref.train.frozen_layers import lower_before_reference
from unipref.train.trl_trainer import LengthLimited

WEIGHT_NAMES = ("desirable_weight", "undesirable_weight")


class Kto(LengthLimited):
    """Kahneman-Tversky optimisation: each answer is judged alone; the policy stays near the model it starts from (ref).

    Loss of a desirable answer: desirable_weight (1 - sigmoid(beta (log p/ref(answer) - z))), of an undesirable one
    undesirable_weight (1 - sigmoid(beta (z - log p/ref(answer)))); z is the KL divergence, estimated on the answers of
    the neighbouring rows. Rows used: all. A pair gives two, its chosen answer (desirable) and its rejected one.
    Source: TRL's KTOTrainer; Ethayarajh et al. 2024, arXiv 2402.01306. The paper itself has no such step.
    """

    example: ClassVar = {"settings": {"beta": 0.1, "per_device_train_batch_size": 16, "max_steps": 200}}
    learns_from: ClassVar[LearnsFrom] = "labels"
    trl_config: ClassVar[str] = "KTOConfig"
    full_rate: ClassVar[float] = 1e-6
    lora_rate: ClassVar[float] = 1e-5
    reads_reference: ClassVar[bool] = True
    uses_neighbours: ClassVar[bool] = True

    beta: float = Field(default=0.1, ge=0)
    """How strongly the policy is held near the reference."""
    train_sampling_strategy: Sampling = "random"
    """Order of the rows. Random by default, because TRL estimates z by giving each prompt its neighbour's answer: by
    length or in the order of the file, that is often an answer to the same prompt."""
    desirable_weight: float | None = Field(default=None, gt=0)
    """Weight of the desirable answers. If neither weight is given, the rarer kind gets the weight that gives both kinds
    the same total (equation 8 of the source allows up to a third more for the desirable); the other kind's is 1."""
    undesirable_weight: float | None = Field(default=None, gt=0)
    """The same for the undesirable answers."""

    @model_validator(mode="after")
    def _check_batch_size(self) -> "Kto":
        loss = (self.model_extra or {}).get("loss_type", "kto")
        if loss == "kto" and self.per_device_train_batch_size < 2:
            raise ValueError("per_device_train_batch_size is 1, but z needs another prompt's answer: set at least 2")
        return self

    def build_trl_settings(self) -> dict[str, Any]:
        """The settings passed to TRL; weights that are not set are 1 until the rows are counted."""
        settings = super().build_trl_settings()
        return settings | {name: 1.0 for name in WEIGHT_NAMES if settings[name] is None}

    def compute_weights(self, desirable: int, undesirable: int) -> dict[str, float]:
        """Computes both kinds' weights from their counts, balanced if neither is set."""
        if self.desirable_weight is not None or self.undesirable_weight is not None:
            return {name: getattr(self, name) or 1.0 for name in WEIGHT_NAMES}
        if not desirable or not undesirable:
            return dict.fromkeys(WEIGHT_NAMES, 1.0)
        balanced = (max(1.0, undesirable / desirable), max(1.0, desirable / undesirable))
        return dict(zip(WEIGHT_NAMES, balanced, strict=True))

    def view(self) -> View:
        """Each answer alone, with its label."""
        return JUDGED

    def count_frozen_copies(self, with_images: bool = False) -> int:
        """Counts the reference, unless it is the model without its adapter, or runs only once before training."""
        return 0 if self.lora or (self.model_extra or {}).get("precompute_ref_log_probs") else 1

    def fit(self, job: TrainJob) -> dict[str, Any]:
        """Trains on the judged answers; returns as `Trainer.fit`, with both kinds' counts and weights."""
        from trl import KTOTrainer

        counts: dict[str, Any] = {}

        def build(arguments: dict[str, Any]) -> Any:
            labels = arguments["train_dataset"]["label"]
            desirable = sum(labels)
            weights = self.compute_weights(desirable, len(labels) - desirable)
            counts.update(desirable=desirable, undesirable=len(labels) - desirable, **weights)
            for name, weight in weights.items():
                setattr(arguments["args"], name, weight)
            # No setting turns off the progress bar of `precompute_ref_log_probs`.
            with contextlib.redirect_stderr(io.StringIO()):
                chosen = lower_before_reference(KTOTrainer) if self.lowers_frozen_layers else KTOTrainer
                return chosen(**arguments)

        result = fit(self, job, build)
        if not counts["desirable"] or not counts["undesirable"]:
            result["warnings"].append("all answers have the same label, so the model cannot learn to tell them apart")
        return result | {"labels": counts}
