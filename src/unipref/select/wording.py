"""Measures the answers' lengths and the variety of wording from a file of preferences, read as a stream."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from unipref.core import parquet
from unipref.core.display import shorten
from unipref.select.candidates import count_words, join_contents
from unipref.select.embedding.tfidf import split_words

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

SAMPLE_ROWS = 1000
"""Preferences whose wording is measured, in each part of the data: distinct-2 falls with the size of the sample, so
samples of different sizes cannot be compared."""
MISSING = -1
"""The length of a missing answer."""
EXCERPT = 80
"""Most characters of a quoted prompt."""


class Lengths(NamedTuple):
    """(n,) the answers' lengths in white-space words; NONE where a side is missing."""

    chosen: "npt.NDArray[np.int64]"
    rejected: "npt.NDArray[np.int64]"


def measure_wording(
    preferences: Path, samples: Sequence["npt.NDArray[np.int64]"], rows_at_once: int
) -> tuple[Lengths, list[float | None]]:
    """Measures the lengths of all answers, and distinct-2 of samples.

    distinct-2 = different pairs of neighbouring words / all of them, over prompts and chosen answers (the rejected one
    if there is no chosen one), lower-cased. Source: Li et al. 2016, arXiv 1510.03055.

    Args:
        preferences: Parquet file of n preferences.
        samples: positions of the preferences of each sample, ascending.
        rows_at_once: number of rows whose text is held at a time.

    Returns:
        The lengths, and a number per sample; None if it has no pair of words.
    """
    lengths: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = []
    pairs: list[set[int]] = [set() for _ in samples]
    totals = [0] * len(samples)
    wanted = np.unique(np.concatenate(samples)) if samples else np.array([], dtype=np.int64)
    columns, start = ["prompt", "chosen", "rejected"], 0
    for batch in parquet.read_ahead(preferences, columns, rows_at_once, shown="measuring wording"):
        lengths.append((_count_words(batch.column("chosen")), _count_words(batch.column("rejected"))))
        here = wanted[(wanted >= start) & (wanted < start + batch.num_rows)]
        found = dict(zip(here.tolist(), _hash_word_pairs(batch, here - start), strict=True))
        for number, sample in enumerate(samples):
            low, high = np.searchsorted(sample, [start, start + batch.num_rows])
            for position in sample[low:high].tolist():
                pairs[number].update(found[position])
                totals[number] += len(found[position])
        start += batch.num_rows
    distinct = [len(seen) / total if total else None for seen, total in zip(pairs, totals, strict=True)]
    if not lengths:
        return Lengths(np.array([], dtype=np.int64), np.array([], dtype=np.int64)), distinct
    return Lengths(*(np.concatenate(side) for side in zip(*lengths, strict=True))), distinct


def read_excerpts(preferences: Path, positions: "npt.NDArray[np.int64]", rows_at_once: int) -> list[str]:
    """Reads the beginnings of prompts: EXCERPT characters of their last message, on one line.

    Args:
        preferences: Parquet file of n preferences.
        positions: (k,) of the prompts to quote, in any order.
        rows_at_once: number of rows whose text is held at a time.
    """
    import pyarrow as pa

    found: dict[int, str] = {}
    wanted, start = np.sort(positions), 0
    for batch in parquet.read_ahead(preferences, ["prompt"], rows_at_once, shown="reading excerpts"):
        low, high = np.searchsorted(wanted, [start, start + batch.num_rows])
        rows = wanted[low:high] - start
        for row, prompt in zip(rows.tolist(), batch.column("prompt").take(pa.array(rows)).to_pylist(), strict=True):
            found[start + row] = shorten(prompt[-1]["content"] if prompt else "", EXCERPT, one_line=True)
        start += batch.num_rows
    return [found[position] for position in positions.tolist()]


def _count_words(messages: "pa.ListArray") -> "npt.NDArray[np.int64]":
    missing = messages.is_null().to_numpy(zero_copy_only=False)
    lengths: npt.NDArray[np.int64] = np.where(missing, MISSING, count_words(messages))
    return lengths


def _hash_word_pairs(batch: "pa.RecordBatch", rows: "npt.NDArray[np.int64]") -> Iterator[list[int]]:
    """Hashes each row's pairs of neighbouring words; no pair spans prompt and answer."""
    import pyarrow as pa
    import xxhash

    selected = batch.take(pa.array(rows))
    prompts, chosen, rejected = (
        join_contents(selected.column(name)).to_pylist() for name in ("prompt", "chosen", "rejected")
    )
    for prompt, better, worse in zip(prompts, chosen, rejected, strict=True):
        texts = [split_words(prompt), split_words(better or worse)]
        yield [
            xxhash.xxh3_64_intdigest(f"{one}\n{two}".encode("utf-8", "surrogatepass"))
            for text in texts
            for one, two in itertools.pairwise(text)
        ]
