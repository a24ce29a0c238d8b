"""An export whose recogniser fails, as one of an installed package may: the file is inspected all the same."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from unipref.core.contracts import Proposal
from unipref.core.records import Row
from unipref.unify.exports.doccano import Doccano
from unipref.unify.inspection import inspect


def test_a_recogniser_that_fails_is_a_doubt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(cls: type, rows: Sequence[Row]) -> Proposal | None:
        raise TypeError("no row like this")

    monkeypatch.setattr(Doccano, "recognise", classmethod(fail))
    rows = [{"prompt": f"Question {n}?", "chosen": f"Good {n}.", "rejected": f"Bad {n}."} for n in range(4)]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (inspection,) = inspect([tmp_path / "d.jsonl"])
    assert inspection.format == "pairs"
    assert any("doccano" in doubt and "no row like this" in doubt for doubt in inspection.doubts)


def test_lack_of_memory_is_no_doubt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(cls: type, rows: Sequence[Row]) -> Proposal | None:
        raise MemoryError

    monkeypatch.setattr(Doccano, "recognise", classmethod(fail))
    (tmp_path / "d.jsonl").write_text('{"a": 1}\n', encoding="utf-8")
    with pytest.raises(Exception, match="memory"):
        inspect([tmp_path / "d.jsonl"])
