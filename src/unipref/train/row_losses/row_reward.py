"""A reward model with a loss by row: probable labels, and a regression on the source's ratings with the same trunk.

The head of a reward model is a linear layer with one output, the reward. For ratings it gets one output more per scale
(source and axis), which predicts the answers' ratings from the same hidden state. These outputs are taken away again
before the model is saved. Source: Zhang et al. 2025, "Bradley-Terry and multi-objective reward modeling are
complementary", arXiv 2507.07375, where they are two heads on one trunk too.
"""

from typing import Any

import torch
from torch.nn import functional as F
from trl import RewardTrainer

from unipref.core.errors import UserError
from unipref.train.data.pair_columns import PROBABILITY, RATING_COLUMNS
from unipref.train.row_losses.columns import CarryingCollator, stack_probabilities
from unipref.train.row_losses.ratings import RATINGS, RatingScales


class RowRewardTrainer(RewardTrainer):  # type: ignore[misc]
    """TRL's RewardTrainer with terms added to its loss, which is - log sigmoid(d), d = r(chosen) - r(rejected).

    Of a label that is right with probability p, (1 - p) d is added: then the loss is - p log sigmoid(d) - (1 - p) log
    sigmoid(-d). Of a pair with ratings, their mean squared error is added, times `ratings_weight`.

    Args:
        soft_labels: whether the rows have the column `PROBABILITY`.
        scales: of the ratings; None: no ratings are predicted.
        ratings_weight: weight of the ratings' error.
        settings: TRL's arguments.
    """

    def __init__(self, soft_labels: bool, scales: RatingScales | None, ratings_weight: float, **settings: Any) -> None:
        super().__init__(**settings)
        self.ratings_weight = ratings_weight
        self.makers: dict[str, Any] = {PROBABILITY: stack_probabilities} if soft_labels else {}
        if scales is not None:
            if self.is_fsdp_enabled or self.is_deepspeed_enabled:
                what = "the head for ratings is not made for weights that are spread over processes."
                raise UserError(what, where="use_ratings", mend="Train in one process, or leave 'use_ratings' out.")
            self.makers[RATINGS] = scales.stack
            resize_head(self.model, 1 + scales.outputs, "use_ratings")
        self.data_collator: Any = CarryingCollator(self.data_collator, self.makers)

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        columns = [PROBABILITY, *RATING_COLUMNS]
        self._signature_columns: Any = list(dict.fromkeys([*self._signature_columns, *columns]))

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """TRL's loss with the terms added."""
        added = {key: inputs[key] for key in self.makers}
        logits: list[torch.Tensor] = []

        def run(**settings: Any) -> Any:
            outputs = model(**settings)
            logits.append(outputs.logits)
            outputs.logits = outputs.logits[:, :1]
            return outputs

        plain = {key: value for key, value in inputs.items() if key not in added}
        loss, outputs = super().compute_loss(run, plain, True, num_items_in_batch)
        chosen, rejected = logits[0].float().chunk(2)
        if PROBABILITY in added:
            loss = loss + ((1 - added[PROBABILITY]) * (chosen - rejected)[:, 0]).mean()
        if RATINGS in added:
            errors = compute_rating_errors(torch.stack([chosen[:, 1:], rejected[:, 1:]], dim=1), added[RATINGS])
            loss = loss + self.ratings_weight * errors.mean()
            mode = "train" if self.model.training else "eval"
            self._metrics[mode]["rating_error"].append(self.accelerator.gather_for_metrics(errors).mean().item())
        return (loss, outputs) if return_outputs else loss


def compute_rating_errors(predicted: torch.Tensor, ratings: torch.Tensor) -> torch.Tensor:
    """Computes the mean squared error of each pair's ratings, (b,), 0 for a pair without ratings.

    Args:
        predicted: (b, 2, k).
        ratings: (b, 2, k), NaN without a rating.
    """
    has_rating = ~torch.isnan(ratings)
    squares = F.mse_loss(predicted, torch.where(has_rating, ratings, 0.0), reduction="none") * has_rating
    return squares.sum(dim=(1, 2)) / has_rating.sum(dim=(1, 2)).clamp(min=1)


def resize_head(model: Any, outputs: int, setting: str) -> torch.nn.Linear:
    """Gives the head of a reward model more outputs, which start at 0, or takes away the last ones.

    Args:
        model: changed in place; it may have an adapter, which trains the head.
        outputs: their number afterwards.
        setting: the setting that needs them, for errors.

    Returns:
        The head.

    Raises:
        UserError: the model's head is not a linear layer with the name `score`.
    """
    head: Any = getattr(model, "score", None)
    head = head.modules_to_save["default"] if hasattr(head, "modules_to_save") else head
    if not isinstance(head, torch.nn.Linear):
        what = "the model's head is not a linear layer with the name 'score', which could predict ratings."
        raise UserError(what, where=setting, mend=f"Leave '{setting}' out, or train another model.")
    for name in ("weight", "bias"):
        old = getattr(head, name)
        if old is not None:
            new = torch.cat([old.detach(), old.new_zeros(max(0, outputs - len(old)), *old.shape[1:])])[:outputs]
            setattr(head, name, torch.nn.Parameter(new.clone(), requires_grad=old.requires_grad))
    head.out_features = outputs
    return head
