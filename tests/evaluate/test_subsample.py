"""Which items a limit keeps, and the note about it."""

from unipref.evaluate.subsample import apply_limit, sampling_notes


def test_the_items_are_evenly_spread_and_the_rest_is_reported() -> None:
    # 0, 4.5 and 9 of ten, rounded to even.
    assert apply_limit("abcdefghij", 3, "letters") == (
        ["a", "e", "j"],
        ["only 3 of 10 letters were sampled (limit: 3)."],
    )


def test_no_note_without_a_limit() -> None:
    for limit in (None, 3, 4):
        assert apply_limit("abc", limit, "letters") == (["a", "b", "c"], [])
    assert sampling_notes(3, 3, "letters", 5) == []


def test_the_note_includes_the_sampling_method() -> None:
    (note,) = sampling_notes(1, 2, "items", 1, ", in sets of 4")
    assert note == "only 1 of 2 items were sampled (limit: 1), in sets of 4."
