"""Recognises transcripts in one text, with a mark such as `Customer:` before each turn."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from unipref.unify.detection.foreign_names import to_english
from unipref.unify.detection.name_words import split_words
from unipref.unify.detection.names import ANSWERER_NAMES, ASKER_NAMES
from unipref.unify.mapping.turns import KNOWN_ROLES

MARK = re.compile(r"^[ \t]*([^\W\d_][\w .-]{0,24}):(?=\s)", re.MULTILINE)
"""The name of a speaker at the beginning of a line."""
MIN_SHARE = 0.9
"""Least share of the texts that begin with the mark of a speaker and end with an answer."""


def find_marks(values: Sequence[Any]) -> tuple[str, str] | None:
    """Returns the marks before the turns of the user and of the assistant; None if the texts are no transcripts that
    end with an answer.
    """
    return _find_marks(values, ends_with_answer=True)


def find_open_marks(values: Sequence[Any]) -> tuple[str, str] | None:
    """Returns the marks of transcripts with an answer, after which the user may speak again; None for other texts."""
    return _find_marks(values, ends_with_answer=False)


def _find_marks(values: Sequence[Any], *, ends_with_answer: bool) -> tuple[str, str] | None:
    texts = [value for value in values if isinstance(value, str)]
    turns = [MARK.findall(text) for text in texts]
    count = Counter(name for names in turns for name in {*names})
    common = [name for name, n in count.items() if n > MIN_SHARE * len(texts)]
    speakers = {role: [name for name in common if _read_speaker(name) == role] for role in ("user", "assistant")}
    if not texts or any(len(names) != 1 for names in speakers.values()):
        return None
    user, assistant = speakers["user"][0], speakers["assistant"][0]
    is_whole = [_is_whole(text, user, assistant, ends_with_answer) for text in texts]
    return (f"\n{user}:", f"\n{assistant}:") if sum(is_whole) > MIN_SHARE * len(texts) else None


def _is_whole(text: str, user: str, assistant: str, ends_with_answer: bool) -> bool:
    """Whether a text begins with one of the marks, and its last turn, or one of its turns, is an answer with a text."""
    marks = [match for match in MARK.finditer(text) if match[1] in (user, assistant)]
    begins = bool(marks) and not text[: marks[0].start()].strip()
    ends = [*(match.start() for match in marks[1:]), len(text)]
    turns = [(match[1], text[match.end() : end].strip()) for match, end in zip(marks, ends, strict=False)]
    answers = turns[-1:] if ends_with_answer else turns
    return begins and any(name == assistant and content for name, content in answers)


def _read_speaker(name: str) -> str | None:
    """Returns the role of a speaker: user, assistant or None."""
    words = {to_english(word) for word in split_words(name)}
    is_user = bool(words & (ASKER_NAMES | {"human", "prompter"}))
    is_assistant = bool(words & ANSWERER_NAMES) or any(KNOWN_ROLES.get(word) == "assistant" for word in words)
    return None if is_user == is_assistant else "user" if is_user else "assistant"
