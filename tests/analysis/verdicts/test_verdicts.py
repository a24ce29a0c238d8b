"""Verdicts on hand-made scores whose answer is known, the front and the hypervolume by hand."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from support.run_records import manifest_from
from support.verdict_evidence import BASE, GOOD, MANIFEST, SIDES, STEPS, VARIANTS, N, evidence, variant, verdicts_of
from unipref.analysis.verdicts import judge
from unipref.analysis.verdicts.claims import judge_claims
from unipref.analysis.verdicts.evidence import BASE_MODEL, Evidence, Measured, Model, Side
from unipref.analysis.verdicts.failure_signs import find_failure_signs
from unipref.analysis.verdicts.seed_pools import Arm, SeedPools
from unipref.core.run_folder import Manifest
from unipref.core.stats.pareto import contributions, find_efficient_points, hypervolume
from unipref.core.stats.statistic import Statistic, mean


def test_all_three_claims_are_shown_where_they_hold() -> None:
    found = judge_claims(evidence(VARIANTS, GOOD))
    assert [claim.verdict for claim in found] == ["shown", "shown", "shown"]
    # Followed from 0.2 to 0.7 is a gain of 0.5; a bias from 0.5 to 0.2 one of 0.3.
    gains = found[0].gains["main after dpo - base"]
    assert gains["instruction"].value == pytest.approx(0.5, abs=0.003)
    assert gains["bias"].value == pytest.approx(0.3, abs=0.003)
    assert (gains["bias"].seeds, gains["bias"].n) == (3, N)
    assert "retains 90% of all data's gain, and beats them on a side" in found[1].why
    assert "It is better than a random part of its size" in found[1].why
    assert found[2].gains.keys() == {"main after dpo - sft"}


@pytest.mark.parametrize(
    ("changes", "verdict", "why"),
    [
        ({("main", "dpo"): (0.1, 0.2)}, "refuted", "gains less than the effect on instruction"),
        ({("main", "dpo"): (0.2, 0.2)}, "refuted", "gains less than the effect on instruction"),
        ({("source-a", "dpo"): (0.6, 0.3)}, "refuted", "from one source: source-a after dpo"),
        # A gain of 0.03 leaks into bias: less than the effect, so it does not refute.
        ({("source-a", "dpo"): (0.7, 0.47)}, "shown", "ahead of each source alone"),
        # 0.06 is enough, 0.04 is not; 200 examples cannot tell it from 0.05.
        ({("main", "dpo"): (0.26, 0.2)}, "shown", "ahead of each source alone"),
        ({("main", "dpo"): (0.24, 0.2)}, "not shown", "does not clearly gain on instruction"),
    ],
)
def test_combined_feedback_that_does_not_do_what_is_claimed(changes: Any, verdict: str, why: str) -> None:
    claim = judge_claims(evidence(VARIANTS, GOOD | changes))[0]
    assert (claim.verdict, why in claim.sentence) == (verdict, True), claim.sentence


def test_combined_is_all_data_and_never_the_study_as_written() -> None:
    random_main = [variant("main", "random", 40), *VARIANTS[1:]]
    claims = judge_claims(evidence(random_main, GOOD))
    assert [claim.verdict for claim in claims] == ["not shown"] * 3
    assert "No policy is trained on all data" in claims[0].why
    full = variant("everything", "full")
    values = GOOD | {("everything", "sft"): (0.5, 0.3), ("everything", "dpo"): (0.7, 0.2), ("main", "dpo"): (0.2, 0.5)}
    claim = judge_claims(evidence([*random_main, full], values))[0]
    assert (claim.verdict, "everything after dpo against the base model" in claim.why) == ("shown", True)


def test_a_model_at_chance_keeps_its_bias() -> None:
    """A two-way accuracy of a half does not make a bias zero: the gain counts, and the skill stands beside it."""
    found = evidence(VARIANTS, GOOD)
    measured = found.measured["bias"][Model("main", "dpo")]
    guessing = Evidence(
        SIDES,
        {
            **found.measured,
            "bias": {**found.measured["bias"], Model("main", "dpo"): Measured(measured.by_seed, 3, 0.5)},
        },
        found.variants,
    )
    assert verdicts_of(guessing) == verdicts_of(found)
    figure = guessing.compute_figure("bias", Model("main", "dpo"))
    assert figure is not None
    assert (figure.at_chance, figure.skill) == (True, 0.5)


def test_a_source_that_is_trained_otherwise_is_not_compared_and_is_named() -> None:
    apart = variant("source-c", "alone", 50, alone=("source", "c"), settings_hash="other", steps=(STEPS[0],))
    claim = judge_claims(evidence([*VARIANTS, apart], GOOD))[0]
    assert claim.verdict == "shown"
    assert "Not compared, because their training differs: source-c." in claim.why


def test_a_study_that_trains_variants_alone_is_judged() -> None:
    untrained = variant("main", "full", 100, settings_hash="untrained", steps=())
    named = {**GOOD, **{("combined", step): value for (name, step), value in GOOD.items() if name == "main"}}
    found = evidence([untrained, variant("combined", "full", 100), *VARIANTS[1:]], named)
    assert verdicts_of(found) == verdicts_of(evidence(VARIANTS, GOOD))


def test_a_part_matches_if_it_retains_four_fifths_of_the_gain() -> None:
    # All data gain 0.5 and 0.3. 0.44 is 88 % and 0.29 is 97 % of that.
    claim = judge_claims(evidence(VARIANTS, GOOD | {("selected-0.4", "dpo"): (0.69, 0.21)}))[1]
    assert (claim.verdict, "selected-0.4 after dpo retains" in claim.why) == ("shown", True)
    assert "selected-0.4 after dpo - 0.8 x main after dpo - 0.2 x base" in claim.gains
    retained = claim.gains["selected-0.4 after dpo - 0.8 x main after dpo - 0.2 x base"]
    assert retained["instruction"].value == pytest.approx(0.49 - 0.8 * 0.5, abs=0.003)
    # 0.25 of 0.5 is half.
    assert verdicts_of(evidence(VARIANTS, GOOD | {("selected-0.4", "dpo"): (0.45, 0.2)}))[1] == "refuted"
    # 0.42 of 0.5 is 84 %: 200 examples cannot tell it from 80 %.
    assert verdicts_of(evidence(VARIANTS, GOOD | {("selected-0.4", "dpo"): (0.62, 0.2)}))[1] == "not shown"
    assert verdicts_of(evidence([a for a in VARIANTS if a.kind != "selected"], GOOD))[1] == "not shown"


def test_a_step_after_sft_that_adds_nothing_on_either_side_refutes() -> None:
    assert verdicts_of(evidence(VARIANTS, GOOD | {("main", "dpo"): (0.3, 0.3)}))[2] == "refuted"
    # Bought: better on one side, worse by more than the effect on the other.
    assert verdicts_of(evidence(VARIANTS, GOOD | {("main", "dpo"): (0.3, 0.1)}))[2] == "not shown"
    # A gain of 0.02 in bias is clear, but less than the effect.
    assert verdicts_of(evidence(VARIANTS, GOOD | {("main", "dpo"): (0.5, 0.28)}))[2] == "refuted"
    only_sft = [variant("main", "full", steps=STEPS[:1])]
    claim = judge_claims(evidence(only_sft, BASE | {("main", "sft"): (0.5, 0.3)}))[2]
    assert (claim.verdict, "no step of RL or DPO" in claim.why) == ("not shown", True)


def test_one_seed_claims_nothing_and_says_so() -> None:
    found = judge_claims(evidence(VARIANTS, GOOD, seeds=1))
    assert [claim.verdict for claim in found] == ["not shown"] * 3
    assert all("One seed shows nothing" in claim.why for claim in found)
    bought = find_failure_signs(Manifest(), evidence(VARIANTS, BASE | {("main", "dpo"): (0.6, 0.8)}, seeds=1))[2]
    assert (bought.name, bought.occurrences) == ("one objective bought with the other", [])


def replace_bias(found: Evidence, change: Callable[[Model, Measured], Measured]) -> Evidence:
    bias = {model: change(model, measured) for model, measured in found.measured["bias"].items()}
    return Evidence(found.sides, {**found.measured, "bias": bias}, found.variants)


def test_three_seeds_on_one_cluster_lack_clusters_and_not_seeds() -> None:
    def put_in_one_cluster(_: Model, measured: Measured) -> Measured:
        return replace(
            measured, by_seed={seed: replace(one, clusters=["c"] * N) for seed, one in measured.by_seed.items()}
        )

    claims = judge_claims(replace_bias(evidence(VARIANTS, GOOD), put_in_one_cluster))
    assert [claim.verdict for claim in claims] == ["not shown"] * 3
    assert all("All examples of bias are of one cluster" in claim.why for claim in claims)
    assert not any("seed" in claim.why for claim in claims)


def test_models_that_share_no_seed_are_measured_but_cannot_be_paired() -> None:
    def rename_seeds(by: int) -> Callable[[Model, Measured], Measured]:
        def rename(model: Model, measured: Measured) -> Measured:
            moved = {seed if seed is None else seed + by: one for seed, one in measured.by_seed.items()}
            return replace(measured, by_seed=moved) if model == Model("main", "sft") else measured

        return rename

    claim = judge_claims(replace_bias(evidence(VARIANTS, GOOD), rename_seeds(3)))[2]
    assert claim.why == "main after dpo and main after sft share no seed in bias, so their figures cannot be paired."
    never = evidence([variant("main", "full")], {place: GOOD[place] for place in GOOD if place[1] != "sft"})
    why = judge_claims(never)[2].why
    assert "No benchmark measures instruction in main after sft." in why
    assert "No benchmark measures bias in main after sft." in why


def test_models_without_shared_examples_cannot_be_paired() -> None:
    def rename_units(model: Model, measured: Measured) -> Measured:
        moved = {
            seed: replace(one, units=[f"other {unit}" for unit in one.units]) for seed, one in measured.by_seed.items()
        }
        return replace(measured, by_seed=moved) if model == BASE_MODEL else measured

    why = judge_claims(replace_bias(evidence(VARIANTS, GOOD), rename_units))[0].why
    assert why == "main after dpo and base share no examples of bias, so their figures cannot be paired."


@pytest.mark.parametrize(
    ("base", "model", "verdict"),
    [(1.0, 0.0, "better"), (-1.0, 0.1, "better"), (0.0, 0.9, "worse"), (0.4, -0.4, "inconclusive")],
)
def test_a_gain_towards_an_ideal_is_judged_near_the_end_of_the_range(base: float, model: float, verdict: str) -> None:
    rng = np.random.default_rng(0)
    units = [str(at) for at in range(20)]

    def draw(value: float) -> Statistic:
        values = np.clip(value + (0.3 if abs(value) < 1 else 0.0) * rng.normal(size=20), -1, 1)
        return mean("bias", units, values, direction="ideal", ideal=0.0, bounds=(-1.0, 1.0), trials=None)

    place = Model("main", "dpo")
    measured = {BASE_MODEL: Measured({None: draw(base)}), place: Measured({seed: draw(model) for seed in range(3)})}
    gain = Evidence(SIDES, {"bias": measured}, {}).compute_gain("bias", place, BASE_MODEL)
    assert gain is not None
    assert gain.verdict == verdict
    assert gain.low <= abs(base) - abs(model) <= gain.high
    assert gain.p is not None
    assert (gain.p < 0.05) == (verdict != "inconclusive")
    assert gain.interval(1 - gain.p)[0 if gain.value > 0 else 1] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(("direction", "model"), [("higher", 0.9), ("higher", 0.55), ("ideal", 0.1)])
def test_the_p_of_one_training_is_that_of_its_interval_over_examples(direction: str, model: float) -> None:
    rng = np.random.default_rng(1)
    units = [str(at) for at in range(40)]
    about: dict[str, Any] = {"direction": direction, "bounds": (0.0, 1.0), "trials": None}

    def draw(value: float) -> Statistic:
        return mean("bias", units, np.clip(value + 0.2 * rng.normal(size=40), 0, 1), ideal=0.0, **about)

    place = Model("main", "dpo")
    measured = {BASE_MODEL: Measured({None: draw(0.5)}), place: Measured({0: draw(model)})}
    gain = Evidence(SIDES, {"bias": measured}, {}).compute_gain("bias", place, BASE_MODEL)
    assert gain is not None
    record = gain.record()
    assert (record.verdict, record.p) == ("inconclusive", None)
    assert record.p_examples is not None
    assert gain.interval(1 - record.p_examples)[0 if gain.value > 0 else 1] == pytest.approx(0.0, abs=1e-3)
    several = Evidence(SIDES, {"bias": measured | {place: Measured({0: draw(model), 1: draw(model)})}}, {})
    both = several.compute_gain("bias", place, BASE_MODEL)
    assert both is not None
    assert both.record().p_examples is None


def test_seeds_that_disagree_show_nothing() -> None:
    """Gains of -0.4, 0.3 and 0.4: the mean is 0.1, and the interval of few seeds is wide."""
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


def test_the_front_is_measured_from_the_base_model() -> None:
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
    assert by_place["selected-0.4", "dpo"].support == 1.0
    assert front.hypervolume_unbiased == pytest.approx(0.6 * 0.3, abs=0.01)
    assert front.low is not None
    assert front.high is not None
    assert front.low < 0.6 * 0.3 < front.high


def test_every_pair_of_last_models_gets_one_of_four_words() -> None:
    verdicts = judge(evidence(VARIANTS, GOOD | {("random-0.4", "dpo"): (0.7, 0.2)}), Manifest())
    pairs = {(pair.model, pair.other): pair.gains for pair in verdicts.pairs}
    assert len(pairs) == 5 * 4 / 2
    gain = pairs["main after dpo", "source-b after dpo"]["instruction"]
    assert (gain.verdict, gain.has_star, gain.clusters) == ("better", True, N)
    assert pairs["main after dpo", "source-b after dpo"]["bias"].verdict == "equivalent"
    assert pairs["main after dpo", "random-0.4 after dpo"]["instruction"].verdict == "equivalent"
    assert pairs["main after dpo", "selected-0.4 after dpo"]["instruction"].verdict == "worse"
    assert {g.verdict for by in pairs.values() for g in by.values()} <= {
        "better",
        "worse",
        "equivalent",
        "inconclusive",
    }


def test_two_names_of_one_model_do_not_lower_the_variance_between_seeds() -> None:
    def arm(name: str, *goods: float) -> Arm:
        return Arm(name, "dpo", "r", {}, dict(enumerate(goods)))

    apart = [arm("a", 0.1, 0.2), arm("b", 0.3, 0.2)]
    weights = ((("a", "dpo"), 1.0), (("b", "dpo"), -1.0))
    alone = SeedPools({"bias": apart}).of_sum("bias", weights)
    twice = SeedPools({"bias": [*apart, arm("copy", 0.1, 0.2)]}).of_sum("bias", weights)
    # Differences of -0.2 and 0.0: variance 0.02, for each of the pairs that differ.
    assert alone is not None
    assert twice is not None
    assert alone.pooled == twice.pooled == pytest.approx(0.02)


def test_the_effect_of_the_study_decides() -> None:
    values = GOOD | {("source-a", "dpo"): (0.7, 0.41)}
    assert verdicts_of(evidence(VARIANTS, values))[0] == "refuted"
    wide = {name: replace(side, effect=0.1) for name, side in SIDES.items()}
    found = evidence(VARIANTS, values)
    assert verdicts_of(Evidence(wide, found.measured, found.variants))[0] == "shown"


def test_a_better_figure_with_a_worse_guard_is_a_sign_of_failure() -> None:
    def share(value: float, seed: int) -> Statistic:
        values = np.full(N, value + 0.002 * (seed - 1))
        return mean("female_choice", [f"u{i}" for i in range(N)], values, direction="ideal", ideal=0.5, trials=None)

    found = evidence(VARIANTS, GOOD)
    shares = {BASE_MODEL: 0.36, Model("main", "sft"): 0.5, Model("main", "dpo"): 0.887, Model("source-a", "dpo"): 0.9}
    own = {
        model: Measured({None: share(value, 1)} if model == BASE_MODEL else {s: share(value, s) for s in range(3)})
        for model, value in shares.items()
    }
    side = Side("female_choice", "coreference", "female_choice")
    guards = Evidence({side.metric: side}, {side.metric: own}, found.variants)
    signs = find_failure_signs(Manifest(), replace(found, guards={"bias": guards}))
    # SFT comes nearer to .5, and source-a is not better by the headline metric.
    assert {sign.name: sign.occurrences for sign in signs}["a better figure that deceives"] == [
        "main after dpo: two_way_bias of coreference is better, but female_choice is worse (0.360 to 0.887)"
    ]


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
