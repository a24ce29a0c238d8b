"""Texts of benchmarks as hashes, and the prompts that occur among them, whole or in part."""

import re
from array import array
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import xxhash

from unipref import sources
from unipref.audit._copies import EXAMPLES
from unipref.audit._findings import BenchmarkFiles, Leak
from unipref.audit._hashes import text_hash
from unipref.audit._run import Judged
from unipref.errors import UserError
from unipref.keys import normalised
from unipref.records import Reject
from unipref.sources import Part

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FEWEST_WORDS = 5
"""Texts with fewer words are not compared: 'yes', names and labels are everywhere."""
RUN = 8
"""Words of a run (an 8-gram), the unit of overlap."""
OVERLAP = 0.8
"""Share of the runs of the shorter text that the other must have."""

_WORD = re.compile(r"[぀-ヿ㐀-鿿가-힣]|[^\W_]+")
"""A word; scripts that do not part their words count by character."""
_FACTOR = 0x9E3779B97F4A7C15


class Match(NamedTuple):
    """A prompt's finding in one benchmark: the text, by number, and whether it is the same text."""

    benchmark: str
    text: int
    exact: bool


def words(content: str) -> list[str]:
    """The words of a normalised text, without punctuation."""
    return _WORD.findall(content)


def runs(content: list[str]) -> "npt.NDArray[np.uint64]":
    """(m,) the different hashes of all runs of eight words, ascending; none for a shorter text.

    The hash of a run is the polynomial sum of its words' hashes, modulo 2^64.
    """
    import numpy as np

    if len(content) < RUN:
        return np.empty(0, dtype=np.uint64)
    hashed = np.array([xxhash.xxh3_64_intdigest(w.encode("utf-8", "surrogatepass")) for w in content], dtype=np.uint64)
    total = np.zeros(len(content) - RUN + 1, dtype=np.uint64)
    for step in range(RUN):
        total = total * np.uint64(_FACTOR) + hashed[step : step + len(total)]
    return np.unique(total)


