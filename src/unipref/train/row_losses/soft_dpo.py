"""DPO with a probability per label: p loss(h) + (1 - p) loss(-h), where TRL's DPO takes the label as certain."""

from typing import Any

import torch
from torch.nn import functional as F
from trl import DPOTrainer

from unipref.train.data.pair_columns import PROBABILITY
from unipref.train.row_losses.columns import CarryingCollator, stack_probabilities

PER_TOKEN = ("ipo", "sigmoid_norm")
"""Losses of the mean log-ratio per token instead of the sum."""


class SoftDpoTrainer(DPOTrainer):  # type: ignore[misc]
    """TRL's DPO whose rows have the column `PROBABILITY`; the reference's log-probabilities are computed before.

    TRL computes loss(h) for the label as given, where h is the chosen answer's log-ratio minus the rejected one's. To
    its mean, this adds the mean of (1 - p) (loss(-h) - loss(h)), so that a row of p = 1 has TRL's own loss.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.data_collator: Any = CarryingCollator(self.data_collator, {PROBABILITY: stack_probabilities})

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        if PROBABILITY not in self._signature_columns:
            self._signature_columns.append(PROBABILITY)

    def _compute_loss(self, model: Any, inputs: dict[str, Any], return_outputs: bool) -> Any:
        inputs = dict(inputs)
        probabilities = inputs.pop(PROBABILITY)
        log_probs: list[torch.Tensor] = []

        def run(*arguments: Any, **settings: Any) -> Any:
            outputs = model(*arguments, **settings)
            # The first call is the one that the loss is made of.
            if not log_probs:
                log_probs.append(outputs.log_probs)
            return outputs

        result = super()._compute_loss(run, inputs, return_outputs)
        added = self._compute_added_loss(log_probs[0], inputs, probabilities)
        return (result[0] + added, result[1]) if return_outputs else result + added

    def _compute_added_loss(
        self, log_probs: torch.Tensor, inputs: dict[str, Any], probabilities: torch.Tensor
    ) -> torch.Tensor:
        """The mean of (1 - p) (loss(-h) - loss(h)), over all of TRL's losses with their weights."""
        # Prompt-learning adapters put virtual tokens in front.
        answers = log_probs[:, 1 - inputs["completion_mask"].size(1) :].sum(dim=1)
        chosen, rejected = answers.chunk(2, dim=0)
        ratios = (chosen - inputs["ref_chosen_logps"], rejected - inputs["ref_rejected_logps"])
        n_tokens = inputs["completion_mask"].sum(dim=1).clamp(min=1.0).chunk(2, dim=0)
        total = torch.zeros_like(chosen)
        for name, weight in zip(self.loss_types, self.loss_weights, strict=True):
            sides = [r / n for r, n in zip(ratios, n_tokens, strict=True)] if name in PER_TOKEN else ratios
            total = total + weight * compute_cost_of_turning(name, sides[0] - sides[1], self.beta)
        return ((1 - probabilities.to(total.device)) * total).mean()


def compute_cost_of_turning(loss: str, h: torch.Tensor, beta: float) -> torch.Tensor:
    """Computes loss(-h) - loss(h) of one of TRL's losses of a log-ratio h.

    Raises:
        ValueError: the loss is not one that is defined for both signs.
    """
    if loss in ("sigmoid", "sigmoid_norm"):
        return beta * h  # log sigmoid(x) - log sigmoid(-x) = x
    if loss == "hinge":
        return F.relu(1 + beta * h) - F.relu(1 - beta * h)
    if loss == "ipo":
        return 2 * h / beta  # (h + 1 / 2 beta)^2 - (h - 1 / 2 beta)^2
    raise ValueError(f"the loss {loss} is not defined for soft labels")
