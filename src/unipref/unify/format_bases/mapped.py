"""The base class of all formats: prepares a row and holds the settings that do not depend on its shape."""

import abc
import ast
import json
from collections.abc import Iterator, Sequence
from pathlib import Path as FilePath
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from pydantic import BeforeValidator, Field, model_validator

from unipref.core import patterns
from unipref.core.contracts import Format, Settings
from unipref.core.display import describe_value
from unipref.core.errors import raise_if_resource
from unipref.core.messages import add_tools
from unipref.core.records import Feedback, Message, Messages, Reason, Reject, RejectedRow, Row
from unipref.core.row_paths import take_key
from unipref.core.user_functions import Dotted, code_files, load
from unipref.core.values import value_key
from unipref.unify.detection.guess import Columns, Guess
from unipref.unify.mapping.codes import string_keys
from unipref.unify.mapping.conditions import Condition, check_row
from unipref.unify.mapping.fields import (
    Path,
    PathList,
    Paths,
    Pattern,
    extract_group,
    first_field,
    join_texts,
    to_json,
    to_parts,
)
from unipref.unify.mapping.images import place_images, read_images
from unipref.unify.mapping.item_filter import ItemFilter
from unipref.unify.mapping.message_parts import are_blocks, read_tools
from unipref.unify.mapping.paths import get_each, get_or_none, get_path, is_star
from unipref.unify.mapping.people import Judged, find_bad_person, name_people, read_person
from unipref.unify.mapping.transcripts import parse_open_transcript
from unipref.unify.mapping.turns import KNOWN_ROLES, check_prompt, parse_turns, user_prompt


def _write_numbers(value: Any) -> Any:
    """Returns a list in which whole numbers, as people are often numbered, are texts."""
    return [str(one) if type(one) is int else one for one in value] if isinstance(value, list) else value


Name = Annotated[str, Field(min_length=1)]
"""The name of a person."""


class Twins(Settings):
    """The text that rows which belong together share, such as WinoGrande's twin sentences. They stay on one side of the
    split.
    """

    field: Path
    """Path of the shared field."""
    pattern: Pattern = r"(?s)^(.*)$"
    """Regular expression whose first group is the shared part."""

    def shared_part(self, row: Row) -> str | None:
        """Returns the shared part of a row; None if the field is null or the part is empty."""
        value = get_path(row, self.field)
        content = value if isinstance(value, str) else value_key(value)
        if content is None:
            return None
        return value_key(extract_group(content, self.pattern, self.field)) or None


