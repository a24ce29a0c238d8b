"""Models with missing parts: scores that do not need them still work, others give an error."""

import json
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoTokenizer

from unipref.core.errors import UserError
from unipref.evaluate import evaluate
from unipref.evaluate.benchmarks.winobias import WinoBias
from unipref.models.inference import Generation, answer_log_likelihoods, ask_each, encode, log_likelihoods, rewards
from unipref.models.loading import load_model, load_policy, load_reward_model, load_tokenizer
from unipref.train.start import open_start


def without(source: Path, folder: Path, *tokens: str) -> Path:
    """The model, with a tokenizer that lacks some special tokens."""
    from transformers import PreTrainedTokenizerFast

    load_model(str(source), "causal").save_pretrained(folder)
    have = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
    kept = {name: token for name, token in have.items() if name not in tokens}
    backend = AutoTokenizer.from_pretrained(source).backend_tokenizer
    PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=256, **kept).save_pretrained(folder)
    settings = json.loads((folder / "generation_config.json").read_text())
    for name in ("bos_token", "eos_token", "pad_token"):
        if name in tokens:
            settings.pop(f"{name}_id", None)
    (folder / "generation_config.json").write_text(json.dumps(settings))
    return folder


def test_a_model_without_eos_and_pad_is_measured_as_any_other(tiny_model: Path, tmp_path: Path) -> None:
    bare, whole = (
        load_policy(str(without(tiny_model, tmp_path, "eos_token", "pad_token"))),
        load_policy(str(tiny_model)),
    )
    assert (bare.tokenizer.eos_token, bare.tokenizer.pad_token) == (None, None)
    requests = [([1, 20, 30], [40, 50]), ([1, 20, 31], [40]), ([9] * 30, [3])]
    np.testing.assert_allclose(log_likelihoods(bare, requests), log_likelihoods(whole, requests), atol=1e-4)


def test_without_eos_a_text_is_cut_with_a_note(tiny_model: Path, tmp_path: Path) -> None:
    bare = load_policy(str(without(tiny_model, tmp_path, "eos_token", "pad_token")))
    written = ask_each(bare, [Generation([1, 20, 30], 40)])[0]
    assert (written.n_tokens, written.ended) == (40, False)


def test_without_eos_an_answer_has_no_end_with_a_note(tiny_model: Path, tmp_path: Path) -> None:
    bare, whole = load_policy(str(without(tiny_model, tmp_path, "eos_token"))), load_policy(str(tiny_model))
    pair = ([{"role": "user", "content": "The nurse?"}], [{"role": "assistant", "content": "late"}])
    assert bare.dialogue_text([*pair[0], *pair[1]]) == "<s>Question: The nurse?\n\nAnswer: late"
    sums, n_tokens = answer_log_likelihoods(bare, [pair])
    assert n_tokens[0] == answer_log_likelihoods(whole, [pair])[1][0] - 1
    before = encode(whole, "<s>Question: The nurse?\n\nAnswer:")
    assert sums[0] == pytest.approx(log_likelihoods(whole, [(before, encode(whole, " late"))])[0], abs=1e-4)
    assert "no end-of-sequence token" in bare.remarks[0]
    assert whole.remarks == []


def test_an_evaluation_states_that_eos_is_missing(tiny_model: Path, tmp_path: Path) -> None:
    for kind in (1, 2):
        for side, pronoun in (("pro", "he"), ("anti", "she")):
            line = f"1 [The mechanic] called the nurse because [{pronoun}] was late.\n"
            (tmp_path / f"{side}_stereotyped_type{kind}.txt.test").write_text(line)
    heard: list[str] = []
    name = str(without(tiny_model, tmp_path / "bare", "eos_token"))
    rows = evaluate(name, [WinoBias(data=".")], data_root=tmp_path, splits={}, out=None, on_note=heard.append)
    assert all(np.isfinite(row["value"]) for row in rows)
    assert sum("no end-of-sequence token" in note for note in heard) == 1


def test_training_and_rewards_need_an_eos(tiny_model: Path, tmp_path: Path) -> None:
    folder = without(tiny_model, tmp_path / "bare", "eos_token")
    with pytest.raises(UserError, match="no end-of-sequence token"):
        open_start(folder, tmp_path, "policy")
    with pytest.raises(UserError, match="no end-of-sequence token"):
        load_reward_model(str(folder))


def test_a_folder_without_a_tokenizer_is_reported(tiny_model: Path, tmp_path: Path) -> None:
    load_model(str(tiny_model), "causal").save_pretrained(tmp_path)
    with pytest.raises(UserError, match="tokenizer cannot be read"):
        load_policy(str(tmp_path))


def test_an_adapter_without_a_tokenizer_has_its_base_s(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(tiny_model)}))
    assert load_tokenizer(str(tmp_path))[0].get_vocab() == load_tokenizer(str(tiny_model))[0].get_vocab()


def test_a_tokenizer_of_another_model_is_reported(tiny_model: Path) -> None:
    policy = load_policy(str(tiny_model))
    size = policy.model.config.vocab_size
    for request in (([1, size + 5], [3]), ([1, 2], [size + 5])):
        with pytest.raises(UserError, match=f"token {size + 5}, but the model's vocabulary has {size} tokens"):
            log_likelihoods(policy, [request])


def test_rewards_of_a_tokenizer_without_pad(tiny_model: Path, tmp_path: Path) -> None:
    folder = without(tiny_model, tmp_path, "pad_token")
    model = load_model(str(folder), "reward")
    model.save_pretrained(tmp_path / "reward")
    AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path / "reward")
    reward_model = load_reward_model(str(tmp_path / "reward"))
    dialogues = [[{"role": "user", "content": text}, {"role": "assistant", "content": "b"}] for text in ("a", "a c d")]
    alone = [rewards(reward_model, [dialogue])[0] for dialogue in dialogues]
    np.testing.assert_allclose(rewards(reward_model, dialogues), alone, atol=1e-4)
    assert np.isfinite(alone).all()
