"""Computes margins: percentiles of score gaps within source and axis. Needs the whole source, but only its numbers.

The margin of a preference is the share of its source's preferences, decided on the same axis, whose gap between the two
scores is smaller; ties count half. It is in [0, 1], so margins of sources with different scales can be compared
(`docs/design.md`; the paper ranks by the raw gap, 2.4). Texts are streamed and never held in memory.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from unipref.core import parquet
from unipref.core.records import Reason, preference_schema, reject_schema
from unipref.core.stats.percentiles import percentiles
from unipref.core.workers.buckets import read_bucket
from unipref.unify.map_reduce import BATCH, REJECTS_FOLDER, RejectRecord, part_name

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa


def compute_margins(parts: list[Path]) -> "list[npt.NDArray[np.float64]]":
    """Returns, per part, the margin of each preference in order; NaN without two scores."""
    import numpy as np
    import pyarrow.parquet as pq

    columns = ["source", "axis", "chosen_score", "rejected_score"]
    result, places = [], defaultdict(list)
    for number, part in enumerate(parts):
        table = pq.read_table(part, columns=columns)
        chosen = table["chosen_score"].to_numpy().astype(np.float64)
        gap = np.abs(chosen - table["rejected_score"].to_numpy().astype(np.float64))
        result.append(np.full(len(gap), np.nan))
        keys = np.array([f"{s}\x1f{a}" for s, a in zip(*(table[c].to_pylist() for c in columns[:2]), strict=True)])
        for key in np.unique(keys):
            rows = np.flatnonzero((keys == key) & ~np.isnan(gap))
            if len(rows):
                places[str(key)].append((number, rows, gap[rows]))
    for gaps_of_key in places.values():
        ranks = percentiles(np.concatenate([gap for _, _, gap in gaps_of_key]))
        start = 0
        for number, rows, gap in gaps_of_key:
            result[number][rows] = ranks[start : start + len(gap)]
            start += len(gap)
    return result


def add_margins(parts: list[Path], min_margin: float) -> Iterator[tuple["pa.RecordBatch", list[dict[str, Any]]]]:
    """Fills in the margins of the parts' preferences, batch by batch.

    Args:
        parts: Parquet files of the reduce tasks, in order.
        min_margin: least percentile; scored preferences below it are left out.

    Yields:
        The kept preferences, and one row of `rejects.parquet` per preference left out.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    position = preference_schema().get_field_index("margin")
    for part, margin in zip(parts, compute_margins(parts), strict=True):
        start = 0
        for batch in parquet.read_batches(part, rows_at_once=BATCH):
            batch_margins = margin[start : start + len(batch)].astype(np.float32)
            start += len(batch)
            column = pa.array(batch_margins, mask=np.isnan(batch_margins))
            filled = batch.set_column(position, preference_schema().field("margin"), column)
            low = np.nan_to_num(batch_margins, nan=1.0) < min_margin
            left_out = [
                {
                    "source": row["source"],
                    "level": "preference",
                    "reason": Reason.BELOW_MIN_MARGIN.value,
                    "field": None,
                    "detail": f"margin {row['margin']:.3f} is below min_margin {min_margin:g}",
                    "origin": row["origin"],
                }
                for row in filled.filter(pa.array(low)).select(["source", "margin", "origin"]).to_pylist()
            ]
            yield filled.filter(pc.invert(pa.array(low))), left_out


def write_preferences(work: Path, n_buckets: int, min_margin: float, out: Path, schema: "pa.Schema") -> Counter[str]:
    """Writes `preferences.parquet` and `rejects.parquet` from the buckets' parts and the rejects on disk.

    Args:
        work: folder of the parts and of the rejects.
        n_buckets: number of parts.
        min_margin: least percentile; scored preferences below it are left out.
        out: folder of the two files.
        schema: of the preferences.

    Returns:
        Source -> number of kept preferences.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    counts: Counter[str] = Counter()
    parts = [work / part_name(bucket) for bucket in range(n_buckets)]
    decoder = msgspec.msgpack.Decoder(RejectRecord)
    pending: list[dict[str, Any]] = []
    with (
        pq.ParquetWriter(out / "preferences.parquet", schema, compression="zstd") as kept,
        pq.ParquetWriter(out / "rejects.parquet", reject_schema(), compression="zstd") as rejects,
    ):

        def flush(at_least: int) -> None:
            if len(pending) >= at_least:
                rejects.write_table(pa.Table.from_pylist(pending, reject_schema()))
                pending.clear()

        for record in read_bucket(work / REJECTS_FOLDER, 0):
            pending.append(msgspec.structs.asdict(decoder.decode(record)))
            flush(BATCH)
        for batch, left_out in add_margins(parts, min_margin):
            kept.write_batch(batch)
            pending += left_out
            flush(BATCH)
            for item in pc.value_counts(batch["source"]).to_pylist():
                counts[item["values"]] += item["counts"]
        flush(0)
    return counts
