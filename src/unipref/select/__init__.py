"""The select stage: chooses the preferences to train on. One file per strategy."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unipref.core import parquet
from unipref.core.candidates import Candidates
from unipref.core.contracts import Selection, Strategy
from unipref.core.errors import UserError
from unipref.core.work_progress import show_phase

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from unipref.select.axis_agreement import AxesOfSources

OUTPUT = "train.parquet"
DECISIONS = "decisions.parquet"
ROWS_AT_ONCE = 4096

__all__ = ["DECISIONS", "OUTPUT", "choose"]


def choose(
    strategy: Strategy,
    preferences: Path,
    out: Path,
    seed: int,
    cache: Path,
    model: str | None = None,
    axes: "AxesOfSources | None" = None,
    dev: Path | None = None,
) -> dict[str, Any]:
    """Selects preferences and writes them to `out/train.parquet`, in input order and with the input's schema.

    Beside it, `out/decisions.parquet` records for every candidate whether it was kept, and the strategy's columns.
    Numbers are held in memory; text is streamed, ROWS_AT_ONCE rows at a time.

    Args:
        strategy: how to choose.
        preferences: Parquet file of `Preference` rows.
        out: existing, empty folder.
        seed: for all random choices.
        cache: folder that keeps embeddings and scores between runs; made if needed.
        model: the study's model, for scorers that use one.
        axes: source -> its axes besides those that decide, which tell whether a high score is good.
        dev: Parquet file of the dev part of the split, which only some scorers read.

    Returns:
        `candidates` and `kept` (rows), `tokens` ([before, after]), `by_source` and `by_objective` (name -> [before,
        after]), `mean_margin` ([before, after] of the percentiles, None without any), `shortfall` (source
        and objective -> the part of its budget that is not filled), `notes` for the reader, `seconds`, and
        `account`: the summary of the selection (see `summary.summarise_selection`), whose time is not in `seconds`.

    Raises:
        UserError: a model is missing or cannot be loaded, the budget cannot be met, or the strategy breaks its
            contract.
    """
    from unipref.select.budget import BudgetStrategy
    from unipref.select.candidates import read_candidates
    from unipref.select.summary import summarise_selection

    start = time.perf_counter()
    candidates = read_candidates(preferences, cache, ROWS_AT_ONCE, model, axes, dev)
    selection = strategy.select(candidates, seed)
    _check_selection(selection, len(candidates), strategy.name())
    kept = selection.kept
    _write(preferences, out / OUTPUT, kept)
    with show_phase("writing decisions"):
        _write_decisions(candidates, selection, out / DECISIONS)
    seconds = round(time.perf_counter() - start, 3)
    summary = summarise_selection(preferences, candidates, kept, ROWS_AT_ONCE, selection.columns.get("reason"))
    if strategy.is_filter:
        summary["warnings"] = []
    fraction = strategy.fraction if isinstance(strategy, BudgetStrategy) else None
    if fraction is not None and len(kept) == len(candidates) and len(candidates) * (1 - fraction) >= 1:
        what = f"all {len(kept):,} candidates are kept, although the fraction is {fraction:g}"
        summary["warnings"].append(f"{what}: see the notes of the selection.")
    return {
        "candidates": len(candidates),
        "kept": len(kept),
        "tokens": [int(candidates.tokens.sum()), int(candidates.tokens[kept].sum())],
        "by_source": _count_before_after(candidates.sources, kept),
        "by_objective": _count_before_after(candidates.objectives, kept),
        "mean_margin": _mean_margins(candidates, kept),
        "shortfall": dict(selection.shortfall),
        "notes": [*selection.notes, *_describe_shortfall(selection)],
        "seconds": seconds,
        "account": summary,
    }


def _check_selection(selection: Selection, n: int, strategy: str) -> None:
    """Checks a strategy's result, as a plug-in may break its contract: repeated rows would be used twice."""
    import numpy as np

    if not isinstance(selection, Selection):
        raise UserError(
            f"the strategy returned a {type(selection).__name__}, not a Selection.",
            where=f"select.{strategy}",
            mend="Return unipref.core.contracts.Selection(kept) with the positions that are kept.",
        )
    kept = selection.kept
    if kept.ndim != 1 or np.any(np.diff(kept) <= 0) or (len(kept) and (kept[0] < 0 or kept[-1] >= n)):
        raise UserError(
            "the strategy's positions are not ascending, unique and below the number of candidates.",
            where=f"select.{strategy}",
            mend="Return np.flatnonzero(mask) of a mask over the candidates.",
        )
    if wrong := next((name for name, values in selection.columns.items() if len(values) != n), None):
        raise UserError(
            f"the column '{wrong}' has {len(selection.columns[wrong])} values for {n} candidates.",
            where=f"select.{strategy}",
            mend="Give one value per candidate; NaN, -1 or '' mean no value.",
        )


