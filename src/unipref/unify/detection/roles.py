"""The role of each field for a reader of feedback. The kind of the values and the words of the name decide.

A field is a judgement or a score if its values or its name say that it judges. A flag, a code or a number with a name
that says nothing may judge or not: its role is `unknown`.
"""

import re
from typing import Literal

from unipref.unify.detection.column import ADDRESS, Column
from unipref.unify.detection.name_words import split_words
from unipref.unify.detection.names import (
    AMBIGUOUS_NAMES,
    ANSWER_NAMES,
    ANSWERER_NAMES,
    ASKER_NAMES,
    BAD_NAMES,
    CHECK_NAMES,
    COUNT_NAMES,
    CRITIQUE_NAMES,
    DERIVED_NAMES,
    DISTANCE_NAMES,
    EXPLANATION_NAMES,
    GOOD_NAMES,
    HIGH_IS_BETTER,
    HISTORY_NAMES,
    JUDGEMENT_NAMES,
    LOW_IS_BETTER,
    MACHINE_NAMES,
    METADATA_FOLDERS,
    METADATA_NAMES,
    NO_SOURCE_NAMES,
    OFFSET_NAMES,
    OTHER_TEXT_NAMES,
    OUTCOME_NAMES,
    PEOPLE,
    PICKED_NAMES,
    PLACE_NAMES,
    PROMPT_NAMES,
    RETRIEVED_NAMES,
    RUBRIC_NAMES,
    SCORE_NAMES,
    SHORT_ANSWER_NAMES,
    SHORT_PROMPT_NAMES,
    SOURCE_LIST_NAMES,
    SOURCE_NAMES,
    SPEECH_NAMES,
    SYSTEM_MORE,
    SYSTEM_NAMES,
    TAG_NAMES,
    TECHNICAL_FOLDERS,
    TOOL_MORE,
    TOOL_NAMES,
)
from unipref.unify.detection.row_states import CONTEST_NAMES, ERROR_NAMES, is_request_status, tells_of_failure
from unipref.unify.detection.side_words import are_orders, names_a_side
from unipref.unify.detection.verdict_words import LIGHTS, are_lights, have_verdicts, read_verdict

Role = Literal[
    "prompt", "answer", "text", "critique", "dialogue", "system", "history", "tools", "judgement", "score", "unknown",
    "category", "metadata", "list", "sources", "empty",
]  # fmt: skip
MIN_PROSE_WORDS = 2.5
"""Mean number of words from which a text is prose, whatever its name says."""
MIN_PROSE_LENGTH = 40
ORDINAL = re.compile(r"\s*\d{1,2}\s*(st|nd|rd|th|er|ère|re|e|ème|\.?º|ª|位|등|名)(\s+(place|prize|prix))?\s*", re.I)
"""A place as people write it: `1st`, `2nd place`, `1位`."""
SEPARATOR = re.compile(r"[,;|/]")
MAX_TAG = 40
"""Most characters of a tag."""
MAX_OUTCOMES = 12
"""Most different outcomes of a check."""
COUNTED_NAMES = {"vote", "votes", "stars", "report", "reports", "flag", "flags", "complaints"}
"""Words in the names of counts that judge an answer."""
FAULT_LISTS = {"issues", "defects", "faults", "violations", "errors", "mistakes", "hallucinations", "complaints"}
"""Names of lists of what is wrong with an answer; an empty list praises it, or says nothing."""
FLAG_WORDS = {
    "is",
    "was",
    "has",
    "have",
    "had",
    "in",
    "by",
    "of",
    "the",
    "a",
    "an",
    "on",
    "from",
    "first",
    "last",
    "new",
}
"""Words in the names of flags that say nothing about what is true or false."""
SCORE_FOLDERS = {"score", "scores", "grades", "evaluations", "evals", "assessments", "verdicts", "judgements"}
"""Names of mappings name of a judgement -> judgement."""
MARKS = {
    *("x", "xx", "xxx", "o", "oo", "+", "++", "-", "--", "+-", "+/-", "*", "**", "***", "!", "!!", "/"),
    *("•", "●", "○", "×", "△", "◎"),
}
"""Signs that people put into a sheet."""
COLOUR_NAMES = {"color", "colors", "colour", "colours", "farbe", "couleur", "colore", "kleur", "cor", "paint", "shade"}
VALUE_NAMES = {"value", "result", "outcome", "answer_value", "label"}
DESCRIPTIONS = {"description", "descriptions"}
DIALOGUE_KINDS = ("turns", "turn", "transcript", "exchanges", "messages_tree")


