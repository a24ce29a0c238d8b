"""Near-duplicates: preferences that repeat another in all but a few words, and prompts that do.

Two texts are near-duplicates when the Jaccard similarity of their shingles (runs of words) is at least the threshold.
MinHash proposes pairs, and each is then verified on the words themselves, so that none is removed for a chance of the
hash. Lee et al., "Deduplicating training data makes language models better" (2022), do so for documents; a preference
has several texts, so here every one of them must be alike:

- every turn of the prompt, in the same roles, whatever its case and punctuation; a long system text does not make two
  questions one;
- chosen with chosen and rejected with rejected, case and punctuation included: an instruction may be about them. Both
  must be more alike than the chosen answer of one and the rejected of the other are: else the two may be opposite
  labels, or different edits of one text;
- where no answer has more than `FEW` words (a name, yes or no), they do not tell whether two questions are the same:
  then the answers must be the same, and one prompt the other with words added, none changed or moved.
"""

import tempfile
from array import array
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import xxhash
from pydantic import Field

from unipref.clean.minhash import Sketches
from unipref.clean.shingles import answer_words, hash_shingles, hash_texts, jaccard, only_adds_words, prompt_words
from unipref.core.contracts import Settings
from unipref.core.records import Messages
from unipref.core.text_keys import root_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Hashes = npt.NDArray[np.uint64]

SHORT_ANSWER_WORDS = 12
"""Answers of no more words and signs than this say little of their question, and one word may be all they say."""
MAX_COMPARED = 64
"""Most candidates that one preference or prompt is compared with, the likeliest first."""

Rows = Callable[[], Iterator[tuple[int, dict[str, Any]]]]
"""Streams (place, row) of all preferences; a row has group, prompt, chosen and rejected."""


class NearDuplicateSettings(Settings):
    """When two texts are near-duplicates."""

    threshold: float = Field(default=0.8, ge=0.5, le=1.0)
    """Jaccard similarity of the shingles of two texts from which they are near-duplicates."""
    shingle: int = Field(default=3, ge=1, le=32)
    """Words of a shingle. A text that is shorter is one shingle: only the same words are like it. In answers,
    punctuation marks count as words."""
    permutations: int = Field(default=128, ge=16, le=1024)
    """Length of the MinHash signatures. More find no more pairs, but propose fewer in vain."""


class NearDuplicatePairs(NamedTuple):
    """What the search found.

    Attributes:
        twins: place of a near-duplicate preference -> place of the earlier one that is kept.
        groups: the group of each of these preferences.
        tied: hashes of first user turns that are near-duplicates of each other, in pairs.
        prompts: different first user turns that are a near-duplicate of another.
        compared: pairs that were verified.
    """

    twins: dict[int, int]
    groups: dict[int, str]
    tied: list[tuple[str, str]]
    prompts: int
    compared: int


class NearDuplicates:
    """Takes in preferences in file order, then finds the near-duplicates among them.

    Held per preference and per different first user turn: its signature's bands (100 bytes each with the usual
    settings) and its place. The words of candidates wait on disk.
    """

    def __init__(self, settings: NearDuplicateSettings) -> None:
        self._settings = settings
        self._preferences = Sketches(settings.threshold, settings.permutations)
        self._prompts = Sketches(settings.threshold, settings.permutations)
        self._places, self._prompt_places = array("Q"), array("Q")
        self._roots: dict[str, None] = {}

    def add(self, rows: list[tuple[int, dict[str, Any]]]) -> None:
        """Takes in some preferences, each with its place."""
        import numpy as np

        fresh = [(place, row) for place, row in rows if self._is_new(root_of(row["prompt"]))]
        if rows:
            texts = [_split_preference(row) for _, row in rows]
            found, counts = hash_shingles(
                *hash_texts([text for several in texts for text in several.all]), self._settings.shingle
            )
            marks = np.array([mark for several in texts for mark in several.marks], dtype=np.uint64)
            starts = np.cumsum([0] + [len(several.all) for several in texts[:-1]])
            self._preferences.add(found ^ np.repeat(marks, counts), np.add.reduceat(counts, starts))
            self._places.extend(place for place, _ in rows)
        if fresh:
            self._prompts.add(
                *hash_shingles(
                    *hash_texts([_first_user_words(row["prompt"]) for _, row in fresh]), self._settings.shingle
                )
            )
            self._prompt_places.extend(place for place, _ in fresh)

    def _is_new(self, root: str) -> bool:
        known = len(self._roots)
        self._roots[root] = None
        return len(self._roots) > known

    def find(self, rows: Rows, folder: Path) -> NearDuplicatePairs:
        """Compares what may be alike.

        Args:
            rows: the preferences once more; only those that may be near-duplicates are looked at.
            folder: where their words wait on disk; nothing is left there.
        """
        pairs, prompts = self._preferences.find_candidates(), self._prompts.find_candidates()
        places = {self._places[number]: number for number in pairs.members()}
        asked = {self._prompt_places[number]: number for number in prompts.members()}
        with tempfile.TemporaryFile(dir=folder) as file:
            store, asked_store, groups = _WordStore(file), _WordStore(file), dict[int, str]()
            roots: dict[int, str] = {}
            for place, row in rows() if places or asked else ():
                if place in places:
                    texts = _split_preference(row)
                    store.add(places[place], texts.shape, texts.all)
                    groups[place] = row["group"]
                if place in asked:
                    asked_store.add(asked[place], (), [_first_user_words(row["prompt"])])
                    roots[asked[place]] = root_of(row["prompt"])
            file.flush()
            judge, prompt_judge = _PairVerifier(store, self._settings), _PairVerifier(asked_store, self._settings)
            twins = {self._places[a]: self._places[b] for a, b in _find_twins(pairs, judge.same_preference)}
            tied = [(roots[a], roots[b]) for a, b in _find_ties(prompts, prompt_judge.same_prompt)]
        groups = {place: groups[place] for place in twins}
        in_pairs = len({root for pair in tied for root in pair})
        return NearDuplicatePairs(twins, groups, tied, in_pairs, judge.compared + prompt_judge.compared)


