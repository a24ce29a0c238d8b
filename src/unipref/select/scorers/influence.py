"""Gradient influence: does a step on this preference lower the loss on the dev part?"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from unipref.core.candidates import Candidates, Dialogue
from unipref.core.errors import UserError, near_name
from unipref.select.gradients import Projection, make_projection, project_gradients
from unipref.select.model_scorer import PolicyScorer

if TYPE_CHECKING:
    import numpy.typing as npt

    from unipref.core.chat_models import Policy


class Proxy(NamedTuple):
    """The model whose gradients are taken, and their projection."""

    policy: "Policy"
    projection: Projection


class Influence(PolicyScorer):
    """How much one step on the preference would lower the loss on the dev part of the split.

    score = max over objectives of the mean over their dev preferences z of cos(gradient of z, gradient of the
    preference). The gradients are those of the model's last layer, as it is before training, projected at random to
    `side` x `side` numbers. Above 0, a step on the preference lowers the loss on dev.

    It reads the **dev** part of the split, never the test part. Dev has been labelled by the same people: errors that
    they share are learnt as well. Name a small `model` as proxy to save time: one forward pass of each answer, and
    4 side² bytes for each preference in the cache and in memory.

    Source: LESS, Xia et al. 2024, arXiv 2402.04333. There, the gradients are those of LoRA weights after a warm-up on a
    part of the data, divided as Adam divides them, and summed over checkpoints. Here there is neither a warm-up nor
    Adam, there is one checkpoint, and the layer is the last one. The projection is a product of two random matrices.

    With `loss: dpo`, one-sided preferences have no score; with `sft`, lone thumbs-downs have none. Dialogues longer
    than the model's context, and dialogues that its chat template refuses, have none either.
    """

    is_influence: ClassVar[bool] = True
    reading: ClassVar[frozenset[str]] = frozenset({"objective", "most_targets"})
    example: ClassVar[Mapping[str, Any]] = {"settings": {"loss": "sft", "most_targets": 50}}

    loss: Literal["dpo", "sft"] = "dpo"
    """`dpo`: the step is one of DPO, on both answers; `sft`: of SFT, on the chosen answer."""
    objective: str | None = None
    """The objective that the dev preferences must have; null: all objectives, and the one that profits most counts."""
    most_targets: int = Field(default=200, ge=1)
    """Most dev preferences of an objective: those with the lowest ids."""
    side: int = Field(default=32, ge=2, le=128)
    """Rows and columns of the projection: 32 gives 1,024 numbers."""

    def load(self, name: str) -> Any:
        """Loads the model and makes the projection."""
        policy = super().load(name)
        return Proxy(policy, make_projection(policy, self.side))

    def judge(self, model: Proxy, dialogues: Sequence[Dialogue]) -> "npt.NDArray[np.float32]":
        """Computes (k, side²) projected gradients of length 1; NaN without a gradient."""
        is_paired = self.loss == "dpo"
        vectors = project_gradients(model.policy, dialogues, is_paired, model.projection, self.batch_size)
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
        units: npt.NDArray[np.float32] = (vectors / np.where(lengths > 0, lengths, np.nan)).astype(np.float32)
        return units

    def score(self, candidates: Candidates) -> "npt.NDArray[np.float64]":
        """Computes the scores.

        Raises:
            UserError: there is no dev part, or none of its preferences can be used.
        """
        targets = self._find_targets(candidates)
        if not len(candidates):
            return np.zeros(0)
        vectors = self.compute_numbers(candidates)
        # Unit vectors: the mean of the cosines is the product with the mean vector.
        best: npt.NDArray[np.float64] = np.max(np.stack([vectors @ target for target in targets]), axis=0).astype("f8")
        return best

    def _find_targets(self, candidates: Candidates) -> "list[npt.NDArray[np.float32]]":
        """Computes the mean vector of the dev preferences of each objective."""
        dev = candidates.read_dev() if candidates.read_dev is not None else None
        if dev is None or not len(dev):
            raise UserError(
                "this scorer compares preferences with the dev part of the split, but there is none.",
                where="select.quality.influence",
                mend="Set 'split: {dev: 0.1}', or choose another scorer.",
            )
        names = sorted(set(dev.objectives.tolist()))
        if self.objective is not None and self.objective not in names:
            mend = near_name(self.objective, names) or f"The dev part has: {', '.join(names)}."
            where = "select.quality.influence.objective"
            raise UserError(f"no dev preference has the objective '{self.objective}'.", where=where, mend=mend)
        means = []
        for name in names if self.objective is None else [self.objective]:
            rows = np.flatnonzero(dev.objectives == name)
            mask = np.zeros(len(dev), dtype=bool)
            mask[rows[np.argsort(dev.ids[rows], kind="stable")[: self.most_targets]]] = True
            vectors = self.compute_numbers(dev.subset(mask))
            if (is_known := ~np.isnan(vectors).any(axis=1)).any():
                means.append(vectors[is_known].mean(axis=0))
        if not means:
            raise UserError(
                "no preference of the dev part has a gradient.",
                where="select.quality.influence",
                mend="Set 'loss: sft' if they are one-sided, or name a model with a longer context.",
            )
        return means
