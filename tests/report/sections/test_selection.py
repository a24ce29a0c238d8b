"""What the report says of selection: figures, savings, warnings and the map."""

import copy
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.run_records import manifest_from
from unipref import report
from unipref.core.run_folder import Manifest, PromptMap
from unipref.report.sections.prompt_map import make_prompt_map
from unipref.report.sections.selection import (
    MAPS,
    Saving,
    estimate_savings,
    list_selection_warnings,
    make_selection_section,
)
from unipref.report.tables import MOST_SUBJECTS, merge_sentences


def summary(candidates: int, kept: int, words: tuple[int, int], **more: Any) -> dict[str, Any]:
    part = {
        "of": "all",
        "name": "all",
        "count": [candidates, kept],
        "tokens": list(words),
        "margin": [[0.1, 0.2, 0.5, 0.8, 0.9], None],
        "chosen_words": [12.25, 3.0],
        "rejected_words": [11.0, None],
        "length_ratio": [1.1, None],
        "clusters": [50, 45],
        "entropy": [3.5, 3.25],
        "nearest": [0.25, 0.5, 0.375],
        "distinct_2": [0.75, 0.8],
    }
    account = {
        "parts": [part, {**part, "of": "source", "name": "a|b"}],
        "clusters": 50,
        "embedder": "tfidf",
        "map": {"x": [0, 10, 1000], "y": [5, 0, 7], "kept": "101", "of": 30, "variance": [0.5, 0.25]},
        "warnings": [],
        "seconds": 0.5,
    }
    return {"candidates": candidates, "kept": kept, "seconds": 2.0, "account": account, **more}


def fit(steps: int, seconds: float, epoch: float) -> dict[str, Any]:
    return {"steps": steps, "seconds": seconds, "curve": [{"epoch": 0.0}, {"epoch": epoch}, {"loss": 1.0}]}


def manifest() -> dict[str, Any]:
    return {
        "selected": {
            "full": {"0": summary(1000, 1000, (5000, 5000))},
            "part": {"0": summary(1000, 400, (5000, 2000)), "1": summary(1000, 400, (5000, 2000), seconds=4.0)},
        },
        "train": {
            "full": {"0": {"sft": fit(100, 50.0, 2)}},
            "part": {"0": {"sft": fit(40, 21.0, 2)}, "1": {"sft": fit(40, 22.0, 2)}},
        },
    }


def test_savings_are_seconds_per_step_times_steps_saved() -> None:
    one = manifest()
    del one["selected"]["part"]["1"]
    # 50 s / 100 steps * (100 - 40) steps = 30 s
    assert estimate_savings(manifest_from(one)) == ([Saving("part", "sft", 2.0, 40, 100, 0.5, 30.0)], False)


def test_savings_without_a_run_on_everything_are_estimated_from_words() -> None:
    one = manifest()
    del one["selected"]["full"], one["selected"]["part"]["1"]
    # 21 s for 2,000 of 5,000 words: 21 * (5000 / 2000 - 1) = 31.5 s
    assert estimate_savings(manifest_from(one)) == ([Saving("part", "sft", 2.0, 40, None, 0.525, 31.5)], True)
    section = make_selection_section(manifest_from(one))
    assert section is not None
    (table,) = [table for table in section.tables if table.caption.startswith("Selection time")]
    assert [cell.text for cell in table.rows[0]][-1] == "estimated from words"
    assert "With a fixed number of steps, nothing is saved" in table.note


def test_savings_are_means_over_seeds() -> None:
    both = manifest()
    both["train"]["full"]["1"] = {"sft": fit(100, 70.0, 2)}
    # 30 s and 70 / 100 * 60 = 42 s; 2 s and 4 s spent selecting.
    found, estimated = estimate_savings(manifest_from(both))
    assert found == [Saving("part", "sft", 3.0, 40, 100, pytest.approx(0.6), pytest.approx(36.0))]
    assert not estimated


def test_nothing_is_saved_before_anything_is_trained() -> None:
    assert estimate_savings(manifest_from({"selected": manifest()["selected"]})) == ([], False)


@pytest.mark.parametrize(
    ("epochs", "said"),
    [
        (0.5, "part, seed 0, sft: 0.5 epochs, fewer than one: training did not see all selected data."),
        (1, None),
        (10, None),
        (12.5, "part, seed 0, sft: 12.5 epochs, more than 10: too little data was selected for this number of steps."),
    ],
)
def test_epochs_that_do_not_fit_the_selection_are_named(epochs: float, said: str | None) -> None:
    one = manifest()
    one["train"]["part"]["0"]["sft"] = fit(40, 21.0, epochs)
    one["train"]["full"]["0"]["sft"] = fit(40, 21.0, epochs)  # not for want of preferences
    assert list_selection_warnings(manifest_from(one)) == ([said] if said else [])


