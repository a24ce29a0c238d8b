"""Which field names who judged: by its name, by its values, or by both."""

import re
from typing import Any

from unipref.unify.detection.column import ADDRESS, Column
from unipref.unify.detection.columns import Columns
from unipref.unify.detection.names import PEOPLE
from unipref.unify.detection.unread import KNOWN_NAMES, used_paths

USERS = {"user", "participant", "respondent", "voter", "person", "member", "username", "email", "session", "subject"}
"""Words in the names of fields that name a person who may have judged."""
PERSON_WORDS = {
    *(*PEOPLE, *USERS, "id", "ids", "uid", "uuid", "name", "no", "number", "key", "code", "hash", "login", "handle"),
    *("model", "by", "human", "mail", "address", "the", "of"),
}
"""Words that the name of a field that names people may have."""
JUDGED = {
    *("rated", "judged", "scored", "graded", "reviewed", "evaluated", "annotated", "labeled", "labelled", "marked"),
    *("checked", "voted", "assessed", "coded", "edited", "corrected", "rewritten"),
}
"""What people did, in names such as `scored_by`."""
WHO = {
    "by",
    "who",
    "whom",
    *USERS,
    "colleague",
    "employee",
    "teammate",
    "juror",
    "panelist",
    "marker",
    "checker",
    "editor",
}
"""Words in names that may name who judged, or somebody else of the row."""
NUMBERED = re.compile(r"([a-z]+)[ _.#-]?\d{1,4}", re.IGNORECASE)
"""A word with a number, such as `rater_3`."""
NAME = re.compile(r"[^\W\d_][^\W\d_'.-]*\.?([ .-][^\W\d_]+\.?){0,2}")
"""A short word, or up to three, as names of people are written."""
MAX_NAME = 60
"""Most characters, on average, of what names a person."""
MAX_WORD = 20
"""Most characters of a name that is told by its values alone."""
MOST_PEOPLE = 60
"""Most people of whom the values alone tell that they are people."""
LEAST_SHARE = 0.5
"""Least share of the rows that a field of names fills; a judgement without a name counts without one."""
SEVERAL = 3
"""Least number of answers that several people judged, for the values to tell it."""


def find_annotator(columns: Columns, mapping: dict[str, Any]) -> tuple[dict[str, str], list[str], list[str]]:
    """Returns the setting `annotator` if a field names who judged each row, the reason, and the doubts.

    A name such as `rater_id` says it. So do users if several of them judged the same answers. `by`, `who` and `user`
    may name somebody else: their values have to be a few names that repeat, and a doubt remains. Under a name that
    says nothing, addresses of a few people, numbered people and different names for the same answers speak.
    """
    if "annotator" in mapping:
        return {}, [], []
    used = set(used_paths(mapping))
    filled = [c for c in columns.all if c.n_distinct > 1 and c.share >= LEAST_SHARE]
    free = [c for c in filled if c.path not in used and _can_be_names(c)]
    for column in free:
        if {*column.words} & {*PEOPLE} and {*column.words} <= PERSON_WORDS | JUDGED:
            return {"annotator": column.path}, [f"'{column.path}' names who judged, according to its name"], []
    for column in free:
        if {*column.words} & USERS and {*column.words} <= PERSON_WORDS and _judge_together(columns, mapping, column):
            why = f"'{column.path}' differs where the same answers are judged again"
            return {"annotator": column.path}, [why], []
    likely = [c for c in free if _has_name_of_people(c) and _are_few_names(c)]
    spoken = [c for c in free if not _has_name_of_people(c) and _speak_of_people(columns, mapping, c)]
    for column, others in ((c, [o for o in (*likely, *spoken) if o is not c]) for c in (*likely, *spoken)):
        what = "its name" if column in likely else "only its values"
        doubt = (
            f"that '{column.path}' ({_list_names(column)}) names who judged: {what} may say so; "
            "take 'annotator' out if it is somebody else"
        )
        rest = [f"'{o.path}' ({_list_names(o)}) may name who judged, too, and is not read" for o in others]
        return {"annotator": column.path}, [], [doubt, *rest]
    return {}, [], []


def _can_be_names(column: Column) -> bool:
    """Whether the values can name people: short texts or whole numbers."""
    if column.kind == "flag" or column.kind not in ("text", "code", "number"):
        return False
    return column.mean_length <= MAX_NAME and all(number == int(number) for number in column.numbers)


def _has_name_of_people(column: Column) -> bool:
    words = {*column.words}
    return bool(words & (WHO | JUDGED)) and words <= PERSON_WORDS | WHO | JUDGED


def _are_few_names(column: Column) -> bool:
    """Whether the values are few and repeat: ids of rows differ in each of them."""
    if column.holds_dates_or_addresses and not _are_mail_addresses(column):
        return False
    return column.n_distinct <= min(MOST_PEOPLE, len(column.values) // 2)


def _are_mail_addresses(column: Column) -> bool:
    return all("@" in str(value) and ADDRESS.fullmatch(str(value).strip()) for value in column.values)


def _speak_of_people(columns: Columns, mapping: dict[str, Any], column: Column) -> bool:
    """Whether the values alone tell that they name who judged."""
    if column.numbers or not _are_few_names(column) or columns.role(column) not in ("category", "metadata", "text"):
        return False
    if _are_mail_addresses(column):
        return True
    numbered = [NUMBERED.fullmatch(str(value).strip()) for value in column.distinct_values]
    if all(match is not None and match[1].lower() in {*PEOPLE, *USERS} for match in numbered):
        return True
    if {*column.words} & KNOWN_NAMES or max(map(len, column.distinct_values)) > MAX_WORD:
        return False
    are_names = all(NAME.fullmatch(str(value).strip()) for value in column.distinct_values)
    return are_names and _judge_together(columns, mapping, column, SEVERAL)


def _judge_together(columns: Columns, mapping: dict[str, Any], people: Column, least: int = 1) -> bool:
    """Whether the same answers stand in several rows, each time with another person.

    Args:
        columns: the columns of the rows.
        mapping: the proposed settings.
        people: the field.
        least: number of such answers.
    """
    sides = ("first", "second") if "first" in mapping else ("prompt", "response")
    answers = [columns.find(str(mapping.get(side, ""))) for side in sides]
    texts = [dict(zip(c.rows, map(str, c.values), strict=True)) for c in answers if c is not None]
    if len(texts) < len(answers):
        return False
    groups: dict[tuple[str | None, ...], list[str]] = {}
    for row, value in zip(people.rows, map(str, people.values), strict=True):
        groups.setdefault(tuple(text.get(row) for text in texts), []).append(value)
    several = [names for names in groups.values() if len(names) > 1]
    return len(several) >= least and all(len({*names}) == len(names) for names in several)


def _list_names(column: Column) -> str:
    more = ", ..." if column.n_distinct > 4 else ""
    return ", ".join(value[:MAX_WORD] for value in column.distinct_values[:4]) + more
