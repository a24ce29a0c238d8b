"""The command with which people review the preferences of a run."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unipref.cli.shared import AsJson, RunArgument, print_note, print_result, show_progress, warn

if TYPE_CHECKING:
    from rich.console import RenderableType

    from unipref.collect.review import OpenReview


def review(
    folder: RunArgument,
    reviewer: Annotated[
        str | None, typer.Option("--reviewer", metavar="NAME", help="Who judges; default: the page asks once.")
    ] = None,
    most: Annotated[
        int | None,
        typer.Option("--most", min=1, help="Number of preferences to review; default: that of the last time, or 100."),
    ] = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0: a free one.")] = 0,
    sheet: Annotated[
        Path | None,
        typer.Option("--sheet", metavar="FILE", help="A CSV file instead of the page: written first, then read."),
    ] = None,
    summary: Annotated[
        bool, typer.Option("--summary", help="Only show how far reviewers agree with the data and with each other.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for the votes; default: review in the run folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Review by hand the preferences that most need eyes: a page on this machine, or a sheet; votes are a source."""
    from unipref.collect.review import find_votes
    from unipref.core.errors import UserError

    if summary and sheet is not None:
        raise UserError("--sheet excludes --summary.", where="--sheet", mend="Give one of them.")
    if summary:
        _print_results(find_votes(folder, out), as_json)
        return
    from unipref.collect.review.sheet import has_votes

    with _open(folder, out, most) as opened:
        if sheet is None:
            _serve(opened, folder, reviewer, port)
            _print_results(opened.votes.path, as_json)
        elif not has_votes(sheet):
            _write_sheet(opened, sheet, as_json)
        else:
            _read_sheet(opened, sheet, reviewer, as_json)


@contextlib.contextmanager
def _open(folder: Path, out: Path | None, most: int | None) -> "Iterator[OpenReview]":
    """Opens the review and says what is in its list."""
    from unipref.collect.review import open_review

    with show_progress() as listener, open_review(folder, out, most, listener.progress) as opened:
        queue = opened.queue
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(queue.count_reasons().items()))
        listener.note(f"{len(queue.items)} of {queue.total} preferences are in the list: {reasons}")
        if queue.unfit:
            listener.note(
                f"{queue.unfit} preferences are left out: they hold images or tools, which no page of texts shows"
            )
        yield opened


def _serve(opened: "OpenReview", folder: Path, reviewer: str | None, port: int) -> None:
    """Serves the page until Ctrl-C."""
    from unipref.collect.review import format_source
    from unipref.collect.review.page import ReviewPage
    from unipref.collect.review.server import Review, make_server

    page = ReviewPage(folder, opened.votes, format_source(opened.votes.path))
    review = Review(opened.queue.items, opened.votes, page, reviewer)
    server, address = make_server(review, page, port)
    with server:
        print_note(f"{address} shows the pairs on this machine only. Each verdict is kept at once. Ctrl-C ends it.")
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
        review.finish()


def _write_sheet(opened: "OpenReview", sheet: Path, as_json: bool) -> None:
    from unipref.collect.review.sheet import write_review_sheet

    write_review_sheet(sheet, opened.queue.items)
    text = (
        f"Written: {sheet}. Write first, second, tie or both bad into 'vote', and who judges into 'annotator'. Then "
        "run this command again."
    )
    print_result({"sheet": str(sheet), "pairs": len(opened.queue.items)}, as_json, text)


def _read_sheet(opened: "OpenReview", sheet: Path, reviewer: str | None, as_json: bool) -> None:
    from unipref.collect.review.sheet import read_review_sheet

    account = read_review_sheet(sheet, opened.queue.items, opened.votes, reviewer)
    for note in account.notes:
        warn(note)
    if account.opposed:
        warn(
            f"{account.opposed} votes are on pairs on which {opened.votes.path} has another verdict of the same person."
        )
    print_note(f"{account.recorded} votes are new, {account.known} were read before.")
    _print_results(opened.votes.path, as_json)


def _print_results(votes: Path, as_json: bool) -> None:
    """Prints what the verdicts show, and the lines that make them a source."""
    from rich.console import Group
    from rich.text import Text

    from unipref.collect.review import format_source, read_summary
    from unipref.collect.review.summary import PAGE_ONLY, describe, make_tables
    from unipref.report.render.terminal import render_table

    if not votes.is_file() or not votes.stat().st_size:
        print_note("There are no verdicts yet.")
        return
    summary, lines = read_summary(votes), format_source(votes)
    parts: list[RenderableType] = []
    for table in make_tables(summary):
        parts += [
            Text(table.caption, style="bold"),
            render_table(table, PAGE_ONLY),
            Text(table.note, style="dim"),
            Text(),
        ]
    parts += map(Text, describe(summary))
    parts += [Text("\nTo use the votes in the next run, add to the sources of the study:\n" + lines)]
    print_result({**summary.as_dict(), "votes": str(votes), "source": lines}, as_json, Group(*parts))


def add_commands(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(review)
