"""Contributions and learning curves of hand-made figures whose values are known."""

import math
from typing import Any

import pytest

from support.verdict_evidence import BASE, evidence, variant
from unipref.analysis.value.contributions import MIXTURE, Valuation, count_agreeing, mixture_without
from unipref.analysis.value.design import QUESTIONS, make_design
from unipref.analysis.value.learning_curve import extrapolate
from unipref.analysis.value.statements import list_assumptions, list_unknowns
from unipref.analysis.verdicts.evidence import Evidence, Model
from unipref.core.run_folder import ValuedPart

REFERENCE = Model("main", "dpo")
DESIGN = make_design({("a", "help"): 300, ("b", "help"): 600, ("c", "bias"): 300}, QUESTIONS, [0.25, 0.5], "main")
VALUES: dict[str, tuple[float, float]] = {
    "main": (0.7, 0.2),
    "value-source-a-0": (0.5, 0.2),
    "value-source-b-0": (0.7, 0.2),
    "value-source-c-0": (0.7, 0.5),
    "value-alone-a": (0.6, 0.5),
    "value-alone-b": (0.3, 0.5),
    "value-alone-c": (0.2, 0.2),
    "value-source-a-0.25": (0.5, 0.2),
    "value-source-a-0.5": (0.6, 0.2),
    "value-source-b-0.25": (0.3, 0.2),
    "value-source-b-0.5": (0.7, 0.2),
    "value-source-c-0.25": (0.7, 0.3),
    "value-source-c-0.5": (0.7, 0.25),
}
MIXTURES = {
    Model(MIXTURE, MIXTURE): (0.6, 0.3),
    mixture_without("a"): (0.4, 0.3),
    mixture_without("b"): (0.6, 0.3),
    mixture_without("c"): (0.6, 0.5),
}


def figures(values: dict[str, tuple[float, float]] = VALUES, seeds: int = 3) -> Evidence:
    places: dict[tuple[str, str], tuple[float, float]] = {
        **BASE,
        **{(name, "dpo"): both for name, both in values.items()},
    }
    return evidence(
        [variant(name, "selected") for name in values], places | {tuple(m): v for m, v in MIXTURES.items()}, seeds
    )  # type: ignore[misc]


def valuation(found: Evidence, **changes: Any) -> Valuation:
    labels = {"a": 400, "b": 600, "c": None}
    return Valuation(found, DESIGN, REFERENCE, **{"seeds": 3, "labels": labels, "asked": 100, **changes})


def parts_of(found: Evidence, **changes: Any) -> dict[str, ValuedPart]:
    return {f"{part.kind} {part.name}": part for part in valuation(found, **changes).value_parts()}


def test_a_contribution_is_the_gain_over_the_model_without_it() -> None:
    parts = parts_of(figures())
    assert parts["source a"].contribution["instruction"].value == pytest.approx(0.2)
    assert parts["source c"].contribution["bias"].value == pytest.approx(0.3)
    assert parts["source a"].contribution["instruction"].has_star
    assert parts["source b"].contribution["instruction"].value == 0
    assert not parts["source b"].contribution["instruction"].has_star
    # Without the axis, only source c is left.
    assert parts["axis help"].contribution["instruction"].value == pytest.approx(0.5)
    assert parts["axis bias"].same_as == "source c"
    assert parts["axis bias"].contribution["bias"].value == parts["source c"].contribution["bias"].value
    assert parts["source a"].alone["instruction"].value == pytest.approx(0.4)


def test_mixtures_are_compared_with_each_other_and_with_joint_training() -> None:
    parts = parts_of(figures())
    assert parts["source a"].in_mixtures["instruction"].value == pytest.approx(0.2)
    assert parts["source c"].in_mixtures["bias"].value == pytest.approx(0.2)
    assert valuation(figures()).compare_mixture()["instruction"].value == pytest.approx(-0.1)
    assert count_agreeing(list(parts.values())) == (2, 2)


