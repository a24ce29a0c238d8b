"""What each strategy does on small cases worked by hand, and against slow computations of the same thing."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from support.hand_made import hand_made
from unipref.core import registry
from unipref.core.candidates import Candidates
from unipref.core.contracts import Selection, Strategy
from unipref.core.errors import UserError
from unipref.select import choose
from unipref.select.apportion import apportion, share_within_limits
from unipref.select.clusters import partition
from unipref.select.coverage import build_graph, compute_greedy_order
from unipref.select.strategies.cluster_quality import ClusterQuality
from unipref.select.strategies.deita import Deita
from unipref.select.strategies.facility_location import FacilityLocation
from unipref.select.strategies.quality import Quality
from unipref.select.strategies.quality_gate import QualityGate
from unipref.select.strategies.random import Random


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_the_widest_margins_of_each_cluster_are_kept():
    """Two clusters of 5 and one source: 0.4 * 5 = 2 of each, although the second cluster's margins are all lower."""
    vectors = [[1.0, 0.0]] * 5 + [[0.0, 1.0]] * 5
    candidates = hand_made([0.9, 0.5, 0.8, 0.7, 0.6, 0.1, 0.4, 0.2, 0.3, 0.0], vectors=vectors)
    assert ClusterQuality(fraction=0.4, clusters=2).select(candidates, 0).kept.tolist() == [0, 2, 6, 8]


def test_a_cell_of_cluster_and_source_keeps_its_own_fraction():
    """One cluster, sources of 6 and 2 at 0.5: 3 and 1, although every margin of b is above every margin of a."""
    candidates = hand_made([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 0.9], sources=["a"] * 6 + ["b"] * 2)
    assert ClusterQuality(fraction=0.5).select(candidates, 0).kept.tolist() == [3, 4, 5, 7]


def test_equal_remainders_go_to_the_better_next_candidate():
    """Two clusters of 3 at 0.5: 1.5 each, 3 in all; the odd one goes where the second best is .7 and not .6."""
    vectors = [[1.0, 0.0]] * 3 + [[0.0, 1.0]] * 3
    candidates = hand_made([0.9, 0.6, 0.1, 0.8, 0.7, 0.2], vectors=vectors)
    assert ClusterQuality(fraction=0.5, clusters=2).select(candidates, 0).kept.tolist() == [0, 3, 4]


def test_ties_are_broken_by_id():
    candidates = hand_made([0.5, 0.5, 0.5, 0.5], ids=["d", "b", "c", "a"])
    assert ClusterQuality(fraction=0.5).select(candidates, 0).kept.tolist() == [1, 3]


def test_unscored_pass_or_are_sampled():
    candidates = hand_made([float("nan")] * 10 + [0.1 * i for i in range(10)])
    selection = ClusterQuality(fraction=0.2, unscored="keep").select(candidates, 0)
    assert selection.kept.tolist() == [*range(10), 18, 19]
    note = (
        "10 of 20 preferences have no score and are kept, whatever the fraction of 0.2 (unscored: keep). "
        "'unscored: sample' samples them too"
    )
    assert note in selection.notes
    sampled = ClusterQuality(fraction=0.2, unscored="sample").select(candidates, 0).kept
    assert len(sampled) == 4
    assert sampled[2:].tolist() == [18, 19]
    other = ClusterQuality(fraction=0.2, unscored="sample").select(candidates, 1).kept
    assert other[2:].tolist() == [18, 19]
    assert other[:2].tolist() != sampled[:2].tolist()


