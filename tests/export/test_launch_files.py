"""The files with which a target starts: every word that the user has to replace is named, with its meaning."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.exported_run import PLAIN, write_run
from unipref.core import registry
from unipref.core.contracts import Exporter, WrittenRows
from unipref.export import export_run

PAGE = (Path(__file__).parents[2] / "docs" / "export_targets.md").read_text(encoding="utf-8")
EXPORTERS = [choice for choice in registry.find_all("exporter") if issubclass(choice, Exporter)]
EVERY = [pytest.param(one, kind, id=f"{one.name()}-{kind}") for one in EXPORTERS for kind in one.holds]
SCRIPTED = [
    pytest.param(one, kind, id=f"{one.name()}-{kind}")
    for one in EXPORTERS
    for kind in one.holds
    if any(name.endswith(".sh") for name in one().make_files(WrittenRows(kind, "train", "m", 1, frozenset(), False)))
]
WORD = re.compile(r"\b[A-Z][A-Z0-9_]{2,}\b")
"""A word in capitals, which no target has among its own settings."""


def write_plain_run(tmp_path: Path, model: str | None) -> Path:
    run = write_run(tmp_path / "run", PLAIN)
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps(manifest | {"model": model}))
    return run


def find_section(name: str) -> str:
    """The section of a target on the page."""
    return PAGE.partition(f"\n## {name}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize(("exporter", "kind"), EVERY)
def test_each_word_in_capitals_is_named_where_the_user_looks(
    tmp_path: Path, exporter: type[Exporter], kind: Any
) -> None:
    account = export_run(write_plain_run(tmp_path, None), exporter.name(), kind=kind)
    folder = Path(account.folder)
    files = {name: (folder / name).read_text(encoding="utf-8") for name in account.files[1:-2]}
    words = {name: set(WORD.findall(content)) for name, content in files.items()}
    assert {name: set(found) for name, found in account.replace.items()} == {k: v for k, v in words.items() if v}
    assert json.loads((folder / "export.json").read_text())["replace"] == account.replace
    for name, found in account.replace.items():
        for word, what in found.items():
            assert f"  replace {word} in {name} by {what}\n" in f"{account.as_text()}\n"
            assert word == "MODEL" or f"\n- Replace: `{word}` by {what}\n" in find_section(exporter.name())


@pytest.mark.parametrize("exporter", [pytest.param(one, id=one.name()) for one in EXPORTERS])
def test_a_target_names_only_words_that_it_writes(tmp_path: Path, exporter: type[Exporter]) -> None:
    run = write_plain_run(tmp_path, "org/model")
    accounts = [export_run(run, exporter.name(), kind=kind) for kind in exporter.holds]
    found = {word for account in accounts for words in account.replace.values() for word in words}
    assert found == set(exporter.placeholders)


def test_a_model_whose_name_is_such_a_word_is_not_one(tmp_path: Path) -> None:
    assert export_run(write_plain_run(tmp_path, "org/MODEL"), "trl").replace == {}


@pytest.mark.parametrize(("exporter", "kind"), SCRIPTED)
@pytest.mark.parametrize("model", ["org/model", "a folder/it's $HOME"])
def test_scripts_hand_the_name_of_the_model_to_the_tool(
    tmp_path: Path, exporter: type[Exporter], kind: Any, model: str
) -> None:
    folder = Path(export_run(write_plain_run(tmp_path, model), exporter.name(), kind=kind).folder)
    scripts = list(folder.glob("*.sh"))
    assert scripts
    for script in scripts:
        tool = re.search(r"^(deepspeed|python|swift|torchrun) ", script.read_text(), re.MULTILINE)
        assert tool is not None
        stand_in = tmp_path / "bin" / tool[1]
        stand_in.parent.mkdir(exist_ok=True)
        stand_in.write_text('#!/bin/sh\nprintf "%s\\n" "$PWD" "$@"\n')
        stand_in.chmod(0o700)
        found = subprocess.run(
            ["sh", str(script)], env={"PATH": f"{stand_in.parent}:/usr/bin:/bin"}, capture_output=True, text=True
        )
        place, *arguments = found.stdout.splitlines()
        assert (found.returncode, found.stderr, Path(place)) == (0, "", folder.resolve())
        assert model in [argument.rpartition("=")[2] for argument in arguments]
