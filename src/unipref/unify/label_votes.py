"""The votes of further evidence on labels: for or against, how strongly, about which prompt, by whom, in which file."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xxhash

from unipref.core import parquet
from unipref.core.arrow_arrays import from_flags, from_numbers, read_flags, read_numbers
from unipref.core.judgements import NOBODY, Floats, Ints
from unipref.core.records import ROLE_COLUMNS, Axis
from unipref.core.work_progress import RowCount

if TYPE_CHECKING:
    import pyarrow as pa

MAX_EXAMPLES = 3
EPSILON = 1e-9
UNSEEN = -2
"""The rater of a row without a named one so far."""
MANY = parquet.ROWS_AT_ONCE
"""Rows that are decoded at once: the columns that are read have no long texts."""
SEVERAL = "several files"
"""The file of a preference whose rows are in more than one."""


@dataclass
class _Gathered:
    """The votes on one source, while they are read: numbers in an array for each batch, and names by code. Each number
    has as few bytes as it needs, because there are as many as preferences.

    Attributes:
        signs, prompts, origins, files, widths: of each vote its sign, the hashes of its prompt and its first row, the
            code of its file and the number of its axes.
        axes, axis_gaps: of each axis of each vote its code, and its gap.
    """

    signs: list[npt.NDArray[np.int8]] = field(default_factory=list)
    prompts: list[Ints] = field(default_factory=list)
    origins: list[Ints] = field(default_factory=list)
    files: list[npt.NDArray[np.int32]] = field(default_factory=list)
    widths: list[npt.NDArray[np.int32]] = field(default_factory=list)
    axes: list[npt.NDArray[np.int32]] = field(default_factory=list)
    axis_gaps: list[Floats] = field(default_factory=list)
    file_names: dict[str, int] = field(default_factory=dict)
    axis_names: dict[str, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)
    by_axis: Counter[tuple[str, bool]] = field(default_factory=Counter)


@dataclass(frozen=True)
class Votes:
    """The votes on one source; those that decide nothing are left out.

    Attributes:
        sign: (n,) 1 for the label, -1 against it.
        gap: (n,) how far apart the evidence puts the two answers, in mean gaps of its axes.
        prompt, rater, file: (n,) codes; the rater may be NOBODY.
        raters, files: names by code.
        by_axis: axis -> preferences for and against.
        examples: origins of some against.
    """

    sign: Ints
    gap: Floats
    prompt: Ints
    rater: Ints
    file: Ints
    raters: list[str]
    files: list[str]
    by_axis: dict[str, list[int]]
    examples: list[str]


def read_votes(
    preferences: Sequence[Path],
    judgements: Path | None,
    axes_of: Mapping[str, Mapping[str, Axis]],
    contradictions: Mapping[str, int],
) -> dict[str, Votes]:
    """Reads the votes on each source. Holds only numbers and the names of files in memory.

    Args:
        preferences: Parquet files with the preferences of all sources.
        judgements: the table of judgements, which names the raters; None: nobody is named.
        axes_of: source -> its axes with their directions.
        contradictions: source -> number of rows rejected because they contradict themselves; each is a vote against,
            on a prompt of its own.
    """
    gathered = {source: _Gathered() for source in axes_of}
    columns = ["source", "group", "axes", "origin", *ROLE_COLUMNS]
    count = RowCount("checking labels", sum(map(parquet.count_rows, preferences)))
    for batch in (batch for path in preferences for batch in parquet.read_batches(path, columns, few=MANY)):
        sources = batch["source"].dictionary_encode()
        for code, source in enumerate(sources.dictionary.to_pylist()):
            is_its = read_numbers(sources.indices) == code
            of_source = batch if is_its.all() else batch.filter(from_flags(is_its))
            _gather(of_source, axes_of[source], gathered[source])
        count.add(len(batch))
    rows = np.unique(_join([part for each in gathered.values() for part in each.origins]))
    names, rater = _find_raters(judgements, rows)
    return {
        source: _finish(each, contradictions.get(source, 0), names, rater[np.searchsorted(rows, _drain(each.origins))])
        for source, each in gathered.items()
    }


def _gather(batch: "pa.RecordBatch", axes: Mapping[str, Axis], into: _Gathered) -> None:
    """Adds the votes on the preferences of a source, each by the majority of its axes. Only the texts that are used
    become objects of Python.
    """
    row, names, name, gap = _measure_gaps(batch, axes)
    sign = np.sign(gap).astype(np.int64)
    for code, axis in enumerate(names):
        for side in (1, -1):
            into.by_axis[axis, side > 0] += int(((name == code) & (sign == side)).sum())
    net = np.bincount(row, sign, len(batch)).astype(np.int64)
    counts = (gap != 0) & (net[row] != 0)
    into.axis_gaps.append(gap[counts])
    distinct, place = np.unique(name[counts], return_inverse=True)
    codes = _ints(into.axis_names.setdefault(names[code], len(into.axis_names)) for code in distinct)
    into.axes.append(codes[place].astype(np.int32))
    votes = np.flatnonzero(net)
    into.signs.append(np.sign(net[votes]).astype(np.int8))
    into.widths.append(np.bincount(row[counts], minlength=len(batch))[votes].astype(np.int32))
    taken = from_numbers(votes)
    into.prompts.append(_ints(map(_hash, batch["group"].take(taken).to_pylist())))
    origins = batch["origin"].take(taken).to_pylist()
    into.origins.append(_ints(_hash(origin[0]) if origin else 0 for origin in origins))
    files = map(_name_file, origins)
    codes = _ints(into.file_names.setdefault(file, len(into.file_names)) for file in files)
    into.files.append(codes.astype(np.int32))
    against = np.flatnonzero(net[votes] < 0)[: MAX_EXAMPLES - len(into.examples)]
    into.examples += [", ".join(origins[place]) for place in against]


def _name_file(origin: Sequence[str]) -> str:
    """Returns the file of a preference's rows."""
    first = origin[0].rpartition(":")[0] if origin else SEVERAL
    return first if all(one.rpartition(":")[0] == first for one in origin[1:]) else SEVERAL


