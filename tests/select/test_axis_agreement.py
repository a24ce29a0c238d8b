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
    """Scores of a / help: 1 3 3 1 (s = 1), a / harm: 0 4 4 0 (s = 2), b / help: 0 10 0 10 (s = 5)."""
    return [
        scored(make, "against in both", help=(1, 3), harm=(4, 0)),  # (-2/1 - 4/2) / 2
        scored(make, "for in both", help=(3, 1), harm=(0, 4)),  # (2 + 2) / 2
        scored(make, "low is better", "b", help=(0, 10)),  # 10 / 5
        scored(make, "high is worse", "b", help=(10, 0)),
        scored(make, "one score", help=(9, None)),
        make("no axes", 0.5),
    ]


@pytest.mark.parametrize("rows_at_once", [1, 4, 100])
def test_gaps_are_in_standard_deviations_of_the_source_and_follow_the_direction(rows, write, rows_at_once):
    found = measure_agreement(write(rows), AXES, rows_at_once)
    assert found == pytest.approx([-2, 2, 2, -2, np.nan, np.nan], nan_ok=True)


def test_an_axis_without_a_direction_or_with_one_value_is_no_evidence(rows, make, write):
    rows += [scored(make, "undeclared", style=(1, 5)), scored(make, "constant", "c", help=(3, 3))]
    axes = AXES | {"c": {"help": Axis()}}
    assert measure_agreement(write(rows), axes, 100)[6:] == pytest.approx([np.nan] * 2, nan_ok=True)
    only_help = measure_agreement(write(rows), {"a": {"help": Axis()}}, 100)
    assert only_help[:4] == pytest.approx([-2, 2, np.nan, np.nan], nan_ok=True)


def test_a_part_of_the_candidates_has_the_same_numbers(rows, write, tmp_path):
    candidates = read_candidates(write(rows), tmp_path, 2, axes=AXES)
    some = np.array([True, False, False, True, True, False])
    assert candidates.subset(some).score(Divergence()) == pytest.approx([-2, -2, np.nan], nan_ok=True)
    assert np.isnan(read_candidates(write(rows), tmp_path, 2).score(Divergence())).all()
