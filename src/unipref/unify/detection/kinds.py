"""The kind of a field, which follows from its values alone: text, number, code, flag, turns, list and so on."""

import functools
import math
import re
from collections.abc import Callable
from typing import Any

from unipref.core.records import Row
from unipref.unify.detection.side_words import names_a_side
from unipref.unify.detection.transcripts import find_marks
from unipref.unify.detection.verdict_words import have_verdicts, is_blank, is_verdict
from unipref.unify.mapping.turns import KNOWN_ROLES, find_turn_keys

TRANSCRIPT = re.compile(r"^\s*Human:.*\n\nAssistant:", re.DOTALL)
NUMERAL = re.compile(r"[-+]?\d+(\.\d+)?")
DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d{1,2}")
SCORE_TEXT = re.compile(
    r"(\d+(?:[.,]\d+)?)\s*(?:%|/\s*\d+|(?:out )?of \d+|sur \d+|von \d+|de \d+|stars?|points?|pts?|⭐|"
    r"sterne?|gwiazd\w+|zvezd\w*|звёзд\w*|звезд\w*|estrellas?|étoiles?|stell[ae]|estrelas?|sterren|ster|yıldız|stjärn\w+|"
    r"stjerner?|tähte\w*|puntos?|punt[oi]|pontos?|punkte?|punkt\w*|pkt|балл\w*|очк\w+|점|点|點|分|つ?星|颗星|顆星|별)",
    re.IGNORECASE,
)
"""A text that holds a score and its unit."""
LABELLED_SCORE = re.compile(r"(\d{1,2})\s*(?:[-–:=.)]|\()\s*[^\W\d][^\d]*")
"""A number on a scale with its meaning, such as '5 - very good'."""
FULL_STARS, EMPTY_STARS = {"★", "⭐", "🌟"}, {"☆", "✩", "·", " "}
WIDE = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""A letter of a script that is written without spaces."""
SENTENCE_END = re.compile(r"[?!。？！]\s*$|[a-z]\.\s*$")
VERDICT = re.compile(r"\b(tie|draw|better|worse|both|neither|equal)\b", re.IGNORECASE)
MAX_CODES = 10
"""Most different values of a column of codes."""
MAX_SIGN = 3
"""Most characters of a sign such as ! or !!, which ends no sentence."""
MAX_CODE_LENGTH = 24
"""Most characters of a code that is a single word."""
MAX_VERDICT_LENGTH = 40
"""Most characters of a verdict in several words."""
MIN_KIND_SHARE = 0.9
"""Least share of a column's values that must be of one kind; public files have odd cells."""
MAX_ODD_SHARE = 0.2
MAX_ODD = 2
"""Most cells of a column of numbers that hold another short text: this share of them, or this many in a short file."""
MIN_NUMBER_SHARE = 0.6
"""Least share of a column's values that are numbers or verdicts if others say that there is none, such as N/A."""


