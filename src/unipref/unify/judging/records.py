"""Turns the feedback of rows into judgements: the rows of `judgements.parquet`, one per judgement."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import xxhash

from unipref.core import parquet
from unipref.core.arrow_arrays import MANY_ROWS, from_values
from unipref.core.judgements import PAIR, RANKING, RATING, SPLIT, THUMB, judgement_schema
from unipref.core.records import Axis, Comparison, Feedback, Response
from unipref.core.text_keys import answer_hash
from unipref.core.work_progress import RowCount
from unipref.unify.interleaved import InterleavedRows
from unipref.unify.projection.project import Projection

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 1 << 16
"""About how many judged answers a row group of a Parquet file has."""
_pack = msgspec.msgpack.Encoder().encode


class Judgement(NamedTuple):
    """One row of `judgements.parquet`; `judgement_schema` documents the columns."""

    group: str
    answers: list[str]
    axis: str | None
    kind: str
    value: float | None
    places: list[int] | None
    shown: list[int] | None
    annotator: str | None
    source: str
    n: int
    origin: str


def list_judgements(part: Feedback, projection: Projection, group: str) -> Iterator[Judgement]:
    """Yields the judgements of the feedback of a row.

    Demonstrations are no judgements: nobody compared or rated them. Nor are judgements of two answers with one text.

    Args:
        part: feedback on one prompt, before it is merged with that of other rows.
        projection: the source, its objective, which is the axis of the judgements that decide, and its further axes.
        group: the key of the prompt.
    """
    yield from _Reader(part, projection, group).read()


def name_axis(axis: str, objective: str, weights: Collection[str] = ()) -> str:
    """Returns under which name judgements on a further axis are filed: its own, unless the objective has that name.

    An axis of a weighted mean that is named like the objective is meant to meet the judgements of other sources: no
    other axis of its source is filed under the objective.
    """
    return axis if axis != objective or axis in weights else f"{axis} (axis)"


class _Reader:
    """Reads the judgements of the feedback of one row."""

    def __init__(self, part: Feedback, projection: Projection, group: str) -> None:
        self.part, self.projection, self.source, self.group = part, projection, projection.source, group
        self.objective = part.objective or projection.objective
        self.keys = [answer_hash(response) for response in part.responses]
        self.origin = next((place for response in part.responses for place in response.origin), "")

    def read(self) -> Iterator[Judgement]:
        """Yields comparisons, then verdicts, then scores."""
        comparisons = [c for c in self.part.comparisons if self.keys[c.better] != self.keys[c.worse]]
        if is_choice_of_one(comparisons):
            yield self._split([self.keys[comparisons[0].better]], [self.keys[c.worse] for c in comparisons])
        else:
            counts = Counter(self._pair(comparison) for comparison in comparisons)
            for (better, worse, value, annotator), count in counts.items():
                # One person who judges a pair twice alike has judged it once.
                count = count if annotator is None else 1
                yield self._make([better, worse], PAIR, value, annotator=annotator, count=count)
        yield from self._verdicts()
        yield from self._scores()

    def _pair(self, comparison: Comparison) -> tuple[str, str, float, str | None]:
        better, worse = self.keys[comparison.better], self.keys[comparison.worse]
        if comparison.tie:
            better, worse = sorted((better, worse))
        value = 0.0 if comparison.tie else 1.0 if comparison.strength is None else comparison.strength
        return better, worse, value, comparison.annotator or self.part.annotator

    def _verdicts(self) -> Iterator[Judgement]:
        judged = list(zip(self.keys, self.part.responses, strict=True))
        for key, response in judged:
            if response.approved is not None and response.n_judgements:
                yield self._make([key], THUMB, float(response.approved), count=response.n_judgements)
        sides = [
            [key for key, response in judged if response.approved is is_good and not response.n_judgements]
            for is_good in (True, False)
        ]
        both = {*sides[0]} & {*sides[1]}
        good, bad = ([key for key in side if key not in both] for side in sides)
        if good and bad:
            yield self._split(good, bad)

    def _scores(self) -> Iterator[Judgement]:
        """Yields ratings and rankings: one per person if the row holds them one by one, else one of the mean."""
        for name, axis in self.projection.axes.items():
            scored = [(k, r) for k, r in zip(self.keys, self.part.responses, strict=True) if name in r.scores]
            if axis.is_rank:
                rankings = _list_rankings(scored, name)
                for places in rankings:
                    yield from self._ranking(axis, places, is_one_person=len(rankings) == 1)
                continue
            further = None if name == self.projection.axis else name_axis(name, self.objective, self.projection.weights)
            for key, response in scored:
                values = Counter(response.each.get(name) or [response.scores[name]])
                is_one = values.total() == 1
                for value, count in values.items():
                    score = axis.sign * value + 0.0
                    yield self._make([key], RATING, score, axis=further, count=count, is_one_person=is_one)

    def _ranking(self, axis: Axis, places: Sequence[tuple[str, float]], is_one_person: bool) -> Iterator[Judgement]:
        """Yields one ranking; nothing for fewer than two different answers, which have no order. An answer that occurs
        twice has its mean place.
        """
        heights: dict[str, list[float]] = {}
        for key, place in places:
            heights.setdefault(key, []).append(axis.sign * place)
        height = {key: fmean(values) for key, values in heights.items()}
        if len(height) < 2:
            return
        place_of = {each: place for place, each in enumerate(sorted(set(height.values()), reverse=True), 1)}
        ranked = [place_of[each] for each in height.values()]
        yield self._make([*height], RANKING, None, places=ranked, is_one_person=is_one_person)

    def _split(self, good: list[str], bad: list[str]) -> Judgement:
        good, bad = [*dict.fromkeys(good)], [*dict.fromkeys(bad)]
        return self._make([*good, *bad], SPLIT, None, places=[1] * len(good) + [2] * len(bad))

    def _make(
        self,
        answers: list[str],
        kind: str,
        value: float | None,
        *,
        axis: str | None = None,
        places: list[int] | None = None,
        annotator: str | None = None,
        count: int = 1,
        is_one_person: bool = True,
    ) -> Judgement:
        # Where a row holds the judgements of several people, its annotator is none of them, or not known to be.
        shown = None
        if self.part.shown_first is not None and len(answers) == 2:
            first = self.keys[self.part.shown_first]
            shown = [int(key != first) for key in answers]
        who = annotator or (self.part.annotator if is_one_person and count == 1 else None)
        return Judgement(
            self.group,
            answers,
            axis or self.objective,
            kind,
            value,
            places,
            shown,
            who,
            self.source,
            count,
            self.origin,
        )


def _list_rankings(scored: Sequence[tuple[str, Response]], name: str) -> list[list[tuple[str, float]]]:
    """Lists each person's ranking as pairs of answer and place; the mean places if people ranked different answers."""
    numbers = {len(response.each.get(name, ())) for _, response in scored}
    if len(numbers) != 1 or 0 in numbers:
        return [[(key, response.scores[name]) for key, response in scored]]
    return [[(key, response.each[name][person]) for key, response in scored] for person in range(numbers.pop())]


