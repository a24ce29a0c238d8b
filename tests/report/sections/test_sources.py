"""What the report says of the sources: how they are read, ties, copies, polarity, and the audit where there is one."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.run_records import manifest_from
from unipref.analysis.audit import Audit, SourceAudit, write_audit
from unipref.analysis.audit.findings import (
    Cost,
    CountCheck,
    GoldAccuracy,
    Languages,
    Leak,
    LengthBias,
    Lengths,
    Opposites,
    Prompts,
    Repeats,
    Ties,
)
from unipref.core.errors import UserError
from unipref.report.sections.sources import count_near_ties, make_source_section


def manifest(nasty: str) -> dict[str, Any]:
    polarity = {"verdict": "contradicts", "why": "against 9 of 10", "agree": 1, "against": 9}
    silent = {"verdict": "unknown", "why": "no second evidence", "agree": 0, "against": 0}
    known = {"kind": "ratings", "objective": "bias", "licence": "MIT", "axis": "help", "rows": 20, "preferences": 8}
    return {
        "sources": {
            nasty: known
            | {
                "groups": 10,
                "groups_rejected": {"tie": 2, "contradiction": 1},
                "polarity": polarity,
                "files": ["a.csv", "b.csv", "c.csv"],
            },
            "b": {"rows": 5, "preferences": 5, "polarity": silent},
            "c": {"polarity": silent},
        },
        "clean": {"by_source": {nasty: {"preferences": 8, "duplicate": 2, "near_duplicate": 1}}},
    }


def rows_of(table: Any) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def write_scores(run: Path, nasty: str) -> None:
    (run / "unified").mkdir()
    # Scores from 0 to 100: gaps of 5 and 3 are near ties, 6 is none; the pair without scores does not count.
    chosen, rejected = [100.0, 55.0, 53.0, 56.0, None], [0.0, 50.0, 50.0, 50.0, 1.0]
    table = {"source": [nasty] * 5, "chosen_score": chosen, "rejected_score": rejected}
    pq.write_table(pa.table(table), run / "unified" / "preferences.parquet")


def test_each_source_and_what_its_data_say(tmp_path: Path, nasty: str) -> None:
    write_scores(tmp_path, nasty)
    study = {"sources": [{"name": nasty, "map": {"prompt": "q", "keep": ["x"]}}, {"name": "b", "dataset": "alpaca"}]}
    (tmp_path / "study.yaml").write_text(json.dumps(study))
    section = make_source_section(manifest_from(manifest(nasty)), tmp_path)
    assert section is not None
    how, said = section.tables
    assert rows_of(how) == [
        [nasty, "bias", "MIT", "ratings", "help", "map {prompt: q, keep: [x]}", "a.csv and 2 more"],
        ["b", "–", "–", "–", "–", "known data set alpaca", "–"],
        ["c", "–", "–", "–", "–", "default field names", "–"],
    ]
    assert count_near_ties(tmp_path / "unified" / "preferences.parquet") == {nasty: (2, 4)}
    assert rows_of(said) == [
        [nasty, "20", "8", "20.0 %", "10.0 %", "50.0 %", "2", "1", "0", "contradicts", "1 / 9"],
        ["b", "5", "5", "–", "–", "–", "–", "–", "–", "unknown", "–"],
        ["c", "–", "–", "–", "–", "–", "–", "–", "–", "unknown", "–"],
    ]
    assert section.points[0].items == [f"{nasty}: against 9 of 10", "b, c: no second evidence"]
    assert "unipref audit RUN" in section.paragraphs[0]


def test_near_ties_are_of_the_whole_range_of_a_source(tmp_path: Path) -> None:
    # Only over both groups of rows is the range of a 0 to 100: gaps of 4 and 5 are near ties, 100 is none.
    chosen, rejected = [10.0, 1.0, 15.0, 100.0], [6.0, 1.0, 10.0, 0.0]
    table = pa.table({"source": ["a", "b", "a", "a"], "chosen_score": chosen, "rejected_score": rejected})
    pq.write_table(table, tmp_path / "p.parquet", row_group_size=2)
    assert count_near_ties(tmp_path / "p.parquet") == {"a": (2, 3), "b": (1, 1)}


def page(nasty: str) -> SourceAudit:
    lengths = Lengths(30, 10, 2, 0.75, 0.6, 0.86, 1.4)
    return SourceAudit(
        source=nasty,
        kind="pairs",
        objective="bias",
        licence="MIT",
        axis=None,
        counts=CountCheck(9, 9, 0, 9, 9, 0, 9, 9, 0, 0, {}, []),
        rejects=[],
        ties=Ties(0, 0, 9),
        repeats=Repeats(3, {"b": 2, "c": 1}, []),
        opposites=Opposites(4, 1, {}, []),
        length=LengthBias(42, lengths, lengths, "longer"),
        languages=Languages(10, 10, {"en": 6, "de": 3, "unknown": 1}),
        prompts=Prompts(9, {"b": 4}, [], [Leak("winobias", 1, 2, [])]),
        cost=Cost(40, 9, 1, 30),
        polarity={"verdict": "no_contradiction"},
    )


def test_the_audit_is_shown_while_it_is_of_these_data(tmp_path: Path, nasty: str) -> None:
    (tmp_path / "unified").mkdir()
    record = tmp_path / "unified" / "stage.json"
    record.write_text(json.dumps({"key": "1"}))
    gold = GoldAccuracy(1, 2, 0.5, 0.1, 0.9, {"a.csv": (1, 2)}, [])
    assert write_audit(Audit(str(tmp_path), [page(nasty)], None, gold, ["look here"]), tmp_path)
    kept = (tmp_path / "audit.json").read_text()
    record.write_text("{}")
    with pytest.raises(UserError, match=r"stage\.json: the record is corrupt"):
        write_audit(Audit(str(tmp_path), [page(nasty)], None, gold, []), tmp_path)
    record.write_text(json.dumps({"key": "1"}))
    assert str(tmp_path) not in kept
    section = make_source_section(manifest_from(manifest(nasty)), tmp_path)
    assert section is not None
    assert section.paragraphs == []
    audited, by_hand = section.tables[-2:]
    assert rows_of(audited) == [
        [
            nasty,
            "3 + 3",
            "1 + 0",
            "75 % (longer)",
            "en 60.0 %, de 30.0 %, unknown 10.0 %",
            "9",
            "4",
            "3",
            "75.0 %",
            "none recognised",
        ]
    ]
    assert rows_of(by_hand) == [["a.csv", "1", "2", "50.0 %"]]
    assert section.points[-1].items == ["look here"]

    record.write_text(json.dumps({"key": "2"}))
    section = make_source_section(manifest_from(manifest(nasty)), tmp_path)
    assert section is not None
    assert section.paragraphs[0].startswith("The audit in this folder belongs to earlier data.")
    assert len(section.tables) == 2
    record.unlink()
    unknown = json.loads(kept)
    del unknown["unified"]
    (tmp_path / "audit.json").write_text(json.dumps(unknown))
    assert (
        make_source_section(manifest_from(manifest(nasty)), tmp_path)
        .paragraphs[0]
        .startswith("The audit in this folder belongs to earlier data.")
    )
    (tmp_path / "audit.json").write_text('{"pages": {}}')
    with pytest.raises(UserError, match=r"audit\.json is corrupt or from another version"):
        make_source_section(manifest_from(manifest(nasty)), tmp_path)
    (tmp_path / "audit.json").write_text("{}")
    with pytest.raises(UserError, match=r"audit\.json is corrupt or from another version"):
        make_source_section(manifest_from(manifest(nasty)), tmp_path)


def test_a_run_without_sources_or_files(tmp_path: Path) -> None:
    assert make_source_section(manifest_from({}), tmp_path) is None
    section = make_source_section(manifest_from({"sources": {"a": {}}}), tmp_path)
    assert section is not None
    assert rows_of(section.tables[1]) == [["a", *["–"] * 10]]


def test_fields_of_turns_that_are_not_read_are_listed(tmp_path: Path) -> None:
    sources = {"a": {"rows": 3, "unread_turn_fields": {"name": 1200, "weight 0": 3}}, "b": {"rows": 1}}
    section = make_source_section(manifest_from({"sources": sources}), tmp_path)
    assert section is not None
    (listed,) = [points for points in section.points if "turns" in points.head]
    assert listed.items == ["a: name 1,200, weight 0 3"]