@pytest.mark.parametrize("unscored", ["keep", "sample"])
def test_random_is_as_large_as_the_others_in_each_source_of_scored_and_unscored(unscored):
    dice = np.random.default_rng(4)
    margins = np.where(dice.random(120) < 0.3, np.nan, dice.random(120))
    candidates = hand_made(margins, sources=dice.choice(["big", "small"], 120, p=[0.7, 0.3]))
    kinds = np.char.add(candidates.sources, np.isnan(margins).astype(str))
    sizes = [
        np.unique(kinds[strategy(fraction=0.3, unscored=unscored).select(candidates, 0).kept], return_counts=True)
        for strategy in (Random, Quality)
    ]
    assert sizes[0][0].tolist() == sizes[1][0].tolist()
    assert np.abs(sizes[0][1] - sizes[1][1]).max() <= 1
    assert sizes[0][1].sum() == sizes[1][1].sum()


def test_random_differs_by_seed():
    candidates = hand_made([0.5] * 40)
    first, second = (Random(fraction=0.5).select(candidates, seed).kept.tolist() for seed in (0, 1))
    assert len(first) == len(second) == 20
    assert first != second


@pytest.mark.parametrize(
    ("sizes", "fraction", "total", "expected"),
    [
        # owed 3.0, 1.5, 1.5: floors 3, 1, 1; one left, to the first of the equal remainders
        ([6, 3, 3], 0.5, 6, [3, 2, 1]),
        # owed 0.4, 0.4, 0.4: floors 0; one left
        ([1, 1, 1], 0.4, 1, [1, 0, 0]),
        # 0.1 * 30 is 3.0000000000000004 in binary: owed 3 and 0.7, not 4
        ([30, 7], 0.1, 4, [3, 1]),
        # 0.29 * 100 is 28.999999999999996: owed 29
        ([100], 0.29, 29, [29]),
    ],
)
def test_largest_remainders(sizes, fraction, total, expected):
    ties = np.arange(len(sizes))
    assert apportion(fraction * np.array(sizes), total, ties).tolist() == expected


@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.2, 1 / 3, 0.4, 0.5, 0.6, 0.77, 0.999])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_stratum_gets_the_floor_or_the_ceiling_of_its_due(fraction, seed):
    dice = np.random.default_rng(seed)
    n = 311
    sources = dice.choice(["a", "b", "c"], n, p=[0.7, 0.25, 0.05])
    cells = dice.integers(0, 9, n)
    vectors = np.eye(9)[cells]
    candidates = hand_made(dice.random(n), sources=sources.tolist(), vectors=vectors)
    kept = ClusterQuality(fraction=fraction, clusters=9).select(candidates, 0).kept
    assert len(kept) == int(fraction * n + 0.5)
    for source in "abc":
        assert abs(np.sum(sources[kept] == source) - fraction * np.sum(sources == source)) < 1
        for cell in range(9):
            inside = (sources == source) & (cells == cell)
            assert abs(np.sum(inside[kept]) - fraction * np.sum(inside)) < 1


@pytest.mark.parametrize(
    "settings", [{"fraction": 0}, {"fraction": 1.1}, {"clusters": 0}, {"embedder": "tdidf"}, {"unscored": "drop"}]
)
def test_wrong_settings_are_refused(settings):
    with pytest.raises(ValidationError):
        ClusterQuality(**settings)


def test_a_near_embedder_is_named():
    with pytest.raises(UserError, match=r"'tdidf' is neither an embedder nor a folder.*Did you mean 'tfidf'\?"):
        registry.make("strategy", "cluster_quality", {"embedder": "tdidf"}, "select")


def test_a_strategy_that_repeats_positions_is_refused(make, write, tmp_path: Path):
    class Twice(Strategy):
        example = {"settings": {}}

        def select(self, candidates, seed):
            return Selection(np.array([0, 0]))

    with pytest.raises(UserError, match="not ascending, unique"):
        choose(Twice(), write([make("one", 0.5)]), tmp_path, 0, tmp_path)


