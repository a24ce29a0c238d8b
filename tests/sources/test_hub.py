"""Files from the hub: a tiny hub on this machine's loopback, one without the files, and none at all."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from unipref import unify_feedback
from unipref.core.errors import UserError

NAME, COMMIT = "nvidia/HelpSteer3", "7" * 40
ROW = {
    "context": [{"role": "user", "content": "Name a river."}],
    "response1": "The Nile.",
    "response2": "Everest.",
    "overall_preference": -2,
    "domain": "general",
    "language": "english",
}
FILES = {
    "README.md": b"a card",
    "preference/train.jsonl.gz": None,
    "preference/validation.jsonl.gz": b"not to be fetched",
}


class TinyHub(BaseHTTPRequestHandler):
    """What the hub's client asks for: the files of a revision, their heads, their bytes."""

    files: dict[str, bytes] = {}
    fetched: list[str] = []

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        if path.startswith(f"/datasets/{NAME}/resolve/{COMMIT}/"):
            name = path.split(f"/resolve/{COMMIT}/")[1]
            if body:
                self.fetched.append(name)
            self._send(self.files[name], body, name)
        elif path in (f"/api/datasets/{NAME}/revision/main", f"/api/datasets/{NAME}/revision/{COMMIT}"):
            listed = {"id": NAME, "sha": COMMIT, "siblings": [{"rfilename": name} for name in self.files]}
            self._send(json.dumps(listed).encode(), body, "")
        elif path == f"/api/datasets/{NAME}/tree/{COMMIT}":
            tree = [
                {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                for name, data in self.files.items()
            ]
            self._send(json.dumps(tree).encode(), body, "")
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def _send(self, data: bytes, body: bool, name: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream" if name else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha1(data).hexdigest()}"')
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        """The test's own output stays clean."""


@pytest.fixture
def hub() -> Iterator[str]:
    import gzip

    data = gzip.compress((json.dumps(ROW) + "\n").encode(), mtime=0)
    TinyHub.files = {name: data if content is None else content for name, content in FILES.items()}
    TinyHub.fetched = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), TinyHub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def run(code: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs Python by itself, for the hub's client reads the environment when it is imported."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
    settings = {"HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", **environment}
    return subprocess.run(
        [sys.executable, "-c", code], env={**kept, **settings}, capture_output=True, text=True, check=False, timeout=120
    )


UNIFY = """
import json
from unipref import unify_feedback
from unipref.core.errors import UserError
import pyarrow.parquet as pq
try:
    file = unify_feedback({"sources": [{"name": "h", "dataset": "DATASET"}], "workers": 1}, OUT)
    print(json.dumps(pq.read_table(file).to_pylist()))
except UserError as error:
    print(error)
"""


def unify(dataset: str, out: Path) -> str:
    return UNIFY.replace("DATASET", dataset).replace("OUT", repr(str(out)))


@pytest.mark.slow
def test_a_known_dataset_without_a_path_comes_from_the_hub_once(hub: str, tmp_path: Path) -> None:
    done = run(unify("helpsteer3", tmp_path / "one"), tmp_path / "home", HF_ENDPOINT=hub)
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout.splitlines()[-1])
    assert found["origin"] == [f"hf://datasets/{NAME}/preference/train.jsonl.gz:1"]
    assert found["prompt"] == [{"role": "user", "content": "Name a river."}]
    assert found["chosen"] == [{"role": "assistant", "content": "The Nile."}]
    assert (found["chosen_score"], found["licence"]) == (2.0, "CC-BY-4.0")
    assert TinyHub.fetched == ["preference/train.jsonl.gz"]
    offline = run(unify("helpsteer3", tmp_path / "two"), tmp_path / "home", HF_HUB_OFFLINE="1", HF_ENDPOINT=hub)
    assert json.loads(offline.stdout.splitlines()[-1]) == [found]
    assert TinyHub.fetched == ["preference/train.jsonl.gz"]


def test_offline_with_nothing_fetched_says_to_give_a_path(tmp_path: Path) -> None:
    done = run(unify("helpsteer3", tmp_path / "out"), tmp_path / "home", HF_HUB_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    assert "sources.0 (h).dataset: nvidia/HelpSteer3 cannot be fetched from the hub" in done.stdout
    assert "Fetch preference/train.jsonl.gz of huggingface.co/datasets/nvidia/HelpSteer3 yourself" in done.stdout
    assert "give 'path'" in done.stdout


def test_a_repository_that_is_not_there_and_one_without_those_files(hub: str, tmp_path: Path) -> None:
    del TinyHub.files["preference/train.jsonl.gz"]
    both = unify("nectar", tmp_path / "out") + unify("helpsteer3", tmp_path / "out")
    done = run(both, tmp_path / "home", HF_ENDPOINT=hub)
    assert done.returncode == 0, done.stderr
    assert "berkeley-nest/Nectar cannot be fetched from the hub" in done.stdout
    assert "nvidia/HelpSteer3 at 'main' has no file preference/train.jsonl.gz." in done.stdout


def test_a_known_dataset_that_is_not_on_the_hub_needs_a_path(tmp_path: Path) -> None:
    study = {"sources": [{"name": "h", "dataset": "llmbar"}], "workers": 1}
    with pytest.raises(UserError, match="the path is missing, and 'llmbar' cannot be fetched from the hub"):
        unify_feedback(study, tmp_path / "out")
