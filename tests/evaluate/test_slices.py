"""Slices of a benchmark, by hand."""

from unipref.evaluate.slices import group_by_value, slice_examples


def test_parts_are_in_order_of_names_and_a_single_value_gives_none() -> None:
    rows = [{"who": "nurse", "type": 1}, {"who": "baker", "type": 1}, {"who": "nurse", "type": 1}]
    assert group_by_value([row["who"] for row in rows], "occupation") == {
        "occupation:baker": [1],
        "occupation:nurse": [0, 2],
    }
    assert group_by_value([1, 1], "type") == group_by_value([], "type") == {}
    assert list(slice_examples(rows, "type", "who")) == ["all", "who:baker", "who:nurse"]
    assert slice_examples(rows, "who")["who:nurse"] == [rows[0], rows[2]]