def test_quality_takes_the_best_of_each_source():
    """Sources of 4 and 2 at 0.5: two and one, the widest of each; an unscored one passes besides."""
    margins = [0.1, 0.9, 0.3, 0.5, 0.8, 0.7, float("nan")]
    candidates = hand_made(margins, sources=["a"] * 4 + ["b"] * 2 + ["a"])
    selection = Quality(fraction=0.5).select(candidates, 0)
    assert selection.kept.tolist() == [1, 3, 4, 6]
    # Midranks among the scored of a source: of .1 .9 .3 .5 in a: 1/8 7/8 3/8 5/8; of .8 .7 in b: 3/4 1/4.
    assert selection.columns["quality"][:6].tolist() == [0.125, 0.875, 0.375, 0.625, 0.75, 0.25]
    assert np.isnan(selection.columns["quality"][6])
    assert selection.columns["rank"].tolist() == [4, 1, 3, 2, 1, 2, -1]
    assert selection.columns["cell_kept"].tolist() == [2, 2, 2, 2, 1, 1, -1]
    assert selection.columns["reason"][[0, 1, 6]].tolist() == [
        "beyond the budget of its source and objective",
        "within the budget",
        "unscored, and kept regardless of the budget",
    ]


def test_scorers_are_averaged_as_percentiles_by_weight():
    """Margins .1 .2 .3 .4: 1/8 3/8 5/8 7/8. Confidences 1 .8 .6 .4: 7/8 5/8 3/8 1/8. With weights 1 and 3 the means are
    (1 + 21)/32 = .6875, (3 + 15)/32 = .5625, (5 + 9)/32 = .4375, (7 + 3)/32 = .3125: the confidence decides.
    """
    candidates = hand_made([0.1, 0.2, 0.3, 0.4], confidences=[1.0, 0.8, 0.6, 0.4])
    by = {"margin_percentile": 1.0, "confidence": 3.0}
    selection = Quality(count=2, quality=[{name: {"weight": weight}} for name, weight in by.items()]).select(
        candidates, 0
    )
    assert selection.kept.tolist() == [0, 1]
    assert selection.columns["margin_percentile"] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert selection.columns["confidence_percentile"].tolist() == [7 / 8, 5 / 8, 3 / 8, 1 / 8]
    # Made a percentile again, so that it can be compared with what other scorers judge.
    assert selection.columns["quality"].tolist() == [7 / 8, 5 / 8, 3 / 8, 1 / 8]


def test_candidates_of_different_scorers_are_ranked_within_their_own_kind():
    """Four have a margin and a confidence, four a confidence alone: two of each kind are kept, although the mean of the
    two percentiles of the first kind is .5 for all four, and the best of the others are far above.
    """
    nan = float("nan")
    candidates = hand_made(
        [0.1, 0.2, 0.3, 0.4, nan, nan, nan, nan], confidences=[0.9, 0.8, 0.7, 0.6, 0.95, 0.85, 0.75, 0.65]
    )
    selection = Quality(count=4, quality=["margin_percentile", "confidence"]).select(candidates, 0)
    # The confidences' percentiles are 13, 9, 5, 1 sixteenths beside the margins' 2, 6, 10, 14: means 15 in 32 for all.
    assert selection.columns["quality"].tolist() == [0.5] * 4 + [7 / 8, 5 / 8, 3 / 8, 1 / 8]
    assert selection.kept.tolist() == [0, 1, 4, 5]


def test_a_scorer_fills_in_for_the_unscored():
    """Two are judged by margin, four by confidence: percentiles 3/4 1/4 and 7/8 5/8 3/8 1/8; the last has neither."""
    nan = float("nan")
    candidates = hand_made([0.9, 0.1, nan, nan, nan, nan, nan], confidences=[0.1, 0.9, 0.4, 0.3, 0.2, 0.1, nan])
    selection = Quality(count=3, unscored="confidence").select(candidates, 0)
    assert selection.columns["quality"][:6].tolist() == [3 / 4, 1 / 4, 7 / 8, 5 / 8, 3 / 8, 1 / 8]
    assert np.isnan(selection.columns["quality"][6])
    # 3 of 7: of the six judged 18/7 = 2.57 and of the one without 0.43, so three of the judged.
    assert selection.kept.tolist() == [0, 2, 3]
    # Only those that needed it were asked about.
    assert np.isnan(selection.columns["confidence"][:2]).all()
    settings = registry.cache_identity(Quality(unscored="confidence"))["settings"]
    assert settings["unscored"] == {"kind": "scorer", "name": "confidence", "settings": {"weight": 1.0}}


