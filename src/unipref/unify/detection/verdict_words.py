"""Words, signs and emojis with which people judge one answer: what each of them says, from -3 (bad) to 3 (good).

Some words say nothing by themselves: 'yes' in `helpful` praises an answer, 'yes' in `has_errors` does not. They need
the name of the field.
"""

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

MAX_LENGTH = 40
"""Most characters of a verdict; a longer text is prose."""

_GOOD = {
    1.0: "good helpful useful correct right accurate relevant positive like liked love loved accept accepted approve "
    "approved up upvote upvoted thumbsup pass passed satisfied satisfactory acceptable desirable happy safe clear "
    "clean appropriate truthful faithful grounded success fit fits suitable suits  thumbs+up thumb+up thumbs-up "
    "gut richtig hilfreich bon bonne utile bueno buena correcto correcta buono buona corretto bom boa goed juist "
    "bien bene bem dobry dobra dobrze poprawna hyvä oikein iyi doğru riktig хорошо хороший верно правильно добре "
    "好 好的 正确 满意 良い 正しい 좋음 맞음 جيد صحيح अच्छा सही",
    1.5: "great",
    2.0: "excellent amazing awesome",
    2.5: "perfect outstanding",
}
_BAD = {
    -1.0: "bad poor unhelpful useless incorrect wrong inaccurate irrelevant negative dislike disliked reject rejected "
    "disapprove disapproved decline declined down downvote downvoted thumbsdown fail failed dissatisfied unsatisfied "
    "unsatisfactory unacceptable undesirable unhappy unsafe harmful toxic flagged unclear inappropriate untruthful "
    "hate hated dismiss dismissed "
    "schlecht falsch mauvais mauvaise inutile incorrecto incorrecta malo mala sbagliato errado slecht fout "
    "male mau ruim zły zła źle błędna huono väärin kötü yanlış dålig dårlig fel плохо плохой неверно "
    "неправильно погано "
    "nok n.ok 差 不好 错误 不满意 悪い 間違い 나쁨 틀림 سيئ خطأ बुरा गलत",
    -2.0: "terrible awful horrible worst",
}
UNDECIDED = {"unclear"}
"""Words of blame that say that the judge could not tell, unless their opposite is a value too."""
OK = {"ok", "okay", "o.k", "fine", "okey"}
NOT_OK = {"nok", "n.ok", *(f"{no} {ok}" for no in ("not", "nicht", "niet", "pas", "no", "non") for ok in OK)}
"""Words that are the opposite of `OK`."""
_UNFINISHED = re.compile(
    r"(needs?|requires?) (some |more |minor |major )?(work|improvements?|changes?|revision|edits?|fixing)|"
    r"(could|can) be (improved|better)|room for improvement|borderline"
)
"""What people write of an answer that is neither good nor bad."""
_MARKED = re.compile(r"[a-z]{1,12}[:=/#|]([a-z][a-z _-]*)")
"""A word after a short mark, such as that of a button."""
_MIDDLE = (
    "neutral fair ok okay average mediocre mixed so-so meh unsure undecided maybe partial partially partly somewhat"
)
_SIGNS = {
    "👍": 1.0, "👎": -1.0, "✅": 1.0, "✔": 1.0, "✓": 1.0, "❌": -1.0, "✖": -1.0, "✗": -1.0, "✘": -1.0, "❎": -1.0,
    "😀": 1.0, "😃": 1.0, "😄": 1.0, "😊": 1.0, "🙂": 1.0, "😍": 2.0, "❤": 1.0, "🎉": 1.0, "👏": 1.0, "💯": 2.0,
    "😐": 0.0, "😞": -1.0, "😟": -1.0, "🙁": -1.0, "☹": -1.0, "😡": -2.0, "😠": -2.0, "😢": -1.0, "💩": -2.0, "🤷": 0.0,
    ":+1:": 1.0, ":-1:": -1.0, "+1": 1.0, ":thumbsup:": 1.0, ":thumbsdown:": -1.0,
    ":thumbs_up:": 1.0, ":thumbs_down:": -1.0, ":)": 1.0, ":-)": 1.0, ":(": -1.0, ":-(": -1.0, "👌": 1.0,
}  # fmt: skip
_SIGNS |= {
    "daumen hoch": 1.0, "daumen runter": -1.0, "pouce levé": 1.0, "pouce baissé": -1.0, "pouce en l'air": 1.0,
    "pouce vers le haut": 1.0, "pouce vers le bas": -1.0, "pulgar arriba": 1.0, "pulgar abajo": -1.0,
    "pulgar hacia arriba": 1.0, "pulgar hacia abajo": -1.0, "pollice su": 1.0, "pollice giù": -1.0,
    "pollice in su": 1.0, "pollice in giù": -1.0, "polegar para cima": 1.0, "polegar para baixo": -1.0,
    "duim omhoog": 1.0, "duim omlaag": -1.0, "tumme upp": 1.0, "tumme ner": -1.0, "kciuk w górę": 1.0,
    "kciuk w dół": -1.0, "палец вверх": 1.0, "палец вниз": -1.0, "いいね": 1.0,
    "よくないね": -1.0, "赞": 1.0, "踩": -1.0,
}  # fmt: skip
"""Thumbs in the words of other languages."""
_STRONG = {"strongly", "very", "extremely", "highly", "completely", "totally", "fully", "really", "absolutely"}
_WEAK = {"somewhat", "slightly", "partially", "partly", "fairly", "rather", "moderately", "mildly", "mostly", "mainly"}
_NEGATIONS = {"not", "no", "non", "isn't", "never"}
_FILLERS = {"at", "all", "a", "an", "the", "it", "is", "was", "answer", "response", "bit", "kind", "of", "quite", "i",
            "thumbs", "thumb", "vote", "answered", "quality", "rated", "marked", "as",
            "call", "choice", "does", "do", "did"}  # fmt: skip
