"""Reads rows of one rated answer into columns, where the row is as plain as its mapping.

`ratings` with the paths of a prompt, an answer and numbers is the shape of most large sources. `RatedReader` reads such
a row without `Format.read`, and leaves every row in which it sees anything else to it: both give the same `Feedback`
(`as_feedback`), which `tests/unify/test_rated_rows.py` checks. Columns are grouped by numbers alone (`rated_groups`).
"""

import itertools
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import xxhash

from unipref.core.arrow_arrays import from_numbers, from_texts, join_texts
from unipref.core.contracts import Format
from unipref.core.records import Feedback, Message, Reject, Response, Row
from unipref.core.text_keys import plain_answer_key, plain_prompt_keys
from unipref.core.workers.buckets import BucketWriter, read_bucket
from unipref.unify.formats.ratings import Ratings
from unipref.unify.mapping.fields import MAX_SCORE
from unipref.unify.mapping.paths import ITSELF, KEYS, is_star
from unipref.unify.projection.judges import JudgeNamer
from unipref.unify.projection.project import Projection

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER = "rated"
"""Folder of the buckets of such rows, beside those of feedback."""
ROW_MEMORY = 900
"""About how many bytes of memory a row takes besides its texts."""
BLOCK_BYTES, LEAST_BLOCK_BYTES, BUCKET_BLOCK_BYTES = 64 << 20, 2 << 20, 512 << 10
"""Bytes of rows that a map task gathers before it writes them, a block of columns for each bucket: at most, at least,
and for each bucket. New memory costs time, so a block is not larger than it has to be.
"""
KEY_BYTES = 16
BATCH_ROWS = 1024
"""Most rows whose columns are turned into values at once."""
REASONING_MARKS = ("think>", 'type="reasoning"')
"""Parts of the marks of reasoning in an answer, each of which stands in a tag."""
TRANSCRIPT_END = "Assistant:"
"""End of a prompt that is a transcript."""
Getter = Callable[[Mapping[str, Any]], Any]
"""Gets the value at a path of a row."""
_READ = {"prompt", "response", "scores"}
CACHED_PROMPTS = 1024
"""Most prompts whose keys are held."""


class RatedRows(msgspec.Struct):
    """Rows in columns.

    Attributes:
        prompts, answers: their texts without outer white space, in UTF-8.
        scores: their scores, row by row, in the order of the axes.
        prompt_keys, roots: hashes of the prompts.
        answer_keys, judges: hashes of the answers and of the whole rows.
        places: their places among all rows of the run.
        origins: their origins.
    """

    prompts: list[bytes] = []
    answers: list[bytes] = []
    scores: list[float] = []
    prompt_keys: list[bytes] = []
    roots: list[bytes] = []
    answer_keys: list[bytes] = []
    judges: list[bytes] = []
    places: list[int] = []
    origins: list[str] = []

    def __len__(self) -> int:
        return len(self.prompts)

    def __iadd__(self, others: "RatedRows") -> "RatedRows":
        for name in self.__struct_fields__:
            getattr(self, name).extend(getattr(others, name))
        return self


