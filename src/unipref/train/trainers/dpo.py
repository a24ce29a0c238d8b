"""Direct preference optimisation: pairs of answers, without a reward model."""

import contextlib
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from unipref.core.bar_reader import BarReader
from unipref.core.contracts import LearnsFrom, TrainJob
from unipref.train.data.pair_columns import make_pair_view, make_probability_column
from unipref.train.data.row_usage import RowFacts, take_confidences
from unipref.train.data.rows import PAIRS, View
from unipref.train.fit import fit
from unipref.train.frozen_layers import lower_before_reference
from unipref.train.image_trainer import ImageTrainer

SMOOTHED_LOSSES = ("robust", "exo_pair", "aot", "aot_unpaired")
"""TRL's losses that use label smoothing; the others silently ignore it."""
SOFT_LOSSES = ("sigmoid", "sigmoid_norm", "ipo", "hinge")
"""TRL's losses of the log-ratio of a pair, which are defined for both directions of a label."""
PLAIN_LOSS: dict[str, Any] = {"f_divergence_type": "reverse_kl", "use_weighting": False, "ld_alpha": None}
"""TRL's settings that make the loss one of another number, and their values that do not."""
MAX_SMOOTHING = 0.49
"""A label that is wrong half of the time says nothing, and the robust loss divides by 1 - 2 label_smoothing."""


