"""A small hub on loopback: the real clients huggingface_hub and datasets read from it and write to it.

It has models and data sets with commits, branches and tags, private and gated ones, large files (LFS) and faults on
demand.
Source of the addresses: huggingface_hub 2.4, `hf_api.py`, `_commit_api.py`, `lfs.py` and `file_download.py`.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

LARGE = (".parquet", ".safetensors", ".gguf", ".bin")
"""Endings of the files that are stored as LFS."""
PREFIXES = {"model": "", "dataset": "datasets/"}


@dataclass
class Repo:
    """A repository: its commits with all their files, the newest last, and branches and tags by name.

    All may see the names of the files of a gated one, and only users in `readers` may fetch them.
    """

    is_private: bool = False
    is_gated: bool = False
    readers: set[str] = field(default_factory=set)
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, bytes], branch: str = "main") -> str:
        """Adds a commit with these files alone, and returns its hash."""
        content = repr((len(self.commits), sorted((name, hash_git(data)) for name, data in files.items())))
        sha = hashlib.sha1(content.encode()).hexdigest()
        self.commits[sha] = dict(files)
        self.refs[branch] = sha
        return sha

    def resolve(self, revision: str) -> str | None:
        return self.refs.get(revision) or (revision if revision in self.commits else None)


@dataclass
class Fault:
    """What happens to the next requests whose `METHOD PATH` matches: a status, or the body ends after some bytes."""

    pattern: str
    status: int = 0
    cut: int = 0
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)


class Hub:
    """The state of the hub, and a log of its requests as `METHOD PATH`."""

    def __init__(self, token: str = "token-of-a-user") -> None:
        self.token, self.url = token, ""
        self.repos: dict[tuple[str, str], Repo] = {}
        self.large: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.ranges: list[str] = []
        self.lock = threading.RLock()

    def add(self, kind: str, name: str, files: dict[str, bytes], is_private: bool = False) -> str:
        """Adds a commit to a repository, which is made if it is missing; returns the hash of the commit."""
        repo = self.repos.setdefault((kind, name), Repo(is_private))
        return repo.commit(files)

    def files(self, kind: str, name: str, revision: str = "main") -> dict[str, bytes]:
        repo = self.repos[kind, name]
        return repo.commits[repo.resolve(revision) or ""]

    def fetched(self) -> list[str]:
        """The names of the files whose content was asked for."""
        return [request.split("/resolve/")[1].split("/", 1)[1] for request in self.requests if is_download(request)]

    def take_fault(self, request: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.times and re.search(fault.pattern, request):
                    fault.times -= 1
                    return fault
        return None


def is_download(request: str) -> bool:
    return request.startswith("GET ") and "/resolve/" in request


def hash_git(data: bytes) -> str:
    """The object id of a file in git."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def is_large(name: str) -> bool:
    return name.endswith(LARGE)


def describe(name: str, data: bytes) -> dict[str, Any]:
    """A file in the listing of a commit."""
    sha = hashlib.sha256(data).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha}\nsize {len(data)}\n".encode()
    entry: dict[str, Any] = {"type": "file", "path": name, "size": len(data), "oid": hash_git(data)}
    if is_large(name):
        entry |= {"oid": hash_git(pointer), "lfs": {"oid": sha, "size": len(data), "pointerSize": len(pointer)}}
    return entry


