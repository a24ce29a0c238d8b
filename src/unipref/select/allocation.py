"""A budget shared out: how much is kept of each source and objective, and which candidates fill it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from unipref.core.contracts import Selection
from unipref.select.apportion import apportion, floors

if TYPE_CHECKING:
    import numpy.typing as npt

KEPT = "within the budget"
PASSED = "unscored, and kept as it is"
BEYOND = "beyond the budget of its part"


@dataclass(frozen=True)
class Allocation:
    """What each stratum (source and objective) is granted.

    Attributes:
        ids: (n,) of the candidates.
        rivals: (n,) mask of those that the budget is shared out among; the others are kept without it.
        strata: (n,) codes of source and objective.
        names: of the k strata.
        costs: (n,) what a candidate takes of the budget: 1, or its tokens.
        granted: (k,) the most that is kept of each stratum, in costs; whole numbers where a candidate costs 1.
        rates: (k,) what a cell of the stratum is owed for each unit of its costs.
        in_tokens: a candidate costs its tokens.
        notes: what a reader must know of the shares.
    """

    ids: "npt.NDArray[np.str_]"
    rivals: "npt.NDArray[np.bool_]"
    strata: "npt.NDArray[np.int64]"
    names: list[str]
    costs: "npt.NDArray[np.int64]"
    granted: "npt.NDArray[np.float64]"
    rates: "npt.NDArray[np.float64]"
    in_tokens: bool
    notes: tuple[str, ...] = field(default=())

    def most(self, stratum: int, rows: int) -> int:
        """How many of `rows` candidates of a stratum can be kept at most: an upper limit, for those who count ahead."""
        return rows if self.in_tokens else min(rows, int(self.granted[stratum]))

    def fill(
        self,
        cells: "npt.NDArray[np.int64]",
        priorities: "npt.NDArray[np.float64]",
        columns: "Mapping[str, npt.NDArray[Any]]",
        excluded: "npt.NDArray[np.str_] | None" = None,
    ) -> Selection:
        """Keeps of each stratum what it is granted, shared out to its cells by their costs; the best of each cell.

        Of two cells with equal remainders, the one whose next candidate is the better gets more. Tokens that no whole
        candidate of a cell fills go to the best candidates that still fit, of the stratum first, then of all.

        Args:
            cells: (n,) codes of what the budget is taken within, besides the stratum.
            priorities: (n,) the higher the sooner kept; ties by id.
            columns: what the strategy knows of each candidate.
            excluded: (n,) why a candidate cannot be kept; empty where it can.
        """
        open_ = self.rivals if excluded is None else self.rivals & (excluded == "")
        line = _Line.of(np.flatnonzero(open_), self, cells, priorities)
        kept = ~self.rivals
        kept[self._in_tokens(line) if self.in_tokens else self._by_count(line, whole=excluded is None)] = True
        return self.selection(kept, line.columns(kept) | dict(columns), excluded)

    def told(
        self,
        kept: "npt.NDArray[np.bool_]",
        cells: "npt.NDArray[np.int64]",
        priorities: "npt.NDArray[np.float64]",
        columns: "Mapping[str, npt.NDArray[Any]]",
        excluded: "npt.NDArray[np.str_]",
    ) -> Selection:
        """A selection that the strategy made by itself; arguments as in `fill`, and the mask of what is kept."""
        line = _Line.of(np.flatnonzero(self.rivals), self, cells, priorities)
        return self.selection(kept | ~self.rivals, line.columns(kept) | dict(columns), excluded)

    def selection(
        self,
        kept: "npt.NDArray[np.bool_]",
        columns: "Mapping[str, npt.NDArray[Any]]",
        excluded: "npt.NDArray[np.str_] | None",
    ) -> Selection:
        """The kept candidates, the reason for each one's lot, and what could not be filled."""
        reasons = np.where(kept, np.where(self.rivals, KEPT, PASSED), BEYOND)
        if excluded is not None:
            reasons = np.where(kept | (excluded == ""), reasons, excluded)
        return Selection(
            kept=np.flatnonzero(kept),
            columns={**columns, "reason": reasons},
            shortfall=self._shortfall(kept),
            notes=self.notes,
        )

    def _by_count(self, line: "_Line", whole: bool) -> "npt.NDArray[np.int64]":
        quotas = np.zeros(len(line.starts), dtype=np.int64)
        for stratum, granted in enumerate(self.granted):
            mine = np.flatnonzero(line.cell_stratum == stratum)
            total = min(int(granted), int(line.sizes[mine].sum()))
            owed = line.sizes[mine] * (self.rates[stratum] if whole else total / max(1, int(line.sizes[mine].sum())))
            following = line.starts[mine] + np.minimum(floors(owed), line.sizes[mine] - 1)
            quotas[mine] = apportion(owed, total, line.ranking[line.order[following]])
        return line.order[line.places < np.repeat(quotas, line.sizes)]

    def _in_tokens(self, line: "_Line") -> "npt.NDArray[np.int64]":
        costs = self.costs[line.order].astype(np.float64)
        in_cells = np.add.reduceat(costs, line.starts) if len(line.starts) else costs
        in_strata = np.bincount(line.cell_stratum, in_cells, minlength=len(self.granted))
        rates = np.minimum(1.0, self.granted / np.maximum(in_strata, 1e-9))
        so_far = np.cumsum(costs) - np.repeat(np.cumsum(in_cells) - in_cells, line.sizes)
        fits = so_far <= np.repeat(rates[line.cell_stratum] * in_cells, line.sizes) + 1e-6
        kept, rest = line.order[fits], line.order[~fits]
        rest = rest[np.argsort(line.ranking[rest], kind="stable")]
        spent = np.bincount(self.strata[kept], self.costs[kept], minlength=len(self.granted))
        more = _that_fit(rest, self.costs, self.strata, np.floor(self.granted + 1e-6) - spent)
        kept = np.concatenate([kept, more])
        left = np.floor(self.granted.sum() + 1e-6) - self.costs[kept].sum()
        rest = rest[~np.isin(rest, more)]
        more = _that_fit(rest, self.costs, np.zeros_like(self.strata), np.array([left]))
        return np.concatenate([kept, more])

    def _shortfall(self, kept: "npt.NDArray[np.bool_]") -> dict[str, int]:
        """What is missing where the strategy had too few candidates left, by stratum; rounding of tokens is none."""
        mine = kept & self.rivals
        got = np.bincount(self.strata[mine], self.costs[mine], minlength=len(self.granted))
        missing = self.granted - got
        if self.in_tokens:
            # A gap smaller than a candidate is only a matter of whole candidates.
            largest = np.zeros(len(self.granted))
            np.maximum.at(largest, self.strata[self.rivals], self.costs[self.rivals])
            missing = np.where(missing > largest, missing, 0)
        return {name: int(n) for name, n in zip(self.names, missing, strict=True) if n >= 1}