class Benchmarks:
    """The texts of a folder of benchmarks: of each a hash, its place, and the hashes of its runs of words are held.

    A folder inside is one benchmark, a file that lies in it directly is one too. Every text of every row counts,
    however deep.

    Raises:
        UserError: there is no such folder, or no text in it.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise UserError("there is no such folder of benchmarks.", where=str(folder))
        folder = folder.resolve()
        self._files: list[tuple[str, str]] = []
        self._texts: dict[bytes, list[int]] = {}
        self._place: list[tuple[int, int | str]] = []
        self._n_runs, self._runs, self._run_of = array("I"), array("Q"), array("I")
        self._unread: list[str] = []
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")):
            self._read(path, path.relative_to(folder))
        if not self._place:
            raise UserError("no text of five words or more is in it.", where=str(folder))
        self._index()

    def _read(self, path: Path, inside: Path) -> None:
        benchmark = inside.parts[0] if len(inside.parts) > 1 else inside.stem
        number = len(self._files)
        self._files.append((benchmark, inside.as_posix()))
        for part in _parts(path):
            for row, found in sources.read(part):
                if isinstance(found, Reject):
                    self._unread.append(f"{inside.as_posix()}:{row}: {found.detail}")
                    continue
                for content in _texts(found):
                    self._add(number, row, normalised(content))

    def _add(self, file: int, row: int | str, content: str) -> None:
        parted = words(content)
        if len(parted) < FEWEST_WORDS:
            return
        known = self._texts.setdefault(text_hash(content), [])
        if any(self._files[self._place[text][0]][0] == self._files[file][0] for text in known):
            return
        known.append(len(self._place))
        found = runs(parted)
        self._runs.extend(found.tolist())
        self._run_of.extend([len(self._place)] * len(found))
        self._n_runs.append(len(found))
        self._place.append((file, row))

    def _index(self) -> None:
        import numpy as np

        hashed = np.array(self._runs, dtype=np.uint64)
        order = np.argsort(hashed, kind="stable")
        self._sorted = hashed[order]
        self._text_of = np.array(self._run_of, dtype=np.int64)[order]

    def matches(self, asked: list[str]) -> list[Match]:
        """Benchmarks in which one of these turns occurs, each with the text that is nearest to it.

        A turn overlaps a text when they share 0.8 of the different 8-word runs of the one that has fewer.

        Args:
            asked: the user turns of a prompt.
        """
        found: dict[str, Match] = {}
        for turn in asked:
            content = normalised(turn)
            parted = words(content)
            if len(parted) < FEWEST_WORDS:
                continue
            for text in self._texts.get(text_hash(content), []):
                name = self._benchmark(text)
                if name not in found or not found[name].exact:
                    found[name] = Match(name, text, exact=True)
            for text in self._overlapping(runs(parted)):
                name = self._benchmark(text)
                found.setdefault(name, Match(name, text, exact=False))
        return [found[name] for name in sorted(found)]

    def _overlapping(self, mine: "npt.NDArray[np.uint64]") -> list[int]:
        """Texts with enough runs in common, the largest share first."""
        import numpy as np

        first = np.searchsorted(self._sorted, mine, side="left")
        last = np.searchsorted(self._sorted, mine, side="right")
        shared = Counter(
            text
            for start, end in zip(first.tolist(), last.tolist(), strict=True)
            for text in self._text_of[start:end].tolist()
        )
        shares = {text: n / min(self._n_runs[text], len(mine)) for text, n in shared.items()}
        return sorted((t for t, share in shares.items() if share >= OVERLAP), key=lambda t: (-shares[t], t))

    def _benchmark(self, text: int) -> str:
        return self._files[self._place[text][0]][0]

    def place(self, text: int) -> str:
        """`file:row` of a text."""
        file, row = self._place[text]
        return f"{self._files[file][1]}:{row}"

    def read(self) -> BenchmarkFiles:
        """What was read, and what could not be."""
        texts = Counter(self._benchmark(text) for text in range(len(self._place)))
        return BenchmarkFiles(dict(sorted(texts.items())), self._unread)


def _parts(path: Path) -> list[Part]:
    """The parts of a data file; a file of any other ending is read line by line, as text."""
    try:
        return sources.parts([str(path)], path.parent, str(path), cut_bytes=None)
    except UserError:
        return [Part(str(path), path.name, "lines")]


def _texts(value: Any) -> Iterator[str]:
    """Every text of a row, keys of mappings too: some benchmarks keep their sentences there."""
    stack = [value]
    while stack:
        current = stack.pop()
        if isinstance(current, str):
            yield current
        elif isinstance(current, dict):
            stack += [*current.keys(), *current.values()]
        elif isinstance(current, list | tuple):
            stack += current


class Leaks:
    """Counts the different root prompts of each source that occur in each benchmark."""

    def __init__(self, benchmarks: Benchmarks) -> None:
        self._benchmarks = benchmarks
        self._found: dict[tuple[str, str], dict[bytes, tuple[bool, str, str]]] = {}

    def add(self, judged: Judged, root: str) -> None:
        """Takes in one preference, with its normalised root prompt."""
        for match in self._benchmarks.matches(judged.asked):
            mine = self._found.setdefault((judged.source, match.benchmark), {})
            key = text_hash(root)
            if key not in mine or (match.exact and not mine[key][0]):
                mine[key] = (match.exact, judged.place, self._benchmarks.place(match.text))

    def of(self, source: str) -> list[Leak]:
        """A source's leaks, by benchmark; the examples of the same text come first."""
        found = []
        for (name, benchmark), prompts in sorted(self._found.items()):
            if name != source:
                continue
            hits = sorted(prompts.values(), key=lambda hit: not hit[0])
            exact = sum(hit[0] for hit in hits)
            examples = [(mine, theirs) for _, mine, theirs in hits[:EXAMPLES]]
            found.append(Leak(benchmark, exact, len(hits) - exact, examples))
        return found