class RatedReader:
    """Reads the plain rows of a source.

    Args:
        form: the format with its settings.
    """

    def __init__(self, form: Ratings) -> None:
        self.axes = tuple(form.scores)
        assert isinstance(form.prompt, str)
        assert isinstance(form.response, str)
        self._prompt, self._answer = _compile_path(form.prompt), _compile_path(form.response)
        self._scores = [
            (
                _compile_path(str(spec.field)),
                -MAX_SCORE if spec.low is None else max(spec.low, -MAX_SCORE),
                MAX_SCORE if spec.high is None else min(spec.high, MAX_SCORE),
            )
            for spec in form.scores.values()
        ]
        self._judges = JudgeNamer()
        self._keys: dict[str, tuple[bytes, bytes]] = {}

    def read(self, given: Sequence[Row | Reject]) -> RatedRows | None:
        """Returns rows that are all plain, without places and origins; None if the format has to read one of them."""
        rows = [row for row in given if isinstance(row, dict)]
        if len(rows) < len(given):
            return None
        try:
            prompts, answers = self._read_texts(self._prompt, rows), self._read_texts(self._answer, rows)
            scores = [self._read_scores(*each, rows) for each in self._scores]
            if any("parent" in row for row in rows) or any(prompt.endswith(TRANSCRIPT_END) for prompt in prompts):
                return None
            if any("<" in answer and any(mark in answer for mark in REASONING_MARKS) for answer in answers):
                return None
            # First, because to pack a row makes the UTF-8 of its texts, which `encode` then only copies.
            judges = [bytes.fromhex(self._judges.hash_row(row)) for row in rows]
            keys = [self._keys.get(prompt) or self._find_keys(prompt) for prompt in prompts]
            texts = [answer.encode() for answer in answers]
            return RatedRows(
                [prompt.encode() for prompt in prompts],
                texts,
                list(itertools.chain.from_iterable(zip(*scores, strict=True))),
                [key for key, _ in keys],
                [root for _, root in keys],
                list(map(plain_answer_key, texts)),
                judges,
            )
        except (LookupError, TypeError, ValueError, OverflowError, RecursionError):
            return None  # a path that leads elsewhere, half a surrogate pair, or a number that cannot be packed

    def _read_texts(self, get: Getter, rows: Sequence[Row]) -> list[str]:
        """Returns the text of each row; raises TypeError or ValueError where there is none."""
        texts = list(map(get, rows))
        if set(map(type, texts)) != {str}:
            raise TypeError("not a text")
        stripped = [text.strip() for text in texts]
        if not all(stripped):
            raise ValueError("an empty text")
        return stripped

    def _read_scores(self, get: Getter, low: float, high: float, rows: Sequence[Row]) -> list[float]:
        """Returns the score of each row on an axis; raises TypeError or ValueError where there is none."""
        scores = list(map(get, rows))
        if not set(map(type, scores)) <= {int, float}:
            raise TypeError("not a number")
        if not all(low <= score <= high for score in scores):
            raise ValueError("out of bounds")
        return list(map(float, scores))

    def _find_keys(self, prompt: str) -> tuple[bytes, bytes]:
        """Returns the keys of a prompt, which neighbouring rows often share."""
        if len(self._keys) >= CACHED_PROMPTS:
            self._keys.clear()
        found = self._keys[prompt] = plain_prompt_keys(prompt)
        return found


def find_reader(form: Format, projection: Projection) -> RatedReader | None:
    """Returns the reader of a source's plain rows; None if its settings ask for more than paths, bounds and the best
    and worst answer.
    """
    if type(form) is not Ratings or projection.pairs != "best_worst" or projection.weights or projection.tie_within:
        return None
    defaults = {name: one.get_default(call_default_factory=True) for name, one in Ratings.model_fields.items()}
    if any(getattr(form, name) != value for name, value in defaults.items() if name not in _READ):
        return None
    if projection.axis not in form.scores or dict(projection.axes) != form.axes():
        return None
    paths = [form.prompt, form.response, *(spec.field for spec in form.scores.values())]
    is_plain = all(isinstance(path, str) and not is_star(path) and path != ITSELF for path in paths)
    has_codes = any(spec.codes for spec in form.scores.values())
    return RatedReader(form) if is_plain and not has_codes else None


def _compile_path(path: str) -> Getter:
    """Returns a function that gets the value at a path of keys, as `get_path` does. It raises LookupError or TypeError
    where that finds another key, the item of a list, or nothing.
    """
    first, *rest = path.split(".")
    if not rest:
        return operator.itemgetter(path)

    def get(row: Mapping[str, Any]) -> Any:
        value: Any = row[first]
        if path in row:
            raise KeyError(path)
        for part in rest:
            if type(value) is not dict or part == KEYS:
                raise TypeError(path)
            value = value[part]
        return value

    return get


