"""Texts as sequences of word hashes and as sets of shingles, and how alike they are."""

import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

from unipref.clean.text_overlap import UNSEGMENTED_SCRIPTS, hash_words

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Hashes = npt.NDArray[np.uint64]

_PROMPT = re.compile(rf"{UNSEGMENTED_SCRIPTS}|[^\W_]+|[^\w\s.,;:!?'\"’‘“”„«»…]")
"""A word, or a sign that is no punctuation of prose: `3 + 4` is not `3 - 4`."""
_ANSWER = re.compile(rf"{UNSEGMENTED_SCRIPTS}|[^\W_]+|[^\w\s]")
_FACTOR, _OTHER_FACTOR = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F


def prompt_words(content: str) -> list[str]:
    """The words and signs of a prompt, whatever its case and punctuation; of one without any, the text itself."""
    plain = unicodedata.normalize("NFKC", content).casefold()
    return _PROMPT.findall(plain) or [plain]


def answer_words(content: str) -> list[str]:
    """The words and signs of an answer. Case and punctuation stay: an instruction may be about them."""
    plain = unicodedata.normalize("NFKC", content)
    return _ANSWER.findall(plain) or [plain]


def hash_texts(parted: Sequence[list[str]]) -> "tuple[Hashes, npt.NDArray[np.int64]]":
    """The hashes of the words of several texts, one after the other, and how many each has."""
    import numpy as np

    flat = hash_words([token for text in parted for token in text])
    return flat, np.fromiter(map(len, parted), dtype=np.int64, count=len(parted))


def hash_shingles(
    words: "Hashes", lengths: "npt.NDArray[np.int64]", size: int
) -> "tuple[Hashes, npt.NDArray[np.int64]]":
    """The hashes of all runs of `size` words of several texts, and how many each has. A shorter text is one run.

    A run that a text repeats has another hash each time, so that all hashes of a text differ and sets of them are bags
    of runs: ten steps of a list are not like a hundred of the same.

    Args:
        words: (sum of lengths,) word hashes, text after text.
        lengths: (n,) words of each text, at least one.
        size: words of a run.
    """
    import numpy as np

    ends, counts = np.cumsum(lengths), np.maximum(lengths - size + 1, 1)
    of_text = np.repeat(np.arange(len(lengths)), counts)
    start = (ends - lengths)[of_text] + np.arange(len(of_text)) - (np.cumsum(counts) - counts)[of_text]
    end = ends[of_text]
    total = np.zeros(len(of_text), dtype=np.uint64)
    for step in range(size):
        inside = start + step < end
        total[inside] = total[inside] * np.uint64(_FACTOR) + words[start[inside] + step]
    return total + _count_earlier_repeats(of_text, total) * np.uint64(_FACTOR), counts


def _count_earlier_repeats(of_text: "npt.NDArray[np.int64]", runs: "Hashes") -> "Hashes":
    """(n,) how often each run came before in its text."""
    import numpy as np

    keys = runs ^ of_text.astype(np.uint64) * np.uint64(_OTHER_FACTOR)
    order = np.argsort(keys, kind="stable")
    same = keys[order][1:] == keys[order][:-1]
    place = np.arange(len(runs))
    first = np.maximum.accumulate(np.where(np.concatenate([[True], ~same]), place, 0)) if len(runs) else place
    times = np.empty(len(runs), dtype=np.uint64)
    times[order] = (place - first).astype(np.uint64)
    return times


def jaccard(one: "Hashes", other: "Hashes", least: float = 0.0) -> float:
    """Shared elements / all elements of two sets, each ascending and without repeats.

    Where their sizes alone keep it below `least`, that upper bound is given.
    """
    import numpy as np

    small, large = sorted((len(one), len(other)))
    if small < least * large:
        return small / large
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / (small + large - shared)


def only_adds_words(one: "Hashes", other: "Hashes") -> bool:
    """Whether nothing in two texts was changed or moved: one is the other with words added, or has words in front of
    what they share while the other has words behind it.
    """
    short, long = sorted((one.tolist(), other.tolist()), key=len)
    rest = iter(long)
    if all(word in rest for word in short):
        return True
    shared = range(len(short), len(short) // 2, -1)
    return any(short[-n:] == long[:n] or short[:n] == long[-n:] for n in shared)
