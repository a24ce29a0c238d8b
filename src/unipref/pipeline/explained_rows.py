"""Adds the raw rows to an explanation of a preference or of a row."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from unipref.analysis import explain as explanation
from unipref.core import yaml_files
from unipref.core.errors import UserError
from unipref.core.hub import pin_in
from unipref.core.run_folder import STUDY, RunFolder
from unipref.pipeline.examples import show_row
from unipref.pipeline.raw_rows import read_rows
from unipref.pipeline.round_stages import resolve_feedback
from unipref.sources import Limits, Part
from unipref.study.load import ResolvedStudy, load

MOST_RAW_ROWS = 100
"""Most raw rows of a preference to read: an answer that thousands of people judged has as many."""


def explain_with_rows(folder: Path, query: str) -> dict[str, Any]:
    """Explains a preference or a raw row, as `analysis.explain.explain`, with `raw`: the rows themselves.

    Each raw row has its `origin`, its `text`, and a `note` if it is shortened or cannot be read.
    """
    facts = explanation.explain(folder, query)
    if "origin" in facts:
        origins, source = [facts["origin"]], facts["source"]
    else:
        origins, source = facts["preference"]["origin"][:MOST_RAW_ROWS], facts["preference"]["source"]
    parts = _find_round_parts(folder, origins) or _find_parts(folder, source)
    if isinstance(parts, str):
        return {**facts, "raw": [{"origin": origin, "text": "", "note": parts} for origin in origins]}
    rows = read_rows(parts, origins)
    tables = list(dict.fromkeys(table.name for part in parts for table in part.tables))
    return {**facts, "raw": [show_row(origin, rows[origin], tables) for origin in origins]}


def _find_round_parts(folder: Path, origins: Sequence[str]) -> list[Part]:
    """Returns the file of the feedback of the round from which rows come; empty for rows of the study's sources."""
    for _, _, step, one in RunFolder(folder).manifest.each_round():
        place = one.folders.get("feedback", "")
        if place and origins and origins[0].startswith(f"{place}/"):
            return list(resolve_feedback(folder, place, step, Limits()).parts)
    return []


def _find_parts(folder: Path, source: str) -> list[Part] | str:
    """Returns the files of a source, or why they cannot be read."""
    why = ""
    for resolved in find_studies(folder):
        if isinstance(resolved, str):
            why = resolved
            continue
        of_source = [one for sources in resolved.sources.values() for one in sources if one.projection.source == source]
        if of_source:
            return list(of_source[0].parts)
        why = f"the run's study has no source {source}."
    return f"the raw row cannot be read: {why} Run the command in the folder of the data."


def find_studies(folder: Path) -> Iterator[ResolvedStudy | str]:
    """Yields the study of a run with its files, as found in each place where they may be, or why they are not there.

    The run keeps the study, but not the folder that it was in. So relative paths are looked up in the working folder
    too.
    """
    places = _list_roots(folder)
    if not places:
        yield "the run holds no study."
    for overrides in places:
        try:
            with pin_in(folder, save=False):
                found: ResolvedStudy | str = load(folder / STUDY, overrides)
        except UserError as error:
            found = str(error).splitlines()[0]
        yield found


def _list_roots(folder: Path) -> list[list[str]]:
    """Returns the overrides with which the study's files may be found: as it is, and below the working folder."""
    try:
        study = yaml_files.parse((folder / STUDY).read_text(encoding="utf-8"), STUDY)
    except (OSError, UserError):
        return []
    root = study.get("data_root") if isinstance(study, dict) else None
    below = [Path.cwd() / root] if isinstance(root, str) and not Path(root).is_absolute() else []
    return [[], *([f"data_root={place}"] for place in (*below, Path.cwd()))]
