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


def read_candidates(
    preferences: Path,
    cache: Path,
    rows_at_once: int,
    model: str | None = None,
    axes: AxesOfSources | None = None,
    dev: Path | None = None,
) -> Candidates:
    """Reads the candidates from a Parquet file of `Preference` rows.

    Args:
        preferences: the file.
        cache: folder that keeps embeddings and scores between runs.
        rows_at_once: number of rows whose text is held at a time.
        model: the study's model, for scorers that use one.
        axes: of each source, which tell the direction of a score.
        dev: the file of the dev part of the split, which only some scorers read.
    """
    import pyarrow.compute as pc

    parts: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in (*COLUMNS, "axis", "tokens")}
    for batch in parquet.read_batches(preferences, [*COLUMNS, "axis", *MESSAGES], rows_at_once):
        for name in COLUMNS:
            parts[name].append(_to_numbers(batch.column(name)) if name in NUMBERS else _to_strings(batch.column(name)))
        parts["axis"].append(_to_strings(pc.coalesce(batch.column("axis"), batch.column("objective"))))
        parts["tokens"].append(np.sum([_count_words(batch.column(name)) for name in MESSAGES], axis=0))
    columns = {name: _concatenate(arrays, name) for name, arrays in parts.items()}

    def prompts() -> Iterator[list[str]]:
        for batch in parquet.read_batches(preferences, ["prompt"], rows_at_once):
            yield join_contents(batch.column("prompt")).to_pylist()

    def texts() -> Iterator[list[Dialogue]]:
        for batch in parquet.read_batches(preferences, MESSAGES, rows_at_once):
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
        read_dev=None if dev is None else lambda: read_candidates(dev, cache, rows_at_once, model, axes),
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


def _count_words(messages: "pa.ListArray") -> "npt.NDArray[np.int64]":
    import pyarrow.compute as pc

    words: npt.NDArray[np.int64] = pc.count_substring_regex(join_contents(messages), r"\S+").to_numpy().astype("i8")
    return words


def _to_strings(column: "pa.Array") -> "npt.NDArray[np.str_]":
    return np.array(column.to_pylist(), dtype=np.str_)


def _to_numbers(column: "pa.Array") -> "npt.NDArray[np.float32]":
    return np.array(column.to_numpy(zero_copy_only=False), dtype=np.float32)


def _concatenate(arrays: "list[npt.NDArray[Any]]", name: str) -> "npt.NDArray[Any]":
    empty = {"tokens": np.int64, **dict.fromkeys(NUMBERS, np.float32)}.get(name, np.str_)
    return np.concatenate(arrays) if arrays else np.array([], dtype=empty)
