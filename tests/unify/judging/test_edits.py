"""Equal edits always agree, so they are no evidence of how reliable the edits are."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.golden import resolve_source, run_unify
from support.voters import VOTE, read, write

EDIT = {"before": "b", "after": "a", "prompt": "q"}


def edits(**more: Any) -> list[dict[str, Any]]:
    """Each of 20 edits three times, in rows with other numbers."""
    return [
        {"q": f"Q{n}?", "a": f"good {n}", "b": f"bad {n}", "ticket": 20 * time + n}
        | {name: values[time] for name, values in more.items()}
        for time in range(3)
        for n in range(20)
    ]


@pytest.mark.parametrize("people", [None, ["ann", "bob", "cyd"]])
def test_equal_edits_do_not_confirm_each_other(tmp_path: Path, people: list[str] | None) -> None:
    rows = edits() if people is None else edits(who=people)
    settings = EDIT if people is None else EDIT | {"annotator": "who"}
    source = resolve_source("edit", settings, write(tmp_path / "d.jsonl", rows))
    run_unify([source], tmp_path / "out", aggregate="latent")
    kept = read(tmp_path / "out")
    assert len(kept) == 60
    assert {(p["confidence"], p["margin"]) for p in kept} == {(None, None)}
    judging = json.loads((tmp_path / "out" / "judging.json").read_text())
    assert {scale["slope"] for scale in judging["scales"]} <= {None}
    assert {one["reliability"] for one in judging["annotators"]} <= {None}
    assert judging["agreement"] == []


def test_edits_that_others_judge_have_a_confidence(tmp_path: Path) -> None:
    voted = [{**row, "vote": "A", "who": who} for row in edits()[:20] for who in ("ann", "bob", "cyd")]
    sources = [
        resolve_source("edit", EDIT, write(tmp_path / "e.jsonl", edits()), "edits"),
        resolve_source("votes", VOTE, write(tmp_path / "v.jsonl", voted), "votes"),
    ]
    run_unify(sources, tmp_path / "out", aggregate="latent")
    of_edits = [p for p in read(tmp_path / "out") if p["source"] == "edits"]
    assert len(of_edits) == 60
    assert min(p["confidence"] for p in of_edits) > 0.8
    judging = json.loads((tmp_path / "out" / "judging.json").read_text())
    assert {one["source"] for one in judging["agreement"]} == {"votes"}
