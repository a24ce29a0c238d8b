"""What the report says of the judges: right values, the least reliable first, and runs that lack a file."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.audit_rows import preference
from support.judged_run import annotator, judging, scale, unjudged, write_judging
from support.run_records import manifest_from
from unipref.core.errors import UserError
from unipref.core.json_files import to_plain_json
from unipref.core.records import preference_schema
from unipref.core.stats.calibration import measure_calibration
from unipref.report.content import Section
from unipref.report.sections.judges import make_judge_section

SOURCES = {
    "a": {"preferences": 5, "confident": 3, "overruled": 4, "turned": 1, "preferences_rejected": {"overruled": 2}},
    "b": {"preferences": 2},
}


def rows_of(section: Section, caption: str) -> list[list[str]]:
    (table,) = [table for table in section.tables if table.caption == caption]
    return [[f"{cell.text} {cell.small}".strip() for cell in row] for row in table.rows]


def note_of(section: Section, caption: str) -> str:
    return next(table.note for table in section.tables if table.caption == caption)


def write_preferences(run: Path) -> None:
    def row(source: str, confidence: float | None, rejected: str | None = "no", n: int = 1) -> dict[str, Any]:
        return preference(source, "f:1", "Why?", "yes", rejected) | {"confidence": confidence, "n_judgements": n}

    rows = [row("a", 0.97), row("a", 0.91), row("a", 0.42), row("a", None, n=2), row("a", 0.9, None)]
    rows += [row("b", None), row("b", None)]
    (run / "unified").mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, preference_schema()), run / "unified" / "preferences.parquet")


def make(run: Path, **changes: Any) -> Section:
    section = make_judge_section(manifest_from({"sources": SOURCES, **changes}), run)
    assert section is not None
    return section


def test_every_table_has_the_values_of_the_file(tmp_path: Path) -> None:
    write_judging(tmp_path, judging())
    write_preferences(tmp_path)
    section = make(tmp_path)
    assert section.paragraphs == [
        "The aggregate latent took 93 judgements together; 83 of them are on answers that others judged too. Its fit "
        "converged in 7 steps; the mean change in the last one was 0.0011 (tolerance 0.002). "
        "docs/judges.md has the model, and what it cannot tell."
    ]
    assert section.points[0].items == judging()["notes"]
    assert rows_of(section, "Confidence of the preferences") == [
        ["a", "5", "4", "3 75.0 %", "0", "1", "4", "2", "1", "1"],
        ["b", "2", "2", "0 0.0 %", "2", "0", "–", "–", "–", "–"],
    ]
    assert rows_of(section, "Scales") == [
        ["a", "instruction", "pair", "90", "80", "2.500 [1.500, 3.500]", "no"],
        ["b", "instruction", "rating", "3", "3", "–", "not known"],
    ]
    assert rows_of(section, "Annotators") == [
        ["bob", "40", "30", "-0.700 [-0.900, -0.500]", "75.0 %", "20", "judges against the others"],
        ["ann", "40", "30", "0.600 [0.400, 0.800]", "75.0 %", "20", ""],
        ["cy", "40", "30", "–", "–", "20", ""],
    ]
    assert rows_of(section, "Agreement (Krippendorff's alpha)") == [
        ["a", "instruction", "pair", "0.250 [0.125, 0.375]", "ordinal", "30", "12"],
        ["b", "instruction", "rating", "–", "interval", "30", "12"],
    ]
    assert rows_of(section, "Contradictions") == [
        ["pairs judged more than once", "20", "50 compared pairs of answers", "40.0 %"],
        ["pairs judged both ways", "8", "20 pairs judged more than once", "40.0 %"],
        ["pairs judged both ways within a source", "6", "20 pairs judged more than once", "30.0 %"],
        ["pairs judged both ways by two sources", "4", "20 pairs judged more than once", "20.0 %"],
        ["pairs with a tie", "5", "50 compared pairs of answers", "10.0 %"],
        ["prompts with a cycle", "2", "10 prompts with three or more compared answers", "20.0 %"],
        ["cycles of three answers", "3", "–", "–"],
    ]


def test_the_histogram_counts_pairs_by_source(tmp_path: Path) -> None:
    write_judging(tmp_path, judging())
    write_preferences(tmp_path)
    (figure,) = make(tmp_path).figures
    (trace,) = figure.traces
    # The lowest confidence, .42, is below the half, where labels that are kept begin.
    assert (trace["name"], trace["x"][0], trace["x"][-1]) == ("a", "0.40", "0.95")
    assert dict(zip(trace["x"], trace["y"], strict=True)) == dict.fromkeys(trace["x"], 0) | {
        "0.40": 1,
        "0.90": 1,
        "0.95": 1,
    }
    assert figure.description == "3 pairs have a confidence, 2 of them 0.9 or more."
    assert figure.note == "3 pairs have none."


def test_long_names_are_shortened_and_stay_distinct(tmp_path: Path) -> None:
    long = "n" * 100_000
    scales = [scale("a", "pair", 2.5, axis=f"{long}{n}") for n in range(2)]
    people = [annotator(f"{long}{n}", 0.5) for n in range(2)]
    write_judging(tmp_path, judging(annotators=people, scales=scales))
    write_preferences(tmp_path)
    section = make(tmp_path)
    for caption, column in (("Annotators", 0), ("Scales", 1)):
        first, second = (row[column] for row in rows_of(section, caption))
        assert first != second
        assert len(first) == len(second) == 80


def test_thirty_annotators_are_shown_and_the_others_counted(tmp_path: Path) -> None:
    people = [annotator(f"p{n:02}", 0.9 - n / 100) for n in range(40)] + [annotator("new", None)]
    write_judging(tmp_path, judging(annotators=people, n_annotators=10_041))
    section = make(tmp_path)
    rows = rows_of(section, "Annotators")
    assert [row[0] for row in rows] == [f"p{n:02}" for n in range(39, 9, -1)]
    note = note_of(section, "Annotators")
    assert "10,011 more are not shown; unified/judging.json lists them, without 10,000 with few judgements." in note
    write_judging(tmp_path, judging(annotators=people[:31], n_annotators=31))
    note = note_of(make(tmp_path), "Annotators")
    assert note.endswith("1 more is not shown; unified/judging.json lists them.")


def test_a_fit_that_did_not_converge_and_aggregates_without_a_fit(tmp_path: Path) -> None:
    write_judging(tmp_path, judging(convergence={"steps": 30, "change": 0.0123, "tolerance": 0.002}))
    assert "did not converge in 30 steps; the mean change in the last one was 0.012" in make(tmp_path).paragraphs[0]
    people = [annotator("ann", None, agreement=0.9), annotator("bob", None), annotator("cy", None, agreement=None)]
    counts = {"judgements": 1093}
    write_judging(tmp_path, judging(convergence=None, aggregate="majority", counts=counts, annotators=people))
    section = make(tmp_path)
    assert section.paragraphs[0].startswith("The aggregate majority took 1,093 judgements together. docs")
    assert [row[0] for row in rows_of(section, "Annotators")] == ["bob", "ann", "cy"]
    first = "The least agreement first: majority estimates the reliability of none of them."
    assert note_of(section, "Annotators").startswith(first)


def test_data_that_were_judged_once_have_a_note_and_the_counts(tmp_path: Path) -> None:
    write_judging(tmp_path, unjudged())
    section = make(tmp_path)
    assert section.points[0].items == unjudged()["notes"]
    assert [table.caption for table in section.tables] == ["Confidence of the preferences"]
    # Without the table of preferences, the manifest has the counts.
    assert rows_of(section, "Confidence of the preferences")[0][:6] == ["a", "5", "–", "3", "–", "–"]
    assert section.figures == []


def test_runs_without_the_file_say_so_and_a_damaged_one_is_an_error(tmp_path: Path) -> None:
    assert make_judge_section(manifest_from({}), tmp_path) is None
    section = make(tmp_path)
    assert (section.tables, section.figures) == ([], [])
    assert section.paragraphs[0].startswith("This run has no unified/judging.json")
    write_judging(tmp_path, "{")
    with pytest.raises(UserError, match=r"judging\.json is corrupt"):
        make(tmp_path)


def test_variants_with_data_of_their_own_are_named(tmp_path: Path) -> None:
    write_judging(tmp_path, judging())
    variants = {"main": {"sources": SOURCES}, "other": {"sources": {"a": {"preferences": 1}}}, "third": {}}
    assert make(tmp_path, variants=variants).paragraphs[-1] == (
        "Only the data of the study as written are shown, not those of other."
    )


def write_audit(run: Path, calibration: Any, unified: str = "1") -> None:
    (run / "unified" / "stage.json").write_text(json.dumps({"key": "1"}))
    content = {"unified": unified, "pages": [], "truth": {"entries": 80, "calibration": calibration}}
    (run / "audit.json").write_text(json.dumps(content))


def calibrated(n: int) -> Any:
    right = [place % 4 != 0 for place in range(n)]
    return to_plain_json(asdict(measure_calibration([0.72] * n, right)))


def test_the_reliability_diagram_has_the_bins_of_the_audit(tmp_path: Path) -> None:
    write_judging(tmp_path, judging())
    write_audit(tmp_path, calibrated(80))
    section = make(tmp_path)
    caption = "Right labels by confidence, on true labels"
    assert rows_of(section, caption) == [["0.70 to 0.75", "80", "60", "0.750 [0.645, 0.832]", "0.720"]]
    (figure,) = section.figures
    points, diagonal = figure.traces
    assert (points["x"], points["y"]) == ([pytest.approx(0.72)], [0.75])
    assert points["error_y"]["array"][0] == pytest.approx(0.832 - 0.75, abs=1e-3)
    assert points["error_y"]["arrayminus"][0] == pytest.approx(0.75 - 0.645, abs=1e-3)
    assert (diagonal["x"], diagonal["y"]) == ([0.5, 1], [0.5, 1])
    assert "80 pairs have a mean confidence of 0.720; 0.750 of them are right." in figure.description
    assert "The expected calibration error is 0.030; chance alone gives about 0.040" in figure.description
    assert figure.note == ""


def test_few_or_no_gold_pairs_are_stated_and_the_audit_of_other_data_is_not_shown(tmp_path: Path) -> None:
    write_judging(tmp_path, judging())
    write_audit(tmp_path, calibrated(8))
    assert make(tmp_path).figures[0].note == "Fewer than 50 pairs say little."
    write_audit(tmp_path, calibrated(0))
    section = make(tmp_path)
    caption = "Right labels by confidence, on true labels"
    assert section.figures == []
    assert rows_of(section, caption) == [["0", "0"]]
    assert note_of(section, caption) == "No true label decides on a pair with a confidence."
    for calibration, unified in ((calibrated(80), "2"), (None, "1")):
        write_audit(tmp_path, calibration, unified)
        section = make(tmp_path)
        assert caption not in [table.caption for table in section.tables]


def test_a_damaged_audit_costs_the_diagram_only(tmp_path: Path) -> None:
    write_judging(tmp_path, judging())
    write_audit(tmp_path, {"bins": 3})
    section = make(tmp_path)
    assert len(section.tables) == 5
    assert "The reliability diagram could not be made: " in section.paragraphs[-1]
    assert "audit.json is corrupt" in section.paragraphs[-1]
