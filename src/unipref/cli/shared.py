"""What the commands share: options, their completion in the shell, and how results, notes and warnings are printed."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from unipref.core import terminal

if TYPE_CHECKING:
    from unipref.core.watched_work import WatchedWork

Study = Annotated[Path, typer.Argument(help="The study file (YAML).")]
Sets = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting; repeatable.")]
Out = Annotated[Path | None, typer.Option("-o", "--out", help="The run folder; default: runs/STUDY-FILE-NAME.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
How = Literal["bar", "json", "none"]
"""How progress is shown on standard error."""
Progress = Annotated[
    How,
    typer.Option(
        "--progress", help="Progress on standard error: bars (lines if it is no terminal), JSON lines, or none."
    ),
]


def show_progress(how: How = "bar", on_results: Callable[[Path], None] | None = None) -> "WatchedWork":
    """Makes the listener that shows the stages, notes and progress of a command, for use as a context manager.

    Args:
        how: bar: for a person; json: a JSON object per line, for a program; none: only warnings.
        on_results: called with the run folder when all results are written, before the report is made.
    """
    from unipref.core.console_progress import ConsoleProgress, WarningsOnly
    from unipref.core.json_progress import JsonProgress

    if how == "json":
        return JsonProgress(on_results)
    return (WarningsOnly if how == "none" else ConsoleProgress)(on_results=on_results)


Engine = Annotated[
    str, typer.Option("--engine", metavar="ENGINE", help="As in a study: local, ray, or {ray: {address: ...}}.")
]
Workers = Annotated[int | None, typer.Option("--workers", min=1, help="Most processes or tasks at a time.")]


def complete_runs(incomplete: str) -> list[str]:
    """Completes the path of a run folder: run folders, and other folders that may hold some."""
    head, _, start = incomplete.rpartition("/")
    try:
        folders = sorted(one for one in Path(head + "/" if head or incomplete.startswith("/") else ".").iterdir())
        matching = [one for one in folders if one.name.startswith(start) and one.is_dir() and one.name[0] != "."]
    except OSError:
        return []
    before = incomplete.removesuffix(start) if start else incomplete
    return [f"{before}{one.name}{'' if (one / 'manifest.json').is_file() else '/'}" for one in matching]


def complete_choices(kind: str) -> Callable[[str], list[str]]:
    """Makes a completion of the names of a kind of choice, such as 'benchmark'."""

    def complete(incomplete: str) -> list[str]:
        from unipref.core import registry

        return [name for name in registry.list_names(kind) if name.startswith(incomplete)]

    return complete


def complete_kinds(incomplete: str) -> list[str]:
    """Completes what `unipref list` lists."""
    from unipref.study import options

    return [name for name in options.list_kinds() if name.startswith(incomplete)]


RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", autocompletion=complete_runs)]


def read_engine(text: str) -> Any:
    """Returns the value of the option `--engine`, which is written as in a study."""
    from unipref.core import yaml_files

    return yaml_files.parse(text, "--engine")


def warn(text: str) -> None:
    """Prints a warning."""
    print_note(f"Warning: {text}")


def print_note(text: str) -> None:
    """Prints a note to standard error."""
    terminal.echo(text, err=True)


def print_result(value: Any, as_json: bool, text: Any) -> None:
    """Prints a result as JSON or as a text."""
    terminal.echo_json(value) if as_json else terminal.show(text)
