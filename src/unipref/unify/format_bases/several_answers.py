"""The base class of formats whose row holds several answers to one prompt."""

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Any, NamedTuple

from pydantic import Field, model_validator

from unipref.core import patterns
from unipref.core.display import describe_value, name_kind
from unipref.core.records import Messages, Reason, Reject, Row
from unipref.core.values import value_key
from unipref.unify.format_bases.dialogue import TwoGroups
from unipref.unify.format_bases.mapped import Mapped
from unipref.unify.mapping.fields import Part, Path, Paths, first_field, get_answer, join_texts, read_answer
from unipref.unify.mapping.paths import ITSELF, get_or_none, get_path, values_per_answer
from unipref.unify.mapping.turns import assistant_turn, read_answer_turns, user_prompt

KEY = "key"
"""Field of an answer that holds its key, if the answers are the values of a mapping."""


class Item(NamedTuple):
    """A raw answer: its value, its place in the row, and the part that extracts its text, if a setting names one."""

    value: Any
    place: str
    part: Part | None = None


class AnswersInOneRow(Mapped):
    """The settings of formats whose row holds several answers: where the prompt is."""

    prompt: Paths | None = None
    """Where the prompt is; not needed if `cut` takes it from the answers."""
    cut: TwoGroups | None = None
    """Regular expression that splits the text of each answer into two groups: the prompt and the answer."""

    @model_validator(mode="after")
    def _has_a_prompt(self) -> "AnswersInOneRow":
        if self.prompt is None and self.cut is None:
            raise ValueError("give 'prompt', or 'cut' if each answer repeats the prompt")
        return self

    def cut_answer(self, content: str, place: str) -> tuple[str | None, str]:
        """Returns the prompt that `cut` takes from the text of an answer, or None, and the answer.

        Raises:
            Reject: `prompts_differ` if the text does not match `cut`, `empty_response` if there is no answer in it.
        """
        if self.cut is None:
            return None, content
        match = patterns.search(self.cut, content, place)
        if match is None:
            raise Reject(Reason.PROMPTS_DIFFER, f"{describe_value(content)} does not match 'cut'", place)
        prompt, answer = (group.strip() for group in match.groups(default=""))
        return prompt, read_answer(answer, place)

    def read_shared_prompt(self, row: Row, prompts: Sequence[str | None], place: str) -> Messages:
        """Returns the prompt of the row: that of the setting, or the one that `cut` took from all answers.

        Raises:
            Reject: the prompt is empty, or the answers repeat different prompts.
        """
        if self.prompt is not None:
            return self.read_prompt(row, self.prompt)
        if len({*prompts}) > 1:
            raise Reject(Reason.PROMPTS_DIFFER, "the answers do not repeat the same prompt", place)
        return [*self.leading_turns(row), *user_prompt((prompts[0] if prompts else None) or "", place)]


class SeveralAnswers(AnswersInOneRow):
    """A prompt and several answers."""

    answers: Path | Annotated[list[Path | Part], Field(min_length=1)]
    """Path of the list of answers; or one path (or part with a pattern) per answer. Of a mapping, the values are the
    answers; `key` holds the key of each, as with `records`."""
    response: Path | Part | None = None
    """Path of the text inside an answer, if the answers are mappings; or a part, as in {field: text, pattern: REGEX}.
    The path of an answer that is a text is `.`."""
    key: Path | Annotated[list[Path | Part], Field(min_length=1)] | None = None
    """What names an answer, such as its model or its id; then scores, ranks and orders belong to answers by name. Path
    inside an answer that is a mapping; for other answers, the path of a list of names, or one path or constant such as
    {text: A} per answer."""

    @cached_property
    def has_mappings(self) -> bool:
        """Whether the answers are mappings that hold a text and other fields."""
        return self.response is not None and first_field(self.response) != ITSELF

    def read_items(self, row: Row) -> list[Item]:
        """Returns the raw answers.

        Raises:
            Reject: a path is missing, or leads to no list of answers.
        """
        if isinstance(self.answers, list):
            return [
                Item(row, first_field(place), place) if isinstance(place, Part) else Item(get_path(row, place), place)
                for place in self.answers
            ]
        items = get_path(row, self.answers)
        if items in ([], {}):
            raise Reject(Reason.EMPTY_RESPONSE, "the list of answers is empty", self.answers)
        if isinstance(items, dict):
            return [Item(self._with_key(key, item), f"{self.answers}.{key}") for key, item in items.items()]
        if not isinstance(items, list):
            raise Reject(Reason.WRONG_TYPE, f"expected a list of answers, found {name_kind(items)}", self.answers)
        return [Item(item, f"{self.answers}.{i}") for i, item in enumerate(items)]

    def _with_key(self, key: Any, item: Any) -> Any:
        """Returns an item of a mapping, with its key as a field if answers are mappings."""
        if not self.has_mappings:
            return item
        return {KEY: key, **item} if isinstance(item, dict) else {KEY: key, "value": item}

    def read_names(self, row: Row, items: Sequence[Item]) -> list[str | None] | None:
        """Returns the name of each answer, None for one without; None if the mapping says nothing of names.

        Raises:
            Reject: no answer has a name, or the number of names differs from that of the answers.
        """
        if self.key is None:
            container = get_path(row, self.answers) if isinstance(self.answers, str) else None
            return [value_key(key) for key in container] if isinstance(container, dict) else None
        if isinstance(self.key, str) and (self.has_mappings or self.key == ITSELF):
            names = [value_key(get_or_none(item.value, self.key)) for item in items]
            if not any(names):
                raise Reject(Reason.MISSING_FIELD, "no answer has a name there", f"{items[0].place}.{self.key}")
            return names
        if isinstance(self.key, str):
            return [value_key(name) for name in values_per_answer(row, self.key, len(items), "names")]
        listed = [join_texts(row, one) if isinstance(one, Part) else get_path(row, one) for one in self.key]
        if len(listed) != len(items):
            detail = f"expected {len(items)} names, one per answer, found {len(listed)}"
            raise Reject(Reason.WRONG_TYPE, detail, "key")
        return [value_key(name) for name in listed]

    def read_content(self, item: Item) -> tuple[str | None, str]:
        """Returns the prompt that `cut` takes from an answer, or None, and the answer.

        Raises:
            Reject: the answer is missing, empty, not a text, or does not match a pattern.
        """
        return self.cut_answer(self._read_text(item), item.place)

    def read_turns(self, item: Item) -> tuple[str | None, Messages]:
        """Returns the prompt that `cut` takes from an answer, or None, and the turns of the answer, which may be a
        message or call tools.

        Raises:
            Reject: as for `read_content`.
        """
        if self.cut is None and item.part is None and not isinstance(self.response, Part):
            path = None if self.response in (None, ITSELF) else self.response
            value = item.value if path is None else get_or_none(item.value, path)
            if isinstance(value, dict | list):
                return None, read_answer_turns(value, item.place, self.roles)
        prompt, answer = self.read_content(item)
        return prompt, assistant_turn(answer, item.place)

    def _read_text(self, item: Item) -> str:
        if item.part is not None:
            return get_answer(item.value, item.part)
        if self.response is None or self.response == ITSELF:
            return read_answer(item.value, item.place)
        try:
            if isinstance(self.response, Part):
                return get_answer(item.value, self.response)
            value = get_path(item.value, self.response)
        except Reject as reject:
            place = item.place if reject.field in (None, ITSELF) else f"{item.place}.{reject.field}"
            raise Reject(reject.reason, reject.detail, place) from reject
        return read_answer(value, item.place)