class Mapped(Format):
    """The settings that all formats share."""

    roles: Annotated[dict[str, Literal["user", "assistant", "system", "tool"]], BeforeValidator(string_keys)] = {}
    """Role names of the source -> user, assistant, system or tool, for names that unipref does not know. A boolean is a
    name too, as in {true: user, false: assistant}."""
    system: Paths | None = None
    """Where the system text is."""
    history: Path | None = None
    """Path of earlier turns: a list of turns, or of [question, answer] pairs."""
    tools: Path | None = None
    """Path of the tools that the assistant may call: a list of their definitions, or JSON text of one. Rows without
    tools are counted."""
    images: Path | None = None
    """Path of the list of paths or URLs of a row's images, if the turns hold only marks of their places (`<image>`, or
    a part of type image). Without marks, the images come before the first user turn's text."""
    twins: Twins | None = None
    """What rows share that must stay on one side of the split. If not set, the first user turn decides."""
    objective: Path | None = None
    """Path of the row's objective, if it differs between rows."""
    annotator: Path | None = None
    """Path of the name or number of the person who judged, or null. A mapping, a list, true or false is no name: the
    judgement counts without one, and is counted as a part with the reason wrong_type. The same judgement of the same
    person on the same answers counts once. Without it, only a row that repeats another one in every field counts once.
    With a `*`, as in `votes.*.user`, it holds one name per judgement, which the formats votes, graded_pair, thumbs and
    ratings read."""
    annotators: Annotated[list[Name], BeforeValidator(_write_numbers)] = []
    """Instead of `annotator`: the names of the people whose fields a list of paths holds, in the same order. For
    `votes: [vote_1, vote_2]`, `annotators: [ann, bob]` says that Ann gave the first and Bob the second in every row.
    Leave it out if the fields are places that several people can have."""
    annotator_codes: Annotated[dict[str, Name], BeforeValidator(string_keys)] = {}
    """Name as a row writes it -> name that counts, as in {jr: JR}. `JR` and `jr` are two people without it."""
    keep: list[Path] = []
    """Paths of further fields to keep in the column `extra`."""
    where: dict[Path, Condition] = {}
    """Path -> its allowed values, or bounds such as `{at_least: 4}`. Rows with other values are left out and counted.
    1, 1.0 and "1" are one value, and so are true and "True"; 1 is not true. Null and NaN are one, and an empty text is
    another."""
    where_items: dict[Path, dict[Path, Condition]] = {}
    """Path of a list -> path inside an item -> its allowed values or bounds. All other items are left out and counted
    before the row is read. A field that an item lacks counts as null. `.` is the item itself; `^PATH` is
    a list in the row with one value per item."""
    literals: list[Path] = []
    """Paths of texts that are JSON or Python literals, such as lists in CSV cells. They are parsed first."""
    function: Dotted | None = None
    """Dotted path of a Python function that takes each raw row and returns the row to read."""

    has_annotator_per_vote: ClassVar[bool] = False
    """Whether the format reads one name per vote."""

    def code_files(self) -> list[FilePath]:
        """Returns the files of `function`."""
        return [] if self.function is None else code_files(self.function)

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """Proposes a mapping for rows with these columns; None if they do not look like this format."""
        return None

    @model_validator(mode="after")
    def _names_the_annotator_of_rows(self) -> "Mapped":
        if self.annotator is not None and is_star(self.annotator) and not self.has_annotator_per_vote:
            raise ValueError(f"'annotator' holds a '*': {self.name()} reads one name per row, without a '*'")
        return self

    @model_validator(mode="after")
    def _names_the_people_of_fields(self) -> "Mapped":
        if not self.annotators:
            return self
        if self.annotator is not None:
            raise ValueError("give either 'annotator' or 'annotators'")
        if not self.has_annotator_per_vote:
            raise ValueError(f"'annotators' names the people of a list of fields, which {self.name()} does not read")
        for name, fields in self.fields_of_people().items():
            if not isinstance(fields, list) or len(fields) != len(self.annotators) or any(map(is_star, fields)):
                count = len(fields) if isinstance(fields, list) else 1
                raise ValueError(
                    f"'annotators' has {len(self.annotators)} names: '{name}' needs a list of as many fields without a "
                    f"'*', and has {count}"
                )
        if len({*self.annotators}) < len(self.annotators):
            raise ValueError("'annotators' names a person twice")
        return self

    def fields_of_people(self) -> dict[str, Path | PathList]:
        """Returns setting -> the paths of what several people gave, one path per person."""
        return {}

    def name_judges(self, row: Row, judged: Sequence[Judged]) -> list[str | None]:
        """Returns who gave each of a row's judgements; None where only the whole row has a name, or nobody is named.

        Raises:
            Reject: as for `name_people`.
        """
        if self.annotators:
            return [self.annotator_codes.get(who, who) for who in (self.annotators[one.path] for one in judged)]
        if self.annotator is None or not self.names_each or not judged:
            return [None] * len(judged)
        return name_people(row, self.annotator, judged, self.annotator_codes)

    @property
    def names_each(self) -> bool:
        """Whether the settings name each of several people in a row."""
        return bool(self.annotators) or (self.annotator is not None and is_star(self.annotator))

    @abc.abstractmethod
    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """Reads the feedback of a prepared row. Like `Format.read`, without the settings that all formats share."""

    def read(self, row: Row) -> Iterator[Feedback | Reject]:
        """Prepares the row, reads it, and adds the twins, objective and kept fields."""
        patterns.start_row()
        row = self.prepare(row)
        if not self.where_items:
            yield from self._read_prepared(row)
            return
        items = ItemFilter(row, self.where_items, self.annotator)
        try:
            for item in self._read_prepared(items.row):
                yield items.restore_places(item) if isinstance(item, Reject) else item
        except Reject as reject:
            raise RejectedRow(items.restore_places(reject), items.rejects) from reject
        yield from items.rejects

    def _read_prepared(self, row: Row) -> Iterator[Feedback | Reject]:
        twin = None if self.twins is None else self.twins.shared_part(row)
        objective = None if self.objective is None else join_texts(row, self.objective) or None
        kept = self.kept_fields(row)
        tools, annotator = self._read_tools(row), self._read_annotator(row)
        images = None if self.images is None else read_images(get_path(row, self.images), self.images)
        for item in self.feedback(row):
            if isinstance(item, Reject):
                yield item
                continue
            if kept and self.grouping == "prompt":
                # The fields of each row stay with its answer when the answers to a prompt are grouped.
                responses = [msgspec.structs.replace(r, extra={**kept, **r.extra}) for r in item.responses]
                item = msgspec.structs.replace(item, responses=responses)
            elif kept:
                item = msgspec.structs.replace(item, extra={**kept, **item.extra})
            prompt = item.prompt if images is None else place_images(item.prompt, images, self.images or "")
            prompt = add_tools(prompt, tools)
            yield msgspec.structs.replace(
                item, prompt=prompt, twins=twin, objective=objective, annotator=item.annotator or annotator
            )
        if self.annotator is not None and (bad := find_bad_person(row, self.annotator)):
            yield bad

    def prepare(self, row: Row) -> Row:
        """Applies `function`, `literals` and `where`, and returns the row.

        Raises:
            Reject: the function fails or does not return a row, a text is not a literal, or `where` excludes the row.
        """
        if self.function is not None:
            row = _call_user_function(self.function, row)
        for path in self.literals:
            row = _parse_literals_at(row, path)
        check_row(row, self.where)
        return row

    def read_prompt(self, row: Row, prompt: Paths) -> Messages:
        """Reads the prompt, after system text and history. It is a text, a list of turns that ends with the user's, or
        a transcript that ends with the assistant's mark.
        """
        parts, place = to_parts(prompt), first_field(prompt)
        if len(parts) == 1 and parts[0].field is not None and parts[0].pattern is None:
            value = get_path(row, parts[0].field)
            if is_star(place) and isinstance(value, list) and not any(isinstance(item, dict) for item in value):
                return [*self.leading_turns(row), *user_prompt(join_texts(row, prompt), place)]
            if are_blocks(value) and not any(block["type"].lower() in KNOWN_ROLES for block in value):
                value = [{"role": "user", "content": value}]
            messages = (
                parse_turns(value, place, self.roles) if isinstance(value, list) else parse_open_transcript(value)
            )
            if messages is not None:
                check_prompt(messages, place)
                return [*self.leading_turns(row), *messages]
        return [*self.leading_turns(row), *user_prompt(join_texts(row, prompt), place)]

    def leading_turns(self, row: Row) -> Messages:
        """Returns the turns before the dialogue or prompt: the system text and the history."""
        return [*self.system_turn(row), *self._read_history(row)]

    def system_turn(self, row: Row) -> Messages:
        """Returns the system text as a turn; empty if there is none."""
        if self.system is None or not (content := join_texts(row, self.system)):
            return []
        return [Message(role="system", content=content)]

    def _read_annotator(self, row: Row) -> str | None:
        """Returns who judged the row; None if it does not say so, or names one person per vote."""
        if self.annotator is None or is_star(self.annotator):
            return None
        return read_person(get_path(row, self.annotator), self.annotator_codes)

    def _read_tools(self, row: Row) -> str | None:
        """Returns the tools that the assistant may call, as JSON; None if the row has none."""
        if self.tools is None:
            return None
        return read_tools(get_or_none(row, self.tools), self.tools)

    def _read_history(self, row: Row) -> Messages:
        if self.history is None or not (value := get_path(row, self.history)):
            return []
        if isinstance(value, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in value):
            value = [turn for pair in value for turn in pair]
        return parse_turns(value, self.history, self.roles)

    def kept_fields(self, row: Row) -> dict[str, Any]:
        """Returns the fields to keep, without those that the row does not have."""
        fields = {}
        for path in self.keep:
            try:
                value = get_each(row, path)
            except Reject as reject:
                if reject.reason is not Reason.MISSING_FIELD:
                    raise
                continue
            fields[path] = to_json(value, path)
        return fields


