"""A small part of the fuzz campaigns."""

from pathlib import Path

import pytest

from trust import fuzz_files, fuzz_rows, fuzz_studies

SEED = 13


def test_damaged_rows_end_as_feedback_or_rejects() -> None:
    outcome = fuzz_rows.read_damaged_rows(SEED, 3_000, None)
    assert outcome.failures == []
    assert outcome.tries["rows"] > 2_900


@pytest.mark.shared
def test_damaged_real_rows_end_as_feedback_or_rejects(shared: Path) -> None:
    assert fuzz_rows.read_damaged_rows(SEED, 3_000, shared / "data" / "feedback").failures == []


def test_damaged_settings_are_refused_with_a_message() -> None:
    outcome = fuzz_rows.read_with_damaged_settings(SEED, 400)
    assert outcome.failures == []
    assert 0 < outcome.tries["refused with a message"] < 400


def test_damaged_files_are_read_up_to_the_damage(tmp_path: Path) -> None:
    outcome = fuzz_files.read_damaged_files(tmp_path / "files", SEED, 200, None)
    assert outcome.failures == []
    assert outcome.tries["rows"] > 500


def test_rows_around_a_damaged_line_are_read(tmp_path: Path) -> None:
    assert fuzz_files.read_good_lines_around_a_damaged_one(tmp_path / "lines", SEED, 100).failures == []


def test_good_rows_among_damaged_ones_keep_their_preferences(tmp_path: Path) -> None:
    outcome = fuzz_rows.unify_good_rows_among_damaged(tmp_path / "good", SEED, 14)
    assert outcome.failures == []
    assert outcome.tries["rows"] > 14 * 20


@pytest.mark.slow
def test_damaged_studies_are_refused_with_a_message(tmp_path: Path) -> None:
    outcome = fuzz_studies.load_damaged_studies(tmp_path / "studies", SEED, 60)
    assert outcome.failures == []
    assert outcome.tries["refused with a message"] > 40


def test_the_report_of_a_damaged_run_is_written_or_refused(tmp_path: Path) -> None:
    assert fuzz_studies.report_damaged_runs(tmp_path / "reports", SEED, 15).failures == []
