"""A comparison of models for the terminal: a table per benchmark and model."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from unipref.core.stats.chance import SIDES, WHOLE
from unipref.report.content import Cell, Column, Table, format_interval, format_number
from unipref.report.render.terminal import render_table

if TYPE_CHECKING:
    from rich.console import RenderableType

ARROWS = {"higher": "↑", "lower": "↓", "ideal": "→"}


def comparison(rows: Sequence[dict[str, Any]], notes: Sequence[str], every_slice: bool) -> "RenderableType":
    """The rows of `evaluate.compare` as tables, with a note on how to read them.

    Args:
        rows: the result of `compare`.
        notes: notes on models and metrics that could not be compared.
        every_slice: whether to show all slices rather than only the whole and the two sides of a contrast.
    """
    from rich.console import Group
    from rich.text import Text

    parts: list[Any] = []
    for model in dict.fromkeys(row["model"] for row in rows):
        parts.append(Text(f"{model} compared with {rows[0]['compared_with']}", style="bold"))
        model_rows = [row for row in rows if row["model"] == model]
        for benchmark in dict.fromkeys(row["benchmark"] for row in model_rows):
            visible_rows = [
                r for r in model_rows if r["benchmark"] == benchmark and (every_slice or r["slice"] in SIDES)
            ]
            parts += [Text(f"\n{benchmark}", style="bold"), render_table(_table(visible_rows))]
        parts.append("")
    parts.append(
        Text(
            "first: the model that it is compared with. difference = this model - the first model, unit by unit, "
            "with its 95 % interval over clusters of units. p: of a gain of 0. equivalent: the gain is surely less "
            "than 0.05 (5 points of a percentage). With many "
            "metrics, some will differ by chance.",
            style="dim",
        )
    )
    parts += [Text(note) for note in notes]
    return Group(*parts)


def _table(rows: Sequence[dict[str, Any]]) -> Table:
    heads = ("metric", "first", "this", "difference", "n", "p", "verdict")
    columns = [Column(head, numeric=head not in ("metric", "verdict")) for head in heads]
    return Table("", columns, [_cells(row) for row in rows])


def _cells(row: dict[str, Any]) -> list[Cell]:
    part = "" if row["slice"] == WHOLE else f" ({row['slice']})"
    mode = "" if row["mode"] == "corrected" else f" [{row['mode']}]"
    return [
        Cell(f"{row['metric']}{part}{mode} {ARROWS[row['direction']]}"),
        Cell(format_number(row["first"])),
        Cell(format_number(row["second"])),
        Cell(format_number(row["second"] - row["first"]), format_interval(row["low"], row["high"])),
        Cell(f"{row['n']:,}"),
        Cell("" if row["p"] is None else f"{row['p']:.2g}"),
        Cell(row["verdict"]),
    ]
