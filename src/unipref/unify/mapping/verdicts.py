"""Verdicts on one answer: which values of a label mean thumbs up, thumbs down, or neither."""

import itertools
import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

from pydantic import model_validator

from unipref.core import patterns
from unipref.core.contracts import Settings
from unipref.core.display import describe_value
from unipref.core.records import Messages, Reason, Reject, Response
from unipref.core.values import is_missing, value_key
from unipref.unify.mapping.codes import label_hint
from unipref.unify.mapping.conditions import Condition
from unipref.unify.mapping.fields import PathList, Pattern, decimal_hint, read_number
from unipref.unify.mapping.paths import collect_values, get_path, is_star
from unipref.unify.mapping.people import Judged

NUMBER_FIRST = re.compile(r"^\s*([0-9]+(?:[.][0-9]+)?)")
"""A number at the beginning of a text, as in '85%'."""


class Tally(NamedTuple):
    """How many people judged an answer good and bad, and the judgements that do not count: neutral ones, and labels of
    unknown meaning that cannot change the majority. `labels` are those of all people, and `verdicts` whether each
    praises, None for what does not count.
    """

    ups: int
    downs: int
    others: list[Reject]
    labels: Sequence[Judged] = ()
    verdicts: Sequence[bool | None] = ()

    @property
    def majority(self) -> bool | None:
        """Whether more people judged the answer good; None if they are equally many."""
        return None if self.ups == self.downs else self.ups > self.downs

    def to_responses(self, answer: Messages) -> list[Response]:
        """Returns the answer as judged good and as judged bad, each with its number of judgements."""
        counts = ((True, self.ups), (False, self.downs))
        return [Response(messages=answer, approved=is_up, n_judgements=count) for is_up, count in counts if count]


class Verdicts(Settings):
    """The settings of formats that judge one answer at a time."""

    up: Condition = Condition(one_of=[True])
    """Values of the label that mean thumbs up; or bounds, as in `{at_least: 4}`. 1, 1.0 and "1" are one value, and so
    are true and "True"; 1 is not true."""
    down: Condition = Condition(one_of=[False])
    """Values of the label that mean thumbs down; or bounds, as in `{at_most: 2}`."""
    neutral: Condition | None = None
    """Values of the label that mean neither; or bounds. Such answers are left out and counted. So are numbers between
    `up` and `down`, if one of these has bounds."""
    pattern: Pattern | None = None
    """Regular expression whose first group is the verdict in a label such as '5 - very good'. A label that it does not
    match is compared as it is."""

    @model_validator(mode="after")
    def _up_is_not_down(self) -> "Verdicts":
        if self.up.has_bounds and "down" not in self.model_fields_set:
            raise ValueError("'up' has bounds: set 'down' too, as in down: {at_most: 2}")
        if self.down.has_bounds and "up" not in self.model_fields_set:
            raise ValueError("'down' has bounds: set 'up' too, as in up: {at_least: 4}")
        sides = {"up": self.up, "down": self.down}
        for name, condition in sides.items():
            if condition.one_of is not None and None in condition.one_of:
                raise ValueError(f"null is no verdict: leave it out of '{name}', or list it in 'neutral'")
        if self.neutral is not None:
            sides["neutral"] = self.neutral
        for value in _telling_values([*sides.values()]):
            if len(both := [name for name, condition in sides.items() if _accepts(condition, value)]) > 1:
                raise ValueError(f"the value {value_key(value)!r} is in both '{both[0]}' and '{both[1]}'")
        return self

    @cached_property
    def _listed_verdicts(self) -> dict[str | None, bool]:
        """Key of a value -> whether it means thumbs up, if both sides only list values."""
        if self.up.is_plain and self.down.is_plain:
            sides = ((self.up, True), (self.down, False))
            return {value_key(value): is_up for condition, is_up in sides for value in condition.one_of or ()}
        return {}

    def count_verdicts(self, item: Any, label: str | PathList) -> Tally:
        """Counts the verdicts of one or several people on an answer.

        Args:
            item: the row or message.
            label: one path per person; or one path of a label, of a list of labels, or with a `*`.

        Raises:
            Reject: a label that could decide is not a verdict, none means thumbs up or down, or nobody judged the
                answer.
        """
        if isinstance(label, str) and not is_star(label) and not isinstance(value := get_path(item, label), list):
            is_up = self.read_verdict(value, label)
            return Tally(int(is_up), int(not is_up), [], [Judged(label, value)], [is_up])
        labels = _collect_labels(item, [label] if isinstance(label, str) else label)
        verdicts: list[bool | None] = [None] * len(labels)
        others: list[Reject] = []
        for n, one in enumerate(labels):
            if is_missing(one.value) and not self._is_listed(one.value):
                continue
            try:
                verdicts[n] = self.read_verdict(one.value, one.place)
            except Reject as reject:
                others.append(reject)
        ups, downs = verdicts.count(True), verdicts.count(False)
        unknown = [reject for reject in others if reject.reason is not Reason.NEUTRAL]
        if unknown and abs(ups - downs) <= len(unknown):
            raise unknown[0]  # what it means could decide
        if not (ups or downs) and others:
            raise others[0]
        if not (ups or downs):
            raise Reject(Reason.UNSCORED, "nobody judged the answer", label if isinstance(label, str) else label[0])
        return Tally(ups, downs, others, labels, verdicts)

    def _is_listed(self, value: Any) -> bool:
        """Whether a side lists a value, as an empty text that means thumbs down."""
        key = value_key(value)
        return key is not None and any(
            key == value_key(one) for side in (self.up, self.down) for one in side.one_of or ()
        )

    def read_verdict(self, label: Any, field: str) -> bool:
        """Returns whether a label means thumbs up.

        Raises:
            Reject: `neutral` if it means neither, `unscored` if it is missing, `bad_label` if it is not a verdict.
        """
        if isinstance(label, dict):
            raise Reject(Reason.BAD_LABEL, f"expected a verdict, found {describe_value(label)}", field)
        if is_missing(label) and not self._is_listed(label):
            raise self._reject_missing(label, field)
        if self.pattern is not None and isinstance(label, str) and not _accepts(self.neutral, label):
            match = patterns.search(self.pattern, label, field)
            label = label if match is None else match.group(1) or ""
        listed_verdict = self._listed_verdicts.get(value_key(label))
        if listed_verdict is not None:
            return listed_verdict
        is_up, is_down = _accepts(self.up, label), _accepts(self.down, label)
        if is_up and is_down:
            raise Reject(Reason.BAD_LABEL, f"{_show(label)} is in both 'up' and 'down'", field)
        if is_up or is_down:
            return is_up
        if _accepts(self.neutral, label) or self._is_between(label):
            raise _reject_neutral(label, field)
        detail = f"found {_show(label)}, expected one of {self.up.text()} (up) or {self.down.text()} (down)"
        listed = [*(self.up.one_of or []), *(self.down.one_of or [])]
        hint = label_hint(label, listed) or (decimal_hint(label, self.up.decimal) if self.up.has_bounds else "")
        raise Reject(Reason.BAD_LABEL, detail + (hint or self._pattern_hint(label)), field)

    def _pattern_hint(self, label: Any) -> str:
        """Names the setting that reads a number with a unit, such as '85%'; empty for other labels."""
        has_bounds = self.up.has_bounds or self.down.has_bounds
        if not has_bounds or self.pattern is not None or not isinstance(label, str) or not NUMBER_FIRST.match(label):
            return ""
        return f". Bounds need numbers: set pattern: '{NUMBER_FIRST.pattern}'"

    def _reject_missing(self, label: Any, field: str) -> Reject:
        if _accepts(self.neutral, label):
            return _reject_neutral(label, field)
        return Reject(Reason.UNSCORED, "nobody judged the answer: the verdict is missing", field)

    def _is_between(self, label: Any) -> bool:
        """Whether a label is a number between the sides, one of which has bounds."""
        if not (self.up.has_bounds or self.down.has_bounds):
            return False
        number = _number(label, self.up if self.up.has_bounds else self.down)
        ups, downs = _ends(self.up), _ends(self.down)
        if number is None or not ups or not downs:
            return False
        return max(downs) <= number <= min(ups) or max(ups) <= number <= min(downs)


