"""Near-duplicates: preferences and prompts that repeat another one except for a few words.

Two texts are near-duplicates when the Jaccard similarity of their shingles (runs of words) is at least the threshold.
MinHash proposes pairs. Each pair is then verified on its words, so that no preference is removed because of a hash
collision. Lee et al., "Deduplicating training data makes language models better" (2022), do so for documents. A
preference has several texts, and all of them must be similar:

- every turn of the prompt, in the same roles, ignoring case and punctuation; a long system text does not make two
  different questions near-duplicates;
- chosen with chosen and rejected with rejected, including case and punctuation, because an instruction can be about
  them. Both must be more similar than the chosen answer of one and the rejected answer of the other; otherwise the two
  may have opposite labels, or be different edits of one text;
- if no answer has more than `SHORT_ANSWER_WORDS` words (a name, yes or no), the answers do not show whether two
  questions are the same. Then the answers must be equal, and one prompt must be the other with words added.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from unipref.clean.minhash import CandidatePairs, Sketches
from unipref.clean.near_tasks import (
    FIRST,
    LEFT_OUT,
    HashedTexts,
    NearDuplicateSettings,
    SketchTask,
    WordsTask,
    compute_bands,
    hash_candidates,
)
from unipref.clean.shingles import jaccard, only_adds_words
from unipref.core.work_progress import show_every
from unipref.core.workers import Engine
from unipref.core.workers.shown_map import map_rows_shown

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Hashes = npt.NDArray[np.uint64]

SHORT_ANSWER_WORDS = 12
"""Most words and signs of a short answer: it tells little about its question, and one word can change its meaning."""
MAX_COMPARED = 64
"""Most candidates to compare with one preference or prompt, the likeliest first."""


class NearDuplicatePairs(NamedTuple):
    """The near-duplicates of a search.

    Attributes:
        twins: row number of a near-duplicate preference -> row number of the earlier one that is kept.
        tied: pairs of row numbers whose first user turns are near-duplicates.
        prompts: number of different first user turns with a near-duplicate.
        compared: number of verified pairs.
    """

    twins: dict[int, int]
    tied: list[tuple[int, int]]
    prompts: int
    compared: int


class NearDuplicates:
    """Finds near-duplicates among the preferences of a file.

    The engine computes signatures and words; this process merges them. Memory per preference and per different first
    user turn: the bands of its signature (100 bytes each with the default settings) and its row number. The words of
    candidates are stored on disk.

    Args:
        settings: when two texts are near-duplicates.
        preferences: the Parquet file.
        ranges: its rows, each range for one task.
        engine: runs the tasks.
    """

    def __init__(
        self, settings: NearDuplicateSettings, preferences: Path, ranges: Sequence[range], engine: Engine
    ) -> None:
        self._settings, self._path, self._ranges, self._engine = settings, str(preferences.resolve()), ranges, engine

    def find(self, marks: bytes, folder: Path) -> NearDuplicatePairs:
        """Finds the near-duplicates among some rows.

        Args:
            marks: of each row: `LEFT_OUT`, `COMPARED`, or `FIRST` if it is the first one with its first user turn.
            folder: where the words of candidates are stored; nothing is left there.
        """
        import numpy as np

        mark_of = np.frombuffer(marks, dtype=np.uint8)
        places, prompt_places = np.flatnonzero(mark_of != LEFT_OUT), np.flatnonzero(mark_of == FIRST)
        pairs, prompts = self._find_candidates(marks)
        wanted = dict(zip(places[pairs.members()].tolist(), pairs.members(), strict=True))
        wanted_prompts = dict(zip(prompt_places[prompts.members()].tolist(), prompts.members(), strict=True))
        with tempfile.TemporaryFile(dir=folder) as file:
            store, prompt_store = _WordStore(file), _WordStore(file)
            self._store_words(wanted, store, wanted_prompts, prompt_store)
            file.flush()
            verifier, prompt_verifier = (_PairVerifier(one, self._settings) for one in (store, prompt_store))
            shown_pairs = show_every(pairs, len(pairs), "verifying pairs of preferences")
            shown_prompts = show_every(prompts, len(prompts), "verifying pairs of prompts")
            twins = {int(places[a]): int(places[b]) for a, b in _find_twins(shown_pairs, verifier.same_preference)}
            ties = list(_find_ties(shown_prompts, prompt_verifier.same_prompt))
        tied = [(int(prompt_places[a]), int(prompt_places[b])) for a, b in ties]
        in_pairs = len({place for pair in tied for place in pair})
        return NearDuplicatePairs(twins, tied, in_pairs, verifier.compared + prompt_verifier.compared)

    def _find_candidates(self, marks: bytes) -> "tuple[CandidatePairs, CandidatePairs]":
        """Returns the pairs of preferences and of first user turns that may be near-duplicates."""
        preferences, prompts = (Sketches(self._settings.threshold, self._settings.permutations) for _ in range(2))
        tasks = [
            SketchTask(self._path, rows, marks[rows.start : rows.stop], self._settings)
            for rows in self._ranges
            if any(marks[rows.start : rows.stop])
        ]
        n_compared = len(marks) - marks.count(LEFT_OUT)
        for bands, prompt_bands in map_rows_shown(
            self._engine, compute_bands, tasks, "computing signatures", n_compared, _count_first
        ):
            preferences.add(bands)
            prompts.add(prompt_bands)
        return (
            preferences.find_candidates("finding pairs of preferences"),
            prompts.find_candidates("finding pairs of prompts"),
        )

    def _store_words(
        self,
        numbers: Mapping[int, int],
        store: "_WordStore",
        prompt_numbers: Mapping[int, int],
        prompt_store: "_WordStore",
    ) -> None:
        """Stores the words of candidates: row number -> number in the store, of preferences and of first turns."""
        tasks = []
        for rows in self._ranges:
            wanted, wanted_prompts = ([row for row in rows if row in several] for several in (numbers, prompt_numbers))
            if wanted or wanted_prompts:
                tasks.append(WordsTask(self._path, rows, wanted, wanted_prompts, self._settings.shingle))
        for words, first_words in map_rows_shown(
            self._engine, hash_candidates, tasks, "reading candidates", len(numbers), _count_first
        ):
            for one in words:
                store.add(numbers[one.place], one)
            for one in first_words:
                prompt_store.add(prompt_numbers[one.place], one)


class _WordStore:
    """Stores hashes of words and shingles on disk; only their offsets are in memory."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._entries: dict[int, tuple[tuple[str, ...], int, list[int], list[int]]] = {}

    def add(self, number: int, texts: HashedTexts) -> None:
        """Writes the words and shingles of one preference or prompt."""
        self._entries[number] = (texts.shape, self._file.tell(), texts.lengths, texts.counts)
        self._file.write(texts.words + texts.shingles)

    def shape(self, number: int) -> tuple[str, ...]:
        """Returns the roles of the prompt's turns and the names of its sides."""
        return self._entries[number][0]

    def read(self, number: int) -> "tuple[list[Hashes], list[Hashes]]":
        """Reads the words of each text, in order, and its shingles, ascending."""
        import numpy as np

        _, start, lengths, counts = self._entries[number]
        self._file.seek(start)
        hashes = np.frombuffer(self._file.read(8 * (sum(lengths) + sum(counts))), dtype=np.uint64)
        parts, place = list[Any](), 0
        for length in lengths + counts:
            parts.append(hashes[place : place + length])
            place += length
        return parts[: len(lengths)], parts[len(lengths) :]


