"""The command that publishes a run on the Hugging Face hub."""

from typing import Annotated, Literal

import typer

from unipref.cli.shared import AsJson, RunArgument, print_note, print_result


def push(  # noqa: PLR0913, options of one command
    folder: RunArgument,
    to: Annotated[str, typer.Option("--to", metavar="OWNER/NAME", help="The repository; made if it is missing.")],
    what: Annotated[
        Literal["preferences", "model", "reward_model", "adapter"],
        typer.Option(help="What to send. preferences: a dataset with all answers and judgements."),
    ] = "preferences",
    variant: Annotated[str | None, typer.Option(help="Of the preferences; default: the study as written.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the selection that is marked; default: the first.")] = None,
    model: Annotated[
        str | None, typer.Option(metavar="VARIANT/SEED/STEP", help="Default: the best model, or the reward model.")
    ] = None,
    base: Annotated[
        str | None, typer.Option(metavar="OWNER/NAME", help="Name on the hub of an adapter's base model.")
    ] = None,
    licence: Annotated[str | None, typer.Option(help="Default: as the sources state.")] = None,
    public: Annotated[bool, typer.Option("--public", help="Everybody may read it; default: private.")] = False,
    extra: Annotated[bool, typer.Option("--extra", help="Also send the further fields of the raw rows.")] = False,
    annotators: Annotated[
        bool, typer.Option("--annotators", help="Send the names of annotators instead of numbers.")
    ] = False,
    answers: Annotated[
        bool, typer.Option("--answers/--no-answers", help="Read the sources again for all answers.")
    ] = True,
    redact_secrets: Annotated[
        bool, typer.Option("--redact-secrets", help="Replace texts like keys; otherwise they are an error.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be sent, with sizes.")] = False,
    as_json: AsJson = False,
) -> None:
    """Publish a run on the Hugging Face hub, private unless told: unipref push RUN --to OWNER/NAME --dry-run"""
    from unipref.pipeline.push import Options, push_run

    pushed = push_run(
        folder,
        to,
        what,
        variant=variant,
        seed=seed,
        model=model,
        base=base,
        licence=licence,
        options=Options(extra, annotators, answers, redact_secrets),
        is_public=public,
        dry_run=dry_run,
        on_note=print_note,
    )
    print_result(pushed.as_dict(), as_json, pushed.as_text())


def add_commands(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(push)
