"""Rows that come one by one and in tables keep their order."""

import gc
import random

import pyarrow as pa
import pytest

from unipref.unify.garbage import NEW_OBJECTS, collect_rarely
from unipref.unify.interleaved import InterleavedRows


@pytest.mark.parametrize("seed", range(5))
def test_rows_come_in_the_order_in_which_they_were_added(seed: int) -> None:
    rng, number, expected = random.Random(seed), 0, []
    rows = InterleavedRows[dict[str, int]](pa.Table.from_pylist)
    for _ in range(20):
        added = [{"n": number + place} for place in range(rng.randint(0, 4))]
        number += len(added)
        expected += added
        if rng.random() < 0.5:
            rows.add_rows(added)
        else:
            rows.add_table(pa.Table.from_pylist(added, pa.schema([("n", pa.int64())])))
    assert len(rows) == len(expected)
    assert rows.take().to_pylist() == expected
    assert len(rows) == 0


def test_circles_are_looked_for_less_often_for_a_while() -> None:
    usual = gc.get_threshold()
    with collect_rarely():
        assert gc.get_threshold()[0] == max(NEW_OBJECTS, usual[0])
    assert gc.get_threshold() == usual
