"""A question with options, one of which is right, as in WinoGrande. The right option is preferred to all others."""

import itertools
import re
import string
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from unipref.core.display import name_kind
from unipref.core.records import Axis, Comparison, Feedback, Reason, Reject, Response, Row
from unipref.core.values import is_missing, value_key
from unipref.unify.detection.guess import PLACEHOLDER, Column, Columns, Guess
from unipref.unify.detection.names import BAD_NAMES, COUNT_NAMES, OTHER_TEXT_NAMES
from unipref.unify.detection.orders import find_named_best
from unipref.unify.detection.places import names_places
from unipref.unify.detection.side_codes import is_winner_name
from unipref.unify.detection.side_words import WORSE, names_a_side
from unipref.unify.detection.twins import find_series, has_several_answers
from unipref.unify.detection.two_answers import are_contained
from unipref.unify.format_bases.mapped import Mapped
from unipref.unify.mapping.codes import to_code
from unipref.unify.mapping.fields import (
    Part,
    Path,
    Paths,
    Place,
    extract_part,
    first_field,
    get_answer,
    join_texts,
    read_answer,
)
from unipref.unify.mapping.paths import collect_values, get_path, is_star, item_places
from unipref.unify.mapping.turns import assistant_turn

CHECK_AXIS = "check"
"""The name of the axis of the second answer field, `check`."""
OPTION_NAME = re.compile(r"(option|choice|ending|answer|ans|opt|sol)[_ ]?[0-9a-e]")
"""Names of fields that hold one option each."""
OPTION_WORD = re.compile(r"option|choice|ending|opt|sol|sentence|contained")
"""Words in the names of fields that hold an option rather than an answer."""
MIN_ANSWER_LENGTH = 60
"""Mean length in characters from which two texts are answers rather than options."""
NUMBER = re.compile(r"-?[0-9]{1,9}")
LETTER = re.compile(r"[A-Za-z]")
MIN_FILLED = 0.9
"""Least share of rows with an option whose name is a letter or a number."""
OPTION_LISTS = ("options", "choices", "endings")
"""Words in the names of lists of options."""
RIGHT_ANSWER_NAMES = ("answer", "label", "correct", "gold", "target", "solution")
"""Names of fields that say which option is right."""


def _find_options(columns: Columns, answer: Column) -> tuple[str, str | list[str], int] | None:
    """Returns the question, the options and their number; None if no field holds options that fit the answer."""
    texts = [c for c in columns.of_kind("text", "code") if c is not answer and c.share > 0.9]
    numbered = [c for c in texts if OPTION_NAME.fullmatch(c.name)]
    if {*answer.words} & {"rank", "score", "rating", "grade"}:
        return None
    prose = [c for c in columns.prose if c not in numbered and not c.has_name(*OTHER_TEXT_NAMES)]
    prose = [c for c in prose if columns.role(c) != "answer"]
    question = next((c for c in prose if c.has_name("question", "sentence", "prompt", "query")), None)
    question = question or max(prose, key=lambda c: c.mean_length, default=None)
    if question is None:
        return None
    if len(numbered) < 2:
        numbered = _find_options_by_name(columns, answer)
    if len(numbered) < 2 and is_winner_name(answer):
        numbered = find_series(columns)
    if len(numbered) < 2 and (listed := _find_list_of_options(columns, answer, OPTION_LISTS)) is not None:
        # Pieces of a prompt that is also there as a whole are no options.
        return question.path, *listed
    if len(numbered) < 2:
        numbered = [c for c in columns.of_kind("text") if c is not question and are_contained([c], question)]
        numbered = numbered if _counts_options(answer, len(numbered)) else []
    if (
        len(numbered) == 2
        and not are_contained(numbered, question)
        and min(c.mean_length for c in numbered) > MIN_ANSWER_LENGTH
    ):
        return None  # two answers to a prompt rather than options
    if len(numbered) >= 2:
        return question.path, [c.path for c in numbered], len(numbered)
    listed = _find_list_of_options(columns, answer)
    return None if listed is None else (question.path, *listed)


def _find_options_by_name(columns: Columns, answer: Column) -> list[Column]:
    """Returns texts whose names are letters or numbers in a row, from the first on, if the answers are such names."""
    texts = {c.path.upper(): c for c in columns.of_kind("text", "code") if c is not answer and c.share > MIN_FILLED}
    values = {str(to_code(value)).upper() for value in answer.values}
    for names in (string.ascii_uppercase, "123456789"):
        row = list(itertools.takewhile(lambda name: name in texts, names))
        if len(row) > 1 and values <= {*row}:
            return [texts[name] for name in row]
    return []


