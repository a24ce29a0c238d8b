"""The trade-off drawn: places, intervals, front, which way is better, and marks that keep apart."""

from typing import Any

import pytest

from support.run_records import verdicts_from
from unipref.core.run_folder import ScoreRow, Verdicts
from unipref.report.sections.trade_off import ROOM, make_trade_off_figure, make_trade_off_section, place_marks


def found(*models: tuple[str, str, float, float, bool], **changes: Any) -> Verdicts:
    """(variant, step, instruction, bias, on the front); intervals of 0.1 to either side."""

    def figure(value: float) -> dict[str, Any]:
        ends = {"low": value - 0.1, "high": value + 0.1}
        return {"value": value, **ends, "seeds": 2, "n": 50, "at_chance": False, "skill": 0.75}

    sides = {
        "instruction": {"benchmark": "instructions", "metric": "followed", "slice": "all", "skill_metric": None},
        "bias": {"benchmark": "winobias", "metric": "two_way_bias", "slice": "all", "skill_metric": "accuracy"},
    }
    told = [
        {"variant": v, "step": s, "figures": {"instruction": figure(x), "bias": figure(y)}, "gains": {}, "front": front}
        for v, s, x, y, front in models
    ]
    return verdicts_from({"sides": sides, "models": told} | changes)


def scores(direction: str = "ideal", ideal: float | None = 0.0) -> list[ScoreRow]:
    def row(benchmark: str, metric: str, **way: Any) -> ScoreRow:
        return ScoreRow(
            variant="main", step="sft", benchmark=benchmark, metric=metric, slice="all", mode="corrected", split="test",
            value=0.5, low=None, high=None, n=9, chance=None, **way,
        )  # fmt: skip

    return [
        row("instructions", "followed", direction="higher", ideal=None),
        row("winobias", "two_way_bias", direction=direction, ideal=ideal),
    ]


MODELS = (
    ("base", "base", 0.2, 0.5, False),
    ("main", "sft", 0.4, 0.2, False),
    ("main", "dpo", 0.8, 0.3, True),
    ("part", "sft", 0.5, 0.1, True),
)


def test_points_have_their_figures_and_intervals_and_the_front_joins_its_models() -> None:
    figure = make_trade_off_figure(found(*MODELS), scores())
    assert figure is not None
    front, base, sft, dpo, part = figure.traces
    assert (front["x"], front["y"], front["name"]) == ([0.5, 0.8], [0.1, 0.3], "front")
    assert (base["name"], base["text"], base["meta"]) == ("base", ["base"], {"mark": "◆"})
    assert (dpo["x"], dpo["y"], dpo["name"]) == ([0.8], [0.3], "main · dpo ★")
    assert [trace["meta"].get("variant") for trace in (sft, dpo, part)] == ["main", "main", "part"]
    assert [trace["text"] for trace in (sft, dpo, part)] == [["1"], ["2"], ["3"]]
    # One form for each step.
    assert [trace["marker"]["symbol"] for trace in (base, sft, dpo, part)] == ["diamond", "circle", "square", "circle"]
    assert (dpo["error_x"]["array"], dpo["error_y"]["arrayminus"]) == ([pytest.approx(0.1)], [pytest.approx(0.1)])
    hover = "main · dpo\nfollowed 0.800 [0.700, 0.900]\ntwo_way_bias 0.300 [0.200, 0.400]\naccuracy 0.750"
    assert dpo["customdata"] == [[hover]]
    assert figure.description.startswith("Pareto-optimal: part · sft, main · dpo.")
    assert "Horizontal: followed of instructions (higher is better)" in figure.description
    assert "Symbols: circle sft, square dpo." in figure.note


def test_better_is_to_the_right_and_up() -> None:
    lower = make_trade_off_figure(found(*MODELS), scores("lower", None))
    assert lower is not None
    ranges = [lower.layout[axis]["range"] for axis in ("xaxis", "yaxis")]
    assert ranges[0][0] < ranges[0][1]
    assert ranges[1][0] > ranges[1][1]
    near = make_trade_off_figure(found(*MODELS), scores())
    assert near is not None
    (ideal,) = near.layout["shapes"]
    assert (ideal["y0"], ideal["label"]["text"]) == (0.0, "ideal")


