"""How many preferences are kept, and of which source and cluster: the fraction, shared out by largest remainders."""

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from unipref.contracts import Candidates, Strategy

if TYPE_CHECKING:
    import numpy.typing as npt


class FractionStrategy(Strategy):
    """A strategy that keeps a fraction of the candidates and each source's share in it."""

    fraction: float = Field(default=0.4, gt=0, le=1)
    """The part that is kept, in (0, 1]; 1.0 keeps everything. At least one preference is kept."""
    unscored: Literal["keep", "sample"] = "keep"
    """Preferences without a margin (binary data): `keep` passes them all, as the paper does (§3.2), and the fraction
    is that of the others; `sample` takes the same fraction of them, at random."""

    def take(
        self,
        candidates: Candidates,
        cells: "npt.NDArray[np.int64]",
        priorities: "npt.NDArray[np.float64]",
    ) -> "npt.NDArray[np.int64]":
        """The kept positions: of each (source, cell), the fraction of highest priority; ties by id.

        Args:
            candidates: n of them.
            cells: (n,) codes of what the fraction is taken within, besides the source.
            priorities: (n,) the higher the sooner kept.
        """
        unscored = np.isnan(candidates.margins)
        if self.unscored == "keep":
            scored = np.flatnonzero(~unscored)
            top = top_of_cells(
                candidates.sources[scored], cells[scored], priorities[scored], candidates.ids[scored], self.fraction
            )
            return np.sort(np.concatenate([scored[top], np.flatnonzero(unscored)]))
        # A margin and a random number are no rivals: the two kinds have cells of their own.
        return top_of_cells(candidates.sources, cells * 2 + unscored, priorities, candidates.ids, self.fraction)


def random_priorities(ids: "npt.NDArray[np.str_]", seed: int) -> "npt.NDArray[np.float64]":
    """(n,) random numbers in [0, 1) that belong to the ids, whatever their order."""
    priorities = np.empty(len(ids))
    priorities[np.argsort(ids, kind="stable")] = np.random.default_rng(seed).random(len(ids))
    return priorities


def top_of_cells(
    sources: "npt.NDArray[np.str_]",
    cells: "npt.NDArray[np.int64]",
    priorities: "npt.NDArray[np.float64]",
    ids: "npt.NDArray[np.str_]",
    fraction: float,
) -> "npt.NDArray[np.int64]":
    """The best fraction of each (source, cell), stratified.

    The total is fraction * n to the nearest whole number (halves up; at least 1 where n > 0). It is shared out to the
    sources by largest remainders, and each source's part to its cells in the same way; of two cells with equal
    remainders, the one whose next candidate is the better.

    Args:
        sources: (n,) names of the outer strata.
        cells: (n,) codes of the inner strata.
        priorities: (n,) the higher the sooner kept; ties by id.
        ids: (n,) ids.
        fraction: in (0, 1].

    Returns:
        The kept positions, ascending.
    """
    n = len(ids)
    if n == 0:
        return np.array([], dtype=np.int64)
    source_codes = np.unique(sources, return_inverse=True)[1]
    order = np.lexsort((ids, -priorities, cells, source_codes))
    strata = np.stack([source_codes[order], cells[order]])
    starts = np.flatnonzero(np.r_[True, np.any(np.diff(strata, axis=1) != 0, axis=0)])
    sizes = np.diff(np.r_[starts, n])
    cell_source = strata[0, starts]
    source_sizes = np.bincount(source_codes)
    totals = apportion(source_sizes, fraction, max(1, int(fraction * n + 0.5)), np.arange(len(source_sizes)))

    ranking = np.empty(n, dtype=np.int64)
    ranking[np.lexsort((ids, -priorities))] = np.arange(n)
    quotas = np.zeros(len(starts), dtype=np.int64)
    for source, total in enumerate(totals):
        mine = np.flatnonzero(cell_source == source)
        following = starts[mine] + np.minimum(_floors(sizes[mine], fraction), sizes[mine] - 1)
        quotas[mine] = apportion(sizes[mine], fraction, int(total), ranking[order[following]])
    place_in_cell = np.arange(n) - np.repeat(starts, sizes)
    return np.sort(order[place_in_cell < np.repeat(quotas, sizes)])


def apportion(
    sizes: "npt.NDArray[np.int64]", fraction: float, total: int, ties: "npt.NDArray[np.int64]"
) -> "npt.NDArray[np.int64]":
    """Shares `total` out to parts by largest remainders (Hamilton's method).

    Args:
        sizes: (k,) the parts' sizes; part i is owed fraction * sizes[i].
        fraction: in (0, 1].
        total: whole number between the sum of the floors of what is owed and that sum plus k.
        ties: (k,) of parts with equal remainders, the one with the lower value comes first.
    """
    shares = _floors(sizes, fraction)
    remainders = np.round(fraction * sizes, 9) - shares
    more = np.lexsort((ties, -remainders))[: total - int(shares.sum())]
    shares[more] += 1
    return shares


def _floors(sizes: "npt.NDArray[np.int64]", fraction: float) -> "npt.NDArray[np.int64]":
    # 0.1 * 30 is 3.0000000000000004, and 0.29 * 100 is 28.999999999999996.
    return np.floor(np.round(fraction * sizes, 9)).astype(np.int64)
