"""The table of judgements: who judged which answers to which prompt, and how. One row per judgement, in columns.

It is kept as `unified/judgements.parquet`, with the columns of `judgement_schema`. `Judgements` is the same table in
memory, as numpy columns of codes. Its rows are in one canonical order, so no result depends on the order of the input.
"""

import dataclasses
import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from unipref.core.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

PAIR, RATING, THUMB, RANKING, SPLIT = "pair", "rating", "thumb", "ranking", "split"
KINDS = (PAIR, RATING, THUMB, RANKING, SPLIT)
"""What a judgement is. pair: of two answers, which is better and, in a graded pair, by how much. rating: a score of one
answer. thumb: one answer is good or bad. ranking: answers in order. split: some answers are good, the others bad."""
SINGLE = (RATING, THUMB)
ORDERED = (RANKING, SPLIT)
NOBODY = -1
"""The code of an annotator who is not named."""


@functools.cache
def judgement_schema() -> "pa.Schema":
    """The Arrow schema of `judgements.parquet`, one row per judgement.

    - `group`: the key of the prompt with all its turns; answers of one group can be compared.
    - `answers`: the key of each answer that was judged: one for a rating or thumb, two for a pair, more for a ranking.
    - `axis`: what was judged: the objective of the row (instruction), or a further axis (tone); null for the whole.
    - `kind`: one of `KINDS`.
    - `value`: of a pair, above 0 if the first answer is better, below 0 if the second is, 0 for a tie; its size is the
      strength (1 if there are no grades). Of a rating, the score, turned so that more is better. Of a thumb, 1 for up,
      0 for down. Null for a ranking or split.
    - `places`: of a ranking, the place of each answer, 1 for the best, equal places for a tie. Of a split, 1 for good
      and 2 for bad. Null otherwise.
    - `shown`: the place at which each answer was shown, 0 for the first; null if this is not known.
    - `annotator`: who judged; null if this is not known. The same name in two sources is the same person.
    - `source`: the source of the row.
    - `count`: how many judgements the row stands for (7 of 10 voters); 1 if there is an annotator.
    - `origin`: `file[!member]:row` of the raw row.
    """
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("group", pa.string(), nullable=False),
            pa.field("answers", pa.list_(pa.string()), nullable=False),
            pa.field("axis", pa.string()),
            pa.field("kind", pa.string(), nullable=False),
            pa.field("value", pa.float64()),
            pa.field("places", pa.list_(pa.int32())),
            pa.field("shown", pa.list_(pa.int32())),
            pa.field("annotator", pa.string()),
            pa.field("source", pa.string(), nullable=False),
            pa.field("count", pa.int32(), nullable=False),
            pa.field("origin", pa.string(), nullable=False),
        ]
    )


