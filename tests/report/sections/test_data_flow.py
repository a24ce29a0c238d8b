"""The data flow: the numbers of figure and table, by hand from a made-up manifest."""

from typing import Any

from support.run_records import manifest_from, sources_from
from unipref.core.run_folder import Manifest
from unipref.report.sections.data_flow import MOST_REASONS, MOST_VARIANTS, check_counts, count_rows, make_flow_section


def source(rows: int, used: int, groups: int, preferences: int, **more: Any) -> dict[str, Any]:
    return {"rows": rows, "used": used, "groups": groups, "projected": preferences, "preferences": preferences} | more


def manifest(nasty: str = "a") -> dict[str, Any]:
    return {
        "sources": {
            nasty: source(110, 100, 50, 40, rejected={"not_json": 10}, groups_rejected={"tie": 10}),
            "b": source(30, 30, 30, 28, preferences_rejected={"below_min_margin": 2}, groups_rejected={"tie": 2}),
        },
        "clean": {
            "train": 50,
            "by_source": {nasty: {"preferences": 40, "duplicate": 5}, "b": {"preferences": 28, "benchmark": 3}},
        },
        "selected": {
            "main": {"0": {"by_source": {nasty: [30, 12], "b": [20, 8]}}, "1": {"by_source": {nasty: [30, 11]}}},
            "full": {"0": {"by_source": {nasty: [30, 30], "b": [20, 20]}}},
        },
    }


def test_the_way_of_each_source(nasty: str) -> None:
    found = count_rows(manifest_from(manifest(nasty)))
    assert found.steps == {
        "rows": {nasty: 110, "b": 30},
        "rows used": {nasty: 100, "b": 30},
        "groups": {nasty: 50, "b": 30},
        "preferences": {nasty: 40, "b": 28},
        "kept by clean": {nasty: 40 - 5, "b": 28 - 3},
        "for training": {nasty: 30, "b": 20},
        "selected: main": {nasty: 12, "b": 8},
        "selected: full": {nasty: 30, "b": 20},
    }
    assert found.drop_counts == {
        ("row", "not_json"): {nasty: 10},
        ("group", "tie"): {nasty: 10, "b": 2},
        ("preference", "below_min_margin"): {"b": 2},
        ("removed", "duplicate"): {nasty: 5},
        ("removed", "benchmark"): {"b": 3},
    }


def test_figure_and_table_have_the_same_numbers(nasty: str) -> None:
    section = make_flow_section(manifest_from(manifest(nasty)))
    assert section is not None
    way, fallen = section.figures
    assert [(trace["name"], trace["x"]) for trace in way.traces] == [
        (nasty, [110, 100, 50, 40, 35, 30, 12, 30]),
        ("b", [30, 30, 30, 28, 25, 20, 8, 20]),
    ]
    assert all(trace["y"] == list(count_rows(manifest_from(manifest(nasty))).steps) for trace in way.traces)
    assert way.description == (
        "140 rows, 130 rows used, 80 groups, 68 preferences, 60 kept by clean, 50 for training; "
        "selected: main 20, full 50."
    )
    # Most first: 12 ties, then 10 rows that are not JSON, 5, 3 and 2.
    assert fallen.traces[0]["y"] == [
        "tie (group)",
        "not_json (row)",
        "duplicate (removed)",
        "benchmark (removed)",
        "below_min_margin (preference)",
    ]
    assert [trace["x"] for trace in fallen.traces] == [[10, 10, 5, 0, 0], [2, 0, 0, 3, 2]]
    first, second, reasons = section.tables
    assert [[cell.text for cell in row] for row in first.rows] == [
        [nasty, "110", "100", "10", "50", "40", "40"],
        ["b", "30", "30", "0", "30", "28", "28"],
    ]
    # Held out: what clean kept, less what there is to train on.
    assert [f"{column.group} {column.head}".strip() for column in second.columns] == [
        *("source", "preferences", "removed", "held out", "for training"),
        *("selected main", "selected full"),
    ]
    assert [[cell.text for cell in row] for row in second.rows] == [
        [nasty, "40", "5", "5", "30", "12", "30"],
        ["b", "28", "3", "5", "20", "8", "20"],
    ]
    assert [[cell.text for cell in row] for row in reasons.rows] == [
        [nasty, "row", "not_json", "10", "9.1 %"],
        [nasty, "group", "tie", "10", "20.0 %"],
        ["b", "group", "tie", "2", "6.7 %"],
        ["b", "preference", "below_min_margin", "2", "–"],
    ]


def test_many_sources_and_variants_stay_legible() -> None:
    made = {
        "sources": {f"s{n}": source(100 - n, 100 - n, 9, 9) for n in range(20)},
        "selected": {f"v{n}": {"0": {"by_source": {"s0": [9, n]}}} for n in range(12)},
    }
    section = make_flow_section(manifest_from(made))
    assert section is not None
    (way,) = section.figures
    assert [trace["name"] for trace in way.traces] == [*(f"s{n}" for n in range(7)), "13 more sources"]
    # 93 + 92 + ... + 81 rows of the thirteen smaller sources.
    assert way.traces[-1]["x"][0] == sum(range(81, 94))
    assert [label for label in way.traces[0]["y"] if label.startswith("selected")][
        -1
    ] == f"selected: v{MOST_VARIANTS - 1}"
    assert way.note == "4 more variants are in the section Selection."
    assert len(section.tables[0].rows) == 20


def test_variants_with_data_of_their_own_are_named() -> None:
    made = manifest()
    made["variants"] = {
        "full": {"sources": made["sources"], "clean": made["clean"]},
        "main": {"sources": {}},
    }
    assert count_rows(manifest_from(made)).variants_with_own_data == ["main"]
    section = make_flow_section(manifest_from(made))
    assert section is not None
    assert "Only the selection is shown of variants with their own data: main." in section.figures[0].note


def test_a_run_that_went_only_so_far() -> None:
    assert make_flow_section(Manifest()) is None
    section = make_flow_section(manifest_from({"sources": {"a": {"rows": 3, "preferences": 2}}}))
    assert section is not None
    assert [table.caption for table in section.tables] == ["From rows to preferences"]
    assert section.figures[0].description == "3 rows, 2 preferences."
    cleaned = manifest()
    del cleaned["selected"]
    section = make_flow_section(manifest_from(cleaned))
    assert section is not None
    assert [[cell.text for cell in row] for row in section.tables[1].rows] == [["a", "40", "5"], ["b", "28", "3"]]


def test_the_books() -> None:
    assert check_counts(sources_from(manifest()["sources"]))[0].startswith("All counts add up")
    assert check_counts(sources_from({"a": source(10, 8, 5, 5, rejected={"not_json": 1})})) == [
        "The counts of a do not add up: 10 rows, 8 used, 1 rejected."
    ]
    assert check_counts(sources_from({"a": {"rows": 3}})) == []


def test_rarer_reasons_are_said_to_be_where_they_are() -> None:
    one = manifest()
    one["sources"]["a"]["rejected"] = {f"reason_{n}": 2 for n in range(MOST_REASONS)}
    section = make_flow_section(manifest_from(one))
    assert section is not None
    # tie, below_min_margin, duplicate and benchmark beside them.
    notes = [figure.note for figure in section.figures if "by reason" in figure.title]
    assert len(notes) == 1
    assert notes[0].startswith("4 rarer reasons are in the table; those of clean are in the section Split and clean. ")