_AFFIRMATIONS = {
    "yes": 1.0, "y": 1.0, "true": 1.0, "t": 1.0, "agree": 1.0, "agreed": 1.0, "always": 2.0, "often": 1.0,
    "no": -1.0, "n": -1.0, "false": -1.0, "f": -1.0, "disagree": -1.0, "never": -2.0, "rarely": -1.0,
    "ja": 1.0, "nein": -1.0, "oui": 1.0, "non": -1.0, "si": 1.0, "sí": 1.0, "sim": 1.0, "não": -1.0, "nee": -1.0,
    "tak": 1.0, "nie": -1.0, "да": 1.0, "нет": -1.0, "evet": 1.0, "hayır": -1.0, "是": 1.0, "否": -1.0, "はい": 1.0,
    "いいえ": -1.0, "예": 1.0, "아니오": -1.0, "نعم": 1.0, "لا": -1.0, "हाँ": 1.0, "नहीं": -1.0, "kyllä": 1.0, "ei": -1.0,
    "high": 1.0, "low": -1.0, "medium": 0.0, "sometimes": 0.0, "neither": 0.0,
}  # fmt: skip
"""Words that need the name of the field: they say how much of it there is."""
_LIGHTS = {
    1.0: "green grün gruen vert verte verde groen grön zielony зелёный 緑 绿",
    0.0: "yellow amber orange gelb jaune amarillo giallo amarelo geel gul żółty жёлтый 黄",
    -1.0: "red rot rouge rojo rosso vermelho rood röd czerwony красный 赤 红",
}
LIGHTS = {word: grade for grade, words in _LIGHTS.items() for word in words.split()}
"""The colours of a traffic light. They need the name of the field too: they may be colours of something."""
_AFFIRMATIONS |= LIGHTS
_BLANKS = {
    *("", "n/a", "na", "n.a.", "none", "null", "nan", "nil", "-", "--", "—", "?", "unknown", "not rated", "unrated"),
    *("no rating", "no answer", "no response", "no vote", "skip", "skipped", "missing", "pending", "not applicable"),
    *(
        "n/d",
        "n.d.",
        "nd",
        "nvt",
        "n.v.t.",
        "n/v",
        "n. a.",
        "k.a.",
        "k. a.",
        "s/o",
        "s.o.",
        "b.d.",
        "n.b.",
        "nb",
        "tbd",
    ),
    *("tba", "tbc", "to do", "todo", "n.b.", "keine angabe", "niet van toepassing", "non applicable", "no aplica"),
    *("not available", "undefined", "empty", "(blank)", "blank", "#n/a", "ignore", "ignored"),
}
"""Texts that mean "no value"."""
_TONES = re.compile("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")
_SPACES = re.compile(r"[\s_]+|(?<=\w)-(?=\w)")
_GRADES = {word: grade for table in (_GOOD, _BAD) for grade, words in table.items() for word in words.split()}
_GRADES |= dict.fromkeys(_MIDDLE.split(), 0.0)


@dataclass(frozen=True)
class Verdict:
    """What a word says about an answer.

    Attributes:
        grade: negative, 0 or positive; a larger number is better, or more of what the field's name says.
        needs_name: whether the word alone does not say if that is good.
    """

    grade: float
    needs_name: bool


