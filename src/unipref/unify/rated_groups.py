"""Groups rated rows by columns, and takes the best and the worst answer where the numbers alone decide.

The rule of `projection/order.py` and `projection/pairs.py`, for groups in which nothing else has to be looked at: every
answer has a score, no answer occurs twice, and any two scores are equal or clearly different. All other groups go
through `project`. `tests/unify/test_rated_rows.py` checks that both give the same preferences and judgements.
"""

import itertools
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from unipref.core.arrow_arrays import (
    from_numbers,
    from_texts,
    make_lists,
    read_flags,
    read_numbers,
    repeat_text,
    take_texts,
)
from unipref.core.judgements import RATING, judgement_schema
from unipref.core.records import Feedback
from unipref.core.text_keys import plain_preference_id
from unipref.unify.judging.pair_keys import CHOSEN_KEY, GROUP_KEY, NUMBER, REJECTED_KEY
from unipref.unify.judging.records import name_axis
from unipref.unify.projection.order import EPSILON
from unipref.unify.projection.project import Projection
from unipref.unify.rated_rows import KEY_BYTES, iterate_feedback

if TYPE_CHECKING:
    import pyarrow as pa

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

TEXTS = {"prompt": "prompt", "chosen": "answer", "rejected": "answer"}
"""Side of a preference -> the column of its text."""
BIG_ENDIAN = ">u8"
"""Half a hash, so that numbers have the order of hexadecimal digits."""
CLEAR = 1e-6
"""Scores that differ by less, without being equal, are left to `project`: whether they tie depends on the others."""


