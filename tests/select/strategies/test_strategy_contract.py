"""What every strategy promises: the budget, the shares, the order of ties, very few rows, and to say why."""

from collections import Counter
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from support.hand_made import hand_made
from unipref.core import registry
from unipref.core.candidates import Candidates
from unipref.core.contracts import Selection, Strategy
from unipref.core.errors import UserError
from unipref.select import choose
from unipref.select.budget import BUDGETS, BudgetStrategy

NAMES = [name for name in registry.list_names("strategy") if name not in ("only", "confident", "reduced")]
"""`only` and `reduced` have neither budget nor shares, and `confident` no shares: test_only.py and so on."""
every_strategy = pytest.mark.parametrize("name", NAMES)
every_budget = pytest.mark.parametrize("name", [name for name in NAMES if name != "all"])
N = 203
FAR = {"deita": {"min_distance": 0.0}}
"""Settings that forbid nothing, for what a budget promises where nothing stands in its way."""


def made(name: str, **settings: Any) -> Strategy:
    """The strategy; `all` has no settings, the others those given, with their example's where no budget is given."""
    if name == "all":
        settings = {}
    found = registry.make("strategy", name, FAR.get(name, {}) | settings, "select")
    assert isinstance(found, Strategy)
    assert isinstance(found, BudgetStrategy) == (name != "all"), "a strategy of another kind needs a case of its own"
    return found


def world(n: int = N, seed: int = 0, unscored: float = 0.2) -> Candidates:
    """N preferences of three sources and two objectives, on seven topics, one in five without a margin."""
    dice = np.random.default_rng(seed)
    topics = dice.normal(size=(7, 6))
    vectors = topics[dice.integers(0, 7, n)] + 0.3 * dice.normal(size=(n, 6))
    margins = np.where(dice.random(n) < unscored, np.nan, dice.random(n).round(1))
    return hand_made(
        margins,
        ids=[f"{i:06x}" for i in dice.permutation(4096)[:n]],
        sources=dice.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1]),
        objectives=dice.choice(["bias", "instruction"], n, p=[0.3, 0.7]),
        tokens=dice.integers(3, 60, n),
        confidences=dice.choice([0.5, 2 / 3, 1.0, np.nan], n),
        vectors=unit(vectors),
    )


def unit(vectors: Any) -> Any:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def rows(candidates: Candidates, order: Any) -> Candidates:
    """The candidates in another order of rows."""
    picked = {
        column: getattr(candidates, column)[order]
        for column in (
            "ids",
            "margins",
            "margin_percentiles",
            "confidences",
            "sources",
            "objectives",
            "groups",
            "tokens",
        )
    }
    return Candidates(
        **picked, embed=lambda name: candidates.embed(name)[order], texts=candidates.texts, cache=candidates.cache
    )


def kept_ids(strategy: Strategy, candidates: Candidates, seed: int = 0) -> list[str]:
    return candidates.ids[strategy.select(candidates, seed).kept].tolist()


@every_strategy
@pytest.mark.parametrize("seed", [0, 3])
def test_positions_ascend_without_repeats_and_are_the_same_each_time(name: str, seed: int) -> None:
    first, second = (made(name).select(world(), seed) for _ in range(2))
    assert np.all(np.diff(first.kept) > 0)
    assert first.kept.tolist() == second.kept.tolist()
    assert all(np.array_equal(first.columns[key], second.columns[key]) for key in first.columns if key == "reason")


@every_strategy
@pytest.mark.parametrize("budget", [{"fraction": 0.4}, {"count": 60}, {"tokens": 2000}])
@pytest.mark.parametrize("unscored", ["keep", "sample"])
def test_row_order_does_not_matter(name: str, budget: dict[str, Any], unscored: str) -> None:
    candidates = world()
    order = np.random.default_rng(1).permutation(N)
    kept, shuffled = (
        kept_ids(made(name, unscored=unscored, **budget), c) for c in (candidates, rows(candidates, order))
    )
    assert kept != shuffled or name == "all"
    assert set(kept) == set(shuffled)


@every_budget
def test_ties_are_broken_by_id(name: str) -> None:
    """Nothing tells the candidates apart: of 9, the three of lowest id are kept, or what the draw gives."""
    candidates = hand_made([0.5] * 9, ids=list("hdbiacegf"), vectors=[[1.0, 0.0]] * 9)
    kept = kept_ids(made(name, count=3), candidates)
    assert len(kept) == 3
    if name != "random":
        assert sorted(kept) == ["a", "b", "c"]


FEW = [
    (budget, unscored, margin)
    for budget in ({"fraction": 0.4}, {"fraction": 1.0}, {"count": 1}, {"count": 9}, {"tokens": 10})
    for unscored in ("keep", "sample")
    for margin in (0.5, float("nan"))
]


