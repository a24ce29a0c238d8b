"""JSON files are written whole or not at all."""

import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from unipref.core import json_files


def test_files_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "manifest.json"
    json_files.write_json(target, {"a": 1})
    with pytest.raises(TypeError):
        json_files.write_json(target, {"a": object()})
    assert json.loads(target.read_text(encoding="utf-8")) == {"a": 1}
    assert os.listdir(tmp_path) == ["manifest.json"]


def test_writers_of_one_file_do_not_rename_each_others(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda at: json_files.write_json(tmp_path / "a.json", {"at": at}), range(200)))
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["at"] in range(200)
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_file_that_has_the_content_already_needs_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    json_files.write_json(tmp_path / "a.json", {"a": 1})

    def no_room(*given: Any, **options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(json_files.os, "replace", no_room)
    json_files.write_json(tmp_path / "a.json", {"a": 1})
    with pytest.raises(OSError, match="No space left"):
        json_files.write_json(tmp_path / "a.json", {"a": 2})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"a": 1}
    assert os.listdir(tmp_path) == ["a.json"]
