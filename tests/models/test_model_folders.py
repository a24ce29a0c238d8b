"""Model folders of a run load with plain transformers and peft, in a process without unipref."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import unipref
from support.study_files import study_of, write_sources
from unipref import report
from unipref.core.records import Message
from unipref.models.inference import log_likelihoods, rewards
from unipref.models.loading import load_policy, load_reward_model

PLAIN = """
import json, sys

class Away:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("unipref", "trl"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Away())
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer
from peft import AutoPeftModelForCausalLM

run = sys.argv[1]
dialogue = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "The cat."}]
found = {}
for name, kind in (("sft", AutoPeftModelForCausalLM), ("dpo", AutoModelForCausalLM)):
    tokenizer = AutoTokenizer.from_pretrained(f"{run}/{name}")
    model = kind.from_pretrained(f"{run}/{name}").eval()
    ids = tokenizer.apply_chat_template(dialogue, tokenize=True, return_dict=True, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        log_p = torch.log_softmax(model(input_ids=ids).logits.float(), -1)
    found[name] = float(log_p[0, :-1].gather(1, ids[0, 1:, None]).sum())
    prompt = tokenizer.apply_chat_template(dialogue[:1], tokenize=False, add_generation_prompt=True)
    asked = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")
    written = model.generate(**asked, max_new_tokens=4, do_sample=False)
    found[f"{name} wrote"] = written.shape[1] - asked["input_ids"].shape[1]
tokenizer = AutoTokenizer.from_pretrained(f"{run}/judge")
judge = AutoModelForSequenceClassification.from_pretrained(f"{run}/judge", num_labels=1).eval()
asked = tokenizer.apply_chat_template(dialogue, tokenize=True, return_dict=True, return_tensors="pt")
with torch.no_grad():
    found["judge"] = float(judge(**asked).logits[0, 0])
assert "unipref" not in sys.modules and "trl" not in sys.modules
print(json.dumps(found))
"""
FEW = {"max_steps": 2, "per_device_train_batch_size": 4, "learning_rate": 1e-2}


@pytest.mark.slow
def test_transformers_and_peft_load_the_models_with_equal_outputs(tmp_path: Path, tiny_model: Path) -> None:
    write_sources(tmp_path)
    study: dict[str, Any] = study_of(tmp_path, tiny_model)
    study["train"] = [
        {"sft": {**FEW, "lora": {"r": 4}, "merge_adapter": False}},
        {"reward": {**FEW, "lora": {"r": 4}, "name": "judge"}},
        {"dpo": {**FEW, "from": "sft"}},
    ]
    run = unipref.run(study, tmp_path / "run")
    folder = run / "train/main/0"
    given = [sys.executable, "-c", PLAIN, str(folder)]
    plain = subprocess.run(given, capture_output=True, check=False, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    assert plain.returncode == 0, plain.stderr.decode()
    content = json.loads(plain.stdout.decode().splitlines()[-1])

    dialogue = [Message(role="user", content="Who?"), Message(role="assistant", content="The cat.")]
    for name in ("sft", "dpo"):
        policy = load_policy(str(folder / name))
        ids = policy.tokenizer.encode(policy.dialogue_text(dialogue), add_special_tokens=False)
        assert content[name] == pytest.approx(log_likelihoods(policy, [(ids[:1], ids[1:])])[0], abs=1e-3)
        assert 1 <= content[f"{name} wrote"] <= 4
    assert content["sft"] != pytest.approx(content["dpo"], abs=1e-3)
    assert content["judge"] == pytest.approx(rewards(load_reward_model(str(folder / "judge")), [dialogue])[0], abs=1e-4)
    # Only safetensors: nothing that has to be unpickled.
    assert not [path for path in folder.rglob("*") if path.suffix in {".bin", ".pt", ".pkl"}]

    cards = {path.parent.name: path.read_text(encoding="utf-8") for path in folder.glob("*/README.md")}
    assert set(cards) == {"sft", "judge", "dpo"}
    assert "| preference_accuracy | likelihood | test | accuracy |" in cards["dpo"]
    assert "| shown |" in cards["dpo"]
    # A card that is written again, or lost, makes no model old.
    (folder / "sft/README.md").unlink()
    assert len(report.write_cards(run)) == 3
    (folder / "dpo/README.md").unlink()
    unipref.run(study, run)
    assert all(stage["cached"] for stage in json.loads((run / "manifest.json").read_text())["stages"])
    assert (folder / "dpo/README.md").read_text(encoding="utf-8") == cards["dpo"]
