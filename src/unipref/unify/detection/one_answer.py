"""Recognises one answer in a row, or one dialogue, and the fields that judge it in words: thumbs, grades in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unipref.unify.detection.columns import Column, Columns
from unipref.unify.detection.concerns import PROMPT_WORDS, judges_prompt
from unipref.unify.detection.guess import PLACEHOLDER, ends_with_user, find_prompt_and_answer, path_setting, quote_names
from unipref.unify.detection.kinds import count_words
from unipref.unify.detection.name_words import split_words
from unipref.unify.detection.names import ASKER_NAMES, DERIVED_NAMES
from unipref.unify.detection.one_text import find_cut
from unipref.unify.detection.several_raters import Raters, doubt_raters, find_raters
from unipref.unify.detection.speakers import find_speaker
from unipref.unify.detection.transcripts import find_open_marks
from unipref.unify.detection.twins import has_several_answers
from unipref.unify.detection.verdict_codes import (
    SILENT_NAMES,
    grade_words,
    guess_verdict_codes,
    have_two_grades,
    is_verdict_column,
    speaks,
    tells_polarity,
)
from unipref.unify.detection.verdict_words import (
    is_blank,
)
from unipref.unify.mapping.turns import find_roles

MIN_LISTED_WORDS = 2.5
"""Mean number of words from which a list of texts holds sentences."""
FIRST_ITEM = ".0."
"""In the path of an answer that is the only item of a list."""
MIN_ANSWERED = 0.5
"""Least share of dialogues with an answer for the last one to be the judged answer."""
MAX_OPEN = 0.2
"""Most share of dialogues that end with a turn of the user without a question in the entry."""
MIN_TEXTS = 0.9
"""Least share of messages that have a text."""
REASON_NAMES = {"reason", "reasons", "category", "cause", "why", "type"}
"""Words in the names of what says why an answer has a mark."""
STEM = 4
"""Characters in which the names of a mark and of its reasons agree: `flagged`, `flag_reason`."""
MAX_REASONS = 3
"""Most reasons to show."""
COMPLETION_NAMES = ("completion",)
"""Names of answers in data in the shape of KTO, whose `label` is true for a good answer."""


@dataclass(frozen=True)
class OneAnswerGuess:
    """Where the one answer of a row is.

    Attributes:
        map: the settings: the dialogue, or prompt and answer.
        confidence: in [0, 1].
        why: the reason.
        doubts: what the rows do not tell.
    """

    map: dict[str, Any]
    confidence: float
    why: str
    doubts: list[str]

    def has_rivals(self, columns: Columns) -> bool:
        """Whether a list holds more answers than this one, which is a field of its own."""
        response = self.map.get("response")
        is_in_list = isinstance(response, str) and FIRST_ITEM in response
        return response is not None and not is_in_list and columns.has_lists_of_answers


def find_one_answer(columns: Columns) -> OneAnswerGuess | None:
    """Finds the dialogue that ends with the answer, or the prompt and the answer; None if there is no single answer."""
    dialogues = [c for c in columns.of_kind("turns", "transcript") if columns.role(c) == "dialogue"]
    if has_several_answers(columns):
        return None
    if dialogues:
        return _find_answer_after(columns, dialogues)
    if columns.of_kind("turn", "messages_tree"):
        return None
    return _find_messages(columns) or _find_texts(columns)


def _find_texts(columns: Columns) -> OneAnswerGuess | None:
    """Finds the prompt and the answer in fields of their own, or a dialogue in a list of texts."""
    lists = [c for c in columns.of_kind("texts") if columns.role(c) == "list" and _is_dialogue_of_texts(c)]
    if lists and not columns.prose:
        if any(_are_side_by_side(lists[0], other) for other in columns.of_kind("texts") if other is not lists[0]):
            return None
        doubt = f"that the speakers of '{lists[0].path}' alternate, the user first"
        return OneAnswerGuess({"messages": lists[0].path}, 0.5, f"'{lists[0].path}' is one dialogue", [doubt])
    if len(columns.prose) == 1 and (whole := _find_one_text(columns.prose[0])) is not None:
        return whole
    asked = [c for c in columns.prose if columns.role(c) == "prompt"]
    if len(columns.prose) == len(asked) == 1 and (reply := _find_reply_in_list(columns, "text")):
        why = f"'{asked[0].path}' holds the prompt and '{reply}' the answer"
        return OneAnswerGuess({"prompt": asked[0].path, "response": reply}, 0.85, why, [])
    if (found := find_prompt_and_answer(columns)) is None:
        return None
    prompt, response, confidence = found
    doubts = []
    if PLACEHOLDER in (*prompt, response):
        texts = quote_names(c.path for c in columns.of_role("prompt", "answer", "text", "critique"))
        doubts.append(f"which of {texts} is the prompt and which the answer: their names do not tell")
    elif confidence <= 0.5:
        doubts.append(f"that {quote_names(prompt)} is the prompt: only its repetition says so")
    elif confidence <= 0.7:
        doubts.append(f"that {quote_names(prompt)} is the prompt of '{response}': only one of the names says so")
    why = f"{quote_names(prompt)} holds the prompt and '{response}' the answer"
    return OneAnswerGuess({"prompt": path_setting(prompt), "response": response}, confidence, why, doubts)


def _find_one_text(column: Column) -> OneAnswerGuess | None:
    """Finds prompt and answer in one text, after marks; or a transcript that ends with a turn of the user."""
    if (cut := find_cut(column.values)) is not None:
        why = f"'{column.path}' holds a prompt and, after '{cut.mark}', its answer"
        doubts = [] if cut.is_whole else [f"that all text before '{cut.mark}' in '{column.path}' is the prompt"]
        return OneAnswerGuess({"messages": column.path, "cut": cut.pattern}, 0.85, why, doubts)
    if (marks := find_open_marks(column.values)) is None:
        return None
    mapping = {"messages": column.path, "marks": {"user": marks[0], "assistant": marks[1]}}
    share = f"the transcripts in '{column.path}' end with a turn of the user"
    doubt = f"{share}: set 'answer: last' in 'until' if the last answer before that turn is the one that is judged"
    return OneAnswerGuess(
        {**mapping, "until": {"answer": PLACEHOLDER}}, 0.7, f"'{column.path}' holds one dialogue", [doubt]
    )


def _find_messages(columns: Columns) -> OneAnswerGuess | None:
    """Finds a list of messages with other keys than the usual ones, such as the comments on a ticket."""
    for listed in columns.of_kind("items"):
        inner = columns.inner(listed)
        texts = [c for c in inner.of_kind("text") if c.share > MIN_TEXTS and not c.is_identifier]
        texts = [c for c in texts if not c.holds_dates_or_addresses and not c.has_name("name", "title", "id")]
        speaker = find_speaker(inner)
        texts = [c for c in texts if speaker is not None and c is not speaker.column]
        if speaker is None or len(texts) != 1:
            continue
        asked = [value for value, role in speaker.roles.items() if role == PLACEHOLDER]
        doubts = [f"who speaks in messages whose '{speaker.column.path}' is one of {quote_names(asked)}"] * bool(asked)
        mapping: dict[str, Any] = {
            "messages": listed.path,
            "turns": {"role": speaker.column.path, "content": texts[0].path},
        }
        mapping |= {"roles": speaker.roles} if speaker.roles else {}
        until, more = _ask_for_end(listed, speaker.read_roles(listed))
        mapping, doubts = {**mapping, **until}, [*doubts, *more]
        why = f"'{listed.path}' is one dialogue, and '{speaker.column.path}' names the speaker of each message"
        return OneAnswerGuess(mapping, 0.85, why, doubts)
    return None


def _is_dialogue_of_texts(column: Column) -> bool:
    return sum(len(v) > 1 for v in column.values) > 0.8 * len(column.values)


def _are_side_by_side(one: Column, other: Column) -> bool:
    """Whether two lists have as many texts in each row: then each of them is what one of the speakers says."""
    lengths = dict(zip(other.rows, map(len, other.values), strict=True))
    same = [lengths[row] == len(value) for row, value in zip(one.rows, one.values, strict=True) if row in lengths]
    words = [count_words(item) for value in other.values for item in value]
    return bool(same) and all(same) and sum(words) > MIN_LISTED_WORDS * len(words)


def _find_answer_after(columns: Columns, dialogues: list[Column]) -> OneAnswerGuess | None:
    """Finds the answer at the end of the only dialogue, or in the one turn of another field."""
    turns = columns.of_kind("turn")
    asking = [c for c in dialogues if c.kind == "turns" and ends_with_user(c)]
    others = [c for c in dialogues if c not in asking]
    if len(asking) == 1 and len(others) + len(turns) == 1:
        answer = (others or turns)[0]
        if answer in turns or is_single_turn(answer):
            key = _find_content_key(answer)
            response = f"{answer.path}.{key}" if answer in turns else f"{answer.path}.0.{key}"
            why = f"'{asking[0].path}' is the dialogue before the answer '{answer.path}'"
            return OneAnswerGuess({"prompt": asking[0].path, "response": response}, 0.9, why, [])
    if len(dialogues) > 1 or turns:
        return None
    if asking and (reply := _find_reply_in_list(columns, "turn")):
        why = f"'{asking[0].path}' is the dialogue before the answer '{reply}'"
        return OneAnswerGuess({"prompt": asking[0].path, "response": reply}, 0.9, why, [])
    return _find_end_of_dialogue(columns, dialogues[0])


def _find_reply_in_list(columns: Columns, kind: str) -> str | None:
    """Returns the path of the answer in a reply of an API, whose list of choices holds one item with a turn or a text.

    Args:
        columns: of the rows.
        kind: of the field inside the item: `turn` or `text`.
    """
    for listed in columns.of_kind("items"):
        inner = columns.inner(listed)
        fields = [c for c in inner.of_kind(kind) if c.share == 1 and (kind == "turn" or c in inner.prose)]
        if len(fields) == 1 and {len(value) for value in listed.values} == {1}:
            key = f".{_find_content_key(fields[0])}" if kind == "turn" else ""
            return f"{listed.path}.0.{fields[0].path}{key}"
    return None


def is_single_turn(column: Column) -> bool:
    """Whether a column of lists always holds one turn."""
    return column.kind == "turns" and {len(turns) for turns in column.values} == {1}


def _find_content_key(answer: Column) -> str:
    """Returns the key of the text of the turns in a column."""
    first = answer.values[0][0] if answer.kind == "turns" else answer.values[0]
    keys = [key for key in ("content", "value") if key in first]
    return keys[0] if keys else max(first, key=lambda key: len(str(first[key])))


def _find_end_of_dialogue(columns: Columns, dialogue: Column) -> OneAnswerGuess | None:
    """Decides whether a dialogue ends with the answer, or is the prompt of an answer in another field."""
    path = dialogue.path
    answers = [c for c in columns.prose if columns.role(c) == "answer" and c.share > 0.5]
    roles = [find_roles(value, {}) for value in dialogue.values] if dialogue.kind == "turns" else []
    until, more = _ask_for_end(dialogue, roles)
    if roles and all({*several} <= {"assistant", "tool", None} for several in roles):
        return _find_prompt_before(columns, path)
    if dialogue.kind == "turns" and ends_with_user(dialogue):
        if not answers and until and columns.of_role("judgement", "score"):
            return OneAnswerGuess({"messages": path, **until}, 0.7, f"'{path}' is one dialogue", more)
        if len(answers) != 1:
            return None
        why = f"'{path}' is the dialogue before the answer '{answers[0].path}'"
        return OneAnswerGuess({"prompt": path, "response": answers[0].path}, 0.9, why, [])
    doubts = [*more, *(f"'{path}' ends with an answer, so '{c.path}' is not read" for c in answers)]
    return OneAnswerGuess({"messages": path, **until}, 0.9 if not answers else 0.6, f"'{path}' is one dialogue", doubts)


def _find_prompt_before(columns: Columns, path: str) -> OneAnswerGuess | None:
    """Finds the prompt of an answer that is a list of turns, none of which is the user's."""
    prompts = [c for c in columns.prose if columns.role(c) == "prompt" and c.share > 0.5]
    if len(prompts) != 1:
        return None
    why = f"'{prompts[0].path}' holds the prompt, and '{path}' the turns of the answer"
    return OneAnswerGuess({"prompt": prompts[0].path, "response": path}, 0.9, why, [])


