"""The commands about unipref itself: its choices, the schema of a study, and what this machine lacks."""

from typing import Annotated

import typer

from unipref.cli.shared import AsJson, complete_kinds, print_note, print_result
from unipref.core import terminal


def list_choices(
    what: Annotated[
        str,
        typer.Argument(
            help="aggregates, benchmarks, datasets, exporters, exports, formats, judges, scorers, strategies, trainers",
            autocompletion=complete_kinds,
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """List the choices for a study, with their settings."""
    from unipref.study import options

    entries = options.list_entries(what)
    print_result(entries, as_json, options.format_entries(entries))


def schema() -> None:
    """Print the JSON schema of a study file, for editors: unipref schema > study.schema.json"""
    from unipref.study.json_schema import build_schema

    terminal.echo_json(build_schema())


def doctor(as_json: AsJson = False) -> None:
    """Check versions, device, memory, disk, hub and optional packages, and say what is missing."""
    from unipref.pipeline import doctor as checkup

    checks = []
    for check in checkup.run_checks(lambda name: print_note(f"checking {name} ...")):
        checks.append(check)
        if not as_json:
            terminal.echo(checkup.format_check(check))
    if as_json:
        print_result([checkup.as_dict(check) for check in checks], as_json, "")
    if any(check.state == "missing" for check in checks):
        raise typer.Exit(1)


def add_commands(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("list")(list_choices)
    app.command()(schema)
    app.command()(doctor)
