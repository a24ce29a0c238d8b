"""Shared part of the golden tests of formats: runs rows through the whole stage and compares every column."""

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from unipref.core import registry
from unipref.core.contracts import Format
from unipref.core.workers import make_engine
from unipref.sources import parts, read
from unipref.unify import Projection, ResolvedSource, UnifySettings, unify


@dataclass
class Case:
    """Rows of one source and the expected result.

    `rows` are written as JSON Lines to `d.jsonl`, so the second row's origin is `d.jsonl:2`; a string is the content
    of `d.csv`, whose rows are counted here from 1 below the header; `check` turns them into lines. `preferences` are in
    the order of the file. `rejects` are (level, reason, field, origins).
    """

    about: str
    rows: list[Any] | str
    preferences: list[dict[str, Any]] = field(default_factory=list)
    rejects: list[tuple[str, str, str | None, list[str]]] = field(default_factory=list)
    settings: dict[str, Any] | None = None
    axis: str | None = None


def preference(prompt: list[str], chosen: list[str] | None, rejected: list[str] | None, **rest: Any) -> dict[str, Any]:
    """Makes a full preference; the defaults are those of two answers in the first row with one comparison."""
    common = {
        "axis": None,
        "chosen_score": None,
        "rejected_score": None,
        "axes": {},
        "margin_percentile": None,
        "confidence": None,
        "n_judgements": 1,
        "n_responses": 2,
        "origin": [1],
        "extra": {},
    }
    assert not rest.keys() - common.keys()
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected, **common, **rest}


@dataclass
class UnifiedCase:
    """The files that the stage wrote for one source named `d`."""

    preferences: list[dict[str, Any]]
    rejects: list[dict[str, Any]]
    counts: dict[str, Any]


def resolve_source(
    name: str, settings: dict[str, Any], file: Path, source: str = "d", axis: str | None = None
) -> ResolvedSource:
    form = registry.make("format", name, settings, "map")
    assert isinstance(form, Format)
    axes = form.axes()
    how = Projection(source, form.name(), "instruction", "CC0", axis or next(iter(axes), None), axes)
    return ResolvedSource(form, how, parts([str(file)], file.parent, "path"))


def run_unify(
    sources: list[ResolvedSource], out: Path, workers: int = 1, aggregate: Any = "majority", **settings: Any
) -> dict[str, Any]:
    """Runs unify. The tables of golden tests have shares of votes, which `majority` keeps as confidence."""
    out.mkdir(parents=True)
    engine = make_engine("local", workers)
    try:
        return unify(sources, UnifySettings(aggregate=aggregate, **settings), out, engine=engine, read=read)
    finally:
        engine.close()


def unify_case(case: Case, name: str, folder: Path) -> UnifiedCase:
    if isinstance(case.rows, str):
        file = folder / "d.csv"
        file.write_text(case.rows, encoding="utf-8")
    else:
        file = folder / "d.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in case.rows), encoding="utf-8")
    counts = run_unify([resolve_source(name, case.settings or {}, file, axis=case.axis)], folder / "out")
    return UnifiedCase(
        pq.read_table(folder / "out/preferences.parquet").to_pylist(),
        pq.read_table(folder / "out/rejects.parquet").to_pylist(),
        counts["d"],
    )


def check(case: Case, name: str, folder: Path) -> None:
    """Checks every column of every preference, every reject, and that the counts add up."""
    result = unify_case(case, name, folder)
    suffix, number = ("csv", first_lines(case.rows)) if isinstance(case.rows, str) else ("jsonl", {})
    expected = [
        {
            **p,
            "margin_percentile": approximately(p["margin_percentile"]),
            "origin": [f"d.{suffix}:{number.get(row, row)}" for row in p["origin"]],
        }
        for p in case.preferences
    ]
    assert [readable(p) for p in result.preferences] == expected
    rejects = [
        (r["level"], r["reason"], r["field"], [o.partition(":")[2] for o in r["origin"]]) for r in result.rejects
    ]
    assert rejects == [
        (level, reason, name, [str(number.get(o, o)) for o in rows]) for level, reason, name, rows in case.rejects
    ]
    assert all(r["detail"] for r in result.rejects)
    for p in result.preferences:
        assert (p["source"], p["kind"], p["objective"], p["licence"]) == ("d", name, "instruction", "CC0")
        assert len(p["id"]) == len(p["group"]) == 32
    check_counts(result.counts)


def first_lines(table: str) -> dict[Any, int]:
    """Returns row below the header -> the line on which it begins, of a CSV."""
    reader = csv.reader(table.splitlines(keepends=True))
    ends = [0, *(reader.line_num for _ in reader)]
    return {row: end + 1 for row, end in enumerate(ends[:-1])}


def check_counts(counts: dict[str, Any]) -> None:
    assert counts["rows"] == counts["used"] + sum(counts["rejected"].values())
    assert counts["groups"] == counts["projected"] + sum(counts["groups_rejected"].values())


def approximately(margin_percentile: float | None) -> Any:
    return None if margin_percentile is None else pytest.approx(margin_percentile, abs=1e-6)


def readable(preference: dict[str, Any]) -> dict[str, Any]:
    """Converts a preference to the form of the tables: turns as `role: text`, axes as {name: (chosen, rejected)}."""
    sides = {side: turns(preference[side]) for side in ("prompt", "chosen", "rejected")}
    axes = {axis["axis"]: (axis["chosen"], axis["rejected"]) for axis in preference["axes"]}
    numbers = (
        "axis",
        "chosen_score",
        "rejected_score",
        "margin_percentile",
        "confidence",
        "n_judgements",
        "n_responses",
    )
    strict = {"parse_constant": lambda name: pytest.fail(f"{name} is not valid JSON")}
    return {
        **sides,
        **{name: preference[name] for name in numbers},
        "axes": axes,
        "origin": preference["origin"],
        "extra": json.loads(preference["extra"], **strict),
    }


def turns(messages: list[dict[str, str]] | None) -> list[str] | None:
    return None if messages is None else [f"{m['role']}: {m['content']}" for m in messages]
