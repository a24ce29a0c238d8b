"""The section on training, and the list of all sections on counts."""

from collections.abc import Callable
from pathlib import Path

from unipref.core.run_folder import Manifest, TrainedStep
from unipref.report.content import Points, Section, format_count, format_number
from unipref.report.sections.clean import make_clean_section
from unipref.report.sections.data_flow import make_flow_section
from unipref.report.sections.judges import make_judge_section
from unipref.report.sections.preflight import make_check_section
from unipref.report.sections.rounds import make_round_section
from unipref.report.sections.selection import make_selection_section
from unipref.report.sections.sources import make_source_section
from unipref.report.sections.training_curves import make_curve_figures
from unipref.report.tables import format_decimal, make_table, merge_sentences


def count_sections(manifest: Manifest, run: Path) -> list[tuple[str, Callable[[], Section | None]]]:
    """The titles of the sections on data, selection and training, each with the function that makes it."""
    return [
        ("Data flow", lambda: make_flow_section(manifest)),
        ("Sources", lambda: make_source_section(manifest, run)),
        ("Judges", lambda: make_judge_section(manifest, run)),
        ("Split and clean", lambda: make_clean_section(manifest.clean)),
        ("Selection", lambda: make_selection_section(manifest)),
        ("Checks before training", lambda: make_check_section(manifest.preflight)),
        ("Rounds", lambda: make_round_section(manifest)),
        ("Training", lambda: make_training_section(manifest)),
    ]


def make_terminal_sections(manifest: Manifest) -> list[Section]:
    """The sections that the terminal shows; they need the manifest only."""
    sections = [
        make_flow_section(manifest),
        make_selection_section(manifest),
        make_check_section(manifest.preflight),
        make_round_section(manifest),
        make_training_section(manifest),
    ]
    return [section for section in sections if section is not None]


def describe_run(manifest: Manifest) -> list[str]:
    """Describes the run in a sentence or two."""
    sentences = []
    if sources := manifest.sources:
        rows, kept = (sum(n or 0 for n in counts) for counts in _rows_and_preferences(manifest))
        noun = "source" if len(sources) == 1 else "sources"
        sentences.append(f"{len(sources)} {noun} with {rows:,} rows gave {kept:,} preferences.")
    steps = [step for _, _, step, _ in manifest.trained_steps()]
    if steps:
        noun = "model was" if len(steps) == 1 else "models were"
        sentences.append(f"{len(steps)} {noun} trained ({', '.join(dict.fromkeys(steps))}).")
    return [" ".join(sentences)] if sentences else []


def _rows_and_preferences(manifest: Manifest) -> tuple[list[int | None], list[int | None]]:
    sources = manifest.sources.values()
    return [source.rows for source in sources], [source.preferences for source in sources]


def make_training_section(manifest: Manifest) -> Section | None:
    """The section on training; None if no step was trained."""
    rows, warnings, notes = [], [], []
    for variant, seed, step, trained in manifest.trained_steps():
        left_out = ", ".join(f"{reason} {n:,}" for reason, n in sorted(trained.left_out.items()) if n)
        row = [variant, seed, step, format_count(trained.used), left_out or "–", format_count(trained.steps)]
        row += [format_count(trained.tokens), format_decimal(trained.seconds), *_losses(trained)]
        rows.append(row)
        warnings += [(f"{variant}, seed {seed}, {step}", text) for text in trained.warnings]
        if masked := trained.later_user_turns.get("masked"):
            text = f"{masked:,} preferences go on after the first answer; every later user turn was masked"
            notes.append((f"{variant}, seed {seed}, {step}", text))
    heads = ["variant", "seed", "step", "used", "left out", "optimiser steps", "tokens", "seconds"]
    steps = make_table("Training steps", [*heads, "first loss", "last loss"], rows)
    if steps is None:
        return None
    figures, left_out = make_curve_figures(manifest)
    listed = {"Warnings": warnings, "Masked turns": notes}
    points = [Points(title, merge_sentences(texts)) for title, texts in listed.items() if texts]
    return Section("Training", [left_out] if left_out else [], points, tables=[steps], figures=figures)


def _losses(trained: TrainedStep) -> tuple[str, str]:
    losses = [point["loss"] for point in trained.curve if isinstance(point.get("loss"), int | float)]
    return (format_number(losses[0]), format_number(losses[-1])) if losses else ("–", "–")
