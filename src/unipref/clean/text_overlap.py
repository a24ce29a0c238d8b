"""Texts of benchmarks as hashes, and the prompts that occur among them, whole or in part.

Compared are the user turns of a prompt with every text of every row of a benchmark, in one of two ways: the normalised
texts are the same, or they share 0.8 of the different runs of eight words (8-grams) of the one that has fewer. Answers
are not compared: an answer that a benchmark also gives is no leak of its question.
"""

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import xxhash

from unipref import sources
from unipref.core.errors import UserError
from unipref.core.records import Reject
from unipref.core.text_keys import normalised, text_hash
from unipref.sources import Part

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MIN_WORDS = 5
"""Texts with fewer words are not compared: 'yes', names and labels are everywhere."""
RUN_LENGTH = 8
"""Words of a run (an 8-gram), the unit of overlap."""
MIN_OVERLAP = 0.8
"""Share of the runs of the shorter text that the other must have."""

UNSEGMENTED_SCRIPTS = "[぀-ヿ㐀-鿿가-힣]"
"""Scripts that do not part their words: each character counts as one."""
_WORD = re.compile(rf"{UNSEGMENTED_SCRIPTS}|[^\W_]+")
_NUMBERED_LINE = re.compile(r"^\s*\d+\s+(?=.*\[.+\])")
"""The number of a line whose spans are marked, as in WinoBias: `2 [The janitor] reprimanded the accountant ...`."""
_FACTOR = 0x9E3779B97F4A7C15
_KNOWN_WORDS = 1 << 18


class BenchmarkFile(NamedTuple):
    """A file of a benchmark, and what it is called in the place of a text."""

    benchmark: str
    path: Path
    name: str


class Match(NamedTuple):
    """A prompt's finding in one benchmark: the text, by number, and whether it is the same text."""

    benchmark: str
    text: int
    exact: bool


class _Hashes(dict[str, int]):
    """Word -> its xxh3-64 hash; the commonest work of all, so the last words met are remembered."""

    def __missing__(self, word: str) -> int:
        if len(self) >= _KNOWN_WORDS:
            self.clear()
        found = int(xxhash.xxh3_64_intdigest(word.encode("utf-8", "surrogatepass")))
        self[word] = found
        return found


_hashes = _Hashes()


def split_words(content: str) -> list[str]:
    """The words of a normalised text, without punctuation; scripts that do not part their words count by character."""
    return _WORD.findall(content)


def hash_words(content: Sequence[str]) -> "npt.NDArray[np.uint64]":
    """(n,) the hashes of n words, in order."""
    import numpy as np

    return np.fromiter(map(_hashes.__getitem__, content), dtype=np.uint64, count=len(content))


def hash_runs(hashed: "npt.NDArray[np.uint64]", size: int = RUN_LENGTH) -> "npt.NDArray[np.uint64]":
    """(n - size + 1,) the hashes of all runs of `size` words, in order; none for a shorter text.

    The hash of a run is the polynomial sum of its words' hashes, modulo 2^64.
    """
    import numpy as np

    total = np.zeros(max(0, len(hashed) - size + 1), dtype=np.uint64)
    for step in range(size):
        total = total * np.uint64(_FACTOR) + hashed[step : step + len(total)]
    return total


def distinct_run_hashes(content: Sequence[str]) -> "npt.NDArray[np.uint64]":
    """(m,) the different hashes of all runs of eight words, ascending; none for a shorter text."""
    import numpy as np

    return np.unique(hash_runs(hash_words(content)))


def files_in(folder: Path) -> list[BenchmarkFile]:
    """The files of a folder of benchmarks: a folder inside is one benchmark, a file directly in it is one too.

    Raises:
        UserError: there is no such folder.
    """
    if not folder.is_dir():
        raise UserError("there is no such folder of benchmarks.", where=str(folder))
    return [
        BenchmarkFile(inside.parts[0] if len(inside.parts) > 1 else inside.stem, path, inside.as_posix())
        for path, inside in _list_visible_files(folder.resolve())
    ]


def files_of(data: Mapping[str, Path]) -> list[BenchmarkFile]:
    """The files of named benchmarks, each a folder or a file; a text's place begins with the benchmark's name."""
    return [
        BenchmarkFile(name, path, f"{name}/{inside.as_posix()}")
        for name, place in data.items()
        for path, inside in (_list_visible_files(place) if place.is_dir() else [(place, Path(place.name))])
    ]