def _find_list_of_options(columns: Columns, answer: Column, names: Sequence[str] = ()) -> tuple[str, int] | None:
    """Returns the path of a list of options that fit the answer, and their number; None if there is none.

    Args:
        columns: of the rows.
        answer: the field that says which option is right.
        names: words, one of which the name of the list has; empty for any name.
    """
    for listed in columns.of_kind("texts"):
        count = max(map(len, listed.values))
        if count < 2 or (names and not listed.has_name(*names)):
            continue
        fits = _counts_options(answer, count)
        even = sum(len(v) == count for v in listed.values) > 0.8 * len(listed.values)
        is_named = listed.has_name(*OPTION_LISTS, "answers", "candidates")
        if (is_named and (fits or _can_name_option(listed, answer))) or (fits and even):
            return listed.path, count
    return None


def _counts_options(answer: Column, count: int) -> bool:
    """Whether values are numbers from 0 or 1, or letters from A, of so many options."""
    counted = bool(answer.numbers) and min(answer.numbers) >= 0 and max(answer.numbers) <= count
    return counted or {*answer.distinct_values} <= {*string.ascii_uppercase[:count]}


def _is_code_of_option(answer: Column) -> bool:
    """Whether values are numbers, letters or names such as `option_b`, rather than words."""
    return bool(answer.numbers) or all(map(names_a_side, answer.distinct_values))


def _can_name_option(listed: Column, answer: Column) -> bool:
    """Whether values are numbers, letters or texts of options, rather than the sort of the question."""
    texts = {item for value in listed.values for item in value}
    return bool(answer.numbers) or all(len(value) <= 1 or value in texts for value in answer.distinct_values)


def _read_only_answer(row: Row, path: str) -> Any:
    """Returns the answer at a path; of a path with a `*`, the only value that it collects.

    Raises:
        Reject: `bad_label` if the list holds several values, `unscored` if it holds none.
    """
    if not is_star(path):
        return get_path(row, path)
    chosen = {value_key(value): value for _, value in collect_values(row, path) if not is_missing(value)}
    if len(chosen) > 1:
        raise Reject(Reason.BAD_LABEL, f"expected one right option, found {len(chosen)}", path)
    if not chosen:
        raise Reject(Reason.UNSCORED, "no option is chosen", path)
    return next(iter(chosen.values()))


