"""Odd values anywhere in the rows of an export: a recogniser never fails."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from unipref.core import registry
from unipref.core.contracts import Export

EXPORTS = [choice for choice in registry.find_all("export") if issubclass(choice, Export)]
ODD = (None, 1, [None], {"a": 1}, "{")


def places(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield (*before, key)
        yield from places(value[key], (*before, key))


def damage(row: Any, place: tuple[Any, ...], odd: Any) -> Any:
    damaged = copy.deepcopy(row)
    holder = damaged
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = odd
    return damaged


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.name())
def test_an_odd_value_anywhere_in_a_row_fails_no_recogniser(export: type[Export]) -> None:
    for example in (export.example, *export.further_examples.values()):
        first, *others = example["rows"]
        for place in places(first):
            for odd in ODD:
                proposal = export.recognise([damage(first, place, odd), *others])
                assert proposal is None or 0 <= proposal.confidence <= 1
