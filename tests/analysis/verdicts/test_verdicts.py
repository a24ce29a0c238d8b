"""Verdicts on hand-made scores whose answer is known, the front and the hypervolume by hand."""

from typing import Any

import numpy as np
import pytest

from support.run_records import manifest_from
from support.verdict_evidence import BASE, GOOD, MANIFEST, SIDES, STEPS, VARIANTS, N, evidence, variant, verdicts_of
from unipref.analysis.verdicts import judge
from unipref.analysis.verdicts.claims import judge_claims
from unipref.analysis.verdicts.evidence import BASE_MODEL, Evidence, Measured, Model
from unipref.analysis.verdicts.failure_signs import find_failure_signs
from unipref.core.run_folder import Manifest
from unipref.core.stats.pareto import contributions, find_efficient_points, hypervolume
from unipref.core.stats.statistic import mean


def test_all_three_claims_are_shown_where_they_hold() -> None:
    found = judge_claims(evidence(VARIANTS, GOOD))
    assert [claim.verdict for claim in found] == ["shown", "shown", "shown"]
    # Followed from 0.2 to 0.7 is a gain of 0.5; a bias from 0.5 to 0.2 one of 0.3.
    gains = found[0].gains["main after dpo - base"]
    assert gains["instruction"].value == pytest.approx(0.5, abs=0.003)
    assert gains["bias"].value == pytest.approx(0.3, abs=0.003)
    assert (gains["bias"].seeds, gains["bias"].n) == (3, N)
    assert "it matches all data and beats them" in found[1].why
    assert "It is clearly better than a random part of its size" in found[1].why
    assert found[2].gains.keys() == {"main after dpo - sft"}


@pytest.mark.parametrize(
    ("changes", "verdict", "why"),
    [
        ({("main", "dpo"): (0.1, 0.2)}, "refuted", "clearly worse on instruction"),
        ({("source-a", "dpo"): (0.6, 0.3)}, "refuted", "from one source: source-a after dpo"),
        ({("main", "dpo"): (0.2, 0.2)}, "not shown", "not clearly better on instruction"),
        # One source follows instructions as well, and guesses where bias is measured: ahead of it on nothing.
        ({("source-a", "dpo"): (0.7, None)}, "not shown", "not clearly ahead of source-a"),
        ({("main", "dpo"): (0.7, None)}, "not shown", "main after dpo guesses, so its bias"),
        (
            {("main", "dpo"): (0.7, None), ("base", "base"): (0.2, None)},
            "not shown",
            "main after dpo and base guess, so their bias is meaningless",
        ),
    ],
)
def test_combined_feedback_that_does_not_do_what_is_claimed(changes: Any, verdict: str, why: str) -> None:
    claim = judge_claims(evidence(VARIANTS, GOOD | changes))[0]
    assert (claim.verdict, why in claim.sentence) == (verdict, True), claim.sentence


def test_a_source_that_is_trained_otherwise_is_not_compared_and_is_named() -> None:
    apart = variant("source-c", "alone", 50, alone=("source", "c"), settings_hash="other", steps=(STEPS[0],))
    claim = judge_claims(evidence([*VARIANTS, apart], GOOD))[0]
    assert claim.verdict == "shown"
    assert "Not compared, because their training differs: source-c." in claim.why


def test_a_part_that_loses_more_than_the_margin_refutes_and_one_within_it_does_not() -> None:
    assert verdicts_of(evidence(VARIANTS, GOOD | {("selected-0.4", "dpo"): (0.5, 0.2)}))[1] == "refuted"
    # 0.7 against 0.69: 2 of 200 examples in each seed, so the interval reaches below -0.02.
    near = judge_claims(evidence(VARIANTS, GOOD | {("selected-0.4", "dpo"): (0.69, 0.2)}))[1]
    assert (near.verdict, near.gains["selected-0.4 after dpo - main after dpo"]["instruction"].low < -0.02) == (
        "not shown",
        True,
    )
    assert verdicts_of(evidence([a for a in VARIANTS if a.kind != "selected"], GOOD))[1] == "not shown"


def test_a_step_after_sft_that_only_costs_refutes() -> None:
    assert verdicts_of(evidence(VARIANTS, GOOD | {("main", "dpo"): (0.3, 0.3)}))[2] == "refuted"
    # Bought: better on one side, clearly worse on the other.
    assert verdicts_of(evidence(VARIANTS, GOOD | {("main", "dpo"): (0.3, 0.1)}))[2] == "not shown"
    only_sft = [variant("main", "full", steps=STEPS[:1])]
    claim = judge_claims(evidence(only_sft, BASE | {("main", "sft"): (0.5, 0.3)}))[2]
    assert (claim.verdict, "no step of RL or DPO" in claim.why) == ("not shown", True)