class RatedWriter:
    """Writes the rated rows of one map task into buckets, block by block; a context manager.

    Args:
        folder: of the run's buckets.
        n_buckets, task_number: as of a `BucketWriter`.
        source: the number of the source.
        n_axes: number of its axes.
    """

    def __init__(self, folder: Path, n_buckets: int, task_number: int, source: int, n_axes: int) -> None:
        self._buckets = BucketWriter(folder / FOLDER, n_buckets, task_number)
        self._n_buckets, self._source, self._n_axes = n_buckets, source, n_axes
        self._block_bytes = min(BLOCK_BYTES, max(LEAST_BLOCK_BYTES, BUCKET_BLOCK_BYTES * n_buckets))
        self._rows = RatedRows()
        self._size = 0

    def __enter__(self) -> "RatedWriter":
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if kind is None:
            self._flush()
        self._buckets.__exit__(kind, error, traceback)

    def add(self, rows: RatedRows) -> None:
        """Adds rows."""
        self._rows += rows
        self._size += sum(map(len, rows.prompts)) + sum(map(len, rows.answers)) + ROW_MEMORY * len(rows)
        if self._size >= self._block_bytes:
            self._flush()

    def _flush(self) -> None:
        if not len(self._rows):
            return
        batch = to_batch(self._rows, self._n_axes)
        if self._n_buckets == 1:
            self._buckets.write(0, pack_batch(batch, self._source))
        else:
            numbers = np.array([find_bucket(key.hex()) % self._n_buckets for key in self._rows.prompt_keys])
            order = np.argsort(numbers, kind="stable")
            buckets, starts = np.unique(numbers[order], return_index=True)
            batch = batch.take(from_numbers(order))
            for bucket, start, end in zip(buckets.tolist(), starts, [*starts[1:], len(order)], strict=True):
                self._buckets.write(bucket, pack_batch(batch.slice(start, end - start), self._source))
        self._rows, self._size = RatedRows(), 0


def find_bucket(key: str) -> int:
    """Returns the number by which the rows of a prompt, of which this is the key, come into one bucket."""
    return xxhash.xxh3_64_intdigest(key.encode())


def pack_batch(batch: "pa.RecordBatch", source: int) -> "pa.Buffer":
    """Returns rated rows of one source as a record of a bucket."""
    import pyarrow as pa

    batch = batch.replace_schema_metadata({"source": str(source)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return sink.getvalue()


def to_batch(rows: RatedRows, n_axes: int) -> "pa.RecordBatch":
    """Returns the columns as Arrow stores them."""
    import pyarrow as pa

    flat = from_numbers(np.array(rows.scores, dtype=np.float64))
    arrays = {
        "place": from_numbers(np.array(rows.places, dtype=np.int64)),
        "key": _join_keys(rows.prompt_keys),
        "answer_key": _join_keys(rows.answer_keys),
        "judge": _join_keys(rows.judges),
        "scores": pa.FixedSizeListArray.from_arrays(flat, n_axes),
        "root": _join_keys(rows.roots),
        "prompt": join_texts(rows.prompts),
        "answer": join_texts(rows.answers),
        "origin": from_texts(rows.origins),
    }
    return pa.RecordBatch.from_pydict(arrays)


def _join_keys(keys: Sequence[bytes]) -> "pa.Array":
    import pyarrow as pa

    return pa.Array.from_buffers(pa.binary(KEY_BYTES), len(keys), [None, pa.py_buffer(b"".join(keys))])


def read_batches(folder: Path, bucket: int) -> "Iterator[tuple[int, pa.RecordBatch]]":
    """Yields source and batch of the rated rows of a bucket, as they were written."""
    import pyarrow as pa

    for record in read_bucket(folder / FOLDER, bucket):
        with pa.ipc.open_stream(record) as stream:
            source = int(stream.schema.metadata[b"source"])
            for batch in stream:
                yield source, batch.replace_schema_metadata(None)


def read_tables(folder: Path, bucket: int) -> dict[int, "pa.Table"]:
    """Returns the rated rows of a bucket by source, each in one chunk."""
    import pyarrow as pa

    batches: dict[int, list[pa.RecordBatch]] = {}
    for source, batch in read_batches(folder, bucket):
        batches.setdefault(source, []).append(batch)
    return {source: pa.Table.from_batches(of_source).combine_chunks() for source, of_source in batches.items()}


def iterate_feedback(table: "pa.Table", axes: Sequence[str]) -> Iterator[tuple[int, str, Feedback]]:
    """Yields place, key and feedback of each row of a table."""
    names = ("place", "key", "answer", "prompt", "scores", "judge", "origin")
    for batch in table.to_batches(max_chunksize=BATCH_ROWS):
        for place, key, answer, prompt, scores, judge, origin in zip(
            *(batch[name].to_pylist() for name in names), strict=True
        ):
            rated = dict(zip(axes, scores, strict=True))
            yield place, key.hex(), make_feedback(prompt, answer, rated, judge.hex(), origin)


def make_feedback(prompt: str, answer: str, scores: dict[str, float], judge: str, origin: str) -> Feedback:
    """Returns the feedback of a row, as the format makes it."""
    response = Response([Message(role="assistant", content=answer)], scores, origin=[origin])
    return Feedback([Message(role="user", content=prompt)], [response], judge=judge)
