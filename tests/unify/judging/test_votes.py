"""`majority`, `mean` and `dawid_skene` by hand and against crowd-kit; `latent`'s rankings against choix."""

import choix
import numpy as np
import pandas as pd
import pytest
from crowdkit.aggregation import DawidSkene as CrowdKit

from support.judges import judged_pairs, judged_shapes
from unipref.core.judgements import Judgements
from unipref.unify.aggregates.dawid_skene import DawidSkene
from unipref.unify.aggregates.majority import Majority
from unipref.unify.aggregates.mean import Mean
from unipref.unify.judging import rankings
from unipref.unify.judging.implied_pairs import imply_pairs


def pair(value: float, annotator: str | None = None, group: str = "g") -> dict:
    return {
        "group": group,
        "answers": ["a", "b"],
        "kind": "pair",
        "value": value,
        "source": "s",
        "annotator": annotator,
    }


def test_majority_is_the_share_of_votes_and_null_for_one() -> None:
    rows = [pair(1, "x"), pair(1, "y"), pair(-1, "z"), pair(0, "v"), pair(1, group="h")]
    judgements = Judgements.from_rows(rows)
    chance, lead = Majority().aggregate(judgements).compare([0, 1, 2], [1, 0, 3])
    assert chance[:2] == pytest.approx([0.625, 0.375])
    assert np.isnan(chance[2])
    assert lead[2] > 0


def test_a_row_that_stands_for_several_judgements_is_several_votes() -> None:
    rows = [{**pair(1), "count": 7}, {**pair(-1), "count": 3}]
    chance, _ = Majority().aggregate(Judgements.from_rows(rows)).compare([0], [1])
    assert chance == pytest.approx([0.7])


def rating(answer: str, value: float, count: int = 1, group: str = "g", annotator: str | None = None) -> dict:
    row = {"group": group, "answers": [answer], "kind": "rating", "value": value, "count": count}
    return {**row, "source": "s", "annotator": annotator}


@pytest.mark.parametrize(
    ("a", "b", "sign"),
    [
        ([(6.0, 3), (1.0, 1)], [(4.0, 4)], 1),  # 4.75 against 4
        ([(4.0, 4)], [(6.0, 3), (1.0, 1)], -1),
        ([(1.0, 3), (9.0, 1)], [(4.0, 4)], -1),  # 3 against 4
        ([(5.0, 3), (1.0, 1)], [(4.0, 9)], 0),  # 4 against 4
    ],
)
@pytest.mark.parametrize("choice", [Majority(), DawidSkene()], ids=lambda choice: choice.name())
def test_the_mean_of_ratings_weighs_each_by_its_count(choice, a, b, sign: int) -> None:
    rows = [
        rating(answer, value, count, f"g{prompt}")
        for prompt in range(3)
        for answer, values in (("a", a), ("b", b))
        for value, count in values
    ]
    judgements = Judgements.from_rows(rows)
    pairs = imply_pairs(judgements)
    assert pairs.sign.tolist() == [sign] * 3
    assert pairs.count.tolist() == [1] * 3  # one vote each: nobody knows how many of the raters agree with the mean
    chance, lead = choice.aggregate(judgements).compare([0, 2, 4], [1, 3, 5])
    assert np.sign(np.round(lead, 9)).tolist() == [sign] * 3
    seen = chance[np.isfinite(chance)]
    assert (np.sign(np.round(seen - 0.5, 9)) == sign).all()


def test_equal_ratings_of_several_are_as_many_votes() -> None:
    pairs = imply_pairs(Judgements.from_rows([rating("a", 5.0, 3), rating("b", 4.0, 2)]))
    assert (pairs.sign.tolist(), pairs.count.tolist()) == ([1], [2])


def test_one_person_who_rates_an_answer_twice_has_one_vote() -> None:
    rows = [rating("a", 5.0, annotator="x"), rating("a", 1.0, annotator="x"), rating("b", 4.0, annotator="x")]
    pairs = imply_pairs(Judgements.from_rows(rows))
    assert (pairs.sign.tolist(), pairs.count.tolist()) == ([-1], [1])


def test_mean_is_in_standard_deviations_of_the_source() -> None:
    rows = [
        {"group": "g", "answers": [a], "kind": "rating", "value": v, "source": "s", "annotator": who}
        for a, v, who in (("a", 90.0, "x"), ("a", 70.0, "y"), ("b", 50.0, "x"), ("b", 30.0, "y"))
    ]
    result = Mean().aggregate(Judgements.from_rows(rows))
    assert result.mean == pytest.approx(np.array([20.0, -20.0]) / np.sqrt(500))
    assert np.isnan(result.compare([0], [1])[0]).all()