def test_one_seed_claims_nothing_and_says_so() -> None:
    found = judge_claims(evidence(VARIANTS, GOOD, seeds=1))
    assert [claim.verdict for claim in found] == ["not shown"] * 3
    assert all("One seed shows nothing" in claim.why for claim in found)
    bought = find_failure_signs(Manifest(), evidence(VARIANTS, BASE | {("main", "dpo"): (0.6, 0.8)}, seeds=1))[2]
    assert (bought.name, bought.occurrences) == ("one objective bought with the other", [])


def test_seeds_that_disagree_show_nothing() -> None:
    """Gains of -0.4, 0.3 and 0.4: the mean is 0.1, and the interval of t with 2 degrees of freedom is wide."""
    units = [str(i) for i in range(N)]
    shares = {seed: mean("followed", units, np.arange(N) < k, ideal=1.0) for seed, k in enumerate((20, 160, 180))}
    base = {None: mean("followed", units, np.arange(N) < 100, ideal=1.0)}
    models = {BASE_MODEL: Measured(base), Model("main", "dpo"): Measured(shares)}
    found = Evidence({"instruction": SIDES["instruction"]}, {"instruction": models}, {"main": VARIANTS[0]})
    gain = found.compute_gain("instruction", Model("main", "dpo"), BASE_MODEL)
    assert gain is not None
    assert gain.value == pytest.approx(0.1)
    assert gain.low < -0.5
    assert not gain.is_better
    assert found.compute_figure("instruction", Model("main", "dpo")).value == pytest.approx(0.6)  # type: ignore[union-attr]


def test_models_are_paired_over_the_units_that_both_have() -> None:
    first = mean("followed", ["a", "b", "c"], [1, 0, 1], ideal=1.0)
    second = mean("followed", ["c", "a", "d"], [0, 1, 1], ideal=1.0)
    models = {BASE_MODEL: Measured({None: second}), Model("main", "sft"): Measured({0: first, 1: first})}
    gain = Evidence({"instruction": SIDES["instruction"]}, {"instruction": models}, {}).compute_gain(
        "instruction", Model("main", "sft"), BASE_MODEL
    )
    assert gain is not None
    # Units a and c: (1 + 1) / 2 against (1 + 0) / 2.
    assert (gain.value, gain.n, gain.seeds) == (0.5, 2, 2)


def test_front_and_hypervolume_by_hand() -> None:
    points = [(3.0, 1.0), (2.0, 2.0), (1.0, 3.0), (1.0, 1.0), (2.0, 2.0)]
    assert find_efficient_points(points) == [True, True, True, False, True]
    # From (0, 0): columns of width 1 and heights 3, 2 and 1.
    assert hypervolume(points, (0.0, 0.0)) == 6.0
    assert hypervolume([(3.0, 1.0), (-1.0, 9.0)], (1.0, 0.5)) == 2 * 0.5
    assert hypervolume([], (0.0, 0.0)) == 0.0
    # Without (3, 1) the column from 2 to 3, of height 1, is gone; one of two equal points is never missed.
    assert contributions(points, (0.0, 0.0)) == [1.0, 0.0, 1.0, 0.0, 0.0]


def test_the_front_is_measured_from_the_base_model_unless_it_guesses() -> None:
    verdicts = judge(evidence(VARIANTS, GOOD), Manifest())
    front = verdicts.front
    assert front is not None
    assert front.measured_from == "the base model"
    # From (0.2, -0.5): the selected part is best on both, 0.6 by 0.3.
    assert front.models == ["selected-0.4 after dpo"]
    assert front.hypervolume == pytest.approx(0.6 * 0.3, abs=0.002)
    by_place = {(model.variant, model.step): model for model in verdicts.models}
    assert by_place["selected-0.4", "dpo"].gains.keys() == {"base", "full", "random"}
    assert by_place["source-a", "dpo"].gains.keys() == {"base", "full"}
    figure = by_place["main", "dpo"].figures["bias"]
    assert figure is not None
    assert figure.skill == 0.8
    guessing = judge(evidence(VARIANTS, GOOD | {("base", "base"): (0.2, None)}), Manifest()).front
    assert guessing is not None
    assert guessing.measured_from.startswith("the worst value")
    assert guessing.left_out == ["base"]


def test_each_signature_is_found_by_its_threshold() -> None:
    values = BASE | {("main", "sft"): (0.5, 0.3), ("main", "dpo"): (0.6, 0.8)}
    signs = find_failure_signs(manifest_from(MANIFEST), evidence(VARIANTS, values))
    found = {sign.name: sign.occurrences for sign in signs}
    assert found == {
        "conversion in doubt": ["a: 8 of 17"],
        "over-aggressive filtering": ["main, seed 0: source 'b' is gone"],
        "one objective bought with the other": ["main after dpo: better on instruction, worse on bias"],
        # 1 of 50 is below 5 %, 3 of 50 is not.
        "sources that hardly overlap": ["1 of 50 prompt clusters hold prompts of two sources or more"],
        "training collapse": ["main, seed 0, dpo: the loss is no number"],
    }
    assert not any(one.occurrences for one in find_failure_signs(Manifest(), evidence(VARIANTS, GOOD)))
