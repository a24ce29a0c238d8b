"""What near-duplicates need of each preference, as tasks of an engine: signatures, and the words of candidates."""

import itertools
import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import xxhash
from pydantic import Field

from unipref.clean.minhash import Sketches
from unipref.clean.shingles import answer_words, hash_shingles, hash_texts, prompt_words
from unipref.clean.write_parts import BATCH
from unipref.core import parquet
from unipref.core.contracts import Settings
from unipref.core.messages import identify_parts, message_text
from unipref.core.records import Message, Messages

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Bands = npt.NDArray[np.uint32]

LEFT_OUT, COMPARED, FIRST = range(3)
"""What becomes of a row: it is not compared, it is, or its first user turn is too: it is the first with this one."""
COLUMNS = ("prompt", "chosen", "rejected")


class NearDuplicateSettings(Settings):
    """When two texts are near-duplicates."""

    threshold: float = Field(default=0.8, ge=0.5, le=1.0)
    """Least Jaccard similarity of the shingles of two near-duplicate texts."""
    shingle: int = Field(default=3, ge=1, le=32)
    """Number of words per shingle. A shorter text is one shingle, so only an equal text is its near-duplicate. In
    answers, punctuation marks count as words."""
    permutations: int = Field(default=128, ge=16, le=1024)
    """Length of the MinHash signatures. A longer signature does not find more pairs, but proposes fewer false ones."""


class SketchTask(NamedTuple):
    """Some rows of a file whose signatures are wanted.

    Attributes:
        path: the Parquet file of preferences.
        rows: the row numbers.
        marks: of each of these rows: `LEFT_OUT`, `COMPARED` or `FIRST`.
        settings: shingles and signatures.
    """

    path: str
    rows: range
    marks: bytes
    settings: NearDuplicateSettings


def compute_bands(task: SketchTask) -> "tuple[Bands, Bands]":
    """Computes the bands of the signatures of preferences, and of their first user turns where these are `FIRST`.

    Returns:
        (n, bands) and (m, bands), in the order of the rows.
    """
    import numpy as np

    sketches = Sketches(task.settings.threshold, task.settings.permutations)
    bands, prompt_bands = [sketches.empty()], [sketches.empty()]
    marked = zip(task.marks, parquet.read_range(Path(task.path), task.rows, COLUMNS, BATCH), strict=True)
    for batch in _take_batches((mark, row) for mark, row in marked if mark != LEFT_OUT):
        texts = [_split_preference(row) for _, row in batch]
        hashes, counts = hash_shingles(
            *hash_texts([text for several in texts for text in several.all]), task.settings.shingle
        )
        marks = np.array([mark for several in texts for mark in several.marks], dtype=np.uint64)
        starts = np.cumsum([0] + [len(several.all) for several in texts[:-1]])
        bands.append(sketches.compute(hashes ^ np.repeat(marks, counts), np.add.reduceat(counts, starts)))
        if first := [_first_user_words(row["prompt"]) for mark, row in batch if mark == FIRST]:
            prompt_bands.append(sketches.compute(*hash_shingles(*hash_texts(first), task.settings.shingle)))
    return np.concatenate(bands), np.concatenate(prompt_bands)


def _take_batches(rows: Iterator[tuple[int, dict[str, Any]]]) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    """Yields the rows `BATCH` at a time."""
    while batch := list(itertools.islice(rows, BATCH)):
        yield batch


class WordsTask(NamedTuple):
    """Some rows of a file of which the words of candidates are wanted.

    Attributes:
        path: the Parquet file of preferences.
        rows: the row numbers.
        preferences: those of them whose texts are wanted, ascending.
        prompts: those of them whose first user turns are wanted, ascending.
        shingle: number of words per shingle.
    """

    path: str
    rows: range
    preferences: list[int]
    prompts: list[int]
    shingle: int


class HashedTexts(NamedTuple):
    """The words and the shingles of the texts of one preference, or of one first user turn.

    Attributes:
        place: its row number.
        shape: the roles of the prompt's turns and the names of its sides; empty for a first user turn.
        words: the hashes of the words, text after text, 8 bytes each.
        lengths: number of words of each text.
        shingles: the hashes of the shingles, text after text, ascending in each, 8 bytes each.
        counts: number of shingles of each text.
    """

    place: int
    shape: tuple[str, ...]
    words: bytes
    lengths: list[int]
    shingles: bytes
    counts: list[int]