def test_every_kind_orders_pairs() -> None:
    rows = [
        {"group": "g", "answers": ["a"], "kind": "rating", "value": 2.0, "source": "s", "annotator": "x"},
        {"group": "g", "answers": ["b"], "kind": "rating", "value": 1.0, "source": "s", "annotator": "x"},
        {"group": "g", "answers": ["b"], "kind": "rating", "value": 5.0, "source": "s", "annotator": "y"},
        {"group": "g", "answers": ["a", "b", "c"], "kind": "ranking", "places": [2, 1, 2], "source": "s"},
        {"group": "h", "answers": ["a", "b", "c"], "kind": "split", "places": [1, 2, 2], "source": "s"},
    ]
    pairs = imply_pairs(Judgements.from_rows(rows))
    found = sorted(zip(pairs.first.tolist(), pairs.second.tolist(), pairs.sign.tolist(), strict=True))
    assert found == [(0, 1, -1), (0, 1, 1), (0, 2, 0), (1, 2, 1), (3, 4, 1), (3, 5, 1)]


@pytest.mark.parametrize("ties", [False, True])
def test_dawid_skene_is_that_of_crowd_kit(ties: bool) -> None:
    rows, _ = judged_pairs(0, prompts=60, votes=5, people=5, inverted=1)
    if ties:
        for row in rows[::7]:
            row["value"] = 0.0
    judgements = Judgements.from_rows(rows)
    result = DawidSkene(steps=10, tolerance=1e-15).aggregate(judgements)
    frame = pd.DataFrame([(r["group"], r["annotator"], r["value"]) for r in rows], columns=["task", "worker", "label"])
    oracle = CrowdKit(n_iter=10, tol=-np.inf).fit_predict_proba(frame)
    names = [judgements.groups[group] for group in judgements.blocks[:, 0]]
    expected = oracle.loc[names, 1.0] + (0.5 * oracle.loc[names, 0.0] if ties else 0.0)
    first = judgements.block_starts[:-1]
    assert result.compare(first, first + 1)[0] == pytest.approx(expected.to_numpy(), abs=1e-6)
    assert result.convergence is not None
    assert result.convergence.steps > 1


def test_dawid_skene_corrects_an_inverted_annotator() -> None:
    rows, utility = judged_pairs(1, prompts=300, votes=5, people=5, inverted=2)
    judgements = Judgements.from_rows(rows)
    first = judgements.block_starts[:-1]
    truth = utility[:, 0] > utility[:, 1]
    right = [
        ((choice.aggregate(judgements).compare(first, first + 1)[0] > 0.5) == truth).mean()
        for choice in (Majority(), DawidSkene())
    ]
    assert right[1] > right[0] + 0.1


@pytest.mark.parametrize("choice", [Majority(), Mean(), DawidSkene()], ids=lambda choice: choice.name())
def test_the_order_of_the_rows_changes_no_byte(choice) -> None:
    rows, _ = judged_shapes(0)
    first = choice.aggregate(Judgements.from_rows(rows))
    second = choice.aggregate(Judgements.from_rows(rows[::-1]))
    assert first.mean.tobytes() == second.mean.tobytes()
    assert first.pair_probability.tobytes() == second.pair_probability.tobytes()
    assert len(choice.aggregate(Judgements.from_rows([])).mean) == 0


def test_agreement_is_counted_by_hand() -> None:
    rows = [pair(1, "x"), pair(1, "y"), pair(-1, "z"), pair(1, "x", "h"), pair(1, "y", "h"), pair(1, "x", "i")]
    reports = {r.name: r for r in Majority().aggregate(Judgements.from_rows(rows)).annotators}
    assert (reports["x"].agreement, reports["x"].n_compared) == (pytest.approx(0.75), 2)
    assert (reports["z"].agreement, reports["z"].n_compared) == (0.0, 1)
    assert reports["x"].n_judgements == 3


def test_the_most_likely_utilities_of_rankings_are_those_of_choix() -> None:
    rng = np.random.default_rng(0)
    truth = np.array([1.0, 0.3, -0.4, -0.9])
    orders = np.argsort(-(truth + rng.gumbel(size=(80, 4))), axis=1)
    oracle = choix.opt_rankings(4, orders.tolist(), alpha=1e-6)
    utility, bucket = np.zeros(4), np.tile(np.arange(4), (80, 1))
    for _ in range(30):
        gradient, hessian = rankings.derivatives(utility[orders], bucket, 1.0)
        g, h = np.zeros(4), np.eye(4) * 1e-6
        np.add.at(g, orders, gradient)
        np.add.at(h, (orders[:, :, None], orders[:, None, :]), hessian)
        utility = utility + np.linalg.solve(h, g - 1e-6 * utility)
    assert utility - utility.mean() == pytest.approx(oracle - oracle.mean(), abs=1e-4)
