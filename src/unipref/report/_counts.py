"""The counts of a run, from its manifest: what came in, what was left out and why, what was selected and trained."""

import hashlib
from pathlib import Path

from unipref.report._checks import check_section
from unipref.report._cleaned import cleaned_section
from unipref.report._content import Points, Section, count, number, share
from unipref.report._curves import curve_figures
from unipref.report._selection import selection_section
from unipref.report._tables import Manifest, leaves, present, seconds, table

BOOKS = ("rows", "used", "groups", "projected")


def count_sections(manifest: Manifest, run: Path) -> list[Section]:
    """The sections on data, selection, training, cost and reproduction; what the manifest lacks is left out."""
    sections = [
        _sources(manifest.get("sources") or {}),
        cleaned_section(manifest.get("clean") or {}),
        selection_section(manifest),
        check_section(manifest.get("preflight") or {}),
        _train(manifest.get("train") or {}),
        _stages(manifest.get("stages") or []),
        _reproduce(manifest, run),
    ]
    return [section for section in sections if section is not None]


def lead(manifest: Manifest) -> list[str]:
    """What the run did, in a sentence or two."""
    said = []
    sources = manifest.get("sources") or {}
    if sources:
        rows, kept = (sum(s.get(key) or 0 for s in sources.values()) for key in ("rows", "preferences"))
        noun = "source" if len(sources) == 1 else "sources"
        said.append(f"{len(sources)} {noun} with {rows:,} rows gave {kept:,} preferences.")
    steps = [step for _, _, fits in leaves(manifest.get("train") or {}) for step in fits]
    if steps:
        noun = "model was" if len(steps) == 1 else "models were"
        said.append(f"{len(steps)} {noun} trained ({', '.join(dict.fromkeys(steps))}).")
    return [" ".join(said)] if said else []


def _sources(sources: dict[str, Manifest]) -> Section | None:
    if not sources:
        return None
    heads = ["source", "shape", "objective", "licence", "rows", "used", "rejected"]
    heads += ["groups", "projected", "preferences"]
    rows, reasons, open_books = [], [], []
    for name, source in sources.items():
        refused = source.get("rejected") or {}
        row = [name, *(str(source.get(key) or "–") for key in ("kind", "objective", "licence"))]
        row += [count(source.get("rows")), count(source.get("used")), count(sum(refused.values()))]
        rows.append(row + [count(source.get(key)) for key in ("groups", "projected", "preferences")])
        for level, total in (("row", "rows"), ("group", "groups")):
            left_out = source.get("rejected" if level == "row" else "groups_rejected") or {}
            of = source.get(total) or 0
            reasons += [[name, level, reason, count(n), share(n, of)] for reason, n in sorted(left_out.items())]
        open_books += _imbalance(name, source)
    complete = all(source.get(key) is not None for source in sources.values() for key in BOOKS)
    balance = ["The books balance: in every source, rows = used + rejected, and groups = projected + rejected."]
    said = open_books or (balance if complete else [])
    note = "Rows in the files, groups of answers to one prompt, and the preferences they gave."
    tables = present(
        table("Sources", heads, rows, note),
        table("What was left out, and why", ["source", "level", "reason", "count", "share"], reasons),
    )
    return Section("Data", paragraphs=said, tables=tables)


def _imbalance(name: str, source: Manifest) -> list[str]:
    """A sentence for each of a source's books that does not balance."""
    said = []
    for whole, part, left_out in (("rows", "used", "rejected"), ("groups", "projected", "groups_rejected")):
        total, used = source.get(whole), source.get(part)
        refused = sum((source.get(left_out) or {}).values())
        if total is not None and used is not None and total != used + refused:
            said.append(
                f"The books of {name} do not balance: {total:,} {whole}, {used:,} {part}, {refused:,} rejected."
            )
    return said


def _train(train: Manifest) -> Section | None:
    rows, warnings = [], []
    for variant, seed, fits in leaves(train):
        for step, fit in fits.items():
            left_out = ", ".join(f"{reason} {n:,}" for reason, n in sorted((fit.get("left_out") or {}).items()) if n)
            row = [variant, seed, step, count(fit.get("used")), left_out or "–", count(fit.get("steps"))]
            row += [count(fit.get("tokens")), seconds(fit.get("seconds")), *_losses(fit.get("curve") or [])]
            rows.append(row)
            if fit.get("warnings"):
                warnings.append(
                    Points(f"Warnings of {variant}, seed {seed}, {step}", [str(w) for w in fit["warnings"]])
                )
    heads = ["variant", "seed", "step", "used", "left out", "optimiser steps", "tokens", "seconds"]
    made = table("Training steps", [*heads, "first loss", "last loss"], rows)
    if made is None:
        return None
    figures, left_out = curve_figures(train)
    return Section("Training", [left_out] if left_out else [], warnings, tables=[made], figures=figures)


def _losses(curve: list[Manifest]) -> tuple[str, str]:
    losses = [entry["loss"] for entry in curve if isinstance(entry.get("loss"), int | float)]
    return (number(losses[0]), number(losses[-1])) if losses else ("–", "–")


def _stages(stages: list[Manifest]) -> Section | None:
    rows = [
        [
            str(stage.get("stage", "–")),
            str(stage.get("folder", "–")),
            seconds(stage.get("seconds")),
            "–" if stage.get("peak_mb") is None else f"{stage['peak_mb']:,.0f}",
            "yes" if stage.get("cached") else "no",
        ]
        for stage in stages
    ]
    note = (
        "Seconds and peak memory are those of the run that did the work; a cached stage was taken from an earlier one."
    )
    made = table("Stages", ["stage", "folder", "seconds", "peak MB", "cached"], rows, note)
    return Section("Time and memory", tables=[made]) if made else None


def _reproduce(manifest: Manifest, run: Path) -> Section | None:
    code = []
    if manifest.get("command"):
        code.append(("Command", str(manifest["command"])))
    study = run / "study.yaml"
    if study.is_file():
        code.append(("study.yaml", study.read_text(encoding="utf-8").rstrip()))
    versions = {"unipref": manifest.get("unipref"), **(manifest.get("versions") or {})}
    packages = [[name, str(version)] for name, version in versions.items() if version]
    files = [run / name for name in ("study.yaml", "scores.json")]
    hashes = [[path.name, hashlib.sha256(path.read_bytes()).hexdigest()] for path in files if path.is_file()]
    tables = present(
        table("Versions", ["package", "version"], packages),
        table("Hashes", ["file", "sha256"], hashes + _source_files(manifest.get("sources") or {})),
    )
    return Section("How to reproduce", tables=tables, code=code) if tables or code else None


def _source_files(sources: dict[str, Manifest]) -> list[list[str]]:
    """Each source's files, with their hash where the manifest has it."""
    rows = []
    for source in sources.values():
        for file in source.get("files") or []:
            if isinstance(file, dict):
                rows.append([str(file.get("path", "–")), str(file.get("sha256") or file.get("hash") or "–")])
            else:
                rows.append([str(file), "–"])
    return rows
