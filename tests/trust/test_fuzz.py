"""A small part of the fuzz campaigns."""

import json
from pathlib import Path

import pytest

from trust import __main__ as command
from trust import fuzz_files, fuzz_rows, fuzz_studies

SEED = 13


def test_damaged_rows_end_as_feedback_or_rejects() -> None:
    outcome = fuzz_rows.read_damaged_rows(SEED, 3_000, None)
    assert outcome.failures == []
    assert outcome.tries["rows"] >= 3_000


@pytest.mark.shared
def test_damaged_real_rows_end_as_feedback_or_rejects(shared: Path) -> None:
    assert fuzz_rows.read_damaged_rows(SEED, 3_000, shared / "data" / "feedback").failures == []


def test_damaged_settings_are_refused_with_a_message() -> None:
    outcome = fuzz_rows.read_with_damaged_settings(SEED, 400)
    assert outcome.failures == []
    assert 0 < outcome.tries["refused with a message"] < 400


@pytest.mark.slow
def test_damaged_files_are_read_up_to_the_damage(tmp_path: Path) -> None:
    outcome = fuzz_files.read_damaged_files(tmp_path / "files", SEED, 200, None)
    assert outcome.failures == []
    assert outcome.tries["rows"] > 500


def test_rows_around_a_damaged_line_are_read(tmp_path: Path) -> None:
    assert fuzz_files.read_good_lines_around_a_damaged_one(tmp_path / "lines", SEED, 100).failures == []


@pytest.mark.slow
def test_good_rows_among_damaged_ones_keep_their_preferences(tmp_path: Path) -> None:
    outcome = fuzz_rows.unify_good_rows_among_damaged(tmp_path / "good", SEED, 14)
    assert outcome.failures == []
    assert outcome.tries["rows"] > 14 * 20


@pytest.mark.slow
def test_damaged_studies_are_refused_with_a_message(tmp_path: Path) -> None:
    outcome = fuzz_studies.load_damaged_studies(tmp_path / "studies", SEED, 60)
    assert outcome.failures == []
    assert outcome.tries["refused with a message"] > 40


@pytest.mark.slow
def test_the_report_of_a_damaged_run_is_written_or_refused(tmp_path: Path) -> None:
    assert fuzz_studies.report_damaged_runs(tmp_path / "reports", SEED, 10).failures == []


def test_the_command_prints_and_writes_the_outcomes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        command.main(["--only", "settings", "lines", "--scale", "0.01", "--out", str(tmp_path / "trust.json")])
    lines, settings = json.loads((tmp_path / "trust.json").read_text())
    assert stop.value.code == 0
    assert (lines["tries"], lines["failures"]) == ({".csv files": 10, ".jsonl files": 10}, [])
    assert settings["tries"]["settings"] == 200
    assert "damaged settings of formats: 0 failures" in capsys.readouterr().out
