"""A collection that is killed, or stopped by Ctrl-C, goes on and ends with the same bytes."""

import json
import signal
import time
from pathlib import Path

import pytest

from support.chat_server import prefer, serve
from support.command_line import run, start

pytestmark = pytest.mark.slow
RESULTS = ("feedback.jsonl", "answers.jsonl", "rules.jsonl", "collect.json", "report.md")


def count_lines(folder: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in folder.rglob("*.jsonl")) if folder.is_dir() else 0


def kill_when(folder: Path, words: list[str], count: int, number: signal.Signals = signal.SIGKILL) -> str:
    """Starts the command, and sends it a signal when the folder has so many lines; returns what it says."""
    process = start(folder, *words)
    place = folder / "killed" / ("judged" if count > 100 else "work")
    while process.poll() is None and count_lines(place) < count % 100:
        time.sleep(0.01)
    process.send_signal(number)
    _, shown = process.communicate()
    return shown


def test_a_collection_killed_while_it_answers_and_while_it_judges(tmp_path: Path, tiny_model: Path) -> None:
    rows = [{"q": f"Say {number} words now", "a": "no"} for number in range(48)]
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with serve(lambda number, body: time.sleep(0.005) or prefer("e")(number, body)) as server:
        settings = {
            "model": str(tiny_model),
            "sources": [
                {
                    "name": "p",
                    "path": "prompts.jsonl",
                    "format": "demonstration",
                    "map": {"prompt": "q", "response": "a"},
                }
            ],
            "constraints": {"only": ["punctuation:no_comma"]},
            "answers": {"k": 4, "max_new_tokens": 150, "temperature": 1.3},
            "judges": ["checker", {"llm": {"url": server.url, "model": "m"}}],
        }
        (tmp_path / "file.yaml").write_text(json.dumps(settings))
        shown = kill_when(tmp_path, ["collect", "file.yaml", "-o", "killed"], 1, signal.SIGINT)
        assert shown.endswith("again to resume; finished answers and judgements are kept.\n"), shown
        kill_when(tmp_path, ["collect", "file.yaml", "-o", "killed"], 105)
        status, output = run(tmp_path, "collect", "file.yaml", "-o", "killed")
        assert status == 0, output
        status, output = run(tmp_path, "collect", "file.yaml", "-o", "whole", "--jobs", "2")
        assert status == 0, output
    for name in RESULTS:
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert count_lines(tmp_path / "whole" / "judged") > 50
