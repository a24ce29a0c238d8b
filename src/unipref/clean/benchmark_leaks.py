"""Benchmark leaks: preferences whose prompt occurs in one of the study's benchmarks."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from unipref.clean.benchmark_meaning import MeaningMatch
from unipref.clean.text_overlap import Benchmarks, files_of
from unipref.core import json_files
from unipref.core.records import Messages
from unipref.core.run_folder import LEAKED
from unipref.core.text_keys import normalise


def write_leaked_items(
    out: Path, by_words: Collection[tuple[str, str]], by_meaning: Mapping[int, Sequence[MeaningMatch]]
) -> None:
    """Writes benchmark -> its leaked texts, normalised, by the check that found them; for scores without these items.

    Without any, it writes nothing: a benchmark that removes no preference changes no file. By words, a
    text is the user turn that matched: it equals, holds or lies within the benchmark's text.
    """
    meanings = {(match.benchmark, match.text) for matches in by_meaning.values() for match in matches}
    names = sorted({benchmark for benchmark, _ in (*by_words, *meanings)})
    if not names:
        return
    content = {
        name: {
            kind: sorted(text for benchmark, text in several if benchmark == name)
            for kind, several in (("words", by_words), ("meaning", meanings))
        }
        for name in names
    }
    json_files.write_json(out / LEAKED, content)


class BenchmarkLeaks:
    """Finds the user turns of prompts among the texts of benchmarks, and counts the matches.

    Args:
        data: benchmark -> folder or file of its data.
    """

    def __init__(self, data: Mapping[str, Path]) -> None:
        self._texts = Benchmarks(files_of(data))
        self._match_counts: Counter[str] = Counter()
        self.items: set[tuple[str, str]] = set()
        """Benchmark and normalised text of each user turn that matches."""
        self._last_turns: tuple[str, ...] = ()
        self._matches = self._texts.matches(self._last_turns)

    def find(self, prompt: Messages) -> str | None:
        """Returns the place of the benchmark text that a prompt repeats; None if there is none.

        An identical text has priority over an overlap, then the first benchmark by name.
        """
        turns = tuple(turn["content"] for turn in prompt if turn["role"] == "user")
        if turns != self._last_turns:  # preferences of one prompt are mostly adjacent
            self._last_turns, self._matches = turns, self._texts.matches(turns)
            # Of a dialogue, only the turns that match by themselves: a greeting is in no benchmark.
            for turn in turns if self._matches else ():
                self.items.update((match.benchmark, normalise(turn)) for match in self._texts.matches((turn,)))
        if not self._matches:
            return None
        self._match_counts.update(match.benchmark for match in self._matches)
        return self._texts.place(min(self._matches, key=lambda match: not match.exact).text)

    def counts(self) -> dict[str, dict[str, int]]:
        """Returns benchmark -> number of compared `texts`, and of preferences whose prompt was `found` among them."""
        return {name: {"texts": n, "found": self._match_counts[name]} for name, n in self._texts.texts().items()}

    @property
    def unread(self) -> list[str]:
        """The benchmark rows and files that could not be read, as `file:row: why`."""
        return self._texts.unread