@pytest.mark.parametrize(("writes", "said"), [(True, []), (False, ["fewer than one"])])
def test_answers_that_the_model_writes_itself_are_not_counted_in_epochs(writes: bool, said: list[str]) -> None:
    one = manifest()
    one["train"]["part"]["0"] = {"second": fit(40, 21.0, 0.5)}
    one["variants"] = {"part": {"steps": [{"name": "second", "writes_answers": writes}]}}
    found = list_selection_warnings(manifest_from(one))
    assert len(found) == len(said)
    assert all(words in text for words, text in zip(said, found, strict=True))


def test_the_accounts_warnings_are_told_with_variant_and_seed() -> None:
    one = manifest()
    one["selected"]["part"]["1"]["account"]["warnings"] = ["a is gone."]
    section = make_selection_section(manifest_from(one))
    assert section is not None
    assert section.points[0].items == list_selection_warnings(manifest_from(one)) == ["part, seed 1: a is gone."]


def test_what_is_said_of_several_is_said_once() -> None:
    one = manifest()
    for seed in ("0", "1"):
        one["selected"]["part"][seed]["notes"] = ["a is short."]
    section = make_selection_section(manifest_from(one))
    assert section is not None
    assert section.points[-1].items == ["part, seed 0; part, seed 1: a is short."]
    assert merge_sentences((str(at), "x") for at in range(MOST_SUBJECTS + 2)) == ["0; 1; 2; 3; 4; 5; 2 more: x"]


def test_what_became_of_the_budget_is_told_with_variant_and_seed() -> None:
    one = manifest()
    one["selected"]["part"]["1"]["notes"] = ["a / bias is 3 short of its budget: nothing more may be kept"]
    section = make_selection_section(manifest_from(one))
    assert section is not None
    (points,) = [points for points in section.points if points.head == "Budget"]
    assert points.items == ["part, seed 1: a / bias is 3 short of its budget: nothing more may be kept"]


def test_a_selection_is_told_before_and_after() -> None:
    section = make_selection_section(manifest_from(manifest()))
    assert section is not None
    tables = {table.caption: table for table in section.tables}
    (row,) = tables["Before and after selection"].rows  # the first seed of the variant that left something out
    assert [cell.text for cell in row] == [
        "part",
        "all",
        "1,000 → 400",
        "5,000 → 2,000",
        "0.100 → –",
        "0.500 → –",
        "0.900 → –",
        "12.2 → 3.0",
        "11.0 → –",
        "1.100 → –",
        "50 → 45",
        "3.500 → 3.250",
        "0.250 → 0.500",
        "0.375",
        "0.750 → 0.800",
    ]
    (row,) = tables["Before and after selection, by source"].rows
    assert row[1].text == "a|b"


def test_the_map_parts_kept_and_left_out() -> None:
    known = manifest()["selected"]["part"]["0"]["account"]["map"]
    figure = make_prompt_map("part", msgspec.convert(known, PromptMap))
    dropped, kept = figure.traces
    assert (dropped["name"], dropped["x"], dropped["y"]) == ("left out", [10], [0])
    assert (kept["name"], kept["x"], kept["y"]) == ("kept", [0, 1000], [5, 7])
    assert figure.description == "3 of 30 prompts, drawn at random: 2 kept, 1 left out."
    assert "customdata" not in kept
    told = known | {
        "prompts": ["one two " * 10, "b", "c"],
        "sources": [["s", "t"], [0, 1, 1]],
        "reasons": [["r"], [0] * 3],
    }
    dropped, kept = make_prompt_map("part", msgspec.convert(told, PromptMap)).traces
    assert dropped["customdata"] == [["b", "t", "r"]]
    # Long prompts stand on two lines.
    assert [len(line) <= 44 for line in kept["customdata"][0][0].split("\n")] == [True, True]
    assert kept["customdata"][1] == ["c", "t", "r"]


