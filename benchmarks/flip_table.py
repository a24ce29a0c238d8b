"""Inverts the label of each known dataset and shows whether unipref notices.

    python benchmarks/flip_table.py DATA_FOLDER

DATA_FOLDER has a folder for each dataset, named as in the catalog. unipref reads each twice with its catalog entry: as
published, and with the label inverted, as by a mistake in the mapping. The table shows the verdict on both. Files and
further evidence are the same.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import unipref
from unipref.core.errors import UserError
from unipref.core.records import Row
from unipref.sources.catalog import DATASETS, Dataset

PATHS = {"oasst_trees": "en_100_tree.jsonl", "winogrande": "train_m.jsonl"}
"""Folders with two copies of the data -> the file to read."""
EVIDENCE: dict[str, dict[str, Any]] = {
    "winogrande": {
        "join": [{"path": "winogrande/train_m-labels.lst", "on": "row", "as": "apart"}],
        "map": {"check": "apart.line"},
    }
}
"""Dataset -> settings of a study that use evidence from another file."""


class Flip(NamedTuple):
    """The label, how it is inverted, and the mapping for that."""

    label: str
    how: str
    map: dict[str, Any]


def find_flip(entry: Dataset) -> Flip | None:
    """Returns how to invert the label of a dataset; None if it has no label."""
    make = FLIPS.get(entry.format)
    return make(entry) if make is not None else None


def _pairs(entry: Dataset) -> Flip:
    if "label" in entry.map:
        return Flip(entry.map["label"], "codes swapped", {"codes": _swap_codes(entry.map["codes"])})
    sides = {"chosen": entry.map["rejected"], "rejected": entry.map["chosen"]}
    return Flip("chosen, rejected", "paths swapped", sides)


def _swap_codes(codes: dict[Any, str]) -> dict[Any, str]:
    other = {"first": "second", "second": "first", "tie": "tie"}
    return {code: other[side] for code, side in codes.items()}


def _graded(entry: Dataset) -> Flip:
    ends = entry.map["scale"]
    codes = {code: -strength for code, strength in entry.map.get("codes", {}).items()}
    turned = {"scale": {"first": ends["second"], "second": ends["first"]}, "codes": codes}
    return Flip(entry.map["grade"], "ends of the scale swapped", turned)


def _votes(entry: Dataset) -> Flip:
    votes = entry.map["votes"]
    named = votes if isinstance(votes, str) else ", ".join(votes)
    return Flip(named, "codes swapped", {"codes": _swap_codes(entry.map["codes"])})


def _axis(entry: Dataset) -> Flip:
    name = entry.axis or next(iter(entry.map["scores"]))
    turned = "low" if entry.map["scores"][name]["better"] == "high" else "high"
    return Flip(name, f"better: {turned}", {"scores": {name: {"better": turned}}})


def _ranking(entry: Dataset) -> Flip:
    turned = "worst_first" if entry.map["order"] == "best_first" else "best_first"
    return Flip("order of the list", f"order: {turned}", {"order": turned})


def _thumbs(entry: Dataset) -> Flip:
    return Flip(entry.map["label"], "up and down swapped", {"up": [False], "down": [True]})


def _edit(entry: Dataset) -> Flip:
    sides = {"before": entry.map["after"], "after": entry.map["before"]}
    return Flip("before, after", "paths swapped", sides)


def _choice(entry: Dataset) -> Flip:
    return Flip(entry.map["answer"], "the other option in every row", {"function": "flip_table.other_option"})


def _steps(entry: Dataset) -> Flip:
    how = "marked solutions unmarked, others marked at the first step"
    return Flip(entry.map["first_wrong"], how, {"function": "flip_table.other_mark"})


def other_option(row: Row) -> Row:
    """Replaces the answer of a row by the other of its two options."""
    return {**row, "answer": {"1": "2", "2": "1"}[row["answer"]]}


def other_mark(row: Row) -> Row:
    """Marks the first step as a mistake if no step is marked; otherwise removes the mark."""
    return {**row, "mistake_index": 0 if row["mistake_index"] is None else None}


FLIPS: dict[str, Callable[[Dataset], Flip]] = {
    "pairs": _pairs,
    "graded_pair": _graded,
    "votes": _votes,
    "ratings": _axis,
    "tree": _axis,
    "ranking": _ranking,
    "thumbs": _thumbs,
    "edit": _edit,
    "multiple_choice": _choice,
    "steps": _steps,
}


class Outcome(NamedTuple):
    """The result of a run on one dataset: verdict and reason, or the error before it started."""

    verdict: str
    why: str
    agree: int = 0
    against: int = 0


def run_unify(entry: Dataset, data: Path, more: dict[str, Any]) -> Outcome:
    """Reads a dataset with further settings merged into its mapping."""
    evidence = EVIDENCE.get(entry.name, {})
    source = {
        "name": entry.name,
        "dataset": entry.name,
        "path": f"{entry.name}/{PATHS.get(entry.name, '')}".rstrip("/"),
        **evidence,
        "map": {**evidence.get("map", {}), **more},
        "accept_polarity": True,  # so that the run goes on and reports its counts
    }
    with tempfile.TemporaryDirectory() as folder:
        try:
            unipref.unify_feedback({"data_root": str(data.resolve()), "sources": [source], "workers": 1}, folder)
        except UserError as error:
            return Outcome("error", error.what.partition("\n")[0])
        manifest = json.loads(Path(folder, "manifest.json").read_text(encoding="utf-8"))
    record = manifest["sources"][entry.name]
    polarity = record["polarity"]
    if any(scale["is_inverted"] for scale in record["scales"]):
        return Outcome("contradicts", "a slope is below 0", 0, sum(s["n_overlapping"] for s in record["scales"]))
    return Outcome(polarity["verdict"], polarity["why"], polarity["agree"], polarity["against"])


def describe_conclusion(flip: Flip | None, inverted: Outcome | None) -> str:
    """Describes whether unipref noticed the inverted label."""
    if flip is None or inverted is None:
        return "cannot be known: it has no label"
    if inverted.verdict == "contradicts":
        return "caught: the run stops"
    if inverted.verdict == "error":
        return "caught before work starts"
    if inverted.agree + inverted.against == 0:
        return "cannot be known: nothing else in the data judges the answers"
    return "cannot be known: the further evidence is not clear enough"


def format_outcome(result: Outcome | None) -> str:
    """Formats the verdict, and the numbers of preferences that the evidence supports and contradicts."""
    if result is None:
        return ""
    verdict = "no contradiction seen" if result.verdict == "no_contradiction" else result.verdict
    return f"{verdict} {result.agree}:{result.against}" if result.agree + result.against else verdict


def make_table(data: Path) -> str:
    """Makes the Markdown table of all datasets of the catalog that are in a folder.

    Raises:
        SystemExit: the folder has none of them.
    """
    lines = ["| dataset | label | inversion | as published | inverted | conclusion |", "|---|---|---|---|---|---|"]
    for entry in DATASETS:
        if not (data / entry.name).is_dir():
            continue
        flip = find_flip(entry)
        plain = run_unify(entry, data, {}) if flip is not None else None
        inverted = run_unify(entry, data, flip.map) if flip is not None else None
        cells = [entry.name, flip.label if flip else "none", flip.how if flip else ""]
        cells += [format_outcome(plain), format_outcome(inverted), describe_conclusion(flip, inverted)]
        lines.append(f"| {' | '.join(cells)} |")
    if len(lines) == 2:
        raise SystemExit(
            f"{data} has no folder named as a dataset of the catalog: {', '.join(d.name for d in DATASETS)}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    print(make_table(Path(sys.argv[1])))
