"""Words that say which of two answers is better: `A`, `model_a`, `A>>B`, `[[B]]`, `tie (bothbad)`, `B is worse`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from unipref.unify.detection.foreign_names import to_english
from unipref.unify.detection.name_words import split_words

TIE = re.compile(
    r"同じ|引き分け|平局|一样|\b(tie|tied|ties|draw|both|bothbad|bothgood|neither|equal|equally|same|similar|even|none|"
    r"beide|keine?r?|les deux|aucun|ambos|ambas|entrambe|nessuna|ninguna|"
    r"toss[ -]?up|no preference|no difference|"
    r"[eé]gal(e|es|ité)?|[eé]gaux|gleich(wertig|stand)?|unentschieden|igual|empate|pareggio)\b",
    re.IGNORECASE,
)
"""A value that says that no answer is better, also in some other languages."""
SIDES = {
    *("a", "b", "1", "2", "0", "left", "right", "x", "y", "links", "rechts", "gauche", "droite"),
    *("izquierda", "derecha", "sinistra", "destra", "esquerda", "direita"),
}
NOUNS = {
    *(
        "model",
        "answer",
        "response",
        "output",
        "assistant",
        "system",
        "option",
        "completion",
        "candidate",
        "bot",
        "side",
    ),
    *("summary", "reply", "generation", "text", "version", "choice", "sample", "conversation", "agent", "chatbot"),
}
FILLERS = {
    *(
        "is",
        "was",
        "the",
        "much",
        "slightly",
        "significantly",
        "clearly",
        "far",
        "bit",
        "little",
        "strongly",
        "somewhat",
    ),
    *("a", "than", "by", "of", "barely", "marginally", "definitely", "probably", "st", "nd", "even", "still"),
}
MORE_FILLERS = {
    *("not", "no", "isn", "i", "for", "to", "very", "extremely", "moderately", "considerably", "quite", "really"),
    *("more", "lot", "overall", "chosen", "choose", "pick", "picked", "vote", "voted", "selected", "this", "one"),
    *("besser", "viel", "etwas", "ist", "mejor", "mieux", "meilleur", "meilleure", "migliore", "melhor", "est", "es"),
}
"""Further words of sentences about one of two answers."""
RELATION = re.compile(r"([\w ]{1,20}?)\s*(>{1,3}|<{1,3}|={1,2}|≈|~|≻|≺|»|«)\s*([\w ]{1,20})")
ORDER_TEXT = re.compile(r"\s*[^\s>=≻,]{1,30}(\s*[>=≻]{1,2}\s*[^\s>=≻,]{1,30}){2,}\s*")
"""Three or more names of answers in order, as one text."""
MIN_ORDERS = 0.9
"""Least share of the texts of a field that are such orders."""
TIE_WORDS = {
    *("tie", "tied", "ties", "draw", "both", "bothbad", "bothgood", "neither", "equal", "equally", "same", "similar"),
    *("even", "none", "toss", "up", "no", "preference", "difference", "bad", "good", "about", "roughly", "them", "are"),
    *(
        "ok",
        "fine",
        "poor",
        "great",
        "quality",
        "answers",
        "responses",
        "同じ",
        "引き分け",
        "平局",
        "一样",
        "egal",
        "gleich",
    ),
    *("igual", "empate", "pareggio", "unentschieden", "beide", "gut", "schlecht", "schlechte", "keine", "keiner"),
    *("les", "deux", "aucun", "aucune", "bien", "mal", "ambos", "ambas", "malas", "buenas", "entrambe", "nessuna"),
    *("ninguna", "mauvais", "mauvaises", "bonnes"),
}
"""Words that a value which says that no answer is better may have."""
MUCH, SLIGHTLY = (
    re.compile(r"much|significant|far|strong|clearly", re.I),
    re.compile(r"slight|bit|margin|little|barely", re.I),
)
BETTER = {"better", "wins", "win", "won", "preferred", "best", "winner", "prefer", "stronger"}
WORSE = {"worse", "loses", "lose", "lost", "loser", "worst", "rejected", "weaker", "dispreferred", "bad"}
SYNONYMS = {"first": "1", "1st": "1", "one": "1", "second": "2", "2nd": "2", "two": "2"}
"""Ordinals and the number that they stand for."""
LETTERS = {"l": "left", "r": "right"}
"""Letters that stand for the word in the name of an answer."""
ARTICLE = re.compile(r"\ba (?=bit|little|lot|tie|draw|tad|touch)", re.IGNORECASE)
"""'a' that is not the name of an answer."""
MAX_LENGTH = 60


@dataclass(frozen=True)
class SideWord:
    """What a value says about two answers.

    Attributes:
        side: first, second or tie; None if the value does not say it.
        strength: how much better, from 1 (slightly) to 3 (much); None if it does not say it.
        speaks: whether the value itself says that the side is better, as in 'A>B', so that the field's name need not.
    """

    side: Literal["first", "second", "tie"] | None
    strength: int | None = None
    speaks: bool = False


def _plain(value: str) -> str:
    """Returns a value without brackets, quotes and underscores around or between its words."""
    return (
        re.sub(r"[\s_]+", " ", value.strip().strip("[](){}<>'\"`* ").strip())
        if value.strip(" <>=~≈")
        else value.strip()
    )


def names_a_side(value: str) -> bool:
    """Whether a value is the name of one of two answers, a tie, or a sentence about one of them."""
    if len(value) > MAX_LENGTH:
        return False
    plain = _plain(value)
    english = map(to_english, split_words(plain.lower()))
    words = {SYNONYMS.get(word, word) for word in english}
    if (
        RELATION.fullmatch(plain)
        or plain.lower() in LETTERS
        or (TIE.search(plain) and words <= TIE_WORDS | SIDES | NOUNS | FILLERS)
    ):
        return True
    return (
        bool(words & SIDES)
        and words <= SIDES | NOUNS | BETTER | (WORSE - {"bad", "rejected", "dispreferred"}) | FILLERS
    )


def are_orders(values: Sequence[Any]) -> bool:
    """Whether some values are texts that put three or more answers in order, such as B > C = A."""
    texts = [value for value in values if isinstance(value, str)]
    has_sign = any(">" in text or "≻" in text for text in texts)
    return has_sign and sum(bool(ORDER_TEXT.fullmatch(text)) for text in texts) > MIN_ORDERS * len(values)


def read_side(value: str, marks: Sequence[str] | None, names: Sequence[str] = ()) -> SideWord:
    """Reads which of two answers a value names.

    Args:
        value: as in the rows.
        marks: the words in which the names of the two answers differ, such as ('a', 'b'); None if there are none.
        names: the names of the two answers' fields, for values that repeat one of them.
    """
    plain = _plain(value)
    if (relation := RELATION.fullmatch(plain)) is not None:
        return _read_relation(relation, marks)
    words = split_words(ARTICLE.sub("", plain.lower()))
    if marks == ("1", "2"):
        # Beside answers that are numbered from 0, 'first' is not the answer with the number 1.
        words = [SYNONYMS.get(word, word) for word in words]
    words = [LETTERS.get(word, word) if marks and LETTERS.get(word) in marks else word for word in words]
    hits = [mark in words for mark in marks or ()]
    # 'B is even better' names a side, although 'even' alone is a tie.
    is_about_one = hits.count(True) == 1 and bool({*words} & (BETTER | WORSE - {"bad"}))
    if TIE.search(plain) and not is_about_one:
        return SideWord("tie", speaks=True)
    if [name.lower() for name in names].count(value.strip().lower()) == 1:
        return SideWord("first" if value.strip().lower() == names[0].lower() else "second")
    if hits.count(True) != 1 or _names_more({*words}, marks or (), names):
        return SideWord(None)
    first = hits[0]
    better, worse = bool(BETTER & {*words}), bool(WORSE & {*words})
    if (better and worse) or {"not", "no", "isn", "neither"} & {*words}:
        return SideWord(None)
    strength = 3 if MUCH.search(plain) else 1 if SLIGHTLY.search(plain) else 2 if better or worse else None
    return SideWord("first" if first != worse else "second", strength, speaks=better or worse)


def _names_more(words: set[str], marks: Sequence[str], names: Sequence[str]) -> bool:
    """Whether a value with a mark also has a side of another naming, or words that no name of a side has."""
    of_names = {word for name in names for word in split_words(name)}
    others = words - {*marks} - of_names
    is_other_side = bool(others & (SIDES | {*SYNONYMS}))
    return is_other_side or not others <= NOUNS | BETTER | WORSE | FILLERS | MORE_FILLERS


def _read_relation(relation: re.Match[str], marks: Sequence[str] | None) -> SideWord:
    """Reads 'A>>B': the answer on the open side of the sign is better."""
    left, sign, right = (part.strip().lower() for part in relation.groups())
    if sign[0] in "=≈~":
        return SideWord("tie", speaks=True)
    left_words, right_words = split_words(left), split_words(right)
    places = [[mark in words for mark in marks or ()] for words in (left_words, right_words)]
    if marks is None or sorted(places) != [[False, True], [True, False]]:
        return SideWord(None, speaks=True)
    is_left_better = sign[0] in ">≻»"
    is_first_left = places[0][0]
    return SideWord("first" if is_left_better == is_first_left else "second", len(sign), speaks=True)
