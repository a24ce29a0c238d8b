"""Corrects answers by rule: changes the form of a text until it follows the instructions of its prompt."""

import itertools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from unipref.core.answer_checks.constraints import Constraint
from unipref.core.answer_checks.ifeval import Checks

Arguments = Mapping[str, Any]
Correct = Callable[[str, Arguments, Sequence[str]], str | None]
"""Text, arguments of the rule and other answers to the prompt -> the corrected text; None: the rule cannot."""

FEWEST_WORDS = 3
"""Words below which what is left of a text is no answer."""
MOST_TITLE_WORDS = 6
SPARE_WORDS = 10
"""Words left free below a bound, for a title or an end that another instruction asks for."""
_END = re.compile(r"(?<=[.!?])[\"')\]*]*\s+|\n+\s*")
"""What ends a sentence: a mark with a blank, or the end of a line."""
_NUMBER = re.compile(r"(?:^|\s)\(?\w{1,2}[.)]\s*$")
"""The number of a point in a list, such as `2.`, which ends no sentence."""
_POINT = re.compile(r"^(?:[*•#>-]+|\(?\d{1,2}[.)])\s+")
_FENCE = re.compile(r"^```\w*$\n?", re.MULTILINE)
_LONG_WORD = re.compile(r"[A-Za-z]{6,}")
_IN_NUMBER = re.compile(r"(?<=\d),(?=\d)")


def correct_answer(
    text: str, is_ended: bool, prompt: str, constraints: Sequence[Constraint], others: Sequence[str], checks: Checks
) -> str | None:
    """Corrects an answer with as few changes as the rules need.

    Args:
        text: the answer.
        is_ended: whether the policy ended it; of a text that was cut off, the unfinished last sentence is removed.
        prompt: the text of the last user turn, with its constraints.
        constraints: of the prompt.
        others: other answers to the same prompt, for an instruction to answer twice.
        checks: the rules.

    Returns:
        A text that follows all constraints by their rules; None if there is no such text, or none that differs from
        the answer.
    """
    corrected: str | None = text.strip() if is_ended else _remove_unfinished(text)
    by_kind = {constraint.kind: constraint for constraint in constraints}
    for kind, correct in CORRECTIONS.items():
        if not corrected:
            return None
        if kind in by_kind and not _is_followed(by_kind[kind], prompt, corrected, checks):
            corrected = correct(corrected, by_kind[kind].arguments, others)
    if not corrected or corrected == text or len(corrected.split()) < FEWEST_WORDS:
        return None
    # One correction can undo what another instruction asks for, and not every kind has a correction.
    return corrected if all(_is_followed(one, prompt, corrected, checks) for one in constraints) else None


def _is_followed(constraint: Constraint, prompt: str, text: str, checks: Checks) -> bool:
    return checks.verdict(0, prompt, [constraint.kind], [constraint.arguments], text).strict[0]


def split_sentences(text: str) -> list[str]:
    """Splits a text after full stops, question marks and exclamation marks that a blank follows, and after lines."""
    starts = [*_find_starts(text), len(text)]
    return [text[start:end].strip() for start, end in itertools.pairwise(starts)]


def _find_starts(text: str) -> list[int]:
    """Finds where the sentences of a text start; the number of a point in a list is no sentence."""
    starts = [0] if text.strip() else []
    for found in _END.finditer(text):
        if found.end() < len(text) and not _NUMBER.search(text[starts[-1] : found.start()] + " "):
            starts.append(found.end())
    return starts


def _remove_unfinished(text: str) -> str | None:
    end = max(text.rfind(mark) for mark in ".!?")
    return text[: end + 1].strip() or None


def _remove_sentences(text: str, arguments: Arguments, others: Sequence[str]) -> str | None:
    """Removes the sentences with a forbidden word."""
    words = re.compile(r"\b(?:" + "|".join(map(re.escape, arguments["forbidden_words"])) + r")\b", re.IGNORECASE)
    starts = [*_find_starts(text), len(text)]
    sentences = [text[start:end] for start, end in itertools.pairwise(starts)]
    return "".join(one for one in sentences if not words.search(one)).strip() or None


def _shorten(text: str, arguments: Arguments, others: Sequence[str]) -> str | None:
    """Keeps the first sentences that stay below the bound; a text cannot be made longer."""
    if arguments["relation"] != "less than":
        return None
    ends = [*_find_starts(text)[1:], len(text)]
    short = [text[:end] for end in ends if len(text[:end].split()) < arguments["num_words"] - SPARE_WORDS]
    return short[-1].strip() if short else None


