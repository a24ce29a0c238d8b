"""The command that writes the preferences of a run as the files of another tool, or its model as a GGUF file."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from unipref.cli.shared import AsJson, complete_runs, print_note, print_result, show_progress, warn
from unipref.core.errors import UserError


def export(  # noqa: PLR0913, options of one command
    folder: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="A run folder; for gguf also a model folder.", autocompletion=complete_runs),
    ],
    to: Annotated[
        str, typer.Option("--to", metavar="TOOL", help="The tool; see: unipref list exporters. gguf: the model.")
    ],
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
    model: Annotated[
        str | None, typer.Option(metavar="VARIANT/SEED/STEP", help="For gguf; default: the best model of the run.")
    ] = None,
    storage: Annotated[
        Literal["f32", "f16", "bf16", "q8_0"] | None,
        typer.Option("--type", help="For gguf: how matrices are stored; default: bf16 or f16, as the model."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a run's preferences for another tool, and say what is lost: unipref export RUN --to trl"""
    from unipref.pipeline.gguf_export import GGUF

    of_rows: dict[str, object] = {"--split": split, "--kind": kind, "--variant": variant, "--seed": seed}
    of_models: dict[str, object] = {"--model": model, "--type": storage}
    is_model = to.lower() == GGUF
    _refuse_options(of_rows if is_model else of_models, is_model)
    if is_model:
        _export_model(folder, out, model, storage, as_json)
        return
    from unipref.export import export_run

    account = export_run(folder, to, out, split=split, kind=kind, variant=variant, seed=seed)
    print_result(account.as_dict(), as_json, account.as_text())
    for warning in account.warnings:
        warn(warning)


def _refuse_options(options: dict[str, object], is_model: bool) -> None:
    """Refuses options of the other kind of export, which would have no effect."""
    given = [name for name, value in options.items() if value is not None]
    if not given:
        return
    what = "preferences, and gguf writes a model" if is_model else "gguf, which writes a model"
    mend = "Name a model: --model VARIANT/SEED/STEP" if is_model else "Leave it out, or use --to gguf."
    raise UserError(f"it is for {what}.", where=", ".join(given), mend=mend)


def _export_model(
    folder: Path,
    out: Path | None,
    model: str | None,
    storage: Literal["f32", "f16", "bf16", "q8_0"] | None,
    as_json: bool,
) -> None:
    """Writes a model as a GGUF file."""
    from unipref.core.work_progress import show_work
    from unipref.pipeline.gguf_export import export_model

    with show_progress() as listener, show_work(listener.progress):
        account = export_model(folder, out, model, storage, print_note)
    print_result(account.as_dict(), as_json, account.as_text())
    for warning in account.warnings:
        warn(warning)


def add_commands(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(export)
