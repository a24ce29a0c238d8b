"""How far further axes agree with the label, in numbers worked out by hand."""

import numpy as np
import pytest

from unipref.core.records import Axis
from unipref.select.axis_agreement import measure_agreement
from unipref.select.candidates import read_candidates
from unipref.select.scorers.divergence import Divergence

AXES = {"a": {"help": Axis(), "harm": Axis(better="low")}, "b": {"help": Axis(better="low")}}


def scored(make, text, source="a", **axes):
    pairs = [{"axis": name, "chosen": c, "rejected": r} for name, (c, r) in axes.items()]
    return make(text, 0.5, source, axes=pairs)


@pytest.fixture
def rows(make):
    """Absolute gaps of a / help: 2 2 (q = 2), a / harm: 4 4 (q = 4), b / help: 10 10 (q = 10)."""
    return [
        scored(make, "against in both", help=(1, 3), harm=(4, 0)),  # -2/2 - 4/4
        scored(make, "for in both", help=(3, 1), harm=(0, 4)),  # 1 + 1
        scored(make, "low is better", "b", help=(0, 10)),  # 10/10
        scored(make, "high is worse", "b", help=(10, 0)),
        scored(make, "one score", help=(9, None)),
        make("no axes", 0.5),
    ]


@pytest.mark.parametrize("rows_at_once", [1, 4, 100])
def test_gaps_are_in_quantiles_of_the_source_and_follow_the_direction(rows, write, rows_at_once):
    found = measure_agreement(write(rows), AXES, rows_at_once)
    assert found == pytest.approx([-2, 2, 1, -1, np.nan, np.nan], nan_ok=True)


def test_an_axis_without_a_direction_or_with_one_value_is_no_evidence(rows, make, write):
    rows += [scored(make, "undeclared", style=(1, 5)), scored(make, "constant", "c", help=(3, 3))]
    axes = AXES | {"c": {"help": Axis()}}
    assert measure_agreement(write(rows), axes, 100)[6:] == pytest.approx([np.nan] * 2, nan_ok=True)
    only_help = measure_agreement(write(rows), {"a": {"help": Axis()}}, 100)
    assert only_help[:4] == pytest.approx([-1, 1, np.nan, np.nan], nan_ok=True)


def test_a_part_of_the_candidates_has_the_same_numbers(rows, write, tmp_path):
    candidates = read_candidates(write(rows), tmp_path, 2, axes=AXES)
    some = np.array([True, False, False, True, True, False])
    assert candidates.subset(some).score(Divergence()) == pytest.approx([-2, -1, np.nan], nan_ok=True)
    assert np.isnan(read_candidates(write(rows), tmp_path, 2).score(Divergence())).all()


def test_the_divergence_is_the_published_sum(make, write):
    """Minus the published divergence, recomputed naively: the sum over the other aspects of the clipped quotient of
    the gap and the 0.9 quantile of the absolute gaps.
    """
    dice = np.random.default_rng(5)
    scores = dice.integers(0, 11, (40, 3, 2)).astype(float)
    names = ("clear", "honest", "harm")
    written = [
        scored(make, f"row {i}", **{name: tuple(scores[i, k]) for k, name in enumerate(names)}) for i in range(40)
    ]
    axes = {"a": {"clear": Axis(), "honest": Axis(), "harm": Axis(better="low")}}
    expected = []
    for i in range(40):
        divergence = 0.0
        for k, sign in enumerate((1, 1, -1)):
            sizes = sorted(abs(scores[j, k, 0] - scores[j, k, 1]) for j in range(40))
            # The 0.9 quantile of 40 values lies a tenth of the way from the 36th to the 37th.
            quantile = sizes[35] + 0.1 * (sizes[36] - sizes[35])
            divergence -= max(-1.0, min(1.0, sign * (scores[i, k, 0] - scores[i, k, 1]) / quantile))
        expected.append(-divergence)
    assert measure_agreement(write(written), axes, 7) == pytest.approx(expected)


def test_with_nine_ties_of_ten_the_largest_gap_is_the_scale(make, write):
    rows = [scored(make, f"tie {i}", help=(3, 3)) for i in range(30)] + [scored(make, "one", help=(5, 1))]
    found = measure_agreement(write([*rows, scored(make, "half", help=(1, 3))]), {"a": {"help": Axis()}}, 100)
    assert found[-3:] == pytest.approx([0, 1, -0.5])
