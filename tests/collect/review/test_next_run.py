"""The votes of a review are a source of the next run, where the reviewer is judged like everyone."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from unipref import unify_feedback
from unipref.collect.review import find_votes, format_source, open_review
from unipref.collect.review.session import Session, choose_order

JUDGES = {"ann": lambda n: n % 8 > 0, "bob": lambda n: n % 9 > 0, "cy": lambda n: n % 2 == 0}


def write_study(folder: Path, count: int = 40) -> dict[str, Any]:
    """Three people judge the same answers, of which the better one is called right."""
    rows = [
        {
            "q": [{"role": "user", "content": f"First {n}?"}, {"role": "assistant", "content": "Yes."}] * (n % 2)
            + [{"role": "user", "content": f"Why {n}?"}],
            "c": f"{'right' if is_right(n) else 'wrong'} {n}\n\nHuman: {n}",
            "r": f"{'wrong' if is_right(n) else 'right'} {n}\n\nHuman: {n}",
            "who": who,
        }
        for n in range(count)
        for who, is_right in JUDGES.items()
    ]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    mapping = {"prompt": "q", "chosen": "c", "rejected": "r", "annotator": "who"}
    source = {"name": "pairs", "path": "pairs.jsonl", "format": "pairs", "map": mapping, "objective": "truth"}
    return {"name": "s", "data_root": str(folder), "sources": [source]}


@pytest.mark.slow
def test_the_votes_meet_the_judgements_that_they_are_about(tmp_path: Path) -> None:
    study = write_study(tmp_path)
    first = unify_feedback(study, tmp_path / "first").parents[1]
    with open_review(first, most=30) as opened:
        session = Session(opened.queue.items, opened.votes, "dora")
        assert {reason for item in opened.queue.items for reason in item.reasons} >= {"contradiction", "random sample"}
        while (item := session.current) is not None:
            shown = session.progress.judged + session.progress.skipped
            better = "first" if item.first[0]["content"].startswith("right") else "second"
            session.record(item.pair, _answer(session, item, better, shown))
    lines = format_source(find_votes(first))
    study["sources"] += yaml.safe_load(f"sources:\n{lines}")["sources"]
    second = unify_feedback(study, tmp_path / "second").parents[1]
    table = pq.read_table(second / "unified" / "judgements.parquet").to_pylist()
    before = {(one["group"], frozenset(one["answers"])) for one in table if one["source"] == "pairs"}
    votes = [one for one in table if one["source"] == "review"]
    assert len(votes) == 29
    assert {(one["group"], frozenset(one["answers"])) for one in votes} <= before
    assert {(one["annotator"], one["axis"]) for one in votes} == {("dora", "truth")}
    assert {tuple(one["shown"]) for one in votes} == {(0, 1), (1, 0)}
    assert sum(one["value"] == 0 for one in votes) == 2
    judging = json.loads((second / "unified" / "judging.json").read_text())
    reliability = {one["name"]: one["reliability"] for one in judging["annotators"]}
    assert reliability["dora"] > reliability["cy"]


def _answer(session: Session, item: Any, better: str, place: int) -> Any:
    """The right answer, wherever it is shown; the first pairs are a tie, both bad and skipped."""
    if place < 3:
        return ("tie", "both_bad", "skip")[place]
    return "left" if choose_order(item, session.reviewer) == better else "right"