def _list_visible_files(folder: Path) -> list[tuple[Path, Path]]:
    """Every file in a folder and below, and its path inside; hidden ones are passed over."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return [(path, path.relative_to(folder)) for path in found]


class Benchmarks:
    """The texts of benchmarks: of each a hash, its place, and the hashes of its runs of words are held.

    Every text of every row counts, however deep. Of a numbered line with [marked] spans, as in WinoBias, the number and
    the brackets are taken off.

    Attributes:
        unread: `file:row: why` of what could not be read.
    """

    def __init__(self, files: Iterable[BenchmarkFile]) -> None:
        self._files = list(files)
        self._texts: dict[bytes, list[int]] = {}
        self._place: list[tuple[int, int | str]] = []
        self._n_runs, self._runs, self._run_of = array("I"), array("Q"), array("I")
        self.unread: list[str] = []
        for number in range(len(self._files)):
            self._read(number)
        self._index()

    def _read(self, number: int) -> None:
        file = self._files[number]
        for part in _parts(file.path):
            for row, found in sources.read(part):
                if isinstance(found, Reject):
                    self.unread.append(f"{file.name}:{row}: {found.detail}")
                    continue
                for content in _iterate_texts(found):
                    self._add(
                        number, row, normalised(_remove_span_marks(content) if part.shape == "lines" else content)
                    )

    def _add(self, file: int, row: int | str, content: str) -> None:
        parted = split_words(content)
        if len(parted) < MIN_WORDS:
            return
        known = self._texts.setdefault(text_hash(content), [])
        if any(self._files[self._place[text][0]].benchmark == self._files[file].benchmark for text in known):
            return
        known.append(len(self._place))
        found = distinct_run_hashes(parted)
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
        self._runs, self._run_of = array("Q"), array("I")

    def __len__(self) -> int:
        return len(self._place)

    def matches(self, asked: Iterable[str]) -> list[Match]:
        """Benchmarks in which one of these turns occurs, each with the text that is nearest to it.

        A turn overlaps a text when they share 0.8 of the different 8-word runs of the one that has fewer.

        Args:
            asked: the user turns of a prompt.
        """
        found: dict[str, Match] = {}
        for turn in asked:
            content = normalised(turn)
            parted = split_words(content)
            if len(parted) < MIN_WORDS:
                continue
            for text in self._texts.get(text_hash(content), []):
                name = self._benchmark(text)
                if name not in found or not found[name].exact:
                    found[name] = Match(name, text, exact=True)
            for text in self._overlapping(distinct_run_hashes(parted)):
                name = self._benchmark(text)
                found.setdefault(name, Match(name, text, exact=False))
        return [found[name] for name in sorted(found)]

    def _overlapping(self, mine: "npt.NDArray[np.uint64]") -> list[int]:
        """Texts with enough runs in common, the largest share first."""
        import numpy as np

        first = np.searchsorted(self._sorted, mine, side="left")
        known = first < len(self._sorted)
        known[known] = self._sorted[first[known]] == mine[known]
        if not known.any():
            return []
        first = first[known]
        last = np.searchsorted(self._sorted, mine[known], side="right")
        shared = Counter(
            text
            for start, end in zip(first.tolist(), last.tolist(), strict=True)
            for text in self._text_of[start:end].tolist()
        )
        shares = {text: n / min(self._n_runs[text], len(mine)) for text, n in shared.items()}
        return sorted((t for t, share in shares.items() if share >= MIN_OVERLAP), key=lambda t: (-shares[t], t))

    def _benchmark(self, text: int) -> str:
        return self._files[self._place[text][0]].benchmark

    def place(self, text: int) -> str:
        """`file:row` of a text."""
        file, row = self._place[text]
        return f"{self._files[file].name}:{row}"

    def texts(self) -> dict[str, int]:
        """Benchmark -> its different texts of at least five words, by name; those without any are there too."""
        counts = Counter(dict.fromkeys((file.benchmark for file in self._files), 0))
        counts.update(self._benchmark(text) for text in range(len(self._place)))
        return dict(sorted(counts.items()))


def _remove_span_marks(line: str) -> str:
    found = _NUMBERED_LINE.match(line)
    return line[found.end() :].replace("[", "").replace("]", "") if found else line


def _parts(path: Path) -> list[Part]:
    """The parts of a data file; a file of any other ending is read line by line, as text."""
    try:
        return sources.parts([str(path)], path.parent, str(path), cut_bytes=None)
    except UserError:
        return [Part(str(path), path.name, "lines")]


def _iterate_texts(value: Any) -> Iterator[str]:
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
