"""Who gave each of several judgements in a row: a name inside each item of a list, or the names of fields."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from unipref.core.records import Reject, Row
from unipref.core.terminal import show_name
from unipref.unify.detection.annotators import JUDGED, PERSON_WORDS, WHO, find_annotator
from unipref.unify.detection.column import Column
from unipref.unify.detection.columns import Columns
from unipref.unify.detection.name_words import split_words
from unipref.unify.detection.names import GROUPS_OF_PEOPLE, PEOPLE
from unipref.unify.judging.near_names import describe_near_names
from unipref.unify.mapping.paths import collect_values, split_at_star
from unipref.unify.mapping.people import read_person

GAVE = JUDGED | {"completed", "submitted", "answered", "given", "created", "author", "creator", "first", "last"}
"""What people did, in names such as `completed_by`, of fields beside their judgement."""
KINDS_OF_NAMES = ("email", "username", "id", "name")
"""Last words of fields that name a person, the most telling first."""
MAX_NAME = 60
"""Most characters, on average, of what names a person."""
ORDINALS = {
    *("first", "second", "third", "fourth", "fifth", "one", "two", "three", "four", "five", "last", "main", "other"),
    *("left", "right", "extra", "final", "all"),
}
"""Words that count people, and name nobody."""


def find_judged_paths(mapping: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yields setting and paths of each judgement that a mapping reads."""
    for name in ("votes", "label", "grade", "sequences", "ranks"):
        if name in mapping:
            yield name, mapping[name]
    for axis, spec in mapping.get("scores", {}).items():
        if isinstance(spec, dict) and "field" in spec:
            yield f"scores.{axis}", spec["field"]


def find_people(
    columns: Columns, mapping: dict[str, Any], reads_each: bool
) -> tuple[dict[str, Any], list[str], list[str]]:
    """Returns the settings that say who judged, the reasons, and the doubts.

    Args:
        columns: of the rows.
        mapping: the proposed settings.
        reads_each: whether the format reads one name for each of several judgements in a row.
    """
    path, doubts = find_listed_people(columns, mapping)
    if path is not None and not reads_each:
        return {}, [], [*doubts, doubt_unread_people(path)]
    if path is not None:
        near = doubt_near_names(columns.rows, path)
        return {"annotator": path}, [f"'{show_name(path)}' names who gave each judgement"], [*doubts, *near]
    settings, why, unsure = find_annotator(columns, mapping)
    if settings:
        return settings, why, [*doubts, *unsure, *doubt_near_names(columns.rows, settings["annotator"])]
    if names := name_fields(mapping) if reads_each else []:
        return {"annotators": names}, [], [*doubts, f"that {', '.join(names)} are the same people in all rows"]
    return {}, [], [*doubts, *unsure, *(suggest_names(mapping) if reads_each else [])]


def doubt_near_names(rows: Sequence[Row], path: str) -> list[str]:
    """Says which names of those who judged differ only in case, spaces or marks."""
    names = {person for row in rows for value in list_values_at(row, path) if (person := read_person(value))}
    return [*describe_near_names(names)]


def list_values_at(row: Row, path: str) -> list[Any]:
    """Returns the values at a path of who judged; nothing where the row has no such field."""
    try:
        return [value for _, value in collect_values(row, path)]
    except Reject:
        return []


def doubt_unread_people(path: str) -> str:
    """Says that a format cannot read who gave each of several judgements."""
    return f"who judged ('{show_name(path)}') is not read: this format reads one name per row"


def find_listed_people(columns: Columns, mapping: Mapping[str, Any]) -> tuple[str | None, list[str]]:
    """Returns the path of the names of those whose judgements stand in a list, and the doubts; None if there are none.

    The names stand inside the items, or in a list as long as that of the judgements. Where several judgements stand in
    lists of their own, one path cannot name the people of all.
    """
    paths = [path for _, path in find_judged_paths(mapping) if isinstance(path, str)]
    found = {path: _find_name(columns, path) for path in dict.fromkeys(map(_around, paths)) if path}
    names = [name for name in found.values() if name]
    if not found:
        names = [name for path in paths if (name := _find_parallel(columns, path)) is not None]
    if len(names) == 1 and len(found) < 2:
        return names[0], []
    several = "', '".join(map(show_name, names))
    return None, [f"who judged is not read ('{several}'): one 'annotator' names the people of one list"] * bool(names)


