"""Reads a Parquet file of preferences into `Candidates`: numbers in memory, prompts only as a stream."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unipref.core import parquet
from unipref.core.candidates import Candidates, Dialogue
from unipref.core.messages import message_text
from unipref.select.axis_agreement import AxesOfSources, measure_agreement
from unipref.select.embedding.embed import embed
from unipref.select.rejected_rewards import measure_rejected

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

NUMBERS = ("margin", "margin_percentile", "confidence")
COLUMNS = ("id", "source", "objective", "group", *NUMBERS)
MESSAGES = ("prompt", "chosen", "rejected")
SPACES = b" \t\n\f\r"
"""Characters between words."""


def read_candidates(
    preferences: Path,
    cache: Path,
    rows_at_once: int,
    model: str | None = None,
    axes: AxesOfSources | None = None,
    dev: Path | None = None,
    what: str = "candidates",
) -> Candidates:
    """Reads the candidates from a Parquet file of `Preference` rows.

    Args:
        preferences: the file.
        cache: folder that keeps embeddings and scores between runs.
        rows_at_once: number of rows whose text is held at a time.
        model: the study's model, for scorers that use one.
        axes: of each source, which tell the direction of a score.
        dev: the file of the dev part of the split, which only some scorers read.
        what: what the rows are, for the progress.
    """
    import pyarrow.compute as pc

    parts: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in (*COLUMNS, "axis", "tokens")}
    shown = f"reading {what}"
    for batch in parquet.read_ahead(preferences, [*COLUMNS, "axis", *MESSAGES], rows_at_once, shown=shown):
        for name in COLUMNS:
            parts[name].append(_to_numbers(batch.column(name)) if name in NUMBERS else _to_strings(batch.column(name)))
        parts["axis"].append(_to_strings(pc.coalesce(batch.column("axis"), batch.column("objective"))))
        parts["tokens"].append(np.sum([count_words(batch.column(name)) for name in MESSAGES], axis=0))
    columns = {name: _concatenate(arrays, name) for name, arrays in parts.items()}

    def prompts() -> Iterator[list[str]]:
        for batch in parquet.read_ahead(preferences, ["prompt"], rows_at_once):
            yield join_contents(batch.column("prompt")).to_pylist()

    def texts() -> Iterator[list[Dialogue]]:
        for batch in parquet.read_ahead(preferences, MESSAGES, rows_at_once):
            sides = (batch.column(name).to_pylist() for name in MESSAGES)
            yield [Dialogue(*side) for side in zip(*sides, strict=True)]

    return Candidates(
        ids=columns["id"],
        margins=columns["margin"],
        margin_percentiles=columns["margin_percentile"],
        sources=columns["source"],
        objectives=columns["objective"],
        groups=columns["group"],
        tokens=columns["tokens"],
        embed=lambda embedder: embed(embedder, prompts, columns["id"], cache),
        confidences=columns["confidence"],
        texts=texts,
        model=model,
        cache=cache,
        axis_agreement=functools.cache(lambda: measure_agreement(preferences, axes or {}, rows_at_once)),
        rejected_rewards=functools.cache(lambda: measure_rejected(preferences, rows_at_once)),
        read_dev=None
        if dev is None
        else lambda: read_candidates(dev, cache, rows_at_once, model, axes, what="the dev part"),
        axes=columns["axis"],
    )


def join_contents(messages: "pa.ListArray") -> "pa.StringArray":
    """Joins the texts of each row's messages, one per line; null messages give an empty text.

    Args:
        messages: (n,) lists of structs with `role` and `content`, and with further parts if there are any.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(messages.type.value_type) > 2:
        return pa.array(["\n".join(map(message_text, row or ())) for row in messages.to_pylist()], pa.string())
    lengths = pc.fill_null(pc.list_value_length(messages), 0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    contents = pc.struct_field(messages.flatten(), "content")
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), contents), "\n")


def count_words(messages: "pa.ListArray") -> "npt.NDArray[np.int64]":
    """Counts the white-space words of each row's messages; null messages have none.

    The bytes of UTF-8 are looked at, in an eighth of the time of a pattern. No byte of a longer character is a space.

    Args:
        messages: (n,) as in `join_contents`.
    """
    texts = join_contents(messages)
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)[texts.offset : texts.offset + len(texts) + 1]
    if data is None or ends[0] == ends[-1]:
        return np.zeros(len(texts), dtype=np.int64)
    codes = np.frombuffer(data, dtype=np.uint8)[ends[0] : ends[-1]]
    is_word = codes != SPACES[0]
    for space in SPACES[1:]:
        is_word &= codes != space
    is_first = is_word.copy()
    is_first[1:] &= ~is_word[:-1]
    starts = (ends[:-1] - ends[0])[ends[1:] > ends[:-1]]
    is_first[starts] = is_word[starts]
    counts: npt.NDArray[np.int64] = np.diff(np.searchsorted(np.flatnonzero(is_first), ends - ends[0]))
    return counts


def _to_strings(column: "pa.Array") -> "npt.NDArray[np.str_]":
    return np.array(column.to_pylist(), dtype=np.str_)


def _to_numbers(column: "pa.Array") -> "npt.NDArray[np.float32]":
    return np.array(column.to_numpy(zero_copy_only=False), dtype=np.float32)


def _concatenate(arrays: "list[npt.NDArray[Any]]", name: str) -> "npt.NDArray[Any]":
    empty = {"tokens": np.int64, **dict.fromkeys(NUMBERS, np.float32)}.get(name, np.str_)
    return np.concatenate(arrays) if arrays else np.array([], dtype=empty)