@dataclass(frozen=True)
class _Line:
    """Candidates in line: stratum by stratum, cell by cell, the best first.

    Attributes:
        n: how many candidates there are, in line or not.
        order: (m,) positions.
        starts, sizes, cell_stratum: (c,) of each cell: its first place in `order`, its length, its stratum.
        places: (m,) place within the cell, from 0.
        ranking: (n,) place among all in line, by priority alone.
    """

    n: int
    order: "npt.NDArray[np.int64]"
    starts: "npt.NDArray[np.int64]"
    sizes: "npt.NDArray[np.int64]"
    cell_stratum: "npt.NDArray[np.int64]"
    places: "npt.NDArray[np.int64]"
    ranking: "npt.NDArray[np.int64]"

    @classmethod
    def of(
        cls,
        rows: "npt.NDArray[np.int64]",
        plan: Allocation,
        cells: "npt.NDArray[np.int64]",
        priorities: "npt.NDArray[np.float64]",
    ) -> "_Line":
        strata, ids = plan.strata, plan.ids
        order = rows[np.lexsort((ids[rows], -priorities[rows], cells[rows], strata[rows]))]
        ranking = np.zeros(len(ids), dtype=np.int64)
        ranking[rows[np.lexsort((ids[rows], -priorities[rows]))]] = np.arange(len(rows))
        both = np.stack([strata[order], cells[order]])
        new = np.any(np.diff(both, axis=1) != 0, axis=0)
        starts = np.flatnonzero(np.r_[True, new]) if len(order) else np.array([], dtype=np.int64)
        sizes = np.diff(np.r_[starts, len(order)])
        places = np.arange(len(order)) - np.repeat(starts, sizes)
        return cls(len(ids), order, starts, sizes, strata[order[starts]], places, ranking)

    def columns(self, kept: "npt.NDArray[np.bool_]") -> "dict[str, npt.NDArray[np.int64]]":
        """`rank` (1 first), `of` and `cut` of each candidate; -1 where it is not in line."""
        cut = np.add.reduceat(kept[self.order].astype(np.int64), self.starts) if len(self.starts) else self.sizes
        found = {name: np.full(self.n, -1, dtype=np.int64) for name in ("rank", "of", "cut")}
        found["rank"][self.order] = self.places + 1
        found["of"][self.order] = np.repeat(self.sizes, self.sizes)
        found["cut"][self.order] = np.repeat(cut, self.sizes)
        return found


def _that_fit(
    rows: "npt.NDArray[np.int64]",
    costs: "npt.NDArray[np.int64]",
    parts: "npt.NDArray[np.int64]",
    left: "npt.NDArray[np.float64]",
) -> "npt.NDArray[np.int64]":
    """Those of the rows, in their order, that what is left of their part still pays for."""
    chosen, left = [], left.copy()
    for row in rows:
        if costs[row] <= left[parts[row]]:
            left[parts[row]] -= costs[row]
            chosen.append(row)
    return np.array(chosen, dtype=np.int64)
