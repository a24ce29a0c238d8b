"""The section on what each source bought, from records that a test writes."""

from unipref.core.run_folder import CurvePoint, GainRecord, NextLabels, SideRecord, ValuedPart, ValueRecord
from unipref.report.content import Content
from unipref.report.render.markdown import render_markdown
from unipref.report.sections.value import TITLE, make_value_section, make_value_tables

SHOWN = GainRecord(0.2, 0.1, 0.3, 3, 90, 9, "better", 0.001, 0.002)
NOTHING = GainRecord(0.0, -0.01, 0.01, 3, 90, 9, "equivalent", 1.0, 1.0)


def record(**changes: object) -> ValueRecord:
    curve = [CurvePoint(0.5, 50, {"instruction": NOTHING}), CurvePoint(1.0, 100, {"instruction": SHOWN})]
    parts = [
        ValuedPart(
            "source",
            "ratings",
            100,
            400,
            contribution={"instruction": SHOWN},
            in_mixtures={"instruction": SHOWN},
            curve=curve,
            more=25,
            next_labels={"instruction": NextLabels(SHOWN, None, GainRecord(0.05, 0.01, 0.09, 3))},
        ),
        ValuedPart(
            "source",
            "thumbs",
            70,
            contribution={"instruction": NOTHING},
            next_labels={"instruction": NextLabels(NOTHING, why_none="the curve bends")},
            notes=["value-alone-thumbs could not be trained: no pair"],
        ),
        ValuedPart("axis", "following", 100, same_as="source ratings", contribution={"instruction": SHOWN}),
    ]
    fields = {
        "seeds": 3,
        "sides": {"instruction": SideRecord("instructions", "followed")},
        "parts": parts,
        "mixture": {"instruction": GainRecord(-0.1, -0.2, 0.0)},
        "smallest": {"instruction": 0.04},
        "trainings": 12,
        "assumptions": ["Nothing replaces what is left out."],
        "unknowns": ["Contributions do not add up."],
    }
    return ValueRecord(variant="main", step="dpo", **(fields | changes))  # type: ignore[arg-type]


def test_the_section_has_tables_figures_and_what_they_do_not_tell() -> None:
    section = make_value_section(record())
    assert section is not None
    text = render_markdown(Content("t", [], [section])).replace("\\", "")
    assert f"## {TITLE}" in text
    assert "12 further trainings with 3 seeds" in text
    assert "a contribution of at least 0.040 on instruction with power 0.8" in text
    assert "| source ratings | 100 | 0.200* [0.100, 0.300]" in text
    assert "| axis following (same preferences as source ratings) | 100 | 0.200*" in text
    assert "Gain of the mixture of all sources' models over joint training: -0.100 [-0.200, 0.000]" in text
    assert "| thumbs | – | 70 | – | 0.000 = [-0.010, 0.010] | none the curve bends |" in text
    assert "| ratings | 400 | 100 | 25 |" in text
    assert "Contributions do not add up." in text
    assert "source thumbs: value-alone-thumbs could not be trained: no pair" in text
    assert [figure.title for figure in section.figures] == [
        "Contribution of each source and axis",
        "Learning curves, instruction",
    ]
    assert section.figures[0].traces[0]["y"] == ["source ratings", "source thumbs", "axis following"]
    assert section.figures[1].traces[0]["x"] == [50, 100]


def test_only_what_was_asked_is_shown() -> None:
    assert make_value_section(None) is None
    alone = record(parts=[ValuedPart("source", "ratings", 100, contribution={"instruction": SHOWN})], mixture={})
    assert len(make_value_tables(alone)) == 1
    assert [column.head for column in make_value_tables(alone)[0].columns] == ["part", "preferences", "contribution"]
    section = make_value_section(alone)
    assert section is not None
    assert len(section.figures) == 1
