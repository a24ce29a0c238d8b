"""Models, reward models and adapters are sent by the real client, and plain transformers and peft load them."""

import json
from pathlib import Path

import pytest

from support.hub_server import Hub
from unipref.core import yaml_files
from unipref.core.errors import UserError
from unipref.models.loading import load_policy
from unipref.pipeline.push import push_run

REPO = "user/model"


@pytest.fixture
def run(tmp_path: Path, tiny_model: Path) -> Path:
    """A run with a whole model, an adapter upon it beside a merged one, and a reward model."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForSequenceClassification

    folder = tmp_path / "run"
    place = folder / "train/main/0"
    policy = load_policy(str(tiny_model))
    for step in ("sft", "dpo"):
        policy.model.save_pretrained(place / step)
        policy.tokenizer.save_pretrained(place / step)
        (place / step / "stage.json").write_text("{}")
        (place / step / "curve.jsonl").write_text("{}")
    adapted = get_peft_model(policy.model, LoraConfig(task_type="CAUSAL_LM"))
    adapted.peft_config["default"].base_model_name_or_path = "../../sft"
    adapted.save_pretrained(place / "dpo/adapter")
    config = json.loads((place / "dpo/config.json").read_text()) | {"_name_or_path": str(tiny_model)}
    (place / "dpo/config.json").write_text(json.dumps(config))
    judge = AutoModelForSequenceClassification.from_pretrained(tiny_model, num_labels=1)
    judge.save_pretrained(place / "judge")
    policy.tokenizer.save_pretrained(place / "judge")
    step = {"trainer": "dpo", "model_kind": "policy", "from": "base", "adapter": False}
    step["settings"] = {"rewards": [{"model": "/home/ann/secret/rm"}]}
    steps = {"sft": step | {"trainer": "sft"}, "judge": step | {"trainer": "reward", "model_kind": "reward"}}
    manifest = {
        "unipref": "9.9",
        "name": "study",
        "model": "owner/base@v1",
        "hub": {"datasets/owner/data@main": "1" * 40, "datasets/owner/benchmark@main": "2" * 40},
        "sources": {"stars": {"licence": "CC-BY-4.0", "preferences": 300, "files": ["hf://datasets/owner/data/a.csv"]}},
        "selected": {"main": {"0": {"by_source": {"stars": [270, 120]}}}},
        "steps": {"main": steps | {"dpo": step | {"from": "sft"}}},
        "train": {"main": {"0": {one: {"folder": f"train/main/0/{one}"} for one in ("sft", "judge", "dpo")}}},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    score = {"variant": "main", "seed": 0, "step": "dpo", "benchmark": "bbq", "mode": "corrected", "split": "test"}
    score |= {"slice": "all", "metric": "accuracy", "value": 0.75, "n": 4, "direction": "higher"}
    (folder / "scores.json").write_text(json.dumps([score]))
    return folder


@pytest.mark.slow
def test_a_model_comes_back_by_plain_transformers(hub: Hub, run: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    pushed = push_run(run, REPO, "model")
    assert pushed.url == f"{hub.url}/{REPO}"
    files = hub.files("model", REPO)
    assert not {"stage.json", "curve.jsonl"} & set(files)
    assert not any(name.startswith("adapter") for name in files)
    assert b"_name_or_path" not in files["config.json"]
    assert str(tmp_path).encode() not in b"".join(files.values())
    options = {"token": hub.token, "cache_dir": tmp_path / "elsewhere"}
    model = AutoModelForCausalLM.from_pretrained(REPO, **options)
    own = load_policy(str(run / "train/main/0/dpo")).model
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), own.cpu().parameters(), strict=True))
    assert AutoTokenizer.from_pretrained(REPO, **options).chat_template is not None

    card = files["README.md"].decode()
    front = yaml_files.parse(card.split("---\n")[1], "README.md")
    assert front["base_model"] == "owner/base"
    assert front["datasets"] == ["owner/data"]
    assert front["license"] == "other"
    (entry,) = front["model-index"]
    assert entry["results"][0]["metrics"][0]["value"] == 0.75
    assert f'AutoModelForCausalLM.from_pretrained("{REPO}")' in card
    assert "FOLDER" not in card
    assert "model: rm" in card
    assert "/home/ann" not in card
    assert "stars" in card


@pytest.mark.slow
def test_a_reward_model_and_an_adapter_with_a_base_on_the_hub(hub: Hub, run: Path, tmp_path: Path) -> None:
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoModelForSequenceClassification

    options = {"token": hub.token, "cache_dir": tmp_path / "elsewhere"}
    push_run(run, "user/judge", "reward_model", licence="mit")
    assert AutoModelForSequenceClassification.from_pretrained("user/judge", **options).config.num_labels == 1
    assert "license: mit" in hub.files("model", "user/judge")["README.md"].decode()

    with pytest.raises(UserError, match="the adapter's base is a folder, which others do not have") as caught:
        push_run(run, "user/adapter", "adapter")
    assert "--base OWNER/NAME" in str(caught.value)
    push_run(run, "user/base", "model", model="main/0/sft")
    push_run(run, "user/adapter", "adapter", base="user/base")
    files = hub.files("model", "user/adapter")
    assert json.loads(files["adapter_config.json"])["base_model_name_or_path"] == "user/base"
    assert "config.json" not in files
    front = yaml_files.parse(files["README.md"].decode().split("---\n")[1], "README.md")
    assert front["library_name"] == "peft"
    assert AutoPeftModelForCausalLM.from_pretrained("user/adapter", token=hub.token).num_parameters() > 0
    assert load_policy("user/adapter").model.num_parameters() > 0


def test_names_that_a_run_lacks(run: Path) -> None:
    with pytest.raises(UserError, match="the run has no model 'main/0/dpoo'") as caught:
        push_run(run, REPO, "model", model="main/0/dpoo", dry_run=True)
    assert "Did you mean 'main/0/dpo'?" in str(caught.value)
    with pytest.raises(UserError, match="the model has no adapter"):
        push_run(run, REPO, "adapter", model="main/0/sft", dry_run=True)
    with pytest.raises(UserError, match="is not the name of a repository"):
        push_run(run, "justname", "model", dry_run=True)


def test_a_path_of_this_machine_in_a_file_stops_a_push(run: Path, tmp_path: Path) -> None:
    file = run / "train/main/0/sft/config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"cache": str(tmp_path)}))
    with pytest.raises(UserError, match=r"config\.json: 'cache' looks like a path of one machine"):
        push_run(run, REPO, "model", model="main/0/sft", dry_run=True)
