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

import json
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
from unipref.core.messages import identify_parts, message_text
from unipref.core.records import Message, Messages
from unipref.core.text_keys import root_prompt_key
from unipref.core.work_progress import show_every

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Hashes = npt.NDArray[np.uint64]

SHORT_ANSWER_WORDS = 12
"""Most words and signs of a short answer: it tells little about its question, and one word can change its meaning."""
MAX_COMPARED = 64
"""Most candidates to compare with one preference or prompt, the likeliest first."""

Rows = Callable[[], Iterator[tuple[int, dict[str, Any]]]]
"""Streams (row number, row) of all preferences; a row has group, prompt, chosen and rejected."""


class NearDuplicateSettings(Settings):
    """When two texts are near-duplicates."""

    threshold: float = Field(default=0.8, ge=0.5, le=1.0)
    """Least Jaccard similarity of the shingles of two near-duplicate texts."""
    shingle: int = Field(default=3, ge=1, le=32)
    """Number of words per shingle. A shorter text is one shingle, so only an equal text is its near-duplicate. In
    answers, punctuation marks count as words."""
    permutations: int = Field(default=128, ge=16, le=1024)
    """Length of the MinHash signatures. A longer signature does not find more pairs, but proposes fewer false ones."""


class NearDuplicatePairs(NamedTuple):
    """The near-duplicates of a search.

    Attributes:
        twins: row number of a near-duplicate preference -> row number of the earlier one that is kept.
        groups: row number -> group, for these preferences.
        tied: pairs of hashes of near-duplicate first user turns.
        prompts: number of different first user turns with a near-duplicate.
        compared: number of verified pairs.
    """

    twins: dict[int, int]
    groups: dict[int, str]
    tied: list[tuple[str, str]]
    prompts: int
    compared: int


class NearDuplicates:
    """Collects preferences in file order, then finds the near-duplicates among them.

    Memory per preference and per different first user turn: the bands of its signature (100 bytes each with the default
    settings) and its row number. The words of candidates are stored on disk.
    """

    def __init__(self, settings: NearDuplicateSettings) -> None:
        self._settings = settings
        self._preferences = Sketches(settings.threshold, settings.permutations)
        self._prompts = Sketches(settings.threshold, settings.permutations)
        self._places, self._prompt_places = array("Q"), array("Q")
        self._roots: dict[str, None] = {}

    def add(self, rows: list[tuple[int, dict[str, Any]]]) -> None:
        """Adds some preferences, each with its row number."""
        import numpy as np

        fresh = [(place, row) for place, row in rows if self._is_new(root_prompt_key(row["prompt"]))]
        if rows:
            texts = [_split_preference(row) for _, row in rows]
            hashes, counts = hash_shingles(
                *hash_texts([text for several in texts for text in several.all]), self._settings.shingle
            )
            marks = np.array([mark for several in texts for mark in several.marks], dtype=np.uint64)
            starts = np.cumsum([0] + [len(several.all) for several in texts[:-1]])
            self._preferences.add(hashes ^ np.repeat(marks, counts), np.add.reduceat(counts, starts))
            self._places.extend(place for place, _ in rows)
        if fresh:
            self._prompts.add(
                *hash_shingles(
                    *hash_texts([_first_user_words(row["prompt"]) for _, row in fresh]), self._settings.shingle
                )
            )
            self._prompt_places.extend(place for place, _ in fresh)

    def _is_new(self, root: str) -> bool:
        size_before = len(self._roots)
        self._roots[root] = None
        return len(self._roots) > size_before

    def find(self, rows: Rows, folder: Path) -> NearDuplicatePairs:
        """Verifies the candidate pairs.

        Args:
            rows: streams the preferences again; only candidates are inspected.
            folder: where the words of candidates are stored; nothing is left there.
        """
        pairs, prompts = (
            sketches.find_candidates(f"finding pairs of {what}")
            for sketches, what in ((self._preferences, "preferences"), (self._prompts, "prompts"))
        )
        places = {self._places[number]: number for number in pairs.members()}
        prompt_places = {self._prompt_places[number]: number for number in prompts.members()}
        with tempfile.TemporaryFile(dir=folder) as file:
            store, prompt_store, groups = _WordStore(file), _WordStore(file), dict[int, str]()
            roots: dict[int, str] = {}
            for place, row in rows() if places or prompt_places else ():
                if place in places:
                    texts = _split_preference(row)
                    store.add(places[place], texts.shape, texts.all)
                    groups[place] = row["group"]
                if place in prompt_places:
                    prompt_store.add(prompt_places[place], (), [_first_user_words(row["prompt"])])
                    roots[prompt_places[place]] = root_prompt_key(row["prompt"])
            file.flush()
            verifier, prompt_verifier = (
                _PairVerifier(store, self._settings),
                _PairVerifier(prompt_store, self._settings),
            )
            twins = {
                self._places[a]: self._places[b]
                for a, b in _find_twins(
                    show_every(pairs, len(pairs), "verifying pairs of preferences"), verifier.same_preference
                )
            }
            tied = [
                (roots[a], roots[b])
                for a, b in _find_ties(
                    show_every(prompts, len(prompts), "verifying pairs of prompts"), prompt_verifier.same_prompt
                )
            ]
        groups = {place: groups[place] for place in twins}
        in_pairs = len({root for pair in tied for root in pair})
        return NearDuplicatePairs(twins, groups, tied, in_pairs, verifier.compared + prompt_verifier.compared)


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


class _WordStore:
    """Stores word hashes of texts on disk; only their offsets are in memory."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._entries: dict[int, tuple[tuple[str, ...], int, list[int]]] = {}

    def add(self, number: int, shape: tuple[str, ...], texts: list[list[str]]) -> None:
        """Writes the words of one preference or prompt."""
        words, lengths = hash_texts(texts)
        self._entries[number] = (shape, self._file.tell(), lengths.tolist())
        self._file.write(words.tobytes())

    def shape(self, number: int) -> tuple[str, ...]:
        """Returns the roles of the prompt's turns and the names of its sides."""
        return self._entries[number][0]

    def read(self, number: int) -> "list[Hashes]":
        """Reads the words of each text."""
        import numpy as np

        _, start, lengths = self._entries[number]
        self._file.seek(start)
        words = np.frombuffer(self._file.read(8 * sum(lengths)), dtype=np.uint64)
        return np.split(words, np.cumsum(lengths)[:-1])


class _PairVerifier:
    """Verifies pairs on their words; caches the last few thousand texts."""

    def __init__(self, store: _WordStore, settings: NearDuplicateSettings) -> None:
        self._store, self._least, self._size = store, settings.threshold, settings.shingle
        self._words_and_sets = lru_cache(maxsize=4096)(self._sets)
        self.compared = 0

    def _sets(self, number: int) -> "tuple[list[Hashes], list[Hashes]]":
        import numpy as np

        words = self._store.read(number)
        runs, counts = hash_shingles(np.concatenate(words), np.array([len(text) for text in words]), self._size)
        return words, [np.sort(text) for text in np.split(runs, np.cumsum(counts)[:-1])]

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