def _collect_labels(item: Any, paths: list[str]) -> list[Judged]:
    """Returns the places and labels of several people; null where a person gave none.

    Raises:
        Reject: `missing_field` if all paths are missing.
    """
    labels: list[Judged] = []
    missing: list[Reject] = []
    for n, path in enumerate(paths):
        try:
            labels += [Judged(place, value, n) for place, value in collect_values(item, path)]
        except Reject as reject:
            if reject.reason is not Reason.MISSING_FIELD:
                raise
            missing.append(reject)
    if len(missing) == len(paths):
        raise missing[0]
    return [
        Judged(f"{place}.{i}" if isinstance(value, list) else place, inner, n)
        for place, value, n in labels
        for i, inner in enumerate(value if isinstance(value, list) else [value])
    ]


def _reject_neutral(label: Any, field: str) -> Reject:
    return Reject(Reason.NEUTRAL, f"{_show(label)} is neither thumbs up nor thumbs down", field)


def _show(label: Any) -> str:
    return "null" if label is None else repr(str(label)[:40])


def _accepts(condition: Condition | None, value: Any) -> bool:
    try:
        return condition is not None and condition.accepts(value, "label")
    except Reject:
        return False


def _number(value: Any, condition: Condition) -> float | None:
    try:
        return read_number(value, "label", condition.decimal)
    except Reject:
        return None


def _ends(condition: Condition) -> list[float]:
    """Returns the bounds of a condition and the numbers that it lists."""
    listed = [number for value in condition.one_of or () if (number := _number(value, condition)) is not None]
    return [*listed, *(bound for bound in (condition.low, condition.high) if bound is not None)]


def _telling_values(conditions: list[Condition]) -> list[Any]:
    """Returns values of which two conditions accept one if they overlap at all: all that are listed, all bounds, and
    numbers between and beyond them.
    """
    listed = [value for condition in conditions for value in condition.one_of or () if value is not None]
    ends = sorted({end for condition in conditions for end in _ends(condition)})
    between = [low + share * (high - low) for low, high in itertools.pairwise(ends) for share in (0.37, 0.61)]
    beyond = [ends[0] - 1.37, ends[-1] + 1.37] if ends else []
    return [*listed, *ends, *between, *beyond]