def _call_user_function(function: str, row: Row) -> Row:
    """Calls the user's function on a row; any exception becomes a Reject of that row, unless a resource is missing."""
    try:
        result = load(function)(dict(row))
    except Reject:
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, MemoryError | OSError):
            raise_if_resource(error, function)
        raise Reject(Reason.FUNCTION_FAILED, f"{function} raised {type(error).__name__}{_error_text(error)}") from error
    if not isinstance(result, dict):
        raise Reject(Reason.FUNCTION_FAILED, f"{function} returned {describe_value(result)}; expected a dict")
    return result


def _error_text(error: BaseException) -> str:
    """Returns the message of a user's exception; converting it to text can fail too."""
    try:
        return f": {error}"
    except Exception:
        return ", whose message cannot be read"


def _parse_literal(value: Any, path: str) -> Any:
    if not isinstance(value, str) or not value.strip():
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(value.strip())
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise Reject(Reason.WRONG_TYPE, f"expected JSON or a Python literal, found {value[:60]!r}", path) from error


def _parse_literals_at(row: Row, path: str) -> Row:
    """Returns a copy of the row in which the texts at a path are parsed as literals."""
    get_path(row, path)
    if path in row:
        return {**row, path: _parse_literal(row[path], path)}
    result: Row = _replace_literals(row, path.split("."), path)
    return result


def _replace_literals(value: Any, parts: Sequence[str], path: str) -> Any:
    if not parts:
        return _parse_literal(value, path)
    if isinstance(value, dict) and (key_and_rest := take_key(value, parts)):
        key, inside = key_and_rest
        return {**value, key: _replace_literals(value[key], inside, path)}
    key, *rest = parts
    if key == "*" and isinstance(value, dict):
        return {inner: _replace_literals(item, rest, path) for inner, item in value.items()}
    if key == "*":
        return [_replace_literals(item, rest, path) for item in value]
    place = int(key) % len(value)
    return [*value[:place], _replace_literals(value[place], rest, path), *value[place + 1 :]]
