"""Benchmark leaks by meaning: prompts that say the same as a text of a benchmark in other words.

Each user turn of a prompt is compared with every benchmark text of at least five words, by the cosine of their vectors
from a sentence model. Memory: a vector per distinct user turn and per benchmark text (1.5 KB each with MiniLM).
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import Field

from unipref.clean.text_overlap import MIN_WORDS, files_of, iterate_texts, split_words
from unipref.core import parquet
from unipref.core.contracts import Settings
from unipref.core.records import Messages
from unipref.core.text_keys import normalise, text_hash
from unipref.core.work_progress import show_items, show_starts
from unipref.models.sentence_model import HUB_NAMES, compute_sentence_vectors

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

TURNS_AT_ONCE = 1024
"""Turns that are compared with the benchmarks at a time."""


class MeaningSettings(Settings):
    """When a prompt and a benchmark text mean the same (`benchmarks: semantic`)."""

    embedder: str = "minilm"
    """`minilm` (sentence-transformers/all-MiniLM-L6-v2), or a folder or hub name of another sentence-transformers
    model. Another model needs another threshold."""
    threshold: float = Field(default=0.85, gt=0, le=1)
    """Least cosine of the vectors of a user turn and a benchmark text. docs/leaks.md shows what a threshold finds."""


class MeaningMatch(NamedTuple):
    """A user turn that means the same as a text of a benchmark.

    Attributes:
        benchmark: its name.
        text: the benchmark's text, normalised; place: as `file:row`.
        cosine: of the two vectors.
    """

    benchmark: str
    text: str
    place: str
    cosine: float


class MeaningLeaks:
    """Finds the preferences whose prompt means the same as a benchmark text.

    Args:
        data: benchmark -> folder or file of its data.
        settings: the sentence model and the threshold.
        cache: folder that keeps vectors between runs.
    """

    def __init__(self, data: Mapping[str, Path], settings: MeaningSettings, cache: Path) -> None:
        self.settings, self._cache = settings, cache
        self._texts: dict[tuple[str, bytes], tuple[str, str]] = {}
        for file, row, content in iterate_texts(show_items(files_of(data), "reading texts of benchmarks", "files"), []):
            if len(split_words(content)) >= MIN_WORDS:
                key = file.benchmark, text_hash(content)
                self._texts.setdefault(key, (content, f"{file.name}:{row}"))

    def find(self, preferences: Path, rows_at_once: int) -> dict[int, list[MeaningMatch]]:
        """Finds row number -> the nearest text of each benchmark that its prompt repeats in meaning.

        Args:
            preferences: a Parquet file of preferences.
            rows_at_once: number of rows whose text is held at a time.

        Raises:
            UserError: the sentence model cannot be loaded.
        """
        if not self._texts:
            return {}
        places: dict[bytes, int] = {}
        turns_of = [
            [places.setdefault(text_hash(turn), len(places)) for turn in list_turns(row["prompt"])]
            for row in parquet.read_rows(preferences, ["prompt"], rows_at_once, shown="reading prompts")
        ]

        def turns() -> Iterator[list[str]]:
            seen: set[bytes] = set()
            for row in parquet.read_rows(preferences, ["prompt"], rows_at_once):
                fresh = {key: turn for turn in list_turns(row["prompt"]) if (key := text_hash(turn)) not in seen}
                seen.update(fresh)
                if fresh:
                    yield list(fresh.values())

        model = HUB_NAMES.get(self.settings.embedder, self.settings.embedder)
        contents = [content for content, _ in self._texts.values()]
        known = compute_sentence_vectors(
            model, lambda: iter([contents]), self._cache, len(contents), "texts of benchmarks"
        )
        asked = compute_sentence_vectors(model, turns, self._cache, len(places), "turns")
        matches = self._match(asked, known)
        found: dict[int, list[MeaningMatch]] = {}
        for place, numbers in enumerate(turns_of):
            best: dict[str, MeaningMatch] = {}
            for match in (match for number in numbers for match in matches.get(number, ())):
                if match.benchmark not in best or best[match.benchmark].cosine < match.cosine:
                    best[match.benchmark] = match
            if best:
                found[place] = [best[name] for name in sorted(best)]
        return found

    def _match(
        self, asked: "npt.NDArray[np.float32]", known: "npt.NDArray[np.float32]"
    ) -> dict[int, list[MeaningMatch]]:
        """Matches (n, d) vectors of turns with (m, d) vectors of texts: turn -> the nearest text per benchmark."""
        import numpy as np

        keys, values = list(self._texts), list(self._texts.values())
        names = [benchmark for benchmark, _ in keys]
        columns = {name: np.flatnonzero(np.array(names) == name) for name in sorted(set(names))}
        found: dict[int, list[MeaningMatch]] = {}
        for start in show_starts(len(asked), TURNS_AT_ONCE, "comparing meanings", "texts"):
            cosines = asked[start : start + TURNS_AT_ONCE] @ known.T
            for name, mine in columns.items():
                nearest = mine[cosines[:, mine].argmax(axis=1)]
                best = cosines[np.arange(len(cosines)), nearest]
                for row in np.flatnonzero(best >= self.settings.threshold).tolist():
                    text, place = values[nearest[row]]
                    found.setdefault(start + row, []).append(MeaningMatch(name, text, place, float(best[row])))
        return found


def list_turns(prompt: Messages) -> list[str]:
    """Lists the normalised user turns of at least five words."""
    turns = (normalise(turn["content"]) for turn in prompt if turn["role"] == "user")
    return [turn for turn in turns if len(split_words(turn)) >= MIN_WORDS]


def count_matches(found: Mapping[int, list[MeaningMatch]]) -> Counter[str]:
    """Counts the preferences that match each benchmark."""
    return Counter(match.benchmark for matches in found.values() for match in matches)