def _ask_for_end(dialogue: Column, roles: Sequence[Sequence[str | None]]) -> tuple[dict[str, Any], list[str]]:
    """Returns the setting `until` as a question if many dialogues go on after the last answer, and a doubt if some do.

    Args:
        dialogue: the field.
        roles: of the messages of each row.
    """
    answered = [several for several in roles if "assistant" in several]
    more = sum(several[-1] == "user" for several in answered)
    if not more or len(answered) <= MIN_ANSWERED * len(roles):
        return {}, []
    share = f"{more} of {len(roles)} dialogues in '{dialogue.path}' end with a turn of the user"
    if more > MAX_OPEN * len(answered):
        doubt = f"{share}: set 'answer: last' in 'until' if the last answer before that turn is the one that is judged"
        return {"until": {"answer": PLACEHOLDER}}, [doubt]
    return {}, [f"{share} and are rejected: set 'until: {{answer: last}}' if the answer before it is the judged one"]


@dataclass(frozen=True)
class ThumbsLabel:
    """A field that says whether an answer is good.

    Attributes:
        column: the field; of several people, all their values.
        label: its path, the paths of several people's fields, or `PLACEHOLDER`.
        map: the settings `up`, `down` and `neutral`.
        is_named: whether its name or its values say that it judges.
        doubts: what the values do not tell.
    """

    column: Column
    label: str | list[str]
    map: dict[str, Any]
    is_named: bool
    doubts: list[str]


