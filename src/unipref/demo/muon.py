"""The optimiser Muon in float32: torch's own works in bfloat16, which took three quarters of each step on a CPU."""

from collections.abc import Callable, Iterable
from math import sqrt
from typing import Any

import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the iteration; steepest at 0, see https://kellerjordan.github.io/posts/muon/."""
ITERATIONS = 5
EPSILON = 1e-7


class Muon(torch.optim.Optimizer):
    """Momentum whose step for each matrix is made orthogonal: all its singular values become about 1."""

    def __init__(self, matrices: Iterable[torch.Tensor], lr: float, momentum: float = 0.95) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Updates all matrices; those of one shape are multiplied together."""
        assert closure is None
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[torch.Tensor]] = {}
            for matrix in group["params"]:
                if matrix.grad is not None:
                    by_shape.setdefault(matrix.shape, []).append(matrix)
            for (rows, columns), matrices in by_shape.items():
                updates = orthogonalize(torch.stack([self._push(m, group["momentum"]) for m in matrices]))
                rate = group["lr"] * sqrt(max(1, rows / columns))
                for matrix, update in zip(matrices, updates, strict=True):
                    matrix.sub_(update, alpha=rate)

    def _push(self, matrix: torch.Tensor, momentum: float) -> torch.Tensor:
        """Returns the gradient with Nesterov momentum."""
        assert matrix.grad is not None
        state = self.state[matrix]
        buffer = state.setdefault("momentum", torch.zeros_like(matrix))
        buffer.lerp_(matrix.grad, 1 - momentum)
        return matrix.grad.lerp(buffer, momentum)


def orthogonalize(matrices: torch.Tensor) -> torch.Tensor:
    """Returns U V^T for each matrix U S V^T of (n, rows, columns), with singular values of about 0.7 to 1.2."""
    is_tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if is_tall else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=EPSILON)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if is_tall else x
