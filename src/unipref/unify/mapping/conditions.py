"""Conditions on values: which rows, items of lists and verdicts a mapping accepts.

A condition is a list of values, as in `[train, dev]`, or bounds, as in `{at_least: 4}`. Rows (`where`), items of lists
(`item_filter`) and the sides of a verdict (`verdicts`) use the same conditions.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from pydantic import Field, model_serializer, model_validator

from unipref.core.contracts import Settings
from unipref.core.display import describe_value
from unipref.core.records import Reason, Reject, Row
from unipref.core.values import value_key
from unipref.unify.mapping.codes import label_hint
from unipref.unify.mapping.fields import Decimal, Path, read_number
from unipref.unify.mapping.paths import get_path

Scalar = bool | int | float | str | None
BOUNDS = ("at_least", "at_most", "above", "below")
OPERATORS = {
    ">=": "at_least",
    "ge": "at_least",
    "gte": "at_least",
    "min": "at_least",
    "<=": "at_most",
    "le": "at_most",
    "lte": "at_most",
    "max": "at_most",
    ">": "above",
    "gt": "above",
    "<": "below",
    "lt": "below",
    "!=": "not",
    "ne": "not",
    "not_in": "not",
    "==": "one_of",
    "=": "one_of",
    "eq": "one_of",
    "in": "one_of",
}
"""Other spellings of the keys of a condition -> the key."""
COMPARISON = re.compile(r"\s*(>=|<=|!=|==|>|<|=)\s*(.*?)\s*\Z", re.DOTALL)


class Condition(Settings):
    """Which values are accepted. `[a, b]` is short for `{one_of: [a, b]}`."""

    one_of: list[Scalar] | None = None
    """The accepted values. 1, 1.0 and "1" are one value, and so are true and "True"; 1 is not true. Null and NaN are
    one, and an empty text is another."""
    at_least: float | None = None
    """Smallest accepted number."""
    at_most: float | None = None
    """Largest accepted number."""
    above: float | None = None
    """Accepted numbers are larger than this."""
    below: float | None = None
    """Accepted numbers are smaller than this."""
    excluded: list[Scalar] = Field(default=[], alias="not")
    """Values that are not accepted."""
    decimal: Decimal = "point"
    """What separates the fraction of a number in a text: 4.5 or 4,5."""

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, value: Any) -> Any:
        if isinstance(value, list) and any(isinstance(one, dict) for one in value):
            raise ValueError("bounds stand alone: remove the dash before them, as in {at_least: 4}")
        if isinstance(value, list | tuple):
            return {"one_of": list(value)}
        if isinstance(value, str) and (match := COMPARISON.match(value)):
            raise ValueError(f"write {_spell(OPERATORS[match[1]], match[2])} instead of {value.strip()!r}")
        if not isinstance(value, Mapping | Condition):
            raise ValueError("expected a list of values, as in [train, dev], or bounds, as in {at_least: 4}")
        for key, bound in value.items() if isinstance(value, Mapping) else ():
            operator = str(key).strip().lower().removeprefix("$")
            if operator in OPERATORS:
                raise ValueError(f"write {_spell(OPERATORS[operator], bound)} instead of the key {str(key)!r}")
        return value

    @model_validator(mode="after")
    def _can_be_met(self) -> "Condition":
        if self.one_of is None and not self.has_bounds and not self.excluded:
            raise ValueError("the condition is empty: give a list of values, or bounds such as {at_least: 4}")
        for one, other in (("at_least", "above"), ("at_most", "below")):
            if getattr(self, one) is not None and getattr(self, other) is not None:
                raise ValueError(f"give either '{one}' or '{other}'")
        low, high = self.low, self.high
        if low is not None and high is not None and not (low < high or (low == high and self.accepts_number(low))):
            bounds = f"the lower bound is {_number(low)}, the upper bound is {_number(high)}"
            raise ValueError(f"no number is accepted: {bounds}")
        return self

    @model_serializer
    def _to_short_form(self) -> list[Scalar] | dict[str, Any]:
        if self.one_of is not None and self.is_plain:
            return self.one_of
        fields = {name: getattr(self, name) for name in ("one_of", *BOUNDS)}
        fields |= {"not": self.excluded or None, "decimal": None if self.decimal == "point" else self.decimal}
        return {name: value for name, value in fields.items() if value is not None}

    @cached_property
    def has_bounds(self) -> bool:
        """Whether the condition is on numbers."""
        return any(getattr(self, name) is not None for name in BOUNDS)

    @property
    def is_plain(self) -> bool:
        """Whether the condition only lists accepted values."""
        return self.one_of is not None and not self.has_bounds and not self.excluded

    @property
    def low(self) -> float | None:
        """The lower bound, included or not."""
        return self.above if self.at_least is None else self.at_least

    @property
    def high(self) -> float | None:
        """The upper bound, included or not."""
        return self.below if self.at_most is None else self.at_most

    @cached_property
    def _keys(self) -> frozenset[str | None] | None:
        return None if self.one_of is None else frozenset(map(value_key, self.one_of))

    @cached_property
    def _excluded_keys(self) -> frozenset[str | None]:
        return frozenset(map(value_key, self.excluded))

    def accepts_number(self, number: float) -> bool:
        """Whether a number lies within the bounds."""
        return not (
            (self.at_least is not None and number < self.at_least)
            or (self.at_most is not None and number > self.at_most)
            or (self.above is not None and number <= self.above)
            or (self.below is not None and number >= self.below)
        )

    def accepts(self, value: Any, field: str) -> bool:
        """Whether the condition accepts a value.

        Raises:
            Reject: `wrong_type` or `bad_score` if there are bounds and the value is neither empty nor a number.
        """
        key = value_key(value)
        if (self._keys is not None and key not in self._keys) or key in self._excluded_keys:
            return False
        if not self.has_bounds:
            return True
        number = read_number(value, field, self.decimal)
        return number is not None and self.accepts_number(number)

    def explain(self, value: Any) -> str:
        """Says why the condition does not accept a value."""
        if self._keys is not None and value_key(value) not in self._keys:
            allowed = self.one_of or []
            hint = label_hint(value, allowed) or _comparison_hint(allowed)
            return f"{describe_value(value)} is not one of the values{hint}"
        return f"{describe_value(value)} does not meet {self.text()}"

    def text(self) -> str:
        """Returns the condition as it is written in a study."""
        if self.is_plain:
            return str(self.one_of)
        parts = [f"one_of: {self.one_of}"] if self.one_of is not None else []
        parts += [f"{name}: {_number(value)}" for name in BOUNDS if (value := getattr(self, name)) is not None]
        parts += [f"not: {self.excluded}"] if self.excluded else []
        return "{" + ", ".join(parts) + "}"


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def _spell(key: str, value: Any) -> str:
    is_list = key in ("not", "one_of") and not isinstance(value, list)
    return "{" + f"{key}: {[value] if is_list else value}" + "}"


def _comparison_hint(allowed: Iterable[Any]) -> str:
    """The end of an error if an allowed value is a text such as '>= 4', which was meant as a bound."""
    for value in allowed:
        if isinstance(value, str) and (match := COMPARISON.match(value)):
            return f"; {value!r} is a text here: for a bound, write {_spell(OPERATORS[match[1]], match[2])}"
    return ""


def check_row(row: Row, where: Mapping[Path, Condition]) -> None:
    """Raises a Reject unless the row meets all conditions: `left_out`, or the reason why a value is not a number."""
    for path, condition in where.items():
        value = get_path(row, path)
        if not condition.accepts(value, path):
            is_list = isinstance(value, list) and condition.one_of is not None
            hint = "; conditions on the items of a list go in 'where_items'" if is_list else ""
            raise Reject(Reason.LEFT_OUT, f"{condition.explain(value)} in 'where'{hint}", path)
