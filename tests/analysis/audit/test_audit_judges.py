"""What an audit tells of the judges, and how often labels are right by confidence where a gold file tells."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from support.audit_rows import preference, reject
from support.judged_run import annotator, judging, scale, unjudged, write_judging
from unipref.analysis.audit import AUDIT, Audit, audit, render_terminal, write_audit
from unipref.core.errors import UserError
from unipref.core.hashing import RECORD
from unipref.core.run_folder import JudgedScale, OverruledCounts
from unipref.core.stats.wilson import wilson

MakeRun = Callable[..., Path]
COUNTED = {"overruled": 4, "turned": 1}
SLOPE = {"axis": "instruction", "kind": "pair", "n_judgements": 90, "n_overlapping": 80}


def confident(row: int, confidence: float | None, rejected: str | None = "Bad.") -> dict[str, Any]:
    return preference("a", f"f.jsonl:{row}", f"Question {row}?", "Good.", rejected) | {"confidence": confidence}


def text_of(result: Audit) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(render_terminal(result))
    return " ".join(capture.get().split())


def judged_run(make_run: MakeRun, **changes: Any) -> Path:
    rows = [confident(1, 0.9), confident(2, 0.3), confident(3, None), confident(4, None) | {"n_judgements": 2}]
    overruled = [reject("a", "preference", "overruled", f"f.jsonl:{row}") for row in (5, 6)]
    run = make_run(rows, overruled, a={**COUNTED, "scales": [{**SLOPE, "slope": 2.5, "low": 1.5, "high": 3.5}]})
    write_judging(run, judging(**changes))
    return run


def test_the_judges_are_told_in_short(make_run: MakeRun) -> None:
    result = audit(judged_run(make_run))
    of_source = result.sources[0].judges
    assert of_source is not None
    assert (of_source.confidence.pairs, of_source.confidence.confident, of_source.confidence.judged_once) == (4, 2, 1)
    assert of_source.overruled == OverruledCounts(4, 2, 1, 1)
    assert of_source.scales == [JudgedScale(**SLOPE, slope=2.5, low=1.5, high=3.5)]
    assert [(one.source, one.alpha) for one in of_source.agreement] == [("a", 0.25)]
    judges = result.judges
    assert judges is not None
    assert (judges.judgements, judges.overlapping, judges.annotators, judges.reliable) == (93, 83, 3, 2)
    assert (judges.inverted, [one.name for one in judges.most_inverted]) == (1, ["bob"])
    text = text_of(result)
    for line in (
        "confidence 2 of 4 pairs have one; 1 without were judged once; 1 without were judged more than once",
        "overruled 4 preferences contradict all judgements taken together: 2 left out, 1 turned, 1 kept",
        "scales pair on instruction: slope 2.50 [1.50, 3.50], 80 of 90 judgements overlap",
        "agreement pair on instruction: alpha 0.25 [0.12, 0.38], 30 judgements of 12 pairs judged more than once",
        "aggregate latent, converged after 7 steps: 93 judgements, 83 on answers that others judged too",
        "annotators 3 named, 2 with a known reliability",
        "inverted bob judges against the others: reliability -0.70 [-0.90, -0.50]",
        "pairs 50 judged, 20 more than once: 8 both ways (6 within a source, 4 across sources), 5 with a tie",
        "cycles in 2 of 10 prompts with three or more compared answers",
        "notes source b: only 3 of its judgements",
    ):
        assert line in text
    assert result.notable == [
        "a: 4 preferences contradict all judgements taken together",
        "judges: 1 annotator judges against all others: bob",
    ]
    assert json.loads(json.dumps(result.as_dict()))["judges"]["contradictions"]["triangles"] == 3


def test_many_inverted_annotators_and_scales_and_a_fit_without_an_end_are_named(make_run: MakeRun) -> None:
    people = [annotator(f"p{n:02}", -0.5 - n / 100) for n in range(12)]
    fit = {"steps": 30, "change": 0.01, "tolerance": 0.002}
    run = make_run([confident(1, 0.9)], a={"scales": [{**SLOPE, "slope": -3.0, "low": -4.0, "high": -2.0}]})
    inverted = [scale("a", "pair", -3.0)]
    write_judging(run, judging(annotators=people, n_annotators=12, convergence=fit, scales=inverted, notes=[]))
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["sources"]["a"]["scales"][0]["is_inverted"] = True
    (run / "manifest.json").write_text(json.dumps(manifest))
    result = audit(run)
    assert result.judges is not None
    assert [one.name for one in result.judges.most_inverted] == [f"p{n:02}" for n in range(11, 1, -1)]
    assert result.notable == [
        "a: the other judges contradict its judgements of kind pair on 'instruction': the scale looks inverted",
        "judges: 12 annotators judge against all others: p11, p10, p09 and 9 more",
        "judges: the fit of latent has not converged after 30 steps",
    ]
    text = text_of(result)
    assert "and 2 more" in text
    assert "slope -3.00 [-4.00, -2.00], INVERTED" in text
    assert "latent, NOT converged after 30 steps" in text


def test_long_names_are_shortened_and_stay_distinct(make_run: MakeRun) -> None:
    long = "n" * 100_000
    run = judged_run(
        make_run,
        annotators=[annotator(f"{long}{n}", -0.5) for n in range(2)],
        scales=[scale("a", "pair", -3.0, axis=long)],
        agreement=[],
    )
    result = audit(run)
    (sentence,) = [one for one in result.notable if one.startswith("judges:")]
    assert len(sentence) < 300
    first, second, _ = text_of(result).split(" judges against the others")
    assert first[-20:] != second[-20:]
    assert len(text_of(result)) < 5000


def test_data_that_were_judged_once_have_a_note_and_old_runs_have_nothing(make_run: MakeRun) -> None:
    run = make_run([confident(1, None)])
    old = audit(run)
    assert (old.judges, old.sources[0].judges) == (None, None)
    assert "Judges" not in text_of(old)
    write_judging(run, unjudged())
    text = text_of(audit(run))
    assert "confidence 0 of 1 pairs have one; 1 without were judged once" in text
    assert "Judges aggregate latent notes no two judges judged the same answers" in text


def test_a_damaged_judging_is_an_error_with_its_place(make_run: MakeRun) -> None:
    run = make_run([confident(1, None)])
    write_judging(run, "{")
    with pytest.raises(UserError, match=r"judging\.json is corrupt"):
        audit(run)


def gold(tmp_path: Path, rows: range, flipped: set[int], **more: Any) -> Path:
    path = tmp_path / "gold.jsonl"
    entries = [
        {"origin": f"f.jsonl:{row}", "chosen_begins": sides[0], "rejected_begins": sides[1]}
        for row in rows
        for sides in [("Bad.", "Good.") if row in flipped else ("Good.", "Bad.")]
    ]
    path.write_text("".join(json.dumps(entry) + "\n" for entry in [*entries, *more.get("extra", ())]))
    return path


def test_right_labels_by_confidence_have_the_bins_by_hand(make_run: MakeRun, tmp_path: Path) -> None:
    # 40 with .72, of which 30 are right; 20 with .96, of which 19 are; 2 with .3, of which none is.
    rows = [confident(row, 0.72 if row <= 40 else 0.96 if row <= 60 else 0.3) for row in range(1, 63)]
    run = make_run(rows)
    write_judging(run, judging(notes=[]))
    result = audit(run, truth=gold(tmp_path, range(1, 63), {*range(1, 11), 41, 61, 62}))
    assert result.truth is not None
    calibration = result.truth.calibration
    assert [(one.start, one.end, one.count, one.right) for one in calibration.bins] == [
        (0.3, 0.35, 2, 0),
        (0.7, 0.75, 40, 30),
        (0.95, 1.0, 20, 19),
    ]
    assert [round(one.confidence, 6) for one in calibration.bins] == [0.3, 0.72, 0.96]
    assert (calibration.bins[1].low, calibration.bins[1].high) == wilson(30, 40)
    assert calibration.error == pytest.approx((2 * 0.3 + 40 * 0.03 + 20 * 0.01) / 62, abs=1e-6)
    text = text_of(result)
    assert "Right labels by confidence pairs 62 with a confidence on which true labels decide 0.30 to 0.35" in text
    assert "0.70 to 0.75 30 of 40 right = 0.75 [0.60, 0.86], mean confidence 0.72" in text
    assert "error 0.032 expected calibration error; about " in text
    assert result.as_dict()["truth"]["calibration"]["bins"][2]["right"] == 19


def test_what_gold_does_not_decide_is_not_counted(make_run: MakeRun, tmp_path: Path) -> None:
    # Row 2 has no confidence, row 3 one answer, row 4 other answers, row 5 no entry; entries disagree on row 6.
    rows = [confident(1, 0.8), confident(2, None), confident(3, 1.0, None), confident(4, 0.9), confident(5, 0.9)]
    rows.append(confident(6, 0.9))
    extra = [
        {"origin": "f.jsonl:3", "chosen_begins": "Good."},
        {"origin": "f.jsonl:4", "chosen_begins": "Other.", "rejected_begins": "Bad."},
        *(
            {"origin": "f.jsonl:6", "chosen_begins": a, "rejected_begins": b}
            for a, b in (("Good", "Bad"), ("Bad", "Good"))
        ),
        {"origin": "f.jsonl:1", "chosen_begins": "Good", "rejected_begins": "Bad"},
    ]
    result = audit(make_run(rows), truth=gold(tmp_path, range(1, 3), set(), extra=extra))
    assert result.truth is not None
    assert [(one.start, one.count, one.right) for one in result.truth.calibration.bins] == [(0.8, 1, 1)]
    assert "pairs 1 with a confidence on which true labels decide; fewer than 50 say little" in text_of(result)


def test_without_any_confidence_the_audit_says_so(make_run: MakeRun, tmp_path: Path) -> None:
    result = audit(make_run([confident(1, None)]), truth=gold(tmp_path, range(1, 2), set()))
    assert result.truth is not None
    assert result.truth.calibration.count == 0
    assert "pairs no true label decides on a preference with a confidence" in text_of(result)


def test_true_labels_say_nothing_of_the_conversion_and_gold_nothing_of_the_confidence(
    make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run([confident(1, 0.8), confident(2, 0.8)])
    labels = gold(tmp_path, range(1, 3), {1})
    assert audit(run, gold=labels).truth is None
    by_truth = audit(run, truth=labels)
    assert by_truth.gold is None
    assert by_truth.truth is not None
    assert (by_truth.truth.entries, by_truth.truth.calibration.right) == (2, 1)
    assert not any(sentence.startswith("gold") for sentence in by_truth.notable)


def test_a_later_audit_keeps_the_results_on_files_that_it_is_not_given(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run([confident(1, 0.8)])
    (run / "unified" / RECORD).write_text(json.dumps({"key": "one"}))
    labels = gold(tmp_path, range(1, 2), set())
    write_audit(audit(run, truth=labels, gold=labels), run)
    write_audit(audit(run), run)
    content = json.loads((run / AUDIT).read_text())
    assert (content["truth"]["entries"], content["gold"]["entries"]) == (1, 1)
    (run / "unified" / RECORD).write_text(json.dumps({"key": "two"}))  # other data
    write_audit(audit(run), run)
    content = json.loads((run / AUDIT).read_text())
    assert (content["truth"], content["gold"]) == (None, None)


def test_an_entry_on_an_overruled_preference_is_no_wrong_conversion(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run([confident(1, 0.8)], [reject("a", "preference", "overruled", "f.jsonl:2")])
    result = audit(run, gold=gold(tmp_path, range(1, 3), set()))
    assert result.gold is not None
    assert (result.gold.entries, result.gold.right, result.gold.overruled, result.gold.wrong) == (1, 1, 1, [])
    assert "1 more entry is on a preference left out as overruled" in text_of(result)
