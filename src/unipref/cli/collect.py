"""The command that collects feedback on a policy's own answers."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from unipref.cli.shared import AsJson, Progress, Sets, show_progress
from unipref.core import terminal
from unipref.core.command_line import keep_stages


def collect(
    file: Annotated[Path, typer.Argument(help="A file with prompts, policy and judges (YAML).")],
    overrides: Sets = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="The folder for the feedback; default: runs/FILE-NAME.")
    ] = None,
    jobs: Annotated[
        int, typer.Option("--jobs", min=1, help="Processes that generate answers, of one thread each.")
    ] = 1,
    until: Annotated[
        Literal["prompts", "answers", "judges"], typer.Option(help="The last part to run: prompts, answers or judges.")
    ] = "judges",
    as_json: AsJson = False,
    progress: Progress = "bar",
) -> None:
    """Collect feedback on a model's own answers: prompts, several answers each, judges. Can be resumed."""
    from unipref.collect import collect as run
    from unipref.collect.corrections_file import CORRECTIONS
    from unipref.collect.feedback_file import FEEDBACK
    from unipref.collect.report import format_report

    keep_stages("answers and judgements")
    folder = out or Path("runs") / file.stem
    with show_progress(progress) as listener:
        report = run(file, folder, overrides=overrides or [], until=until, jobs=jobs, listener=listener)
    if as_json or not report:
        terminal.echo_json(report) if as_json else terminal.echo(f"Written to {folder}")
        return
    terminal.echo(format_report(report))
    terminal.echo(f"Feedback: {folder / FEEDBACK}")
    if report["decided"]:
        terminal.echo(f"To train on it, add to a study: {{dataset: unipref_collect, path: {folder / FEEDBACK}}}")
    else:
        terminal.echo("It is not a source to train on: no vote calls one of two answers better.")
    if (report["corrections"] or {}).get("corrected"):
        path = folder / CORRECTIONS
        terminal.echo(f"To train on the corrections: {{dataset: unipref_corrections, path: {path}}}")


def add_commands(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(collect)
