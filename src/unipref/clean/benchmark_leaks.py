"""Benchmark leaks: preferences whose prompt occurs in a benchmark that the study measures with."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from unipref.clean.text_overlap import Benchmarks, files_of
from unipref.core.records import Messages


class BenchmarkLeaks:
    """Finds the user turns of prompts among the texts of benchmarks, and counts.

    Args:
        data: benchmark -> the folder or file of its data.
    """

    def __init__(self, data: Mapping[str, Path]) -> None:
        self._texts = Benchmarks(files_of(data))
        self._found: Counter[str] = Counter()
        self._asked: tuple[str, ...] = ()
        self._matches = self._texts.matches(self._asked)

    def find(self, prompt: Messages) -> str | None:
        """The place in a benchmark of the text that a prompt repeats; None when there is none.

        The same text goes before an overlap, then the benchmark's name decides.
        """
        asked = tuple(turn["content"] for turn in prompt if turn["role"] == "user")
        if asked != self._asked:  # the preferences of one prompt mostly follow each other
            self._asked, self._matches = asked, self._texts.matches(asked)
        if not self._matches:
            return None
        self._found.update(match.benchmark for match in self._matches)
        return self._texts.place(min(self._matches, key=lambda match: not match.exact).text)

    def counts(self) -> dict[str, dict[str, int]]:
        """Benchmark -> its `texts` that were compared, and the preferences whose prompt is `found` among them."""
        return {name: {"texts": n, "found": self._found[name]} for name, n in self._texts.texts().items()}

    @property
    def unread(self) -> list[str]:
        """`file:row: why` of what could not be read of the benchmarks."""
        return self._texts.unread
