"""What the commands share: options, and how results, notes and warnings are printed."""

from pathlib import Path
from typing import Annotated, Any

import typer

from unipref.core import terminal

Study = Annotated[Path, typer.Argument(help="The study file (YAML).")]
Sets = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting; repeatable.")]
Out = Annotated[Path | None, typer.Option("-o", "--out", help="The run folder; default: runs/STUDY-FILE-NAME.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def warn(text: str) -> None:
    """Prints a warning."""
    print_note(f"Warning: {text}")


def print_note(text: str) -> None:
    """Prints a note to standard error."""
    terminal.echo(text, err=True)


def print_result(value: Any, as_json: bool, text: Any) -> None:
    """Prints a result as JSON or as a text."""
    terminal.echo_json(value) if as_json else terminal.show(text)
