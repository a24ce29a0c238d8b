"""Selection by confidence on one scale: threshold, limit, ties, and what is not known."""

from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from support.hand_made import hand_made
from unipref.core import registry
from unipref.core.errors import UserError
from unipref.select import choose
from unipref.select.strategies.confident import BEYOND, KEPT, UNKNOWN, UNKNOWN_KEPT, UNSURE, Confident

CONFIDENCES = [0.95, 0.6, np.nan, 0.99, 0.9, 0.95]
SOURCES = ["a", "a", "a", "b", "b", "b"]


def given(**changes: Any) -> Any:
    return hand_made([0.5] * 6, confidences=CONFIDENCES, sources=SOURCES, ids=list("fedcba"), **changes)


def test_the_threshold_and_the_limit_are_on_one_scale():
    everything = Confident().select(given(), 0)
    assert everything.kept.tolist() == [0, 3, 4, 5]
    assert everything.columns["reason"].tolist() == [KEPT, UNSURE, UNKNOWN, KEPT, KEPT, KEPT]
    # Half of six: .99 and both .95, of whichever source; a third: of the two .95, that with the lower id.
    assert Confident(fraction=0.5).select(given(), 0).kept.tolist() == [0, 3, 5]
    third = Confident(count=2).select(given(), 0)
    assert third.kept.tolist() == [3, 5]
    assert third.columns["reason"].tolist() == [BEYOND, UNSURE, UNKNOWN, KEPT, BEYOND, KEPT]
    assert third.columns["rank"].tolist() == [3, -1, -1, 1, 4, 2]
    assert third.columns["cell_size"].tolist() == [4, -1, -1, 4, 4, 4]
    assert third.columns["cell_kept"].tolist() == [2, -1, -1, 2, 2, 2]
    assert Confident(at_least=0, fraction=1.0).select(given(), 0).kept.tolist() == [0, 1, 3, 4, 5]


def test_what_is_not_known_is_counted_by_source():
    (note,) = Confident().select(given(), 0).notes
    assert note == "the confidence of 1 preferences is not known; they are left out (a: 1 of 3)"
    keeping = Confident(unknown="keep", count=2).select(given(), 0)
    assert keeping.kept.tolist() == [2, 3]
    assert keeping.columns["reason"][2] == UNKNOWN_KEPT
    assert keeping.notes[0].endswith("they are kept (a: 1 of 3)")
    with pytest.raises(UserError, match="2 preferences of unknown confidence, which are all kept, exceed"):
        Confident(unknown="keep", count=1).select(hand_made([0.5] * 3, confidences=[np.nan, np.nan, 1.0]), 0)


def test_a_threshold_that_nothing_reaches_is_the_users_to_mend():
    with pytest.raises(UserError, match=r"no preference has a confidence of at least 1 \(1 of 6 have none") as caught:
        Confident(at_least=1.0).select(given(), 0)
    assert caught.value.where == "select.confident.at_least"
    assert Confident().select(hand_made([]), 0).kept.tolist() == []


def test_row_order_does_not_matter():
    order = np.random.default_rng(0).permutation(6)
    turned = hand_made(
        [0.5] * 6,
        confidences=np.array(CONFIDENCES)[order],
        sources=np.array(SOURCES)[order],
        ids=np.array(list("fedcba"))[order],
    )
    for settings in ({"count": 2}, {"fraction": 0.5}, {"at_least": 0.5}):
        strategy = Confident(**settings)
        kept, other = (set(c.ids[strategy.select(c, 0).kept].tolist()) for c in (given(), turned))
        assert kept == other


def test_two_limits_are_refused():
    with pytest.raises(UserError, match="fraction and count are two limits"):
        registry.make("strategy", "confident", {"fraction": 0.1, "count": 3}, "select")


def test_decisions_say_why(make: Any, write: Any, tmp_path: Any) -> None:
    rows = [make(f"bread oven {i}", 0.5, confidence=None if i == 0 else i / 10) for i in range(10)]
    summary = choose(Confident(at_least=0.7, count=2), write(rows), tmp_path, 0, tmp_path / "cache")
    table = pq.read_table(tmp_path / "decisions.parquet").to_pylist()
    assert summary["kept"] == 2
    assert [row["kept"] for row in table] == [False] * 8 + [True] * 2
    assert table[7]["reason"] == BEYOND
    assert table[0]["reason"] == UNKNOWN
    assert table[0]["confidence"] is None
    assert table[8]["confidence"] == pytest.approx(0.8)
    assert summary["notes"]
