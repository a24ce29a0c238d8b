"""Detects the languages of a source's prompts on a sample that does not depend on the order of rows."""

import functools
import heapq
from collections import Counter
from typing import Any

import xxhash

from unipref.analysis.audit.findings import Languages

SAMPLE = 2000
"""Maximum number of distinct prompts in the sample of a source."""
SEED = 0
"""Seed of the sample."""
READ = 1000
"""Number of characters of a prompt that are read."""
LETTER_BYTES = 20
"""Minimum letters of a prompt, in UTF-8 bytes: 20 Latin letters or 7 Chinese characters."""
SURE = 0.5
"""Minimum probability for naming a language."""
UNKNOWN = "unknown"


@functools.cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def detect_language(content: str) -> str:
    """Detects the language of a text: its ISO 639 code, or `unknown` if it is too short or py3langid is uncertain."""
    head = content[:READ]
    letters = "".join(character for character in head if character.isalpha())
    if len(letters.encode("utf-8", "surrogatepass")) < LETTER_BYTES:
        return UNKNOWN
    code, probability = _identifier().classify(head)
    return str(code) if probability >= SURE else UNKNOWN


class LanguageSample:
    """Holds hash and beginning of the prompts of a source with the smallest seeded hashes."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, str]] = []
        self._in: set[int] = set()

    def add(self, prompt: str) -> None:
        """Adds a prompt if its hash is among the smallest; a repeated prompt changes nothing."""
        draw = xxhash.xxh3_64_intdigest(prompt.encode("utf-8", "surrogatepass"), seed=SEED)
        full = len(self._heap) == SAMPLE
        if draw in self._in or (full and draw > -self._heap[0][0]):
            return
        self._keep(-draw, prompt[:READ])

    def _keep(self, draw: int, beginning: str) -> None:
        if len(self._heap) == SAMPLE:
            self._in.discard(-heapq.heapreplace(self._heap, (draw, beginning))[0])
        else:
            heapq.heappush(self._heap, (draw, beginning))
        self._in.add(-draw)

    def merge(self, other: "LanguageSample") -> None:
        """Adds the prompts of another sample."""
        for draw, beginning in sorted(other._heap, reverse=True):
            if len(self._heap) == SAMPLE and draw < self._heap[0][0]:
                return
            if -draw not in self._in:
                self._keep(draw, beginning)

    def count_languages(self, prompts: int) -> Languages:
        """Detects and counts the languages in the sample, which is of so many distinct prompts."""
        counts = Counter(detect_language(beginning) for _, beginning in self._heap)
        ordered = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
        return Languages(sampled=len(self._heap), prompts=prompts, found=ordered)