def find_role(column: Column) -> Role:
    """Returns the role of a column."""
    if column.kind == "empty":
        return "empty"
    if (special := _find_special_role(column)) is not None:
        return special
    if column.kind in DIALOGUE_KINDS:
        return "dialogue"
    if column.kind == "text":
        return _find_text_role(column)
    if column.kind in ("flag", "code", "number"):
        return _find_value_role(column)
    return _find_list_role(column)


def _find_special_role(column: Column) -> Role | None:
    """Recognises failed requests, system texts, histories and tools."""
    words = {*column.words}
    if _describes_a_score(column):
        return "metadata"
    if column.kind in ("text", "code", "number") and (tells_of_failure(column) or is_request_status(column)):
        return "metadata"
    if column.kind == "flag" and column.n_distinct < 2 and words - FLAG_WORDS <= ERROR_NAMES:
        return "metadata"
    if (
        column.kind in ("code", "text")
        and column.n_distinct > 1
        and all(map(ORDINAL.fullmatch, column.distinct_values))
    ):
        return "judgement"
    if words & SYSTEM_NAMES and words <= SYSTEM_MORE and column.kind in ("text", "code", "texts"):
        # The names of systems that answered are single words.
        is_named = column.kind == "code" and not any(" " in value.strip() for value in column.distinct_values)
        return "metadata" if is_named else "system"
    if words & TOOL_NAMES and words <= TOOL_MORE and column.kind in ("items", "texts", "text", "other"):
        return "tools"
    if words & HISTORY_NAMES and column.kind in ("turns", "exchanges", "texts", "transcript"):
        return "history"
    return None


def _describes_a_score(column: Column) -> bool:
    """Whether a text says what a score means, by its name: `score1_description`, but not `problem_description`."""
    words = {*column.words}
    is_text = column.kind in ("text", "code", "texts") and not column.numbers
    return is_text and bool(words & RUBRIC_NAMES) and bool(words & SCORE_NAMES or words & RUBRIC_NAMES - DESCRIPTIONS)


def is_prose(column: Column) -> bool:
    """Whether the values are sentences rather than names."""
    return column.mean_words >= MIN_PROSE_WORDS or column.mean_length >= MIN_PROSE_LENGTH


def _find_text_role(column: Column) -> Role:
    words = {*column.words}
    if are_orders(column.values):
        return "judgement"
    if column.is_identifier or column.holds_dates_or_addresses:
        return "judgement" if _names_other_columns(column) else "metadata"
    is_said = _is_asked_or_answered(column)
    if not is_prose(column) and is_judgement_name(column) and not is_said and _repeats(column):
        return "judgement"
    if _is_verdict_of_a_check(column) or _are_tags_that_judge(column):
        return "judgement"
    if column.is_category and (not is_prose(column) or not is_said):
        return "metadata" if words & METADATA_NAMES else "category"
    if not is_prose(column) and words & METADATA_NAMES and not words & SPEECH_NAMES and not is_said:
        return "metadata"
    if column.has_name(*CRITIQUE_NAMES, *EXPLANATION_NAMES) and not words & (ASKER_NAMES | ANSWERER_NAMES):
        return "critique"
    if _is_answer(column):
        return "answer"
    if _is_prompt(column):
        return "prompt"
    return "text"


def _are_tags_that_judge(column: Column) -> bool:
    """Whether the values are lists of tags in one text, some of which praise or blame: 'faq, wrong'."""
    if column.mean_length > MAX_TAG or not any(SEPARATOR.search(str(value)) for value in column.values):
        return False
    tags = [tag.strip() for value in column.values for tag in SEPARATOR.split(str(value))]
    if len({*tags}) > len(tags) / 2 or not {*column.words} & TAG_NAMES:
        return False
    return any(v is not None and v.grade and not v.needs_name for v in map(read_verdict, {*tags}))


