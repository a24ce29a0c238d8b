"""A reward model with one output per axis, trained by regression on the ratings of each answer.

Source: the regression reward models of HelpSteer2 (Wang et al. 2024, arXiv 2406.08673) and the first stage of ArmoRM
(Wang et al. 2024, arXiv 2406.12845): a linear layer over the hidden state at the last token, one output per attribute,
mean squared error.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from trl import RewardTrainer

from unipref.models.reward_axes import name_axes
from unipref.train.data.pair_columns import RATING_COLUMNS
from unipref.train.row_losses.columns import CarryingCollator
from unipref.train.row_losses.ratings import RATINGS, RatingScales
from unipref.train.row_losses.row_reward import compute_rating_errors, resize_head


class AxisRewardTrainer(RewardTrainer):  # type: ignore[misc]
    """TRL's RewardTrainer with one output per axis and their mean squared error as its loss.

    TRL's own figures (`accuracy`, `margin`, ...) are those of the weighted sum of the outputs.

    Args:
        axes: the name of each output.
        weights: axis -> its weight in the sum.
        scales: of the ratings.
        settings: TRL's arguments.
    """

    def __init__(
        self, axes: Sequence[str], weights: Mapping[str, float], scales: RatingScales, **settings: Any
    ) -> None:
        super().__init__(**settings)
        model = self.accelerator.unwrap_model(self.model)
        with torch.no_grad():
            # Each output starts at the mean of its axis.
            for parameter in resize_head(model, len(axes), "axes").parameters():
                parameter.zero_()
        name_axes(model.config, axes, weights)
        self.axes = list(axes)
        self.weights = torch.tensor([float(weights.get(axis, 0.0)) for axis in axes])
        self.data_collator: Any = CarryingCollator(self.data_collator, {RATINGS: scales.stack})

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        self._signature_columns: Any = list(dict.fromkeys([*self._signature_columns, *RATING_COLUMNS]))

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The mean squared error of the ratings, each pair's over its known ones."""
        scores: list[torch.Tensor] = []

        def run(**settings: Any) -> Any:
            outputs = model(**settings)
            scores.append(outputs.logits)
            outputs.logits = (outputs.logits.float() @ self.weights.to(outputs.logits.device))[:, None]
            return outputs

        plain = {key: value for key, value in inputs.items() if key != RATINGS}
        _, outputs = super().compute_loss(run, plain, True, num_items_in_batch)
        predicted = torch.stack(scores[0].float().chunk(2), dim=1)
        loss = compute_rating_errors(predicted, inputs[RATINGS]).mean()
        self._log_axes(predicted.detach(), inputs[RATINGS])
        return (loss, outputs) if return_outputs else loss

    def _log_axes(self, predicted: torch.Tensor, ratings: torch.Tensor) -> None:
        """Logs how often each axis ranks two answers as their ratings do, over the pairs whose ratings differ."""
        mode = "train" if self.model.training else "eval"
        gaps, found = ratings[:, 0] - ratings[:, 1], predicted[:, 0] - predicted[:, 1]
        differ = (gaps.abs() > 0).float()  # NaN, a missing rating, is not above 0
        agree = differ * (torch.sign(gaps.nan_to_num()) == torch.sign(found)).float()
        counts = self.accelerator.gather_for_metrics(torch.stack([agree, differ], dim=1)).sum(dim=0).tolist()
        for axis, right, n in zip(self.axes, *counts, strict=True):
            if n:
                self._metrics[mode][f"accuracy/{axis}"].append(right / n)