def test_the_cache_identity_of_a_strategy_names_its_scorers():
    identity = registry.cache_identity(Quality(quality=["margin_percentile", {"confidence": {"weight": 2}}]))
    assert (identity["kind"], identity["name"]) == ("strategy", "quality")
    assert identity["settings"]["quality"] == [
        {"kind": "scorer", "name": "margin_percentile", "settings": {"weight": 1.0}},
        {"kind": "scorer", "name": "confidence", "settings": {"weight": 2.0}},
    ]
    assert registry.cache_identity(Quality(quality="margin_percentile")) == registry.cache_identity(Quality())


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"quality": ["magrin"]}, r"select.quality.quality.0: unknown scorer 'magrin'. Did you mean 'margin'\?"),
        ({"quality": {"margin": {"wieght": 1}}}, r"margin.wieght: unknown key. Did you mean 'weight'\?"),
        ({"quality": []}, "at least 1 item"),
        ({"quality": [{"margin": {}, "confidence": {}}]}, "one name with its settings"),
        ({"quality": ["keep"]}, "unknown scorer 'keep'"),
        ({"unscored": "samlpe"}, "unknown scorer 'samlpe'"),
    ],
)
def test_a_wrong_scorer_is_refused_with_its_place(settings, fault):
    with pytest.raises(UserError, match=fault):
        registry.make("strategy", "quality", settings, "select")


def test_tokens_are_spent_on_the_best_and_what_is_left_on_the_best_that_fit():
    """Source a holds 70 tokens, b 30: of 60 they are granted 42 and 18. In a the best costs 30, and neither 25 nor 15
    more fits; in b the best costs 20, which does not fit, and 10 does. 20 of the 60 are left: of what is left out, the
    best by percentile is the best of b (3/4, against 3/6 and 1/6 in a), and its 20 fit.
    """
    candidates = hand_made([0.9, 0.8, 0.6, 0.9, 0.1], sources=["a", "a", "a", "b", "b"], tokens=[30, 25, 15, 20, 10])
    kept = Quality(tokens=60).select(candidates, 0).kept
    assert kept.tolist() == [0, 3, 4]


def test_clusters_of_each_source_are_made_apart():
    """Two topics, x for the first four of a, y for two of a and for b. `per: source` sees two topics in b as well."""
    x, y, z = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.9998, 0.02]
    vectors = unit(np.array([x, x, x, x, y, y, y, y, z, z]))
    margins = [0.1, 0.2, 0.3, 0.4, 0.1, 0.2, 0.7, 0.8, 0.1, 0.2]
    candidates = hand_made(margins, sources=["a"] * 6 + ["b"] * 4, vectors=vectors)
    union = ClusterQuality(fraction=0.5, clusters=2).select(candidates, 0)
    apart = ClusterQuality(fraction=0.5, clusters=2, per="source").select(candidates, 0)
    assert union.kept.tolist() == [2, 3, 5, 6, 7]
    assert apart.kept.tolist() == [2, 3, 5, 7, 9]
    assert not set(apart.columns["cluster"][:6]) & set(apart.columns["cluster"][6:])


