"""Which value is better, what is at chance, and which measures are shown."""

import json

import pytest

from unipref.core.errors import UserError
from unipref.core.run_folder import RunFolder
from unipref.core.stats.chance import is_at_chance
from unipref.report.content import axis_range, format_number
from unipref.report.scores import (
    Measure,
    Model,
    average_seeds,
    compare_scores,
    find_clear_best,
    group_by_measure,
    label_models,
)


@pytest.fixture
def rows(tmp_path, score_row):
    def read(*made):
        path = tmp_path / "scores.json"
        path.write_text(json.dumps([score_row(*args, **changes) for args, changes in made]))
        return RunFolder(tmp_path).scores()

    return read


@pytest.mark.parametrize(
    ("base", "tuned", "settings", "expected"),
    [
        ((0.1, 0.0, 0.2), (0.5, 0.4, 0.6), {"direction": "higher"}, "better"),
        ((0.1, 0.0, 0.2), (0.5, 0.4, 0.6), {"direction": "lower"}, "worse"),
        ((0.1, 0.0, 0.4), (0.5, 0.4, 0.6), {"direction": "higher"}, "no clear difference"),
        ((0.5, 0.4, 0.6), (0.5, 0.3, 0.7), {"direction": "higher"}, "unchanged"),
        ((0.1, None, None), (0.5, 0.4, 0.6), {"direction": "higher"}, "better, no interval"),
        ((0.5, None, None), (0.1, None, None), {"direction": "higher"}, "worse, no interval"),
        # distances from .5: .3 [.2, .4] and .05 [0, .1]
        ((0.8, 0.7, 0.9), (0.45, 0.4, 0.55), {"direction": "ideal", "ideal": 0.5}, "better"),
        # both .2 from the ideal, on either side
        ((0.7, 0.6, 0.8), (0.3, 0.2, 0.4), {"direction": "ideal", "ideal": 0.5}, "unchanged"),
        # .25 [.2, .3] below against .1 [.05, .15] above: the raw intervals are further apart than the distances
        ((0.25, 0.2, 0.3), (0.6, 0.55, 0.65), {"direction": "ideal", "ideal": 0.5}, "better"),
        # distances .3 [.2, .4] and .25 [.15, .35] overlap although the raw intervals do not
        ((0.2, 0.1, 0.3), (0.75, 0.65, 0.85), {"direction": "ideal", "ideal": 0.5}, "no clear difference"),
    ],
)
def test_verdicts(rows, base, tuned, settings, expected):
    keys = ("low", "high")
    one, two = rows(
        (("base", "b", "m", base[0]), {**settings, **dict(zip(keys, base[1:], strict=True))}),
        (("sft", "b", "m", tuned[0]), {**settings, **dict(zip(keys, tuned[1:], strict=True))}),
    )
    assert compare_scores(one, two) == expected


@pytest.mark.parametrize(
    ("value", "changes", "expected"),
    [
        (0.52, {"low": 0.48, "high": 0.56, "chance": 0.5}, True),
        (0.60, {"low": 0.55, "high": 0.65, "chance": 0.5}, False),
        (0.30, {"low": 0.25, "high": 0.35, "chance": 0.5}, True),
        (0.50, {"chance": 0.5}, True),
        (0.51, {"chance": 0.5}, False),
        (0.01, {}, False),
        (0.5, {"chance": 0.5, "direction": "ideal", "ideal": 0.5}, False),
    ],
)
def test_guessing(rows, value, changes, expected):
    assert is_at_chance(rows((("sft", "b", "accuracy", value), changes))[0]) is expected


def test_headline_takes_the_test_split_the_whole_and_corrected_first(rows):
    made = rows(
        (("sft", "b", "bias", 1.0), {"mode": "paper"}),
        (("sft", "b", "bias", 2.0), {"split": "dev"}),
        (("sft", "b", "bias", 3.0), {"slice": "nurse"}),
        (("sft", "b", "bias", 4.0), {}),
        (("sft", "c", "bias", 5.0), {"split": "dev"}),
    )
    found = {measure: [row.value for row in scores.values()] for measure, scores in group_by_measure(made).items()}
    assert list(found.items()) == [
        (Measure("b", "corrected", "test", "bias"), [4.0]),
        (Measure("b", "paper", "test", "bias"), [1.0]),
        (Measure("c", "corrected", "dev", "bias"), [5.0]),
    ]


def test_names_say_variant_and_seed_only_where_they_differ(rows):
    plain = rows((("sft", "b", "m", 1.0), {}), (("base", "b", "m", 1.0), {}))
    assert list(label_models(plain).values()) == ["base", "sft"]
    several = rows(
        (("base", "b", "m", 1.0), {}),
        (("sft", "b", "m", 1.0), {"variant": "full"}),
        (("sft", "b", "m", 1.0), {"variant": "random", "seed": 1}),
    )
    assert list(label_models(several).values()) == ["base", "full · sft · seed 0", "random · sft · seed 1"]


def intervals(rows, **by_step):
    """Measures of one metric with an interval for each step, or for each of its seeds."""
    made = []
    for step, ends in by_step.items():
        for seed, (low, high) in enumerate(ends if isinstance(ends, list) else [ends]):
            changes = {"low": low, "high": high} | ({} if step == "base" else {"seed": seed})
            made.append(((step, "b", "m", (low + high) / 2), changes))
    return group_by_measure(rows(*made))


