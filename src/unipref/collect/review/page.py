"""The page of a review as HTML. Texts of the data are escaped, and the page runs no script but its own."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unipref.collect.review.queue import Item
from unipref.collect.review.session import Session, choose_order
from unipref.collect.review.summary import describe, make_tables, summarise
from unipref.collect.review.votes_file import VotesFile
from unipref.core.errors import legible
from unipref.core.messages import show_message
from unipref.core.records import Messages
from unipref.core.terminal import show_name, show_text
from unipref.report.render.html import compile_page, load_base_style, source_hash

if TYPE_CHECKING:
    from jinja2 import Template

HERE = Path(__file__).parent
POLICY = (
    "default-src 'none'; script-src {script}; style-src {style}; img-src data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


class ReviewPage:
    """Renders what a reviewer sees.

    Args:
        run: the run folder, whose name is shown.
        votes: the file of the verdicts.
        lines: the lines that make the votes a source.
    """

    def __init__(self, run: Path, votes: VotesFile, lines: str) -> None:
        self._run, self._votes, self._lines = run, votes, lines
        style, script = _load_style(), _load_script()
        policy = POLICY.format(script=source_hash(script), style=source_hash(style))
        self.headers = {
            "Content-Security-Policy": policy,
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            # Under "no-referrer" a browser would not say from where a form is sent.
            "Referrer-Policy": "same-origin",
        }
        """Headers of every page: only its own style and script, no other requests, no frames."""

    def ask_name(self, total: int, suggested: str, note: str = "") -> str:
        """Renders the question for the reviewer's name.

        Args:
            total: number of pairs.
            suggested: a name that stands in the field.
            note: why an earlier answer is no name.
        """
        shown = {"asks_name": True, "total": total, "suggested": show_name(suggested)}
        return self._render("Who reviews?", note=note, is_wrong=bool(note), **shown)

    def show(self, session: Session, note: str = "", is_wrong: bool = False) -> str:
        """Renders the current pair, or what to do when all are done.

        Args:
            session: of the reviewer.
            note: what happened to the last verdict.
            is_wrong: whether it could not be kept.
        """
        progress, item = session.progress, session.current
        shown: dict[str, Any] = {
            "reviewer": show_name(session.reviewer),
            "progress": progress,
            "can_undo": session.can_undo,
            "note": note,
            "is_wrong": is_wrong,
        }
        if item is not None:
            place = min(progress.judged + progress.skipped + 1, progress.total)
            return self._render(
                f"{place} of {progress.total}: which answer is better?",
                item=_show_item(item, session.reviewer),
                **shown,
            )
        summary = summarise(self._votes.read())
        return self._render(
            "All pairs are done",
            tables=[_make_legible(table) for table in make_tables(summary)],
            sentences=describe(summary),
            lines=show_text(self._lines),
            votes=show_text(str(self._votes.path)),
            **shown,
        )

    def _render(self, title: str, **shown: Any) -> str:
        from markupsafe import Markup

        defaults = {"item": None, "asks_name": False, "progress": None, "reviewer": "", "note": "", "is_wrong": False}
        run = show_name(self._run.resolve().name)
        return _load_template().render(
            {
                **defaults,
                **shown,
                "title": f"{title} · {run}",
                "run": run,
                "style": Markup(_load_style()),
                "script": Markup(_load_script()),
            }
        )


def _show_item(item: Item, reviewer: str) -> dict[str, Any]:
    """Returns the texts of a pair in the order in which the reviewer sees them; neither label nor reason."""
    sides = [item.first, item.second]
    if choose_order(item, reviewer) == "second":
        sides.reverse()
    return {
        "pair": item.pair,
        "prompt": _show_turns(item.prompt, "user"),
        "left": _show_turns(sides[0], "assistant"),
        "right": _show_turns(sides[1], "assistant"),
    }


def _show_turns(messages: Messages, usual: str) -> list[dict[str, str]]:
    """Returns role and text of each turn; one turn of the usual role needs no name."""
    is_plain = len(messages) == 1 and messages[0]["role"] == usual
    return [
        {"role": "" if is_plain else show_name(one["role"]), "text": legible(show_message(one))} for one in messages
    ]


def _make_legible(table: Any) -> Any:
    from unipref.report.content import Content, Section, make_legible

    return make_legible(Content("", [], [Section("", tables=[table])])).sections[0].tables[0]


@functools.cache
def _load_style() -> str:
    return load_base_style() + (HERE / "page.css").read_text(encoding="utf-8")


@functools.cache
def _load_script() -> str:
    return (HERE / "keys.js").read_text(encoding="utf-8")


@functools.cache
def _load_template() -> "Template":
    return compile_page(HERE)