def test_the_gate_leaves_out_the_worst_and_rounds_give_small_clusters_as_much():
    """Twelve prompts: eight on x, four on y; 6 are kept, 9 pass the gate (0.75).

    By margin: x .99 .98 .97 .96 .95 .3 .2 .1, y .94 .93 .4 .35: what passes is x's five best and y's four. Rounds take
    x .99, y .94, x .98, y .93, x .97, y .4. Alone, quality would take x's five and y's best.
    """
    margins = [0.99, 0.98, 0.97, 0.96, 0.95, 0.3, 0.2, 0.1, 0.94, 0.93, 0.4, 0.35]
    vectors = [[1.0, 0.0]] * 8 + [[0.0, 1.0]] * 4
    candidates = hand_made(margins, vectors=vectors)
    selection = QualityGate(count=6, gate=0.75, clusters=2).select(candidates, 0)
    assert selection.kept.tolist() == [0, 1, 2, 8, 9, 10]
    assert selection.columns["reason"][[5, 6, 7]].tolist() == ["not among the best, which pass the gate"] * 3
    assert selection.columns["cluster"][[5, 6, 7]].tolist() == [-1] * 3
    by_quality = Quality(count=6).select(candidates, 0).kept.tolist()
    assert by_quality == [0, 1, 2, 3, 4, 8]
    # A gate no wider than the budget leaves nothing to choose; one of half as much again is the default: 9 pass.
    assert QualityGate(count=6, gate=0.01, clusters=2).select(candidates, 0).kept.tolist() == by_quality
    assert QualityGate(count=6, clusters=2).select(candidates, 0).kept.tolist() == selection.kept.tolist()


def slow_deita(candidates: Candidates, min_distance: float, wanted: int) -> list[int]:
    """One candidate and one kept prompt at a time."""
    line = sorted(range(len(candidates)), key=lambda i: (-candidates.margin_percentiles[i], candidates.ids[i]))
    vectors = candidates.embed("tfidf").astype(np.float64)
    kept: list[int] = []
    for i in line:
        if len(kept) < wanted and all(1 - float(vectors[i] @ vectors[k]) >= min_distance for k in kept):
            kept.append(i)
    return sorted(kept)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("min_distance", [0.0, 0.02, 0.2, 1.0])
@pytest.mark.parametrize("wanted", [5, 60, 150])
def test_deita_is_what_a_slow_walk_gives(seed, min_distance, wanted, monkeypatch):
    monkeypatch.setattr("unipref.select.strategies.deita.ROWS_AT_ONCE", 16)
    dice = np.random.default_rng(seed)
    vectors = unit(dice.normal(size=(8, 5))[dice.integers(0, 8, 200)] + 0.2 * dice.normal(size=(200, 5)))
    candidates = hand_made(dice.random(200).round(2), vectors=vectors)
    selection = Deita(count=wanted, min_distance=min_distance).select(candidates, 0)
    expected = slow_deita(candidates, min_distance, wanted)
    assert selection.kept.tolist() == expected
    short = wanted - len(expected)
    assert selection.shortfall == ({"a / instruction": short} if short else {})


def test_deita_says_what_stood_in_the_way():
    """Three of one prompt and one of another: the best of the three stays, and is what the others are too near to."""
    candidates = hand_made([0.2, 0.9, 0.5, 0.1], vectors=[[1.0, 0.0]] * 3 + [[0.6, 0.8]], ids=["p", "q", "r", "s"])
    selection = Deita(count=4, min_distance=0.3).select(candidates, 0)
    assert selection.kept.tolist() == [1, 3]
    assert selection.columns["blocked_by"].tolist() == ["q", "", "q", ""]
    # 1 - cos: 0 among the three, 1 - 0.6 from q to s; nothing was kept before q.
    assert selection.columns["distance"][[0, 2, 3]] == pytest.approx([0.0, 0.0, 0.4], abs=1e-6)
    assert np.isnan(selection.columns["distance"][1])
    assert selection.columns["reason"][0] == "nearer than 0.3 to a better one that is kept"
    assert selection.shortfall == {"a / instruction": 2}


def test_what_passes_unscored_counts_as_kept_for_deita():
    candidates = hand_made([float("nan"), 0.9, 0.5], vectors=[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    selection = Deita(fraction=1.0).select(candidates, 0)
    assert selection.kept.tolist() == [0, 2]
    assert selection.columns["blocked_by"].tolist() == ["", "0000", ""]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 6])
