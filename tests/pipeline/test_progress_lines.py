"""Commands write their progress as JSON lines: all long work of unify, clean, select and audit, with its rows."""

import itertools
import json
import random
from pathlib import Path
from typing import Any

import pytest

from support import command_line
from unipref.core import parquet

N_PROMPTS, ANSWERS = 150, 4
KEYS = {
    "event", "stage", "label", "done", "total", "unit", "per_second", "seconds_left", "elapsed", "rows",
    "rows_per_second", "figures",
}  # fmt: skip
UNITS = {"rows", "texts", "parts", "buckets", "files", "steps"}
STUDY = """
workers: 1
sources:
  - name: rated
    path: rated.jsonl
    format: ratings
    licence: CC0-1.0
    objective: instruction
    axis: help
    map:
      prompt: prompt
      response: response
      scores: {help: {field: help, low: 0, high: 10, better: high}, calm: {field: calm, low: 0, high: 10, better: high}}
  - name: pairs
    path: pairs.jsonl
    format: pairs
    licence: CC0-1.0
    objective: instruction
    map: {prompt: prompt, chosen: chosen, rejected: rejected}
split: {dev: 0.1, test: 0.1}
clean: {duplicates: near, redact: [email]}
select: {cluster_quality: {fraction: 0.5, quality: [margin_percentile, response_checks]}}
"""


def write_study(folder: Path) -> None:
    rng = random.Random(0)
    words = [f"word{number}" for number in range(400)]

    def write(name: str, rows: list[dict[str, Any]]) -> None:
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    prompts = [" ".join(rng.choices(words, k=20)) for _ in range(N_PROMPTS)]
    answers = [[" ".join(rng.choices(words, k=30)) for _ in range(ANSWERS)] for _ in prompts]
    rated = [
        {"prompt": prompt, "response": text, "help": rng.randint(0, 10), "calm": rng.randint(0, 10)}
        for prompt, texts in zip(prompts, answers, strict=True)
        for text in texts
    ]
    write("rated.jsonl", rated)
    pairs = [{"prompt": p, "chosen": a[0], "rejected": a[1]} for p, a in zip(prompts, answers, strict=True)]
    write("pairs.jsonl", pairs[:100])
    (folder / "study.yaml").write_text(STUDY, encoding="utf-8")
    (folder / "benchmarks").mkdir()
    (folder / "benchmarks" / "one.jsonl").write_text(json.dumps({"text": prompts[0]}) + "\n", encoding="utf-8")


def run(folder: Path, *words: str) -> tuple[str, str]:
    """Runs a command that must succeed; returns its output and its errors."""
    process = command_line.start(folder, *words)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out, err


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("study")
    write_study(made)
    return made


@pytest.fixture(scope="module")
def selection(folder: Path) -> tuple[str, str]:
    return run(folder, "select", "study.yaml", "--progress", "json", "-o", "run")


def read_progress(errors: str) -> dict[tuple[str | None, str], list[dict[str, Any]]]:
    """Returns the progress of each label of each stage; all lines must be objects with the keys of their event."""
    found: dict[tuple[str | None, str], list[dict[str, Any]]] = {}
    for line in map(json.loads, errors.splitlines()):
        if line["event"] == "progress":
            assert line.keys() == KEYS
            assert line["unit"] in UNITS
            found.setdefault((line["stage"], line["label"]), []).append(line)
        else:
            assert line["event"] in ("stage", "note", "warn", "results")
            assert "stage" in line
    return found


def check_course(lines: list[dict[str, Any]]) -> None:
    """Checks that what is done only grows, from 0 to the total, unless the label begins again, also from 0."""
    assert lines[0]["done"] == 0
    assert lines[0]["per_second"] is None
    for before, line in itertools.pairwise(lines):
        assert line["done"] >= before["done"] or line["done"] == 0
    assert lines[-1]["done"] == lines[-1]["total"]
    assert lines[-1]["seconds_left"] == 0
    for line in lines:
        assert (line["seconds_left"] is None) == (
            line["done"] != line["total"] and (line["total"] is None or line["per_second"] is None)
        )
        assert line["rows"] == line["done"] if line["unit"] == "rows" else True


