"""Finds prompts that occur in benchmarks, whole or in part. Benchmark texts are stored as hashes.

The user turns of a prompt are compared with every text of every row of a benchmark. They match if the normalised texts
are the same, or if they share 0.8 of the different runs of eight words (8-grams) of the text with fewer runs. Answers
are not compared: an answer that also occurs in a benchmark does not leak its question.
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
from unipref.core.text_keys import normalise, text_hash
from unipref.core.work_progress import show_items
from unipref.sources import Part

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MIN_WORDS = 5
"""Texts with fewer words are not compared, because 'yes', names and labels occur everywhere."""
RUN_LENGTH = 8
"""Number of words per run (an 8-gram), the unit of overlap."""
MIN_OVERLAP = 0.8
"""Least share of the runs of the shorter text that the other text must contain."""

UNSEGMENTED_SCRIPTS = "[぀-ヿ㐀-鿿가-힣]"
"""Scripts without spaces between words: each character counts as a word."""
_WORD = re.compile(rf"{UNSEGMENTED_SCRIPTS}|[^\W_]+")
_NUMBERED_LINE = re.compile(r"^\s*\d+\s+(?=[^\[\n]*+\[.+\])")
"""The number of a line whose spans are marked, as in WinoBias: `2 [The janitor] reprimanded the accountant ...`."""
_FACTOR = 0x9E3779B97F4A7C15
_CACHED_WORDS = 1 << 18


class BenchmarkFile(NamedTuple):
    """A file of a benchmark, and the name that stands for it in the place of a text."""

    benchmark: str
    path: Path
    name: str


class Match(NamedTuple):
    """A match of a prompt in one benchmark: the number of the text, and whether the texts are identical."""

    benchmark: str
    text: int
    exact: bool


class _Hashes(dict[str, int]):
    """Word -> its xxh3-64 hash. Hashing words is the most frequent operation, so recent words are cached."""

    def __missing__(self, word: str) -> int:
        if len(self) >= _CACHED_WORDS:
            self.clear()
        value = int(xxhash.xxh3_64_intdigest(word.encode("utf-8", "surrogatepass")))
        self[word] = value
        return value


_hashes = _Hashes()


def split_words(content: str) -> list[str]:
    """Splits a normalised text into words, without punctuation; in scripts without spaces, into characters."""
    return _WORD.findall(content)


def hash_words(content: Sequence[str]) -> "npt.NDArray[np.uint64]":
    """Returns (n,) the hashes of n words, in order."""
    import numpy as np

    return np.fromiter(map(_hashes.__getitem__, content), dtype=np.uint64, count=len(content))


def hash_runs(hashed: "npt.NDArray[np.uint64]", size: int = RUN_LENGTH) -> "npt.NDArray[np.uint64]":
    """Returns (n - size + 1,) the hashes of all runs of `size` words, in order; empty for a shorter text.

    The hash of a run is the polynomial sum of the hashes of its words, modulo 2^64.
    """
    import numpy as np

    total = np.zeros(max(0, len(hashed) - size + 1), dtype=np.uint64)
    for step in range(size):
        total = total * np.uint64(_FACTOR) + hashed[step : step + len(total)]
    return total


def distinct_run_hashes(content: Sequence[str]) -> "npt.NDArray[np.uint64]":
    """Returns (m,) the different hashes of all runs of eight words, ascending; empty for a shorter text."""
    import numpy as np

    return np.unique(hash_runs(hash_words(content)))


def files_in(folder: Path) -> list[BenchmarkFile]:
    """Lists the files of a folder of benchmarks; each folder or file directly inside is one benchmark.

    Raises:
        UserError: the folder does not exist.
    """
    if not folder.is_dir():
        raise UserError("the folder of benchmarks does not exist.", where=str(folder))
    return [
        BenchmarkFile(inside.parts[0] if len(inside.parts) > 1 else inside.stem, path, inside.as_posix())
        for path, inside in _list_visible_files(folder.resolve())
    ]


def files_of(data: Mapping[str, Path]) -> list[BenchmarkFile]:
    """Lists the files of named benchmarks, each a folder or a file; the benchmark's name begins the place of a text."""
    return [
        BenchmarkFile(name, path, f"{name}/{inside.as_posix()}")
        for name, place in data.items()
        for path, inside in (_list_visible_files(place) if place.is_dir() else [(place, Path(place.name))])
    ]