def test_facility_location_agrees_with_apricot(seed, monkeypatch):
    monkeypatch.setattr(pytest.importorskip("numba").config, "DISABLE_JIT", 1)  # compiling takes longer than counting
    apricot = pytest.importorskip("apricot")
    dice = np.random.default_rng(seed)
    vectors = unit(dice.normal(size=(60, 4)))
    similarities = np.clip(vectors.astype(np.float64) @ vectors.T, 0, 1)
    np.fill_diagonal(similarities, 1.0)
    theirs = apricot.FacilityLocationSelection(20, metric="precomputed", optimizer="naive").fit(similarities)
    candidates = hand_made([0.5] * 60, vectors=vectors)
    columns = FacilityLocation(count=20, neighbours=60).select(candidates, 0).columns
    ours = np.argsort(columns["rank"])[:20]
    covered = [0.0, *(coverage(vectors, ours[: i + 1]) for i in range(20))]
    assert np.diff(covered) == pytest.approx(theirs.gains, abs=1e-5)
    # Of two that are each other's nearest, either adds as much: apricot leaves that to rounding, we to the id.
    apart = [i for i in range(20) if ours[i] != theirs.ranking[i]]
    gains = [gain_of(similarities, theirs.ranking[:i], choice[i]) for i in apart for choice in (ours, theirs.ranking)]
    assert gains[::2] == pytest.approx(gains[1::2], abs=1e-5)
    assert len(apart) <= 2


def gain_of(similarities, chosen, member):
    before = similarities[chosen].max(axis=0, initial=0)
    return float(np.maximum(similarities[member] - before, 0).sum())


def coverage(vectors, kept):
    return np.clip(vectors @ vectors[list(kept)].T, 0, 1).max(axis=1).sum()


def test_greedy_coverage_is_near_the_best_of_all_choices():
    """At least 1 - 1/e of the optimum over all 1,820 choices of 4 from 16, and every set of 4 covers less than all."""
    vectors = unit(np.random.default_rng(5).normal(size=(16, 3)))
    kept = FacilityLocation(count=4, neighbours=16).select(hand_made([0.5] * 16, vectors=vectors), 0).kept
    best = max(coverage(vectors, choice) for choice in itertools.combinations(range(16), 4))
    assert (1 - 1 / np.e) * best <= coverage(vectors, kept) <= best + 1e-6 < 16


def test_the_neighbour_graph_holds_each_pair_both_ways_and_nothing_else(monkeypatch):
    monkeypatch.setattr("unipref.select.coverage.ROWS_AT_ONCE", 7)
    vectors = unit(np.random.default_rng(0).normal(size=(40, 6)))
    cosines = vectors.astype(np.float64) @ vectors.T
    np.fill_diagonal(cosines, np.inf)
    nearest = np.argsort(-cosines, axis=1)[:, :4]
    expected = {(i, int(j)) for i in range(40) for j in nearest[i]}
    expected |= {(j, i) for i, j in expected}
    joined = build_graph(vectors, 3)
    rows = np.repeat(np.arange(40), np.diff(joined.starts))
    # A negative cosine is no similarity; scipy may keep it as a zero or leave it out.
    found = {(int(i), int(j)) for i, j, s in zip(rows, joined.near, joined.similarities, strict=True) if s > 0}
    assert found == {(i, j) for i, j in expected if cosines[i, j] > 0}
    assert joined.similarities[joined.near == rows].tolist() == [1.0] * 40