def test_every_label_of_a_selection_goes_from_nothing_to_its_total(selection: tuple[str, str]) -> None:
    found = read_progress(selection[1])
    for lines in found.values():
        check_course(lines)
    stages = [line["stage"] for line in map(json.loads, selection[1].splitlines()) if line["event"] == "stage"]
    assert stages == ["unified", "clean", "selected/main/0"]
    labels: dict[str | None, set[str]] = {}
    for stage, label in found:
        labels.setdefault(stage, set()).add(label)
    assert labels["unified"] >= {
        "reading", "projecting", "joining judgements", "reading judgements", "estimating confidence",
        "finding evidence", "writing preferences", "checking labels",
    }  # fmt: skip
    assert labels["clean"] >= {
        "replacing personal data", "finding exact duplicates", "computing signatures", "finding pairs of preferences",
        "splitting", "writing parts",
    }  # fmt: skip
    assert labels["selected/main/0"] >= {
        "reading candidates", "checking answers", "counting words", "finding directions", "projecting prompts",
        "clustering", "writing the selection", "measuring wording",
    }  # fmt: skip


def test_rows_are_those_of_the_files_and_the_raw_ones_are_no_total(folder: Path, selection: tuple[str, str]) -> None:
    found = read_progress(selection[1])
    reading = found["unified", "reading"][-1]
    assert (reading["unit"], reading["total"], reading["rows"]) == ("parts", 2, N_PROMPTS * ANSWERS + 100)
    assert reading["rows_per_second"] > 0
    assert found["unified", "projecting"][-1]["unit"] == "buckets"
    assert all(line["total"] is None for line in found["unified", "estimating confidence"][:-1])
    n_preferences = parquet.count_rows(folder / "run" / "unified" / "preferences.parquet")
    n_candidates = parquet.count_rows(folder / "run" / "clean" / "train.parquet")
    for stage, label, total in (
        ("clean", "replacing personal data", n_preferences),
        ("clean", "writing parts", n_preferences),
        ("selected/main/0", "reading candidates", n_candidates),
        ("selected/main/0", "counting words", n_candidates),
        ("selected/main/0", "writing the selection", n_candidates),
    ):
        last = found[stage, label][-1]
        assert (last["unit"], last["done"], last["total"]) == ("rows", total, total), label
    assert found["selected/main/0", "clustering"][-1]["unit"] == "steps"


def test_standard_output_does_not_depend_on_how_progress_is_shown(folder: Path, selection: tuple[str, str]) -> None:
    del selection  # the stages are finished, so that all print the same seconds
    words = ("select", "study.yaml", "-o", "run")
    plain, _ = run(folder, *words)
    assert "rated" in plain
    for how in ("bar", "json", "none"):
        out, err = run(folder, *words, "--progress", how)
        assert out == plain
        assert bool(err) == (how != "none")


def test_an_audit_counts_the_preferences_and_prints_the_same(folder: Path, selection: tuple[str, str]) -> None:
    del selection
    words = ("audit", "run", "--benchmarks", "benchmarks", "--json")
    plain, _ = run(folder, *words)
    out, err = run(folder, *words, "--progress", "json")
    assert json.loads(out) == json.loads(plain)
    found = read_progress(err)
    for lines in found.values():
        check_course(lines)
    n_preferences = parquet.count_rows(folder / "run" / "unified" / "preferences.parquet")
    last = found[None, "auditing preferences"][-1]
    assert (last["unit"], last["total"]) == ("rows", n_preferences)
    assert found[None, "reading benchmarks"][-1]["unit"] == "files"
    assert {label for _, label in found} >= {"auditing rejects", "counting duplicates", "counting train"}


def test_an_error_is_an_event_and_then_the_message_as_always(folder: Path) -> None:
    process = command_line.start(folder, "select", "none.yaml", "--progress", "json")
    out, err = process.communicate(timeout=300)
    first, *message = err.splitlines()
    assert (process.returncode, out) == (2, "")
    event = json.loads(first)
    assert (event["event"], event["stage"]) == ("error", None)
    assert message
    assert not message[0].startswith("{")
