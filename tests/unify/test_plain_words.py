"""Words and numbers without quotes in a study: they are what they look like, and codes find the labels of the rows."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import unipref

WORDS = [("yes", "no"), ("on", "off"), ("Yes", "No"), ("y", "n"), ("ON", "OFF"), ("2024-05-01", "1_0"), ("b", "12:30")]


def unified(folder: Path, rows: list[dict[str, Any]], source: str, **files: str) -> tuple[dict[str, Any], list[Any]]:
    """The counts of a source, and the rejects' details."""
    (folder / "r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    study = folder / "study.yaml"
    study.write_text(f"# kept\nworkers: 1\nsources:\n- {{name: s, path: r.jsonl, {source}}}\n", encoding="utf-8")
    parquet = unipref.unify_feedback(study, folder / "run")
    run = folder / "run"
    assert (run / "study.yaml").read_text(encoding="utf-8").startswith("# kept\n")
    counts = json.loads((run / "manifest.json").read_text(encoding="utf-8"))["sources"]["s"]
    rejects = pq.read_table(next(run.rglob("rejects.parquet"))).to_pylist()
    assert parquet.is_file()
    return counts, [row["detail"] for row in rejects]


@pytest.mark.parametrize(("good", "bad"), WORDS)
def test_thumbs_are_found_by_plain_words(tmp_path: Path, good: str, bad: str) -> None:
    rows = [{"t": f"Task {i}?", "out": f"Done {i}.", "v": [good, bad][i % 2]} for i in range(6)]
    source = f"format: thumbs, map: {{prompt: t, response: out, label: v, up: [{good}], down: [{bad}]}}"
    counts, details = unified(tmp_path, rows, source)
    assert (counts["used"], details) == (6, [])


@pytest.mark.parametrize(("good", "bad"), WORDS)
def test_codes_are_found_by_plain_words(tmp_path: Path, good: str, bad: str) -> None:
    rows = [{"t": f"Task {i}?", "one": "First.", "two": "Second.", "v": [good, bad][i % 2]} for i in range(6)]
    source = (
        f"format: pairs, map: {{prompt: t, first: one, second: two, label: v, codes: {{{good}: first, {bad}: second}}}}"
    )
    counts, details = unified(tmp_path, rows, source)
    assert (counts["used"], details) == (6, [])


@pytest.mark.parametrize(("good", "bad"), WORDS)
def test_scores_in_plain_words_are_found(tmp_path: Path, good: str, bad: str) -> None:
    rows = [{"t": "Task?", "out": f"Done {i}.", "v": [good, bad][i % 2]} for i in range(2)]
    axis = f"{{field: v, better: high, low: 0, high: 1, codes: {{{good}: 1, {bad}: 0}}}}"
    counts, details = unified(
        tmp_path, rows, f"format: ratings, map: {{prompt: t, response: out, scores: {{fit: {axis}}}}}"
    )
    assert (counts["used"], details) == (2, [])


def test_rows_that_belong_together_by_their_place_are_joined(tmp_path: Path) -> None:
    rows = [{"t": f"Task {i}?", "one": "First.", "two": "Second."} for i in range(3)]
    source = "join: [{path: v.lst, on: row, as: vote}], format: pairs, map: {prompt: t, first: one, second: two, "
    source += "label: vote.line, codes: {no: second, yes: first, off: tie}}"
    counts, details = unified(tmp_path, rows, source, **{"v.lst": "yes\nno\noff\n"})
    assert (counts["used"], len(details)) == (3, 1)  # the tie prefers neither


@pytest.mark.parametrize(("label", "code"), [("010", "010"), ("0x1f", "0x1f"), ("1e3", "1e3")])
def test_a_code_that_is_not_text_without_quotes_says_to_quote_it(tmp_path: Path, label: str, code: str) -> None:
    rows = [{"t": f"Task {v}?", "one": "First.", "two": "Second.", "v": v} for v in (label, "good")]
    source = "format: pairs, map: {prompt: t, first: one, second: two, label: v, codes: {good: first, %s: second}}"
    _, details = unified(tmp_path, rows, source % code)
    assert details[0].endswith(f'; {label} without quotes is not text in YAML: write "{label}"')
    counts, details = unified(tmp_path, rows, source % f'"{code}"')
    assert (counts["used"], details) == (2, [])
