"""What the values of a verdict on one answer say: thumbs up, thumbs down, neither, or a question."""

from typing import Any

from unipref.core.values import value_key
from unipref.unify.detection.columns import Column
from unipref.unify.detection.concerns import ANSWER_WORDS, judges_prompt
from unipref.unify.detection.foreign_names import to_english
from unipref.unify.detection.guess import PLACEHOLDER, quote_names
from unipref.unify.detection.kinds import read_score_text
from unipref.unify.detection.name_words import split_words
from unipref.unify.detection.names import AMBIGUOUS_NAMES, BAD_NAMES, GOOD_NAMES, NEGATIONS
from unipref.unify.detection.roles import FLAG_WORDS
from unipref.unify.detection.row_states import ERROR_NAMES
from unipref.unify.detection.verdict_words import Verdict, have_verdicts, is_blank, read_verdict, read_verdicts

TWO_NUMBERS: tuple[set[float], ...] = ({0.0, 1.0}, {-1.0, 1.0}, {-1.0, 0.0, 1.0}, {1.0}, {0.0}, {-1.0})
"""Numbers that can be thumbs."""


MIN_READ = 0.5
"""Least share of rows with a verdict in words if other rows hold something else."""


SILENT_NAMES = {
    *("flagged", "flag", "flags", "reported", "report", "complaint", "complained", "downvoted", "downvote", "disliked"),
    *("upvoted", "upvote", "starred", "bookmarked", "favorited", "favourited", "saved", "pinned", "escalated"),
    *("thumb", "thumbs", "liked", "up", "down", "thumbsup", "thumbsdown", "hearted", "loved"),
}
"""Names of marks that people may set: an answer without the mark was perhaps not judged."""


SHARED_FAULTS = {
    *("toxic", "toxicity", "unsafe", "harmful", "harm", "offensive", "abusive", "inappropriate", "biased", "violation"),
    *("violations", "hateful", "hate", "sexual", "violent", "dangerous", "safe", "appropriate"),
}
"""Words that are as true of a question, or of a whole dialogue, as of an answer."""


SIGNED_NAMES = {"vote", "votes", "thumb", "thumbs", "feedback", "reaction", "rating"}
"""Names of thumbs: with them, 1 beside -1 is praise."""


def is_verdict_column(column: Column) -> bool:
    """Whether the values can be thumbs: two numbers, true and false, or words of two grades."""
    return {*column.numbers} in TWO_NUMBERS if column.numbers else column.kind == "flag" or have_two_grades(column)


def have_two_grades(column: Column) -> bool:
    """Whether all values are verdicts, with one grade of praise and one of blame at most."""
    grades = grade_words(column)
    return grades is not None and all(
        len({v.grade for v in grades.values() if v.grade * sign > 0}) <= 1 for sign in (1, -1)
    )


def grade_words(column: Column) -> dict[str, Verdict] | None:
    """Returns value -> verdict for a column of verdicts in words; None if it is not one.

    A few other values are left out if the rest praises and blames by itself.
    """
    if column.kind != "code" or column.numbers:
        return None
    words = read_verdicts(column.distinct_values)
    known = {k: v for k, v in words.items() if v is not None}
    if len(known) == len(words) or not have_verdicts(known):
        return known if known and len(known) == len(words) else None
    # One odd value, such as another emoji, hides no verdicts that speak for themselves.
    return known if sum(str(v) in known for v in column.values) >= MIN_READ * len(column.values) else None


def speaks(column: Column) -> bool:
    """Whether some values praise or blame whatever the name of the field says."""
    return any(not v.needs_name for v in (grade_words(column) or {}).values())


def tells_polarity(column: Column) -> int:
    """Returns 1 if the name of a field praises, -1 if it blames, and 0 if it tells neither or both."""
    words = {*column.words}
    if words - FLAG_WORDS <= ERROR_NAMES | {"failed", "fail"}:
        return 0  # the request may have failed, not the answer
    good, bad = bool(words & GOOD_NAMES), bool(words & BAD_NAMES)
    return 0 if words & (NEGATIONS | AMBIGUOUS_NAMES) or good == bad else 1 if good else -1


def guess_thumbs(label: Column) -> tuple[dict[str, Any], list[str]]:
    """Returns the settings `up`, `down` and `neutral` for a field of verdicts, and the doubts; asks where it must."""
    if (have_two_grades(label) and not label.numbers) or label.kind == "flag" or {*label.numbers} in TWO_NUMBERS:
        return guess_verdict_codes(label, is_kto=False)
    return {"up": PLACEHOLDER, "down": PLACEHOLDER}, [_doubt_about_values(label)]


