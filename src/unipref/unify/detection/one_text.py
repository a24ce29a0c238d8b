"""Recognises texts that hold a prompt and its answer, each after a mark such as `Question:` and `Answer:`."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unipref.unify.detection.foreign_names import to_english
from unipref.unify.detection.name_words import split_words
from unipref.unify.detection.names import (
    ANSWER_NAMES,
    ANSWERER_NAMES,
    ASKER_NAMES,
    PROMPT_NAMES,
    SHORT_ANSWER_NAMES,
    SHORT_PROMPT_NAMES,
)

MARK = re.compile(r"(?:^|(?<=[.?!])[ \t])[ \t]*([#*]*[ \t]*([^\W\d_][\w .-]{0,24}):\**)(?=\s)", re.MULTILINE)
"""A word before a colon, at the beginning of a line or after a sentence, perhaps set off: `### Response:`."""
ASKING = {*PROMPT_NAMES, *SHORT_PROMPT_NAMES, *ASKER_NAMES}
ANSWERING = {*ANSWER_NAMES, *SHORT_ANSWER_NAMES, *ANSWERER_NAMES}
MIN_SHARE = 0.9
"""Least share of the texts that have both marks once, the answer's after the prompt's."""


@dataclass(frozen=True)
class Cut:
    """How texts are cut into prompt and answer.

    Attributes:
        pattern: a regular expression with two groups.
        mark: the mark before the answer.
        is_whole: whether all texts begin with the mark of the prompt; else the prompt is all text before the answer.
    """

    pattern: str
    mark: str
    is_whole: bool


def find_cut(values: Sequence[Any]) -> Cut | None:
    """Returns how to cut texts that hold a prompt and its answer; None if they do not have a mark for both."""
    texts = [value for value in values if isinstance(value, str)]
    marks = [MARK.findall(text) for text in texts]
    count = Counter(mark for several in marks for mark in {*several} if several.count(mark) == 1)
    common = [(mark, _words(name)) for (mark, name), n in count.items() if n > MIN_SHARE * len(texts)]
    asking = [_escape(mark) for mark, words in common if words & ASKING and not words & ANSWERING]
    answering = [mark for mark, words in common if words & ANSWERING and not words & ASKING]
    letters = {word for _, words in common for word in words if len(word) == 1} - {"q", "a"}
    if len(texts) < len(values) or len(asking) != 1 or len(answering) != 1 or letters:
        return None  # `A:` beside `B:` is an option
    answer = _escape(answering[0])
    for begin, is_whole in ((rf"{asking[0]}\s*", True), (rf"(?=.*?{asking[0]})", False)):
        for end in (r"\s*\n\s*", r"(?<=[.?!])\s+"):
            pattern = rf"(?s)^\s*{begin}(.*?){end}{answer}\s*(.*?)\s*$"
            groups = [match.groups() for text in texts if (match := re.search(pattern, text)) is not None]
            if sum(map(all, groups)) > MIN_SHARE * len(texts):
                return Cut(pattern if is_whole else pattern.replace(begin, ""), answering[0], is_whole)
    return None


def _escape(mark: str) -> str:
    return re.escape(mark).replace("\\ ", " ").replace("\\#", "#")


def _words(name: str) -> set[str]:
    return {to_english(word) for word in split_words(name)}
