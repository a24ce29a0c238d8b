"""The code that a study names comes from the study's folder, and nothing else does."""

import importlib
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from unipref.core import user_code, user_functions
from unipref.core.errors import UserError


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "study"
    folder.mkdir()
    yield folder
    user_code.use_folder(None)


def write(folder: Path, **modules: str) -> None:
    for name, code in modules.items():
        path = folder.joinpath(*name.split("__in__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code, encoding="utf-8")


def test_a_named_module_and_those_it_imports_come_from_the_folder(folder: Path) -> None:
    write(folder, own_first="import own_second\n\ndef f(row):\n    return own_second.VALUE\n", own_second="VALUE = 7\n")
    user_code.use_folder(folder)
    assert user_functions.load("own_first.f")({}) == 7
    assert user_code.list_files() == {
        "own_first": str(folder / "own_first.py"),
        "own_second": str(folder / "own_second.py"),
    }
    assert str(folder) not in sys.path
    assert user_functions.code_files("own_first.f") == [folder / "own_first.py", folder / "own_second.py"]


def test_a_file_that_the_study_does_not_name_is_not_imported(folder: Path) -> None:
    write(folder, own_named="def f(row):\n    return row\n", own_optional="raise SystemExit(3)\n")
    user_code.use_folder(folder)
    user_functions.load("own_named.f")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("own_optional")


def test_an_installed_module_comes_before_one_of_the_folder(folder: Path) -> None:
    write(folder, json="raise SystemExit(3)\n", numpy="raise SystemExit(3)\n")
    write(folder, own_user="import json, numpy\n\ndef f(row):\n    return json.dumps(row)\n")
    user_code.use_folder(folder)
    assert user_functions.load("own_user.f")([1]) == "[1]"
    assert user_functions.load("numpy.square")(3) == 9


def test_packages_with_and_without_an_init_file(folder: Path) -> None:
    write(folder, own_package__in__part="from own_package import helper\n\ndef f(row):\n    return helper.ONE\n")
    write(folder, own_package__in__helper="ONE = 1\n", own_whole__in____init__="def f(row):\n    return 2\n")
    user_code.use_folder(folder)
    assert user_functions.load("own_package.part.f")({}) == 1
    assert user_functions.load("own_whole:f")({}) == 2


def test_each_study_has_its_own_module_of_a_name(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for place, value in ((folder, 1), (other, 2)):
        write(place, own_same=f"def f(row):\n    return {value}\n")
    for place, value in ((folder, 1), (other, 2), (folder, 1)):
        user_code.use_folder(place)
        assert user_functions.load("own_same.f")({}) == value


def test_a_module_that_was_edited_is_imported_again(folder: Path) -> None:
    for value in (1, 22):
        write(folder, own_edited=f"def f(row):\n    return {value}\n")
        user_code.use_folder(folder)
        assert user_functions.load("own_edited.f")({}) == value


def test_another_process_imports_the_same(folder: Path) -> None:
    write(folder, own_sent="class Thing:\n    pass\n\ndef f(row):\n    return Thing()\n")
    user_code.use_folder(folder)
    thing = pickle.dumps(user_functions.load("own_sent.f")({}))
    code = user_code.snapshot()
    user_code.use_folder(None)
    with pytest.raises(ModuleNotFoundError):
        pickle.loads(thing)
    user_code.restore(user_code.CodeFiles.from_json(code.as_json()))
    assert type(pickle.loads(thing)).__name__ == "Thing"


def test_a_module_of_that_name_from_elsewhere_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, own_twice="def f(row):\n    return 1\n")
    monkeypatch.setitem(sys.modules, "own_twice", type(sys)("own_twice"))
    user_code.use_folder(folder)
    with pytest.raises(UserError, match="another one is imported already"):
        user_code.import_module("own_twice")
