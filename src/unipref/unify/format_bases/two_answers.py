"""The base class of formats whose row holds two answers to one prompt."""

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import msgspec
from pydantic import BeforeValidator, model_validator

from unipref.core.contracts import Grouping, Settings
from unipref.core.records import Axis, Comparison, Feedback, Messages, Reason, Reject, Response, Row
from unipref.core.values import is_missing
from unipref.unify.format_bases.dialogue import Dialogues
from unipref.unify.mapping.codes import NULL_CODE, label_hint, string_keys, to_code
from unipref.unify.mapping.fields import Part, Path, Paths, Place, extract_part, first_field, read_text
from unipref.unify.mapping.paths import get_path
from unipref.unify.mapping.people import collect_judged
from unipref.unify.mapping.scores import Scale
from unipref.unify.mapping.turns import (
    ASKING,
    check_answer,
    check_prompt,
    count_shared_turns,
    find_shared_prompt_end,
    wrap_answer,
)

Side = Literal["first", "second", "tie"]
SIDES: tuple[Literal["first", "second"], ...] = ("first", "second")
PLAIN_SIDES: dict[str, Literal["first", "second"]] = {
    **{"first": "first", "second": "second"},
    **{"chosen": "first", "rejected": "second"},
}
"""Values that say by themselves which answer was shown first."""
Codes = Annotated[dict[str, Side], BeforeValidator(string_keys)]
"""Value of a label -> first, second or tie. unipref never guesses it, because data sets differ: 0 can mean a tie or the
first answer."""


class SideScores(Scale):
    """Where the scores of both answers on one axis are."""

    first: Path
    """Path of the first (or chosen) answer's score."""
    second: Path
    """Path of the second (or rejected) answer's score."""


class ShownFirst(Settings):
    """Which of two answers the judges saw first."""

    field: Path | None = None
    """Path of a field that says it."""
    codes: Annotated[dict[str, Literal["first", "second"]], BeforeValidator(string_keys)] = {}
    """Value of the field -> the answer shown first, `first` or `second`. Not needed if the values are first and second,
    or chosen and rejected (which are the first and the second)."""
    always: Literal["first", "second"] | None = None
    """Instead of a field: the same in all rows. `first`: the answers are in the order in which they were shown."""

    @model_validator(mode="after")
    def _says_it_once(self) -> "ShownFirst":
        if (self.field is None) == (self.always is None):
            raise ValueError("give either 'field', with 'codes' if need be, or 'always: first'")
        if self.always is not None and self.codes:
            raise ValueError("'codes' needs a 'field'")
        return self

    def read(self, row: Row) -> int | None:
        """Returns 0 if the first answer was shown first, 1 if the second was; None if the row does not say so.

        Raises:
            Reject: `bad_label` if the field holds another value.
        """
        if self.field is None:
            return SIDES.index(self.always or SIDES[0])
        value = get_path(row, self.field)
        code = to_code(value)
        if code in (meanings := self.codes or PLAIN_SIDES):
            return SIDES.index(meanings[code])
        if is_missing(value):
            return None
        expected = ", ".join(f"{key!r}: {side}" for key, side in meanings.items())
        detail = f"found {code[:40]!r}, which is not in codes ({expected}); the judgement counts without the order"
        raise Reject(Reason.BAD_LABEL, detail + label_hint(value, meanings), self.field)


def _read_shown_first(value: Any) -> Any:
    """Takes a path for the field of that path."""
    return {"field": value} if isinstance(value, str) else value


