"""Tells a list of several people's judgements of one thing from a list of judgements of several things."""

from unipref.unify.detection.column import Column
from unipref.unify.detection.columns import Columns
from unipref.unify.detection.concerns import may_ask_otherwise
from unipref.unify.detection.foreign_names import to_english
from unipref.unify.detection.name_words import split_words
from unipref.unify.detection.names import EXPLANATION_NAMES, GROUPS_OF_PEOPLE, PEOPLE
from unipref.unify.detection.side_words import names_a_side

PERSON_NAMES = {
    *PEOPLE,
    *("who", "user", "username", "by", "person", "people", "author", "email", "member", "human", "participant"),
    *("completed", "annotated", "rated", "judged", "voter", "employee", "colleague", "panelist", "juror"),
}
"""Words in the names of fields that name who judged."""
KIND_NAMES = {
    *("name", "key", "metric", "metrics", "criterion", "criteria", "question", "q", "type", "axis", "aspect", "facet"),
    *("dimension", "attribute", "category", "rubric", "task", "turn", "answer", "response", "item", "prompt", "topic"),
    *("field", "check", "test", "about", "kind", "property", "quality", "feature", "trait", "point", "step", "target"),
    *(
        "rule",
        "instruction",
        "objective",
        "issue",
        "section",
        "part",
        "sentence",
        "claim",
        "document",
    ),
    *("doc", "source", "chunk", "passage", "tool", "subject", "sense", "area", "measure", "factor", "guideline"),
}
"""Words in the names of fields that say what each item of a list is about."""
OTHER_NAMES = {
    *("id", "ids", "uuid", "time", "timestamp", "date", "created", "updated", "at", "comment", "comments", "note"),
    *("notes", "status", "seconds", "duration", "ms", "version", "source", "model", "lang", "language", "country"),
    *("confidence", "certainty", "email", "url", "round", "batch", "session", "platform", "gender", "age", "role"),
    *EXPLANATION_NAMES,
}
"""Words in the names of fields beside a judgement that say neither who judged nor what."""


MAX_KINDS = 30
"""Most different things that the items of a list judge."""


def find_kinds(inner: Columns, listed: Column) -> list[Column]:
    """Returns the fields that say what each item of a list judges: by their names, or by a few different texts.

    Args:
        inner: the columns of the items.
        listed: the column of the lists.
    """
    named = [c for c in inner.all if _names_a_kind(c) and c.kind in ("code", "text", "number") and not _is_person(c)]
    unnamed = [c for c in inner.of_kind("code", "text") if not c.numbers and _may_be_a_kind(inner, c)]
    return [*named, *([] if named else unnamed)]


def are_of_people(inner: Columns, listed: Column) -> bool:
    """Whether the items of a list are several people's: a field names the person, or the name of the list says it."""
    words = {to_english(word) for word in split_words(listed.path)}
    return bool(words & GROUPS_OF_PEOPLE) or any(map(_is_person, inner.all))


def _names_a_kind(column: Column) -> bool:
    return bool({*column.words} & KIND_NAMES) and not {*column.words} & OTHER_NAMES


def _is_person(column: Column) -> bool:
    return bool({*column.words} & PERSON_NAMES)


def _may_be_a_kind(inner: Columns, column: Column) -> bool:
    """Whether a field with a name that says nothing has several short values, as criteria have."""
    if _is_person(column) or {*column.words} & OTHER_NAMES or column.n_distinct > MAX_KINDS:
        return False
    if any(map(may_ask_otherwise, column.distinct_values)) and not any(map(names_a_side, column.distinct_values)):
        return True
    return column.kind == "code" and column.n_distinct > 1 and inner.role(column) in ("category", "unknown")