def test_only_a_clear_winner_is_the_best(rows):
    for direction, ideal, expected in [("higher", None, "sft"), ("lower", None, "base"), ("ideal", 0.9, "sft")]:
        changes = {"direction": direction, "ideal": ideal}
        measures = group_by_measure(
            rows(
                (("base", "b", "m", 0.2), changes | {"low": 0.1, "high": 0.3}),
                (("sft", "b", "m", 0.9), changes | {"low": 0.8, "high": 1.0}),
            )
        )
        assert find_clear_best(measures, next(iter(measures))).step == expected
    for case in (
        {"base": (0.1, 0.3), "sft": (0.2, 0.9)},  # the intervals overlap
        {"sft": (0.2, 0.9)},  # nothing to compare with
        {"base": (0.1, 0.3), "sft": [(0.4, 0.5), (0.2, 0.4)]},  # one of two seeds overlaps
    ):
        measures = intervals(rows, **case)
        assert find_clear_best(measures, next(iter(measures))) is None, case
    measures = intervals(rows, base=(0.1, 0.3), sft=[(0.4, 0.5), (0.5, 0.6)])
    assert find_clear_best(measures, next(iter(measures))) == ("main", "sft")


def test_a_model_that_guesses_or_has_no_interval_is_never_the_best(rows):
    guess = {"low": 0.45, "high": 0.52, "chance": 0.5}
    measures = group_by_measure(
        rows((("base", "b", "m", 0.3), {"low": 0.2, "high": 0.4, "chance": 0.5}), (("sft", "b", "m", 0.5), guess))
    )
    assert find_clear_best(measures, next(iter(measures))) is None
    measures = group_by_measure(rows((("base", "b", "m", 0.5), {}), (("sft", "b", "m", 0.9), {})))
    assert find_clear_best(measures, next(iter(measures))) is None


def test_means_over_seeds_say_their_range_and_how_many_seeds_guess(rows):
    about = {"chance": 0.5}
    measures = group_by_measure(
        rows(
            (("base", "b", "m", 0.5), about | {"low": 0.4, "high": 0.6}),
            (("sft", "b", "m", 0.5), about | {"low": 0.4, "high": 0.6, "seed": 0}),
            (("sft", "b", "m", 0.7), about | {"low": 0.6, "high": 0.8, "seed": 1}),
        )
    )
    means, remarks, guesses = average_seeds(measures, "{:.1f}".format)
    ((measure, scores),) = means.items()
    base, sft = Model("base", None, "base"), Model("main", None, "sft")
    assert (scores[sft].value, scores[sft].low) == (pytest.approx(0.6), None)
    assert (scores[base].low, remarks[measure, base]) == (0.4, "no better than guessing")
    assert remarks[measure, sft] == "seeds 0.5 to 0.7; no better than guessing in 1 of 2 seeds"
    assert guesses == {(measure, base)}
    worse = rows(
        *(
            (("sft", "b", "m", high), about | {"low": 0.2, "high": high, "seed": at})
            for at, high in enumerate((0.4, 0.6))
        )
    )
    _, remarks, _ = average_seeds(group_by_measure(worse), "{:.1f}".format)
    assert remarks[measure, sft] == "seeds 0.4 to 0.6; no better than guessing"


def test_values_that_are_no_numbers_are_left_out(tmp_path, score_row):
    made = [score_row("sft", "b", "m", value) for value in (float("nan"), None, 0.5)]
    (tmp_path / "scores.json").write_text(json.dumps(made))
    assert [row.value for row in RunFolder(tmp_path).scores()] == [0.5]


def test_defaults_of_a_score_may_be_absent(tmp_path):
    row = {
        "variant": "base",
        "step": "base",
        "benchmark": "b",
        "metric": "m",
        "value": 1,
        "n": 3,
        "direction": "higher",
    }
    (tmp_path / "scores.json").write_text(json.dumps([row]))
    read = RunFolder(tmp_path).scores()[0]
    assert (read.mode, read.split, read.slice, read.low, read.seed) == ("corrected", "test", "all", None, None)


@pytest.mark.parametrize("text", ["{", '{"a": 1}', '[{"value": 1}]', "[1]"])
def test_broken_scores_are_named(tmp_path, text):
    (tmp_path / "scores.json").write_text(text)
    with pytest.raises(UserError, match=r"scores\.json: scores\.json is corrupt or from another version"):
        RunFolder(tmp_path).scores()


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.5, "0.500"), (10.45794, "10.458"), (1234.56, "1234.6"), (0.0, "0.000"), (0.00012, "1.2e-04"), (None, "–")],
)
def test_numbers(value, expected):
    assert format_number(value) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 1.0, 0.5], [-0.06, 1.06]),
        ([2.0], [1.9, 2.1]),  # nothing lies between: 5 % of the value
        ([0.0], [-0.05, 0.05]),
    ],
)
def test_the_range_of_an_axis_leaves_room(values, expected):
    assert axis_range(values) == pytest.approx(expected)