def _measure_gaps(batch: "pa.RecordBatch", axes: Mapping[str, Axis]) -> tuple[Ints, list[str], Ints, Floats]:
    """Measures by how much each axis of each preference puts the chosen answer above the rejected one.

    A one-sided preference is compared to the middle of the axis' declared scale.

    Returns:
        The names of axes, and of each axis of each preference: (m,) the row of the preference, the code of its name,
        and the gap, 0 if it decides nothing.
    """
    column = batch["axes"]
    values, row = column.flatten(), np.repeat(np.arange(len(batch)), read_numbers(column.value_lengths()))
    coded = values.field("axis").dictionary_encode()
    names, name = coded.dictionary.to_pylist(), read_numbers(coded.indices).astype(np.int64)
    chosen, rejected = (read_numbers(values.field(side)) for side in ("chosen", "rejected"))
    known = [axes.get(axis) for axis in names]
    sign = np.array([0.0 if axis is None else axis.sign for axis in known])
    middle = np.array(
        [
            np.nan if axis is None or axis.low is None or axis.high is None else (axis.low + axis.high) / 2
            for axis in known
        ]
    )
    has_both = read_flags(batch["chosen"].is_valid()) & read_flags(batch["rejected"].is_valid())
    instead = np.where(has_both[row], np.nan, middle[name])
    instead[np.isnan(chosen) & np.isnan(rejected)] = np.nan
    chosen, rejected = (np.where(np.isnan(side), instead, side) for side in (chosen, rejected))
    gap = sign[name] * (chosen - rejected)
    return row, names, name, np.where(np.abs(gap) > EPSILON, gap, 0.0)  # also 0 where it is NaN


