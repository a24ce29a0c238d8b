"""The counts of a run, from its manifest: what came in, what was left out and why, what was selected and trained."""

from pathlib import Path

from unipref.report.content import Points, Section, count, number
from unipref.report.sections.clean import cleaned_section
from unipref.report.sections.data_flow import flow_section
from unipref.report.sections.preflight import check_section
from unipref.report.sections.selection import selection_section
from unipref.report.sections.sources import source_section
from unipref.report.sections.training_curves import curve_figures
from unipref.report.tables import Manifest, leaves, seconds, table, together


def count_sections(manifest: Manifest, run: Path) -> list[Section]:
    """The sections on data, selection and training; what the manifest lacks is left out."""
    sections = [
        flow_section(manifest),
        source_section(manifest, run),
        cleaned_section(manifest.get("clean") or {}),
        selection_section(manifest),
        check_section(manifest.get("preflight") or {}),
        train_section(manifest.get("train") or {}),
    ]
    return [section for section in sections if section is not None]


def terminal_sections(manifest: Manifest) -> list[Section]:
    """Those that a terminal shows, from the manifest alone."""
    sections = [
        flow_section(manifest),
        selection_section(manifest),
        check_section(manifest.get("preflight") or {}),
        train_section(manifest.get("train") or {}),
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


def train_section(train: Manifest) -> Section | None:
    """The section on the training steps; None where nothing was trained."""
    rows, warnings = [], []
    for variant, seed, fits in leaves(train):
        for step, fit in fits.items():
            left_out = ", ".join(f"{reason} {n:,}" for reason, n in sorted((fit.get("left_out") or {}).items()) if n)
            row = [variant, seed, step, count(fit.get("used")), left_out or "–", count(fit.get("steps"))]
            row += [count(fit.get("tokens")), seconds(fit.get("seconds")), *_losses(fit.get("curve") or [])]
            rows.append(row)
            warnings += [(f"{variant}, seed {seed}, {step}", str(text)) for text in fit.get("warnings") or []]
    heads = ["variant", "seed", "step", "used", "left out", "optimiser steps", "tokens", "seconds"]
    made = table("Training steps", [*heads, "first loss", "last loss"], rows)
    if made is None:
        return None
    figures, left_out = curve_figures(train)
    points = [Points("Warnings", together(warnings))] if warnings else []
    return Section("Training", [left_out] if left_out else [], points, tables=[made], figures=figures)


def _losses(curve: list[Manifest]) -> tuple[str, str]:
    losses = [entry["loss"] for entry in curve if isinstance(entry.get("loss"), int | float)]
    return (number(losses[0]), number(losses[-1])) if losses else ("–", "–")