def test_only_so_many_maps_are_drawn_and_the_others_named() -> None:
    one = manifest()
    part = one["selected"].pop("part")
    one["selected"] |= {f"part-{at}": part for at in range(MAPS + 2)}
    section = make_selection_section(manifest_from(one))
    assert section is not None
    assert len(section.figures) == MAPS
    assert section.paragraphs == [f"The maps of part-{MAPS}, part-{MAPS + 1} are not drawn."]


def test_manifests_of_before_and_without_selection_are_read() -> None:
    old = copy.deepcopy(manifest())
    for by_seed in old["selected"].values():
        for one in by_seed.values():
            del one["account"]
    section = make_selection_section(manifest_from(old))
    assert section is not None
    assert section.figures == []
    assert make_selection_section(Manifest()) is None
    assert list_selection_warnings(Manifest()) == []


def test_page_and_markdown_show_it_and_escape_names(
    tmp_path: Path, nasty: str, figures_of: Callable[[str], Any]
) -> None:
    one = manifest()
    one["selected"] = {nasty: one["selected"]["part"]}
    one["selected"][nasty]["0"]["account"]["warnings"] = [f"source '{nasty}' is gone."]
    (tmp_path / "manifest.json").write_text(json.dumps(one))
    report.write(tmp_path)
    page, text = ((tmp_path / name).read_text() for name in ("report.html", "report.md"))
    assert nasty not in page
    assert "<script" not in text
    kept = figures_of(page)[0]["traces"][1]
    assert (kept["name"], kept["x"], kept["y"]) == ("kept", [0, 1000], [5, 7])
    assert 'role="group" aria-label="Prompts of ' in page
    assert "3 of 30 prompts, drawn at random: 2 kept, 1 left out." in text
    assert "Selection warnings" in text


def test_the_terminal_shows_the_warnings(tmp_path: Path) -> None:
    from rich.console import Console

    one = manifest()
    one["selected"]["part"]["0"]["account"]["warnings"] = ["source 'a' is gone."]
    (tmp_path / "manifest.json").write_text(json.dumps(one))
    screen = Console(record=True, width=200, file=io.StringIO())
    screen.print(report.console(tmp_path))
    assert "• part, seed 0: source 'a' is gone." in screen.export_text()


def test_signs_of_failure_hide_no_doubts_on_epochs(tmp_path: Path, score_row: Callable[..., Any]) -> None:
    from rich.console import Console

    one = manifest()
    gone = "source 'a' is gone."
    one["selected"]["part"]["0"]["account"]["warnings"] = [gone]
    one["train"]["part"]["0"]["sft"] = fit(40, 21.0, 12.5)
    sign = {"name": "over-aggressive filtering", "threshold": "t", "found": [f"part, seed 0: {gone}"]}
    verdicts = {
        "version": 2,
        "summary": ["One."],
        "sides": {},
        "models": [],
        "front": None,
        "claims": [],
        "signatures": [sign],
    }
    for name, value in (("manifest", one), ("verdicts", verdicts), ("scores", [score_row("sft", "b", "m", 0.5)])):
        (tmp_path / f"{name}.json").write_text(json.dumps(value))
    screen = Console(record=True, width=200, file=io.StringIO())
    screen.print(report.console(tmp_path))
    shown = screen.export_text()
    assert shown.count(gone) == 1
    assert "• part, seed 0, sft: 12.5 epochs, more than 10" in shown


def test_a_variant_may_lack_its_strategy() -> None:
    section = make_selection_section(manifest_from(manifest() | {"variants": {"part": {}}}))
    assert section is not None
    assert section.figures


def test_where_many_trainings_do_not_see_what_was_kept_they_are_told_in_one_sentence() -> None:
    one = manifest()
    kept = one["selected"]["part"]["0"]
    one["selected"] = {"part": {str(seed): kept for seed in range(6)}}
    one["train"] = {"part": {str(seed): {"sft": fit(40, 21.0, (seed + 1) / 10)} for seed in range(6)}}
    assert list_selection_warnings(manifest_from(one)) == [
        "part, seed 0, and 5 others, sft: 0.1 to 0.6 epochs, fewer than one: training did not see all selected data."
    ]


def test_the_map_of_one_source_alone_comes_after_those_of_strategies() -> None:
    one = manifest()
    one["selected"] = {"alone": one["selected"]["part"], "part": one["selected"]["part"]}
    one["variants"] = {"alone": {"strategy": {"takes_whole": True}}, "part": {"strategy": {"takes_whole": False}}}
    section = make_selection_section(manifest_from(one))
    assert section is not None
    assert [figure.title for figure in section.figures] == ["Prompts of part", "Prompts of alone"]
