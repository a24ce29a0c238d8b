"""A chat endpoint in the form of OpenAI's API, on loopback: a real server with replies that a test writes."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = str | tuple[int, str] | tuple[int, str, dict[str, str]] | float | None
"""A text; a state and a body, and headers; seconds of silence; None closes the connection without a reply."""


class ChatServer:
    """Counts requests and replies as `answer` says."""

    def __init__(self, answer: Callable[[int, dict[str, Any]], Reply]) -> None:
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.other_requests = 0
        self.lock = threading.Lock()
        self.answer = answer
        self.counts_tokens = True
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with outer.lock:
                    outer.requests.append(body)
                    outer.keys.append(self.headers.get("Authorization"))
                    number = len(outer.requests) - 1
                outer.reply(self, number, body)

            def do_GET(self) -> None:
                outer.other_requests += 1
                self.send_error(404)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def reply(self, handler: BaseHTTPRequestHandler, number: int, body: dict[str, Any]) -> None:
        answer = self.answer(number, body)
        if answer is None:
            handler.close_connection = True
            return
        if isinstance(answer, float):
            time.sleep(answer)
            answer = "Verdict: A"
        state, content, headers = (200, "", {})
        if isinstance(answer, str):
            usage = {"usage": {"prompt_tokens": 100, "completion_tokens": 10}} if self.counts_tokens else {}
            content = json.dumps({"choices": [{"message": {"role": "assistant", "content": answer}}], **usage})
        else:
            state, content, headers = (*answer, {})[:3] if len(answer) == 2 else answer
        with contextlib.suppress(OSError):
            handler.send_response(state)
            for name, value in headers.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(content.encode())))
            handler.end_headers()
            handler.wfile.write(content.encode())


@contextlib.contextmanager
def serve(answer: Callable[[int, dict[str, Any]], Reply]) -> Iterator[ChatServer]:
    """Runs a server until the context ends."""
    server = ChatServer(answer)
    thread = threading.Thread(target=server.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.server.shutdown()
        server.server.server_close()
        thread.join(5)


def prefer(text: str) -> Callable[[int, dict[str, Any]], Reply]:
    """Replies with the answer that contains a text, whichever place it has; a tie if both or none do."""

    def answer(number: int, body: dict[str, Any]) -> Reply:
        content = body["messages"][1]["content"]
        first, second = content.split("<answer_A>")[1].split("<answer_B>")
        if (text in first) == (text in second):
            return "They are alike.\nVerdict: tie"
        return f"One of them is right.\nVerdict: {'A' if text in first else 'B'}"

    return answer
