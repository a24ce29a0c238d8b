"""A reward model from pairs of answers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from unipref.core.contracts import LearnsFrom, TrainJob
from unipref.core.errors import UserError
from unipref.train.data.pair_columns import (
    RATING_COLUMNS,
    count_rated_rows,
    make_margin_column,
    make_pair_view,
    make_probability_column,
    make_rating_columns,
)
from unipref.train.data.row_usage import RowFacts, take_confidences
from unipref.train.data.rows import PAIRS, View
from unipref.train.fit import fit
from unipref.train.trl_trainer import LengthLimited


class Reward(LengthLimited):
    """A reward model: the policy with a head that returns one number, r, instead of its output layer.

    Loss: - log sigmoid(r(prompt, chosen) - r(prompt, rejected) - m), Bradley and Terry's; r is read at the last token
    of the whole dialogue, its eos. m is 0, or with `use_margin` the percentile margin (Touvron et al. 2023, arXiv
    2307.09288). With `soft_labels`, a pair of confidence p has the loss - p log sigmoid(d) - (1 - p) log sigmoid(-d), d
    the difference of the rewards. With `use_ratings`, the model predicts the source's own scores too (Zhang et al.
    2025, arXiv 2507.07375).
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
    own_fields: ClassVar[frozenset[str]] = (
        LengthLimited.own_fields
        | {"use_margin", "margin_scale", "missing_margin", "soft_labels", "missing_confidence"}
        | {"use_ratings", "ratings_weight"}
    )

    use_margin: bool = False
    """Train for a reward gap of at least the pair's `margin_percentile`, times `margin_scale`."""
    margin_scale: float = Field(default=1.0, gt=0)
    """Factor for the margin, a percentile in [0, 1]; a gap of 1 means odds of e to 1."""
    missing_margin: Literal["zero", "leave_out"] = "zero"
    """With `use_margin`, what happens to a pair without a margin."""
    soft_labels: bool = False
    """Take each pair's label as right with its own probability, `confidence`, instead of as certain."""
    missing_confidence: float | None = Field(default=None, gt=0, le=1)
    """With `soft_labels`, the probability of a pair that has no confidence. None: the mean confidence of the others."""
    use_ratings: bool = False
    """Predict the scores of both answers on all axes of their source too. They come from the hidden state that the
    reward comes from, so that one trunk learns both; the saved model has the reward alone. A pair without scores has
    only the loss of its label."""
    ratings_weight: float = Field(default=1.0, gt=0)
    """With `use_ratings`, the weight of a pair's mean squared error, in standard deviations of each scale, beside the
    loss of its label."""

    @model_validator(mode="after")
    def _check_losses(self) -> "Reward":
        if self.soft_labels and self.use_margin:
            raise ValueError("soft_labels and use_margin both shape the loss by how sure a label is: give one of them")
        if self.use_ratings and self.is_sharded:
            raise ValueError("use_ratings: its head is not made for weights spread over processes; leave it out")
        return self

    def view(self) -> View:
        """Both answers, and the numbers that the settings use."""
        columns = []
        if self.use_margin:
            columns.append(make_margin_column(self.margin_scale, 0.0 if self.missing_margin == "zero" else None))
        if self.soft_labels:
            columns.append(make_probability_column(self.missing_confidence))
        if self.use_ratings:
            columns.append(make_rating_columns())
        return make_pair_view(*columns) if columns else PAIRS

    def check_numbers(self, facts: RowFacts, rows: Path) -> None:
        """Checks the weights, confidences and ratings; arguments and errors as in `TrlTrainer`."""
        super().check_numbers(facts, rows)
        if self.soft_labels:
            take_confidences(facts, "soft_labels")
        if self.use_ratings and not count_rated_rows(rows):
            what = "no pair has ratings: its sources score no answers."
            raise UserError(what, where="use_ratings", mend="Leave it out.")

    def prepare_to_save(self, hf: Any) -> None:
        """Takes away the outputs that predict ratings."""
        if self.use_ratings:
            from unipref.train.row_losses.row_reward import resize_head

            resize_head(hf.accelerator.unwrap_model(hf.model), 1, "use_ratings")

    def fit(self, job: TrainJob) -> dict[str, Any]:
        """Trains on the pairs; returns as `Trainer.fit`, with `ratings` if they are used."""
        figures: dict[str, Any] = {}

        def build(arguments: dict[str, Any]) -> Any:
            if not self.soft_labels and not self.use_ratings:
                from trl import RewardTrainer

                return RewardTrainer(**arguments)
            from unipref.train.row_losses.ratings import measure_scales
            from unipref.train.row_losses.row_reward import RowRewardTrainer

            scales = None
            if self.use_ratings:
                scales = measure_scales(arguments["train_dataset"].select_columns(RATING_COLUMNS))
                if not scales.scales:
                    what = "on each scale, all ratings are equal."
                    raise UserError(what, where="use_ratings", mend="Leave it out.")
                figures["ratings"] = scales.describe()
            return RowRewardTrainer(
                soft_labels=self.soft_labels, scales=scales, ratings_weight=self.ratings_weight, **arguments
            )

        return fit(self, job, build) | figures
