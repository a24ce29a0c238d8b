"""The command that writes the preferences of a run as the files of another tool."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from unipref.cli.shared import AsJson, print_result, warn


def export(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    to: Annotated[str, typer.Option("--to", metavar="TOOL", help="The tool; see: unipref list exporters.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder to write; default: exports/TOOL-KIND in the run.")
    ] = None,
    split: Annotated[Literal["train", "dev", "test"] | None, typer.Option(help="Default: train, as selected.")] = None,
    kind: Annotated[
        Literal["everything", "pairs", "demonstrations", "thumbs", "prompts"] | None,
        typer.Option(help="What the rows are; default: the first that the tool takes."),
    ] = None,
    variant: Annotated[str | None, typer.Option(help="A variant; default: the study as written.")] = None,
    seed: Annotated[int | None, typer.Option(help="The seed of the selection; default: the first.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write a run's preferences for another tool, and say what is lost: unipref export RUN --to trl"""
    from unipref.export import export_run

    account = export_run(folder, to, out, split=split, kind=kind, variant=variant, seed=seed)
    print_result(account.as_dict(), as_json, account.as_text())
    for warning in account.warnings:
        warn(warning)


def add_commands(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(export)
