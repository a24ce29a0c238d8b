"""The checks of the machine and the installation."""

import importlib.metadata
import os
import socket
import tomllib
from pathlib import Path

import pytest

from unipref.pipeline import doctor


def find(name: str, monkeypatch: pytest.MonkeyPatch) -> doctor.Check:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return next(check for check in doctor.run_checks() if check.name == name)


def test_it_says_what_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    started: list[str] = []
    checks = list(doctor.run_checks(started.append))
    states = {check.name: check.state for check in checks}
    assert states["unipref"] == states["packages"] == states["memory"] == "ok"
    assert states["hub"] == "note"
    assert started == ["torch and its device", "the hub"]
    packages = next(check for check in checks if check.name == "packages")
    assert f"torch {importlib.metadata.version('torch')}" in packages.value


def test_a_package_that_is_missing_or_too_old_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    version = importlib.metadata.version

    def installed(name: str) -> str:
        if name == "trl":
            raise importlib.metadata.PackageNotFoundError(name)
        return "1.0.0" if name == "pyarrow" else version(name)

    monkeypatch.setattr(importlib.metadata, "version", installed)
    faults = [check.value for check in doctor._check_packages() if check.state == "missing"]
    assert any(fault.startswith("trl") and fault.endswith("is missing") for fault in faults)
    assert any(fault.startswith("pyarrow 1.0.0 is installed, but unipref needs pyarrow>=") for fault in faults)


def test_a_missing_extra_comes_with_its_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    checks = {check.name: check for check in doctor._check_extras()}
    assert set(checks) == {f"extra '{name}'" for name in doctor.EXTRAS}
    assert checks["extra 'real'"].mend == "pip install 'unipref[real]'"
    assert "gguf" in checks["extra 'real'"].value


def test_every_extra_for_users_is_checked() -> None:
    declared = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(doctor.EXTRAS) == set(declared["project"]["optional-dependencies"]) - {"dev", "docs", "release"}


def test_more_threads_than_cores_are_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "4096")
    check = doctor._check_cores()
    assert check.state == "note"
    assert "at most" in check.mend


def test_a_hub_that_answers_and_one_that_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("HF_HUB_OFFLINE", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(key, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
        assert doctor._check_hub().state == "ok"
    check = doctor._check_hub()
    assert check.state == "note"
    assert "cannot be reached" in check.value
    monkeypatch.setenv("HF_ENDPOINT", "not an address")
    assert doctor._check_hub().state == "note"


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_folder_is_a_note(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert doctor._check_disk("disk", tmp_path).state == "note"


def test_a_folder_that_is_gone_is_missing(tmp_path: Path) -> None:
    assert doctor._check_disk("disk", tmp_path / "gone").state == "missing"
