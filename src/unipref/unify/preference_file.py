"""Writes `preferences.parquet`: fills in what needs all judgements, and leaves out what they overrule.

Texts are streamed batch by batch and never held in memory; of each preference, some numbers are.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from unipref.core import parquet
from unipref.core.arrow_arrays import from_flags, from_numbers, from_rows, read_flags, read_numbers
from unipref.core.records import Reason, reject_schema
from unipref.core.work_progress import RowCount
from unipref.core.workers.buckets import read_bucket
from unipref.unify.judging.evidence import PreferenceEvidence
from unipref.unify.judging.pair_keys import KEY_COLUMNS, NUMBER
from unipref.unify.map_reduce import BATCH, REJECTS_FOLDER, RejectRecord, part_name
from unipref.unify.margin_percentiles import compute_margin_percentiles
from unipref.unify.open_groups import OpenCounts, OpenGroups, candidates_name, ordered_name
from unipref.unify.turning import turn_preference

if TYPE_CHECKING:
    import pyarrow as pa

    from unipref.core.judgements import Floats

OverruledMethod = Literal["leave_out", "turn", "keep"]
OVERRULED = "overruled.parquet"
"""The overruled preferences, for the check of polarity, which looks at all labels."""


@dataclass
class FileCounts:
    """What was written.

    Attributes:
        kept: source -> preferences.
        left_out: source -> reason -> preferences.
        turned: source -> preferences whose two answers were exchanged.
        overruled: source -> preferences whose confidence is too low, whether they were kept, turned or left out for it.
        confident: source -> written preferences with a confidence.
        replacing: source -> written preferences that replace an overruled one of their group.
        replacements: source -> all preferences to replace one, also those that `min_margin` leaves out.
        open: what became of the groups that contradict themselves.
    """

    kept: Counter[str] = field(default_factory=Counter)
    left_out: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    turned: Counter[str] = field(default_factory=Counter)
    overruled: Counter[str] = field(default_factory=Counter)
    confident: Counter[str] = field(default_factory=Counter)
    replacing: Counter[str] = field(default_factory=Counter)
    replacements: Counter[str] = field(default_factory=Counter)
    open: OpenCounts = field(default_factory=OpenCounts)


@dataclass(frozen=True)
class PreferenceWriter:
    """Writes the preferences of the reduce tasks to one file.

    Attributes:
        min_margin: least margin percentile; scored preferences below it are left out.
        overruled: what becomes of preferences with a confidence below `overruled_below`.
        evidence: what all judgements tell of the preferences of each bucket.
        open_groups: orders the groups that contradict themselves.
        again: bucket -> its preferences that replace overruled ones.
        schema: of the preferences.
        has_shares: whether the confidence of a preference with one answer is the share of its votes.
    """

    min_margin: float
    overruled: OverruledMethod
    overruled_below: float
    evidence: Sequence[PreferenceEvidence]
    open_groups: OpenGroups
    again: Mapping[int, Path]
    schema: "pa.Schema"
    has_shares: bool

    def write(self, work: Path, out: Path) -> FileCounts:
        """Writes `preferences.parquet` and `rejects.parquet`, and to `work` the overruled preferences. Removes the
        files of the reduce tasks as soon as they are read.

        Args:
            work: folder of the reduce tasks' files and of the rejects.
            out: folder of the two files.
        """
        counts, rejects = FileCounts(), _RejectFile(out / "rejects.parquet")
        decoder = msgspec.msgpack.Decoder(RejectRecord)
        parts = [work / part_name(bucket) for bucket in range(len(self.evidence))]
        again = sorted(self.again.items())
        known = [*parts, *(path for _, path in again)]
        percentiles = compute_margin_percentiles(known)
        # Those that the aggregate orders are not counted: how many they are is known only when they are written.
        count = RowCount("writing preferences", sum(map(parquet.count_rows, known)))
        percentile_again = dict(zip((bucket for bucket, _ in again), percentiles[len(parts) :], strict=True))
        with (
            parquet.write_beside(out / "preferences.parquet", self.schema) as kept,
            parquet.write_beside(work / OVERRULED, self.schema, "snappy") as overruled,
            rejects,
        ):
            for record in read_bucket(work / REJECTS_FOLDER, 0):
                rejects.add([msgspec.structs.asdict(decoder.decode(record))])
            for bucket, part in enumerate(parts):
                files = [(part, self.evidence[bucket], percentiles[bucket])]
                ordered = work / ordered_name(bucket)
                rejects.add(self.open_groups.order(work / candidates_name(bucket), ordered, counts.open))
                for path in (ordered, self.again.get(bucket)):
                    if path is not None and path.is_file():
                        found = self.open_groups.find_evidence(path)
                        unscored = np.full(len(found.confidence), np.nan)
                        files.append((path, found, unscored if path == ordered else percentile_again[bucket]))
                for path, of_file, percentile in files:
                    for batch, evidence, left_out, dropped in self._fill(path, of_file, percentile):
                        overruled(dropped)
                        kept(self._turn(batch, evidence, counts))
                        rejects.add(left_out)
                        self._count(batch, evidence, counts)
                        self._count_left_out(left_out, counts)
                        if path == self.again.get(bucket):
                            counts.replacing.update(batch["source"].to_pylist())
                            counts.replacements.update(batch["source"].to_pylist())
                            counts.replacements.update(row["source"] for row in left_out)
                        count.add(0 if path == ordered else len(batch) + len(left_out))
                    path.unlink()  # the disk holds the texts only once more, not twice
        return counts

    def _count_left_out(self, rows: Sequence[Mapping[str, Any]], counts: FileCounts) -> None:
        for row in rows:
            counts.left_out[row["source"]][row["reason"]] += 1
            counts.overruled[row["source"]] += row["reason"] == Reason.OVERRULED.value

    def _fill(
        self, part: Path, of_part: PreferenceEvidence, percentile: "Floats"
    ) -> Iterator[tuple["pa.RecordBatch", PreferenceEvidence, list[dict[str, Any]], "pa.RecordBatch"]]:
        """Yields the filled-in preferences that are kept, the evidence on them, the rejects of the others, and those of
        the others that are overruled.
        """
        start = 0
        for batch in parquet.read_batches(part, rows_at_once=BATCH):
            rows = slice(start, start + len(batch))
            start += len(batch)
            evidence = of_part.take(rows)
            filled = self._set_columns(batch, evidence, percentile[rows])
            is_overruled = self._is_overruled(evidence) & (self.overruled == "leave_out")
            is_low = np.nan_to_num(percentile[rows].astype(np.float32), nan=1.0) < self.min_margin
            is_low &= ~is_overruled
            is_out = is_low | is_overruled
            left_out = filled.filter(from_flags(is_out)).select(["source", "margin_percentile", "confidence", "origin"])
            reasons = zip(left_out.to_pylist(), is_low[is_out], strict=True)
            rejects = [self._make_reject(row, is_row_low) for row, is_row_low in reasons]
            stays = ~is_out
            yield (
                filled.filter(from_flags(stays)),
                evidence.take(stays),
                rejects,
                filled.filter(from_flags(is_overruled & ~is_low)),
            )

    def _set_columns(
        self, batch: "pa.RecordBatch", evidence: PreferenceEvidence, percentile: "Floats"
    ) -> "pa.RecordBatch":
        """Returns the batch with the columns that need all judgements, and without the keys."""
        is_pair = read_flags(batch["chosen"].is_valid()) & read_flags(batch["rejected"].is_valid())
        alone = evidence.verdict
        if self.has_shares:
            alone = read_numbers(batch["confidence"]).astype(np.float64)
        annotators = evidence.n_annotators
        columns = {
            "margin": _to_arrow(evidence.margin),
            "margin_percentile": _to_arrow(percentile),
            "confidence": _to_arrow(np.where(is_pair, evidence.confidence, alone)),
            "n_annotators": from_numbers(annotators.astype(np.int32), annotators == 0),
        }
        batch = batch.drop_columns([*KEY_COLUMNS, NUMBER])
        for name, column in columns.items():
            batch = batch.set_column(self.schema.get_field_index(name), self.schema.field(name), column)
        return batch

    def _make_reject(self, row: dict[str, Any], is_low: bool) -> dict[str, Any]:
        reason = Reason.BELOW_MIN_MARGIN if is_low else Reason.OVERRULED
        detail = (
            f"margin_percentile {row['margin_percentile']:.3f} is below min_margin {self.min_margin:g}"
            if is_low
            else f"from all judgements, the probability that the chosen answer is better is {row['confidence']:.3f}"
        )
        return {
            "source": row["source"],
            "level": "preference",
            "reason": reason.value,
            "field": None,
            "detail": detail,
            "origin": row["origin"],
        }

    def _turn(self, batch: "pa.RecordBatch", evidence: PreferenceEvidence, counts: FileCounts) -> "pa.RecordBatch":
        """Exchanges the answers of overruled preferences, if the settings ask for it."""
        import pyarrow as pa

        places = np.flatnonzero(self._is_overruled(evidence))
        if self.overruled != "turn" or not len(places):
            return batch
        turned = [turn_preference(row) for row in batch.take(from_numbers(places)).to_pylist()]
        for row in turned:
            counts.turned[row["source"]] += 1
        order = np.arange(len(batch))
        order[places] = len(batch) + np.arange(len(places))
        joined = pa.concat_batches([batch, pa.RecordBatch.from_pylist(turned, schema=self.schema)])
        return joined.take(from_numbers(order))

    def _is_overruled(self, evidence: PreferenceEvidence) -> "npt.NDArray[np.bool_]":
        return evidence.confidence < self.overruled_below

    def _count(self, batch: "pa.RecordBatch", evidence: PreferenceEvidence, counts: FileCounts) -> None:
        """Counts the preferences that stay."""
        is_confident, is_overruled = ~np.isnan(evidence.confidence), self._is_overruled(evidence)
        sources = batch["source"].dictionary_encode()
        for code, source in enumerate(sources.dictionary.to_pylist()):
            mine = read_numbers(sources.indices) == code
            counts.kept[source] += int(mine.sum())
            counts.confident[source] += int((mine & is_confident).sum())
            counts.overruled[source] += int((mine & is_overruled).sum())


def _to_arrow(values: "Floats") -> "pa.Array":
    """Returns values as float32, NaN as null."""
    return from_numbers(values.astype(np.float32), np.isnan(values))


class _RejectFile:
    """Writes rejects, some thousands at a time."""

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        self._file = pq.ParquetWriter(path, reject_schema(), compression="zstd")
        self._rows: list[dict[str, Any]] = []

    def __enter__(self) -> "_RejectFile":
        return self

    def __exit__(self, *error: object) -> None:
        self._flush()
        self._file.close()

    def add(self, rows: Iterable[dict[str, Any]]) -> None:
        for row in rows:
            self._rows.append(row)
            if len(self._rows) >= BATCH:
                self._flush()

    def _flush(self) -> None:

        if self._rows:
            self._file.write_table(from_rows(self._rows, reject_schema()))
            self._rows = []
