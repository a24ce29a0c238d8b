"""The loopback hub, and the real clients of this process turned to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.hub_server import Hub, serve_hub
from unipref.core import secrets
from unipref.core.hub import pins, tries


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """An empty hub; the user has a token for it, and an empty cache."""
    from huggingface_hub import close_session

    with serve_hub() as served:
        use_hub(served.url, served.token, tmp_path / "home", monkeypatch)
        yield served
        close_session()  # its connections would reach the threads of this hub


def use_hub(url: str, token: str | None, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns the clients of this process to a hub, with a cache of its own; they read the environment only once."""
    from huggingface_hub import constants, hf_api

    changed = {"ENDPOINT": url, "HF_HOME": str(home), "HF_HUB_CACHE": str(home / "hub"), "HF_HUB_OFFLINE": False}
    changed |= {"HF_TOKEN_PATH": str(home / "token"), "HF_STORED_TOKENS_PATH": str(home / "stored_tokens")}
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    changed |= {"HF_HUB_DISABLE_XET": True, "HUGGINGFACE_CO_URL_TEMPLATE": template}
    for name, value in changed.items():
        monkeypatch.setattr(constants, name, value)
    monkeypatch.setattr(hf_api.api, "endpoint", url)  # the client's functions without an HfApi of their own
    if token is None:
        monkeypatch.delenv("HF_TOKEN", raising=False)
    else:
        monkeypatch.setenv("HF_TOKEN", token)
    monkeypatch.setattr(tries, "FIRST_WAIT", 0.0)
    monkeypatch.setattr(pins, "_resolved", {})
    monkeypatch.setattr(secrets, "_remembered", set())
