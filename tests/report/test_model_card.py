"""The card beside a model: everything in it comes from the run's own files."""

import json
from pathlib import Path
from typing import Any

import pytest

from unipref.core import yaml_files
from unipref.report import write_cards


def step(trainer: str, origin: str, **changes: Any) -> dict[str, Any]:
    about = {"trainer": trainer, "model_kind": "policy", "from": origin, "adapter": False, "settings": {}}
    return about | changes


def fit(name: str, **changes: Any) -> dict[str, Any]:
    facts = {"used": 90, "left_out": {"too_long": 7, "one_sided": 3}, "steps": 12, "tokens": 3456, "warnings": []}
    return facts | {"folder": f"train/main/0/{name}"} | changes


@pytest.fixture
def run(tmp_path: Path) -> Path:
    manifest = {
        "unipref": "9.9",
        "name": "a | study",
        "model": "org/base",
        "versions": {"trl": "1.16.0"},
        "sources": {
            "stars": {
                "kind": "ratings", "objective": "help", "licence": "CC-BY-4.0", "rows": 1000, "preferences": 300,
            },
            "mine": {"kind": "pairs", "objective": "bias", "licence": "unknown", "rows": 50, "preferences": 40},
        },
        "selected": {"main": {"0": {"by_source": {"stars": [270, 120], "mine": [36, 9]}}}},
        "steps": {
            "main": {
                "sft": step("sft", "base", settings={"learning_rate": 0.001, "lora": {"r": 4}}),
                "judge": step("reward", "base", model_kind="reward"),
                "dpo": step("dpo", "sft", adapter=True),
            }
        },
        "train": {
            "main": {
                "0": {
                    "sft": fit("sft"),
                    "judge": fit("judge"),
                    "dpo": fit("dpo", warnings=["it collapsed at step 9"]),
                }
            }
        },
    }  # fmt: skip
    for name in ("sft", "judge", "dpo"):
        (tmp_path / "train/main/0" / name).mkdir(parents=True)
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    row = {"variant": "main", "seed": 0, "step": "dpo", "benchmark": "winobias", "mode": "corrected", "split": "test"}
    row |= {"slice": "all", "metric": "accuracy", "value": 0.75, "low": 0.7, "high": 0.8, "n": 400}
    row |= {"direction": "higher", "ideal": None, "chance": 0.5}
    base = {"variant": "base", "seed": None, "step": "base", "value": 0.5}
    rows = [row, row | {"slice": "pro", "value": 0.9}, row | base, row | {"step": "sft", "value": 0.6}]
    (tmp_path / "scores.json").write_text(json.dumps(rows))
    return tmp_path


def card(run: Path, name: str) -> tuple[dict[str, Any], str]:
    text = (run / "train/main/0" / name / "README.md").read_text(encoding="utf-8")
    _, front, body = text.split("---\n", 2)
    found = yaml_files.parse(front, "README.md")
    assert isinstance(found, dict)
    return found, body


def test_a_card_says_where_the_model_comes_from(run: Path) -> None:
    assert len(write_cards(run)) == 3
    front, body = card(run, "dpo")
    assert front["library_name"] == "peft"
    assert front["base_model"] == "org/base"
    assert front["tags"] == ["unipref", "trl", "sft", "dpo"]
    assert "made from org/base by sft → dpo (variant main, seed 0) with unipref 9.9" in body
    assert "# a \\| study: dpo" in body
    assert "convert_hf_to_gguf" not in body
    assert "merged with its base model: `unipref export FOLDER --to gguf -o model.gguf`" in body
    assert 'model = AutoModelForCausalLM.from_pretrained("FOLDER/../sft")\nmodel = PeftModel.from_pretrained' in body
    assert "| trl | 1.16.0 |" in body


def test_the_data_with_their_licences_and_counts(run: Path) -> None:
    write_cards(run)
    front, body = card(run, "dpo")
    assert "| stars | ratings | help | CC-BY-4.0 | 1,000 | 300 | 120 |" in body
    assert "| mine | pairs | bias | unknown | 50 | 40 | 9 |" in body
    assert "used 90 of the selected preferences and left out 10." in body
    assert (
        "No licence stated, or an unclear one: mine (unknown); 9 of 129 preferences selected for training (7.0 %)"
        in body
    )
    assert front["license"] == "other"

    manifest = json.loads((run / "manifest.json").read_text())
    del manifest["sources"]["mine"]
    (run / "manifest.json").write_text(json.dumps(manifest))
    write_cards(run)
    front, body = card(run, "dpo")
    assert front["license"] == "other"
    assert "unknown" not in body