def guess_verdict_codes(label: Column, is_kto: bool) -> tuple[dict[str, Any], list[str]]:
    """Returns the settings of the verdict's values, unless the defaults fit, and the doubts about them."""
    polarity = tells_polarity(label)
    doubts = [f"rows with {quote_names(label.odd)} in '{label.path}' are rejected: they hold no verdict"]
    doubts = doubts if label.odd else []
    if label.numbers:
        return _guess_number_codes(label, polarity, doubts)
    values = [True, False] if all(isinstance(v, bool) for v in label.values) else sorted({*label.values}, key=str)
    blank = [v for v in values if isinstance(v, str) and is_blank(v)]
    doubts += [f"rows with {quote_names(blank)} in '{label.path}' are rejected: they hold no verdict"] if blank else []
    verdicts = {v: verdict for v in values if v not in blank and (verdict := read_verdict(v)) is not None}
    texts = [value for value in values if isinstance(value, str)]
    verdicts |= {v: verdict for v, verdict in read_verdicts(texts).items() if verdict is not None}
    if odd := [v for v in texts if v not in verdicts and v not in blank]:
        doubts.append(f"rows with {quote_names(odd)} in '{label.path}' are rejected: unipref knows no such verdict")
    needs_name = any(verdict.needs_name for verdict in verdicts.values() if verdict.grade)
    if label.kind == "flag" and not polarity and is_kto and label.name == "label":
        polarity = 1
    is_unclear = (needs_name and (not polarity or may_be_of_prompt(label))) or (polarity < 0 and not needs_name)
    if {*label.words} & AMBIGUOUS_NAMES or is_unclear or _is_one_sign(values):
        return {"up": PLACEHOLDER, "down": PLACEHOLDER}, [*doubts, _doubt_about_values(label)]
    sign = polarity if needs_name else 1
    up = [v for v, verdict in verdicts.items() if verdict.grade * sign > 0]
    down = [v for v, verdict in verdicts.items() if verdict.grade * sign < 0]
    neutral = [v for v, verdict in verdicts.items() if not verdict.grade]
    if needs_name and sign < 0:
        doubts.append(f"'{label.path}' is the name of a fault: {up[0] if up else 'no'} counts as thumbs up")
    elif needs_name:
        doubts.append(f"'{label.path}' is the name of praise: {up[0] if up else 'yes'} counts as thumbs up")
    if needs_name and _can_be_silent(label):
        silent = down if sign > 0 else up
        doubts[-1] = _doubt_about_silence(label, silent)
        sides = {"up": up or PLACEHOLDER, "down": PLACEHOLDER} if sign > 0 else {"up": PLACEHOLDER, "down": down}
        return {**sides, **({"neutral": neutral} if neutral else {})}, doubts
    if values == [True, False] and sign > 0:
        return {}, doubts
    if label.kind == "flag":
        # The value that is not in these rows is spelled like the one that is.
        other = {"True": "False", "TRUE": "FALSE", "true": "false"}
        other |= {v: k for k, v in other.items()}
        up, down = up or [other[v] for v in down if v in other], down or [other[v] for v in up if v in other]
    sides = {"up": up or PLACEHOLDER, "down": down or PLACEHOLDER}
    return {**sides, **({"neutral": neutral} if neutral else {})}, doubts


def _is_one_sign(values: list[Any]) -> bool:
    """Whether the values are one sign, several times in some rows: ✓ and ✓✓ may say that a message was read."""
    signs = {sign for value in values if isinstance(value, str) for sign in value.strip()}
    return len(values) > 1 and len(signs) == 1


def _guess_number_codes(label: Column, polarity: int, doubts: list[str]) -> tuple[dict[str, Any], list[str]]:
    numbers = sorted({int(n) for n in label.numbers})
    is_signed = -1 in numbers and 1 in numbers
    words = {to_english(word) for word in split_words(label.path)}
    if not polarity and is_signed and words & SIGNED_NAMES and not words & (NEGATIONS | AMBIGUOUS_NAMES):
        polarity = 1
        doubts = [*doubts, f"1 in '{label.path}' counts as thumbs up and -1 as thumbs down"]
    if not polarity or may_be_of_prompt(label):
        return {"up": PLACEHOLDER, "down": PLACEHOLDER}, [*doubts, _doubt_about_values(label)]
    high: Any = _spell(label, max(numbers))
    low: Any = _spell(label, min(numbers))
    neutral = {"neutral": _spell(label, 0)} if is_signed and 0 in numbers else {}
    if {*label.words} & (GOOD_NAMES | BAD_NAMES):
        doubts = [*doubts, f"{max(numbers)} in '{label.path}' counts as thumbs {'up' if polarity > 0 else 'down'}"]
    if not is_signed and _can_be_silent(label):
        doubts = [*doubts[:-1], _doubt_about_silence(label, low)]
        low = PLACEHOLDER
    up, down = (high, low) if polarity > 0 else (low, high)
    return {"up": up, "down": down, **neutral}, doubts


def _spell(label: Column, number: int) -> list[Any]:
    """Returns a number as the rows write it: a text such as '+1' is another value than 1."""
    written = {v.strip() for v in label.values if isinstance(v, str) and read_score_text(v) == number}
    others: list[Any] = sorted(text for text in written if value_key(text) != str(number))
    is_plain = len(others) < len(written) or any(v == number for v in label.values if not isinstance(v, str))
    return [number] * (is_plain or not others) + others


def _can_be_silent(label: Column) -> bool:
    """Whether a field is a mark that every row has, set or not: then its absence may mean that nobody judged."""
    return bool({*label.words} & SILENT_NAMES) and label.share == 1


def _doubt_about_silence(label: Column, values: list[Any]) -> str:
    """Asks what an answer without a mark is."""
    shown = ", ".join(map(str, values)) or "no mark"
    return f"whether {shown} in '{label.path}' is a judgement: nobody may have looked; list it in 'neutral' if so"


def may_be_of_prompt(label: Column) -> bool:
    """Whether a name says that something is toxic or safe, but not whether the prompt or the answer is, or that it is
    the prompt: `input_moderation.flagged`.
    """
    if judges_prompt(label.path):
        return True
    words = {*map(to_english, split_words(label.path))}
    return bool({*label.words} & SHARED_FAULTS) and not words & ANSWER_WORDS


def _doubt_about_values(label: Column) -> str:
    values = ", ".join(label.distinct_values[:10])
    if may_be_of_prompt(label):
        return f"whether '{label.path}' ({values}) is about the prompt or the answer, and which value is thumbs up"
    return f"which of {values} in '{label.path}' is thumbs up"
