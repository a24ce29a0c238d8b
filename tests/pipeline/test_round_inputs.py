"""Which setting, file or module makes which stages of a round run again, and the check of its settings."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.study_files import study_of, write_sources
from unipref.core import hashing
from unipref.core.import_closure import PACKAGE
from unipref.core.progress import ProgressListener
from unipref.pipeline.run import Run
from unipref.study.load import load

FEEDBACK, SELECTED, CHECKED = "collected/main/0/dpo-1/feedback", "collected/main/0/dpo-1/selected", "checked/main/0"
MORE = {"name": "more", "path": "more.jsonl", "format": "demonstration", "map": {"prompt": "q", "response": "a"}}
GOLD = {"name": "known", "path": "gold.jsonl", "format": "pairs"}
ROUNDS = {
    "n": 2,
    "prompts": {"sources": [MORE], "repeat": True},
    "judges": [{"checker": {"path": "rules.jsonl"}}],
    "gold": [GOLD],
    "select": {"quality": {"fraction": 0.5, "quality": "influence"}},
}
BOTH = {FEEDBACK, CHECKED}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_sources(tmp_path)
    for name, content in (
        ("model/config.json", '{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}'),
        ("model/model.safetensors", "weights"),
        ("stereoset/items.json", "{}"),
        ("more.jsonl", '{"q": "Who?", "a": "I."}\n'),
        ("gold.jsonl", '{"prompt": "Who?", "chosen": "I.", "rejected": "You."}\n'),
        ("rules.jsonl", "{}\n"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


def inputs_of(folder: Path, rounds: dict[str, Any]) -> dict[str, str]:
    """Stage -> its inputs; the keys of other stages are replaced by their names."""
    study = study_of(folder, folder / "model") | {
        "select": "all",
        "train": [{"sft": {"max_steps": 2}}, {"dpo": {"max_steps": 2, "rounds": rounds}}],
        "evaluate": ["stereoset"],
    }
    run = Run(load(study), folder / "run", ProgressListener(), dry_run=True)
    run.run_stages("evaluate")
    inputs = {}
    for stage in run.context.cache.pending:
        text = json.dumps(stage.inputs, sort_keys=True, default=str)
        for other in run.context.cache.pending:
            text = text.replace(other.key, other.name)
        inputs[stage.name] = text
    return inputs


@pytest.mark.parametrize(
    ("changes", "file", "module", "voids"),
    [
        ({}, "", "", set()),
        ({"jobs": 2}, "", "", set()),
        ({"n": 3}, "", "", {CHECKED}),  # the prompts are the same in all rounds
        ({"prompts": {"sources": [MORE | {"map": {"prompt": "a", "response": "q"}}], "repeat": True}}, "", "", BOTH),
        ({"gold": [GOLD | {"tie_within": 0.5}]}, "", "", BOTH),
        ({}, "more.jsonl", "", BOTH),
        ({}, "gold.jsonl", "", BOTH),
        ({}, "rules.jsonl", "", BOTH),
        ({}, "stereoset/items.json", "", BOTH),
        ({}, "", "pipeline/round_prompts.py", BOTH),
        ({}, "", "unify/formats/demonstration.py", BOTH),
    ],
)
def test_a_change_voids_the_stages_that_depend_on_it(
    folder: Path, changes: dict[str, Any], file: str, module: str, voids: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = inputs_of(folder, ROUNDS)
    if file:
        (folder / file).write_text((folder / file).read_text() + "\n")
    if module:
        assert (PACKAGE / module).is_file()
        plain = hashing._hash_code_file
        is_changed = (PACKAGE / module).__eq__
        monkeypatch.setattr(
            hashing, "_hash_code_file", lambda path, *state: plain(path, *state) + "changed" * is_changed(path)
        )
    after = inputs_of(folder, ROUNDS | changes)
    assert {stage for stage in (FEEDBACK, SELECTED, CHECKED) if before[stage] != after[stage]} == voids


def test_the_selection_of_a_round_depends_on_the_dev_part_of_the_study(folder: Path) -> None:
    inputs = json.loads(inputs_of(folder, ROUNDS)[SELECTED])
    assert inputs["dev"] == "of clean"
    assert inputs["clean"] == "of collected/main/0/dpo-1/clean"
