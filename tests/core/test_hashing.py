"""Code keys change with the code that a stage runs, and with nothing else."""

import ast
from pathlib import Path

import pytest

from unipref.core import hashing
from unipref.core.import_closure import PACKAGE, find_imports, read_imports


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package whose `one` imports `shared` at the top and `late` in a function, and `typed` for types alone."""
    files = {
        "__init__.py": "",
        "stage/__init__.py": "A = 1\n",
        "stage/one.py": (
            "from typing import TYPE_CHECKING\nfrom pack.shared import tool\n"
            "if TYPE_CHECKING:\n    from pack import typed\n"
            "def f():\n    from pack import late\n"
        ),
        "stage/two.py": "import pack.shared\n",
        "shared.py": "def tool(): ...\n",
        "late.py": "",
        "typed.py": "",
    }
    root = tmp_path / "pack"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("changed", "matters"),
    [
        ("stage/one.py", True),
        ("shared.py", True),
        ("late.py", True),
        ("typed.py", False),
        ("stage/two.py", False),
        ("stage/__init__.py", False),
    ],
)
def test_a_code_key_depends_on_what_is_imported_and_on_nothing_else(package: Path, changed: str, matters: bool) -> None:
    before = hashing.code_key("pack.stage.one", package=package)
    (package / changed).write_text((package / changed).read_text(encoding="utf-8") + "B = 22\n", encoding="utf-8")
    assert (hashing.code_key("pack.stage.one", package=package) != before) == matters


def test_a_new_file_beside_a_stage_voids_no_cache(package: Path) -> None:
    before = hashing.code_key("pack.stage.one", package=package)
    (package / "stage/three.py").write_text("from pack.stage import one\n", encoding="utf-8")
    assert hashing.code_key("pack.stage.one", package=package) == before


def test_a_code_key_does_not_depend_on_where_a_file_lies(package: Path) -> None:
    before = hashing.code_key("pack.stage.two", package=package)
    (package / "stage/two.py").rename(package / "other.py")
    assert hashing.code_key("pack.other", package=package) == before


def test_a_code_key_of_a_module_that_does_not_exist_is_an_error(package: Path) -> None:
    with pytest.raises(LookupError, match=r"pack\.stage\.four"):
        hashing.code_key("pack.stage.four", package=package)


@pytest.mark.slow
def test_the_statements_of_a_file_are_found_as_python_finds_them() -> None:
    for path in PACKAGE.rglob("*.py"):
        code = path.read_text(encoding="utf-8")
        imports = [
            (module, name) for module, name in find_imports(ast.parse(code)) if module.split(".")[0] == "unipref"
        ]
        assert sorted(read_imports(code, "unipref"), key=str) == sorted(imports, key=str), path


def test_words_in_a_text_are_no_import() -> None:
    code = '"""\nfrom pack import a\n"""\nfrom pack import (  # why\n    b as c,\n    d,\n)\nimport os, pack.e as f\n'
    assert list(read_imports(code, "pack")) == [("pack", "b"), ("pack", "d"), ("pack.e", None)]
