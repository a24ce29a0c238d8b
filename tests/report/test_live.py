"""The page of a run that is under way: served to this machine alone, refreshed until the run is over."""

import json
import os
import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from unipref.core.errors import UserError
from unipref.core.folder_lock import is_in_use, use_alone
from unipref.report.live import DONE, UNDER_WAY, list_stages, read_curves, render_live
from unipref.report.live_server import make_server


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Unify is done, a step is trained, another is under way; its last line is half written."""
    for name, seconds in (("unified", 2.0), ("train/main/0/sft", 61.0)):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "stage.json").write_text(json.dumps({"seconds": seconds}))
    lines = [json.dumps({"step": step, "loss": 3.0 / step}) for step in (1, 2, 3)]
    (tmp_path / "train/main/0/sft/curve.jsonl").write_text("\n".join(lines))
    attempt = tmp_path / "train/main/0/dpo.partial-0123456789ab"
    attempt.mkdir()
    (attempt / "curve.jsonl").write_text("\n".join([*lines[:2], '{"step": 3, "lo']))
    return tmp_path


@pytest.fixture
def address(run: Path) -> Iterator[str]:
    with make_server(run, run / "report.html", every=7) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def test_stages_and_curves_are_read_as_far_as_they_are(run: Path) -> None:
    stages = list_stages(run)
    assert sorted(stages[:2]) == [("train/main/0/sft", DONE, 61.0), ("unified", DONE, 2.0)]
    assert stages[2:] == [("train/main/0/dpo", UNDER_WAY, None)]
    curves = read_curves(run, stages)["main"]["0"]
    assert [len(curves[step].curve) for step in ("sft", "dpo")] == [3, 2]
    text, may_change = render_live(run, run / "report.html")
    assert may_change
    assert "No command is running" in text
    assert "dpo: loss" in text


def test_a_run_whose_process_died_is_stopped_and_may_be_resumed(run: Path, address: str) -> None:
    page = run / "report.html"
    page.write_text("<p>an earlier report")
    os.utime(page, (1, 1))
    with use_alone(run):
        text, _ = render_live(run, page)
        assert "under way" in text
        assert "stopped" not in text
    with urllib.request.urlopen(address) as answer:
        assert answer.headers["Refresh"] == "7"
        text = answer.read().decode()
    assert "is not finished. The same command again resumes it" in text
    assert "stopped" in text
    assert "under way" not in text
    os.utime(page)
    for attempt in run.rglob("*.partial-*"):
        os.utime(attempt, (1, 1))
    assert render_live(run, page) == ("<p>an earlier report", False)


def test_the_page_loads_itself_again_until_the_report_is_there(run: Path, address: str) -> None:
    with use_alone(run):
        assert is_in_use(run)
        with urllib.request.urlopen(address) as answer:
            assert answer.headers["Refresh"] == "7"
            assert "is under way" in answer.read().decode()
    assert not is_in_use(run)
    shutil.rmtree(run / "train/main/0/dpo.partial-0123456789ab")
    (run / "report.html").write_text("<p>the report")
    with urllib.request.urlopen(address) as answer:
        assert answer.headers["Refresh"] is None
        assert answer.read() == b"<p>the report"


def test_nothing_else_is_served(run: Path, address: str) -> None:
    for path, host in (("stage.json", None), ("../secret", None), ("", "evil.example")):
        request = urllib.request.Request(address + path, headers={"Host": host} if host else {})
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(request)
    with pytest.raises(UserError, match="does not exist"):
        make_server(run / "missing", run / "report.html")


def test_a_folder_without_a_lock_is_not_in_use_and_stays_as_it_is(tmp_path: Path) -> None:
    assert not is_in_use(tmp_path)
    assert list(tmp_path.iterdir()) == []
    text, _ = render_live(tmp_path, tmp_path / "report.html")
    assert "Nothing is done yet." in text
