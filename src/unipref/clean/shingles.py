"""Converts texts to word hashes and to sets of shingles, and compares them."""

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
"""A word, or a sign that is not punctuation of prose: `3 + 4` differs from `3 - 4`."""
_ANSWER = re.compile(rf"{UNSEGMENTED_SCRIPTS}|[^\W_]+|[^\w\s]")
_FACTOR, _OTHER_FACTOR = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F


def prompt_words(content: str) -> list[str]:
    """Splits a prompt into words and signs, ignoring case and punctuation; a text without any is one word."""
    plain = unicodedata.normalize("NFKC", content).casefold()
    return _PROMPT.findall(plain) or [plain]


def answer_words(content: str) -> list[str]:
    """Splits an answer into words and signs. Case and punctuation count, because an instruction can be about them."""
    plain = unicodedata.normalize("NFKC", content)
    return _ANSWER.findall(plain) or [plain]


def hash_texts(texts: Sequence[list[str]]) -> "tuple[Hashes, npt.NDArray[np.int64]]":
    """Hashes the words of several texts; returns all hashes, text after text, and the number of words per text."""
    import numpy as np

    flat = hash_words([token for text in texts for token in text])
    return flat, np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))


def hash_shingles(
    words: "Hashes", lengths: "npt.NDArray[np.int64]", size: int
) -> "tuple[Hashes, npt.NDArray[np.int64]]":
    """Hashes all runs of `size` words of several texts; returns the hashes and their number per text.

    A shorter text is one run. A repeated run has a different hash each time, so all hashes of a text differ, and the
    set of hashes counts repeats: ten equal list items are not similar to a hundred of them.

    Args:
        words: (sum of lengths,) word hashes, text after text.
        lengths: (n,) number of words per text, at least one.
        size: number of words per run.
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
    """Returns (n,) how often each run occurred earlier in its text."""
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
    """Returns the Jaccard similarity of two sets, each ascending and without repeats.

    If the sizes alone keep it below `least`, the function returns that upper bound instead.
    """
    import numpy as np

    small, large = sorted((len(one), len(other)))
    if small < least * large:
        return small / large
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / (small + large - shared)


def only_adds_words(one: "Hashes", other: "Hashes") -> bool:
    """Whether two texts differ only by added words: one is the other with words added, or both share a part that one
    precedes and the other follows with more words.
    """
    short, long = sorted((one.tolist(), other.tolist()), key=len)
    rest = iter(long)
    if all(word in rest for word in short):
        return True
    shared = range(len(short), len(short) // 2, -1)
    return any(short[-n:] == long[:n] or short[:n] == long[-n:] for n in shared)
