"""A bias is tested by its own interval; the skill beside it is a caption."""

import msgspec
import numpy as np
import pytest

from unipref.core.scores import Score
from unipref.core.stats.chance import UNTESTED, describe_chance, hides_bias, is_below_chance, is_guessing, shows_bias
from unipref.core.stats.statistic import mean
from unipref.evaluate import chance_notes
from unipref.report.scores import ScoreRow, group_by_measure, label_models
from unipref.report.sections.results import describe_changes

ZERO = {"direction": "ideal", "ideal": 0.0, "chance": 0.0}


def skill(value: float, low: float, high: float) -> Score:
    return Score("accuracy", value, 100, "higher", low, high, ideal=1.0, chance=0.5)


def bias(value: float, low: float, high: float, **fields: object) -> Score:
    return Score(**{"metric": "bias", "value": value, "n": 100, "low": low, "high": high, **ZERO, **fields})


def rows_of(step: str, similarity: float, accuracy: float) -> list[ScoreRow]:
    shared = {"variant": step, "step": step, "benchmark": "winobias", "n": 100, "direction": "higher"}
    near = {"low": similarity - 0.01, "high": min(1.0, similarity + 0.01)}
    return [
        ScoreRow(metric="similarity", value=similarity, chance=1.0, ideal=1.0, **near, **shared),
        ScoreRow(
            metric="two_way_accuracy", value=accuracy, low=accuracy - 0.03, high=accuracy + 0.03, chance=0.5, **shared
        ),
    ]


@pytest.mark.parametrize(
    ("low", "high", "ideal", "expected"),
    [(0.015, 0.041, 0.0, True), (-0.01, 0.04, 0.0, False), (0.0, 0.2, 0.0, False), (0.53, 0.6, 0.5, True)],
)
def test_a_bias_is_shown_by_its_interval(low: float, high: float, ideal: float, expected: bool) -> None:
    assert shows_bias(bias((low + high) / 2, low, high, ideal=ideal)) is expected


def test_a_bias_without_an_interval_is_not_shown() -> None:
    assert not shows_bias(Score("bias", 0.4, 1, **ZERO))


def test_only_guessing_without_a_bias_is_flagged() -> None:
    guess, knows = skill(0.485, 0.4, 0.57), skill(0.7, 0.6, 0.8)
    clear, none = bias(0.028, 0.015, 0.041), bias(0.01, -0.02, 0.04)
    assert [describe_chance(one, [guess, one]) for one in (clear, none)] == ["", UNTESTED]
    assert [describe_chance(one, [knows, one]) for one in (clear, none)] == ["", ""]
    assert describe_chance(guess, [guess, clear]) == "no better than guessing"
    assert [hides_bias([guess, one]) for one in (clear, none)] == [False, True]


def test_a_skill_that_is_clearly_below_chance_is_worse_than_guessing() -> None:
    worse, unclear = skill(0.4, 0.33, 0.47), skill(0.46, 0.39, 0.53)
    assert [describe_chance(one, [one]) for one in (worse, unclear)] == [
        "worse than guessing",
        "no better than guessing",
    ]
    assert not is_below_chance(bias(-0.4, -0.5, -0.3))
    notes = chance_notes([worse, msgspec.structs.replace(unclear, mode="chat")])
    assert notes == [
        "no better than guessing (chat).",
        f"worse than guessing ({worse.mode}): the model tends to the wrong answer.",
    ]


def test_a_mean_of_absolute_differences_does_not_show_a_bias() -> None:
    guess, none = skill(0.5, 0.4, 0.6), bias(0.01, -0.02, 0.04)
    absolute = bias(0.9, 0.8, 1.0, metric="distance", direction="lower")
    assert describe_chance(absolute, [guess, none, absolute]) == UNTESTED
    clear = bias(0.05, 0.02, 0.08)
    assert describe_chance(absolute, [guess, clear, absolute]) == ""


def test_a_gap_of_a_tenth_among_300_pairs_is_not_flagged_although_the_accuracy_is_a_half() -> None:
    """Pairs of a model that is right on .55 of the pro and .45 of the anti sentences: accuracy a half, gap .10."""
    rng = np.random.default_rng(0)
    n_guessing = n_shown = n_flagged_although_shown = 0
    for _ in range(40):
        hits = np.stack([rng.random(300) < 0.55, rng.random(300) < 0.45], axis=1).astype(float)
        units = [str(at) for at in range(300)]
        accuracies = [
            mean("accuracy", units, values, slice=name, chance=0.5, ideal=1.0).score()
            for name, values in (("all", hits.mean(axis=1)), ("pro", hits[:, 0]), ("anti", hits[:, 1]))
        ]
        gap = mean("gap", units, hits[:, 0] - hits[:, 1], **ZERO).score()
        n_guessing += is_guessing(accuracies)
        n_shown += shows_bias(gap)
        n_flagged_although_shown += shows_bias(gap) and bool(describe_chance(gap, [*accuracies, gap]))
    assert n_guessing >= 10  # the accuracy alone would make the bias void in many runs
    assert n_shown >= 24
    assert n_flagged_although_shown == 0


def test_a_model_that_guesses_and_shows_no_bias_is_not_called_less_biased() -> None:
    rows = rows_of("base", 0.95, 0.8) + rows_of("sft", 1.0, 0.5)
    (points,) = describe_changes(group_by_measure(rows), label_models(rows), {})
    assert points.head == "sft: better in 0, worse in 1, neither in 1"
    assert any("similarity" in item and UNTESTED in item for item in points.items)


def test_a_model_that_guesses_but_shows_a_bias_is_called_more_biased() -> None:
    rows = rows_of("base", 1.0, 0.8) + rows_of("sft", 0.9, 0.5)
    (points,) = describe_changes(group_by_measure(rows), label_models(rows), {})
    assert points.head == "sft: better in 0, worse in 2, neither in 0"


def test_a_paired_comparison_has_the_last_word() -> None:
    rows = rows_of("base", 0.95, 0.8) + rows_of("sft", 0.955, 0.8)
    measure = next(m for m in group_by_measure(rows) if m.metric == "similarity")
    sft = next(model for model, label in label_models(rows).items() if label == "sft")
    (alone,) = describe_changes(group_by_measure(rows), label_models(rows), {})
    (paired,) = describe_changes(group_by_measure(rows), label_models(rows), {(sft, measure): "better"})
    assert alone.head == "sft: better in 0, worse in 0, neither in 2"
    assert paired.head == "sft: better in 1, worse in 0, neither in 1"


def test_a_model_above_chance_is() -> None:
    rows = rows_of("base", 0.95, 0.8) + rows_of("sft", 1.0, 0.8)
    (points,) = describe_changes(group_by_measure(rows), label_models(rows), {})
    assert "winobias, similarity: base 0.950 → sft 1.000 (better)" in points.items
