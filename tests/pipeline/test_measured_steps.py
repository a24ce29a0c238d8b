"""A study that measures the models of some of its steps."""

import json
from pathlib import Path

import unipref
from support.study_files import study_of, write_sources


def test_only_the_named_steps_and_the_base_model_are_measured(tmp_path: Path, tiny_model: Path) -> None:
    write_sources(tmp_path)
    study = study_of(tmp_path, tiny_model)
    study["train"] = [study["train"][0], study["train"][-1]]
    study["evaluate"] = {"steps": ["dpo"], "benchmarks": study["evaluate"]}
    run = unipref.run(study, tmp_path / "run")
    scores = json.loads((run / "scores.json").read_text())
    assert {(row["variant"], row["step"]) for row in scores} == {("base", "base"), ("main", "dpo")}
    assert not (run / "evaluated" / "main" / "0" / "sft").exists()
    # The other step's model is measured once it is asked for; nothing is trained or measured again.
    study["evaluate"] = study["evaluate"]["benchmarks"]
    todo = unipref.dry_run(study, run)
    assert [stage["name"] for stage in todo["stages"] if not stage["done"] and "examples" not in stage["name"]] == [
        "evaluated/main/0/sft/preference_accuracy",
        "compared/main/0/sft/preference_accuracy",
    ]