def test_more_labels_follow_the_slope_of_the_curve() -> None:
    found = parts_of(figures())["source a"]
    assert (found.preferences, found.labels, found.more) == (100, 400, 25)
    assert [(point.part, point.preferences) for point in found.curve] == [(0.25, 25), (0.5, 50), (1.0, 100)]
    assert found.curve[-1].gains["instruction"].value == pytest.approx(0.2)
    more = found.next_labels["instruction"]
    assert more.per_doubling is not None
    assert more.per_doubling.value == pytest.approx(0.1)
    assert more.bend is not None
    assert more.bend.value == pytest.approx(0.0, abs=1e-9)
    assert more.gain is not None
    assert more.gain.value == pytest.approx(0.1 * math.log2(1.25), abs=1e-6)
    assert more.gain.low is not None
    assert more.gain.high is not None
    assert more.gain.low < more.gain.value < more.gain.high
    assert more.why_none == ""


@pytest.mark.parametrize(
    ("part", "objective", "asked", "why"),
    [
        ("source b", "instruction", 100, "the curve bends"),
        ("source c", "bias", 100, "the number of its labels is unknown"),
        ("source a", "instruction", 4000, r"beyond the measured range: 11.0 times its preferences, at most 4 times"),
    ],
)
def test_where_there_is_no_extrapolation(part: str, objective: str, asked: int, why: str) -> None:
    found = parts_of(figures(), asked=asked)[part].next_labels[objective]
    assert found.gain is None
    assert why in found.why_none


def test_what_was_not_trained_is_missing_and_named() -> None:
    less = {name: both for name, both in VALUES.items() if name not in ("value-source-a-0", "value-source-a-0.5")}
    found = parts_of(figures(less))["source a"]
    assert found.contribution == {}
    assert found.next_labels["instruction"].why_none == "no model of the parts 0.5"


def test_one_seed_shows_nothing_but_has_intervals_over_examples() -> None:
    gain = parts_of(figures(seeds=1), seeds=1)["source a"].contribution["instruction"]
    assert (gain.verdict, gain.p, gain.low is not None) == ("inconclusive", None, True)
    assert "one seed" in list_unknowns(1, has_curve=True)[-1]
    assert "one seed" not in "".join(list_unknowns(2, has_curve=True))


def test_a_sum_of_three_models_has_the_variance_between_seeds_of_its_differences() -> None:
    """If all pairs of variants have the same spread, that of a sum follows from its weights."""
    pools = figures().pools
    weights = (("value-source-a-0.25", "dpo"), 1.0), (("value-source-a-0.5", "dpo"), -2.0), (("main", "dpo"), 1.0)
    pair = pools.of_sum("instruction", ((weights[0][0], 1.0), (weights[2][0], -1.0)))
    found = pools.of_sum("instruction", weights)
    assert found is not None
    assert pair is not None
    assert found.pooled == pytest.approx(3 * pair.pooled)
    # Seeds move all these figures alike: differences have no variance, and a sum of weights 4 that of 4 such moves.
    turned = pools.of_sum("instruction", tuple((model, abs(weight)) for model, weight in weights))
    alone = pools.of_sum("instruction", weights[2:])
    assert turned is not None
    assert alone is not None
    assert turned.pooled == pytest.approx(16 * alone.pooled, rel=0.05)
    with pytest.raises(ValueError, match="different variants"):
        pools.of_sum("instruction", (*weights[:2], weights[0]))


def test_two_parts_have_no_bend_and_one_has_no_slope() -> None:
    found = figures()
    models = {0.5: Model("value-source-a-0.5", "dpo"), 1.0: REFERENCE}
    assert extrapolate(found, "instruction", models, 100, 50).bend is None
    assert extrapolate(found, "instruction", {1.0: REFERENCE}, 100, 50).why_none == "no part of it was trained on"


def test_the_smallest_contribution_that_can_be_shown() -> None:
    smallest = valuation(figures()).find_smallest()
    assert smallest.keys() == {"instruction", "bias"}
    assert 0 < smallest["instruction"] < 0.2


def test_what_it_rests_on_is_said() -> None:
    text = " ".join(list_assumptions("x", steps=True, mixtures=(2, 3), smallest_part=0.25, labels=1000))
    assert "same number of optimiser steps" in text
    assert "2 of 3 have the same sign" in text
    none_shown = " ".join(list_assumptions("x", steps=True, mixtures=(0, 0), smallest_part=None, labels=1000))
    assert "no contribution has a p of at most .05" in none_shown
    assert "0 of 0" not in none_shown
    assert "next 1,000 labels is an extrapolation" in text
    text = " ".join(list_assumptions("x", steps=False, mixtures=None, smallest_part=None, labels=1000))
    assert "same number of epochs" in text
    assert "extrapolation" not in text