def test_members_given_first_cover_from_the_start():
    """Two pairs of twins: with the first of one pair given, the next to add most is of the other pair."""
    joined = build_graph(np.array([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=np.float32), 3)
    assert compute_greedy_order(joined, np.array([0]), 3).tolist() == [2, 1, 3]
    assert compute_greedy_order(joined, np.array([], dtype=np.int64), 4).tolist() == [0, 2, 1, 3]


def test_facility_location_covers_inside_clusters_when_there_are_many(monkeypatch):
    """Cells of about 10 over 4 topics of 10: each topic gets its part, and one of it covers it."""
    vectors = unit(np.repeat(np.eye(4), 10, axis=0) + 0.01 * np.random.default_rng(0).normal(size=(40, 4)))
    selection = FacilityLocation(count=4, cell=10, neighbours=9).select(hand_made([0.5] * 40, vectors=vectors), 0)
    assert [int(i) // 10 for i in selection.kept] == [0, 1, 2, 3]
    assert len(set(selection.columns["cluster"].tolist())) == 4


def test_partition_does_not_depend_on_row_order_and_serves_rows_it_was_not_fitted_on(monkeypatch):
    monkeypatch.setattr("unipref.select.clusters.FIT_ROWS_PER_CLUSTER", 20)
    dice = np.random.default_rng(0)
    topics = dice.integers(0, 3, 300)
    vectors = unit(np.eye(3)[topics] + 0.05 * dice.normal(size=(300, 3)))
    ids = np.array([f"{i:04d}" for i in dice.permutation(300)])
    labels = partition(vectors, ids, 100, 0)
    assert {tuple(sorted(set(topics[labels == label]))) for label in set(labels.tolist())} == {(0,), (1,), (2,)}
    order = dice.permutation(300)
    assert partition(vectors[order], ids[order], 100, 0).tolist() == labels[order].tolist()
    assert set(partition(vectors, ids, 300, 0).tolist()) == {0}


@pytest.mark.parametrize(
    ("weights", "total", "limits", "expected"),
    [
        ([1, 1, 2], 8, [9, 9, 9], [2, 2, 4]),
        # 5 each are asked; the first has 2, so the second gets 8
        ([1, 1], 10, [2, 20], [2, 8]),
        # 4, 4, 4: the first gives 1, leaving 11 to 5.5 each; the second gives 5, the third 6
        ([1, 1, 1], 12, [1, 5, 20], [1, 5, 6]),
        # all that there is
        ([3, 1], 50, [4, 5], [4, 5]),
        # no weight, no part, even when something is left
        ([1, 0], 10, [4, 20], [4, 0]),
        ([0, 0], 0, [4, 20], [0, 0]),
    ],
)
def test_what_a_part_cannot_take_goes_to_the_others(weights, total, limits, expected):
    found = share_within_limits(np.array(weights, dtype=float), total, np.array(limits, dtype=float))
    assert found == pytest.approx(expected)


def test_a_scorer_that_can_score_few_says_so_with_counts_and_what_scores_more():
    nan = float("nan")
    candidates = hand_made(
        [0.1, 0.2, nan, 0.4, 0.5, nan], sources=["a", "a", "a", "b", "b", "b"], margins=[nan, 1.0, 2.0, nan, nan, nan]
    )
    notes = Quality(fraction=0.5, quality=["margin", "margin_percentile"]).select(candidates, 0).notes
    assert notes == (
        "the scorer margin can score 2 of 6 preferences (a: 2 of 3, b: 0 of 3); margin_percentile can score 3 of the "
        "others: name it as quality",
        "1 of 6 preferences has no score and is kept, whatever the fraction of 0.5 (unscored: keep). "
        "'unscored: sample' samples them too",
    )
    assert Quality(fraction=0.5, unscored="sample").select(candidates, 0).notes == ()
    none = Quality(fraction=0.5, quality="confidence").select(hand_made([nan] * 2), 0).notes
    assert none == (
        "the scorer confidence can score 0 of 2 preferences (a: 0 of 2)",
        "2 of 2 preferences have no score and are kept, whatever the fraction of 0.5 (unscored: keep). "
        "'unscored: sample' samples them too",
    )