def describe_sibling(name: str, data: bytes) -> dict[str, Any]:
    """A file in the description of a repository."""
    entry = describe(name, data)
    sibling = {"rfilename": name, "size": entry["size"], "blobId": entry["oid"]}
    if "lfs" in entry:
        sibling["lfs"] = {"sha256": entry["lfs"]["oid"], "size": entry["size"], "pointerSize": 130}
    return sibling


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def log_message(self, *args: Any) -> None:
        """The tests' own output stays clean."""

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        path = unquote(parts.path).strip("/")
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.query = parse_qs(parts.query)
        request = f"{self.command} {path}"
        self.hub.requests.append(request)
        self.fault = self.hub.take_fault(request)
        if self.fault and self.fault.status:
            return self._fail(self.fault.status, "", "the hub is tired", headers=self.fault.headers)
        with self.hub.lock:
            for pattern, method in ROUTES:
                if match := re.fullmatch(pattern, request):
                    return method(self, **match.groupdict())
        return self._fail(404, "", f"no such address: {request}")

    def _repo(self, kinds: str | None, name: str) -> Repo | None:
        """The repository, or None after an answer that it is missing; a private one is missing to strangers."""
        repo = self.hub.repos.get((("dataset" if (kinds or "").startswith("dataset") else "model"), name))
        is_known = self.headers.get("Authorization") == f"Bearer {self.hub.token}"
        if repo is None or (repo.is_private and not is_known):
            self._fail(404 if is_known else 401, "RepoNotFound", "Repository not found")
            return None
        return repo

    def _commit(self, kinds: str | None, name: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        repo = self._repo(kinds, name)
        if repo is None:
            return None
        sha = repo.resolve(revision)
        if sha is None:
            self._fail(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return None
        return sha, repo.commits[sha]

    def _is_refused(self, kinds: str | None, name: str) -> bool:
        """Whether a repository is gated and the user has no access; then it answers."""
        repo = self._repo(kinds, name)
        if repo is None or not repo.is_gated:
            return repo is None
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token and token in repo.readers:
            return False
        status, text = (
            (403, "and you are not in the authorized list.") if token else (401, "You must be authenticated.")
        )
        self._fail(status, "GatedRepo", f"Access to {name} is restricted {text}")
        return True

    def _is_writer(self) -> bool:
        if self.headers.get("Authorization") == f"Bearer {self.hub.token}":
            return True
        self._fail(401, "", "Invalid username or password.")
        return False

    def info(self, kinds: str, name: str, revision: str | None = None) -> None:
        found = self._commit(kinds, name, revision or "main")
        if found:
            repo = self.hub.repos["dataset" if kinds == "datasets" else "model", name]
            siblings = [describe_sibling(one, data) for one, data in found[1].items()]
            about = {"id": name, "sha": found[0], "private": repo.is_private, "siblings": siblings, "tags": []}
            self._json(about | {"gated": "manual" if repo.is_gated else False})

    def tree(self, kinds: str, name: str, revision: str, folder: str | None = None) -> None:
        found = self._commit(kinds, name, revision)
        if not found:
            return
        start = f"{folder}/" if folder else ""
        below = {one: data for one, data in found[1].items() if one.startswith(start)}
        if start and not below:
            self._fail(404, "EntryNotFound", f"{folder} does not exist on {revision}")
            return
        is_deep = self.query.get("recursive", ["false"])[0].lower() == "true"
        folders = sorted({start + one[len(start) :].split("/")[0] for one in below if "/" in one[len(start) :]})
        files = [describe(one, data) for one, data in sorted(below.items()) if is_deep or "/" not in one[len(start) :]]
        self._json(files + [{"type": "directory", "path": one, "size": 0, "oid": "0" * 40} for one in folders])

    def paths_info(self, kinds: str, name: str, revision: str) -> None:
        if found := self._commit(kinds, name, revision):
            given = json.loads(self.body) if self.body[:1] == b"{" else parse_qs(self.body.decode())
            paths = given["paths"] if isinstance(given["paths"], list) else [given["paths"]]
            entries = [describe(one, found[1][one]) for one in paths if one in found[1]]
            folders = [one for one in paths if any(file.startswith(f"{one}/") for file in found[1])]
            self._json(entries + [{"type": "directory", "path": one, "size": 0, "oid": "0" * 40} for one in folders])

    def resolve(self, name: str, revision: str, file: str, kinds: str | None = None) -> None:
        found = self._commit(kinds, name, revision)
        if not found or self._is_refused(kinds, name):
            return
        if file not in found[1]:
            self._fail(404, "EntryNotFound", "Entry not found", found[0])
            return
        data = found[1][file]
        entry = describe(file, data)
        etag = entry["lfs"]["oid"] if "lfs" in entry else entry["oid"]
        headers = {"X-Repo-Commit": found[0], "ETag": f'"{etag}"', "Accept-Ranges": "bytes"}
        if "lfs" in entry:
            headers |= {"X-Linked-Size": str(len(data)), "X-Linked-Etag": f'"{etag}"'}
        if match := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or ""):
            self.hub.ranges.append(self.headers["Range"])
            last = min(int(match[2] or len(data) - 1), len(data) - 1)
            headers["Content-Range"] = f"bytes {match[1]}-{last}/{len(data)}"
            self._send(206, data[int(match[1]) : last + 1], "application/octet-stream", headers)
        else:
            self._send(200, data, "application/octet-stream", headers)

    def whoami(self) -> None:
        if self._is_writer():
            self._json({"type": "user", "name": "user", "orgs": [], "auth": {"accessToken": {"role": "write"}}})

    def create(self) -> None:
        if not self._is_writer():
            return
        about = json.loads(self.body)
        name, kind = f"{about.get('organization') or 'user'}/{about['name']}", about.get("type") or "model"
        if (kind, name) in self.hub.repos:
            self._json({"error": "You already created this repo", "url": self._url(kind, name)}, 409)
            return
        is_private = about.get("visibility") == "private" or about.get("private") is True
        self.hub.add(kind, name, {".gitattributes": b"*.parquet filter=lfs\n"}, is_private)
        self._json({"url": self._url(kind, name), "name": name, "id": name})

    def check_card(self) -> None:
        text = json.loads(self.body)["content"]
        errors = [] if text.startswith("---\n") else [{"message": "no metadata"}]
        self._json({"errors": errors, "warnings": []}, 400 if errors else 200)

    def preupload(self, kinds: str, name: str, revision: str) -> None:
        found = self._commit(kinds, name, revision) if self._is_writer() else None
        if found:
            files = [
                {
                    "path": one["path"],
                    "uploadMode": "lfs" if is_large(one["path"]) else "regular",
                    "shouldIgnore": False,
                    "oid": _oid(one["path"], found[1]),
                }
                for one in json.loads(self.body)["files"]
            ]
            self._json({"files": files})

    def lfs_batch(self, name: str, kinds: str | None = None) -> None:
        if not self._is_writer() or self._repo(kinds, name) is None:
            return
        objects: list[dict[str, Any]] = []
        for one in json.loads(self.body)["objects"]:
            upload = {"upload": {"href": f"{self.hub.url}/lfs/{one['oid']}", "header": {}}}
            objects.append(one if one["oid"] in self.hub.large else {**one, "actions": upload})
        self._json({"transfer": "basic", "objects": objects})

    def lfs_put(self, oid: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != oid:
            self._fail(400, "", "the content has another hash")
            return
        self.hub.large[oid] = self.body
        self._json({})

    def write(self, kinds: str, name: str, revision: str) -> None:
        found = self._commit(kinds, name, revision) if self._is_writer() else None
        if not found:
            return
        files = dict(found[1])
        for line in self.body.splitlines():
            one = json.loads(line)
            value = one["value"]
            if one["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif one["key"] == "lfsFile":
                files[value["path"]] = self.hub.large[value["oid"]]
            elif one["key"] == "deletedFile":
                files.pop(value["path"], None)
            elif one["key"] == "deletedFolder":
                files = {path: data for path, data in files.items() if not path.startswith(value["path"])}
        kind = "dataset" if kinds == "datasets" else "model"
        sha = self.hub.repos[kind, name].commit(files, revision)
        self._json({"success": True, "commitOid": sha, "commitUrl": f"{self._url(kind, name)}/commit/{sha}"})

    def _url(self, kind: str, name: str) -> str:
        return f"{self.hub.url}/{PREFIXES[kind]}{name}"

    def _json(self, value: Any, status: int = 200) -> None:
        self._send(status, json.dumps(value).encode(), "application/json", {})

    def _fail(self, status: int, code: str, text: str, commit: str = "", headers: dict[str, str] | None = None) -> None:
        about = {"X-Error-Code": code, "X-Error-Message": text} | ({"X-Repo-Commit": commit} if commit else {})
        self._send(status, json.dumps({"error": text}).encode(), "application/json", about | (headers or {}))

    def _send(self, status: int, data: bytes, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.fault and self.fault.cut:
            self.wfile.write(data[: self.fault.cut])
            self.close_connection = True
            return
        self.wfile.write(data)


def _oid(path: str, files: dict[str, bytes]) -> str | None:
    if path not in files:
        return None
    return hashlib.sha256(files[path]).hexdigest() if is_large(path) else hash_git(files[path])


NAME = r"(?P<name>[^/]+/[^/]+?)"
API = rf"api/(?P<kinds>datasets|models)/{NAME}"
ROUTES = [
    ("GET api/whoami-v2", Handler.whoami),
    ("POST api/repos/create", Handler.create),
    ("POST api/validate-yaml", Handler.check_card),
    (rf"GET {API}", Handler.info),
    (rf"GET {API}/revision/(?P<revision>.+)", Handler.info),
    (rf"GET {API}/tree/(?P<revision>[^/]+)(/(?P<folder>.+))?", Handler.tree),
    (rf"POST {API}/paths-info/(?P<revision>.+)", Handler.paths_info),
    (rf"POST {API}/preupload/(?P<revision>.+)", Handler.preupload),
    (rf"POST {API}/commit/(?P<revision>.+)", Handler.write),
    (rf"POST (?P<kinds>datasets/)?{NAME}\.git/info/lfs/objects/batch", Handler.lfs_batch),
    ("PUT lfs/(?P<oid>[0-9a-f]+)", Handler.lfs_put),
    (rf"(HEAD|GET) (?P<kinds>datasets/)?{NAME}/resolve/(?P<revision>[^/]+)/(?P<file>.+)", Handler.resolve),
]
"""Pattern of `METHOD PATH` -> how it is answered."""


@contextmanager
def serve_hub(token: str = "token-of-a-user") -> Iterator[Hub]:
    """Serves an empty hub on a free port of loopback."""
    hub = Hub(token)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OneHub", (Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