def _hash(text: str) -> int:
    """Returns a number of 63 bits."""
    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass")) >> 1


def _find_raters(judgements: Path | None, rows: Ints) -> tuple[list[str], Ints]:
    """Finds the named raters of rows.

    Args:
        judgements: as in `read_votes`.
        rows: (n,) sorted hashes of rows.

    Returns:
        The names, and (n,) the code of each row's rater: NOBODY if it has several, or none with a name.
    """
    names: dict[str, int] = {}
    rater = np.full(len(rows), UNSEEN, dtype=np.int64)
    columns = ["origin", "annotator"]
    if judgements is None or not len(rows):
        return [], np.maximum(rater, NOBODY)
    for batch in parquet.read_batches(judgements, columns, few=MANY, shown="finding raters"):
        if batch["annotator"].null_count == len(batch):
            continue
        named = batch.filter(batch["annotator"].is_valid())
        keys = _ints(_hash(origin) for origin in named["origin"].to_pylist())
        places = np.minimum(np.searchsorted(rows, keys), len(rows) - 1)
        for place, key, name in zip(places, keys, named["annotator"].to_pylist(), strict=True):
            if rows[place] == key:
                code = names.setdefault(name, len(names))
                rater[place] = code if rater[place] in (UNSEEN, code) else NOBODY
    return list(names), np.maximum(rater, NOBODY)


def _finish(each: _Gathered, contradictions: int, names: list[str], rater: Ints) -> Votes:
    """Returns the votes on one source; empties what was gathered, so that memory holds the numbers once."""
    gap = _scale_gaps(each)
    _, prompt = np.unique(_drain(each.prompts), return_inverse=True)
    against = np.full(contradictions, -1, dtype=np.int64)
    nobody = np.full(contradictions, NOBODY, dtype=np.int64)
    own_prompts = np.arange(contradictions) + len(prompt)
    typical = float(np.median(gap)) if len(gap) else 1.0
    return Votes(
        sign=np.concatenate([_drain(each.signs), against]),
        gap=np.concatenate([gap, np.full(contradictions, typical)]),
        prompt=np.concatenate([prompt, own_prompts]).astype(np.int64),
        rater=np.concatenate([rater, nobody]),
        file=np.concatenate([_drain(each.files), nobody]),
        raters=names,
        files=list(each.file_names),
        by_axis={axis: [each.by_axis[axis, True], each.by_axis[axis, False]] for axis in sorted(each.axis_names)},
        examples=each.examples,
    )


def _scale_gaps(each: _Gathered) -> Floats:
    """Returns (n,) the absolute sum of the gaps of each preference, each in mean gaps of its axis; empties the gaps."""
    totals, counts = np.zeros(len(each.axis_names)), np.zeros(len(each.axis_names), dtype=np.int64)
    for axes, gaps in zip(each.axes, each.axis_gaps, strict=True):
        # Added one by one to the sums, as in one array of all gaps: sums of sums would differ in their last bits.
        np.add.at(totals, axes, np.abs(gaps))
        counts += np.bincount(axes, minlength=len(counts))
    means = totals / np.maximum(counts, 1)
    sums = [
        np.bincount(np.repeat(np.arange(len(widths)), widths), gaps / means[axes], len(widths))
        for axes, gaps, widths in zip(each.axes, each.axis_gaps, each.widths, strict=True)
    ]
    each.axes, each.axis_gaps, each.widths = [], [], []
    return np.asarray(np.abs(np.concatenate([*sums, np.zeros(0)])), dtype=np.float64)


def _join(parts: Sequence[npt.NDArray[Any]]) -> Ints:
    return np.concatenate([*parts, _ints([])])


def _drain(parts: list[Any]) -> Ints:
    """Joins arrays, and empties the list of them."""
    joined = _join(parts)
    parts.clear()
    return joined


def _ints(values: Iterable[int]) -> Ints:
    return np.fromiter(values, dtype=np.int64)
