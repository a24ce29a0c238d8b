"""The words of a name: of a field, or of a value that names one of two answers."""

import functools
import re

NAME_WORD = re.compile(r"[A-ZÀ-ÖØ-Þ]?[a-zß-öø-ÿ]+|[A-ZÀ-ÖØ-Þ]+(?![a-zß-öø-ÿ])|\d+|[^\W\d_A-Za-zÀ-ÿ]+")


def split_words(name: str) -> list[str]:
    """Splits a name into words in lower case: `pickResponse_A2` -> pick, response, a, 2."""
    return [*_split(name)]


@functools.lru_cache(1 << 14)
def _split(name: str) -> tuple[str, ...]:
    return tuple(piece.lower() for piece in NAME_WORD.findall(name))