def test_a_long_interval_leaves_the_frame() -> None:
    wide = found(*MODELS)
    figures = wide.models[1].figures
    assert figures["instruction"] is not None
    figures["instruction"].low, figures["instruction"].high = -9.0, 9.0
    figure = make_trade_off_figure(wide, scores())
    assert figure is not None
    # Values from 0.2 to 0.8, and half of that distance on either side.
    assert figure.layout["xaxis"]["range"] == pytest.approx([0.2 - ROOM * 0.6, 0.8 + ROOM * 0.6])
    assert figure.traces[2]["error_x"]["array"] == [pytest.approx(8.6)]


def test_a_model_that_guesses_is_open() -> None:
    guessing = found(*MODELS)
    figures = guessing.models[1].figures
    assert figures["bias"] is not None
    figures["bias"].at_chance = True
    figure = make_trade_off_figure(guessing, scores())
    assert figure is not None
    assert figure.traces[2]["marker"]["symbol"] == "circle-open"
    assert "Open symbols: the skill of the model is no better than guessing" in figure.note
    assert figure.traces[2]["customdata"][0][0].endswith("no better than guessing")


def test_without_a_front_that_is_said() -> None:
    figure = make_trade_off_figure(found(*((*model[:4], False) for model in MODELS)), scores())
    assert figure is not None
    assert figure.description.startswith("No model is Pareto-optimal. Horizontal: ")
    assert [trace["name"] for trace in figure.traces] == ["base", "main · sft", "main · dpo", "part · sft"]


def test_models_of_which_one_side_was_not_measured_are_left_out() -> None:
    half = found(*MODELS)
    half.models[2].figures["bias"] = None
    figure = make_trade_off_figure(half, scores())
    assert figure is not None
    assert [trace["name"] for trace in figure.traces] == ["base", "main · sft", "part · sft ★"]
    for model in half.models:
        model.figures["bias"] = None
    assert make_trade_off_figure(half, scores()) is None


def test_trained_models_far_from_the_base_are_drawn_again_without_it() -> None:
    section = make_trade_off_section(found(*MODELS), scores())
    assert section is not None
    assert section.figures == []  # 0.4 to 0.8 is more than a third of 0.2 to 0.8
    far = (("base", "base", 0.0, 0.9, False), *((f"v{i}", "sft", 0.7 + i / 100, 0.1, i == 2) for i in range(3)))
    section = make_trade_off_section(found(*far), scores())
    assert section is not None
    assert section.figures[0].title.endswith("the trained models alone")
    assert [trace["name"] for trace in section.figures[0].traces] == ["v0 · sft", "v1 · sft", "v2 · sft ★"]
    assert "base" not in section.figures[0].note
    assert make_trade_off_section(None, []) is None


def test_where_the_base_alone_is_on_the_front_the_trained_models_do_not_all_guess() -> None:
    far = (("base", "base", 0.9, 0.0, True), *((f"v{i}", "sft", 0.1 + i / 100, 0.5, False) for i in range(3)))
    figures = [make_trade_off_figure(found(*far), scores(), trained_alone=alone) for alone in (False, True)]
    whole, trained = (figure.description for figure in figures if figure is not None)
    assert whole.startswith("Pareto-optimal: base.")
    assert trained.startswith("No trained model is Pareto-optimal: the base model is at least as good as each of them.")


def test_one_side_alone_has_a_table_and_no_figure() -> None:
    one = found(*MODELS)
    del one.sides["bias"]
    for model in one.models:
        del model.figures["bias"]
    section = make_trade_off_section(one, scores())
    assert section is not None
    assert (section.figures, len(section.tables[0].rows)) == ([], 4)


def test_marks_keep_away_from_other_points() -> None:
    # The second point lies to the right and above, so the first one's mark does not.
    first, second = place_marks([(0.5, 0.5), (0.53, 0.55)], [1, 1])
    assert first == "bottom left"
    assert second != "bottom left"


@pytest.mark.parametrize("x", [0.0, 0.02, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("y", [0.0, 0.05, 0.5, 0.95, 1.0])
def test_marks_are_within_the_frame(x: float, y: float) -> None:
    # The other points push the marks of the first ones outwards.
    first, second, _ = place_marks([(x, y), (x, y), (0.5, 0.5)], [4, 2, 1])
    for corner, width in ((first, 0.16), (second, 0.1)):
        sideways = x - width if "left" in corner else x + width
        upwards = y + 0.06 if "top" in corner else y - 0.06
        assert 0 <= sideways <= 1
        assert 0 <= upwards <= 1