def _list_visible_files(folder: Path) -> list[tuple[Path, Path]]:
    """Lists every file below a folder with its relative path, without hidden files."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return [(path, path.relative_to(folder)) for path in files]


class Benchmarks:
    """The texts of benchmarks. Each text is stored as a hash, its place, and the hashes of its runs of words.

    Every text of every row counts, at any depth. In a numbered line with [marked] spans, as in WinoBias, the number and
    the brackets are removed.

    Attributes:
        unread: the rows and files that could not be read, as `file:row: why`.
    """

    def __init__(self, files: Iterable[BenchmarkFile]) -> None:
        self._files = list(files)
        self._texts: dict[bytes, list[int]] = {}
        self._place: list[tuple[int, int | str]] = []
        self._n_runs, self._runs, self._run_of = array("I"), array("Q"), array("I")
        self.unread: list[str] = []
        for number, file in enumerate(show_items(self._files, "reading benchmarks", "files")):
            for _, row, content in iterate_texts([file], self.unread):
                self._add(number, row, content)
        self._index()

    def _add(self, file: int, row: int | str, content: str) -> None:
        content_words = split_words(content)
        if len(content_words) < MIN_WORDS:
            return
        same_texts = self._texts.setdefault(text_hash(content), [])
        if any(self._files[self._place[text][0]].benchmark == self._files[file].benchmark for text in same_texts):
            return
        same_texts.append(len(self._place))
        hashes = distinct_run_hashes(content_words)
        self._runs.extend(hashes.tolist())
        self._run_of.extend([len(self._place)] * len(hashes))
        self._n_runs.append(len(hashes))
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

    def matches(self, user_turns: Iterable[str]) -> list[Match]:
        """Returns the benchmarks in which one of these turns occurs, each with the most similar text.

        A turn overlaps a text if they share 0.8 of the different 8-word runs of the one with fewer runs.

        Args:
            user_turns: the user turns of a prompt.
        """
        matches: dict[str, Match] = {}
        for turn in user_turns:
            content = normalise(turn)
            content_words = split_words(content)
            if len(content_words) < MIN_WORDS:
                continue
            for text in self._texts.get(text_hash(content), []):
                name = self._benchmark(text)
                if name not in matches or not matches[name].exact:
                    matches[name] = Match(name, text, exact=True)
            for text in self._overlapping(distinct_run_hashes(content_words)):
                name = self._benchmark(text)
                matches.setdefault(name, Match(name, text, exact=False))
        return [matches[name] for name in sorted(matches)]

    def _overlapping(self, hashes: "npt.NDArray[np.uint64]") -> list[int]:
        """Returns the texts with enough runs in common, the largest share first."""
        import numpy as np

        first = np.searchsorted(self._sorted, hashes, side="left")
        is_known = first < len(self._sorted)
        is_known[is_known] = self._sorted[first[is_known]] == hashes[is_known]
        if not is_known.any():
            return []
        first = first[is_known]
        last = np.searchsorted(self._sorted, hashes[is_known], side="right")
        shared = Counter(
            text
            for start, end in zip(first.tolist(), last.tolist(), strict=True)
            for text in self._text_of[start:end].tolist()
        )
        shares = {text: n / min(self._n_runs[text], len(hashes)) for text, n in shared.items()}
        return sorted((t for t, share in shares.items() if share >= MIN_OVERLAP), key=lambda t: (-shares[t], t))

    def _benchmark(self, text: int) -> str:
        return self._files[self._place[text][0]].benchmark

    def place(self, text: int) -> str:
        """Returns the place of a text as `file:row`."""
        file, row = self._place[text]
        return f"{self._files[file].name}:{row}"

    def texts(self) -> dict[str, int]:
        """Returns benchmark -> number of its different texts of at least five words, sorted by name; zeros included."""
        counts = Counter(dict.fromkeys((file.benchmark for file in self._files), 0))
        counts.update(self._benchmark(text) for text in range(len(self._place)))
        return dict(sorted(counts.items()))


def iterate_texts(files: Iterable[BenchmarkFile], unread: list[str]) -> Iterator[tuple[BenchmarkFile, int | str, str]]:
    """Yields every text of benchmark files, normalised, with its file and row.

    Args:
        files: to read.
        unread: receives the rows and files that cannot be read, as `file:row: why`.
    """
    for file in files:
        for part in _parts(file.path):
            for row_number, row in sources.read(part):
                if isinstance(row, Reject):
                    unread.append(f"{file.name}:{row_number}: {row.detail}")
                    continue
                for content in iterate_row_texts(row):
                    yield file, row_number, normalise(_remove_span_marks(content) if part.shape == "lines" else content)


def _remove_span_marks(line: str) -> str:
    number = _NUMBERED_LINE.match(line)
    return line[number.end() :].replace("[", "").replace("]", "") if number else line


def _parts(path: Path) -> list[Part]:
    """Returns the parts of a data file; a file with an unknown suffix is read line by line as text."""
    try:
        return sources.parts([str(path)], path.parent, str(path), cut_bytes=None)
    except UserError:
        return [Part(str(path), path.name, "lines")]


def iterate_row_texts(value: Any) -> Iterator[str]:
    """Yields every text of a row, including keys of mappings: some benchmarks store their sentences there."""
    stack = [value]
    while stack:
        current = stack.pop()
        if isinstance(current, str):
            yield current
        elif isinstance(current, dict):
            stack += [*current.keys(), *current.values()]
        elif isinstance(current, list | tuple):
            stack += current