def is_choice_of_one(comparisons: Sequence[Comparison]) -> bool:
    """Whether one answer was chosen among three or more: better than each of the others, which are not compared."""
    return (
        len(comparisons) > 1
        and len({c.better for c in comparisons}) == 1
        and len({c.worse for c in comparisons}) == len(comparisons)
        and not any(c.tie or c.strength is not None or c.annotator for c in comparisons)
    )


class InformativeCounter:
    """Counts, per source, the judgements that can tell how reliable their source or annotator is.

    These are judgements of named people, and judgements on what was judged more than once: on the same answers within a
    source, or on the same prompt in another one. Where a source has none, nothing can be estimated of it.

    Attributes:
        by_source: source -> number of such judgements. They are an upper bound: the aggregate counts them exactly.

    Args:
        has_several_sources: whether the judgements can be of more than one source.
    """

    def __init__(self, has_several_sources: bool = True) -> None:
        self.by_source: Counter[str] = Counter()
        self._source_of: dict[tuple[str, str | None], str] = {}
        self._judged: set[int] = set()
        self._has_several = has_several_sources

    def add(self, judgement: Judgement) -> None:
        """Counts one judgement."""
        source = judgement.source
        first = self._source_of.setdefault((judgement.group, judgement.axis), source)
        if first != source:
            self.by_source.update((first, source))
        about = "\x1f".join((source, judgement.group, judgement.axis or "", *sorted(judgement.answers)))
        judged = xxhash.xxh3_64_intdigest(about.encode())
        if judgement.annotator is not None or judgement.n > 1 or judged in self._judged:
            self.by_source[source] += 1
        self._judged.add(judged)

    def add_ratings(self, table: "pa.Table", n_axes: int, sizes: Iterable[int]) -> None:
        """Counts the ratings of whole groups of one source, whose judges are not named and rated different answers on
        the same axes.

        Args:
            table: the judgements, group by group.
            n_axes: the number of axes.
            sizes: number of answers of each group.
        """
        if not self._has_several or not len(table):
            return
        source, start = table["source"][0].as_py(), 0
        axes = table["axis"].slice(0, n_axes).to_pylist()
        groups = table["group"].to_pylist()
        for size in sizes:
            for axis in axes:
                first = self._source_of.setdefault((groups[start], axis), source)
                if first != source:
                    self.by_source[first] += size
                    self.by_source[source] += size
            start += size * n_axes


