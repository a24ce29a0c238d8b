"""Benchmark leaks: preferences whose prompt occurs in one of the study's benchmarks."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from unipref.clean.text_overlap import Benchmarks, files_of
from unipref.core.records import Messages


class BenchmarkLeaks:
    """Finds the user turns of prompts among the texts of benchmarks, and counts the matches.

    Args:
        data: benchmark -> folder or file of its data.
    """

    def __init__(self, data: Mapping[str, Path]) -> None:
        self._texts = Benchmarks(files_of(data))
        self._match_counts: Counter[str] = Counter()
        self._last_turns: tuple[str, ...] = ()
        self._matches = self._texts.matches(self._last_turns)

    def find(self, prompt: Messages) -> str | None:
        """Returns the place of the benchmark text that a prompt repeats; None if there is none.

        An identical text has priority over an overlap, then the first benchmark by name.
        """
        turns = tuple(turn["content"] for turn in prompt if turn["role"] == "user")
        if turns != self._last_turns:  # preferences of one prompt are mostly adjacent
            self._last_turns, self._matches = turns, self._texts.matches(turns)
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