def find_thumbs(columns: Columns) -> ThumbsLabel | None:
    """Finds the field with a verdict of two values (or three with a neutral one), or those of several people; None if
    there is none.
    """
    candidates = [c for c in columns.of_kind("flag", "code") if _can_be_thumbs(columns, c)]
    others = [c for c in columns.of_role("judgement") if not {*c.words} & DERIVED_NAMES]
    # Whether people agree is no verdict beside what they say.
    candidates = [c for c in candidates if not others or not {*c.words} & DERIVED_NAMES]
    if not candidates:
        return None
    label = min(candidates, key=lambda c: (judges_prompt(c.path), *_rank_label(columns, c)))
    is_kto = _is_shaped_like_kto(columns)
    is_named = columns.role(label) == "judgement"
    raters = find_raters(columns, label)
    if raters is not None and (is_named or raters.is_certain) and is_verdict_column(raters.merged):
        return _judge_by_raters(raters, is_kto)
    codes, doubts = guess_verdict_codes(label, is_kto)
    if (reasons := _find_reasons_of_prompt(columns, label)) is not None:
        codes = {**codes, "up": PLACEHOLDER, "down": PLACEHOLDER}
        shown = ", ".join(reasons.distinct_values[:MAX_REASONS])
        doubts = [
            f"whether '{label.path}' is about the answer: '{reasons.path}' ({shown}) speaks of the prompt or user"
        ]
    return ThumbsLabel(label, label.path if is_named else PLACEHOLDER, codes, is_named, doubts)


