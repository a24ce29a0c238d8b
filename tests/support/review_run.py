"""A small run folder written by hand, with preferences that need a person for every reason."""

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from support.exported_run import preference, write_preferences
from unipref.collect.review import OpenReview, format_source
from unipref.collect.review.page import ReviewPage
from unipref.collect.review.server import Review, make_server
from unipref.core.judgements import judgement_schema
from unipref.core.text_keys import answer_key, prompt_key

HOSTILE = (
    "</textarea></script><script>window.hacked=1</script><img src=x onerror=hacked=1>{{ 7*7 }} \x1b[2J\u202e\x9b31m"
)


def make_rows(count: int = 12) -> list[dict[str, Any]]:
    """Sure preferences with wide gaps, of two sources in turn; `count` of them."""
    values = {"confidence": 0.95, "margin_percentile": 0.9, "margin": 1.0, "objective": "instruction"}
    return [
        preference(
            f"{number:032x}",
            f"Question {number}?",
            f"Right answer {number}.",
            f"Wrong answer {number}.",
            source=("pairs", "stars")[number % 2],
            origin=[f"rows.csv:{number}"],
            **values,
        )
        for number in range(count)
    ]


def judge(row: dict[str, Any], better: str, annotator: str | None = None, **changes: Any) -> dict[str, Any]:
    """A comparison of the two answers of a preference."""
    values = {
        "group": prompt_key(row["prompt"]),
        "answers": [answer_key(row[side]) for side in ("chosen", "rejected")],
        "axis": row["objective"],
        "kind": "pair",
        "value": 1.0 if better == "chosen" else -1.0,
        "places": None,
        "shown": None,
        "annotator": annotator,
        "source": row["source"],
        "count": 1,
        "origin": row["origin"][0],
    }
    return values | changes


def write_run(folder: Path, rows: list[dict[str, Any]], judgements: list[dict[str, Any]] | None = None) -> Path:
    """Writes a run in which unify is done."""
    write_preferences(folder / "unified" / "preferences.parquet", rows, with_parts=any_parts(rows))
    table = pa.Table.from_pylist(judgements or [], schema=judgement_schema())
    pq.write_table(table, folder / "unified" / "judgements.parquet")
    (folder / "manifest.json").write_text(json.dumps({"sources": {}}), encoding="utf-8")
    return folder


def any_parts(rows: list[dict[str, Any]]) -> bool:
    sides = [row[side] or [] for row in rows for side in ("prompt", "chosen", "rejected")]
    return any(len(message) > 2 for side in sides for message in side)


def write_influence(run: Path, *by_scorer: dict[str, float]) -> None:
    """Writes the decisions of a selection whose scorers, one or several, judged these candidates: id -> number."""
    folder = run / "selected" / "main" / "0"
    folder.mkdir(parents=True)
    columns: dict[str, Any] = {"id": list(by_scorer[0])}
    for at, numbers in enumerate(by_scorer, 1):
        name = "influence" if at == 1 else f"influence-{at}"
        columns |= {name: list(numbers.values()), f"{name}_percentile": [0.5] * len(numbers)}
    pq.write_table(pa.table(columns), folder / "decisions.parquet")
    # Two variants that select alike share a folder.
    selections = {seed: {"folder": "selected/main/0"} for seed in ("0", "1")}
    manifest = {"selected": {"main": selections}}
    (run / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


@contextlib.contextmanager
def serve(opened: OpenReview) -> Iterator[str]:
    """Serves the page of a review by a reviewer without a name so far; yields its address."""
    page = ReviewPage(opened.folder.parent, opened.votes, format_source(opened.votes.path))
    server, address = make_server(Review(opened.queue.items, opened.votes, page, None), page)
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield address
        server.shutdown()
