"""A server for pages that only this machine reaches: what `unipref watch` and `unipref review` share."""

from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from unipref.core.errors import UserError

HOST = "127.0.0.1"
"""Only programs of this machine can reach the pages."""
IDLE_SECONDS = 60.0
"""A connection that sends nothing for so long is closed."""
LEAST_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class LoopbackHandler(BaseHTTPRequestHandler):
    """Answers requests to a server of `open_server`; a subclass defines `do_GET` and `do_POST`."""

    server_version, sys_version = "unipref", ""
    timeout = IDLE_SECONDS

    def own_names(self) -> set[str]:
        """Returns the names, with the port, by which a browser on this machine reaches the server."""
        return {f"{name}:{self.server.server_address[1]}" for name in (HOST, "localhost")}  # type: ignore[index]

    def is_addressed(self) -> bool:
        """Whether the request names this server. Another name of this machine may be that of a page elsewhere, whose
        scripts would then read the answer (DNS rebinding).
        """
        return self.headers.get("Host") in self.own_names()

    def send_text(
        self,
        text: str,
        kind: str = "text/html",
        headers: Mapping[str, str] | None = None,
        status: HTTPStatus = HTTPStatus.OK,
    ) -> None:
        """Sends a text that no browser keeps.

        Args:
            text: the text; a character that UTF-8 lacks becomes a question mark.
            kind: its media type.
            headers: further headers.
            status: of the answer.
        """
        body = text.encode("utf-8", "replace")
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        for name, value in {**LEAST_HEADERS, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Logs nothing."""


def open_server(handler: type[LoopbackHandler], port: int = 0) -> ThreadingHTTPServer:
    """Opens a server; `server_address` has its port.

    Args:
        handler: answers the requests.
        port: 0: a free one.

    Raises:
        UserError: the port cannot be used.
    """
    try:
        return ThreadingHTTPServer((HOST, port), handler)
    except OSError as error:
        raise UserError(
            f"port {port} cannot be used: {error.strerror}.", where="--port", mend="Leave it out for a free port."
        ) from error