def _find_reasons_of_prompt(columns: Columns, label: Column) -> Column | None:
    """Returns the field of the reasons of a mark, `flag_reason` of `flagged`, if some of them speak of the prompt or of
    who wrote it; None if none does.
    """
    if label.kind not in ("flag", "code") or not {*label.words} & SILENT_NAMES:
        return None
    stems = {word[:STEM] for word in label.words}
    for column in columns.of_kind("code", "text"):
        words = {*column.words}
        if words & REASON_NAMES and {word[:STEM] for word in words} & stems:
            said = {word for value in column.distinct_values for word in split_words(value)}
            if said & (PROMPT_WORDS | ASKER_NAMES):
                return column
    return None


def _rank_label(columns: Columns, column: Column) -> tuple[bool, bool, bool]:
    return columns.role(column) != "judgement", not tells_polarity(column), not speaks(column)


def _judge_by_raters(raters: Raters, is_kto: bool) -> ThumbsLabel:
    """Reads the verdicts of several people on one answer."""
    codes, doubts = guess_verdict_codes(raters.merged, is_kto)
    doubts.append(doubt_raters(raters))
    return ThumbsLabel(raters.merged, raters.paths if raters.is_certain else PLACEHOLDER, codes, True, doubts)


def _can_be_thumbs(columns: Columns, column: Column) -> bool:
    role = columns.role(column)
    if role not in ("judgement", "unknown", "score"):
        return False
    if column.numbers and (column.n_distinct < 2 or role == "score"):
        return False
    if role == "unknown" and column.n_distinct < 2:
        return False
    return is_verdict_column(column)


def _is_shaped_like_kto(columns: Columns) -> bool:
    """Whether the fields are those of KTO data: a dialogue or a completion."""
    return bool(columns.of_kind("turns")) or any(c.has_name(*COMPLETION_NAMES) for c in columns.prose)


def find_word_scores(columns: Columns) -> tuple[dict[str, Any], list[str]] | None:
    """Finds a field of grades in words, such as 'Strongly agree', or those of several people; returns its axis and the
    doubts, or None.
    """
    for column in columns.of_kind("code"):
        if columns.role(column) not in ("judgement", "unknown") or have_two_grades(column):
            continue
        if all(isinstance(value, int | float) for value in column.values):
            continue  # no words, and each comparison with all other fields takes time
        raters = find_raters(columns, column)
        merged = raters.merged if raters is not None else column
        if (grades := grade_words(merged)) is None or len({v.grade for v in grades.values()}) < 3:
            continue
        places = sorted({v.grade for v in grades.values()})
        codes = {word: places.index(v.grade) for word, v in grades.items()}
        codes = dict(sorted(codes.items(), key=lambda item: item[1]))
        needs_name = any(v.needs_name for v in grades.values() if v.grade) or tells_polarity(column) < 0
        field: str | list[str] = column.path
        doubts = [f"the order of the words in '{column.path}': {', '.join(codes)}"]
        if odd := [v for v in merged.distinct_values if v not in codes and not is_blank(v)]:
            doubts.append(f"rows with {quote_names(odd)} in '{column.path}' are rejected: unipref knows no such grade")
        if raters is not None:
            field = raters.paths if raters.is_certain else PLACEHOLDER
            doubts.append(doubt_raters(raters))
        axis = {"field": field, "codes": codes, "better": PLACEHOLDER if needs_name else "high"}
        doubts += [f"whether more of '{column.path}' is better: set 'high' or 'low'"] if needs_name else []
        return {column.name if raters is None else "rating": axis}, doubts
    return None
