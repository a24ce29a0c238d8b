"""Runs `inspect` on files whose right reading is written down, and shows how often it is right at which confidence.

    python benchmarks/detection_table.py [--only dev] [--details] [--save FILE] [--docs]

The files are in tests/detection_files, in two halves: `dev`, which the detection was written with, and `test`, which
its author did not read. If UNIPREF_SHARED names a folder of public data, the files that public.yaml names are
inspected too. `--also FILE` adds others: a YAML file of paths and their truths. docs/detection.md describes truth.yaml
and the scoring.
"""

import argparse
import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from detection_scoring import Outcome, score
from unipref.core.display import shorten
from unipref.core.errors import UserError
from unipref.sources import catalog
from unipref.unify import inspection

ROOT = Path(__file__).parents[1]
FILES = ROOT / "tests" / "detection_files"
PUBLIC = FILES / "public.yaml"
BEFORE = Path(__file__).with_name("detection_before.json")
DOCS = ROOT / "docs" / "detection.md"
START, END = "<!-- tables: start -->", "<!-- tables: end -->"
KINDS = ("right", "asked", "silent", "false")
BINS = ((0.8, 1.0), (0.5, 0.8), (0.3, 0.5), (-0.1, 0.3))
"""Bins of stated confidence: above the first number, up to the second."""


class Case(NamedTuple):
    """One file and its truth."""

    set: str
    name: str
    path: Path
    truth: dict[str, Any]


class Result(NamedTuple):
    """What `inspect` said of one file."""

    set: str
    name: str
    kind: str
    format: str | None
    confidence: float
    seconds: float
    reasons: list[str]


def find_cases(sets: Iterable[str], also: Path | None = None) -> Iterator[Case]:
    """Yields the files of these sets."""
    for half in ("dev", "test"):
        for place in sorted((FILES / half).glob("*/truth.yaml")) if half in sets else []:
            truth = yaml.safe_load(place.read_text(encoding="utf-8"))
            yield Case(half, place.parent.name, place.parent / truth["file"], truth)
    shared = os.environ.get("UNIPREF_SHARED")
    if shared and "public" in sets and PUBLIC.is_file():
        yield from _listed("public", PUBLIC, Path(shared) / "data" / "feedback")
    if also is not None:
        yield from _listed(also.stem, also, also.parent)


def _listed(name: str, file: Path, folder: Path) -> Iterator[Case]:
    for path, truth in yaml.safe_load(file.read_text(encoding="utf-8")).items():
        yield Case(name, path, folder / path, truth)


def inspect(case: Case) -> Result:
    """Inspects a file and scores the answer; a crash is a false assertion."""
    start = time.perf_counter()
    try:
        found = asdict(inspection.inspect([case.path])[0])
    except Exception as error:
        took = time.perf_counter() - start
        return Result(case.set, case.name, "false", None, 0.0, took, [f"{type(error).__name__}: {error}"])
    took = time.perf_counter() - start
    outcome = score(_with_entry(found), case.truth)
    return Result(case.set, case.name, outcome.kind, found["format"], found["confidence"], took, outcome.reasons)


def _with_entry(found: dict[str, Any]) -> dict[str, Any]:
    """Adds what the catalog's entry says if the proposal names a dataset."""
    name = found["source"].get("dataset")
    if name is None:
        return found
    try:
        entry = catalog.dataset(name, "dataset")
    except UserError:
        return found
    records = {} if entry.records is None else {"records": entry.records}
    own = {"format": found["format"] or entry.format, "map": found["map"] or entry.map}
    return found | own | {"source": records | found["source"]}


def summarise(results: list[Result]) -> list[list[Any]]:
    """Returns one row per set: its files, the outcomes and the share of proposals that assert nothing false."""
    rows: list[list[Any]] = []
    for name in dict.fromkeys([*(result.set for result in results), "all"]):
        mine = [result for result in results if name in (result.set, "all")]
        counts = [sum(result.kind == kind for result in mine) for kind in KINDS]
        rows.append([name, len(mine), *counts, f"{max(result.seconds for result in mine):.2f} s"])
    return rows