def _repeats(column: Column) -> bool:
    """Whether the values repeat: a text that differs in every row is not a verdict."""
    return column.n_distinct <= max(1, len(column.values) // 2)


def _names_other_columns(column: Column) -> bool:
    """Whether a column of single words, such as 'response-1', names the better of several others."""
    return column.n_distinct <= 6 and len(column.values) > column.n_distinct and is_judgement_name(column)


def _is_asked_or_answered(column: Column) -> bool:
    return column.has_name(*PROMPT_NAMES, *ANSWER_NAMES) and not column.has_name(*OTHER_TEXT_NAMES)


def _is_answer(column: Column) -> bool:
    words = {*column.words}
    said = {"answer", "response", "output", "reply", "completion", *SPEECH_NAMES}
    if column.has_name(*OTHER_TEXT_NAMES) and not words & said:
        return False
    if words & {"reference", "gold", "golden", "expected", "target"}:
        return False
    if column.has_name(*ANSWER_NAMES) or column.name in SHORT_ANSWER_NAMES:
        return True
    return bool(words & ANSWERER_NAMES) and not words & ASKER_NAMES


def _is_prompt(column: Column) -> bool:
    words = {*column.words}
    if column.has_name(*OTHER_TEXT_NAMES) and not words & {"prompt", "question", "instruction", "query"}:
        return False
    if column.has_name(*SOURCE_NAMES):
        return True
    return column.has_name(*PROMPT_NAMES) or column.name in SHORT_PROMPT_NAMES or bool(words & ASKER_NAMES)


def is_judgement_name(column: Column) -> bool:
    """Whether the name says that the field judges something."""
    words = {*column.words}
    named = JUDGEMENT_NAMES | GOOD_NAMES | BAD_NAMES | HIGH_IS_BETTER | LOW_IS_BETTER | CONTEST_NAMES
    return bool(words & named) and not (
        words & (COUNT_NAMES | {"id", "ids", "at", "date", "time", "version", "type", "model", "status"})
    )


def holds_sources(column: Column) -> bool:
    """Whether a list of mappings holds what a search returned for the answer, by its name."""
    return bool({*column.words} & RETRIEVED_NAMES) and not is_judgement_name(column)


def _is_inside(column: Column, names: set[str]) -> bool:
    """Whether a mapping around the field has one of some words in its name."""
    return any({*split_words(folder)} & names for folder in column.path.split(".")[:-1])


def _find_value_role(column: Column) -> Role:
    """Finds the role of flags, codes and numbers. Inside `metadata`, only what says that it judges is a judgement."""
    role = _find_plain_value_role(column)
    if _is_inside(column, TECHNICAL_FOLDERS):
        return "unknown" if role == "judgement" else "metadata"
    if role in ("unknown", "category", "metadata") and _is_value_of_a_score(column):
        return "judgement"
    return "metadata" if role in ("unknown", "category") and _is_inside(column, METADATA_FOLDERS) else role


def _is_value_of_a_score(column: Column) -> bool:
    """Whether a field is the value of a named score: `scores.facts.value`, with codes that nobody explained."""
    return column.name in VALUE_NAMES and _is_inside(column, SCORE_FOLDERS) and column.n_distinct <= MAX_OUTCOMES


def _find_role_of_marks(column: Column) -> Role | None:
    """Finds the role of crosses, signs and the colours of a traffic light, whose meaning only their author knows."""
    words, values = {*column.words}, {value.strip().lower() for value in column.distinct_values}
    if column.kind != "code" or column.numbers or words & METADATA_NAMES:
        return None
    if any(value in LIGHTS for value in values):
        return "judgement" if are_lights(values) and not words & COLOUR_NAMES else "category"
    is_set = column.share < 1 if column.n_distinct == 1 else True
    return "judgement" if is_set and values <= MARKS else None


def _find_plain_value_role(column: Column) -> Role:
    words, named = {*column.words}, is_judgement_name(column)
    if words == {"id"}:
        return "metadata"
    if (marks := _find_role_of_marks(column)) is not None:
        return marks
    if column.numbers:
        return _find_number_role(column, words, named)
    verdicts = [read_verdict(value) for value in column.distinct_values] if column.kind == "code" else []
    graded = [v for v in verdicts if v is None or v.grade]
    speaks = bool(graded) and all(v is not None and not v.needs_name for v in graded)
    is_constant = column.kind == "code" and column.n_distinct == 1 and verdicts == [None] and column.share == 1
    named = named and not (is_constant and not names_a_side(column.distinct_values[0]))
    if named or (speaks and not words & (METADATA_NAMES - {"status"})) or _is_verdict_of_a_check(column):
        return "judgement"
    if column.kind == "code" and all(names_a_side(value) for value in column.distinct_values):
        return "judgement" if column.n_distinct > 1 else "category"
    if column.kind == "flag" or any(v is not None and v.grade for v in verdicts):
        # `user_ok` may judge, `is_agent` cannot.
        is_metadata = words & METADATA_NAMES and words <= METADATA_NAMES | FLAG_WORDS and not _is_by_a_person(column)
        return "metadata" if is_metadata or column.n_distinct < 2 else "unknown"
    if column.is_identifier:
        return "metadata"
    if _is_by_a_person(column) and any(word.isdigit() or len(word) == 1 for word in column.words):
        return "judgement"  # `rater_2` in words that are not known
    return "metadata" if words & METADATA_NAMES else "category"


def _is_verdict_of_a_check(column: Column) -> bool:
    """Whether values praise and blame, or the name says that somebody checked: `qa_result`, with any values."""
    if column.n_distinct > MAX_OUTCOMES or not _repeats(column):
        return False
    if have_verdicts(column.distinct_values):
        return True
    words = {*column.words}
    if not words & CHECK_NAMES:
        return False
    verdicts = [v for value in column.distinct_values if (v := read_verdict(value)) is not None]
    is_outcome = column.n_distinct > 1 and bool(words & OUTCOME_NAMES)
    return is_outcome or any(v.grade and not v.needs_name for v in verdicts)


def _find_number_role(column: Column, words: set[str], named: bool) -> Role:
    if column.is_identifier and not named:
        return "metadata"
    if words & COUNT_NAMES:
        return "score" if words & (GOOD_NAMES | BAD_NAMES | COUNTED_NAMES) else "metadata"
    if words & PLACE_NAMES:
        if words & PICKED_NAMES:
            return "judgement"
        if words & {"id", "ids", "idx", "index"}:
            return "metadata"
    if words & DERIVED_NAMES or (words & MACHINE_NAMES and words <= MACHINE_NAMES | BAD_NAMES | COUNT_NAMES):
        return "metadata"
    if "distance" in words and words & DISTANCE_NAMES:
        return "metadata"
    if words & (SCORE_NAMES | HIGH_IS_BETTER | LOW_IS_BETTER):
        return "score"
    if named:
        return "judgement" if column.kind == "code" else "score"
    return "metadata" if words & METADATA_NAMES and not _is_by_a_person(column) else "unknown"


def _is_by_a_person(column: Column) -> bool:
    """Whether a column of small codes or flags belongs to a numbered or named person, such as `annotator1`."""
    return column.kind in ("code", "flag") and bool({*column.words} & {*PEOPLE})


def _find_list_role(column: Column) -> Role:
    """Finds the role of lists; what is inside lists of mappings has roles of its own."""
    words = {*column.words}
    if column.kind == "numbers" and words & OFFSET_NAMES:
        return "metadata"
    if column.kind in ("flags", "numbers"):
        return "judgement" if is_judgement_name(column) or column.kind == "flags" else "list"
    if column.kind == "texts":
        items = [item for value in column.values[:200] for item in value[:50]]
        if items and all(map(ADDRESS.fullmatch, items)):
            return "metadata"
        verdicts = [read_verdict(item) for item in items]
        if items and all(v is not None and not v.needs_name for v in verdicts):
            return "judgement"
        speaking = {
            item for item, v in zip(items, verdicts, strict=True) if v is not None and v.grade and not v.needs_name
        }
        if speaking and max(map(len, items)) <= MAX_TAG and not words & SOURCE_LIST_NAMES:
            return "judgement"
        short = sum(map(len, items)) < MIN_PROSE_LENGTH * max(len(items), 1)
        # Verdicts repeat; short answers, as in `rejected`, mostly differ.
        if words & SOURCE_LIST_NAMES and not words & NO_SOURCE_NAMES and not is_judgement_name(column):
            return "sources"
        if short and words & FAULT_LISTS:
            return "judgement"
        if short and len({*items}) <= len(items) / 2 and is_judgement_name(column) and not words & AMBIGUOUS_NAMES:
            return "judgement"
    return "list"