@every_strategy
@pytest.mark.parametrize("n", [0, 1, 2])
def test_very_few_rows(name: str, n: int) -> None:
    for budget, unscored, margin in FEW:
        for shares in ("keep", {"temperature": 2.0}, *([{"a": 1.0}] if n else [])):
            candidates = hand_made([margin] * n, vectors=np.eye(2)[:n])
            strategy = made(name, unscored=unscored, shares=shares, **budget)
            too_many = n == 2 and unscored == "keep" and np.isnan(margin) and budget in ({"count": 1}, {"tokens": 10})
            if too_many and name != "all":
                with pytest.raises(UserError, match="Set it to sample, or raise the budget"):
                    strategy.select(candidates, 0)
                continue
            kept = strategy.select(candidates, 0).kept
            assert min(n, 1) <= len(kept) <= n
            if budget in ({"fraction": 1.0}, {"count": 9}) or name == "all":
                assert len(kept) == n


@every_budget
@pytest.mark.parametrize("budget", [{"fraction": 1.0}, {"count": N}, {"count": 10**9}, {"tokens": 10**9}])
@pytest.mark.parametrize("unscored", ["keep", "sample"])
@pytest.mark.parametrize("shares", ["keep", {"temperature": 3.0}, {"a": 0.5}])
def test_a_budget_beyond_what_is_there_keeps_everything(
    name: str, budget: dict[str, Any], unscored: str, shares: Any
) -> None:
    selection = made(name, unscored=unscored, shares=shares, **budget).select(world(), 0)
    assert len(selection.kept) == N
    assert not selection.shortfall


@every_budget
@pytest.mark.parametrize("unscored", ["keep", "sample"])
@pytest.mark.parametrize("shares", ["keep", {"temperature": 2.0}, {"b": 0.6}, {"bias": 0.7}, {"a": 0.3, "c": 0.5}])
@pytest.mark.parametrize("budget", [{"fraction": 0.05}, {"fraction": 0.4}, {"count": 77}, {"tokens": 3000}])
def test_the_budget_is_met(name: str, unscored: str, shares: Any, budget: dict[str, Any]) -> None:
    candidates = world()
    passing = int(np.isnan(candidates.margin_percentiles).sum()) if unscored == "keep" else 0
    kept = made(name, unscored=unscored, shares=shares, **budget).select(candidates, 0).kept
    ((kind, size),) = budget.items()
    if kind == "fraction":
        # The part of the others, to the nearest whole number; what passes comes on top.
        assert len(kept) == passing + int(size * (N - passing) + 0.5)
    elif kind == "count":
        assert len(kept) == size
    else:
        spent = int(candidates.tokens[kept].sum())
        left_out = np.setdiff1d(np.arange(N), kept)
        assert size - int(candidates.tokens[left_out].max()) < spent <= size


@every_budget
@pytest.mark.parametrize("budget", [{"fraction": 0.3}, {"count": 77}])
def test_shares_of_source_and_objective_are_kept(name: str, budget: dict[str, Any]) -> None:
    """Each of the six gets the floor or the ceiling of its due."""
    candidates = world(unscored=0.0)
    kept = made(name, **budget).select(candidates, 0).kept
    strata = np.char.add(candidates.sources, candidates.objectives)
    for stratum, size in Counter(strata.tolist()).items():
        assert abs(np.sum(strata[kept] == stratum) - size * len(kept) / N) < 1


@every_budget
def test_shares_are_set(name: str) -> None:
    """Of 40, 0.25 of c (10), 0.5 of b (20), and the rest (10) of a; within each, bias to instruction as it was."""
    candidates = world(unscored=0.0)
    kept = made(name, count=40, shares={"c": 0.25, "b": 0.5}).select(candidates, 0).kept
    assert Counter(candidates.sources[kept].tolist()) == {"a": 10, "b": 20, "c": 10}
    by_purpose = made(name, count=40, shares={"bias": 0.5}).select(candidates, 0).kept
    assert Counter(candidates.objectives[by_purpose].tolist()) == {"bias": 20, "instruction": 20}


@every_budget
def test_shares_are_mixed_by_temperature(name: str) -> None:
    """Sources of 64, 16 and 4: square roots 8, 4, 2, so of 14 they get 8, 4 and 2."""
    sources = ["a"] * 64 + ["b"] * 16 + ["c"] * 4
    vectors = unit(np.random.default_rng(0).normal(size=(84, 3)))
    candidates = hand_made(np.linspace(0, 1, 84), sources=sources, vectors=vectors)
    kept = made(name, count=14, shares={"temperature": 2.0}).select(candidates, 0).kept
    assert Counter(candidates.sources[kept].tolist()) == {"a": 8, "b": 4, "c": 2}


