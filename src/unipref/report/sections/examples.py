"""The section with examples: the raw row, the preference made from it, and the answers of the models."""

from pathlib import Path

from unipref.core.run_folder import ExampleRecord, ExamplesInfo, Manifest, RunFolder, TurnRecord
from unipref.report.content import Cell, Column, Section, Table, format_number

UNFOLDED = 2
"""Number of examples that are not folded."""
COLUMNS = [Column("part", numeric=False), Column("text", numeric=False)]


def make_example_section(manifest: Manifest, run: Path) -> Section | None:
    """The section; None if the run has no examples.

    Raises:
        UserError: the file of the examples is corrupt.
    """
    about = manifest.examples
    if not about:
        return None
    if about.skipped:
        return Section("Examples", paragraphs=[about.skipped])
    examples = RunFolder(run).examples(about.folder)
    if not examples:
        return Section("Examples", paragraphs=["The folder lacks the examples of this run: run the study again."])
    tables = [_table(place, example) for place, example in enumerate(examples, 1)]
    return Section("Examples", paragraphs=_introduction(about, len(examples)), tables=tables)


def _introduction(about: ExamplesInfo, n: int) -> list[str]:
    text = (
        f"{n} of the preferences held out for {about.part or 'test'}, drawn with the seed and spread over the "
        "sources: the raw row, the preference made from it, and the models' answers to the prompt (greedy decoding"
    )
    text += f", at most {about.new_tokens} tokens)." if about.new_tokens else ")."
    paragraphs = [f"{text} Prompts short enough to leave room in the model's context are preferred."]
    if about.left_out:
        paragraphs.append(f"Models without answers: {', '.join(about.left_out)}.")
    return [*paragraphs, *(about.notes or [])]


def _table(place: int, example: ExampleRecord) -> Table:
    rows = [[Cell(f"raw row {row.origin}"), Cell(row.text or "–", remark=_remark(row.note))] for row in example.raw]
    if more := example.origin[len(rows) :]:
        rows.append([Cell("further raw rows"), Cell(", ".join(more))])
    rows.append([Cell("prompt"), Cell(_text(example.prompt))])
    for side, turns, score in (
        ("chosen", example.chosen, example.chosen_score),
        ("rejected", example.rejected, example.rejected_score),
    ):
        remark = "" if score is None or example.axis is None else f"({example.axis} {score:g})"
        rows.append([Cell(side, remark=remark), Cell(_text(turns))])
    for model, answer in example.answers.items():
        rows.append([Cell(f"answer of {model}"), Cell(answer.text or "–", remark=_remark(answer.note))])
    about = [f"{example.source} ({example.kind}, {example.objective})"]
    if example.margin_percentile is not None:
        about.append(f"margin percentile {format_number(example.margin_percentile)}")
    if example.confidence is not None:
        about.append(f"confidence {format_number(example.confidence)}")
    return Table(f"Example {place}: {', '.join(about)}", COLUMNS, rows, folded=place > UNFOLDED)


def _remark(note: str) -> str:
    return f"({note})" if note else ""


def _text(turns: list[TurnRecord] | None) -> str:
    """Turns as text, with the roles if there are several turns."""
    if not turns:
        return "–"
    if len(turns) == 1:
        return turns[0].content
    return "\n\n".join(f"{turn.role}: {turn.content}" for turn in turns)
