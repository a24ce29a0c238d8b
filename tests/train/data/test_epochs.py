"""The order of a run: shares, weights, length groups. Every expected number is worked out beside it."""

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest

from unipref.core.errors import UserError
from unipref.train.data.epochs import WINDOW, Mix, RowOrder, compute_row_weights
from unipref.train.data.row_usage import RowFacts, describe_rare_numbers


def facts(*parts: tuple[str, int], length: Any = None, confidence: Any = None, margin: Any = None) -> RowFacts:
    """Rows of sources of the given sizes, one source after the other."""
    rows, row = RowFacts(), 0
    for source, size in parts:
        for _ in range(size):
            rows.add(
                {
                    "source": source,
                    "objective": "bias" if source == "a" else "instruction",
                    "margin": margin[row] if margin else None,
                    "margin_percentile": None,
                    "confidence": confidence[row] if confidence else None,
                },
                length[row] if length is not None else 10,
            )
            row += 1
    return rows


def counts(order: Any, row_facts: RowFacts) -> dict[str, int]:
    names = list(row_facts.names["source"])
    return dict(Counter(names[row_facts.sources[row]] for row in order))


def row_order(**changes: Any) -> RowOrder:
    return RowOrder(**({"sampling": "random", "mix": None, "weigh_by": None, "batch": 4} | changes))


def test_without_anything_each_epoch_has_each_row_once_and_another_order() -> None:
    order = row_order().order(facts(("a", 7), ("b", 5)), 24, seed=0)
    assert sorted(order[:12]) == sorted(order[12:]) == list(range(12))
    assert list(order[:12]) != list(order[12:])


def test_the_order_follows_from_the_seed() -> None:
    row_facts = facts(("a", 7), ("b", 5))
    first, again, other = (row_order(mix=Mix(temperature=2)).order(row_facts, 30, seed) for seed in (1, 1, 2))
    assert list(first) == list(again) != list(other)


def test_shares_of_sources() -> None:
    row_facts = facts(("a", 80), ("b", 20))
    # 100 rows an epoch, shares 1 : 1 -> 50 of each; of 'b' each of the 20 rows two or three times.
    order = row_order(mix=Mix(shares={"a": 2, "b": 2})).order(row_facts, 100, seed=0)
    assert counts(order, row_facts) == {"a": 50, "b": 50}
    repeats = Counter(row for row in order.tolist() if row >= 80)
    assert set(repeats.values()) == {2, 3}
    assert len(repeats) == 20


def test_a_large_part_gets_all_its_turns_over_the_epochs() -> None:
    row_facts = facts(("a", 80), ("b", 20))
    order = row_order(mix=Mix(shares={"a": 0.4, "b": 0.6})).order(row_facts, 200, seed=0)
    # 40 of 'a' in each epoch of 100: two epochs are 80 different rows.
    assert sorted(row for row in order.tolist() if row < 80) == list(range(80))


def test_temperature_evens_out_the_sizes() -> None:
    # Sizes 64 and 16 at T = 2: 8 : 4, so 80 rows are 53.33 and 26.67 -> 53 and 27 by largest remainder.
    row_facts = facts(("a", 64), ("b", 16))
    assert counts(row_order(mix=Mix(temperature=2)).order(row_facts, 80, seed=0), row_facts) == {"a": 53, "b": 27}
    assert counts(row_order(mix=Mix(temperature=1)).order(row_facts, 80, seed=0), row_facts) == {"a": 64, "b": 16}


def test_objectives_are_mixed_as_sources_are() -> None:
    row_facts = facts(("a", 10), ("b", 20), ("c", 10))
    order = row_order(mix=Mix(by="objective", shares={"bias": 3, "instruction": 1})).order(row_facts, 40, seed=0)
    rows = counts(order, row_facts)
    assert rows["a"] == 30
    assert rows["b"] + rows["c"] == 10


def test_a_share_of_nought_leaves_a_source_out() -> None:
    row_facts = facts(("a", 10), ("b", 20))
    assert counts(row_order(mix=Mix(shares={"a": 1, "b": 0})).order(row_facts, 30, seed=0), row_facts) == {"a": 30}


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"a": 1}, "the source 'b' has no share"),
        ({"a": 1, "b": 1, "bb": 1}, "no rows are left of the source 'bb'.*Did you mean 'b'"),
    ],
)
def test_shares_that_do_not_fit_the_data_are_the_users_to_mend(shares: dict[str, float], message: str) -> None:
    with pytest.raises(UserError, match=f"(?s){message}"):
        row_order(mix=Mix(shares=shares)).order(facts(("a", 2), ("b", 2)), 4, seed=0)


@pytest.mark.parametrize("settings", [{}, {"shares": {"a": 1}, "temperature": 2}, {"shares": {"a": 0}}])
def test_a_mix_says_one_thing(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="shares"):
        Mix(**settings)


def test_rows_without_a_confidence_weigh_as_the_mean_of_the_others() -> None:
    row_facts = facts(("a", 4), confidence=[1.0, 0.5, None, None])
    assert compute_row_weights(row_facts, "confidence").tolist() == [1.0, 0.5, 0.75, 0.75]  # type: ignore[union-attr]
    assert row_facts.count_known("confidence") == {"known": 2, "missing": 2}
    with pytest.raises(UserError, match="no row has a margin to weight by"):
        compute_row_weights(row_facts, "margin")