def _describe_shortfall(selection: Selection) -> list[str]:
    """Describes the shortfall in sentences."""
    return [
        f"{name} is {n:,} short of its budget: no other candidate may be kept"
        for name, n in selection.shortfall.items()
    ]


def _write_decisions(candidates: Candidates, selection: Selection, target: Path) -> None:
    """Writes one row per candidate, in input order: id, kept, and the strategy's columns; null means no value."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    kept = np.zeros(len(candidates), dtype=bool)
    kept[selection.kept] = True
    columns = {"id": pa.array(candidates.ids), "source": pa.array(candidates.sources)}
    columns |= {"objective": pa.array(candidates.objectives), "kept": pa.array(kept)}
    for name, values in selection.columns.items():
        is_missing = (
            np.isnan(values) if values.dtype.kind == "f" else values == ("" if values.dtype.kind == "U" else -1)
        )
        columns[name] = pa.array(values, mask=is_missing)
    pq.write_table(pa.table(columns), target, compression="zstd", row_group_size=2**16)


def _write(source: Path, target: Path, kept: "npt.NDArray[np.int64]") -> None:
    """Copies the kept rows, batch by batch, in row groups of about ROWS_AT_ONCE rows, fewer where they are long."""
    import pyarrow as pa

    with parquet.write_beside(target, parquet.read_schema(source)) as write:
        waiting: list[pa.RecordBatch] = []
        batches = parquet.read_ahead(source, rows_at_once=ROWS_AT_ONCE, shown="writing the selection")
        for batch in _iterate_kept_rows(batches, kept):
            waiting.append(batch)
            is_long = sum(b.nbytes for b in waiting) >= parquet.BYTES_AT_ONCE
            if is_long or sum(b.num_rows for b in waiting) >= ROWS_AT_ONCE:
                write(pa.Table.from_batches(waiting))
                waiting = []
        if waiting:
            write(pa.Table.from_batches(waiting))


def _iterate_kept_rows(
    batches: "Iterator[pa.RecordBatch]", kept: "npt.NDArray[np.int64]"
) -> "Iterator[pa.RecordBatch]":
    import numpy as np
    import pyarrow as pa

    start = 0
    for batch in batches:
        low, high = np.searchsorted(kept, [start, start + batch.num_rows])
        if high > low:
            yield batch.take(pa.array(kept[low:high] - start))
        start += batch.num_rows


def _count_before_after(names: "npt.NDArray[np.str_]", kept: "npt.NDArray[np.int64]") -> dict[str, list[int]]:
    import numpy as np

    unique, codes = np.unique(names, return_inverse=True)
    before = np.bincount(codes, minlength=len(unique))
    after = np.bincount(codes[kept], minlength=len(unique))
    return {str(name): [int(b), int(a)] for name, b, a in zip(unique, before, after, strict=True)}


def _mean_margins(candidates: Candidates, kept: "npt.NDArray[np.int64]") -> list[float | None]:
    """The mean percentile of the margins before and after."""
    import numpy as np

    both = (candidates.margin_percentiles, candidates.margin_percentiles[kept])
    scored = [margins[~np.isnan(margins)] for margins in both]
    return [round(float(margins.mean(dtype=np.float64)), 6) if len(margins) else None for margins in scored]
