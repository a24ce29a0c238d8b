"""Tests of the whole stage: margins, counts, and the same result for any engine and number of buckets."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import unipref.unify as stage
from support.golden import check_counts, resolve_source, run_unify
from unipref.core.errors import UserError
from unipref.core.records import preference_schema, reject_schema
from unipref.core.stats.percentiles import percentiles
from unipref.unify import ResolvedSource, rejection_warnings

STARS = {
    "prompt": "q",
    "response": "a",
    "scores": {"help": {"field": "stars", "low": 0, "high": 10, "better": "high"}},
}


def write_jsonl(path: Path, rows: list[Any]) -> Path:
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def rated(gaps: list[float], prefix: str = "p") -> list[dict[str, Any]]:
    """Two answers each to as many prompts, that far apart."""
    return [
        {"q": f"{prefix}{i}", "a": side, "stars": score}
        for i, gap in enumerate(gaps)
        for side, score in (("good", gap), ("bad", 0))
    ]


def test_percentiles_by_hand() -> None:
    # of [4, 1, 2, 2]: 4 has three below and itself: (3 + 4) / 2 / 4; 1: (0 + 1) / 2 / 4; the twos: (1 + 3) / 2 / 4
    assert percentiles(np.array([4.0, 1.0, 2.0, 2.0])).tolist() == [0.875, 0.125, 0.5, 0.5]
    assert percentiles(np.array([3.0])).tolist() == [0.5]
    assert percentiles(np.array([0.3, 0.1 + 0.2])).tolist() == [0.5, 0.5]
    assert percentiles(np.array([])).tolist() == []


def test_margins_are_computed_within_source_and_axis(tmp_path: Path) -> None:
    small = resolve_source("ratings", STARS, write_jsonl(tmp_path / "s.jsonl", rated([1, 2])), "small")
    large = resolve_source("ratings", STARS, write_jsonl(tmp_path / "l.jsonl", rated([8, 9, 10], "r")), "large")
    run_unify([small, large], tmp_path / "out")
    rows = pq.read_table(tmp_path / "out/preferences.parquet").to_pylist()
    found = {(row["source"], row["chosen_score"]): row["margin_percentile"] for row in rows}
    assert found == {
        ("small", 1.0): 0.25,
        ("small", 2.0): 0.75,
        ("large", 8.0): pytest.approx(1 / 6),
        ("large", 9.0): 0.5,
        ("large", 10.0): pytest.approx(5 / 6),
    }


def test_min_margin_moves_preferences_to_the_rejects(tmp_path: Path) -> None:
    thumb = {"m": ["Q", "A"], "ok": True}
    plans = [
        resolve_source("ratings", STARS, write_jsonl(tmp_path / "r.jsonl", rated([1, 2, 3, 4])), "stars"),
        resolve_source(
            "thumbs", {"messages": "m", "label": "ok"}, write_jsonl(tmp_path / "t.jsonl", [thumb]), "thumbs"
        ),
    ]
    records = run_unify(plans, tmp_path / "out", min_margin=0.5)
    kept = pq.read_table(tmp_path / "out/preferences.parquet").to_pylist()
    assert [(row["source"], row["chosen_score"]) for row in kept] == [("stars", 3.0), ("stars", 4.0), ("thumbs", None)]
    left = pq.read_table(tmp_path / "out/rejects.parquet").to_pylist()
    assert [(r["level"], r["reason"], r["origin"]) for r in left] == [
        ("preference", "below_min_margin", ["r.jsonl:1", "r.jsonl:2"]),
        ("preference", "below_min_margin", ["r.jsonl:3", "r.jsonl:4"]),
    ]
    stars, thumbs = records["stars"], records["thumbs"]
    assert (stars["groups"], stars["projected"], stars["preferences"]) == (4, 4, 2)
    assert stars["preferences_rejected"] == {"below_min_margin": 2}
    assert (stars["ordered_pairs"], stars["kept_pairs"]) == (4, 2)
    assert (thumbs["preferences"], thumbs["preferences_rejected"]) == (1, {})


def dirty_sources(folder: Path) -> list[ResolvedSource]:
    """Six sources, one for each format, each with good rows and with faults of its own."""
    tree = {"text": "T", "role": "prompter", "replies": [
        {"text": "x", "role": "assistant", "rank": 0, "replies": []},
        {"text": "y", "role": "assistant", "rank": 1, "deleted": True},
        {"text": "z", "role": "assistant", "rank": 2, "replies": []},
    ]}  # fmt: skip
    pairs = [
        {"chosen": f"\n\nHuman: h{i}\n\nAssistant: a", "rejected": f"\n\nHuman: h{i}\n\nAssistant: b"}
        for i in range(30)
    ]
    choice = [{"s": f"S{i} _", "o": ["l", "r"], "y": i % 3} for i in range(30)]
    thumbs = [{"m": [f"Q{i % 7}", f"A{i}"], "ok": [True, False, "maybe"][i % 3]} for i in range(30)]
    demo = [{"q": f"Q{i}", "a": "" if i % 5 == 0 else "A"} for i in range(30)]
    table = folder / "r.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["q", "a", "stars"])
        writer.writerows([[f"P{i % 9}", f"A{i}", i % 12] for i in range(60)])
        writer.writerow(["too", "few"])
    return [
        resolve_source(
            "pairs", {}, write_jsonl(folder / "p.jsonl", [*pairs, pairs[0], "{broken", "[1]", '{"chosen": 1}'])
        ),
        resolve_source("ratings", STARS, table, "r"),
        resolve_source("tree", {}, write_jsonl(folder / "t.jsonl", [{"prompt": tree}, {"prompt": 5}, {}]), "t"),
        resolve_source(
            "multiple_choice",
            {"prompt": "s", "options": "o", "answer": "y", "first": 0},
            write_jsonl(folder / "c.jsonl", choice),
            "c",
        ),
        resolve_source("thumbs", {"messages": "m", "label": "ok"}, write_jsonl(folder / "k.jsonl", thumbs), "k"),
        resolve_source("demonstration", {"prompt": "q", "response": "a"}, write_jsonl(folder / "e.jsonl", demo), "e"),
    ]


def test_counts_add_up_for_dirty_sources_and_every_reject_names_its_row(tmp_path: Path) -> None:
    records = run_unify(dirty_sources(tmp_path), tmp_path / "out")
    preferences = pq.read_table(tmp_path / "out/preferences.parquet")
    rejects = pq.read_table(tmp_path / "out/rejects.parquet")
    assert preferences.schema.equals(preference_schema())
    assert rejects.schema.equals(reject_schema())
    told = rejects.to_pylist()
    for source, page in records.items():
        check_counts(page)
        mine = [row for row in told if row["source"] == source]
        for level, name in (("row", "rejected"), ("part", "parts_rejected"), ("group", "groups_rejected")):
            reasons = [row["reason"] for row in mine if row["level"] == level]
            assert {reason: reasons.count(reason) for reason in set(reasons)} == page[name]
        assert page["preferences"] == preferences["source"].to_pylist().count(source)
        assert {f"{row['level']}.{row['reason']}" for row in mine} == page["examples"].keys()
    assert all(row["origin"] and row["detail"] for row in told)
    # rows, used, rejected, groups, projected
    numbers = {s: [p["rows"], p["used"], p["groups"], p["projected"], p["preferences"]] for s, p in records.items()}
    assert numbers == {
        "d": [34, 31, 30, 30, 30],  # a row occurs twice
        "r": [61, 55, 9, 9, 9],  # 5 ratings of 11 are off the scale, and the short record is no row
        "t": [3, 1, 1, 1, 1],
        "c": [30, 20, 20, 20, 20],
        "k": [30, 20, 7, 7, 13],
        "e": [30, 24, 24, 24, 24],
    }
    assert records["t"]["parts_rejected"] == {"deleted": 1}


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("preferences.parquet", "rejects.parquet")}


@pytest.mark.slow
def test_the_result_does_not_depend_on_the_engine_or_the_buckets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans = dirty_sources(tmp_path)
    one_bucket = run_unify(plans, tmp_path / "whole")
    assert not (tmp_path / "whole/buckets").exists()
    monkeypatch.setattr(stage, "BUCKET_BYTES", 500)
    records = run_unify(plans, tmp_path / "one", workers=1)
    assert run_unify(plans, tmp_path / "three", workers=3) == records
    assert contents(tmp_path / "one") == contents(tmp_path / "three")
    for page in (*records.values(), *one_bucket.values()):
        page.pop("examples")  # the first reject of a kind is that of the first bucket
    assert records == one_bucket
    whole, cut = (
        sorted(
            pq.read_table(tmp_path / name / "preferences.parquet").to_pylist(),
            key=lambda row: (row["id"], row["origin"]),
        )
        for name in ("whole", "one")
    )
    assert whole == cut


def test_what_is_read_for_the_last_time_leaves_the_disk_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[str] = []
    check = stage.check_polarity

    def list_files(*arguments: Any) -> Any:
        left.extend(path.name for path in (tmp_path / "out/buckets").iterdir())
        return check(*arguments)

    monkeypatch.setattr(stage, "BUCKET_BYTES", 500)
    monkeypatch.setattr(stage, "check_polarity", list_files)
    run_unify(dirty_sources(tmp_path), tmp_path / "out")
    assert "overruled.parquet" in left
    assert not [name for name in left if name in ("feedback", "rated") or name.startswith(("part-", "judgements-"))]


def test_no_usable_row_is_an_error_that_says_where_and_why(tmp_path: Path) -> None:
    plans = [
        resolve_source("pairs", {}, write_jsonl(tmp_path / "a.jsonl", [{"prompt": "x"}, {"prompt": "y"}]), "mine"),
        resolve_source("ratings", STARS, write_jsonl(tmp_path / "b.jsonl", rated([0])), "stars"),
        resolve_source("pairs", {}, write_jsonl(tmp_path / "c.jsonl", []), "empty"),
    ]
    with pytest.raises(UserError) as caught:
        run_unify(plans, tmp_path / "out")
    assert caught.value.lines() == [
        "no preference could be made from 4 rows.\n"
        "  mine: 2 x missing_field, the first in a.jsonl:1: field 'chosen':"
        " the field is missing; found the fields prompt\n"
        "  stars: 1 x tie, the first in b.jsonl:1: all 2 answers have 0 on 'help'\n"
        "  empty: no rows",
        "  To see how rows are read, run: unipref inspect FILE",
    ]


def test_a_source_whose_prompts_have_mostly_one_answer_says_how_to_use_them(tmp_path: Path) -> None:
    rows = [*rated([5]), *({"q": f"Alone {i}", "a": "A", "stars": 3} for i in range(2))]
    plan = resolve_source("ratings", STARS, write_jsonl(tmp_path / "a.jsonl", rows), "stars")
    (note,) = [n for n in rejection_warnings(run_unify([plan], tmp_path / "out")) if "one answer" in n]
    assert note.startswith(
        "stars: 2 of 3 prompts have one answer, without a pair. To use answers that are scored alone"
    )


def test_no_preference_above_min_margin_is_an_error(tmp_path: Path) -> None:
    plan = resolve_source("ratings", STARS, write_jsonl(tmp_path / "r.jsonl", rated([1])))
    with pytest.raises(
        UserError, match=r"1 x below_min_margin, the first in r.jsonl:1: margin_percentile 0.500 is below"
    ):
        run_unify([plan], tmp_path / "out", min_margin=0.9)