class TwoAnswers(Dialogues):
    """Two answers to one prompt. Rows about the same two answers form one group.

    Each side is a text, a list of turns, a single turn, or a whole transcript with speaker marks. If the sides repeat
    the dialogue, their common beginning up to a user turn is the prompt, and each side keeps the rest.
    """

    grouping: ClassVar[Grouping] = "pair"

    prompt: Paths | None = None
    """Where the prompt is; not needed if each side holds the whole dialogue."""
    questions: Path | None = None
    """Replaces `prompt`: path of the list of the user's turns, if each side is the list of answers to them."""
    evidence: dict[str, SideScores] = {}
    """Axis name -> both answers' scores. They do not decide. They are kept, and the label is checked against them."""
    shown_first: Annotated[ShownFirst | None, BeforeValidator(_read_shown_first)] = None
    """Which answer the judges saw first: a path, a path with codes, or `{always: first}` if the answers are in the
    order in which they were shown. It tells who favours a place. If not set, the order is not known."""

    @model_validator(mode="after")
    def _has_one_prompt(self) -> "TwoAnswers":
        if self.prompt is not None and self.questions is not None:
            raise ValueError("give either 'prompt' or 'questions'")
        return self

    def _read_prepared(self, row: Row) -> Iterator[Feedback | Reject]:
        """Adds which answer was shown first; a value that does not say so is a reject of its own."""
        bad: Reject | None = None
        try:
            first = None if self.shown_first is None else self.shown_first.read(row)
        except Reject as reject:
            first, bad = None, reject
        for item in super()._read_prepared(row):
            if first is None or isinstance(item, Reject):
                yield item
            else:
                yield msgspec.structs.replace(item, shown_first=first)
        if bad is not None:
            yield bad

    def axes(self) -> dict[str, Axis]:
        """Returns the axes of the evidence."""
        return {name: evidence.axis() for name, evidence in self.evidence.items()}

    def read_votes(self, row: Row, votes: str | list[str]) -> list["Vote"]:
        """Reads the votes of one or several people, also of those who did not judge.

        Args:
            row: the raw row.
            votes: one path per person, or one path of a vote or of a list of votes.

        Raises:
            Reject: `missing_field` if a path does not exist; `wrong_type` if there is not one name per vote.
        """
        judged = collect_judged(row, votes)
        names = self.name_judges(row, judged)
        return [Vote(one.value, one.place, name) for one, name in zip(judged, names, strict=True)]

    def make_responses(self, row: Row, endings: list[Messages]) -> list[Response]:
        """Returns both answers with the scores of their evidence."""
        scores: list[dict[str, float]] = [{}, {}]
        for name, axis in self.evidence.items():
            for place, path in enumerate((axis.first, axis.second)):
                if (score := axis.read(get_path(row, path), path)) is not None:
                    scores[place][name] = score
        return [
            Response(messages=ending, scores=side_scores) for ending, side_scores in zip(endings, scores, strict=True)
        ]

    def read_sides(self, row: Row, places: tuple[Place, Place]) -> tuple[Messages, list[Messages]]:
        """Reads the prompt and both answers.

        Args:
            row: the raw row.
            places: where the two sides are.

        Raises:
            Reject: an answer is empty, a side does not end with an answer, or the sides have different prompts.
        """
        sides = [self._read_side(row, place) for place in places]
        paths = (first_field(places[0]), first_field(places[1]))
        if self.prompt is not None and not all(self._repeats_prompt(side) for side in sides):
            prompt = self.read_prompt(row, self.prompt)
            endings = [self._drop_prompt(prompt, side, path) for side, path in zip(sides, paths, strict=True)]
        else:
            prompt, endings = self._split_sides(sides, paths)
            prompt = [*self.leading_turns(row), *prompt]
        for ending, path in zip(endings, paths, strict=True):
            if not ending or ending[-1]["role"] != "assistant":
                raise Reject(Reason.NO_ANSWER, "the dialogue does not end with the assistant's answer", path)
            check_answer(ending, path)
        return prompt, endings

    def parse_dialogue(self, value: Any, path: str, row: Row) -> Messages:
        """Converts a side to messages; a mapping is a single turn, unless messages are a tree."""
        is_tree = self.until is not None and self.until.parent is not None
        if self.turns is None and not isinstance(value, str) and not is_tree:
            value = wrap_answer(value)
        return super().parse_dialogue([value] if isinstance(value, dict) and not is_tree else value, path, row)

    def _read_side(self, row: Row, place: Place) -> Messages:
        if self.questions is None:
            return self.read_place(row, place)
        path = first_field(place)
        value = get_path(row, path)
        if isinstance(place, Part) and isinstance(value, list):
            value = [extract_part(read_text(answer, path), place) for answer in value]
        questions = get_path(row, self.questions)
        if not (isinstance(questions, list) and isinstance(value, list) and len(questions) == len(value)):
            raise Reject(Reason.WRONG_TYPE, f"expected a list with one answer per item of '{self.questions}'", path)
        return self.parse_dialogue(
            [turn for couple in zip(questions, value, strict=True) for turn in couple], path, row
        )

    @staticmethod
    def _repeats_prompt(side: Messages) -> bool:
        """Whether a side starts at the beginning of the dialogue rather than after the prompt."""
        return len(side) > 1 and side[0]["role"] != "assistant"

    def _drop_prompt(self, prompt: Messages, side: Messages, path: str) -> Messages:
        """Returns the turns of a side after the prompt."""
        if not self._repeats_prompt(side):
            return side
        prompt_turns = [m for m in prompt if m["role"] != "system"]
        turns = [m for m in side if m["role"] != "system"]
        if turns[: len(prompt_turns)] != prompt_turns or len(turns) == len(prompt_turns):
            raise Reject(Reason.PROMPTS_DIFFER, "the side repeats a dialogue that does not begin with the prompt", path)
        return turns[len(prompt_turns) :]

    @staticmethod
    def _split_sides(sides: list[Messages], paths: tuple[str, str]) -> tuple[Messages, list[Messages]]:
        first, second = sides
        if (shared_prompt := _prompt_of_whole_side(sides)) is not None:
            check_prompt(shared_prompt, paths[0])
            return shared_prompt, [side[-1:] for side in sides]
        if not all(len(side) > 1 and any(m["role"] == "user" for m in side) for side in sides):
            detail = "each side holds only an answer; name the field of the prompt: map: {prompt: FIELD}"
            raise Reject(Reason.EMPTY_PROMPT, detail, paths[0])
        shared = min(count_shared_turns(first, second), len(first) - 1, len(second) - 1)
        cut = find_shared_prompt_end(first[:shared])
        if cut == 0:
            raise Reject(Reason.PROMPTS_DIFFER, "the two sides do not begin with the same user turn", paths[1])
        check_prompt(first[:cut], paths[0])
        return first[:cut], [first[cut:], second[cut:]]


