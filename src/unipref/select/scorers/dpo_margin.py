"""The margin of DPO: how well a preference can be learnt from the others."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from unipref.core.candidates import Candidates
from unipref.core.contracts import Scorer
from unipref.select.cross_fitting import Fit, judge_halves
from unipref.select.model_scorer import check_model
from unipref.select.scorers.policy_margin import PolicyMargin

if TYPE_CHECKING:
    import numpy.typing as npt


class DpoMargin(Scorer):
    """The difficulty of a preference for a model trained by DPO: its validation loss, or its implicit reward gap.

    h = beta [(log p(chosen) - log p(rejected)) - (log ref(chosen) - log ref(rejected))], in nats, over whole answers. p
    is a model trained by DPO without this preference, ref the model before.

    | `prefer` | score | source |
    |---|---|---|
    | `easy` (default) | minus the mean over the trainings of the validation loss -log sigmoid(h) | Selective DPO, Gao et al. 2025, arXiv 2502.09650: leave the difficult ones out |
    | `hard` | minus the mean of h | Qi et al. 2025, arXiv 2508.04149: choose the smallest gaps |

    **The two papers recommend opposite ends of one order.** A wrong label is difficult too, so `hard` prefers wrong
    labels where there are any.

    The candidates are divided into two halves by prompt, `repeats` times. A model learns from each half and judges the
    other. With `trained`, no model is trained: h is that of a DPO model of yours, which may have seen the preferences.

    What differs from Selective DPO: it trains all weights of a model after SFT on complete halves, while here adapters
    (LoRA) of the study's model learn from at most `most_pairs` preferences once. It also trains from easy to difficult;
    the order of training is the trainer's. Definitions are those of the authors' published code.

    One-sided preferences have no score, nor have those that `policy_margin` cannot score.
    """  # noqa: E501

    example: ClassVar[Mapping[str, Any]] = {"settings": {"repeats": 1, "most_pairs": 500}}

    prefer: Literal["easy", "hard"] = "easy"
    """Which preferences come first."""
    model: str | None = None
    """Folder or hub name of the model before DPO; null: the study's."""
    trained: str | None = None
    """Folder or hub name of a model that DPO trained from `model`; null: train on halves."""
    repeats: int = Field(default=3, ge=1)
    """How many times the candidates are divided. Each time, two models are trained."""
    most_pairs: int = Field(default=2000, ge=1)
    """Most preferences that one model learns from."""
    beta: float = Field(default=0.1, gt=0)
    """How strongly DPO holds the model near its start."""
    learning_rate: float = Field(default=1e-4, gt=0)
    """Of the adapters; constant."""
    batch_size: int = Field(default=32, ge=1)
    """Most sequences in one forward pass; it does not change the numbers beyond rounding."""

    def models(self, default: str | None) -> list[str]:
        """The models that it uses."""
        names = [self.model or default, *([self.trained] if self.trained else [])]
        return [check_model(name, self.name(), is_reward=False) for name in names]

    def score(self, candidates: Candidates) -> "npt.NDArray[np.float64]":
        """Computes the scores from the margins of all trainings."""
        if self._after is not None:
            gaps = candidates.score(self._after) - candidates.score(self._before)
            margins = self.beta * gaps[:, None]
        else:
            fit = Fit(self.beta, self.learning_rate, self.most_pairs, self.repeats, self.batch_size)
            before = self._before.model_copy(update={"model": self._before.find_model(candidates.model)})
            margins = judge_halves(candidates, before, fit)
        return read_margins(margins, self.prefer)

    @property
    def _before(self) -> PolicyMargin:
        return PolicyMargin(model=self.model, per_token=False, batch_size=self.batch_size)

    @property
    def _after(self) -> PolicyMargin | None:
        if self.trained is None:
            return None
        return PolicyMargin(model=self.trained, per_token=False, batch_size=self.batch_size)


def read_margins(margins: "npt.NDArray[np.float64]", prefer: Literal["easy", "hard"]) -> "npt.NDArray[np.float64]":
    """Computes (n,) scores from (n, repeats) margins h: -mean log(1 + e^-h), or -mean h; NaN if one is missing."""
    with np.errstate(invalid="ignore"):  # NaN is meant to stay NaN
        values = np.logaddexp(0.0, -margins) if prefer == "easy" else margins
    means: npt.NDArray[np.float64] = values.mean(axis=1)
    return -means
