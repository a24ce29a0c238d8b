"""JSON files are written whole or not at all."""

import json
import os
from pathlib import Path

import pytest

from unipref.core import json_files


def test_files_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "manifest.json"
    json_files.write_json(target, {"a": 1})
    with pytest.raises(TypeError):
        json_files.write_json(target, {"a": object()})
    assert json.loads(target.read_text(encoding="utf-8")) == {"a": 1}
    assert os.listdir(tmp_path) == ["manifest.json"]
