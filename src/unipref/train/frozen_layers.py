"""Computes the frozen layers under an adapter in bfloat16, and everything else in float32.

A new adapter changes a layer's output by less than bfloat16 resolves. Where the sum is rounded, as with `bf16: true`,
the change is lost and the step learns less. Here only the product of a frozen layer is rounded; the adapter's product,
and the sum of both, stay in float32 (docs/real_model.md has the measurement).
"""

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def find_frozen_layers(model: Any) -> Iterator["torch.nn.Linear"]:
    """Yields the frozen linear layers that have an adapter.

    A layer of a subclass computes in its own way, and a head that is trained is not frozen: both are left out.
    """
    import torch

    for part in model.modules():
        layer = getattr(part, "base_layer", None)
        if type(layer) is torch.nn.Linear and not layer.weight.requires_grad:
            yield layer


def lower_frozen_layers(model: Any) -> None:
    """Makes the frozen linear layers that have an adapter compute in bfloat16.

    Their weights are rounded, so the model must not be merged and saved afterwards.

    Args:
        model: changed in place.
    """
    import torch

    class LowerLinear(torch.nn.Linear):
        """A linear layer whose product is computed in the type of its weights."""

        def forward(self, input: "torch.Tensor") -> "torch.Tensor":
            product = torch.nn.functional.linear(input.to(self.weight.dtype), self.weight, self.bias)
            return product.to(input.dtype)

    for layer in find_frozen_layers(model):
        layer.__class__ = LowerLinear
        layer.to(torch.bfloat16)


@functools.cache
def lower_before_reference(trainer_class: Any) -> Any:
    """Returns a TRL trainer that lowers the frozen layers before it computes the reference's log-probabilities.

    TRL computes them while the trainer is made. They have to come from the model that is trained: otherwise each pair
    would start with the rounding of all its tokens as a margin.

    Args:
        trainer_class: such as `trl.DPOTrainer`.
    """

    class LowersFirst(trainer_class):  # type: ignore[misc]
        def _precompute_ref_logps(self, *arguments: Any, **settings: Any) -> Any:
            if any(True for _ in find_frozen_layers(self.model)):
                lower_frozen_layers(self.model)
                # It names the file that keeps the log-probabilities.
                self._precompute_model_hash: str = f"{self._precompute_model_hash}-lowered"
            return super()._precompute_ref_logps(*arguments, **settings)

    LowersFirst.__name__ = LowersFirst.__qualname__ = trainer_class.__name__
    return LowersFirst