def test_a_step_warns_of_numbers_that_few_rows_have() -> None:
    counts = facts(("a", 20), confidence=[0.5] + 19 * [None]).count_known("confidence")
    numbers = {"weights": {"by": "confidence", **counts}, "soft_labels": {"known": 2, "missing": 18}}
    assert describe_rare_numbers(numbers) == [
        "weigh_by: only 1 of 20 rows have the number that it uses",
        "soft_labels: 18 of 20 pairs have no confidence; they count as missing_confidence says",
    ]


def test_a_row_that_the_judgements_overrule_weighs_nothing() -> None:
    row_facts = facts(("a", 3), ("b", 1), margin=[1.5, 0.5, -0.8, None])
    # The mean of 1.5, 0.5 and 0 for the row without one.
    assert compute_row_weights(row_facts, "margin").tolist() == pytest.approx([1.5, 0.5, 0, 2 / 3])  # type: ignore[union-attr]
    order = row_order(weigh_by="margin").order(row_facts, 400, seed=0)
    assert 2 not in order
    for overruled in ([-1.5, -0.2, None, -3.0], [0.0, -1.0, 0.0, None]):
        with pytest.raises(UserError, match="no row has a margin above 0, so none can be drawn"):
            compute_row_weights(facts(("a", 4), margin=overruled), "margin")
    negative = facts(("a", 2), ("b", 2), margin=[1.0, 1.0, -1.0, -2.0])
    with pytest.raises(UserError, match="all 2 rows of a part of the mix have a margin of 0 or less"):
        row_order(weigh_by="margin", mix=Mix(shares={"a": 1, "b": 1})).order(negative, 4, seed=0)
    row_order(weigh_by="margin", mix=Mix(shares={"a": 1, "b": 0})).order(negative, 4, seed=0)


def test_drawing_by_weight_is_weighing_the_loss() -> None:
    weights = [1.0, 0.9, 0.6, 0.5]
    row_facts = facts(("a", 4), confidence=weights)
    losses = np.array([4.0, 3.0, 2.0, 1.0])
    order = row_order(weigh_by="confidence").order(row_facts, 4 * 3000, seed=0)
    for epoch in order.reshape(3000, 4)[:200]:
        for row, weight in enumerate(weights):
            # An epoch of 4 rows, weights summing to 3: row 0 comes 4/3 times, so once or twice.
            due = 4 * weight / 3.0
            assert (epoch == row).sum() in (math.floor(due), math.ceil(due))
    # (4 + 2.7 + 1.2 + .5) / 3 = 2.8
    assert losses[order].mean() == pytest.approx(2.8, abs=0.01)


def test_rows_of_similar_length_share_a_pass_and_the_longest_comes_first() -> None:
    random = np.random.default_rng(5)
    lengths = random.integers(5, 500, 1000).tolist()
    row_facts = facts(("a", 1000), length=lengths)
    grouped = row_order(sampling="group_by_length").order(row_facts, 1000, seed=0)
    shuffled = row_order().order(row_facts, 1000, seed=0)
    assert sorted(grouped) == list(range(1000))
    assert max(lengths[row] for row in grouped[:4]) == max(lengths)

    def padded(order: Any) -> int:
        return sum(max(lengths[row] for row in rows) * len(rows) for rows in order.reshape(-1, 4).tolist())

    assert sum(lengths) <= padded(grouped) < 1.05 * sum(lengths)
    assert padded(shuffled) > 1.5 * sum(lengths)
    # The passes themselves are in no order of length: neighbours are as often shorter as longer.
    means = [np.mean([lengths[row] for row in rows]) for rows in grouped.reshape(-1, 4)]
    rises = np.mean(np.diff(means) > 0)
    assert 0.4 < rises < 0.6


def test_what_fills_no_pass_goes_over_to_the_next_epoch_and_at_last_to_the_end() -> None:
    row_facts = facts(("a", 6), length=[1, 2, 3, 4, 5, 6])
    order = row_order(sampling="group_by_length").order(row_facts, 12, seed=0)
    # Epoch one: the four longest; the two shortest go over. Epoch two has eight rows: two passes.
    assert sorted(order[:4]) == [2, 3, 4, 5]
    assert sorted(order[4:]) == [0, 0, 1, 1, 2, 3, 4, 5]
    # Seven rows and no further epoch: the three that fill no pass are the last.
    order = row_order(sampling="group_by_length").order(facts(("a", 7), length=[7, 6, 5, 4, 3, 2, 1]), 7, seed=0)
    assert sorted(order[4:]) == [4, 5, 6]


def test_with_windows_of_a_few_passes_the_left_over_is_of_the_last() -> None:
    rows = 4 * WINDOW + 6
    order = row_order(sampling="group_by_length").order(facts(("a", rows), length=list(range(rows))), rows, seed=0)
    assert sorted(order) == list(range(rows))


def test_in_the_order_of_the_file() -> None:
    assert row_order(sampling="sequential").order(facts(("a", 5)), 8, seed=0).tolist() == [0, 1, 2, 3, 4, 0, 1, 2]