def calibrate(results: list[Result]) -> list[list[Any]]:
    """Returns one row per bin of stated confidence, and one for files without a proposal."""
    rows: list[list[Any]] = []
    proposals = [result for result in results if result.format is not None]
    for low, high in BINS:
        mine = [result for result in proposals if low < result.confidence <= high]
        rows.append([f"above {low}" if high == 1.0 else f"above {max(low, 0)} to {high}", *_counts(mine)])
    rows.append(["no proposal", *_counts([result for result in results if result.format is None])])
    return rows


def _counts(results: list[Result]) -> list[Any]:
    counts = [sum(result.kind == kind for result in results) for kind in KINDS]
    share = f"{1 - counts[KINDS.index('false')] / len(results):.0%}" if results else "-"
    stated = f"{sum(result.confidence for result in results) / len(results):.2f}" if results else "-"
    return [len(results), stated, *counts, share]


def markdown(header: list[str], rows: list[list[Any]]) -> str:
    """Returns a table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def write_tables(results: list[Result], before: dict[str, list[Any]]) -> str:
    """Returns all tables: totals, calibration now and before, and one line per file."""
    earlier = [Result(*name.split("/", 1), *rest) for name, rest in before.items()]
    names = {(result.set, result.name) for result in results}
    earlier = [result for result in earlier if (result.set, result.name) in names]
    totals = ["set", "files", *KINDS, "slowest"]
    bins = ["stated confidence", "files", "mean stated", *KINDS, "nothing false"]
    text = "### Totals\n\n" + markdown(totals, summarise(results))
    text += "\n### By stated confidence\n\n" + markdown(bins, calibrate(results))
    unread = [result for result in results if result.set != "dev"]
    if unread and len(unread) < len(results):
        text += "\nThe same without the dev half:\n\n" + markdown(bins, calibrate(unread))
    if earlier:
        text += "\n### Before the detection was rewritten\n\n" + markdown(totals, summarise(earlier))
        text += "\n" + markdown(bins, calibrate(earlier))
    was = {(result.set, result.name): f"{result.kind} {result.confidence:.2f}" for result in earlier}
    rows = [
        [
            f"{r.set}/{r.name}",
            was.get((r.set, r.name), "-"),
            f"{r.kind} {r.confidence:.2f}",
            r.format or "-",
            f"{r.seconds * 1000:.0f} ms",
            shorten("; ".join(r.reasons), 120) if r.kind == "false" else "",
        ]
        for r in results
    ]
    return text + "\n### Each file\n\n" + markdown(["file", "before", "now", "format", "time", "what is wrong"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=["dev", "test", "public"], help="a set; may be repeated")
    parser.add_argument("--also", type=Path, help="YAML file of further files and their truths")
    parser.add_argument("--details", action="store_true", help="print what is wrong with each file")
    parser.add_argument("--save", type=Path, help="write the results as JSON")
    parser.add_argument("--docs", action="store_true", help=f"write the tables to {DOCS.name}")
    given = parser.parse_args()
    cases = list(find_cases(given.only or ("dev", "test", "public"), given.also))
    inspect(cases[0])  # The first call imports the formats.
    results = [inspect(case) for case in cases]
    if given.save:
        lines = [
            json.dumps({f"{r.set}/{r.name}": [r.kind, r.format, r.confidence, round(r.seconds, 3), r.reasons]})[1:-1]
            for r in results
        ]
        given.save.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    before = json.loads(BEFORE.read_text(encoding="utf-8")) if BEFORE.is_file() else {}
    own = [result for result in results if given.also is None or result.set != given.also.stem]
    if given.details:
        for r in results:
            print(f"{r.kind:7} {r.confidence:.2f} {r.set}/{r.name} {r.format}: {'; '.join(r.reasons)}")
    print(write_tables(results, before).split("\n### Each file")[0])
    if given.docs:
        tables = write_tables(own, before)
        text = DOCS.read_text(encoding="utf-8")
        head, tail = text.partition(START)[0], text.partition(END)[2]
        DOCS.write_text(f"{head}{START}\n\n{tables}\n{END}{tail}", encoding="utf-8")


__all__ = ["Case", "Outcome", "Result", "calibrate", "find_cases", "inspect", "summarise", "write_tables"]

if __name__ == "__main__":
    main()
