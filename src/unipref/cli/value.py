"""The command that measures what each source of a run contributed."""

from typing import Annotated

import typer

from unipref.cli.shared import AsJson, Progress, RunArgument, print_result, show_progress
from unipref.core.command_line import keep_stages


def value(  # noqa: PLR0913, options of one command
    folder: RunArgument,
    variant: Annotated[str, typer.Option(help="Whose last policy is the reference.")] = "main",
    ask: Annotated[
        list[str] | None,
        typer.Option("--ask", metavar="WHAT", help="sources, axes, mixtures or curve; repeatable; default: all."),
    ] = None,
    fractions: Annotated[
        list[float] | None,
        typer.Option("--fraction", help="A part of each source for its learning curve; repeatable; default: .25, .5."),
    ] = None,
    labels: Annotated[int, typer.Option(min=1, help="Number of further labels to ask about.")] = 1000,
    jobs: Annotated[
        int, typer.Option("--jobs", min=1, help="Number of processes that train and evaluate in parallel.")
    ] = 1,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show the number of trainings, and the time.")
    ] = False,
    as_json: AsJson = False,
    progress: Progress = "bar",
) -> None:
    """Measure what each source and axis of a finished run contributed, and what more labels may buy."""
    from unipref import report
    from unipref.core.hub import pin_in
    from unipref.core.run_folder import RunFolder
    from unipref.pipeline import api
    from unipref.pipeline.value import plan

    asked = plan.make_request(variant, ask or (), fractions or (), labels)
    if dry_run:
        with pin_in(folder, save=False):
            planned = plan.make_plan(folder, asked)
            cost = plan.estimate(planned)
        print_result(cost, as_json, plan.describe_estimate(cost, len(planned.seeds)))
        return
    keep_stages()
    with show_progress(progress) as listener:
        found = api.value_sources(
            folder,
            variant=variant,
            ask=asked.questions,
            fractions=asked.fractions,
            labels=labels,
            jobs=jobs,
            listener=listener,
        )
        page = report.write(folder, listener.warn)
        listener.note(f"Report: {page}")
    record = RunFolder(folder).value()
    assert record is not None
    print_result(found, as_json, report.value(record))


def add_commands(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(value)
