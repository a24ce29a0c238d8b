"""No file in the folder one stands in is run, by the command, its workers or the processes that it starts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from openpyxl import Workbook

from support import command_line
from unipref.core.search_path import make_safe_environment

OPTIONAL = (
    *("PIL", "bottleneck", "deepspeed", "defusedxml", "lxml", "msvcrt", "nt", "numexpr", "org", "vllm", "winreg"),
    *("_winapi", "substrait", "sitecustomize", "usercustomize"),
)
"""Modules that libraries import if they are there."""
LOADED = ("collections", "contextlib", "json", "typing", "multiprocessing", "msgspec", "typer", "unipref")
"""Modules that unipref imports."""


@pytest.mark.slow
def test_no_file_of_the_working_folder_is_run(tmp_path: Path) -> None:
    ran, folder = tmp_path / "ran", tmp_path / "data"
    (folder / "study").mkdir(parents=True)
    for name in (*OPTIONAL, *LOADED):
        (folder / f"{name}.py").write_text(f"open({str(ran)!r}, 'a').write({name!r} + ' ')\n", encoding="utf-8")
    book = Workbook()
    for row in (["prompt", "chosen", "rejected"], ["q", "tea", "coffee"]):
        book.active.append(row)
    book.save(folder / "x.xlsx")
    for name in ("a", "b"):
        row = {"prompt": f"{name}?", "chosen": "no", "rejected": "yes"}
        (folder / "study" / f"{name}.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    # Beside the study: its own code, and again a file that only libraries ask for. Where one stands: other code.
    swap = "def swap(row):\n    return {**row, 'chosen': row['rejected'], 'rejected': row['chosen']}\n"
    (folder / "study" / "turned.py").write_text(swap, encoding="utf-8")
    (folder / "study" / "PIL.py").write_text(f"open({str(ran)!r}, 'a').write('PIL ')\n", encoding="utf-8")
    (folder / "turned.py").write_text(f"open({str(ran)!r}, 'a').write('turned ')\n", encoding="utf-8")
    mapping = "{prompt: prompt, function: turned.swap}"
    (folder / "study" / "s.yaml").write_text(
        f"sources:\n  - {{name: x, path: '*.jsonl', format: pairs, map: {mapping}}}\nworkers: 2\n", encoding="utf-8"
    )
    status, text = command_line.run(folder, "inspect", "x.xlsx")
    assert status == 0, text
    assert "format: pairs" in text
    status, text = command_line.run(folder, "unify", "study/s.yaml", "-o", "run")
    assert status == 0, text
    assert not ran.exists(), ran.read_text(encoding="utf-8")
    assert f"code from {folder / 'study/turned.py'}" in text
    manifest = json.loads((folder / "run/manifest.json").read_text(encoding="utf-8"))
    assert manifest["code"]["turned"]["file"] == str(folder / "study/turned.py")
    assert manifest["study_folder"] == str(folder / "study")
    # `export PYTHONPATH=:DIR` has an empty entry; Python looks for these three before any code of unipref runs.
    for name in ("sitecustomize", "usercustomize", "unipref"):
        (folder / f"{name}.py").unlink()
    path = {"PYTHONPATH": f"{os.pathsep}{command_line.SOURCE}"}
    status, text = command_line.run(folder, "inspect", "x.xlsx", env=path)
    assert (status, ran.exists()) == (0, False), text


@pytest.mark.parametrize("python_path", ["", "here"])
def test_python_dash_m_leaves_out_the_folder_unless_pythonpath_names_it(tmp_path: Path, python_path: str) -> None:
    (tmp_path / "typing_extensions.py").write_text("open('ran', 'w').close()\nraise SystemExit(4)\n", encoding="utf-8")
    here = [str(tmp_path)] if python_path else []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*here, str(command_line.SOURCE)])}
    done = subprocess.run(
        [sys.executable, "-m", "unipref", "--version"], cwd=tmp_path, env=environment, capture_output=True, check=False
    )
    assert (done.returncode == 0, (tmp_path / "ran").exists()) == (not python_path, bool(python_path)), done.stderr


def test_importing_unipref_changes_no_search_path(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(command_line.SOURCE)}
    environment.pop("PYTHONSAFEPATH", None)
    code = "import sys; before = list(sys.path); import unipref; assert sys.path == before and before[0] == ''"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)


def test_started_processes_get_the_named_folders_as_absolute_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    path = os.pathsep.join(["", "tmp", "/usr"])
    made = make_safe_environment({"PYTHONPATH": path, "A": "b"})
    assert made == {"A": "b", "PYTHONPATH": os.pathsep.join(["/tmp", "/usr"]), "PYTHONSAFEPATH": "1"}
    assert make_safe_environment({}) == {"PYTHONSAFEPATH": "1"}
