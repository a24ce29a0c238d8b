"""Settings for how many preferences are kept, and of which source and objective, and the allocation made from them."""

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from unipref.core.candidates import Candidates
from unipref.core.contracts import Selection, Strategy
from unipref.core.errors import UserError, near_name
from unipref.select.allocation import Allocation
from unipref.select.apportion import apportion, share_within_limits

if TYPE_CHECKING:
    import numpy.typing as npt

BUDGETS = ("fraction", "count", "tokens")
TEMPERATURE = "temperature"


class BudgetStrategy(Strategy):
    """A strategy that keeps a part of the candidates, within a budget for each source and objective."""

    fraction: float | None = Field(default=None, gt=0, le=1)
    """The part to keep, in (0, 1]; 1.0 keeps everything, and at least one preference is kept. Default: 0.4 if neither
    this nor `count` nor `tokens` is given; give only one of them."""
    count: int | None = Field(default=None, ge=1)
    """How many preferences to keep."""
    tokens: int | None = Field(default=None, ge=1)
    """How many white-space words of prompts and answers to keep at most; less than one preference stays unused."""
    shares: Literal["keep"] | dict[str, float] = "keep"
    """Each source's and objective's share of what is kept: `keep`, as in the data; `{NAME: 0.5, ...}` for sources or
    for objectives, where the others share the rest; `{temperature: T}`, in proportion to size^(1/T): 1 equals `keep`,
    and a large T makes them equal. If a source is too small for its share, the others get the rest."""

    @model_validator(mode="before")
    @classmethod
    def _check_one_budget(cls, settings: Any) -> Any:
        if not isinstance(settings, dict):
            return settings
        budgets = [name for name in BUDGETS if settings.get(name) is not None]
        if len(budgets) > 1:
            raise ValueError(f"{' and '.join(budgets)} are two budgets; give one of them, and null for the other")
        return settings if budgets else {**settings, "fraction": 0.4}

    @field_validator("shares")
    @classmethod
    def _check_shares(cls, shares: Literal["keep"] | dict[str, float]) -> Literal["keep"] | dict[str, float]:
        if shares == "keep" or not isinstance(shares, dict):
            return shares
        if TEMPERATURE in shares:
            if len(shares) > 1 or shares[TEMPERATURE] <= 0:
                raise ValueError("temperature must be the only entry, and above 0")
        elif not shares or min(shares.values()) < 0 or not 0 < sum(shares.values()) <= 1 + 1e-9:
            raise ValueError("shares must not be negative, and must sum to more than 0 and at most 1")
        return shares

    def keeps_everything(self, candidates: Candidates) -> bool:
        """Whether the budget keeps everything, so that the strategy need not rank the candidates."""
        if isinstance(self.shares, dict) and TEMPERATURE not in self.shares:
            return False
        if self.count is not None:
            return self.count >= len(candidates)
        if self.tokens is not None:
            return self.tokens >= int(candidates.tokens.sum())
        return self.fraction == 1 or len(candidates) == 0

    def allocate(
        self, candidates: Candidates, always_kept: "npt.NDArray[np.bool_]", notes: tuple[str, ...] = ()
    ) -> Allocation:
        """Computes the quota of each source and objective.

        Args:
            candidates: n candidates.
            always_kept: (n,) mask of those that are kept regardless of the budget.
            notes: what a reader should know of the quality.

        Raises:
            UserError: those that are always kept exceed the budget, or `shares` has a name that is not in the data.
        """
        pairs = np.stack([candidates.sources, candidates.objectives])
        names, strata = np.unique(pairs, axis=1, return_inverse=True)
        strata = strata.reshape(-1).astype(np.int64)
        competing = ~always_kept
        costs = candidates.tokens if self.tokens is not None else np.ones(len(candidates), dtype=np.int64)
        sizes = np.bincount(strata[competing], costs[competing], minlength=names.shape[1]).astype(np.float64)
        total = self._compute_total(costs, always_kept)
        exact, share_notes = self._compute_exact_quotas(sizes, names, total)
        if self.fraction is not None and self.fraction < 1 and (beyond := int(always_kept.sum())):
            verb = "has no score and is" if beyond == 1 else "have no score and are"
            notes = (
                *notes,
                f"{beyond:,} of {len(candidates):,} preferences {verb} kept, whatever the fraction of "
                f"{self.fraction:g} (unscored: keep). 'unscored: sample' samples them too",
            )
        quotas = exact
        if self.tokens is None:
            available = int(sizes[exact > 0].sum())
            quotas = apportion(exact, min(total, available), np.arange(len(sizes))).astype(np.float64)
        keeps_fraction = self.fraction is not None and self.shares == "keep"
        rates = np.full(len(sizes), self.fraction) if keeps_fraction else quotas / np.maximum(sizes, 1)
        return Allocation(
            ids=candidates.ids,
            competing=competing,
            strata=strata,
            names=[f"{source} / {objective}" for source, objective in names.T],
            costs=costs,
            quotas=quotas,
            rates=rates,
            in_tokens=self.tokens is not None,
            notes=(*notes, *share_notes),
        )

    def _compute_total(self, costs: "npt.NDArray[np.int64]", always_kept: "npt.NDArray[np.bool_]") -> int:
        """The budget for the competing candidates."""
        available = int(costs[~always_kept].sum())
        if self.fraction is not None:
            return min(available, max(1, int(self.fraction * available + 0.5)))
        budget, unit = (self.count, "preferences") if self.tokens is None else (self.tokens, "tokens")
        left = int(budget or 0) - int(costs[always_kept].sum())
        if left < 0:
            raise UserError(
                f"the unscored preferences, which are all kept, amount to {int(costs[always_kept].sum()):,} {unit}, "
                f"but the budget is {budget:,}.",
                where=f"select.{self.name()}.unscored",
                mend="Set it to sample, or raise the budget.",
            )
        return min(left, available)

    def _compute_exact_quotas(
        self, sizes: "npt.NDArray[np.float64]", names: "npt.NDArray[np.str_]", total: int
    ) -> "tuple[npt.NDArray[np.float64], tuple[str, ...]]":
        """Each stratum's quota, not a whole number, and notes about it."""
        if self.shares == "keep":
            rate = self.fraction if self.fraction is not None else total / max(float(sizes.sum()), 1.0)
            return sizes * rate, ()
        weights = self._compute_weights(sizes, names)
        targets = total * weights / max(float(weights.sum()), 1e-12)
        quotas = share_within_limits(weights, total, sizes)
        notes = tuple(
            f"{source} / {objective} has only {int(size):,} of the {target:,.0f} that its share asks for"
            for (source, objective), size, target in zip(names.T, sizes, targets, strict=True)
            if target > size + 0.5
        )
        return quotas, notes

    def _compute_weights(
        self, sizes: "npt.NDArray[np.float64]", names: "npt.NDArray[np.str_]"
    ) -> "npt.NDArray[np.float64]":
        shares = dict(self.shares) if isinstance(self.shares, dict) else {}
        if TEMPERATURE in shares:
            return np.where(sizes > 0, np.maximum(sizes, 1) ** (1 / shares[TEMPERATURE]), 0.0)
        kinds = [row for row in names if shares.keys() <= set(row.tolist())]
        if not kinds:
            choices = [*names[0].tolist(), *names[1].tolist()]
            unknown = next((name for name in shares if name not in choices), None)
            what = (
                f"no candidate has the source or objective '{unknown}'."
                if unknown
                else "shares mixes sources and objectives."
            )
            mend = near_name(unknown, choices) if unknown else "Name either sources or objectives."
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
    """A strategy that uses no scores."""

    unscored: Literal["keep", "sample"] = "keep"
    """Preferences without a `margin_percentile` (binary data). `keep`: all are kept, as in the paper (§3.2); the
    fraction applies to the others, while `count` and `tokens` include them. `sample`: a random part of them is kept."""

    def find_always_kept(self, candidates: Candidates) -> "npt.NDArray[np.bool_]":
        """Finds the candidates that are kept regardless of the budget, as an (n,) mask."""
        unscored = np.isnan(candidates.margin_percentiles)
        return unscored if self.unscored == "keep" else np.zeros_like(unscored)


def draw_priorities(ids: "npt.NDArray[np.str_]", seed: int) -> "npt.NDArray[np.float64]":
    """Draws (n,) random numbers in [0, 1) that depend on the ids, not on their order."""
    priorities = np.empty(len(ids))
    priorities[np.argsort(ids, kind="stable")] = np.random.default_rng(seed).random(len(ids))
    return priorities


def keep_everything(candidates: Candidates) -> Selection:
    """Selects all candidates, for a budget that covers everything."""
    return Selection(np.arange(len(candidates)), {"reason": np.full(len(candidates), "everything is kept")})