@dataclass(frozen=True, eq=False)
class RatedGroups:
    """The rated rows of one source in a bucket, in groups.

    Attributes:
        projection: of the source.
        table: all its rows, in no order, and with those of groups that were not taken: to move texts is expensive.
        rows: (n,) rows of the table, group by group, in each group by place.
        starts: (g + 1,) where each group begins in `rows`.
        first: (g,) place of the first row of each group.
        is_decided: (g,) whether the numbers decide.
        best, worst: (g,) where in `rows` the best and the worst answer of decided groups are.
    """

    projection: Projection
    table: "pa.Table"
    rows: Ints
    starts: Ints
    first: Ints
    is_decided: Bools
    best: Ints
    worst: Ints

    def count_ordered_pairs(self) -> int:
        """Counts the pairs of answers of decided groups that differ in the deciding score."""
        sizes = np.diff(self.starts)
        group = np.repeat(np.arange(len(sizes)), sizes)
        axes = list(self.projection.axes)
        score = _read_scores(self.table, self.projection)[self.rows, axes.index(str(self.projection.axis))]
        order = np.lexsort((score, group))
        is_new = np.ones(len(group), dtype=bool)
        is_new[1:] = (group[order][1:] != group[order][:-1]) | (score[order][1:] != score[order][:-1])
        equal = np.diff(np.append(np.flatnonzero(is_new), len(group)))
        return int((sizes * (sizes - 1) // 2).sum() - (equal * (equal - 1) // 2).sum())

    def take(self, wanted: Bools) -> "RatedGroups":
        """Returns some of the groups."""
        return self._pick(np.flatnonzero(wanted))

    def sort_by_place(self) -> "RatedGroups":
        """Returns the groups in the order of their first rows."""
        return self._pick(np.argsort(self.first, kind="stable"))

    def drop_other_rows(self) -> "RatedGroups":
        """Returns the groups with a table of their rows alone."""
        return replace(self, table=self.table.take(from_numbers(self.rows)), rows=np.arange(len(self.rows)))

    def _pick(self, places: Ints) -> "RatedGroups":
        """Returns the groups at some places, in this order."""
        sizes = np.diff(self.starts)[places]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        kept = np.repeat(self.starts[:-1][places] - starts[:-1], sizes) + np.arange(starts[-1])
        shift = starts[:-1] - self.starts[:-1][places]
        return RatedGroups(
            self.projection,
            self.table,
            self.rows[kept],
            starts,
            self.first[places],
            self.is_decided[places],
            self.best[places] + shift,
            self.worst[places] + shift,
        )

    def list_feedback(self) -> dict[str, list[tuple[int, Feedback]]]:
        """Returns key -> places and feedback of the rows of each group."""
        groups: dict[str, list[tuple[int, Feedback]]] = {}
        for place, key, feedback in iterate_feedback(
            self.table.take(from_numbers(self.rows)), tuple(self.projection.axes)
        ):
            groups.setdefault(key, []).append((place, feedback))
        return groups


def group_rows(table: "pa.Table", projection: Projection, also_elsewhere: Collection[str]) -> RatedGroups:
    """Groups the rated rows of a source.

    Args:
        table: the rows.
        projection: of the source.
        also_elsewhere: keys of groups of which other rows have been read by the format; these are not decided.
    """
    keys, place = _read_keys(table, "key"), read_numbers(table["place"].combine_chunks())
    order = np.lexsort((place, keys[:, 1], keys[:, 0]))
    keys = keys[order]
    is_start = np.ones(len(keys), dtype=bool)
    is_start[1:] = (keys[1:] != keys[:-1]).any(axis=1)
    starts = np.append(np.flatnonzero(is_start), len(keys))
    group = np.cumsum(is_start) - 1
    answers = _read_keys(table, "answer_key")[order]
    axis = projection.axes[str(projection.axis)]
    height = axis.sign * _read_scores(table, projection)[order, list(projection.axes).index(str(projection.axis))]
    # The answers of each group, the best first, equal ones by content; the first of the lowest is the worst.
    ranked = np.lexsort((answers[:, 1], answers[:, 0], -height, group))
    ordered, is_same_group = height[ranked], group[ranked][1:] == group[ranked][:-1]
    drop = ordered[:-1] - ordered[1:]
    is_unclear = np.zeros(len(starts) - 1, dtype=bool)
    np.logical_or.at(is_unclear, group[ranked][1:], is_same_group & (drop > 0) & (drop < CLEAR))
    np.logical_or.at(is_unclear, group[ranked][1:], is_same_group & _find_repeats(answers, group)[ranked][1:])
    is_unclear |= np.isin(keys[starts[:-1]], _pack(also_elsewhere)).all(axis=1) if also_elsewhere else False
    is_level = np.ones(len(ranked), dtype=bool)
    is_level[1:] = ~is_same_group | (drop != 0)
    level_starts = np.flatnonzero(is_level)
    best = ranked[starts[:-1]]
    worst = ranked[level_starts[np.searchsorted(level_starts, starts[1:] - 1, side="right") - 1]]
    is_one_origin = _are_equal(table["origin"], order[best], order[worst])
    is_decided = (np.diff(starts) > 1) & ~is_unclear & (height[best] - height[worst] > EPSILON) & ~is_one_origin
    return RatedGroups(projection, table, order, starts, place[order][starts[:-1]], is_decided, best, worst)


def _are_equal(texts: "pa.ChunkedArray", some: Ints, others: Ints) -> Bools:
    """Returns whether the texts at some places are those at others."""
    import pyarrow.compute as pc

    column = texts.combine_chunks()
    return read_flags(pc.equal(column.take(from_numbers(some)), column.take(from_numbers(others))))


def _find_repeats(answers: "npt.NDArray[np.uint64]", group: Ints) -> Bools:
    """Returns (n,) whether another row of the group has the same answer."""
    order = np.lexsort((answers[:, 1], answers[:, 0], group))
    same = (answers[order][1:] == answers[order][:-1]).all(axis=1) & (group[order][1:] == group[order][:-1])
    repeats = np.zeros(len(group), dtype=bool)
    repeats[order[1:][same]] = True
    repeats[order[:-1][same]] = True
    return repeats


def _read_keys(table: "pa.Table", name: str) -> "npt.NDArray[np.uint64]":
    """Returns (n, 2) the halves of hashes."""
    (chunk,) = table[name].chunks or [None]
    if chunk is None:
        return np.zeros((0, 2), dtype=np.uint64)
    data = np.frombuffer(chunk.buffers()[1], dtype=BIG_ENDIAN)
    return data[2 * chunk.offset : 2 * (chunk.offset + len(chunk))].astype(np.uint64).reshape(-1, 2)


def _pack(keys: Collection[str]) -> "npt.NDArray[np.uint64]":
    return np.frombuffer(bytes.fromhex("".join(keys)), dtype=BIG_ENDIAN).astype(np.uint64)


def _read_scores(table: "pa.Table", projection: Projection) -> "npt.NDArray[np.float64]":
    """Returns (n, axes) scores."""
    flat = read_numbers(table["scores"].combine_chunks().flatten()) if len(table) else np.zeros(0)
    return flat.reshape(-1, len(projection.axes))


def _to_hex(table: "pa.Table", name: str, rows: Ints) -> "pa.Array":
    """Returns hashes as texts of hexadecimal digits."""
    import pyarrow as pa

    digits = _read_keys(table, name)[rows].astype(BIG_ENDIAN).tobytes().hex().encode()
    offsets = np.arange(len(rows) + 1, dtype=np.int32) * (2 * KEY_BYTES)
    return pa.StringArray.from_buffers(len(rows), pa.py_buffer(offsets), pa.py_buffer(digits))


def make_judgements(groups: RatedGroups) -> "pa.Table":
    """Returns the rows of `judgements.parquet` of the groups: one rating per answer and axis."""
    import pyarrow as pa

    projection, table = groups.projection, groups.table
    names, count = list(projection.axes), len(groups.rows)
    rows = np.repeat(groups.rows, len(names))
    total = len(rows)
    labels = [
        projection.objective if name == projection.axis else name_axis(name, projection.objective, projection.weights)
        for name in names
    ]
    signs = np.array([axis.sign for axis in projection.axes.values()])
    codes = np.tile(np.arange(len(names), dtype=np.int32), count)
    nulls = pa.nulls(total)
    columns = {
        "group": _to_hex(table, "key", rows),
        "answers": _wrap(_to_hex(table, "answer_key", rows)),
        "axis": take_texts(labels, codes),
        "kind": repeat_text(RATING, total),
        "value": from_numbers((_read_scores(table, projection)[groups.rows] * signs + 0.0).reshape(-1)),
        "source": repeat_text(projection.source, total),
        "count": from_numbers(np.ones(total, dtype=np.int32)),
        "origin": table["origin"].combine_chunks().take(from_numbers(rows)),
    }
    schema = judgement_schema()
    return pa.Table.from_arrays(
        [columns[field.name] if field.name in columns else nulls.cast(field.type) for field in schema], schema=schema
    )


def _wrap(values: "pa.Array", size: int = 1) -> "pa.ListArray":
    """Returns a column of lists of so many values each."""
    return make_lists(values, np.arange(0, len(values) + 1, size))


def make_preferences(groups: RatedGroups, numbers: Ints, schema: "pa.Schema") -> "pa.Table":
    """Returns the preferences of decided groups, with keys.

    Args:
        groups: the groups, all decided.
        numbers: (g,) their numbers in the bucket.
        schema: of preferences with keys.
    """
    import pyarrow as pa

    projection, table, count = groups.projection, groups.table, len(groups.first)
    best, worst, starts = groups.rows[groups.best], groups.rows[groups.worst], groups.rows[groups.starts[:-1]]
    rows_of = {"prompt": _choose_prompts(groups), "chosen": best, "rejected": worst}
    texts = {side: table[TEXTS[side]].combine_chunks().take(from_numbers(rows)) for side, rows in rows_of.items()}
    ids = map(plain_preference_id(projection.source), *(_split_texts(column) for column in texts.values()))
    sides = np.stack([best, worst], axis=1).reshape(-1)
    scores = _read_scores(table, projection)
    deciding = list(projection.axes).index(str(projection.axis))
    columns = {
        "id": from_texts(list(ids)),
        "source": repeat_text(projection.source, count),
        "kind": repeat_text(projection.kind, count),
        "objective": repeat_text(projection.objective, count),
        "licence": repeat_text(projection.licence, count),
        "axis": repeat_text(str(projection.axis), count),
        "chosen_score": from_numbers(scores[best, deciding]),
        "rejected_score": from_numbers(scores[worst, deciding]),
        "axes": _make_axes(scores[best], scores[worst], projection, schema.field("axes").type.value_type),
        "n_judgements": from_numbers(np.ones(count, dtype=np.int32)),
        "n_responses": from_numbers(np.diff(groups.starts).astype(np.int32)),
        "group": _to_hex(table, "root", starts),
        "origin": _wrap(table["origin"].combine_chunks().take(from_numbers(sides)), 2),
        "extra": from_texts(_describe_others(groups, scores)),
        GROUP_KEY: _to_hex(table, "key", starts),
        CHOSEN_KEY: _to_hex(table, "answer_key", best),
        REJECTED_KEY: _to_hex(table, "answer_key", worst),
        NUMBER: from_numbers(numbers),
    }
    for side, column in texts.items():
        columns[side] = _make_messages(column, "user" if side == "prompt" else "assistant", schema.field(side).type)
    return pa.Table.from_arrays(
        [columns[field.name] if field.name in columns else pa.nulls(count, field.type) for field in schema],
        schema=schema,
    )


def _make_messages(texts: "pa.Array", role: str, kind: "pa.ListType") -> "pa.Array":
    """Returns a column of dialogues of one plain turn each."""
    import pyarrow as pa

    columns = {"role": repeat_text(role, len(texts)), "content": texts}
    fields = [kind.value_type.field(place) for place in range(kind.value_type.num_fields)]
    arrays = [columns[one.name] if one.name in columns else pa.nulls(len(texts), one.type) for one in fields]
    return _wrap(pa.StructArray.from_arrays(arrays, fields=fields))


def _make_axes(
    chosen: "npt.NDArray[np.float64]", rejected: "npt.NDArray[np.float64]", projection: Projection, kind: "pa.DataType"
) -> "pa.Array":
    """Returns the scores on the further axes, sorted by name."""
    import pyarrow as pa

    names = list(projection.axes)
    others = sorted(name for name in names if name != projection.axis)
    places = [names.index(name) for name in others]
    codes = np.tile(np.arange(len(others), dtype=np.int32), len(chosen))
    arrays = [
        take_texts(others, codes),
        from_numbers(chosen[:, places].reshape(-1)),
        from_numbers(rejected[:, places].reshape(-1)),
    ]
    fields = [kind.field(place) for place in range(kind.num_fields)]
    values = pa.StructArray.from_arrays(arrays, fields=fields)
    return make_lists(values, np.arange(len(chosen) + 1) * len(others))


def _choose_prompts(groups: RatedGroups) -> Ints:
    """Returns the row of each group's prompt: the first in sort order, where only what `prompt_key` ignores differs."""
    prompts, rows, starts = groups.table["prompt"], groups.rows, groups.starts
    chosen = rows[starts[:-1]]
    first = np.repeat(chosen, np.diff(starts))
    differs = ~_are_equal(prompts, rows, first)
    for group in np.unique(np.searchsorted(starts, np.flatnonzero(differs), side="right") - 1):
        of_group = rows[starts[group] : starts[group + 1]]
        texts = prompts.take(from_numbers(of_group)).to_pylist()
        chosen[group] = of_group[min(range(len(texts)), key=texts.__getitem__)]
    return chosen


def _split_texts(column: "pa.Array") -> Iterator[memoryview]:
    """Yields the texts of a column in UTF-8, without a copy."""
    _, offsets, data = column.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)[column.offset : column.offset + len(column) + 1].tolist()
    view = memoryview(data)
    return (view[start:end] for start, end in itertools.pairwise(ends))


def _describe_others(groups: RatedGroups, scores: "npt.NDArray[np.float64]") -> list[str]:
    """Returns the column `extra`: scores and origins of the answers that are not in the preference, as JSON."""
    names = list(groups.projection.axes)
    order = sorted(range(len(names)), key=names.__getitem__)
    encode = json.encoder.encode_basestring
    labels = [encode(names[place]).replace("%", "%%") for place in order]
    rated = ", ".join(f"{label}: %r" for label in labels)
    template = f'{{"origin": [%s], "scores": {{{rated}}}}}'
    is_other = np.ones(len(groups.rows), dtype=bool)
    is_other[groups.best] = is_other[groups.worst] = False
    others = np.flatnonzero(is_other)
    rows = groups.rows[others]
    origins = groups.table["origin"].take(from_numbers(rows)).to_pylist()
    values = scores[rows][:, order].tolist()
    texts = [template % (encode(origin), *of_row) for origin, of_row in zip(origins, values, strict=True)]
    ends = np.searchsorted(others, groups.starts).tolist()
    extras = [
        f'{{"others": [{", ".join(texts[start:end])}]}}' if end > start else "{}"
        for start, end in itertools.pairwise(ends)
    ]
    return extras