def test_the_licences_of_the_prompts_of_rounds_are_stated(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    asked = [{"name": "forum", "licence": "CC-BY-NC-4.0", "used": 30}, {"name": "book", "licence": "MIT", "used": 10}]
    one = {"number": 1, "of": 1, "policy": "sft", "prompts": 40, "judges": [{"judge": "checker"}]}
    manifest["rounds"] = {"main": {"0": {"dpo": {**one, "prompt_sources": asked}}}}
    (run / "manifest.json").write_text(json.dumps(manifest))
    write_cards(run)
    _, body = card(run, "dpo")
    assert "to 40 prompts of forum (CC-BY-NC-4.0), book (MIT), checker compared them" in body
    assert "Non-commercial: forum (CC-BY-NC-4.0); 30 of 40 prompts from other sources (75.0 %)" in body
    assert "from other sources" not in card(run, "sft")[1]


def test_the_recipe_is_every_step_that_led_there(run: Path) -> None:
    write_cards(run)
    _, body = card(run, "dpo")
    assert "`sft`: sft from base, 12 optimiser steps, 3,456 tokens:" in body
    assert "    learning_rate: 0.001\n    lora:\n      r: 4\n" in body
    assert "`dpo`: dpo from sft, 12 optimiser steps, 3,456 tokens, all settings at their defaults." in body
    assert "`judge`" not in body
    assert "Training warning: it collapsed at step 9." in body


def test_the_models_own_scores_beside_the_base_models(run: Path) -> None:
    write_cards(run)
    _, body = card(run, "dpo")
    row = "| winobias | corrected | test | accuracy | 0.750 | 0.700 to 0.800 | 400 | higher | 0.500 | 0.500 |"
    assert row in body
    assert "0.900" not in body
    assert "0.600" not in body
    _, sft = card(run, "sft")
    assert "python convert_hf_to_gguf.py FOLDER --outfile model.gguf --outtype f16" in sft
    _, judge = card(run, "judge")
    assert "gguf" not in judge
    assert "Not measured." in judge
    assert 'AutoModelForSequenceClassification.from_pretrained("FOLDER", num_labels=1)' in judge
    assert judge.startswith("\n# a \\| study: judge\n\nA reward model")


def test_the_merge_of_an_adapter_and_how_to_load_one(run: Path) -> None:
    merge = {"sequences": 8, "tokens": 473, "largest": 1.4e-05, "mean": 3.2e-06, "tolerance": 0.05, "untied": True}
    manifest = json.loads((run / "manifest.json").read_text())
    trained = manifest["train"]["main"]["0"]
    trained["sft"]["merge"] = merge
    manifest["steps"]["main"]["dpo"] = step("dpo", "base", adapter=True)
    (run / "manifest.json").write_text(json.dumps(manifest))
    write_cards(run)
    _, body = card(run, "sft")
    assert "Compared with the unmerged model, 473 log-probabilities of tokens differ by at most 1.4e-05 nats" in body
    assert "Its output head has a weight of its own, because the adapter changed the tied embedding." in body
    _, body = card(run, "dpo")
    assert (
        "from peft import AutoPeftModelForCausalLM\nfrom transformers import AutoTokenizer\n\nmodel = AutoPeft" in body
    )
    manifest["steps"]["main"] |= {"sft": step("sft", "base", adapter=True), "dpo": step("dpo", "sft", adapter=True)}
    (run / "manifest.json").write_text(json.dumps(manifest))
    write_cards(run)
    _, body = card(run, "dpo")
    assert 'AutoPeftModelForCausalLM.from_pretrained("FOLDER/../sft").merge_and_unload()\nmodel = PeftModel.' in body
    trained["dpo"]["start_merge"] = merge
    (run / "manifest.json").write_text(json.dumps(manifest))
    write_cards(run)
    _, body = card(run, "dpo")
    assert 'loaded = load_policy("FOLDER")' in body


def test_without_a_manifest_there_are_no_cards(tmp_path: Path) -> None:
    assert write_cards(tmp_path) == []


def test_the_card_says_which_turns_were_not_learned(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["train"]["main"]["0"]["sft"]["later_user_turns"] = {"masked": 14, "cut": 0}
    manifest["train"]["main"]["0"]["dpo"]["later_user_turns"] = {"masked": 0, "cut": 3}
    (run / "manifest.json").write_text(json.dumps(manifest))
    write_cards(run)
    sft, dpo = ((run / f"train/main/0/{name}/README.md").read_text() for name in ("sft", "dpo"))
    assert "14 go on after the first answer: every later user turn was masked, and not learned." in sft
    assert "3 were cut before their second user turn, which could not be masked." in dpo
    assert "user turn" not in (run / "train/main/0/judge/README.md").read_text()


def test_a_card_names_the_study_s_own_code(run: Path) -> None:
    write_cards(run)
    assert "## Code" not in card(run, "dpo")[1]
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["code"] = {"turned": {"file": "/home/me/study/turned.py", "hash": "0a1b"}}
    (run / "manifest.json").write_text(json.dumps(manifest))
    write_cards(run)
    assert "| turned | turned.py | 0a1b |" in card(run, "dpo")[1]
