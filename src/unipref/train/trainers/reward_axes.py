"""A reward model with one score per axis, from the ratings of answers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, model_validator

from unipref.core.contracts import LearnsFrom, TrainJob
from unipref.core.errors import UserError, near_name
from unipref.models.reward_axes import check_weights
from unipref.train.data.deciding_axes import find_deciding_axes
from unipref.train.data.pair_columns import RATING_COLUMNS, list_axes, make_pair_view, make_rating_columns
from unipref.train.data.row_usage import RowFacts
from unipref.train.data.rows import View
from unipref.train.fit import fit
from unipref.train.trl_trainer import LengthLimited


class RewardAxes(LengthLimited):
    """A reward model with one score per axis (helpfulness, correctness, ...), from the ratings of answers.

    Loss: the mean squared error between the outputs and the ratings of both answers of a pair, over the ratings that
    are known; an axis that a pair lacks is masked. An output is in standard deviations from the mean of its axis,
    within each source, so sources with other ranges share it. It is read at the last token of the whole dialogue, its
    eos. The reward of an answer is the weighted sum of its scores (`weights`), for RLOO, GRPO and every other use.
    transformers loads the saved model without further code: `num_labels` is the number of axes, `id2label` their names.
    Rows used: pairs with a rating on one of the axes. The outputs start at 0.
    Source: TRL's RewardTrainer with another loss; HelpSteer2 (Wang et al. 2024, arXiv 2406.08673) and the first stage
    of ArmoRM (Wang et al. 2024, arXiv 2406.12845). It is not in the paper.
    """

    example: ClassVar = {"settings": {"learning_rate": 2e-5, "lora": {"r": 8, "lora_alpha": 32, "lora_dropout": 0.1}}}
    model_kind: ClassVar[str] = "reward"
    learns_from: ClassVar[LearnsFrom] = "pairs"
    trl_config: ClassVar[str] = "RewardConfig"
    full_rate: ClassVar[float] = 2e-5
    lora_rate: ClassVar[float] = 2e-4
    sequences_per_row: ClassVar[int] = 2
    own_fields: ClassVar[frozenset[str]] = LengthLimited.own_fields | {"axes", "weights"}

    axes: list[str] | None = Field(default=None, min_length=1)
    """The axes to score, in the order of the outputs. None: all on which the ratings differ, by name."""
    weights: dict[str, float] | None = Field(default=None, min_length=1)
    """The weight of each axis in the reward; an axis that is not named has 0. None: 1 for each axis that decided pairs,
    -1 if the answers with the lower rating were preferred."""

    @model_validator(mode="after")
    def _check_axes(self) -> "RewardAxes":
        if self.axes is not None and len(set(self.axes)) < len(self.axes):
            raise ValueError("axes: an axis is named twice")
        if self.axes is not None and self.weights is not None:
            check_weights(self.weights, self.axes, "weights")
        return self

    @model_validator(mode="after")
    def _check_what_it_cannot_do(self) -> "RewardAxes":
        if (self.model_extra or {}).get("center_rewards_coefficient") is not None:
            raise ValueError("center_rewards_coefficient: the outputs are centred already. Take it out")
        if self.is_sharded or self.quantization is not None:
            raise ValueError("its head is not made for weights that are quantised or spread over processes")
        if self.saves_adapter:
            raise ValueError("merge_adapter: an adapter alone does not name the axes. Leave it true")
        return self

    def list_outputs(self) -> Sequence[str] | None:
        """Lists the axes of the settings; None: those of the data."""
        return self.axes

    def view(self) -> View:
        """Both answers and their ratings."""
        return make_pair_view(make_rating_columns(needs_ratings=True, axes=self.axes))

    def check_numbers(self, facts: RowFacts, rows: Path) -> None:
        """Checks that the rows have ratings on the axes; arguments and errors as in `TrlTrainer`."""
        super().check_numbers(facts, rows)
        rated = list_axes(rows)
        for setting, names in (("axes", self.axes or []), ("weights", self.weights or {})):
            for name in names:
                if name not in rated:
                    raise UserError(f"no pair has a rating on '{name}'.", where=setting, mend=near_name(name, rated))

    def fit(self, job: TrainJob) -> dict[str, Any]:
        """Trains on the pairs; returns as `Trainer.fit`, with `ratings` and the `axes` with their weights."""
        figures: dict[str, Any] = {}

        def build(arguments: dict[str, Any]) -> Any:
            from unipref.train.row_losses.axis_reward import AxisRewardTrainer
            from unipref.train.row_losses.ratings import measure_axes

            scales, axes = measure_axes(arguments["train_dataset"].select_columns(RATING_COLUMNS), self.axes)
            self._check_spread(axes, {scale.place for scale in scales.scales.values()})
            weights = self._choose_weights(axes, job.preferences)
            figures["ratings"] = scales.describe()
            figures["axes"] = {axis: weights.get(axis, 0.0) for axis in axes}
            return AxisRewardTrainer(axes, weights, scales, **arguments)

        return fit(self, job, build) | figures

    def _check_spread(self, axes: list[str], places: set[int]) -> None:
        """Raises a UserError if the ratings on an axis are all equal, so that there is nothing to learn."""
        if not axes:
            raise UserError("on each axis, all ratings are equal.", where="axes", mend="Use other data.")
        if constant := [axis for place, axis in enumerate(axes) if place not in places]:
            raise UserError(f"all ratings on '{constant[0]}' are equal.", where="axes", mend="Leave this axis out.")

    def _choose_weights(self, axes: list[str], preferences: Path) -> Mapping[str, float]:
        """Chooses the weights of the reward: those of the settings, or the axes that decided the pairs.

        Raises:
            UserError: the settings weigh an axis whose ratings are all equal, or none of the axes decided a pair.
        """
        if self.weights is not None:
            return check_weights(self.weights, axes, "weights")
        deciding = find_deciding_axes(preferences)
        weights = {axis: sign for axis, sign in deciding.items() if axis in axes}
        if not weights:
            what = f"none of the axes {', '.join(axes)} decided a pair, so the reward's weights are not known."
            raise UserError(what, where="weights", mend=f"Give them, such as 'weights: {{{axes[0]}: 1}}'.")
        return weights
