"""Serves the page of a review on this machine alone, and takes the verdicts.

Three things keep other pages in the browser away: the server answers only to its own names, its address holds a random
part, and a form of another origin is refused.
"""

import secrets
import threading
from collections.abc import Sequence
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from typing import get_args
from urllib.parse import parse_qs

from unipref.collect.review.page import ReviewPage
from unipref.collect.review.queue import Item
from unipref.collect.review.session import Answer, Session, check_name
from unipref.collect.review.votes_file import VotesFile
from unipref.core.errors import UserError, describe
from unipref.report.loopback import HOST, LoopbackHandler, open_server

MOST_BYTES = 10_000
"""Longest form; a verdict has some 60 bytes."""
SAID = {
    "left": "Answer 1 was recorded.",
    "right": "Answer 2 was recorded.",
    "tie": "A tie was recorded.",
    "both_bad": "Both bad was recorded.",
    "skip": "Skipped.",
}
"""What the next page says of a verdict."""
UNDO, AGAIN = "undo", "again"


class Review:
    """What the server shows and takes: one list, one file, one reviewer after the name is known.

    Args:
        items: the list.
        votes: the file.
        page: renders the page.
        reviewer: the name; None: the page asks for it.
    """

    def __init__(self, items: Sequence[Item], votes: VotesFile, page: ReviewPage, reviewer: str | None) -> None:
        self._items, self._votes, self._page = items, votes, page
        self._session = None if reviewer is None else Session(items, votes, check_name(reviewer))
        self._note, self._is_wrong = "", False
        self._lock = threading.Lock()

    def show(self) -> str:
        """Renders the page; what it says of the last verdict, it says once."""
        with self._lock:
            note, is_wrong, self._note, self._is_wrong = self._note, self._is_wrong, "", False
            if self._session is None:
                given = self._votes.read()
                return self._page.ask_name(len(self._items), given[-1].reviewer if given else "", note)
            return self._page.show(self._session, note, is_wrong)

    def take_name(self, name: str) -> None:
        """Takes the reviewer's name, if none is known yet."""
        with self._lock:
            if self._session is None:
                try:
                    reviewer = check_name(name)
                except UserError as error:
                    self._say(f"This name cannot be used: {error.what}", is_wrong=True)
                    return
                try:
                    self._session = Session(self._items, self._votes, reviewer)
                except UserError as error:
                    self._say(describe(error), is_wrong=True)

    def take_answer(self, pair: str, answer: str) -> None:
        """Takes what the reviewer says of a pair, an undo, or the wish to see the skipped pairs again."""
        with self._lock:
            if self._session is None:
                return
            try:
                self._say(self._do(self._session, pair, answer))
            except (UserError, OSError) as error:
                self._say(f"The verdict was not recorded. {describe(error)}.", is_wrong=True)

    def finish(self) -> None:
        """Waits until a verdict that is being written is on the disk."""
        with self._lock:
            pass

    def _do(self, session: Session, pair: str, answer: str) -> str:
        if answer == UNDO:
            return "The last verdict is undone." if session.undo() else "There is no verdict of yours to undo."
        if answer == AGAIN:
            session.show_skipped()
            return ""
        known: dict[str, Answer] = {name: name for name in get_args(Answer)}
        if answer not in known:
            return ""
        return SAID[answer] if session.record(pair, known[answer]) else ""

    def _say(self, note: str, is_wrong: bool = False) -> None:
        self._note, self._is_wrong = note, is_wrong


class _Handler(LoopbackHandler):
    """Answers requests for the page and takes its forms; `make_server` sets what follows.

    Attributes:
        review, page: what is shown.
        root: the path of the page.
    """

    review: Review
    page: ReviewPage
    root: str

    def do_GET(self) -> None:
        if not self._is_for_page(""):
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        try:
            text, kind, status = self.review.show(), "text/html", HTTPStatus.OK
        except Exception as error:
            text = f"The page could not be made: {describe(error, with_place=True)}"
            kind, status = "text/plain", HTTPStatus.INTERNAL_SERVER_ERROR
        self.send_text(text, kind, self.page.headers, status)

    def do_POST(self) -> None:
        fields = self._read_form()
        if isinstance(fields, HTTPStatus):
            self.send_error(fields)
            return
        if self._is_for_page("name"):
            self.review.take_name(fields.get("reviewer", ""))
        else:
            self.review.take_answer(fields.get("pair", ""), fields.get("answer", ""))
        self.send_response(HTTPStatus.SEE_OTHER)
        self.send_header("Location", self.root)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _read_form(self) -> dict[str, str] | HTTPStatus:
        """Returns the fields of a form of the page, or why they are refused."""
        if not self._is_for_page("name") and not self._is_for_page("verdict"):
            return HTTPStatus.NOT_FOUND
        if self.headers.get("Origin") not in {None, *(f"http://{name}" for name in self.own_names())}:
            return HTTPStatus.FORBIDDEN
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        try:
            fields = parse_qs(self.rfile.read(int(length)).decode("utf-8", "replace"), max_num_fields=8)
        except ValueError:
            return HTTPStatus.BAD_REQUEST
        return {name: values[0] for name, values in fields.items()}

    def _is_for_page(self, name: str) -> bool:
        given = self.path.encode("utf-8", "replace")
        return self.is_addressed() and secrets.compare_digest(given, f"{self.root}{name}".encode())


def make_server(review: Review, page: ReviewPage, port: int = 0) -> tuple[ThreadingHTTPServer, str]:
    """Makes the server.

    Args:
        review: what it shows and takes.
        page: its headers.
        port: 0: a free one.

    Returns:
        The server, and the address of the page. Who does not know the address gets nothing.

    Raises:
        UserError: the port cannot be used.
    """
    # Hexadecimal: nothing that prints the address takes it for a secret.
    root = f"/{secrets.token_hex(16)}/"
    server = open_server(type("Handler", (_Handler,), {"review": review, "page": page, "root": root}), port)
    return server, f"http://{HOST}:{server.server_address[1]}{root}"