class Dpo(ImageTrainer):
    """Direct preference optimisation: the policy learns from pairs alone, held near the model it starts from (ref).

    Loss: - log sigmoid(beta (log p(chosen)/ref(chosen) - log p(rejected)/ref(rejected))), each p of the whole answer.
    Rows used: pairs. The reference's log-probabilities are computed once, before training, so that memory holds no
    second copy of the model. With `soft_labels`, a pair of confidence p has the loss p loss(h) + (1 - p) loss(-h); h
    is the difference of the log-ratios. TRL's DPO takes no weights: use `weigh_by`.
    Source: TRL's DPOTrainer; Rafailov et al. 2023, arXiv 2305.18290; for soft labels, its conservative DPO with the
    chance of a wrong label of each pair. The paper itself has no such step.
    """

    example: ClassVar = {"settings": {"beta": 0.1, "loss_type": "ipo", "max_steps": 200}}
    learns_from: ClassVar[LearnsFrom] = "pairs"
    trl_config: ClassVar[str] = "DPOConfig"
    full_rate: ClassVar[float] = 1e-6
    lora_rate: ClassVar[float] = 1e-5
    reads_reference: ClassVar[bool] = True
    sequences_per_row: ClassVar[int] = 2
    own_fields: ClassVar[frozenset[str]] = ImageTrainer.own_fields | {"soft_labels", "missing_confidence"}

    beta: float = Field(default=0.1, ge=0)
    """How strongly the policy is held near the reference."""
    label_smoothing: float | Literal["confidence"] = Field(default=0.0)
    """Chance that a pair's label is wrong, below 0.5; only the losses robust, exo_pair, aot and aot_unpaired use it.
    `confidence`: 1 - mean confidence of the pairs that have one."""
    soft_labels: bool = False
    """Take each pair's label as right with its own probability, `confidence`, instead of as certain. For the losses
    sigmoid, sigmoid_norm, ipo and hinge."""
    missing_confidence: float | None = Field(default=None, gt=0, le=1)
    """With `soft_labels`, the probability of a pair that has no confidence. None: the mean confidence of the others."""
    precompute_ref_log_probs: bool = True
    """Compute the reference's log-probabilities of every pair once, before training. False: in each step, with a second
    copy of the model unless there is `lora`. `sync_ref_model` needs False."""

    @model_validator(mode="after")
    def _check_smoothing(self) -> "Dpo":
        if isinstance(self.label_smoothing, float) and not 0 <= self.label_smoothing < 0.5:
            raise ValueError(f"label_smoothing: {self.label_smoothing} must be at least 0 and below 0.5")
        losses = (self.model_extra or {}).get("loss_type", ["sigmoid"])
        if self.label_smoothing != 0 and not set(SMOOTHED_LOSSES) & set(losses):
            raise ValueError(
                f"label_smoothing: the loss {', '.join(losses)} ignores it; set loss_type to one of "
                f"{', '.join(SMOOTHED_LOSSES)}, such as robust"
            )
        return self

    @model_validator(mode="after")
    def _check_soft_labels(self) -> "Dpo":
        if not self.soft_labels:
            return self
        extra = self.model_extra or {}
        losses = extra.get("loss_type", ["sigmoid"])
        if undefined := sorted(set(losses) - set(SOFT_LOSSES)):
            raise ValueError(
                f"soft_labels: the loss {', '.join(undefined)} is not defined for a label that is right with a "
                f"probability; set loss_type to one of {', '.join(SOFT_LOSSES)}"
            )
        if self.label_smoothing != 0:
            raise ValueError("soft_labels and label_smoothing set the same thing: give only one of them")
        if not self.precompute_ref_log_probs:
            raise ValueError("soft_labels needs precompute_ref_log_probs: true")
        for name, usual in PLAIN_LOSS.items():
            if name in extra and extra[name] != usual:
                raise ValueError(f"soft_labels: not defined with {name}: {extra[name]}; leave '{name}' out")
        return self

    def build_trl_settings(self) -> dict[str, Any]:
        """The settings passed to TRL; smoothing by confidence is 0 until the rows are read."""
        settings = super().build_trl_settings()
        return settings | ({"label_smoothing": 0.0} if self.label_smoothing == "confidence" else {})

    def check_numbers(self, facts: RowFacts, rows: Path) -> None:
        """Checks the weights and confidences; arguments and errors as in `TrlTrainer`."""
        super().check_numbers(facts, rows)
        if self.soft_labels or self.label_smoothing == "confidence":
            take_confidences(facts, "soft_labels" if self.soft_labels else "label_smoothing")

    def derive_settings(self, facts: RowFacts) -> dict[str, Any]:
        """The chance of a wrong label, if it comes from the rows' confidence."""
        return {"label_smoothing": estimate_wrong_label_rate(facts)} if self.label_smoothing == "confidence" else {}

    def view(self) -> View:
        """Both answers; with `soft_labels`, the probability of their label too."""
        return make_pair_view(make_probability_column(self.missing_confidence)) if self.soft_labels else PAIRS

    def count_frozen_copies(self, with_images: bool = False) -> int:
        """Counts the reference, unless it is the model without its adapter, or runs only once before training.

        TRL computes no log-probabilities of images beforehand.
        """
        return 0 if self.lora or (self.precompute_ref_log_probs and not with_images) else 1

    def explain_no_images(self) -> str | None:
        """Explains why the settings exclude images; None if they do not."""
        if self.soft_labels:
            return "'soft_labels' needs the reference's log-probabilities beforehand, and TRL computes none of images"
        return super().explain_no_images()

    def _choose_trainer(self) -> Any:
        """Chooses TRL's trainer or the one of soft labels."""
        from trl import DPOTrainer

        from unipref.train.row_losses.soft_dpo import SoftDpoTrainer

        chosen = SoftDpoTrainer if self.soft_labels else DPOTrainer
        return lower_before_reference(chosen) if self.lowers_frozen_layers else chosen

    def fit(self, job: TrainJob) -> dict[str, Any]:
        """Trains on the pairs; returns as `Trainer.fit`."""

        def build(arguments: dict[str, Any]) -> Any:
            # No setting turns off the progress bar of `precompute_ref_log_probs`.
            with contextlib.redirect_stderr(BarReader("log-probabilities of the reference")):
                return self._choose_trainer()(**arguments)

        return fit(self, job, build)


def estimate_wrong_label_rate(facts: RowFacts) -> float:
    """Estimates the chance of a wrong label: 1 - mean confidence of the rows that have one, at most MAX_SMOOTHING.

    Raises:
        UserError: no row has one.
    """
    return round(min(MAX_SMOOTHING, float(1 - take_confidences(facts, "label_smoothing").mean())), 6)
