"""The section with examples: the raw row, the preference made from it, and the answers of the models."""

import json
from pathlib import Path
from typing import Any

from unipref.core.errors import UserError, first_line
from unipref.core.run_folder import ExamplesInfo, Manifest
from unipref.report.content import Cell, Column, Section, Table, format_number

UNFOLDED = 2
"""Number of examples that are not folded."""
REQUIRED_KEYS = ("source", "kind", "objective", "prompt", "chosen", "rejected")
"""Keys that every example must have."""
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
    examples = _read(run / (about.folder or "examples") / "examples.json")
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


def _read(path: Path) -> list[dict[str, Any]]:
    """The examples in a file; empty if the file does not exist.

    Raises:
        UserError: the file is corrupt.
    """
    try:
        examples = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(examples, list):
            raise TypeError("not a list")
        for example in examples:
            if missing := [key for key in REQUIRED_KEYS if key not in example]:
                raise ValueError(f"missing key {missing[0]!r}")
    except FileNotFoundError:
        return []
    except (ValueError, TypeError) as error:
        mend = "Run `unipref run` again to rewrite it."
        raise UserError(
            f"{path.name} is corrupt or from another version: {first_line(error)}.", where=str(path), mend=mend
        ) from error
    return examples


def _table(place: int, example: dict[str, Any]) -> Table:
    rows = [
        [Cell(f"raw row {row['origin']}"), Cell(row["text"] or "–", remark=_remark(row["note"]))]
        for row in example.get("raw") or []
    ]
    more = len(example.get("origin") or []) - len(rows)
    if more > 0:
        rows.append([Cell("further raw rows"), Cell(", ".join(example["origin"][-more:]))])
    rows.append([Cell("prompt"), Cell(_text(example["prompt"]))])
    for side in ("chosen", "rejected"):
        rows.append([Cell(side, remark=_score(example, side)), Cell(_text(example[side]))])
    for model, answer in (example.get("answers") or {}).items():
        rows.append([Cell(f"answer of {model}"), Cell(answer["text"] or "–", remark=_remark(answer["note"]))])
    about = [f"{example['source']} ({example['kind']}, {example['objective']})"]
    if example.get("margin") is not None:
        about.append(f"margin {format_number(example['margin'])}")
    if example.get("confidence") is not None:
        about.append(f"{example['confidence']:.0%} of judgements agree")
    return Table(f"Example {place}: {', '.join(about)}", COLUMNS, rows, folded=place > UNFOLDED)


def _remark(note: str) -> str:
    return f"({note})" if note else ""


def _text(messages: list[dict[str, str]] | None) -> str:
    """Turns as text, with the roles if there are several turns."""
    if not messages:
        return "–"
    if len(messages) == 1:
        return messages[0]["content"]
    return "\n\n".join(f"{turn['role']}: {turn['content']}" for turn in messages)


def _score(example: dict[str, Any], side: str) -> str:
    value = example.get(f"{side}_score")
    return "" if value is None or example.get("axis") is None else f"({example['axis']} {value:g})"
