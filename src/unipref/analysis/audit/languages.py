"""The languages of a source's prompts, on a sample that any order of rows draws alike."""

import functools
import heapq
from collections import Counter
from typing import Any

import xxhash

from unipref.analysis.audit.findings import Languages

SAMPLE = 2000
"""Most different prompts of a source that are looked at."""
SEED = 0
"""Of the draw."""
READ = 1000
"""Characters of a prompt that are looked at."""
LETTER_BYTES = 20
"""Letters, in UTF-8 bytes, below which a prompt is too short: 20 Latin letters, 7 Chinese characters."""
SURE = 0.5
"""Probability below which a language is not named."""
UNKNOWN = "unknown"


@functools.cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def language(content: str) -> str:
    """The language of a text as ISO 639 code, or `unknown`: too short, or the identifier (py3langid) is not sure."""
    head = content[:READ]
    letters = "".join(character for character in head if character.isalpha())
    if len(letters.encode("utf-8", "surrogatepass")) < LETTER_BYTES:
        return UNKNOWN
    code, probability = _identifier().classify(head)
    return str(code) if probability >= SURE else UNKNOWN


class LanguageSample:
    """The prompts of a source with the smallest seeded hashes; of each, its hash and its language are held."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, str]] = []
        self._in: set[int] = set()

    def add(self, prompt: str) -> None:
        """Takes in a prompt, if the draw falls on it; the same prompt again changes nothing."""
        drawn = xxhash.xxh3_64_intdigest(prompt.encode("utf-8", "surrogatepass"), seed=SEED)
        full = len(self._heap) == SAMPLE
        if drawn in self._in or (full and drawn > -self._heap[0][0]):
            return
        entry = (-drawn, language(prompt))
        if full:
            self._in.discard(-heapq.heapreplace(self._heap, entry)[0])
        else:
            heapq.heappush(self._heap, entry)
        self._in.add(drawn)

    def languages(self, prompts: int) -> Languages:
        """What was found, of so many different prompts."""
        counts = Counter(code for _, code in self._heap)
        found = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
        return Languages(sampled=len(self._heap), prompts=prompts, found=found)
