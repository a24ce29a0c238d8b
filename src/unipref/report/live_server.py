"""Serves the page of a run on this machine alone, and has the browser load it again while the run is under way."""

from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from unipref.core.errors import UserError, describe
from unipref.report.live import render_live

HOST = "127.0.0.1"
"""Only programs of this machine can reach the page."""


def make_server(run: Path, page: Path, port: int = 0, every: int = 10) -> ThreadingHTTPServer:
    """Makes a server of one page; `server_address` has its port.

    Args:
        run: the run folder.
        page: the report of the run.
        port: 0: a free one.
        every: seconds between two loads while the run is under way.

    Raises:
        UserError: the folder does not exist, or the port is in use.
    """
    if not run.is_dir():
        raise UserError("this folder does not exist.", where=str(run), mend="Give the folder of a run.")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            names = {f"{name}:{self.server.server_address[1]}" for name in (HOST, "localhost")}  # type: ignore[index]
            if self.path.partition("?")[0] != "/" or self.headers.get("Host") not in names:
                # Another name of this machine may be that of a page elsewhere.
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            try:
                text, is_under_way = render_live(run, page)
            except Exception as error:
                text, is_under_way = f"The page could not be made: {describe(error, with_place=True)}", True
                kind = "text/plain"
            else:
                kind = "text/html"
            body = text.encode("utf-8", "replace")
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            if is_under_way:
                self.send_header("Refresh", str(every))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Logs nothing."""

    try:
        return ThreadingHTTPServer((HOST, port), Handler)
    except OSError as error:
        raise UserError(
            f"port {port} cannot be used: {error.strerror}.", where="--port", mend="Leave it out for a free port."
        ) from error
