"""Reads rows of one rated answer into columns, where the row is as plain as its mapping.

`ratings` with the paths of a prompt, an answer and numbers is the shape of most large sources. `RatedReader` reads such
a row without `Format.read`, and leaves every row in which it sees anything else to it: both give the same `Feedback`
(`as_feedback`), which `tests/unify/test_rated_rows.py` checks. Columns are grouped by numbers alone (`rated_groups`).
"""

import itertools
import operator
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import xxhash

from unipref.core.contracts import Format
from unipref.core.records import Feedback, Message, Response, Row
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
BLOCK_BYTES = 64 << 20
"""Bytes of rows that a map task gathers before it writes them, a block of columns for each bucket."""
KEY_BYTES = 16
BATCH_ROWS = 1024
"""Most rows whose columns are turned into values at once."""
REASONING_MARKS = ("think>", 'type="reasoning"')
"""Parts of the marks of reasoning in an answer."""
TRANSCRIPT_END = "Assistant:"
"""End of a prompt that is a transcript."""
_READ = {"prompt", "response", "scores"}
CACHED_PROMPTS = 1024
"""Most prompts whose keys are held."""


class RatedRow(msgspec.Struct, gc=False):
    """One row.

    Attributes:
        prompt, answer: its texts without outer white space, in UTF-8.
        scores: its scores in the order of the axes.
        prompt_key, root: hashes of the prompt, in hexadecimal digits.
        bucket: a number by which rows with the same prompt come into one bucket.
        answer_key, judge: hashes of the answer and of the whole row.
    """

    prompt: bytes
    answer: bytes
    scores: list[float]
    prompt_key: str
    root: str
    bucket: int
    answer_key: str
    judge: str


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
        self._keys: dict[str, tuple[str, str, int]] = {}

    def read(self, row: Row) -> RatedRow | None:
        """Returns a plain row; None for one that the format has to read."""
        try:
            prompt, answer = self._prompt(row), self._answer(row)
            if type(prompt) is not str or type(answer) is not str or "parent" in row:
                return None
            prompt, answer = prompt.strip(), answer.strip()
            if not prompt or not answer or prompt.endswith(TRANSCRIPT_END):
                return None
            if REASONING_MARKS[0] in answer or REASONING_MARKS[1] in answer:
                return None
            scores = []
            for get, low, high in self._scores:
                value = get(row)
                if (type(value) is not float and type(value) is not int) or not low <= value <= high:
                    return None
                scores.append(float(value))
            key, root, bucket = self._keys.get(prompt) or self._find_keys(prompt)
            text = answer.encode()
            judge = self._judges.hash_row(row)
            return RatedRow(prompt.encode(), text, scores, key, root, bucket, plain_answer_key(text), judge)
        except (LookupError, TypeError, ValueError, OverflowError, RecursionError):
            return None  # a path that leads elsewhere, half a surrogate pair, or a number that cannot be packed

    def _find_keys(self, prompt: str) -> tuple[str, str, int]:
        """Returns the keys of a prompt and the number of its bucket, which neighbouring rows often share."""
        if len(self._keys) >= CACHED_PROMPTS:
            self._keys.clear()
        key, root = plain_prompt_keys(prompt)
        found = self._keys[prompt] = key, root, xxhash.xxh3_64_intdigest(key.encode())
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


def _compile_path(path: str) -> Callable[[Mapping[str, Any]], Any]:
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
        self._rows: dict[int, list[tuple[RatedRow, int, str]]] = {}
        self._size = 0

    def __enter__(self) -> "RatedWriter":
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if kind is None:
            self._flush()
        self._buckets.__exit__(kind, error, traceback)

    def add(self, row: RatedRow, place: int, origin: str) -> None:
        """Adds a row.

        Args:
            row: the row.
            place: its place among all rows of the run.
            origin: its origin.
        """
        self._rows.setdefault(row.bucket % self._n_buckets, []).append((row, place, origin))
        self._size += len(row.prompt) + len(row.answer) + ROW_MEMORY
        if self._size >= BLOCK_BYTES:
            self._flush()

    def _flush(self) -> None:
        for bucket, rows in self._rows.items():
            self._buckets.write(bucket, pack_batch(_to_batch(rows, self._n_axes), self._source))
        self._rows, self._size = {}, 0


def pack_batch(batch: "pa.RecordBatch", source: int) -> "pa.Buffer":
    """Returns rated rows of one source as a record of a bucket."""
    import pyarrow as pa

    batch = batch.replace_schema_metadata({"source": str(source)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return sink.getvalue()


def _to_batch(rows: Sequence[tuple[RatedRow, int, str]], n_axes: int) -> "pa.RecordBatch":
    import pyarrow as pa

    plain, places, origins = zip(*rows, strict=True)
    scores = array("d", itertools.chain.from_iterable(row.scores for row in plain))
    flat = pa.Array.from_buffers(pa.float64(), len(scores), [None, pa.py_buffer(scores)])
    arrays = {
        "place": pa.Array.from_buffers(pa.int64(), len(rows), [None, pa.py_buffer(array("q", places))]),
        "key": _pack_keys([row.prompt_key for row in plain]),
        "answer_key": _pack_keys([row.answer_key for row in plain]),
        "judge": _pack_keys([row.judge for row in plain]),
        "scores": pa.FixedSizeListArray.from_arrays(flat, n_axes),
        "root": _pack_keys([row.root for row in plain]),
        "prompt": _join_texts([row.prompt for row in plain]),
        "answer": _join_texts([row.answer for row in plain]),
        "origin": pa.array(origins, pa.string()),
    }
    return pa.RecordBatch.from_pydict(arrays)


def _join_texts(texts: Sequence[bytes]) -> "pa.Array":
    """Returns a column of texts in UTF-8, of less than 2 GiB together."""
    import pyarrow as pa

    ends = array("i", itertools.accumulate(map(len, texts), initial=0))
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(b"".join(texts)))


def _pack_keys(keys: Sequence[str]) -> "pa.Array":
    import pyarrow as pa

    packed = pa.py_buffer(bytes.fromhex("".join(keys)))
    return pa.Array.from_buffers(pa.binary(KEY_BYTES), len(keys), [None, packed])


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


def as_feedback(row: RatedRow, axes: Sequence[str], origin: str) -> Feedback:
    """Returns the feedback of a row."""
    scores = dict(zip(axes, row.scores, strict=True))
    return make_feedback(row.prompt.decode(), row.answer.decode(), scores, row.judge, origin)