def to_finite_number(value: Any) -> float | None:
    """Converts a value to a finite number; None if it is a boolean, not a number or not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and len(value) > MAX_VERDICT_LENGTH:
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def read_decimal_comma(value: Any) -> float | None:
    """Converts a text such as '4,5' to a number; None if it is not one."""
    if isinstance(value, str) and DECIMAL_COMMA.fullmatch(value.strip()):
        return float(value.strip().replace(",", "."))
    return None


def read_score_text(value: Any) -> float | None:
    """Converts a score to a number, also one in a text: '4,5', '80%', '4/5', '4 stars', '★★★★☆'. None for others."""
    if not isinstance(value, str):
        return to_finite_number(value)
    return _read_score_of_text(value) if len(value) <= MAX_VERDICT_LENGTH else None


@functools.lru_cache(8192)
def _read_score_of_text(value: str) -> float | None:
    if (number := to_finite_number(value)) is not None:
        return number
    if (number := read_decimal_comma(value)) is not None:
        return number
    if match := SCORE_TEXT.fullmatch(value.strip()) or LABELLED_SCORE.fullmatch(value.strip()):
        return float(match[1].replace(",", "."))
    signs = value.replace("\ufe0f", "").strip()
    full = sum(sign in FULL_STARS for sign in signs)
    return float(full) if full and {*signs} <= FULL_STARS | EMPTY_STARS else None


def read_denominator(value: Any) -> float | None:
    """Returns the end of the scale that a score in a text names: 5 in '4/5', 100 in '80%'; None if it names none."""
    if not isinstance(value, str) or len(value) > MAX_VERDICT_LENGTH or not SCORE_TEXT.fullmatch(value.strip()):
        return None
    if value.strip().endswith("%"):
        return 100.0
    numbers = re.findall(r"\d+(?:[.,]\d+)?", value)
    return float(numbers[1].replace(",", ".")) if len(numbers) > 1 else None


def split_odd_values(values: list[tuple[int, Any]]) -> tuple[list[tuple[int, Any]], list[str]]:
    """Separates texts such as 'N/A' from numbers or verdicts, and a few other short texts from numbers ('2-', 'tbd').

    Returns:
        The numbers or verdicts, and the different other texts; all values and no text if most are neither.
    """
    fitting = _keep_if_most(values, is_number_text) or _keep_if_most(values, _is_verdict_in_words)
    if not MIN_NUMBER_SHARE * len(values) <= len(fitting) < len(values):
        return values, []
    others = [v for _, v in values if not is_number_text(v)] if is_number_text(fitting[0][1]) else None
    others = [v for _, v in values if not is_verdict(v) or is_blank(str(v))] if others is None else others
    odd = [v for v in others if not (isinstance(v, str) and is_blank(v))]
    if any(not isinstance(v, str) or len(v) > MAX_VERDICT_LENGTH for v in others):
        return values, []
    if len(odd) > max(MAX_ODD, MAX_ODD_SHARE * len(values)) or (odd and not is_number_text(fitting[0][1])):
        return values, []
    return fitting, sorted({*others})


def _keep_if_most(values: list[tuple[int, Any]], fits: Callable[[Any], bool]) -> list[tuple[int, Any]]:
    """Returns the values that fit; none as soon as so many do not fit that the others are too few."""
    fitting: list[tuple[int, Any]] = []
    most_others = (1 - MIN_NUMBER_SHARE) * len(values)
    for place, (i, value) in enumerate(values):
        if fits(value):
            fitting.append((i, value))
        elif place + 1 - len(fitting) > most_others:
            return []
    return fitting


def _is_verdict_in_words(value: Any) -> bool:
    return is_verdict(value) and not (isinstance(value, str) and is_blank(value))


def is_number_text(value: Any) -> bool:
    """Whether a value is a number or a text that holds a score."""
    return read_score_text(value) is not None


def classify_values(values: list[Any]) -> str:
    """Returns the kind of a column with these values; see `Column.kind`."""
    if not values:
        return "empty"
    if all(isinstance(v, bool) for v in values) or {str(v).lower() for v in values[:50]} <= {"true", "false"}:
        return "flag" if all(str(v).lower() in ("true", "false") for v in values) else "text"
    if all(isinstance(v, list) for v in values):
        return classify_items([item for value in values for item in value])
    if all(is_tree(v) for v in values):
        return "messages_tree"
    if _are_turns(values):
        return "turn"
    if all(is_number_text(v) or _is_numeral(v) for v in values):
        numbers = {read_score_text(v) for v in values}
        is_code = len(numbers) <= MAX_CODES and all(n is not None and n.is_integer() for n in numbers)
        return "code" if is_code else "number"
    return _classify_texts(values)


def is_usual_transcript(texts: list[Any]) -> bool:
    """Whether most texts are transcripts with the usual marks, which need no setting."""
    return sum(bool(TRANSCRIPT.match(str(v))) for v in texts) > len(texts) / 2


def _classify_texts(values: list[Any]) -> str:
    texts = [v for v in values if isinstance(v, str)]
    if len(texts) < MIN_KIND_SHARE * len(values):
        return "code" if all(is_verdict(v) for v in values) else "other"
    if is_usual_transcript(texts) or find_marks(texts):
        return "transcript"
    longest = max(map(len, texts))
    if longest <= MAX_VERDICT_LENGTH and len(texts) == len(values):
        distinct = {*texts}
        if len(distinct) <= 2 * MAX_CODES and (all(map(is_verdict, distinct)) or all(map(names_a_side, distinct))):
            return "code"
        # A short prompt that is repeated with other answers is not a code: only single words or verdicts are.
        is_single_word = longest <= MAX_CODE_LENGTH and not any(
            " " in v.strip() or count_words(v) > 3 or (len(v) > MAX_SIGN and SENTENCE_END.search(v)) for v in distinct
        )
        is_code = is_single_word or any(map(VERDICT.search, distinct)) or have_verdicts(distinct)
        # 'yes', 'no' and 'I do not know yet' are one person's answers to the name of the column.
        is_code = is_code or sum(map(is_verdict, texts)) >= MIN_NUMBER_SHARE * len(texts)
        if len(distinct) <= min(MAX_CODES, len(texts) / 3) and is_code:
            return "code"
    return "text"


def count_words(content: str) -> int:
    """Returns the number of words; of scripts without spaces, two letters count as one."""
    return max(len(content.split()), len(WIDE.findall(content)) // 2)


def classify_items(items: list[Any]) -> str:
    """Returns the kind of a column of lists with these items."""
    if not items:
        return "empty"
    kinds: list[tuple[str, Callable[[Any], bool]]] = [
        ("flags", lambda item: isinstance(item, bool)),
        ("numbers", lambda item: to_finite_number(item) is not None and not isinstance(item, str)),
        ("texts", lambda item: isinstance(item, str)),
        ("exchanges", lambda item: isinstance(item, list) and [type(i) for i in item] == [str, str]),
    ]
    for kind, fits in kinds:
        if all(map(fits, items)):
            return kind
    if _are_turns(items):
        return "turns"
    return "items" if all(isinstance(item, dict) for item in items) else "other"


def is_turn(value: Any) -> bool:
    """Whether a mapping can be a turn: it has a known role and one other text."""
    if not isinstance(value, dict):
        return False
    if {"role", "content"} <= value.keys() or {"from", "value"} <= value.keys():
        return True
    texts = [v for v in value.values() if isinstance(v, str)]
    return len(texts) == 2 and any(text.lower() in KNOWN_ROLES for text in texts) and len(value) <= MAX_CODES / 2


def _are_turns(items: list[Any]) -> bool:
    return all(map(is_turn, items)) and (
        all({"role", "content"} <= i.keys() or {"from", "value"} <= i.keys() for i in items)
        or find_turn_keys(items, {}) is not None
    )


def is_tree(value: Any) -> bool:
    """Whether a value is a message that holds its replies."""
    return isinstance(value, dict) and find_replies_key(value) is not None


def find_replies_key(node: Row) -> str | None:
    """Returns the key under which a message holds its replies: a list of mappings that share two text keys with it.

    One of these keys names the speaker. Two times or two ids in common do not make a message.
    """
    names = {*node}
    for key, replies in node.items():
        if isinstance(replies, list) and replies and all(isinstance(child, dict) for child in replies):
            shared = [(set(child) & names) - {key} for child in replies]
            texts = [k for k in set.intersection(*shared) if all(isinstance(c[k], str) for c in [node, *replies])]
            roles = [k for k in texts if all(c[k].lower() in KNOWN_ROLES for c in [node, *replies])]
            if roles and len(texts) >= 2:
                return key
    return None


def _is_numeral(value: Any) -> bool:
    return isinstance(value, str) and NUMERAL.fullmatch(value.strip()) is not None