class _PreferenceWords(NamedTuple):
    """The words of a preference's texts: its turns, then its answers; `marks` keep their shingles apart."""

    shape: tuple[str, ...]
    all: list[list[str]]
    marks: list[int]


def _split_preference(row: dict[str, Any]) -> _PreferenceWords:
    prompt: Messages = row["prompt"]
    sides = {side: row[side] for side in ("chosen", "rejected") if row[side] is not None}
    answers = [answer_words("\n".join(turn["content"] for turn in side)) for side in sides.values()]
    names = [f"{number} {turn['role']}" for number, turn in enumerate(prompt)] + [*sides]
    return _PreferenceWords(
        tuple(names), [prompt_words(turn["content"]) for turn in prompt] + answers, [_hash_name(name) for name in names]
    )


@lru_cache(maxsize=4096)
def _hash_name(name: str) -> int:
    return int(xxhash.xxh3_64_intdigest(name.encode()))


def _first_user_words(prompt: Messages) -> list[str]:
    return prompt_words(next((turn["content"] for turn in prompt if turn["role"] == "user"), ""))


class _WordStore:
    """Word hashes of texts, on disk; in memory only where they are."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._known: dict[int, tuple[tuple[str, ...], int, list[int]]] = {}

    def add(self, number: int, shape: tuple[str, ...], texts: list[list[str]]) -> None:
        """Writes the words of one preference or prompt."""
        words, lengths = hash_texts(texts)
        self._known[number] = (shape, self._file.tell(), lengths.tolist())
        self._file.write(words.tobytes())

    def shape(self, number: int) -> tuple[str, ...]:
        """The roles of the prompt's turns and the sides that are there."""
        return self._known[number][0]

    def read(self, number: int) -> "list[Hashes]":
        """The words of each text."""
        import numpy as np

        _, start, lengths = self._known[number]
        self._file.seek(start)
        words = np.frombuffer(self._file.read(8 * sum(lengths)), dtype=np.uint64)
        return np.split(words, np.cumsum(lengths)[:-1])


class _PairVerifier:
    """Verifies pairs on the words themselves, the last few thousand texts at hand."""

    def __init__(self, store: _WordStore, settings: NearDuplicateSettings) -> None:
        self._store, self._least, self._size = store, settings.threshold, settings.shingle
        self._of = lru_cache(maxsize=4096)(self._sets)
        self.compared = 0

    def _sets(self, number: int) -> "tuple[list[Hashes], list[Hashes]]":
        import numpy as np

        words = self._store.read(number)
        runs, counts = hash_shingles(np.concatenate(words), np.array([len(text) for text in words]), self._size)
        return words, [np.sort(text) for text in np.split(runs, np.cumsum(counts)[:-1])]

    def _alike(self, one: "Hashes", other: "Hashes") -> float:
        return jaccard(one, other, self._least)

    def same_prompt(self, one: int, other: int) -> bool:
        """Whether two first user turns are near-duplicates."""
        self.compared += 1
        return self._alike(self._of(one)[1][0], self._of(other)[1][0]) >= self._least

    def same_preference(self, one: int, other: int) -> bool:
        """Whether two preferences are near-duplicates in every text, and not by their labels opposite."""
        import numpy as np

        self.compared += 1
        shape = self._store.shape(one)
        if shape != self._store.shape(other):
            return False
        (words, sets), (their_words, their_sets) = self._of(one), self._of(other)
        alike = [self._alike(mine, theirs) for mine, theirs in zip(sets, their_sets, strict=True)]
        if min(alike) < self._least:
            return False
        turns = len(shape) - sum(name in ("chosen", "rejected") for name in shape)
        if shape[-2:] == ("chosen", "rejected"):
            crossed = max(jaccard(sets[-2], their_sets[-1]), jaccard(sets[-1], their_sets[-2]))
            if crossed >= min(alike[-2:]):
                return False
        answers, their_answers = words[turns:], their_words[turns:]
        if max(map(len, answers + their_answers)) <= SHORT_ANSWER_WORDS:
            same = all(map(np.array_equal, answers, their_answers))
            return same and all(map(only_adds_words, words[:turns], their_words[:turns]))
        return True


def _find_twins(candidates: Any, same: Callable[[int, int], bool]) -> Iterator[tuple[int, int]]:
    """(near-duplicate, the earlier one that is kept), in file order; each is like its twin, not like a chain to it."""
    twin_of: dict[int, int] = {}
    for later, earlier in candidates:
        kept = dict.fromkeys(twin_of.get(number, number) for number in earlier)
        for number in list(kept)[:MAX_COMPARED]:
            if same(later, number):
                twin_of[later] = number
                yield later, number
                break


def _find_ties(candidates: Any, same: Callable[[int, int], bool]) -> Iterator[tuple[int, int]]:
    """Pairs of near-duplicates that tie all of them together, chains too: no two must be on different sides."""
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
