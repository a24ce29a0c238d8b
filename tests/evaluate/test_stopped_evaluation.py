"""Ctrl-C during `unipref evaluate`: finished benchmarks are kept, and the same command measures only the others."""

import json
import signal
import time
from pathlib import Path

import pytest

from support.preloaded import PreloadedProcess

pytestmark = pytest.mark.slow

SECOND = "tiny: perplexity-2, benchmark 2 of 2"


def wait_for_line(process: PreloadedProcess, log: Path, line: str) -> None:
    end = time.monotonic() + 300
    while not log.exists() or line not in log.read_text(encoding="utf-8"):
        assert process.poll() is None, log.read_text(encoding="utf-8")
        assert time.monotonic() < end, f"'{line}' was never shown"
        time.sleep(0.02)


def start(folder: Path, model: Path, log: str) -> PreloadedProcess:
    """Measures a model on a short text, and on one that takes minutes."""
    words = ["evaluate", str(model), "--data", str(folder), "-b", "perplexity=short", "-b", "perplexity=long"]
    return PreloadedProcess([*words, "-o", str(folder / "out")], folder / log, {"OMP_NUM_THREADS": "1"})


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_keeps_finished_benchmarks(tmp_path: Path, tiny_model: Path, times: int) -> None:
    model = tmp_path / "tiny"
    model.symlink_to(tiny_model)
    for name, lines in (("short", 3), ("long", 400_000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "text.txt").write_text("The nurse was late.\n" * lines, encoding="utf-8")
    process = start(tmp_path, model, "first")
    wait_for_line(process, tmp_path / "first", SECOND)
    process.send_signal(signal.SIGINT)
    if times == 2:
        wait_for_line(process, tmp_path / "first", "Stopping ...")
        process.send_signal(signal.SIGINT)
    # The second signal may come while the process ends anyway.
    assert process.wait(120) in ({130} if times == 1 else {130, -signal.SIGINT})
    shown = (tmp_path / "first").read_text(encoding="utf-8")
    assert "Stopping ... finished benchmarks are kept." in shown
    assert "Traceback" not in shown
    if times == 1:
        assert shown.endswith("Stopped. Run the same command again to resume; finished benchmarks are kept.\n")
    table = tmp_path / "out" / "perplexity.jsonl"
    before = table.stat().st_mtime_ns
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"perplexity.jsonl", "notes.json", "results.json"}

    (tmp_path / "long" / "text.txt").write_text("The nurse was late.", encoding="utf-8")
    again = start(tmp_path, model, "second")
    shown = (tmp_path / "second").read_text(encoding="utf-8") if again.wait(300) == 0 else ""
    assert "tiny: perplexity, benchmark 1 of 2, is already measured" in shown
    assert f"{SECOND}\n" in shown
    assert table.stat().st_mtime_ns == before
    results = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert results["configs"].keys() == {"perplexity", "perplexity-2"}
