"""Exports of tools: from raw rows through the proposed entry to the right preferences."""

import copy
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from support.flipped import flip
from unipref.core import registry, yaml_files
from unipref.core.contracts import Export
from unipref.core.errors import UserError
from unipref.study.draft import draft_study
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.inspection import inspect

ROOT = Path(__file__).parents[3]
EXPORTS = [choice for choice in registry.find_all("export") if issubclass(choice, Export)]


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    """The module that runs the examples and writes the page of worked cases."""
    spec = importlib.util.spec_from_file_location("generate_exports", ROOT / "docs" / "generate_exports.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["generate_exports"] = module
    spec.loader.exec_module(module)
    run_case, cases = module.run_case, {}

    def run_case_once(example: dict[str, Any], change: dict[str, Any] | None = None) -> Any:
        """Runs an example as it is once: several tests and the page of worked cases look at the result."""
        if change:
            return run_case(example, change)
        if id(example) not in cases:
            cases[id(example)] = run_case(example)
        return cases[id(example)]

    module.run_case = run_case_once
    return module


def examples() -> list[Any]:
    return [
        pytest.param(export, title, example, id=f"{export.name()}-{title or 'first'}")
        for export in EXPORTS
        for title, example in (("", export.example), *export.further_examples.items())
    ]


def sides(preferences: list[dict[str, Any]]) -> list[tuple[str | None, str | None]]:
    return [tuple(one[side] and one[side][-1]["content"] for side in ("chosen", "rejected")) for one in preferences]


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.name())
def test_an_export_says_where_its_schema_was_seen(export: type[Export]) -> None:
    assert export.origin
    assert export.seen
    assert export.verified in ("data", "schema")
    assert len((export.__doc__ or "").split()) >= 8


@pytest.mark.parametrize(("export", "title", "example"), examples())
def test_raw_rows_become_the_right_preferences(
    export: type[Export], title: str, example: dict[str, Any], generator: ModuleType
) -> None:
    case = generator.run_case(example)
    assert sorted(sides(case.preferences), key=str) == sorted(example["preferences"], key=str)
    assert all(one["prompt"][-1]["role"] == "user" for one in case.preferences)
    counts = case.counts
    assert counts["rows"] == counts["used"] + sum(counts["rejected"].values())
    assert counts["groups"] == counts["projected"] + sum(counts["groups_rejected"].values())


@pytest.mark.slow
@pytest.mark.parametrize(("export", "title", "example"), examples())
def test_a_flip_is_seen(export: type[Export], title: str, example: dict[str, Any], generator: ModuleType) -> None:
    turned = flip(generator.run_case(example).filled["map"])
    flipped = sides(generator.run_case(example, {"map": turned}).preferences)
    assert flipped
    assert not set(flipped) & set(example["preferences"]), flipped


@pytest.mark.parametrize(("export", "title", "example"), examples())
def test_inspect_names_the_tool_and_only_asks_what_the_example_answers(
    export: type[Export], title: str, example: dict[str, Any], generator: ModuleType, tmp_path: Path
) -> None:
    (found,) = inspect([generator.write_rows(example, tmp_path)])
    assert found.export == export.name()
    assert found.why
    assert 0.8 <= found.confidence < 1
    is_open = PLACEHOLDER in json.dumps(found.source)
    assert is_open is ("answers" in example)
    if is_open:
        study = {"sources": [found.source], "workers": 1}
        with pytest.raises(UserError, match="question that is still open"):
            generator.unify_feedback(study, tmp_path / "run")
    assert f"an export of: {export.name()}" in found.as_text()


@pytest.mark.parametrize(("export", "title", "example"), examples())
def test_init_writes_the_same_entry(
    export: type[Export],
    title: str,
    example: dict[str, Any],
    generator: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    file = generator.write_rows(example, tmp_path).relative_to(tmp_path)
    (found,) = inspect([file])
    (source,) = yaml_files.parse(draft_study([file]), "study")["sources"]
    assert source == yaml_files.parse(yaml_files.write([found.source]), "entry")[0]


@pytest.mark.parametrize(("export", "title", "example"), examples())
def test_no_other_tool_claims_the_rows(export: type[Export], title: str, example: dict[str, Any]) -> None:
    for other in EXPORTS:
        if other is not export:
            assert other.recognise(example["rows"]) is None, other.name()


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.name())
def test_recognising_leaves_the_rows_as_they_are_and_takes_any_row(export: type[Export]) -> None:
    rows = export.example["rows"]
    before = copy.deepcopy(rows)
    export.recognise(rows)
    assert rows == before
    for value in (None, 1, "x", [], {}, [None], [[]], [{"id": None}], {"messages": [1]}):
        for name in rows[0]:
            damaged = [{**row, name: value} for row in rows]
            proposal = export.recognise(damaged)
            assert proposal is None or 0 <= proposal.confidence <= 1


@pytest.mark.slow
def test_the_page_of_worked_cases_is_current(generator: ModuleType) -> None:
    page = (ROOT / "docs" / "exports.md").read_text(encoding="utf-8")
    assert page == generator.format_page(), "run: make docs"