def _find_parallel(columns: Columns, path: str) -> str | None:
    """Returns the path of the names in a list beside a list of judgements."""
    judged = columns.find(path)
    if judged is None or not all(isinstance(value, list) for value in judged.values):
        return None
    lengths = dict(zip(judged.rows, map(len, judged.values), strict=True))
    for column in columns.of_kind("texts", "numbers"):
        is_as_long = all(lengths.get(row) == len(v) for row, v in zip(column.rows, column.values, strict=True))
        name = column.path.removeprefix(f"{path}.")
        words = {word.removesuffix("s") for word in split_words(name)}
        if column is not judged and is_as_long and words & {*PEOPLE, *WHO} and words <= PERSON_WORDS | WHO | GAVE:
            return f"{column.path}.*"
    return None


def _around(path: str) -> str:
    """Returns the path of the list whose items are the judgements of people; empty if there is none."""
    before, is_star, _ = split_at_star(path)
    return before if is_star else ""


def _find_name(columns: Columns, list_path: str) -> str | None:
    """Returns the path of the names of who judged, inside the items of a list."""
    column = columns.find(list_path)
    if column is None or column.kind not in ("items", "turns"):
        return None
    likely = [c for c in columns.inner(column).all if _names_a_person(c)]
    return f"{list_path}.*.{min(likely, key=_rank).path}" if likely else None


def _names_a_person(column: Column) -> bool:
    words = {*column.words}
    if column.kind not in ("text", "code", "number") or column.mean_length > MAX_NAME:
        return False
    if column.holds_dates_or_addresses and "@" not in str(column.values[0]):
        return False
    return bool(words & {*PEOPLE, *WHO, "creator", "author"}) and words <= PERSON_WORDS | WHO | GAVE


def _rank(column: Column) -> tuple[int, int]:
    last = split_words(column.path)[-1]
    kind = KINDS_OF_NAMES.index(last) if last in KINDS_OF_NAMES and "." in column.path else -1
    return kind, -len({*column.words} & {*PEOPLE})


def name_fields(mapping: Mapping[str, Any]) -> list[str]:
    """Returns the names of the people whose fields a mapping lists: `rater_ann` and `rater_bob`, or `people.ann`.

    Empty unless the names of all fields say that they are those of people, and tell them apart by a word: `rater_2` and
    `rater_b` are places that several people can have.
    """
    lists = [paths for _, paths in find_judged_paths(mapping) if isinstance(paths, list)]
    names = [_name_people(paths) for paths in lists]
    return names[0] if names and all(one == names[0] for one in names) else []


def _name_people(paths: Sequence[str]) -> list[str]:
    folders = {path.rpartition(".")[0] for path in paths}
    words = [split_words(path.rpartition(".")[2]) for path in paths]
    shared = {word for word in words[0] if all(word in other for other in words)}
    is_folder = len(folders) == 1 and bool({*split_words(folders.pop().rpartition(".")[2])} & GROUPS_OF_PEOPLE)
    if not is_folder and not (shared & {*PEOPLE} and all(len(one) == 2 for one in words)):
        return []
    names = ["_".join(word for word in one if word not in shared) for one in words]
    is_name = all(len(n) > 1 and n.isalpha() and n not in ORDINALS and n not in PEOPLE for n in names)
    return names if is_name and len({*names}) == len(names) else []


def suggest_names(mapping: Mapping[str, Any]) -> list[str]:
    """Says how to name the people of listed fields whose names do not say whose they are."""
    lists = {name: paths for name, paths in find_judged_paths(mapping) if isinstance(paths, list)}
    if not lists or "annotators" in mapping or "annotator" in mapping:
        return []
    count = {len(paths) for paths in lists.values()}
    if len(count) > 1:
        return []
    return [
        "who judged: if each of these fields is one person in all rows, name them in order, as in "
        f"annotators: [{', '.join(f'person {n + 1}' for n in range(count.pop()))}]; then each has a reliability of "
        "their own"
    ]