@every_budget
def test_what_a_source_is_too_small_for_goes_to_the_others_and_is_said(name: str) -> None:
    """Half of 20 is asked of c, which has 4: it gives them, and a and b share the other 16 as 64 to 16, 13 and 3."""
    sources = ["a"] * 64 + ["b"] * 16 + ["c"] * 4
    vectors = unit(np.random.default_rng(0).normal(size=(84, 3)))
    selection = made(name, count=20, shares={"c": 0.5}).select(
        hand_made(np.linspace(0, 1, 84), sources=sources, vectors=vectors), 0
    )
    assert Counter(np.array(sources)[selection.kept].tolist()) == {"a": 13, "b": 3, "c": 4}
    assert selection.notes == ("c / instruction has only 4 of the 10 that its share asks for",)


@every_budget
def test_a_share_of_what_is_not_there_is_the_users_to_mend(name: str) -> None:
    with pytest.raises(UserError, match="no candidate has the source or objective 'instrction'") as caught:
        made(name, shares={"instrction": 0.5}).select(world(), 0)
    assert caught.value.where == f"select.{name}.shares"
    assert caught.value.mend == "Did you mean 'instruction'?"
    with pytest.raises(UserError, match="shares mixes sources and objectives"):
        made(name, shares={"bias": 0.5, "a": 0.5}).select(world(), 0)


@every_strategy
@pytest.mark.parametrize("unscored", ["keep", "sample"])
def test_every_candidate_is_told_why(name: str, unscored: str, make: Any, write: Any, tmp_path: Any) -> None:
    topics = ["bread oven flour", "car brake engine", "moon planet star"]
    written = [
        make(f"{topics[i % 3]} {i}", None if i % 5 == 0 else i / 40, source="big" if i % 4 else "small")
        for i in range(40)
    ]
    summary = choose(made(name, unscored=unscored), write(written), tmp_path, 0, tmp_path / "cache")
    table = pq.read_table(tmp_path / "decisions.parquet").to_pylist()
    assert [row["id"] for row in table] == [row["id"] for row in written]
    assert [row["id"] for row in table if row["kept"]] == pq.read_table(tmp_path / "train.parquet")["id"].to_pylist()
    assert summary["kept"] == sum(row["kept"] for row in table)
    assert all(row["reason"] for row in table)
    for row in table:
        if row.get("rank"):
            assert row["rank"] <= row["cell_size"]
            assert row["cell_kept"] <= row["cell_size"]
            # Without a threshold, the kept ones of a cell are its best.
            assert row["kept"] == (row["rank"] <= row["cell_kept"])


@every_budget
@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"fraction": 0}, "greater than 0"),
        ({"fraction": 1.1}, "less than or equal to 1"),
        ({"count": 0}, "greater than or equal to 1"),
        ({"count": 3, "fraction": 0.1}, "fraction and count are two budgets"),
        ({"count": 3, "tokens": 5}, "count and tokens are two budgets"),
        ({"shares": {"a": 0.7, "b": 0.7}}, "at most 1"),
        ({"shares": {"a": -0.1}}, "must not be negative"),
        ({"shares": {"temperature": 0}}, "above 0"),
        ({"shares": {"temperature": 1, "a": 0.1}}, "must be the only entry"),
        ({"shares": "equal"}, "shares"),
        ({"unscored": "dorp"}, "unscored"),
    ],
)
def test_wrong_settings_are_refused(name: str, settings: dict[str, Any], fault: str) -> None:
    with pytest.raises(UserError, match=fault):
        registry.make("strategy", name, settings, "select")


@every_budget
def test_null_takes_one_budget_out_for_another(name: str) -> None:
    strategy = registry.make("strategy", name, {"fraction": None, "count": 5}, "select")
    assert [getattr(strategy, budget) for budget in BUDGETS] == [None, 5, None]
    assert registry.make("strategy", name, {}, "select").fraction == 0.4  # type: ignore[attr-defined]


@every_strategy
def test_a_selection_is_a_function_of_the_seed_only_where_chance_is_asked(name: str) -> None:
    """Without unscored candidates only `random` draws; k-means starts from the seed, but finds topics far apart."""
    vectors = np.repeat(np.eye(4), 10, axis=0)
    candidates = hand_made(np.random.default_rng(2).random(40), vectors=vectors)
    selections: list[Selection] = [made(name, count=12).select(candidates, seed) for seed in (0, 1)]
    same = selections[0].kept.tolist() == selections[1].kept.tolist()
    assert same == (name != "random")