class MultipleChoice(Mapped):
    """A prompt, its options and which of them is right. The answer is a number or letter counted from `first`; with
    `first: text` it is the text of the right option.
    """

    prompt: Paths
    """Path of the question, or several paths to be joined."""
    options: Place | Annotated[list[Place], Field(min_length=2)]
    """Paths of the options in order, or constants such as {text: Yes}; or one path of a list of options, or a part, as
    in {field: options, pattern: REGEX}, whose pattern extracts each of them."""
    answer: Path
    """Path of the answer. A `*` collects a list, as labelling tools write it (`accept.*`); different values in it are
    no answer."""
    check: Path | None = None
    """Path of a second answer field in the same code. It does not decide; the labels are checked against it."""
    first: int | str | None = None
    """The answer's value when the first option is right: 0, 1, 'A'; or 'text'. unipref never guesses it, because data
    sets differ."""
    labels: Path | list[bool | int | str | Part] | None = None
    """Replaces `first`: the answer's value for each option, in order. Either constants, as in [true, false]; or fields,
    as in [{field: model_a}, {field: model_b}]; or the path of such a list."""

    needs: ClassVar[tuple[str, ...]] = ("a prompt", "a list of answers", "a code that says which is better")
    example: ClassVar[dict[str, Any]] = {
        "settings": {"prompt": "sentence", "options": ["option1", "option2"], "answer": "answer", "first": 1},
        "rows": [
            {"sentence": "Ann thanked Eve because _ had helped.", "option1": "Ann", "option2": "Eve", "answer": "2"},
        ],
    }

    @model_validator(mode="after")
    def _code_is_declared(self) -> "MultipleChoice":
        if (self.first is None) == (self.labels is None):
            raise ValueError("give either 'first' or 'labels': the values of the answer that stand for the options")
        return self

    def axes(self) -> dict[str, Axis]:
        """The axis of `check`: 1 for the option it names, 0 for the others; empty without `check`."""
        return {} if self.check is None else {CHECK_AXIS: Axis(better="high", low=0.0, high=1.0)}

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """Recognises a question, its options and a code for the right one."""
        if (best := find_named_best(columns)) is not None:
            return best
        codes = [c for c in columns.of_kind("code") if c.n_distinct > 1 and not c.is_identifier]
        codes = [c for c in codes if not {*c.words} & COUNT_NAMES]
        possible = [c for c in columns.of_kind("code") if not {*c.words} & COUNT_NAMES]
        possible = [c for c in possible if not {*c.words} & (WORSE | BAD_NAMES | {"incorrect"})]
        telling = [c for word in RIGHT_ANSWER_NAMES for c in possible if c.has_name(word)]
        codes = [c for c in codes if c in possible and columns.role(c) != "metadata" and not names_places(c)]
        for answer in sorted(telling or codes, key=lambda c: not _is_code_of_option(c)):
            named = answer if telling else None
            if (choices := _find_options(columns, answer)) is None:
                continue
            prompt, options, count = choices
            values = sorted({to_code(v) for v in answer.values})
            are_named = not isinstance(options, str) and {*values} <= {*options}
            are_options = (
                isinstance(options, str) or are_named or all(OPTION_WORD.search(option.lower()) for option in options)
            )
            fits = are_named or len(values) == count
            is_told = fits and named is not None and (are_options or not has_several_answers(columns))
            first: Any = (options[0] if are_named else values[0]) if is_told else PLACEHOLDER
            mapping = {
                "prompt": prompt,
                "options": options,
                "answer": answer.path,
                "first": int(first) if str(first).isdigit() else first,
            }
            doubts = (
                [f"which value of '{answer.path}' means that the first option is right: it has {values}"]
                if first == PLACEHOLDER
                else []
            )
            why = [f"'{answer.path}' is one of {values} and the question has {count} options"]
            confidence = 0.9 if named is not None else 0.75
            return Guess(mapping, confidence if are_options else 0.6, why, doubts)
        return None

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """Yields one feedback with all options as answers; the right one is better than each of the others."""
        options = self._options(row)
        right = self._find_right(row, _read_only_answer(row, self.answer), options)
        checks: list[dict[str, float]] = [{} for _ in options]
        if self.check is not None and not is_missing(second := get_path(row, self.check)):
            checked = self._find_right(row, second, options)
            checks = [{CHECK_AXIS: float(place == checked)} for place in range(len(options))]
        yield Feedback(
            prompt=self.read_prompt(row, self.prompt),
            responses=[
                Response(messages=assistant_turn(option), scores=s) for option, s in zip(options, checks, strict=True)
            ],
            comparisons=[Comparison(better=right, worse=i) for i in range(len(options)) if i != right],
        )

    def _options(self, row: Row) -> list[str]:
        if isinstance(self.options, list):
            return [get_answer(row, option) for option in self.options]
        path = first_field(self.options)
        values = get_path(row, path)
        if not isinstance(values, list):
            raise Reject(Reason.WRONG_TYPE, f"expected a list of options, found {name_kind(values)}", path)
        options = [read_answer(value, place) for value, place in zip(values, item_places(row, path), strict=True)]
        if isinstance(self.options, Part):
            return [read_answer(extract_part(option, self.options), path) for option in options]
        return options

    def _find_right(self, row: Row, answer: Any, options: list[str]) -> int:
        code = to_code(answer)
        if self.first == "text":
            return self._find_unique(answer, options)
        if self.labels is not None:
            labels = get_path(row, self.labels) if isinstance(self.labels, str) else self.labels
            if not isinstance(labels, list) or len(labels) != len(options):
                raise Reject(Reason.WRONG_TYPE, f"expected {len(options)} labels, one for each option", "labels")
            return self._find_unique(answer, [join_texts(row, one) if isinstance(one, Part) else one for one in labels])
        first = str(self.first)
        index = -1
        if NUMBER.fullmatch(first) and NUMBER.fullmatch(code):
            index = int(code) - int(first)
        elif LETTER.fullmatch(first) and LETTER.fullmatch(code):
            index = ord(code.upper()) - ord(first.upper())
        if not 0 <= index < len(options):
            detail = f"found {code[:40]!r}, expected one of {len(options)} codes beginning with {first!r}"
            raise Reject(Reason.BAD_LABEL, detail, self.answer)
        return index

    def _find_unique(self, answer: Any, values: list[Any]) -> int:
        code = to_code(answer)
        places = [i for i, one in enumerate(values) if to_code(one) == code]
        if len(places) > 1:
            # Options such as "1" and "1.0" are two texts that are one value.
            places = [i for i in places if str(values[i]).strip() == str(answer).strip()]
        if len(places) != 1:
            raise Reject(
                Reason.BAD_LABEL,
                f"the answer {code[:60]!r} matches {len(places)} of {len(values)} options",
                self.answer,
            )
        return places[0]
