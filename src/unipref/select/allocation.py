"""The allocation of a budget: how much is kept of each source and objective, and which candidates fill it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from unipref.core.contracts import Selection
from unipref.select.apportion import apportion, floor_exactly

if TYPE_CHECKING:
    import numpy.typing as npt

KEPT = "within the budget"
ALWAYS_KEPT = "unscored, and kept regardless of the budget"
BEYOND = "beyond the budget of its source and objective"


@dataclass(frozen=True)
class Allocation:
    """The quota of each stratum (source and objective).

    Attributes:
        ids: (n,) of the candidates.
        competing: (n,) mask of the candidates that compete for the budget; the others are kept regardless.
        strata: (n,) codes of source and objective.
        names: of the k strata.
        costs: (n,) what a candidate costs of the budget: 1, or its tokens.
        quotas: (k,) the most that is kept of each stratum, in costs; whole numbers if a candidate costs 1.
        rates: (k,) the quota of a cell of the stratum per unit of its costs.
        in_tokens: whether a candidate costs its tokens.
        notes: what a reader should know of the shares.
    """

    ids: "npt.NDArray[np.str_]"
    competing: "npt.NDArray[np.bool_]"
    strata: "npt.NDArray[np.int64]"
    names: list[str]
    costs: "npt.NDArray[np.int64]"
    quotas: "npt.NDArray[np.float64]"
    rates: "npt.NDArray[np.float64]"
    in_tokens: bool
    notes: tuple[str, ...] = field(default=())

    def limit_kept(self, stratum: int, rows: int) -> int:
        """Returns an upper limit of how many of `rows` candidates of a stratum can be kept."""
        return rows if self.in_tokens else min(rows, int(self.quotas[stratum]))

    def fill(
        self,
        cells: "npt.NDArray[np.int64]",
        priorities: "npt.NDArray[np.float64]",
        columns: "Mapping[str, npt.NDArray[Any]]",
        excluded: "npt.NDArray[np.str_] | None" = None,
    ) -> Selection:
        """Shares each stratum's quota out to its cells in proportion to their costs, and keeps the best of each cell.

        Of two cells with equal remainders, the one with the better next candidate gets more. If no whole candidate of
        a cell fits its last tokens, they go to the best candidates that still fit, of the stratum first, then of all.

        Args:
            cells: (n,) codes of the parts, besides the stratum, that each get a share of the budget.
            priorities: (n,) candidates of higher priority are kept first; ties by id.
            columns: the strategy's values for each candidate.
            excluded: (n,) why a candidate cannot be kept; empty if it can.
        """
        eligible = self.competing if excluded is None else self.competing & (excluded == "")
        ranked = _RankedCells.build(np.flatnonzero(eligible), self, cells, priorities)
        kept = ~self.competing
        kept[self._fill_tokens(ranked) if self.in_tokens else self._fill_counts(ranked, excluded is None)] = True
        return self.make_selection(kept, ranked.make_columns(kept) | dict(columns), excluded)

    def use_mask(
        self,
        kept: "npt.NDArray[np.bool_]",
        cells: "npt.NDArray[np.int64]",
        priorities: "npt.NDArray[np.float64]",
        columns: "Mapping[str, npt.NDArray[Any]]",
        excluded: "npt.NDArray[np.str_]",
    ) -> Selection:
        """Makes a selection from a mask that the strategy computed itself; other arguments as in `fill`."""
        ranked = _RankedCells.build(np.flatnonzero(self.competing), self, cells, priorities)
        return self.make_selection(kept | ~self.competing, ranked.make_columns(kept) | dict(columns), excluded)

    def make_selection(
        self,
        kept: "npt.NDArray[np.bool_]",
        columns: "Mapping[str, npt.NDArray[Any]]",
        excluded: "npt.NDArray[np.str_] | None",
    ) -> Selection:
        """Makes the selection, with the reason for each candidate and the quotas that could not be filled."""
        reasons = np.where(kept, np.where(self.competing, KEPT, ALWAYS_KEPT), BEYOND)
        if excluded is not None:
            reasons = np.where(kept | (excluded == ""), reasons, excluded)
        return Selection(
            kept=np.flatnonzero(kept),
            columns={**columns, "reason": reasons},
            shortfall=self._compute_shortfall(kept),
            notes=self.notes,
        )

    def _fill_counts(self, ranked: "_RankedCells", is_unrestricted: bool) -> "npt.NDArray[np.int64]":
        cell_quotas = np.zeros(len(ranked.starts), dtype=np.int64)
        for stratum, quota in enumerate(self.quotas):
            mine = np.flatnonzero(ranked.cell_stratum == stratum)
            size = int(ranked.sizes[mine].sum())
            total = min(int(quota), size)
            exact = ranked.sizes[mine] * (self.rates[stratum] if is_unrestricted else total / max(1, size))
            following = ranked.starts[mine] + np.minimum(floor_exactly(exact), ranked.sizes[mine] - 1)
            cell_quotas[mine] = apportion(exact, total, ranked.ranking[ranked.order[following]])
        return ranked.order[ranked.places < np.repeat(cell_quotas, ranked.sizes)]

    def _fill_tokens(self, ranked: "_RankedCells") -> "npt.NDArray[np.int64]":
        costs = self.costs[ranked.order].astype(np.float64)
        in_cells = np.add.reduceat(costs, ranked.starts) if len(ranked.starts) else costs
        in_strata = np.bincount(ranked.cell_stratum, in_cells, minlength=len(self.quotas))
        rates = np.minimum(1.0, self.quotas / np.maximum(in_strata, 1e-9))
        so_far = np.cumsum(costs) - np.repeat(np.cumsum(in_cells) - in_cells, ranked.sizes)
        fits = so_far <= np.repeat(rates[ranked.cell_stratum] * in_cells, ranked.sizes) + 1e-6
        kept, rest = ranked.order[fits], ranked.order[~fits]
        rest = rest[np.argsort(ranked.ranking[rest], kind="stable")]
        spent = np.bincount(self.strata[kept], self.costs[kept], minlength=len(self.quotas))
        more = _select_fitting(rest, self.costs, self.strata, np.floor(self.quotas + 1e-6) - spent)
        kept = np.concatenate([kept, more])
        left = np.floor(self.quotas.sum() + 1e-6) - self.costs[kept].sum()
        rest = rest[~np.isin(rest, more)]
        more = _select_fitting(rest, self.costs, np.zeros_like(self.strata), np.array([left]))
        return np.concatenate([kept, more])

    def _compute_shortfall(self, kept: "npt.NDArray[np.bool_]") -> dict[str, int]:
        """What is missing, by stratum, because too few candidates were left; rounding of tokens does not count."""
        mine = kept & self.competing
        spent = np.bincount(self.strata[mine], self.costs[mine], minlength=len(self.quotas))
        missing = self.quotas - spent
        if self.in_tokens:
            # A gap smaller than the largest candidate is due to whole candidates.
            largest = np.zeros(len(self.quotas))
            np.maximum.at(largest, self.strata[self.competing], self.costs[self.competing])
            missing = np.where(missing > largest, missing, 0)
        return {name: int(n) for name, n in zip(self.names, missing, strict=True) if n >= 1}


@dataclass(frozen=True)
class _RankedCells:
    """The ranked candidates: stratum by stratum, cell by cell, the best first.

    Attributes:
        n: number of candidates, ranked or not.
        order: (m,) positions of the ranked candidates.
        starts, sizes, cell_stratum: (c,) of each cell: its first place in `order`, its length, its stratum.
        places: (m,) place within the cell, from 0.
        ranking: (n,) place among all ranked candidates, by priority alone.
    """

    n: int
    order: "npt.NDArray[np.int64]"
    starts: "npt.NDArray[np.int64]"
    sizes: "npt.NDArray[np.int64]"
    cell_stratum: "npt.NDArray[np.int64]"
    places: "npt.NDArray[np.int64]"
    ranking: "npt.NDArray[np.int64]"

    @classmethod
    def build(
        cls,
        rows: "npt.NDArray[np.int64]",
        allocation: Allocation,
        cells: "npt.NDArray[np.int64]",
        priorities: "npt.NDArray[np.float64]",
    ) -> "_RankedCells":
        strata, ids = allocation.strata, allocation.ids
        order = rows[np.lexsort((ids[rows], -priorities[rows], cells[rows], strata[rows]))]
        ranking = np.zeros(len(ids), dtype=np.int64)
        ranking[rows[np.lexsort((ids[rows], -priorities[rows]))]] = np.arange(len(rows))
        both = np.stack([strata[order], cells[order]])
        new = np.any(np.diff(both, axis=1) != 0, axis=0)
        starts = np.flatnonzero(np.r_[True, new]) if len(order) else np.array([], dtype=np.int64)
        sizes = np.diff(np.r_[starts, len(order)])
        places = np.arange(len(order)) - np.repeat(starts, sizes)
        return cls(len(ids), order, starts, sizes, strata[order[starts]], places, ranking)

    def make_columns(self, kept: "npt.NDArray[np.bool_]") -> "dict[str, npt.NDArray[np.int64]]":
        """Makes `rank` (1 first), `cell_size` and `cell_kept` of each candidate; -1 if it is not ranked."""
        cell_kept = np.add.reduceat(kept[self.order].astype(np.int64), self.starts) if len(self.starts) else self.sizes
        columns = {name: np.full(self.n, -1, dtype=np.int64) for name in ("rank", "cell_size", "cell_kept")}
        columns["rank"][self.order] = self.places + 1
        columns["cell_size"][self.order] = np.repeat(self.sizes, self.sizes)
        columns["cell_kept"][self.order] = np.repeat(cell_kept, self.sizes)
        return columns


def _select_fitting(
    rows: "npt.NDArray[np.int64]",
    costs: "npt.NDArray[np.int64]",
    parts: "npt.NDArray[np.int64]",
    left: "npt.NDArray[np.float64]",
) -> "npt.NDArray[np.int64]":
    """Selects, in order, the rows whose costs still fit what is left of their part."""
    chosen, left = [], left.copy()
    for row in rows:
        if costs[row] <= left[parts[row]]:
            left[parts[row]] -= costs[row]
            chosen.append(row)
    return np.array(chosen, dtype=np.int64)
