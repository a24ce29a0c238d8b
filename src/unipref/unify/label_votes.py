"""The votes of further evidence on labels: for or against, how strongly, about which prompt, by whom, in which file."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import xxhash

from unipref.core import parquet
from unipref.core.judgements import NOBODY, Floats, Ints
from unipref.core.records import ROLE_COLUMNS, Axis

if TYPE_CHECKING:
    import pyarrow as pa

MAX_EXAMPLES = 3
EPSILON = 1e-9
UNSEEN = -2
"""The rater of a row without a named one so far."""
SEVERAL = "several files"
"""The file of a preference whose rows are in more than one."""


@dataclass
class _Gathered:
    """The votes on one source, while they are read: numbers in arrays, and names by code.

    Attributes:
        signs, prompts, origins, files, widths: of each vote its sign, the hashes of its prompt and its first row, the
            code of its file and the number of its axes.
        axes, gaps: of each axis of each vote its code, and its gap.
    """

    signs: "array[int]" = field(default_factory=lambda: array("b"))
    prompts: "array[int]" = field(default_factory=lambda: array("q"))
    origins: "array[int]" = field(default_factory=lambda: array("q"))
    files: "array[int]" = field(default_factory=lambda: array("q"))
    widths: "array[int]" = field(default_factory=lambda: array("q"))
    axes: "array[int]" = field(default_factory=lambda: array("q"))
    gaps: "array[float]" = field(default_factory=lambda: array("d"))
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
    for batch in (batch for path in preferences for batch in parquet.read_batches(path, columns)):
        for vote in _read_rows(batch):
            _gather(vote, axes_of[vote.source], gathered[vote.source])
    rows = np.unique(np.concatenate([_ints(each.origins) for each in gathered.values()] or [_ints([])]))
    names, rater = _find_raters(judgements, rows)
    return {
        source: _finish(each, contradictions.get(source, 0), names, rater[np.searchsorted(rows, _ints(each.origins))])
        for source, each in gathered.items()
    }


class _Row(NamedTuple):
    """What is read of a preference; `axes` has name and scores of the chosen and the rejected answer."""

    source: str
    group: str
    origin: list[str]
    axes: list[tuple[str, float | None, float | None]]
    is_one_sided: bool


def _read_rows(batch: "pa.RecordBatch") -> Iterator[_Row]:
    """Yields the rows of a batch. Only the texts that are used become objects of Python."""
    axes = batch["axes"]
    values, ends = axes.flatten(), axes.value_lengths().to_numpy().cumsum().tolist()
    pairs = list(zip(*(values.field(name).to_pylist() for name in ("axis", "chosen", "rejected")), strict=True))
    is_pair = np.asarray(batch["chosen"].is_valid()) & np.asarray(batch["rejected"].is_valid())
    columns = (batch[name].to_pylist() for name in ("source", "group", "origin"))
    start = 0
    for source, group, origin, end, has_both in zip(*columns, ends, is_pair.tolist(), strict=True):
        yield _Row(source, group, origin, pairs[start:end], not has_both)
        start = end


def _gather(row: _Row, axes: Mapping[str, Axis], into: _Gathered) -> None:
    """Adds the vote on one preference, by the majority of its axes."""
    gaps = []
    net = 0
    for name, chosen, rejected in row.axes:
        gap = _gap_of_axis(axes.get(name), chosen, rejected, row.is_one_sided)
        if gap:
            sign = 1 if gap > 0 else -1
            into.by_axis[name, sign > 0] += 1
            gaps.append((name, gap))
            net += sign
    if not net:
        return
    into.signs.append(1 if net > 0 else -1)
    into.prompts.append(_hash(row.group))
    into.origins.append(_hash(row.origin[0]) if row.origin else 0)
    files = {origin.rpartition(":")[0] for origin in row.origin}
    name = files.pop() if len(files) == 1 else SEVERAL
    into.files.append(into.file_names.setdefault(name, len(into.file_names)))
    into.widths.append(len(gaps))
    for axis, gap in gaps:
        into.axes.append(into.axis_names.setdefault(axis, len(into.axis_names)))
        into.gaps.append(gap)
    if net < 0 and len(into.examples) < MAX_EXAMPLES:
        into.examples.append(", ".join(row.origin))


def _gap_of_axis(axis: Axis | None, chosen: float | None, rejected: float | None, is_one_sided: bool) -> float:
    """Returns by how much an axis puts the chosen answer above the rejected one; 0 if it decides nothing.

    A one-sided preference is compared to the middle of the axis' declared scale.
    """
    if axis is None or (chosen is None and rejected is None):
        return 0.0
    if chosen is None or rejected is None:
        if not is_one_sided or axis.low is None or axis.high is None:
            return 0.0
        middle = (axis.low + axis.high) / 2
        chosen, rejected = middle if chosen is None else chosen, middle if rejected is None else rejected
    gap: float = axis.sign * (chosen - rejected)
    return gap if abs(gap) > EPSILON else 0.0


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
    for batch in parquet.read_batches(judgements, ["origin", "annotator"]) if judgements and len(rows) else ():
        named = batch.filter(batch["annotator"].is_valid())
        keys = _ints(_hash(origin) for origin in named["origin"].to_pylist())
        places = np.minimum(np.searchsorted(rows, keys), len(rows) - 1)
        for place, key, name in zip(places, keys, named["annotator"].to_pylist(), strict=True):
            if rows[place] == key:
                code = names.setdefault(name, len(names))
                rater[place] = code if rater[place] in (UNSEEN, code) else NOBODY
    return list(names), np.maximum(rater, NOBODY)


def _finish(each: _Gathered, contradictions: int, names: list[str], rater: Ints) -> Votes:
    _, prompt = np.unique(_ints(each.prompts), return_inverse=True)
    against = np.full(contradictions, -1, dtype=np.int64)
    nobody = np.full(contradictions, NOBODY, dtype=np.int64)
    own_prompts = np.arange(contradictions) + len(prompt)
    gap = _scale_gaps(each)
    typical = float(np.median(gap)) if len(gap) else 1.0
    return Votes(
        sign=np.concatenate([_ints(each.signs), against]),
        gap=np.concatenate([gap, np.full(contradictions, typical)]),
        prompt=np.concatenate([prompt, own_prompts]).astype(np.int64),
        rater=np.concatenate([rater, nobody]),
        file=np.concatenate([_ints(each.files), nobody]),
        raters=names,
        files=list(each.file_names),
        by_axis={axis: [each.by_axis[axis, True], each.by_axis[axis, False]] for axis in sorted(each.axis_names)},
        examples=each.examples,
    )


def _scale_gaps(each: _Gathered) -> Floats:
    """Returns (n,) the absolute sum of the gaps of each preference, each in mean gaps of its axis."""
    axes, gaps = _ints(each.axes), np.array(each.gaps, dtype=np.float64)
    means = np.bincount(axes, abs(gaps)) / np.maximum(np.bincount(axes), 1)
    vote = np.repeat(np.arange(len(each.widths)), _ints(each.widths))
    sums = np.bincount(vote, gaps / means[axes], len(each.widths)) if len(gaps) else np.zeros(0)
    return np.abs(np.asarray(sums, dtype=np.float64))


def _ints(values: Iterable[int]) -> Ints:
    return np.fromiter(values, dtype=np.int64)
