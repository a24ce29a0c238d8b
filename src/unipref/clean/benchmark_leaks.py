"""Benchmark leaks: preferences whose prompt occurs in one of the study's benchmarks."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from unipref.clean.benchmark_meaning import MeaningMatch
from unipref.clean.text_overlap import Benchmarks, Match, files_of
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


class PromptMatches(NamedTuple):
    """The benchmark texts that a prompt repeats, one of each benchmark.

    Attributes:
        matches: at least one.
        items: benchmark and normalised text of each user turn that matches by itself.
    """

    matches: list[Match]
    items: list[tuple[str, str]]


class PromptMatcher:
    """Finds the user turns of prompts among the texts of benchmarks.

    Args:
        texts: of the benchmarks.
    """

    def __init__(self, texts: Benchmarks) -> None:
        self._texts = texts
        self._last_turns: tuple[str, ...] = ()
        self._last_matches: PromptMatches | None = None

    def find(self, prompt: Messages) -> PromptMatches | None:
        """Returns the matches of a prompt; None if there are none."""
        turns = tuple(turn["content"] for turn in prompt if turn["role"] == "user")
        if turns != self._last_turns:  # preferences of one prompt are mostly adjacent
            self._last_turns, self._last_matches = turns, self._match(turns)
        return self._last_matches

    def _match(self, turns: tuple[str, ...]) -> PromptMatches | None:
        matches = self._texts.matches(turns)
        if not matches:
            return None
        # Of a dialogue, only the turns that match by themselves: a greeting is in no benchmark.
        items = [(match.benchmark, normalise(turn)) for turn in turns for match in self._texts.matches((turn,))]
        return PromptMatches(matches, items)


class BenchmarkLeaks:
    """Finds the user turns of prompts among the texts of benchmarks, and counts the matches.

    Args:
        data: benchmark -> folder or file of its data.
    """

    def __init__(self, data: Mapping[str, Path]) -> None:
        self.texts = Benchmarks(files_of(data))
        self._matcher = PromptMatcher(self.texts)
        self._match_counts: Counter[str] = Counter()
        self.items: set[tuple[str, str]] = set()
        """Benchmark and normalised text of each user turn that matches."""

    def find(self, prompt: Messages) -> str | None:
        """Finds and counts the matches of a prompt; returns a place as `add`, or None without any."""
        found = self._matcher.find(prompt)
        return None if found is None else self.add(found)

    def add(self, found: PromptMatches) -> str:
        """Counts the matches of a preference's prompt, and returns the place of a benchmark text that it repeats.

        An identical text has priority over an overlap, then the first benchmark by name.
        """
        self.items.update(found.items)
        self._match_counts.update(match.benchmark for match in found.matches)
        return self.texts.place(min(found.matches, key=lambda match: not match.exact).text)

    def counts(self) -> dict[str, dict[str, int]]:
        """Returns benchmark -> number of compared `texts`, and of preferences whose prompt was `found` among them."""
        return {name: {"texts": n, "found": self._match_counts[name]} for name, n in self.texts.texts().items()}

    @property
    def unread(self) -> list[str]:
        """The benchmark rows and files that could not be read, as `file:row: why`."""
        return self.texts.unread
