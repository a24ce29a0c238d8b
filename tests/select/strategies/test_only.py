"""Some sources or objectives alone."""

from typing import Any

import numpy as np
import pytest

from support.hand_made import hand_made
from unipref.core import registry
from unipref.core.contracts import Strategy
from unipref.core.errors import UserError


def only(**settings: Any) -> Strategy:
    found = registry.make("strategy", "only", settings, "select")
    assert isinstance(found, Strategy)
    return found


CANDIDATES = hand_made([0.5] * 4, sources=list("abab"), objectives=["bias", "bias", "help", "help"])


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({"sources": ["a"]}, [0, 2]),
        ({"objectives": ["help"]}, [2, 3]),
        ({"sources": ["b"], "objectives": ["bias"]}, [1]),
        ({"sources": ["a", "b"]}, [0, 1, 2, 3]),
    ],
)
def test_only_the_named_ones_are_kept(settings: Any, kept: list[int]) -> None:
    selection = only(**settings).select(CANDIDATES, 0)
    assert selection.kept.tolist() == kept
    reasons = selection.columns["reason"]
    assert np.flatnonzero(reasons == "of a named source or objective").tolist() == kept
    assert all(reasons)


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(UserError, match="no preference has the name 'hlep'") as caught:
        only(objectives=["hlep"]).select(CANDIDATES, 0)
    assert (caught.value.where, caught.value.mend) == ("select.only.objectives", "Did you mean 'help'?")
    with pytest.raises(UserError, match="name sources or objectives"):
        only()
    lonely = hand_made([0.5] * 2, sources=list("ab"), objectives=["bias", "help"])
    with pytest.raises(UserError, match="has both a named source and a named objective"):
        only(sources=["a"], objectives=["help"]).select(lonely, 0)


def test_the_seed_changes_nothing_and_is_known_not_to() -> None:
    assert only(sources=["a"]).is_seeded is False
    assert registry.find("strategy", "random").is_seeded is True  # type: ignore[attr-defined]
