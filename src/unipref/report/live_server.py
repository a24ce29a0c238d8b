"""Serves the page of a run on this machine alone, and has the browser load it again while the run is under way."""

from http import HTTPStatus
from http.server import ThreadingHTTPServer
from pathlib import Path

from unipref.core.errors import UserError, describe
from unipref.report.live import render_live
from unipref.report.loopback import LoopbackHandler, open_server


def make_server(run: Path, page: Path, port: int = 0, every: int = 10) -> ThreadingHTTPServer:
    """Makes a server of one page; `server_address` has its port.

    Args:
        run: the run folder.
        page: the report of the run.
        port: 0: a free one.
        every: seconds between two loads while the run is not finished.

    Raises:
        UserError: the folder does not exist, or the port is in use.
    """
    if not run.is_dir():
        raise UserError("this folder does not exist.", where=str(run), mend="Give the folder of a run.")

    class Handler(LoopbackHandler):
        def do_GET(self) -> None:
            if self.path.partition("?")[0] != "/" or not self.is_addressed():
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            try:
                text, may_change = render_live(run, page)
            except Exception as error:
                text, may_change = f"The page could not be made: {describe(error, with_place=True)}", True
                kind = "text/plain"
            else:
                kind = "text/html"
            self.send_text(text, kind, {"Refresh": str(every)} if may_change else None)

    return open_server(Handler, port)
