"""Less of some sources or axes: what stays, that parts lie within each other, and wrong names."""

from typing import Any

import numpy as np
import pytest

from support.hand_made import hand_made
from unipref.core import registry
from unipref.core.contracts import Strategy
from unipref.core.errors import UserError

CANDIDATES = hand_made(
    [0.5] * 40,
    sources=["a", "b"] * 20,
    objectives=["bias"] * 20 + ["help"] * 20,
    axes=np.array(["tone"] * 10 + ["bias"] * 10 + ["help"] * 20),
)


def reduced(**settings: Any) -> Strategy:
    found = registry.make("strategy", "reduced", settings, "select")
    assert isinstance(found, Strategy)
    return found


def kept(seed: int = 0, **settings: Any) -> list[int]:
    return reduced(**settings).select(CANDIDATES, seed).kept.tolist()


def test_a_part_of_0_leaves_a_source_or_an_axis_out() -> None:
    assert kept(sources={"a": 0}) == list(range(1, 40, 2))
    assert kept(axes={"tone": 0}) == list(range(10, 40))
    assert kept(sources={"a": 0}, axes={"help": 0}) == list(range(1, 20, 2))


def test_parts_are_random_and_lie_within_each_other() -> None:
    quarter, half = ({place for place in kept(sources={"a": part}) if place % 2 == 0} for part in (0.25, 0.5))
    assert (len(quarter), len(half)) == (5, 10)
    assert quarter < half
    assert kept(sources={"a": 0.5}) != kept(1, sources={"a": 0.5})
    assert set(range(1, 40, 2)) <= set(kept(sources={"a": 0.25}))


def test_it_leaves_out_of_what_the_other_strategy_keeps() -> None:
    inner = {"random": {"count": 20, "unscored": "sample"}}
    whole = set(registry.make("strategy", "random", inner["random"], "").select(CANDIDATES, 3).kept.tolist())  # type: ignore[attr-defined]
    selection = reduced(strategy=inner, sources={"a": 0}).select(CANDIDATES, 3)
    assert set(selection.kept.tolist()) == {place for place in whole if place % 2}
    reasons = selection.columns["reason"]
    assert {reasons[place] for place in whole if place % 2 == 0} == {"left out of its source or axis, which is reduced"}


def test_its_identity_holds_the_settings_of_the_other_strategy() -> None:
    first, second = (
        registry.cache_identity(reduced(strategy={"random": {"count": n}}, sources={"a": 0})) for n in (3, 4)
    )
    assert first != second


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "name sources or axes"),
        ({"sources": {"aa": 0}}, r"no preference has the name 'aa'"),
        ({"sources": {"a": 2}}, "less than or equal to 1"),
        ({"sources": {"a": 0, "b": 0}}, "no preference is left"),
    ],
)
def test_wrong_settings(settings: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        reduced(**settings).select(CANDIDATES, 0)
