"""A small part of the campaigns that disturb a run. Here the libraries are imported before a run starts."""

from pathlib import Path

import pytest

from support import trials
from trust import disk_full, flipped_bytes, interruptions
from trust.small_study import UnbrokenRun, run_unbroken

SEED = 13

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> UnbrokenRun:
    # Without more rows nothing is read in worker processes. test_stopped_run ends runs that have some.
    more_rows = trials.count(0, 200)
    return run_unbroken(tmp_path_factory.mktemp("trust") / "unbroken", more_rows=more_rows, is_preloaded=True)


def test_a_killed_run_resumes_and_ends_the_same(unbroken: UnbrokenRun, tmp_path: Path) -> None:
    outcome = interruptions.kill_at_random_moments(unbroken, tmp_path / "kills", SEED, n := trials.count(1, 2))
    assert outcome.failures == []
    assert outcome.tries["kills"] == n


def test_a_signal_stops_a_run_with_a_message(unbroken: UnbrokenRun, tmp_path: Path) -> None:
    outcome = interruptions.stop_by_signals(unbroken, tmp_path / "signals", SEED, trials.count(1, 2))
    assert outcome.failures == []


def test_two_runs_in_one_folder_end_well(unbroken: UnbrokenRun, tmp_path: Path) -> None:
    outcome = interruptions.run_at_once(unbroken, tmp_path / "together", SEED, 1, 2)
    assert outcome.failures == []
    assert outcome.tries["processes"] == 2


def test_a_full_disk_stops_a_run_with_a_message(unbroken: UnbrokenRun, tmp_path: Path) -> None:
    n = trials.count(1, 2)
    outcome = disk_full.fill_disk_in_each_stage(unbroken, tmp_path / "disk", SEED, (0,), n_stages=n)
    assert outcome.failures == []
    assert outcome.tries["full disks"] == n


def test_a_flipped_byte_is_repaired(unbroken: UnbrokenRun, tmp_path: Path) -> None:
    outcome = flipped_bytes.flip_a_byte_in_each_file(unbroken, tmp_path / "flips", SEED, n := trials.count(2, 4))
    assert outcome.failures == []
    assert outcome.tries["flips"] == n
