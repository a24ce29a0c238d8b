"""How many preferences are kept, and of which source and objective: the settings, and the plan made of them."""

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from unipref.core.candidates import Candidates
from unipref.core.contracts import Selection, Strategy
from unipref.core.errors import UserError, near_name
from unipref.select.allocation import Allocation
from unipref.select.apportion import apportion, within_limits

if TYPE_CHECKING:
    import numpy.typing as npt

BUDGETS = ("fraction", "count", "tokens")
TEMPERATURE = "temperature"


class BudgetStrategy(Strategy):
    """A strategy that keeps a part of the candidates: so large, and so much of each source and objective in it."""

    fraction: float | None = Field(default=None, gt=0, le=1)
    """The part that is kept, in (0, 1]; 1.0 keeps everything, and at least one preference is kept. 0.4 where neither
    this nor `count` nor `tokens` is given; only one of them can be."""
    count: int | None = Field(default=None, ge=1)
    """How many preferences are kept."""
    tokens: int | None = Field(default=None, ge=1)
    """How many white-space words of prompts and answers are kept at most; less than one preference is left over."""
    shares: Literal["keep"] | dict[str, float] = "keep"
    """Each source's and objective's share in what is kept: `keep`, as in the data; `{NAME: 0.5, ...}` for sources or
    for objectives, the others share what is left; `{temperature: T}`, in proportion of size^(1/T): 1 is `keep`, and
    large T makes them equal. What a source is too small for goes to the others."""

    @model_validator(mode="before")
    @classmethod
    def _one_budget(cls, settings: Any) -> Any:
        if not isinstance(settings, dict):
            return settings
        given = [name for name in BUDGETS if settings.get(name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are two budgets; give one of them, and null for the other")
        return settings if given else {**settings, "fraction": 0.4}

    @field_validator("shares")
    @classmethod
    def _shares_can_be_met(cls, shares: Literal["keep"] | dict[str, float]) -> Literal["keep"] | dict[str, float]:
        if shares == "keep" or not isinstance(shares, dict):
            return shares
        if TEMPERATURE in shares:
            if len(shares) > 1 or shares[TEMPERATURE] <= 0:
                raise ValueError("temperature stands alone and is above 0")
        elif not shares or min(shares.values()) < 0 or not 0 < sum(shares.values()) <= 1 + 1e-9:
            raise ValueError("shares are not negative and sum to more than 0 and at most 1")
        return shares

    def covers(self, candidates: Candidates) -> bool:
        """Whether the budget keeps everything, so that nothing needs to be looked at."""
        if isinstance(self.shares, dict) and TEMPERATURE not in self.shares:
            return False
        if self.count is not None:
            return self.count >= len(candidates)
        if self.tokens is not None:
            return self.tokens >= int(candidates.tokens.sum())
        return self.fraction == 1 or len(candidates) == 0

    def plan(self, candidates: Candidates, passed: "npt.NDArray[np.bool_]") -> Allocation:
        """What is granted to each source and objective.

        Args:
            candidates: n of them.
            passed: (n,) mask of those that are kept whatever the budget.

        Raises:
            UserError: those that pass are more than the budget, or `shares` names what is not there.
        """
        pairs = np.stack([candidates.sources, candidates.objectives])
        names, strata = np.unique(pairs, axis=1, return_inverse=True)
        strata = strata.reshape(-1).astype(np.int64)
        rivals = ~passed
        costs = candidates.tokens if self.tokens is not None else np.ones(len(candidates), dtype=np.int64)
        sizes = np.bincount(strata[rivals], costs[rivals], minlength=names.shape[1]).astype(np.float64)
        total = self._total(costs, passed)
        owed, notes = self._owed(sizes, names, total)
        granted = owed
        if self.tokens is None:
            granted = apportion(owed, min(total, int(sizes[owed > 0].sum())), np.arange(len(sizes))).astype(np.float64)
        keeps_fraction = self.fraction is not None and self.shares == "keep"
        rates = np.full(len(sizes), self.fraction) if keeps_fraction else granted / np.maximum(sizes, 1)
        return Allocation(
            ids=candidates.ids,
            rivals=rivals,
            strata=strata,
            names=[f"{source} / {objective}" for source, objective in names.T],
            costs=costs,
            granted=granted,
            rates=rates,
            in_tokens=self.tokens is not None,
            notes=notes,
        )

    def _total(self, costs: "npt.NDArray[np.int64]", passed: "npt.NDArray[np.bool_]") -> int:
        """What is shared out among the rivals."""
        available = int(costs[~passed].sum())
        if self.fraction is not None:
            return min(available, max(1, int(self.fraction * available + 0.5)))
        budget, unit = (self.count, "preferences") if self.tokens is None else (self.tokens, "tokens")
        left = int(budget or 0) - int(costs[passed].sum())
        if left < 0:
            raise UserError(
                f"the unscored preferences, which are all kept, are {int(costs[passed].sum()):,} {unit}; "
                f"the budget is {budget:,}.",
                where=f"select.{self.name()}.unscored",
                mend="Set it to sample, or raise the budget.",
            )
        return min(left, available)

    def _owed(
        self, sizes: "npt.NDArray[np.float64]", names: "npt.NDArray[np.str_]", total: int
    ) -> "tuple[npt.NDArray[np.float64], tuple[str, ...]]":
        """What each stratum is owed, not a whole number, and what is to be said of it."""
        if self.shares == "keep":
            rate = self.fraction if self.fraction is not None else total / max(float(sizes.sum()), 1.0)
            return sizes * rate, ()
        weights = self._weights(sizes, names)
        wanted = total * weights / max(float(weights.sum()), 1e-12)
        owed = within_limits(weights, total, sizes)
        notes = tuple(
            f"{source} / {objective} has only {int(size):,} of the {want:,.0f} that its share asks for"
            for (source, objective), size, want in zip(names.T, sizes, wanted, strict=True)
            if want > size + 0.5
        )
        return owed, notes

    def _weights(self, sizes: "npt.NDArray[np.float64]", names: "npt.NDArray[np.str_]") -> "npt.NDArray[np.float64]":
        shares = dict(self.shares) if isinstance(self.shares, dict) else {}
        if TEMPERATURE in shares:
            return np.where(sizes > 0, np.maximum(sizes, 1) ** (1 / shares[TEMPERATURE]), 0.0)
        kinds = [row for row in names if shares.keys() <= set(row.tolist())]
        if not kinds:
            known = [*names[0].tolist(), *names[1].tolist()]
            stranger = next((name for name in shares if name not in known), None)
            what = f"there is no source or objective '{stranger}'." if stranger else "name sources or objectives."
            mend = near_name(stranger, known) if stranger else "A mix of both cannot be met."
            raise UserError(what, where=f"select.{self.name()}.shares", mend=mend)
        weights = np.zeros(len(sizes))
        for name, share in shares.items():
            mine = kinds[0] == name
            weights[mine] = share * sizes[mine] / max(float(sizes[mine].sum()), 1e-12)
        others = ~np.isin(kinds[0], list(shares))
        rest = max(0.0, 1 - sum(shares.values()))
        weights[others] = rest * sizes[others] / max(float(sizes[others].sum()), 1e-12)
        return weights


class BlindStrategy(BudgetStrategy):
    """A strategy that looks at no score."""

    unscored: Literal["keep", "sample"] = "keep"
    """Preferences without a margin (binary data): `keep` passes them all, as the paper does (§3.2): the
    fraction is that of the others, while `count` and `tokens` count them in; `sample` takes their part at random."""

    def passed(self, candidates: Candidates) -> "npt.NDArray[np.bool_]":
        """(n,) mask of those that are kept whatever the budget."""
        unscored = np.isnan(candidates.margins)
        return unscored if self.unscored == "keep" else np.zeros_like(unscored)


def random_priorities(ids: "npt.NDArray[np.str_]", seed: int) -> "npt.NDArray[np.float64]":
    """(n,) random numbers in [0, 1) that belong to the ids, whatever their order."""
    priorities = np.empty(len(ids))
    priorities[np.argsort(ids, kind="stable")] = np.random.default_rng(seed).random(len(ids))
    return priorities


def everything(candidates: Candidates) -> Selection:
    """All of them, for a budget that covers everything."""
    return Selection(np.arange(len(candidates)), {"reason": np.full(len(candidates), "everything is kept")})
