"""The command that collects feedback on a policy's own answers."""

from pathlib import Path
from typing import Annotated

import typer

from unipref.cli.shared import AsJson, Sets
from unipref.core import terminal


def collect(
    file: Annotated[Path, typer.Argument(help="A file with prompts, policy and judges (YAML).")],
    overrides: Sets = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="The folder for the feedback; default: runs/FILE-NAME.")
    ] = None,
    jobs: Annotated[
        int, typer.Option("--jobs", min=1, help="Processes that generate answers, of one thread each.")
    ] = 1,
    as_json: AsJson = False,
) -> None:
    """Collect feedback on a model's own answers: prompts, several answers each, judges. Can be resumed."""
    from unipref.collect import collect as run
    from unipref.collect.feedback_file import FEEDBACK
    from unipref.collect.report import format_report
    from unipref.core.progress import ConsoleProgress

    folder = out or Path("runs") / file.stem
    with ConsoleProgress() as listener:
        report = run(file, folder, overrides=overrides or [], jobs=jobs, listener=listener)
    if as_json:
        terminal.echo_json(report)
        return
    terminal.echo(format_report(report))
    terminal.echo(
        f"Feedback: {folder / FEEDBACK}\nTo train on it, add to a study: {{dataset: unipref_collect, path: ...}}"
    )


def add_commands(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(collect)
