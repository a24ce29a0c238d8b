"""Curves in the report: every run of a step in one figure."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.run_records import manifest_from
from unipref import report
from unipref.report.sections.training_curves import (
    FIGURES,
    LINES,
    MOST_IN_TEXT,
    MOST_POINTS,
    POINTS,
    make_curve_figures,
)


def fit(losses: list[float], **more: Any) -> dict[str, Any]:
    return {"curve": [{"step": step, "loss": loss} for step, loss in enumerate(losses, 1)], **more}


def dev(*values: float) -> list[dict[str, Any]]:
    score = {"metric": "accuracy", "n": 9, "direction": "higher", "chance": 0.5}
    return [{"step": step, "scores": {"wb/accuracy": {**score, "value": v}}} for step, v in enumerate(values)]


def test_lines_are_the_values_over_the_steps() -> None:
    figures, left_out = make_curve_figures(manifest_from({"train": {"main": {"0": {"sft": fit([3.0, 2.0, 1.0])}}}}))
    (figure,) = figures
    assert (figure.title, left_out) == ("sft: loss", "")
    (line,) = figure.traces
    assert (line["x"], line["y"], line["name"]) == ([1, 2, 3], [3.0, 2.0, 1.0], "main, seed 0")
    assert line["meta"] == {"variant": "main"}
    assert figure.description == "Last values: main, seed 0: 1.000."
    assert "shapes" not in figure.layout


def test_each_step_and_figure_has_a_figure_and_each_run_a_line() -> None:
    many = {str(seed): {"sft": fit([2.0, 1.0]), "dpo": fit([0.7, 0.6], dev=dev(0.4, 0.8))} for seed in range(LINES + 2)}
    figures, left_out = make_curve_figures(manifest_from({"train": {"main": many}}))
    assert [figure.title for figure in figures] == ["sft: loss", "dpo: loss", "dpo: dev wb/accuracy"]
    assert [line["name"] for line in figures[0].traces] == [f"main, seed {seed}" for seed in range(LINES)]
    assert "main, seed 0: 0.800; " in figures[2].description
    assert figures[2].description.endswith(f"{LINES - MOST_IN_TEXT} more.")
    (chance,) = figures[2].layout["shapes"]
    assert (chance["y0"], chance["y1"], chance["label"]["text"], figures[2].note) == (
        0.5,
        0.5,
        "chance",
        "Chance: 0.500.",
    )
    assert left_out == f"Only the first {LINES} of a step's runs are drawn."


def test_what_cannot_be_drawn_is_left_out_and_long_lines_are_thinned() -> None:
    broken = fit([1.0, float("nan"), 2.0])
    long = fit([float(i) for i in range(5000)])
    figures, _ = make_curve_figures(
        manifest_from({"train": {"main": {"0": {"broken": broken, "single": fit([1.0]), "long": long, "none": {}}}}})
    )
    assert [figure.title for figure in figures] == ["broken: loss", "long: loss"]
    assert figures[0].traces[0]["y"] == [1.0, 2.0]
    assert len(figures[1].traces[0]["x"]) == POINTS
    gap = fit([], dev=dev(0.4, float("nan"), 0.6))
    (of_dev,), _ = make_curve_figures(manifest_from({"train": {"main": {"0": {"dpo": gap}}}}))
    assert (of_dev.traces[0]["x"], of_dev.traces[0]["y"]) == ([0, 2], [0.4, 0.6])
    assert (figures[1].traces[0]["x"][0], figures[1].traces[0]["x"][-1]) == (1, 5000)
    assert figures[1].description == "Last values: main, seed 0: 4999.0."
    many = {str(seed): {"sft": fit([float(i) for i in range(5000)])} for seed in range(LINES)}
    figures, _ = make_curve_figures(manifest_from({"train": {"main": many}}))
    assert sum(len(line["x"]) for line in figures[0].traces) <= MOST_POINTS
    steps = {f"s{i}": fit([2.0, 1.0]) for i in range(FIGURES + 3)}
    figures, left_out = make_curve_figures(manifest_from({"train": {"main": {"0": steps}}}))
    assert len(figures) == FIGURES
    assert left_out == "3 more figures are not drawn; curve.jsonl of each step has their numbers."


def test_the_page_has_the_curves_and_markdown_what_they_say(tmp_path: Path, figures_of: Callable[[str], Any]) -> None:
    name = "<b>sft"
    (tmp_path / "manifest.json").write_text(json.dumps({"train": {"main": {"0": {name: fit([2.0, 1.0])}}}}))
    report.write(tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    (figure,) = figures_of(page)
    assert figure["traces"][0]["y"] == [2.0, 1.0]
    assert "&lt;b&gt;sft: loss" in page
    assert name not in page
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "**&lt;b&gt;sft: loss** (figure in report.html)" in text
    assert "Last values: main, seed 0: 1.000." in text
