"""Tests of `inspect` on every file of the public data, with the real and with neutral keys."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import unipref
from unipref.core import yaml_files
from unipref.core.errors import UserError
from unipref.sources import peek
from unipref.unify import inspection
from unipref.unify.inspection import Inspection, open_questions

pytestmark = [pytest.mark.shared, pytest.mark.slow]

RIGHT = {
    "alpaca": "demonstration",
    "alpaca_eval": "graded_pair",
    "arena_battles": "votes",
    "bigbench_mistake": "steps",
    "dolly_csv": "demonstration",
    "dpo_sharegpt": "pairs",
    "hh_rlhf": "pairs",
    "iterater": "edit",
    "kto_thumbs": "thumbs",
    "lima": "demonstration",
    "llmbar": "pairs",
    "oasst_ranked_zh": "ranking",
    "oasst_trees": "tree",
    "pandalm": "votes",
    "seed_tasks": "demonstration",
    "sfres_ratings": "ratings",
    "shepherd_critiques": "critique",
    "topical_chat_ratings": "ratings",
    "tulu_preference": "pairs",
    "winogrande": "multiple_choice",
}

# What the data cannot tell, as their makers do: place in the mapping -> answer.
ANSWERS: dict[str, dict[str, Any]] = {
    "alpaca_eval": {"scale": {"first": 1, "second": 2}, "codes": {0: 0}},
    "bigbench_mistake": {"counted_from": 0},
    "llmbar": {"codes": {1: "first", 2: "second"}},
    "oasst_ranked_zh": {"order": "best_first"},
    "sfres_ratings": {"scores": {"overall": {"field": "scores.overall", "better": "high"}}},
    "topical_chat_ratings": {"scores": {"overall": {"field": "scores.overall", "better": "high"}}},
    "pandalm": {"codes": {0: "tie", 1: "first", 2: "second"}},
}

# Judges who only ever say 1, 2 or 0 are a label to whom nobody says that the number is a degree.
NOT_WITHOUT_NAMES = {"alpaca_eval"}


def files(shared: Path, folder: str) -> list[Path]:
    found = [p for p in sorted((shared / "data/feedback" / folder).rglob("*")) if p.is_file() and p.suffix != ".lst"]
    assert found
    return found


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def copied(file: Path, here: Path) -> str:
    """The file under a name that says nothing, so that nothing but content counts."""
    name = "x" + "".join(file.suffixes[-2:] if file.suffix == ".gz" else [file.suffix])
    (here / name).write_bytes(file.read_bytes())
    return name


def neutral(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {names.setdefault(key, f"k{len(names) + 1}"): neutral(inner, names) for key, inner in value.items()}
    return [neutral(inner, names) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("folder", RIGHT)
def test_every_file_is_recognised_and_its_entry_runs_with_the_questions_answered(
    shared: Path, here: Path, folder: str
) -> None:
    entries: list[dict[str, Any]] = []
    for number, file in enumerate(files(shared, folder)):
        (found,) = inspection.inspect([copied(file, here)])
        assert found.format == RIGHT[folder], file
        assert len(found.examples) == 3
        if found.map in entries:
            continue  # a file of another name whose entry runs already
        entries.append(found.map)
        asked = open_questions(found.map, "sources.0 (x).map")
        study: dict[str, Any] = {"sources": yaml_files.parse(yaml_files.write([found.source]), "pasted")}
        if asked:
            assert found.doubts
            with pytest.raises(UserError) as refused:
                unipref.unify_feedback(study, here / f"run{number}")
            assert refused.value.where == asked[0]
            study["sources"][0]["map"] |= ANSWERS[folder]
        if folder == "shepherd_critiques":
            with pytest.raises(UserError, match="no_order"):
                unipref.unify_feedback(study, here / f"run{number}")
            continue
        table = pq.read_table(unipref.unify_feedback(study, here / f"run{number}"))
        manifest = json.loads((here / f"run{number}/manifest.json").read_text(encoding="utf-8"))["sources"]["x"]
        assert table.num_rows == manifest["preferences"] > 0
        assert manifest["used"] > 0.7 * manifest["rows"], manifest  # the catalog leaves out some kinds of edits


def renamed(shared: Path, here: Path) -> Iterator[tuple[str, Path, Inspection]]:
    for folder in RIGHT:
        for file in files(shared, folder):
            names: dict[str, str] = {}
            rows = [neutral(row, names) for row in peek(file, inspection.ROWS_READ)]
            (here / "x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
            yield folder, file, inspection.inspect(["x.jsonl"])[0]


def test_with_neutral_keys_the_format_is_found_and_the_direction_is_a_question(shared: Path, here: Path) -> None:
    wrong = set()
    for folder, file, found in renamed(shared, here):
        if found.format != RIGHT[folder]:
            wrong.add(folder)
        elif found.format not in ("demonstration", "critique"):
            assert open_questions(found.map, ""), f"{file}: a direction was guessed: {found.map}"
    assert wrong == NOT_WITHOUT_NAMES
