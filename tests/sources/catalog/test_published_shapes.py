"""Datasets that were read from documentation: hand-written rows give the right preferences, and inspect names them."""

import importlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from support.flipped import flip
from support.published_shapes import SHAPES
from unipref import unify_feedback
from unipref.core.errors import UserError
from unipref.sources import catalog
from unipref.study.draft import draft_study
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.inspection import inspect
from unipref.unify.named_sources import has_signature

every_shape = pytest.mark.parametrize("name", SHAPES)
ALIKE = {"helpsteer": {"helpsteer", "helpsteer2"}}
"""Datasets whose files have the same fields as others: inspect asks which one it is."""
UNSIGNED = {"wildfeedback"}
"""Datasets whose fields are too common to recognise them."""
Sides = list[tuple[str | None, str | None]]


def write(name: str, folder: Path) -> Path:
    file = folder / "d.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in SHAPES[name][0]), encoding="utf-8")
    return file


def run(name: str, folder: Path, more: dict[str, Any] | None = None) -> tuple[Sides, dict[str, Any]]:
    source = {"name": "d", "dataset": name, "path": str(write(name, folder)), "map": more or {}}
    source["accept_polarity"] = True
    table = pq.read_table(unify_feedback({"sources": [source], "workers": 1}, folder / "out")).to_pylist()
    sides = [tuple(one[side] and one[side][-1]["content"] for side in ("chosen", "rejected")) for one in table]
    manifest = json.loads((folder / "out" / "manifest.json").read_text(encoding="utf-8"))
    return sides, manifest["sources"]["d"]


@every_shape
def test_raw_rows_give_the_right_preferences(name: str, tmp_path: Path) -> None:
    sides, counts = run(name, tmp_path)
    assert sorted(sides, key=str) == sorted(SHAPES[name][1], key=str)
    assert counts["rows"] == counts["used"] + sum(counts["rejected"].values())
    assert counts["groups"] == counts["projected"] + sum(counts["groups_rejected"].values())


@every_shape
def test_a_flip_is_seen(name: str, tmp_path: Path) -> None:
    sides, _ = run(name, tmp_path, flip(catalog.dataset(name, "").map))
    assert sides
    assert not set(sides) & set(SHAPES[name][1]), sides


@every_shape
def test_inspect_proposes_the_dataset(name: str, tmp_path: Path) -> None:
    (found,) = inspect([write(name, tmp_path)])
    if name in UNSIGNED:
        assert "dataset" not in found.source
    elif name in ALIKE:
        assert found.source["dataset"] == PLACEHOLDER
        assert all(other in " ".join(found.doubts) for other in ALIKE[name])
        with pytest.raises(UserError, match=r"sources.0 \(d\).dataset: '\?' marks a question"):
            unify_feedback({"sources": [found.source]}, tmp_path / "out")
    else:
        entry = catalog.dataset(name, "")
        assert found.source == {"name": "d", "path": found.file, "dataset": name}
        assert (found.format, found.map, found.known) == (entry.format, entry.map, name)
        assert f"the dataset: {name}" in found.as_text()
        assert any(entry.licence in doubt for doubt in found.doubts)


def test_init_writes_the_dataset(tmp_path: Path) -> None:
    study = draft_study([write("judgebench", tmp_path)])
    assert "dataset: judgebench" in study
    assert "dpo" in study


def test_no_dataset_claims_the_rows_of_another() -> None:
    for name, (rows, _) in SHAPES.items():
        claiming = [
            entry.name
            for entry in catalog.DATASETS
            if entry.signature and all(has_signature(row, entry.signature) for row in rows)
        ]
        longest = max((len(catalog.dataset(one, "").signature) for one in claiming), default=0)
        best = {one for one in claiming if len(catalog.dataset(one, "").signature) == longest}
        assert best == (set() if name in UNSIGNED else ALIKE.get(name, {name}))


@pytest.mark.parametrize("entry", catalog.DATASETS, ids=lambda entry: entry.name)
def test_an_entry_is_the_file_of_its_name(entry: catalog.Dataset) -> None:
    module = importlib.import_module(f"unipref.sources.catalog.datasets.{entry.name}")
    assert module.ENTRY is entry
    assert module.__doc__
    assert not entry.signature or len(entry.signature) >= 3


def test_datasets_and_exports_are_more_than_sixty() -> None:
    from unipref.core import registry

    assert len(catalog.DATASETS) + len(registry.list_own_names("export")) > 60
