"""Follows each page of docs/adding to the letter in a copy of the project: its files, its tests, and what changes."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from unipref.core.hashing import code_key

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs" / "adding").glob("*.md"))
FILE = re.compile(r"^`((?:src|tests)/[\w/]+\.py)`:\n\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```sh\npython -m pytest ([\w./ ]+) -k (\w+)\nmake docs\n```$", re.MULTILINE)
CACHED = ("unipref.unify", "unipref.clean", "unipref.select", "unipref.train", "unipref.evaluate")
"""Modules whose code is part of cache keys."""


@pytest.fixture(scope="module")
def keys_before() -> dict[str, str]:
    return keys(ROOT / "src" / "unipref")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the files of all pages."""
    folder = tmp_path_factory.mktemp("project")
    # With the compiled code, which is valid for a copy; the files with longer names are being written.
    ignored = shutil.ignore_patterns("*.pyc.*", ".hypothesis")
    for name in ("src", "tests", "docs"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    for page in PAGES:
        for name, code in FILE.findall(page.read_text(encoding="utf-8")):
            assert not (folder / name).exists(), f"{page.name}: {name} exists already"
            (folder / name).write_text(code, encoding="utf-8")
    return folder


def keys(package: Path) -> dict[str, str]:
    """Cached module, or module of a choice -> the hash of its code and of all that it imports."""
    kinds = ("unify/formats", "unify/exports", "sources/catalog/datasets", "select/scorers", "select/strategies")
    kinds += ("train/trainers", "evaluate/benchmarks", "collect/judges", "export/targets")
    choices = [path for kind in kinds for path in sorted((package / kind).glob("[a-z]*.py"))]
    modules = [".".join(["unipref", *path.relative_to(package).with_suffix("").parts]) for path in choices]
    return {module: code_key(module, package=package) for module in (*CACHED, *modules)}


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(project / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=project, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_one_file_its_test_and_the_commands(page: Path) -> None:
    content = page.read_text(encoding="utf-8")
    names = [name for name, _ in FILE.findall(content)]
    assert [name.split("/")[0] for name in names] == ["src", "tests"]
    assert Path(names[1]).name == f"test_{Path(names[0]).name}"
    ((paths, word),) = COMMANDS.findall(content)
    assert names[1] in paths.split()
    assert word == Path(names[0]).stem


@pytest.mark.slow
def test_the_files_of_the_pages_pass_their_tests_and_the_contract_tests(project: Path) -> None:
    """The commands of all pages in one process, which loads torch and TRL once."""
    found = [COMMANDS.search(page.read_text(encoding="utf-8")) for page in PAGES]
    paths = sorted({path for match in found if match for path in match[1].split()})
    words = [match[2] for match in found if match]
    ran = run(project, "pytest", "-q", "-p", "no:cacheprovider", *paths, "-k", " or ".join(words))
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]


def test_the_files_of_the_pages_are_as_lint_wants_them(project: Path) -> None:
    pytest.importorskip("ruff")
    names = [name for page in PAGES for name, _ in FILE.findall(page.read_text(encoding="utf-8"))]
    for arguments in (("check",), ("format", "--check")):
        ran = run(project, "ruff", *arguments, *names)
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_new_file_voids_no_cache_key_of_others(project: Path, keys_before: dict[str, str]) -> None:
    after = keys(project / "src" / "unipref")
    assert len(after) == len(keys_before) + len(PAGES)
    assert {module: key for module, key in after.items() if module in keys_before} == keys_before