class _PairVerifier:
    """Verifies pairs on their words; caches the last few thousand texts."""

    def __init__(self, store: _WordStore, settings: NearDuplicateSettings) -> None:
        self._store, self._least = store, settings.threshold
        self._words_and_sets = lru_cache(maxsize=4096)(store.read)
        self.compared = 0

    def _similarity(self, one: "Hashes", other: "Hashes") -> float:
        return jaccard(one, other, self._least)

    def same_prompt(self, one: int, other: int) -> bool:
        """Whether two first user turns are near-duplicates."""
        self.compared += 1
        return self._similarity(self._words_and_sets(one)[1][0], self._words_and_sets(other)[1][0]) >= self._least

    def same_preference(self, one: int, other: int) -> bool:
        """Whether two preferences are near-duplicates in every text and do not have opposite labels."""
        import numpy as np

        self.compared += 1
        shape = self._store.shape(one)
        if shape != self._store.shape(other):
            return False
        (words, sets), (their_words, their_sets) = self._words_and_sets(one), self._words_and_sets(other)
        similarities = [
            self._similarity(one_set, other_set) for one_set, other_set in zip(sets, their_sets, strict=True)
        ]
        if min(similarities) < self._least:
            return False
        turns = len(shape) - sum(name in ("chosen", "rejected") for name in shape)
        if shape[-2:] == ("chosen", "rejected"):
            crossed = max(jaccard(sets[-2], their_sets[-1]), jaccard(sets[-1], their_sets[-2]))
            if crossed >= min(similarities[-2:]):
                return False
        answers, their_answers = words[turns:], their_words[turns:]
        if max(map(len, answers + their_answers)) <= SHORT_ANSWER_WORDS:
            same = all(map(np.array_equal, answers, their_answers))
            return same and all(map(only_adds_words, words[:turns], their_words[:turns]))
        return True


def _find_twins(candidates: Any, same: Callable[[int, int], bool]) -> Iterator[tuple[int, int]]:
    """Yields (near-duplicate, kept earlier one) in file order; each is directly similar to its twin, not by a chain."""
    twin_of: dict[int, int] = {}
    for later, earlier in candidates:
        kept = dict.fromkeys(twin_of.get(number, number) for number in earlier)
        for number in list(kept)[:MAX_COMPARED]:
            if same(later, number):
                twin_of[later] = number
                yield later, number
                break


def _find_ties(candidates: Any, same: Callable[[int, int], bool]) -> Iterator[tuple[int, int]]:
    """Yields pairs that connect all near-duplicates, chains included: all of them must be on one side of the split."""
    family: dict[int, int] = {}

    def root_of_family(number: int) -> int:
        while family.setdefault(number, number) != number:
            family[number] = family[family[number]]
            number = family[number]
        return number

    for later, earlier in candidates:
        compared = 0
        for number in earlier:
            if root_of_family(later) == root_of_family(number):
                continue
            if same(later, number):
                family[root_of_family(later)] = root_of_family(number)
                yield later, number
            if (compared := compared + 1) == MAX_COMPARED:
                break


def _count_first(result: "tuple[Sized, Any]") -> int:
    """Returns the number of rows of the first part of a task's result, that on preferences."""
    return len(result[0])