_Entry = tuple[int, tuple[str, ...], list[list[str]]]
"""Row number, shape and the words of each text."""


def hash_candidates(task: WordsTask) -> tuple[list[HashedTexts], list[HashedTexts]]:
    """Hashes the words and shingles of preferences, and of first user turns."""
    preferences, prompts = set(task.preferences), set(task.prompts)
    hashed, hashed_prompts = list[HashedTexts](), list[HashedTexts]()
    rows = zip(task.rows, parquet.read_range(Path(task.path), task.rows, COLUMNS, BATCH), strict=True)
    for batch in _take_batches((place, row) for place, row in rows if place in preferences or place in prompts):
        entries, prompt_entries = list[_Entry](), list[_Entry]()
        for place, row in batch:
            if place in preferences:
                texts = _split_preference(row)
                entries.append((place, texts.shape, texts.all))
            if place in prompts:
                prompt_entries.append((place, (), [_first_user_words(row["prompt"])]))
        hashed += _hash_entries(entries, task.shingle)
        hashed_prompts += _hash_entries(prompt_entries, task.shingle)
    return hashed, hashed_prompts


def _hash_entries(entries: list[_Entry], size: int) -> Iterator[HashedTexts]:
    """Hashes the texts of all entries together: one by one takes longer."""
    import numpy as np

    words, lengths = hash_texts([text for _, _, texts in entries for text in texts])
    shingles, counts = hash_shingles(words, lengths, size)
    shingles = shingles[np.lexsort((shingles, np.repeat(np.arange(len(counts)), counts)))]
    text = word = shingle = 0
    for place, shape, texts in entries:
        n_words, n_shingles = (several[text : text + len(texts)].tolist() for several in (lengths, counts))
        text += len(texts)
        word_end, shingle_end = word + sum(n_words), shingle + sum(n_shingles)
        of_words, of_shingles = words[word:word_end].tobytes(), shingles[shingle:shingle_end].tobytes()
        word, shingle = word_end, shingle_end
        yield HashedTexts(place, shape, of_words, n_words, of_shingles, n_shingles)


class _PreferenceWords(NamedTuple):
    """The words of a preference's texts: its turns, then its answers; `marks` make their shingles distinct."""

    shape: tuple[str, ...]
    all: list[list[str]]
    marks: list[int]


def _split_preference(row: dict[str, Any]) -> _PreferenceWords:
    prompt: Messages = row["prompt"]
    sides = {side: row[side] for side in ("chosen", "rejected") if row[side] is not None}
    answers = [answer_words("\n".join(map(message_text, side))) for side in sides.values()]
    names = [f"{number} {turn['role']}{_name_parts(turn)}" for number, turn in enumerate(prompt)]
    names += [f"{side}{''.join(map(_name_images, turns))}" for side, turns in sides.items()]
    return _PreferenceWords(
        tuple(names), [prompt_words(turn["content"]) for turn in prompt] + answers, [_hash_name(name) for name in names]
    )


def _name_parts(turn: Message) -> str:
    """The parts of a turn besides its text, which must be equal in near-duplicates; empty if there are none."""
    parts = identify_parts(turn) if len(turn) > 2 else None
    return f" {json.dumps(parts, sort_keys=True)}" if parts else ""


def _name_images(turn: Message) -> str:
    images = identify_parts(turn).get("images") if len(turn) > 2 else None
    return f" {json.dumps(images)}" if images else ""


@lru_cache(maxsize=4096)
def _hash_name(name: str) -> int:
    return int(xxhash.xxh3_64_intdigest(name.encode()))


def _first_user_words(prompt: Messages) -> list[str]:
    first = next((turn for turn in prompt if turn["role"] == "user"), None)
    if first is None:
        return prompt_words("")
    # One word: a question about another image is another question, however alike the texts are.
    return [first["content"] + images] if (images := _name_images(first)) else prompt_words(first["content"])
