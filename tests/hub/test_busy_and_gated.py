"""A hub that limits requests, and repositories whose owner decides who reads them, through the real client."""

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from support.hub_server import Fault, Hub
from unipref import unify_feedback
from unipref.core.errors import UserError
from unipref.core.hub import Address, fetch, resolve, tries
from unipref.models import hub_models

DATA = Address("dataset", "owner/data")
ROW = b'{"prompt": "A?", "chosen": "Yes.", "rejected": "No."}\n'


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that unipref would have waited between tries."""
    found: list[float] = []
    monkeypatch.setattr(tries, "time", SimpleNamespace(sleep=found.append))
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail(f"the client itself waited {seconds} s"))
    return found


def count(hub: Hub, part: str) -> int:
    return sum(part in request for request in hub.requests)


def test_a_busy_hub_is_asked_again_after_the_time_that_it_tells(
    hub: Hub, waits: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    commit = hub.add("dataset", DATA.repo, {"x.csv": b"a\n1\n"})
    hub.faults = [
        Fault("revision/main", status=429, headers={"Retry-After": "7"}),
        Fault(r"resolve/.*x\.csv", status=429, headers={"Retry-After": "120"}),
        Fault(r"resolve/.*x\.csv", status=429, headers={"RateLimit": '"resolvers";r=0;t=290'}),
        Fault(r"resolve/.*x\.csv", status=429),
    ]
    assert resolve(DATA) == commit
    assert (fetch(DATA, commit, ["x.csv"]) / "x.csv").read_bytes() == b"a\n1\n"
    # Longer than the longest wait of unipref's own, as told; without a time, its own (0 in tests).
    assert waits == [7.0, 120.0, 290.0, 0.0]
    lines = capsys.readouterr().err.splitlines()
    assert "owner/data: revision main: try 1 of 5 failed (the hub answered 429); next in 7 s" in lines
    assert "owner/data: x.csv: try 2 of 5 failed (the hub answered 429); next in 290 s" in lines
    assert count(hub, "/resolve/") == 4


def test_headers_of_a_limit_that_is_not_reached_are_no_wait(hub: Hub, waits: list[float]) -> None:
    commit = hub.add("dataset", DATA.repo, {"x.csv": b"a\n1\n"})
    hub.faults = [
        Fault(r"resolve/.*x\.csv", status=503, headers={"RateLimit": '"resolvers";r=0;t=290'}),
        Fault(r"resolve/.*x\.csv", status=429, headers={"RateLimit": '"resolvers";r=12;t=290'}),
    ]
    fetch(DATA, commit, ["x.csv"])
    assert waits == [0.0, 0.0]


@pytest.mark.parametrize("has_token", [True, False])
def test_a_long_wait_is_not_begun_and_named(
    hub: Hub, waits: list[float], has_token: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_token:
        monkeypatch.delenv("HF_TOKEN")
    hub.add("dataset", DATA.repo, {"x.csv": b"a\n1\n"})
    hub.faults = [Fault("revision/main", status=429, headers={"Retry-After": "3600"}, times=9)]
    with pytest.raises(UserError, match="revision main failed: too many requests") as caught:
        resolve(DATA)
    assert "Try again in 3600 s, as the hub says" in str(caught.value)
    assert ("set HF_TOKEN" in str(caught.value)) != has_token
    assert (waits, count(hub, "revision/main")) == ([], 1)


def test_a_hub_that_stays_busy_is_given_up_after_five_tries(hub: Hub, waits: list[float]) -> None:
    hub.add("dataset", DATA.repo, {"x.csv": b"a\n1\n"})
    hub.faults = [Fault("revision/main", status=429, headers={"Retry-After": "9"}, times=9)]
    with pytest.raises(UserError, match="too many requests"):
        resolve(DATA)
    assert (waits, count(hub, "revision/main")) == ([9.0] * 4, 5)


def read_data(out: Path) -> object:
    """Reads a source of the gated repository."""
    mapping = {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"}
    source = {"name": "s", "format": "pairs", "map": mapping, "path": "hf://datasets/owner/closed/x.jsonl"}
    return unify_feedback({"sources": [source], "workers": 1}, out)


def read_model(out: Path) -> object:
    """Fetches the gated model."""
    return hub_models.fetch_model("owner/closed")


@pytest.mark.parametrize(
    ("kind", "read", "page"),
    [("dataset", read_data, "/datasets/owner/closed"), ("model", read_model, "/owner/closed")],
)
@pytest.mark.parametrize("has_token", [True, False])
def test_a_gated_repository_names_its_page_and_the_variable_of_the_token(
    hub: Hub,
    waits: list[float],
    tmp_path: Path,
    kind: str,
    read: Callable[[Path], object],
    page: str,
    has_token: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    hub.add(kind, "owner/closed", {"x.jsonl": ROW, "config.json": b"{}", "model.safetensors": b"x"})
    hub.repos[kind, "owner/closed"].is_gated = True
    if not has_token:
        monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(UserError) as caught:
        read(tmp_path / "out")
    text = str(caught.value)
    assert f"the {kind} owner/closed is gated" in text
    assert f"Ask for access at {hub.url}{page} in a browser." in text
    assert "set HF_TOKEN to a token of" in text
    assert ("log in with: hf auth login" in text) != has_token
    assert hub.token not in text
    assert "try 1 of 5" not in capsys.readouterr().err
    assert (waits, count(hub, "/resolve/")) == ([], 1)
    assert not list((tmp_path / "home").rglob("*unipref-part"))
    monkeypatch.setenv("HF_TOKEN", hub.token)
    hub.repos[kind, "owner/closed"].readers.add(hub.token)
    read(tmp_path / "out")
    assert count(hub, "/resolve/") > 1
