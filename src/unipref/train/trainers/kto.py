"""Learning from single judged answers: thumbs up and down, without pairs and without a reward model."""

import contextlib
import io
from typing import Any, ClassVar

from pydantic import Field, model_validator

from unipref.core.contracts import LearnsFrom, TrainJob
from unipref.train.data.epochs import Sampling
from unipref.train.data.rows import JUDGED, View
from unipref.train.fit import fit
from unipref.train.trl_trainer import LengthLimited

WEIGHTS = ("desirable_weight", "undesirable_weight")


class Kto(LengthLimited):
    """Kahneman-Tversky optimisation: each answer is judged alone, held to the model the step starts from (ref).

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
    neighbours: ClassVar[bool] = True

    beta: float = Field(default=0.1, ge=0)
    """How firmly the policy is held to the reference."""
    train_sampling_strategy: Sampling = "random"
    """Order of the rows. At random, for z is estimated by giving each prompt its neighbour's answer: by length or in
    the order of the file, that is often an answer to the same prompt."""
    desirable_weight: float | None = Field(default=None, gt=0)
    """Weight of the desirable answers. Where neither weight is given, the rarer kind gets the one that makes both kinds
    weigh the same in all (equation 8 of the source allows up to a third more of the desirable); the other's is 1."""
    undesirable_weight: float | None = Field(default=None, gt=0)
    """The same of the undesirable ones."""

    @model_validator(mode="after")
    def _has_neighbours(self) -> "Kto":
        loss = (self.model_extra or {}).get("loss_type", "kto")
        if loss == "kto" and self.per_device_train_batch_size < 2:
            raise ValueError("per_device_train_batch_size is 1, and z needs an answer to another prompt: at least 2")
        return self

    def for_trl(self) -> dict[str, Any]:
        """The settings that TRL is given; open weights are 1 until the rows are counted."""
        given = super().for_trl()
        return given | {name: 1.0 for name in WEIGHTS if given[name] is None}

    def weights(self, desirable: int, undesirable: int) -> dict[str, float]:
        """Both kinds' weights, balanced where both are open."""
        if self.desirable_weight is not None or self.undesirable_weight is not None:
            return {name: getattr(self, name) or 1.0 for name in WEIGHTS}
        if not desirable or not undesirable:
            return dict.fromkeys(WEIGHTS, 1.0)
        balanced = (max(1.0, undesirable / desirable), max(1.0, desirable / undesirable))
        return dict(zip(WEIGHTS, balanced, strict=True))

    def view(self) -> View:
        """Each answer alone, with its label."""
        return JUDGED

    def frozen_copies(self) -> int:
        """The reference, unless it is the model without its adapter, or asked once beforehand."""
        return 0 if self.lora or (self.model_extra or {}).get("precompute_ref_log_probs") else 1

    def fit(self, job: TrainJob) -> dict[str, Any]:
        """Trains on the judged answers; returns as `Trainer.fit`, and both kinds' counts and weights."""
        from trl import KTOTrainer

        found: dict[str, Any] = {}

        def build(arguments: dict[str, Any]) -> Any:
            labels = arguments["train_dataset"]["label"]
            desirable = sum(labels)
            weights = self.weights(desirable, len(labels) - desirable)
            found.update(desirable=desirable, undesirable=len(labels) - desirable, **weights)
            for name, weight in weights.items():
                setattr(arguments["args"], name, weight)
            # The bar of `precompute_ref_log_probs` knows no setting that turns it off.
            with contextlib.redirect_stderr(io.StringIO()):
                return KTOTrainer(**arguments)

        done = fit(self, job, build)
        if not found["desirable"] or not found["undesirable"]:
            done["warnings"].append("all answers are of one kind: there is nothing to tell them from")
        return done | {"labels": found}
