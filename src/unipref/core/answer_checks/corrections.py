"""Corrects answers by rule: changes the form of a text until it follows the instructions of its prompt."""

import itertools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from unipref.core.answer_checks.constraints import Constraint
from unipref.core.answer_checks.ifeval import Checks

Arguments = Mapping[str, Any]


class Context(NamedTuple):
    """What a correction may know besides the text.

    Attributes:
        others: other answers to the prompt.
        spare: words to leave free below a bound, for what another instruction adds.
    """

    others: Sequence[str]
    spare: int


Correct = Callable[[str, Arguments, Context], str | None]
"""Text, arguments of the rule and context -> the corrected text; None: the rule cannot correct it."""

FEWEST_WORDS = 3
"""Words below which a text is no answer, before anything is added to it."""
LEAST_KEPT = 0.5
"""Share of the words that is left at least when a rule removes or shortens."""
MOST_TITLE_WORDS, FEWEST_TITLE_WORDS = 6, 2
SPARE_WORDS = 10
_END = re.compile(r"(?<=[.!?])[\"')\]*]*\s+|\n+\s*")
"""What ends a sentence: a mark with a blank, or the end of a line."""
_NO_END = re.compile(r"(?:^|\n)\s*\(?(?:\d{1,2}|[A-Za-z])[.)]\s*$|\b(?:[A-Z]|Mr|Mrs|Ms|Dr|St|vs|e\.g|i\.e)\.$")
"""What ends no sentence: the number of a point in a list, such as `2.`, and common abbreviations."""
_POINT = re.compile(r"^\s*(?:[*•-]|\(?\d{1,2}[.)])\s+")
_LETTERS = re.compile(r"[^\W\d_]")
_LONG_WORD = re.compile(r"<<.*?>>|\*+[^*\n]+\*+|https?://\S+|\b[^\W\d_]{6,}\b")
"""A longer word, or what may not be changed: a title, a highlight, an address."""
_HIGHLIGHT = re.compile(r"\*+[^*\n]+\*+")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_FENCE = re.compile(r"^```\w*$\n?", re.MULTILINE)


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
        A text that follows all constraints by their rules; None if the answer follows them already, or if the rules
        cannot correct it. Code is only quoted or put into JSON.
    """
    by_kind = {constraint.kind: constraint for constraint in constraints}
    corrected: str | None = text.strip() if is_ended else _remove_unfinished(text)
    if "```" in text and (not is_ended or not CODE_KINDS.issuperset(by_kind)):
        return None
    context = Context(others, SPARE_WORDS if ADDING_KINDS.intersection(by_kind) else 0)
    is_changed = False
    for kind, correct in CORRECTIONS.items():
        if not corrected or len(corrected.split()) < FEWEST_WORDS:
            return None
        if kind in by_kind and not _is_followed(by_kind[kind], prompt, corrected, checks):
            corrected = correct(corrected, by_kind[kind].arguments, context)
            is_changed = True
    # One correction can undo what another instruction asks for, and not every kind has a correction.
    is_right = is_changed and corrected and follows_all(corrected, prompt, constraints, checks)
    return corrected if is_right else None


def follows_all(text: str, prompt: str, constraints: Sequence[Constraint], checks: Checks) -> bool:
    """Whether a text strictly follows all constraints; arguments as of `correct_answer`."""
    return all(_is_followed(constraint, prompt, text, checks) for constraint in constraints)


def _is_followed(constraint: Constraint, prompt: str, text: str, checks: Checks) -> bool:
    return checks.is_followed(0, prompt, constraint.kind, constraint.arguments, text)


def split_sentences(text: str) -> list[str]:
    """Splits a text after full stops, question marks and exclamation marks that a blank follows, and after lines."""
    return [piece.strip() for piece in _cut(text)]


def _cut(text: str) -> list[str]:
    """Cuts a text where its sentences start; each piece has the blanks and line ends behind its sentence."""
    if not text.strip():
        return []
    starts = [0]
    for found in _END.finditer(text):
        # The eight characters before show a number or an abbreviation; the line end in front of them too.
        before = text[max(starts[-1] - 1, found.start() - 8, 0) : found.start()]
        if found.end() < len(text) and not _NO_END.search(before):
            starts.append(found.end())
    return [text[start:end] for start, end in itertools.pairwise([*starts, len(text)])]


def _remove_unfinished(text: str) -> str | None:
    pieces = _cut(text)
    if not pieces or text.lstrip().startswith(("{", "[")):
        return None
    last = pieces[-1].strip()
    is_whole = last.endswith((".", "!", "?")) and not _NO_END.search(last)
    return "".join(pieces if is_whole else pieces[:-1]).strip() or None


def _remove_sentences(text: str, arguments: Arguments, context: Context) -> str | None:
    """Removes the sentences with a forbidden word; their line ends stay."""
    words = re.compile(r"\b(?:" + "|".join(map(re.escape, arguments["forbidden_words"])) + r")\b", re.IGNORECASE)
    pieces = [piece if not words.search(piece) else _keep_lines(piece) for piece in _cut(text)]
    left = re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", "".join(pieces))).strip()
    return left if _keeps_enough(left, text) else None


def _keep_lines(piece: str) -> str:
    blanks = piece[len(piece.rstrip()) :]
    return blanks if "\n" in blanks else ""


def _keeps_enough(left: str, text: str) -> bool:
    return len(left.split()) >= LEAST_KEPT * len(text.split())


def _shorten(text: str, arguments: Arguments, context: Context) -> str | None:
    """Keeps the first sentences that stay below the bound; a text cannot be made longer."""
    if arguments["relation"] != "less than":
        return None
    kept = ""
    for piece in _cut(text):
        if len((kept + piece).split()) >= arguments["num_words"] - context.spare:
            break
        kept += piece
    return kept.strip() if _keeps_enough(kept, text) else None


def _answer_twice(text: str, arguments: Arguments, context: Context) -> str | None:
    return f"{text}\n******\n{context.others[0].strip()}" if context.others else None


def _divide(text: str, count: int) -> list[str] | None:
    """Divides the sentences of a text into parts of about equal numbers; None if it has too few sentences."""
    pieces = _cut(text)
    if len(pieces) < count:
        return None
    bounds = [round(len(pieces) * part / count) for part in range(count + 1)]
    return ["".join(pieces[start:end]).strip() for start, end in itertools.pairwise(bounds)]


def _make_paragraphs(text: str, arguments: Arguments, context: Context) -> str | None:
    parts = _divide(text.replace("***", ""), arguments["num_paragraphs"])
    return "\n\n***\n\n".join(parts) if parts else None


def _make_bullets(text: str, arguments: Arguments, context: Context) -> str | None:
    """Makes points of the first items of a list, or of the first sentences of a text without one."""
    lines = [line for line in text.splitlines() if _LETTERS.search(line)]
    if any(line.lstrip().startswith("|") for line in lines):
        return None
    listed = [_POINT.sub("", line).strip() for line in lines if _POINT.match(line)]
    points = listed or [one for one in split_sentences(text) if _LETTERS.search(one)]
    return "\n".join(f"* {one}" for one in points[: arguments["num_bullets"]])


def _make_sections(text: str, arguments: Arguments, context: Context) -> str | None:
    parts = _divide(text, arguments["num_sections"])
    word = arguments["section_spliter"]
    return "\n\n".join(f"{word} {number}\n{part}" for number, part in enumerate(parts, start=1)) if parts else None


def _add_title(text: str, arguments: Arguments, context: Context) -> str | None:
    """Makes a title of the first words of the first sentence that has enough of them."""
    for sentence in split_sentences(text):
        words = [word for word in re.findall(r"[\w'-]+", _POINT.sub("", sentence)) if _LETTERS.search(word)]
        if len(words) >= FEWEST_TITLE_WORDS:
            title = " ".join(word[0].upper() + word[1:] for word in words[:MOST_TITLE_WORDS])
            return f"<<{title}>>\n\n{text}"
    return None


def _highlight(text: str, arguments: Arguments, context: Context) -> str | None:
    """Puts stars around the first longer words, each once, until there are enough highlights."""
    left, seen = arguments["num_highlights"] - len(_HIGHLIGHT.findall(text)), set[str]()

    def mark(found: re.Match[str]) -> str:
        nonlocal left
        word = found.group()
        if left <= 0 or not word.isalpha() or word.lower() in seen:
            return word
        left -= 1
        seen.add(word.lower())
        return f"*{word}*"

    return _LONG_WORD.sub(mark, text)


def _remove_commas(text: str, arguments: Arguments, context: Context) -> str | None:
    return re.sub(r",(?=\S)", " ", _THOUSANDS.sub("", text)).replace(",", "")


def _add_postscript(text: str, arguments: Arguments, context: Context) -> str | None:
    """Makes a note of the last sentence."""
    *pieces, last = _cut(text)
    if not pieces or not last.endswith((".", "!", "?")) or len(last.split()) < FEWEST_WORDS:
        return None
    return f"{''.join(pieces).rstrip()}\n\n{arguments['postscript_marker']} {last}"


def _add_end(text: str, arguments: Arguments, context: Context) -> str | None:
    return text + ("\n\n" if "\n" in text else " ") + str(arguments["end_phrase"])


def _use_capitals(text: str, arguments: Arguments, context: Context) -> str | None:
    return text.upper()


def _use_lower_case(text: str, arguments: Arguments, context: Context) -> str | None:
    return text.lower()


def _quote(text: str, arguments: Arguments, context: Context) -> str | None:
    return '"' + text.replace('"', "'") + '"'


def _write_json(text: str, arguments: Arguments, context: Context) -> str | None:
    return json.dumps({"answer": _FENCE.sub("", text).strip()}, ensure_ascii=False)


CORRECTIONS: dict[str, Correct] = {
    "keywords:forbidden_words": _remove_sentences,
    "length_constraints:number_words": _shorten,
    "combination:two_responses": _answer_twice,
    "length_constraints:number_paragraphs": _make_paragraphs,
    "detectable_format:number_bullet_lists": _make_bullets,
    "detectable_format:multiple_sections": _make_sections,
    "detectable_format:title": _add_title,
    "detectable_format:number_highlighted_sections": _highlight,
    "punctuation:no_comma": _remove_commas,
    "detectable_content:postscript": _add_postscript,
    "startend:end_checker": _add_end,
    "change_case:english_capital": _use_capitals,
    "change_case:english_lowercase": _use_lower_case,
    "startend:quotation": _quote,
    "detectable_format:json_format": _write_json,
}
"""Type of instruction -> its correction, in the order in which they are applied: what is removed and divided comes
before what is added. Words to use, blanks, letters and other languages cannot be added by rule."""
ADDING_KINDS = {"detectable_format:title", "startend:end_checker", "detectable_content:postscript"}
CODE_KINDS = {"startend:quotation", "detectable_format:json_format"}
"""What leaves code as it is."""
