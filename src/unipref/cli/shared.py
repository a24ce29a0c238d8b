"""What the commands share: options, their completion in the shell, and how results, notes and warnings are printed."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from unipref.core import terminal

Study = Annotated[Path, typer.Argument(help="The study file (YAML).")]
Sets = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting; repeatable.")]
Out = Annotated[Path | None, typer.Option("-o", "--out", help="The run folder; default: runs/STUDY-FILE-NAME.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

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