def _answer_twice(text: str, arguments: Arguments, others: Sequence[str]) -> str | None:
    return f"{text}\n******\n{others[0].strip()}" if others else None


def _divide(text: str, count: int) -> list[str] | None:
    """Divides the sentences of a text into parts of about equal numbers; None if it has too few sentences."""
    starts = [*_find_starts(text), len(text)]
    if len(starts) <= count:
        return None
    bounds = [starts[round((len(starts) - 1) * part / count)] for part in range(count + 1)]
    return [text[start:end].strip() for start, end in itertools.pairwise(bounds)]


def _make_paragraphs(text: str, arguments: Arguments, others: Sequence[str]) -> str | None:
    parts = _divide(text.replace("***", ""), arguments["num_paragraphs"])
    return "\n\n***\n\n".join(parts) if parts else None


def _make_bullets(text: str, arguments: Arguments, others: Sequence[str]) -> str | None:
    """Makes a point of each of the first lines, or of the first sentences if there are fewer lines."""
    count = arguments["num_bullets"]
    lines = [one for line in text.splitlines() if (one := _POINT.sub("", line.strip()))]
    points = lines if len(lines) >= count else split_sentences("\n".join(lines))
    return "\n".join(f"* {one}" for one in points[:count])


def _make_sections(text: str, arguments: Arguments, others: Sequence[str]) -> str | None:
    parts = _divide(text, arguments["num_sections"])
    word = arguments["section_spliter"]
    return "\n\n".join(f"{word} {number}\n{part}" for number, part in enumerate(parts, start=1)) if parts else None


def _highlight(text: str, arguments: Arguments, others: Sequence[str]) -> str | None:
    """Puts stars around the first longer words, each once."""
    left, seen = arguments["num_highlights"], set[str]()

    def mark(found: re.Match[str]) -> str:
        nonlocal left
        if not left or found.group().lower() in seen:
            return found.group()
        left -= 1
        seen.add(found.group().lower())
        return f"*{found.group()}*"

    return _LONG_WORD.sub(mark, text)


def _remove_commas(text: str, arguments: Arguments, others: Sequence[str]) -> str | None:
    return _IN_NUMBER.sub("", text).replace(",", "")


def _add_title(text: str, arguments: Arguments, others: Sequence[str]) -> str | None:
    """Makes a title of the first words."""
    words = re.findall(r"[\w'-]+", split_sentences(text)[0])[:MOST_TITLE_WORDS]
    return f"<<{' '.join(words).title()}>>\n\n{text}" if words else None


def _add_postscript(text: str, arguments: Arguments, others: Sequence[str]) -> str | None:
    """Makes a note of the last sentence."""
    *sentences, last = split_sentences(text)
    if not sentences:
        return None
    return f"{text[: text.rindex(last)].rstrip()}\n\n{arguments['postscript_marker']} {last}"


def _add_end(text: str, arguments: Arguments, others: Sequence[str]) -> str | None:
    return f"{text} {arguments['end_phrase']}"


def _use_capitals(text: str, arguments: Arguments, others: Sequence[str]) -> str | None:
    return text.upper()


def _use_lower_case(text: str, arguments: Arguments, others: Sequence[str]) -> str | None:
    return text.lower()


def _quote(text: str, arguments: Arguments, others: Sequence[str]) -> str | None:
    return '"' + text.replace('"', "'") + '"'


def _write_json(text: str, arguments: Arguments, others: Sequence[str]) -> str | None:
    return json.dumps({"answer": _FENCE.sub("", text).strip()}, ensure_ascii=False)


CORRECTIONS: dict[str, Correct] = {
    "keywords:forbidden_words": _remove_sentences,
    "length_constraints:number_words": _shorten,
    "combination:two_responses": _answer_twice,
    "length_constraints:number_paragraphs": _make_paragraphs,
    "detectable_format:number_bullet_lists": _make_bullets,
    "detectable_format:multiple_sections": _make_sections,
    "detectable_format:number_highlighted_sections": _highlight,
    "punctuation:no_comma": _remove_commas,
    "detectable_format:title": _add_title,
    "detectable_content:postscript": _add_postscript,
    "startend:end_checker": _add_end,
    "change_case:english_capital": _use_capitals,
    "change_case:english_lowercase": _use_lower_case,
    "startend:quotation": _quote,
    "detectable_format:json_format": _write_json,
}
"""Type of instruction -> its correction, in the order in which they are applied: what is removed and divided comes
before what is added. Words to use, blanks, letters and other languages cannot be added by rule."""