def _prompt_of_whole_side(sides: list[Messages]) -> Messages | None:
    """Returns the turns before the answer of the only side that is a whole dialogue, if the other one is an answer."""
    whole = [side for side in sides if len(side) > 1 and side[-2]["role"] in ASKING and side[-1]["role"] == "assistant"]
    alone = [side for side in sides if len(side) == 1 and side[0]["role"] == "assistant"]
    return whole[0][:-1] if len(whole) == len(alone) == 1 else None


class LabelledAnswers(TwoAnswers):
    """Two answers and labels that say which one is better."""

    codes: Codes = {}
    """Value of a label -> first, second or tie."""
    names: dict[Literal["first", "second"], Path] = {}
    """Side -> path of the field with its name, if labels name the better side, as in {first: model_a, second: model_b}.
    `codes` then holds the other labels, such as {tie: tie}."""

    @model_validator(mode="after")
    def _both_sides_are_named(self) -> "LabelledAnswers":
        if len(self.names) == 1:
            raise ValueError("'names' needs both sides, as in {first: model_a, second: model_b}")
        return self

    def read_names(self, row: Row) -> dict[str, set[Side]]:
        """Returns the code of each name -> the sides that have it; sides without a name are missing.

        Raises:
            Reject: `missing_field` if the row lacks a name's field.
        """
        sides: dict[str, set[Side]] = {}
        for side, path in self.names.items():
            name = get_path(row, path)
            if not is_missing(name):
                sides.setdefault(to_code(name), set()).add(side)
        return sides


def make_comparison(side: Side, vote: "Vote | None" = None) -> Comparison:
    """Makes the comparison of the first and the second answer; `vote` says who judged."""
    better = 1 if side == "second" else 0
    annotator = None if vote is None else vote.annotator
    return Comparison(better=better, worse=1 - better, tie=side == "tie", annotator=annotator)


class Vote(NamedTuple):
    """The judgement of one person: its value, where it is, and who gave it, by name. A field names nobody."""

    value: Any
    field: str
    annotator: str | None = None

    def is_cast(self, codes: Collection[str]) -> bool:
        """Whether the person judged: the value is not missing, or a code gives it a meaning."""
        return not is_missing(self.value) or to_code(self.value) in codes


def read_label(
    value: Any, codes: Mapping[str, Side], field: str, names: Mapping[str, Collection[Side]] | None = None
) -> Side:
    """Reads a label as first, second or tie.

    Args:
        value: the label.
        codes: value of a label -> its meaning.
        field: its field, for errors.
        names: name of a side -> the sides that have it, if a label can be a name.

    Raises:
        Reject: `bad_label` if the label is neither in `codes` nor a name, or is ambiguous.
    """
    code, names = to_code(value), names or {}
    meanings = {*([codes[code]] if code in codes else []), *names.get(code, ())}
    if len(meanings) == 1:
        return meanings.pop()
    if meanings:
        detail = f"{code[:40]!r} is ambiguous: it can mean {' and '.join(sorted(meanings))}"
        raise Reject(Reason.BAD_LABEL, detail, field)
    pairs = ", ".join(f"{key!r}: {side}" for key, side in codes.items())
    named = ", ".join(f"{name[:40]!r}: {', '.join(sorted(sides))}" for name, sides in names.items())
    expected = " and ".join(
        text
        for text in (f"is not in codes ({pairs})" if pairs else "", f"names no answer ({named})" if named else "")
        if text
    )
    shown = "null" if code == NULL_CODE else repr(code[:40])
    detail = f"found {shown}, which {expected or 'names no answer: the answers have no names'}"
    raise Reject(Reason.BAD_LABEL, detail + label_hint(value, codes), field)
