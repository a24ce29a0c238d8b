"""Checks the machine and the installation: versions, device, memory, disk, threads, hub access, optional packages."""

import importlib.metadata
import os
import platform
import re
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from unipref.core import free_memory
from unipref.core.version import __version__
from unipref.core.workers.local import count_free_cores, count_usable_cores
from unipref.models.gguf import has_bfloat16

State = Literal["ok", "note", "missing"]

PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "pyarrow", "numpy", "pydantic")
EXTRAS = {
    "embed": "sentence embeddings (embedder: minilm)",
    "eval": "lm-eval's tasks and IFEval",
    "dedup": "fast near-duplicate search",
    "faiss": "clusters of many prompts (from 50,000)",
    "real": "models in GGUF files",
    "vision": "models that read images",
    "ray": "rows on a Ray cluster (engine: ray)",
    "sentiment": "the benchmarks that measure the tone of generated texts",
}
"""Extra of the package -> what it is for."""
LEAST_DISK = 5 << 30
"""Free bytes below which a note is shown: a study with a 135M model and checkpoints needs about this much."""
HUB_SECONDS = 5.0
"""How long the check waits for the hub."""


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes:
        name: what was checked.
        state: 'ok', 'note' (works, but worth knowing) or 'missing' (a part of unipref cannot be used).
        value: what is there.
        mend: how to change it.
    """

    name: str
    state: State
    value: str
    mend: str = ""


def run_checks(on_start: Callable[[str], None] = lambda name: None) -> Iterator[Check]:
    """Runs all checks.

    Args:
        on_start: called with what is checked before a check that can take seconds.

    Yields:
        The result of each, as soon as it is there.
    """
    yield Check("unipref", "ok", f"{__version__}, Python {platform.python_version()}, {platform.platform(terse=True)}")
    yield from _check_packages()
    on_start("torch and its device")
    yield _check_device()
    yield _check_cores()
    yield _check_memory()
    for name, folder in (("disk here", Path.cwd()), ("disk for temporary files", Path(tempfile.gettempdir()))):
        yield _check_disk(name, folder)
    on_start("the hub")
    yield _check_hub()
    yield from _check_extras()


def _check_packages() -> Iterator[Check]:
    """Yields the version of each main package, and those that unipref's metadata requires otherwise."""
    wrong = []
    for requirement, name, version in _list_requirements(None):
        if version is None:
            wrong.append(f"{requirement} is missing")
        elif not _fits(requirement, version):
            wrong.append(f"{name} {version} is installed, but unipref needs {requirement}")
    versions = ", ".join(f"{name} {version}" for name in PACKAGES if (version := _find_version(name)))
    yield Check("packages", "ok" if not wrong else "missing", versions)
    for fault in wrong:
        yield Check("packages", "missing", fault, "pip install --upgrade unipref")


def _check_extras() -> Iterator[Check]:
    for extra, purpose in EXTRAS.items():
        needed = list(_list_requirements(extra))
        missing = [name for _, name, version in needed if version is None]
        name = f"extra '{extra}'"
        if not needed:
            yield Check(name, "note", f"{purpose}: unknown to the installed version", "pip install --upgrade unipref")
        elif missing:
            mend = f"pip install 'unipref[{extra}]'"
            yield Check(name, "note", f"{purpose}: not installed ({', '.join(missing)})", mend)
        else:
            yield Check(name, "ok", purpose)


def _list_requirements(extra: str | None) -> Iterator[tuple[str, str, str | None]]:
    """Yields requirement, name and installed version of what unipref, or one of its extras, requires."""
    from packaging.requirements import Requirement

    for text in importlib.metadata.requires("unipref") or []:
        requirement = Requirement(text)
        marker = requirement.marker
        if extra is None and marker is not None and not marker.evaluate({"extra": ""}):
            continue
        if extra is not None and (marker is None or f'"{extra}"' not in str(marker).replace("'", '"')):
            continue
        yield f"{requirement.name}{requirement.specifier}", requirement.name, _find_version(requirement.name)


def _fits(requirement: str, version: str) -> bool:
    from packaging.requirements import Requirement

    return Requirement(requirement).specifier.contains(version, prereleases=True)


def _find_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _check_device() -> Check:
    import torch

    if torch.cuda.is_available():
        facts = torch.cuda.get_device_properties(0)
        more = f" and {torch.cuda.device_count() - 1} more" if torch.cuda.device_count() > 1 else ""
        return Check("device", "ok", f"{facts.name}, {facts.total_memory / 2**30:.0f} GiB{more}")
    if torch.backends.mps.is_available():
        return Check("device", "ok", "Apple GPU (mps)")
    speed = "computes in bfloat16" if has_bfloat16() else "has no fast bfloat16"
    return Check("device", "note", f"CPU only; it {speed}", "Models up to about 135M parameters train in minutes.")


def _check_cores() -> Check:
    usable, free = count_usable_cores(), count_free_cores()
    threads = os.environ.get("OMP_NUM_THREADS")
    value = f"{usable} usable, {free} free now, OMP_NUM_THREADS {threads or 'not set'}"
    if threads and threads.isdigit() and int(threads) > usable:
        mend = f"Set OMP_NUM_THREADS to at most {usable}: more threads than cores slow each other down."
        return Check("cores", "note", value, mend)
    return Check("cores", "ok", value)


def _check_memory() -> Check:
    return Check("memory", "ok", f"{free_memory.measure() / 2**30:.1f} GiB free")


def _check_disk(name: str, folder: Path) -> Check:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Check(name, "missing", f"{folder}: {error.strerror}")
    value = f"{free / 2**30:.1f} GiB free in {folder}"
    if not os.access(folder, os.W_OK):
        return Check(name, "note", f"{value}, which is read-only")
    return Check(name, "ok" if free >= LEAST_DISK else "note", value, "" if free >= LEAST_DISK else "Free some space.")


def _check_hub() -> Check:
    """Opens a connection to the hub's server; nothing is sent."""
    if re.fullmatch(r"(?i)1|true|yes|on", os.environ.get("HF_HUB_OFFLINE", "")):
        return Check("hub", "note", "offline: HF_HUB_OFFLINE is set", "Unset it to fetch models and datasets by name.")
    address = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    parts = urlsplit(address)
    if proxy := next((os.environ[key] for key in ("HTTPS_PROXY", "https_proxy") if os.environ.get(key)), None):
        return Check("hub", "note", f"not checked: a proxy leads to {parts.hostname} ({urlsplit(proxy).hostname})")
    try:
        port = parts.port or (80 if parts.scheme == "http" else 443)
        socket.create_connection((parts.hostname or address, port), HUB_SECONDS).close()
    except (OSError, ValueError) as error:
        mend = "Use model folders and files, or set HF_ENDPOINT to a mirror."
        return Check("hub", "note", f"{parts.hostname or address} cannot be reached: {error}", mend)
    return Check("hub", "ok", f"{parts.hostname} can be reached")


def format_check(check: Check) -> str:
    """Formats a check as a line, and how to mend it as a second one."""
    line = f"{check.state:<8}{check.name}: {check.value}"
    return f"{line}\n        {check.mend}" if check.mend else line


def as_dict(check: Check) -> dict[str, Any]:
    """Converts a check for JSON."""
    return asdict(check)