class JudgementWriter:
    """Writes judgements to a Parquet file, some thousands at a time. The file is read once and removed.

    Args:
        path: the file.
        has_several_sources: whether the judgements can be of more than one source.

    Attributes:
        informative: counts what can tell how reliable the judges are.
        copied: source -> judgements left out because the same judge gave them in another row.
    """

    def __init__(self, path: Path, has_several_sources: bool = True) -> None:
        self._file = parquet.write_plain(path, judgement_schema())
        self.informative = InformativeCounter(has_several_sources)
        self.copied: Counter[str] = Counter()
        self._rows_of_judges: set[int] = set()
        self._rows = InterleavedRows[Judgement](_to_table)
        self._n_answers = 0

    def __enter__(self) -> "JudgementWriter":
        return self

    def __exit__(self, *error: object) -> None:
        self._flush()
        self._file.close()

    def add(self, judgements: Iterable[Judgement], judge: str | None) -> int:
        """Adds the judgements of one row, unless the same judge gave the same in another row; returns how many.

        Args:
            judgements: of one row on one prompt.
            judge: the annotator, or the hash of the raw row; None: every row differs.
        """
        rows = list(judgements)
        if judge is not None and rows:
            content = xxhash.xxh3_64_intdigest(_pack((judge, [row[:-1] for row in rows])))
            if content in self._rows_of_judges:
                self.copied[rows[0].source] += len(rows)
                return 0
            self._rows_of_judges.add(content)
        for judgement in rows:
            self._n_answers += len(judgement.answers)
            self.informative.add(judgement)
        self._rows.add_rows(rows)
        if self._n_answers >= BATCH:
            self._flush()
        return len(rows)

    def add_ratings(self, table: "pa.Table", n_axes: int, sizes: Iterable[int]) -> None:
        """Adds ratings as `InformativeCounter.add_ratings` describes them."""
        self.informative.add_ratings(table, n_axes, sizes)
        self._rows.add_table(table)
        self._n_answers += len(table)
        if self._n_answers >= BATCH:
            self._flush()

    def _flush(self) -> None:
        if len(self._rows):
            self._file.write_table(self._rows.take(), row_group_size=BATCH)
            self._n_answers = 0


def _to_table(rows: list[Judgement]) -> "pa.Table":
    import pyarrow as pa

    columns: Any = zip(*rows, strict=True)
    schema = judgement_schema()
    convert = pa.array if len(rows) >= MANY_ROWS else from_values
    arrays = [convert(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def join_files(parts: Sequence[Path], out: Path) -> None:
    """Writes the judgements of several files to one, in order, and removes each as soon as it is copied."""
    import pyarrow.parquet as pq

    count = RowCount("joining judgements", sum(map(parquet.count_rows, parts)))
    with pq.ParquetWriter(out, judgement_schema(), compression="zstd") as file:
        for part in parts:
            # Judgements have no long texts, and their row groups are large.
            for batch in parquet.read_batches(part, rows_at_once=BATCH, few=BATCH):
                file.write_batch(batch)
                count.add(len(batch))
            part.unlink()