@dataclass(frozen=True, eq=False)
class Judgements:
    """n judgements in columns of codes, in canonical order. Names are sorted, so codes do not depend on the input.

    Attributes:
        groups, axes, sources, annotators: names by code; the axis of a judgement of the whole is ''.
        answers: (m,) names of the answers; an answer belongs to one group and axis, and has one code.
        blocks: (b, 2) group and axis of each block: the answers to a prompt as judged on one axis.
        block_starts: (b + 1,) first answer code of each block.
        block, kind, source, annotator: (n,) codes; `kind` is the place in `KINDS`, NOBODY an unknown annotator.
        value: (n,) as in the schema; NaN for a ranking or split.
        count: (n,) judgements that the row stands for.
        starts: (n + 1,) where the answers of each row start in the next three.
        judged: (k,) answer codes.
        places, shown: (k,) places; -1 for none.
        row: (n,) place of each judgement in the table that it was read from.
        one_way: codes of the sources whose judges cannot disagree with each other.
    """

    groups: npt.NDArray[Any]
    axes: npt.NDArray[Any]
    sources: npt.NDArray[Any]
    annotators: npt.NDArray[Any]
    answers: npt.NDArray[Any]
    blocks: Ints
    block_starts: Ints
    block: Ints
    kind: Ints
    source: Ints
    annotator: Ints
    value: Floats
    count: Ints
    starts: Ints
    judged: Ints
    places: Ints
    shown: Ints
    row: Ints
    one_way: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.block)

    def is_kind(self, *kinds: str) -> npt.NDArray[np.bool_]:
        """Returns (n,) whether each judgement is of one of these kinds."""
        return np.isin(self.kind, [KINDS.index(kind) for kind in kinds])

    def take(self, rows: npt.NDArray[np.bool_]) -> "Judgements":
        """Returns these (n,) rows alone. Names, answers and blocks keep their codes."""
        sizes = np.diff(self.starts)
        entries = np.repeat(rows, sizes)
        by_row = ("block", "kind", "source", "annotator", "value", "count", "row")
        by_entry = ("judged", "places", "shown")
        return dataclasses.replace(
            self,
            **{name: getattr(self, name)[rows] for name in by_row},
            **{name: getattr(self, name)[entries] for name in by_entry},
            starts=np.concatenate([[0], np.cumsum(sizes[rows])]),
        )

    def with_one_way(self, sources: Collection[str]) -> "Judgements":
        """Returns the table in which the judges of these sources, by name, cannot disagree with each other."""
        codes = (code for code, name in enumerate(self.sources.tolist()) if name in sources)
        return dataclasses.replace(self, one_way=tuple(codes))

    def block_name(self, block: int) -> tuple[str, str | None]:
        """Returns the names of group and axis of a block; None for a judgement of the whole."""
        group, axis = self.blocks[block]
        return str(self.groups[group]), str(self.axes[axis]) or None

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]]) -> "Judgements":
        """Makes the table from dicts, which may lack any column but `group`, `answers`, `kind` and `source`."""
        import pyarrow as pa

        defaults = {"axis": None, "value": None, "places": None, "shown": None, "annotator": None}
        filled = [{**defaults, "count": 1, "origin": "", **row} for row in rows]
        return cls.from_table(pa.Table.from_pylist(filled, schema=judgement_schema()))

    @classmethod
    def from_table(cls, table: "pa.Table") -> "Judgements":
        """Makes the table from one of `judgement_schema`.

        Raises:
            UserError: a row has an unknown kind, too few or equal answers, or a value that does not fit its kind.
        """
        columns = _Columns(table)
        columns.check()
        return columns.build(cls)


def _schema_without_origin() -> "pa.Schema":
    """The columns that `Judgements` holds; the origin stays in the file."""
    import pyarrow as pa

    return pa.schema([field for field in judgement_schema() if field.name != "origin"])


