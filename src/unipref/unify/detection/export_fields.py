"""What the names of fields and the words of labels in an export say: prompt, answers, sides and verdicts.

Only plain names and words count. Everything else is a question to the user, because a label that is read the wrong way
round is worse than one that is not read.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from unipref.unify.detection.columns import split_words
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.detection.names import AMBIGUOUS_NAMES, BAD_NAMES, NEGATIONS
from unipref.unify.detection.side_words import WORSE, names_a_side

PROMPT_WORDS = {
    *("prompt", "instruction", "question", "query", "request", "input", "user", "context", "conversation"),
    *("history", "problem", "passage", "document"),
}
ANSWER_WORDS = {
    *("answer", "response", "reply", "output", "completion", "generation", "summary", "candidate", "assistant", "bot"),
    *("prediction",),
}
METADATA_WORDS = {
    *("id", "ids", "uuid", "url", "uri", "source", "model", "models", "title", "name", "language", "lang", "annotator"),
    *("created", "updated", "timestamp", "date", "time", "metadata", "meta", "external", "reference", "tag", "tags"),
    *("comment", "comments", "status", "session", "email", "hash"),
}
"""Words in the names of texts that are neither a prompt nor an answer."""
BETTER_WORDS = {"better", "best", "prefer", "preferred", "preference", "preferences", "winner", "chosen"}
"""Words in the name of a question that mean: its answer names the better side."""
FIRST_WORDS = ("a", "1", "first", "left", "one")
SECOND_WORDS = ("b", "2", "second", "right", "two")
TIE_WORDS = {"tie", "tied", "equal", "equally", "same", "draw", "neither", "both", "similar"}
UP_WORDS = {
    *("good", "up", "thumbs up", "thumb up", "thumbsup", "like", "liked", "correct", "helpful", "satisfied", "pass"),
    *("passed", "accepted", "approved", "👍"),
}
DOWN_WORDS = {
    *("bad", "down", "thumbs down", "thumb down", "thumbsdown", "dislike", "disliked", "incorrect", "wrong"),
    *("unhelpful", "not helpful", "unsatisfied", "dissatisfied", "fail", "failed", "rejected", "not correct", "👎"),
}
NEUTRAL_WORDS = {"neutral"}
FEEDBACK_WORDS = {"feedback", "thumb", "thumbs", "like", "liked", "helpful", "correct", "correctness", "vote"}
"""Words in the name of a verdict of 1 against 0 or -1 that mean: 1 is good."""
SKIN_TONES = re.compile("[\U0001f3fb-\U0001f3ff\ufe0f]")
COMPARED = re.compile(r"\[*\s*([ab])\s*(>+|<+|=)\s*([ab])\s*\]*", re.IGNORECASE)


@dataclass(frozen=True)
class Roles:
    """Which fields hold the prompt and the answers.

    Attributes:
        prompt: names, in their order; empty if no name says so.
        answers: names, in the order of their numbers or letters.
    """

    prompt: list[str]
    answers: list[str]


@dataclass(frozen=True)
class Verdicts:
    """The values of a verdict by what they mean, as settings of thumbs, and the doubts about them."""

    settings: dict[str, list[Any]]
    doubts: list[str] = field(default_factory=list)


def find_roles(names: Sequence[str]) -> Roles:
    """Sorts the names of text fields into prompt and answers; names that say neither are in none of them."""
    words = {name: split_words(name) for name in names}
    answers = [name for name in names if ANSWER_WORDS & set(words[name])]
    rest = [name for name in names if name not in answers and not METADATA_WORDS & set(words[name])]
    prompt = [name for name in rest if PROMPT_WORDS & set(words[name])]
    if not answers:
        answers = _find_couple([name for name in rest if name not in prompt], words)
    return Roles(prompt, sorted(answers, key=lambda name: _place(words[name], answers.index(name))))


def _find_couple(names: Sequence[str], words: dict[str, list[str]]) -> list[str]:
    """Returns two names that differ only in their last word, such as `text1` and `text2`; empty if there are none."""
    for first in names:
        for second in names:
            one, other = words[first], words[second]
            if one and other and one[:-1] == other[:-1] and (one[-1], other[-1]) in _COUPLES:
                return [first, second]
    return []


_COUPLES = set(zip(FIRST_WORDS, SECOND_WORDS, strict=True))


def _place(words: Sequence[str], place: int) -> tuple[int, int]:
    """Returns the key by which answers are sorted: their number or letter, then their place."""
    last = words[-1] if words else ""
    if last in FIRST_WORDS:
        return 0, place
    if last in SECOND_WORDS:
        return 1, place
    return (int(last) - 1 if last.isdigit() else 0), place


def names_better(question: str) -> bool:
    """Whether the name of a question says that its answer is the better side: `preferred`, not `least_preferred`."""
    words = set(split_words(question))
    return bool(BETTER_WORDS & words) and not words & (NEGATIONS | BAD_NAMES | WORSE)


def names_praise(verdict: str) -> bool:
    """Whether the name of a verdict of 1 against 0 or -1 says that 1 is good: `helpful`, but not `not_helpful`."""
    return bool(FEEDBACK_WORDS & set(split_words(verdict))) and not _names_may_blame(verdict)


def _names_may_blame(verdict: str) -> bool:
    return bool(set(split_words(verdict)) & (NEGATIONS | BAD_NAMES | AMBIGUOUS_NAMES))


def find_side(value: Any, answers: Sequence[str]) -> str:
    """Returns first, second or tie for a value that names one of two answers; `PLACEHOLDER` if it does not.

    Args:
        value: the label.
        answers: the names of the two answers' fields.
    """
    text = str(value).strip()
    if text in answers:
        return ("first", "second")[list(answers).index(text)]
    if (match := COMPARED.fullmatch(text)) is not None:
        left, sign, right = match[1].lower(), match[2][0], match[3].lower()
        if left == right:
            return PLACEHOLDER
        if sign == "=":
            return "tie"
        return "first" if (left == "a") == (sign == ">") else "second"
    words = set(split_words(text))
    if words & (WORSE | NEGATIONS) or not names_a_side(text):
        return "tie" if words and words <= TIE_WORDS else PLACEHOLDER
    if words & TIE_WORDS:
        return "tie"
    sides = bool(words & set(FIRST_WORDS)), bool(words & set(SECOND_WORDS))
    return {(True, False): "first", (False, True): "second"}.get(sides, PLACEHOLDER)


def find_side_codes(values: Iterable[Any], answers: Sequence[str], is_about_better: bool) -> dict[Any, str]:
    """Returns value -> first, second, tie or `PLACEHOLDER`.

    Args:
        values: the labels.
        answers: the names of the two answers' fields.
        is_about_better: whether the label is known to name the better answer. If not, only ties are certain.
    """
    sides = {value: find_side(value, answers) for value in values}
    return {value: side if is_about_better or side == "tie" else PLACEHOLDER for value, side in sides.items()}


def find_verdict(value: Any) -> bool | None:
    """Returns whether a label means thumbs up; None if its words do not say so."""
    text = SKIN_TONES.sub("", str(value).strip().lower()).strip(":").replace("_", " ").replace("-", " ")
    return True if text in UP_WORDS else False if text in DOWN_WORDS else None


def find_verdicts(values: Sequence[Any], name: str) -> Verdicts:
    """Sorts the values of a verdict into the settings `up`, `down` and `neutral` of thumbs.

    Args:
        values: the different values.
        name: the verdict's name, for doubts and for the meaning of numbers.
    """
    shown = ", ".join(map(str, values))
    numbers = {str(value) for value in values}
    if numbers and (numbers <= {"1", "0", "1.0", "0.0", "True", "False"} or numbers <= {"1", "-1", "1.0", "-1.0"}):
        positive = [value for value in values if str(value) in ("1", "1.0", "True")]
        if names_praise(name) or (numbers & {"-1", "-1.0"} and not _names_may_blame(name)):
            negative = [value for value in values if value not in positive]
            other = [-1] if numbers & {"-1", "-1.0"} else [0]
            doubt = f"1 in '{name}' counts as thumbs up, {other[0]} as thumbs down"
            return Verdicts({"up": positive or [1], "down": negative or other}, [doubt])
        return Verdicts({"up": [PLACEHOLDER], "down": [PLACEHOLDER]}, [f"which of {shown} in '{name}' is thumbs up"])
    up = [value for value in values if find_verdict(value) is True]
    down = [value for value in values if find_verdict(value) is False]
    neutral = [value for value in values if str(value).strip().lower() in NEUTRAL_WORDS]
    unclear = [value for value in values if value not in up and value not in down and value not in neutral]
    if not up and not down:
        return Verdicts({"up": [PLACEHOLDER], "down": [PLACEHOLDER]}, [f"which of {shown} in '{name}' is thumbs up"])
    settings = {"up": up or [PLACEHOLDER], "down": down or [PLACEHOLDER], **({"neutral": neutral} if neutral else {})}
    doubts = [f"the values {', '.join(map(str, unclear))} of '{name}' are neither side: their rows are left out"]
    doubts = doubts if unclear else []
    if not (up and down):
        doubts.append(f"only {shown} occur in '{name}' in these rows: fill in the other side")
    return Verdicts(settings, doubts)
