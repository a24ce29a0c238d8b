"""Damaged rows and damaged settings for every format."""

import copy
import json
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

import unipref
from support.shapes import ANIMALS, SHAPES, write_jsonl
from trust.attempt import attempt, measure
from trust.mutations import damage_value
from trust.outcome import Outcome
from unipref.core import parquet, registry
from unipref.core.contracts import Format
from unipref.core.records import Reject
from unipref.sources import catalog, peek
from unipref.unify.inspection import inspect
from unipref.unify.projection.groups import merge_feedback
from unipref.unify.projection.project import Projection, project

REAL_ROWS = 300
"""Rows of each real file that serve as models for damaged ones."""


def read_damaged_rows(seed: int, n_rows: int, real_data: Path | None) -> Outcome:
    """Reads and projects damaged rows with every format; each row ends as feedback or as a reject.

    Args:
        seed: of all choices.
        n_rows: least number of damaged rows, shared by all formats and real datasets.
        real_data: a folder with one folder of files per dataset; None: the examples of the formats alone.
    """
    with measure("damaged rows", seed) as outcome:
        rng = random.Random(seed)
        readers = [*_examples(), *(_real_rows(real_data) if real_data else ())]
        for name, form, rows in readers:
            for number in range(math.ceil(n_rows / len(readers))):
                row = damage_value(rng.choice(rows), rng)
                with attempt(outcome, "rows", f"{name}, row {number}: {str(row)[:200]}"):
                    _read(form, row)
        outcome.notes.append(f"{len(readers)} formats and datasets: {', '.join(name for name, _, _ in readers)}")
    return outcome


def read_with_damaged_settings(seed: int, n_settings: int) -> Outcome:
    """Makes every format with damaged settings: an error that names the setting, or a format that reads its rows."""
    with measure("damaged settings of formats", seed) as outcome:
        rng = random.Random(seed)
        forms = [choice for choice in registry.find_all("format") if issubclass(choice, Format)]
        for number in range(n_settings):
            form = forms[number % len(forms)]
            settings = damage_value(form.example["settings"], rng)
            with attempt(outcome, "settings", f"{form.name()}: {str(settings)[:300]}"):
                made = registry.validate_settings(form, settings, form.name())
                for row in form.example["rows"]:
                    _read(made, copy.deepcopy(row))
    return outcome


def unify_good_rows_among_damaged(folder: Path, seed: int, n_files: int) -> Outcome:
    """Unifies files in which damaged rows stand between good ones: every good row still gives its preferences."""
    with measure("good rows among damaged ones", seed) as outcome:
        rng = random.Random(seed)
        names = sorted(SHAPES)
        for number in range(n_files):
            name = names[number % len(names)]
            rows, _, _ = SHAPES[name]
            with attempt(outcome, "files", f"{name}, file {number}"):
                home = folder / str(number)
                home.mkdir(parents=True)
                good = write_jsonl(home / "good.jsonl", rows)
                (inspection,) = inspect([good])
                expected = _preferences(home, good, inspection.source)
                mixed = [damage_value(_rename(row), rng) for row in rows for _ in range(3)]
                both = [row for place, row in enumerate(rows) for row in (*mixed[3 * place : 3 * place + 3], row)]
                both = [row for row in both if _is_json(row)]
                write_jsonl(good, both)
                outcome.tries["rows"] += len(both)
                kept = _preferences(home, good, inspection.source)
                if lost := expected - kept:
                    outcome.failures.append(f"{name}, file {number}: {len(lost)} of {len(expected)} good ones are lost")
    return outcome


def _rename(row: dict[str, Any]) -> dict[str, Any]:
    """A row about animals that no good row is about, so that no damaged row joins a good row's prompt."""
    text = msgspec.json.encode(row).decode()
    for animal in ANIMALS:
        text = text.replace(animal, f"zz{animal}")
    renamed: dict[str, Any] = msgspec.json.decode(text)
    return renamed


def _is_json(row: Any) -> bool:
    try:
        json.dumps(row).encode()
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _preferences(home: Path, path: Path, source: dict[str, Any]) -> set[tuple[str, str, str]]:
    """Unifies one file; returns prompt, chosen and rejected of each preference."""
    study = {"sources": [{**source, "path": str(path), "licence": "unknown"}], "workers": 1, "unify": {"pairs": "all"}}
    written = unipref.unify_feedback(study, home / f"run-{len(list(home.iterdir()))}")
    return {(str(row["prompt"]), str(row["chosen"]), str(row["rejected"])) for row in parquet.read_rows(Path(written))}


def _examples() -> Iterator[tuple[str, Format, list[dict[str, Any]]]]:
    for form in registry.find_all("format"):
        if issubclass(form, Format):
            yield (
                form.name(),
                registry.validate_settings(form, form.example["settings"], form.name()),
                form.example["rows"],
            )


def _real_rows(folder: Path) -> Iterator[tuple[str, Format, list[dict[str, Any]]]]:
    for entry in catalog.DATASETS:
        home = folder / entry.name
        if home.is_dir() and (rows := peek(home, REAL_ROWS)):
            form = registry.make("format", entry.format, entry.map, where=entry.name)
            yield f"{entry.name} (real)", form, rows


def _read(form: Format, row: Any) -> None:
    """Reads and projects one row as the unify stage does."""
    if not isinstance(row, dict):
        return
    axes = form.axes()
    how = Projection("s", form.name(), "instruction", "CC0", next(iter(axes), None), axes)
    try:
        for item in form.read(row):
            if not isinstance(item, Reject):
                project(merge_feedback([item]), how)
    except Reject:
        pass