def normalise(content: str) -> str:
    """Returns a word in lower case, with single spaces and without skin tones, brackets and full stops around it."""
    plain = _TONES.sub("", content).strip().lower()
    return plain if plain in _SIGNS or plain in _BLANKS else _SPACES.sub(" ", plain.strip(" \"'`[](){}.!,;")).strip()


def is_blank(content: str) -> bool:
    """Whether a text says that there is no value."""
    return len(content) <= MAX_LENGTH and (content.strip().lower() in _BLANKS or normalise(content) in _BLANKS)


def is_verdict(value: Any) -> bool:
    """Whether a value is a word that judges."""
    return read_verdict(value) is not None


def have_verdicts(values: Iterable[Any]) -> bool:
    """Whether some values praise and others blame by themselves, whatever the rest of them says."""
    verdicts = [v for value in values if (v := read_verdict(value)) is not None and not v.needs_name]
    return any(v.grade > 0 for v in verdicts) and any(v.grade < 0 for v in verdicts)


def are_lights(values: Iterable[Any]) -> bool:
    """Whether all values are colours of a traffic light, with red and green."""
    grades = [LIGHTS.get(normalise(str(value))) for value in values if not is_blank(str(value))]
    return None not in grades and {1.0, -1.0} <= {*grades}


def read_verdict(value: Any) -> Verdict | None:
    """Reads a value as a verdict on one answer; None if it is not one. Numbers are not words."""
    if isinstance(value, bool):
        return Verdict(1.0 if value else -1.0, needs_name=True)
    if not isinstance(value, str) or len(value) > MAX_LENGTH:
        return None
    return _read_words(value)


def read_verdicts(values: Iterable[str]) -> dict[str, Verdict | None]:
    """Reads all values of one field, but those that mean "no value".

    'unclear' blames an answer only beside 'clear'. Else it means that the judge could not tell. 'ok' praises beside
    'not ok' and without a word of praise; beside 'good' it is in the middle.
    """
    words = {value: read_verdict(value) for value in values if not is_blank(value)}
    plain = {normalise(value) for value in words}
    if plain & UNDECIDED and "clear" not in plain:
        words |= {value: Verdict(0.0, needs_name=False) for value in words if normalise(value) in UNDECIDED}
    is_praised = any(v is not None and v.grade > 0 and not v.needs_name for v in words.values())
    if not is_praised and plain & NOT_OK:
        words |= {value: Verdict(1.0, needs_name=False) for value in words if normalise(value) in OK}
    return words


@functools.lru_cache(4096)
def _read_words(content: str) -> Verdict | None:
    plain = normalise(content)
    if plain in _SIGNS:
        return Verdict(_SIGNS[plain], needs_name=False)
    if plain and {*plain} <= _SIGNS.keys():
        grades = {_SIGNS[sign] for sign in plain}
        return Verdict(grades.pop(), needs_name=False) if len(grades) == 1 else None
    if _UNFINISHED.fullmatch(plain):
        return Verdict(0.0, needs_name=False)
    if (marked := _MARKED.fullmatch(plain)) is not None:
        verdict = _read_words(marked[1])  # the data of a button: 'fb:useful'
        return verdict if verdict is not None and not verdict.needs_name else None
    words = plain.split()
    if words and words[-1] in _SIGNS:
        words, sign = words[:-1], _SIGNS[words[-1]]
        rest = _read_words(" ".join(words)) if words else None
        return Verdict(sign, needs_name=False) if rest is None or rest.grade * sign > 0 else None
    if plain.startswith("neither") and len(words) > 1:
        return Verdict(0.0, needs_name="agree" in words)
    return _combine(words)


def _combine(words: list[str]) -> Verdict | None:
    """Combines degree, negation and one word that judges, as in 'not very helpful'."""
    strong, weak = bool(_STRONG & {*words}), bool(_WEAK & {*words}) and len(words) > 1
    negated = bool(_NEGATIONS & {*words}) and len(words) > 1
    modifiers = _STRONG | _FILLERS | (_WEAK if len(words) > 1 else set()) | (_NEGATIONS if len(words) > 1 else set())
    core = [word for word in words if word not in modifiers] or words[-1:]
    if len(core) != 1:
        return None
    grade = _GRADES.get(core[0], _AFFIRMATIONS.get(core[0]))
    if grade is None:
        return None
    if strong:
        grade *= 2.0
    elif weak:
        grade *= 0.5
    if negated and not grade:
        grade = -1.0  # 'not ok'
    elif negated:
        grade = -abs(grade) if grade > 0 and "all" not in words else -2.0 if grade > 0 else 0.5
    return Verdict(grade, needs_name=core[0] not in _GRADES)