class _Columns:
    """The columns of an Arrow table as numpy arrays, and their conversion to `Judgements`."""

    def __init__(self, table: "pa.Table") -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        schema = _schema_without_origin()
        table = table.select(schema.names).cast(schema).combine_chunks()
        self.groups, self.group = _encode(table["group"])
        self.axes, self.axis = _encode(pc.fill_null(table["axis"], ""))
        self.sources, self.source = _encode(table["source"])
        self.annotators, self.annotator = _encode(table["annotator"])
        kinds, kind = _encode(table["kind"])
        self.unknown_kinds = sorted(set(kinds.tolist()) - set(KINDS))
        self.kind = np.array([KINDS.index(k) if k in KINDS else -1 for k in kinds], dtype=np.int64)[kind]
        self.value = table["value"].to_numpy().astype(np.float64)
        self.count = table["count"].to_numpy().astype(np.int64)
        lists = table["answers"].combine_chunks() if isinstance(table["answers"], pa.ChunkedArray) else table["answers"]
        lists = lists if not isinstance(lists, pa.ChunkedArray) else pa.concat_arrays(lists.chunks)
        self.size = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False).astype(np.int64)
        self.names, self.name = _encode(pa.chunked_array([lists.flatten()]))
        self.places = self._flatten(table["places"])
        self.shown = self._flatten(table["shown"])

    def _flatten(self, column: "pa.ChunkedArray") -> Ints:
        """Returns (k,) the numbers of a list column beside the answers; -1 where a row has none."""
        import pyarrow.compute as pc

        flat = np.full(int(self.size.sum()), -1, dtype=np.int64)
        sizes = pc.fill_null(pc.list_value_length(column), 0).to_numpy().astype(np.int64)
        has = sizes > 0
        if (sizes[has] != self.size[has]).any():
            row = int(np.flatnonzero(has & (sizes != self.size))[0])
            raise UserError(
                f"the judgement has {self.size[row]} answers, but {sizes[row]} places.", where=f"judgements, row {row}"
            )
        values = pc.fill_null(pc.list_flatten(column), -1).to_numpy()
        flat[np.repeat(has, self.size)] = values
        return flat

    def check(self) -> None:
        """Raises a UserError for the first row that is not a judgement."""
        if self.unknown_kinds:
            raise UserError(
                f"unknown kind of judgement {self.unknown_kinds}.", mend=f"Known kinds: {', '.join(KINDS)}."
            )
        single = np.isin(self.kind, [KINDS.index(kind) for kind in SINGLE])
        ordered = np.isin(self.kind, [KINDS.index(kind) for kind in ORDERED])
        pair = self.kind == KINDS.index(PAIR)
        rows = np.repeat(np.arange(len(self.kind)), self.size)
        missing_place = np.zeros(len(self.kind), dtype=bool)
        np.logical_or.at(missing_place, rows, self.places < 1)
        ordering = np.lexsort((self.name, rows))
        same = (np.diff(rows[ordering]) == 0) & (np.diff(self.name[ordering]) == 0)
        repeated = np.zeros(len(self.kind), dtype=bool)
        repeated[rows[ordering][1:][same]] = True
        thumb = self.kind == KINDS.index(THUMB)
        faults = [
            (single & (self.size != 1), "a rating or thumb judges one answer"),
            (pair & (self.size != 2), "a pair judges two answers"),
            (ordered & (self.size < 2), "a ranking or split judges at least two answers"),
            (repeated, "an answer occurs twice in one judgement"),
            (~ordered & ~np.isfinite(self.value), "the value is missing or not a number"),
            (thumb & ~np.isin(self.value, (0.0, 1.0)), "the value of a thumb is 0 or 1"),
            (ordered & missing_place, "a ranking or split has a place, from 1, for each answer"),
            (self.count < 1, "the count is below 1"),
        ]
        for is_wrong, what in faults:
            if is_wrong.any():
                raise UserError(f"{what}.", where=f"judgements, row {int(np.flatnonzero(is_wrong)[0])}")

    def build(self, cls: type[Judgements]) -> Judgements:
        """Returns the table in canonical order."""
        n = len(self.kind)
        of_block = self.group * max(len(self.axes), 1) + self.axis
        block_keys, block = np.unique(of_block, return_inverse=True)
        rows = np.repeat(np.arange(n), self.size)
        width = max(len(self.names), 1)
        answer_keys, judged = np.unique(block[rows] * width + self.name, return_inverse=True)
        starts = np.concatenate([[0], np.cumsum(self.size)])
        within = np.arange(len(rows)) - starts[rows]
        # Each judgement lists its answers in the order of their codes; a pair's value turns with them.
        by_answer = np.lexsort((judged, rows))
        turned = (self.kind == KINDS.index(PAIR)) & (within[by_answer][starts[:-1]] == 1) if n else np.zeros(0, bool)
        value = np.where(turned, -self.value, self.value) + 0.0  # no -0.0
        judged, places, shown = judged[by_answer], self.places[by_answer], self.shown[by_answer]
        keys = [
            value,
            self.count,
            self.annotator,
            self.source,
            self.kind,
            _order_of_lists(starts, judged, places, shown),
        ]
        order = np.lexsort((np.arange(n), *keys, block))
        new_starts = np.concatenate([[0], np.cumsum(self.size[order])])
        take = np.repeat(starts[:-1][order] - new_starts[:-1], self.size[order]) + np.arange(len(judged))
        return cls(
            groups=self.groups,
            axes=self.axes,
            sources=self.sources,
            annotators=self.annotators,
            answers=self.names[answer_keys % width] if len(answer_keys) else self.names,
            blocks=np.stack([block_keys // max(len(self.axes), 1), block_keys % max(len(self.axes), 1)], axis=1),
            block_starts=np.searchsorted(answer_keys // width, np.arange(len(block_keys) + 1)),
            block=block[order],
            kind=self.kind[order],
            source=self.source[order],
            annotator=self.annotator[order],
            value=value[order],
            count=self.count[order],
            starts=new_starts,
            judged=judged[take],
            places=places[take],
            shown=shown[take],
            row=order,
        )


def _order_of_lists(starts: Ints, judged: Ints, places: Ints, shown: Ints) -> Ints:
    """Returns (n,) ranks that order the rows by their lists of answers, places and shown places."""
    n = len(starts) - 1
    sizes = np.diff(starts)
    ranks = np.zeros(n, dtype=np.int64)
    if not n:
        return ranks
    columns = []
    for place in range(int(sizes.max())):
        has = sizes > place
        at = starts[:-1][has] + place
        for values in (judged, places, shown):
            column = np.full(n, -2, dtype=np.int64)
            column[has] = values[at]
            columns.append(column)
        if place >= 1 and not (sizes > place + 1).any():
            break
    order = np.lexsort(columns[::-1])
    changed = np.zeros(n, dtype=bool)
    for column in columns:
        changed[1:] |= np.diff(column[order]) != 0
    ranks[order] = np.cumsum(changed)
    return ranks


def _encode(column: "pa.ChunkedArray") -> tuple[npt.NDArray[Any], Ints]:
    """Returns the sorted names of a column of texts, and the code of each value; NOBODY for null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not len(column):
        return np.array([], dtype=object), np.zeros(0, dtype=np.int64)
    encoded = pc.dictionary_encode(column)
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0)
    names = encoded.dictionary.to_numpy(zero_copy_only=False)
    order = np.argsort(names.astype(object), kind="stable") if len(names) else np.zeros(0, dtype=np.int64)
    new_code = np.empty(len(names) + 1, dtype=np.int64)
    new_code[order] = np.arange(len(names))
    new_code[-1] = NOBODY
    codes = pc.fill_null(encoded.indices, len(names)).to_numpy(zero_copy_only=False).astype(np.int64)
    return names[order], new_code[codes]


def to_table(rows: Sequence[Mapping[str, Any]]) -> "pa.Table":
    """Returns complete rows as an Arrow table of `judgement_schema`."""
    import pyarrow as pa

    return pa.Table.from_pylist(list(rows), schema=judgement_schema())


def write_judgements(path: Path, table: "pa.Table") -> None:
    """Writes a table of `judgement_schema` to a Parquet file; the same table gives the same bytes."""
    import pyarrow.parquet as pq

    pq.write_table(table.select(judgement_schema().names).cast(judgement_schema()), path, compression="zstd")


def read_judgements(path: Path, sources: Collection[str] | None = None, shown: str = "") -> Judgements:
    """Reads a Parquet file of judgements.

    Args:
        path: the file.
        sources: the sources whose judgements are read; None: all.
        shown: what to report the progress as; empty: nothing is reported.

    Raises:
        UserError: the file is missing or damaged, lacks a column, or holds a row that is not a judgement.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from unipref.core import parquet

    schema = _schema_without_origin()
    wanted = None if sources is None else pa.array(sorted(sources), pa.string())
    batches = [
        batch if wanted is None else batch.filter(pc.is_in(batch["source"], value_set=wanted))
        for batch in parquet.read_batches(path, schema.names, rows_at_once=2**16, shown=shown)
    ]
    table = pa.Table.from_batches(batches, schema=schema)
    del batches
    judgements = Judgements.from_table(table)
    del table
    pa.default_memory_pool().release_unused()
    return judgements
