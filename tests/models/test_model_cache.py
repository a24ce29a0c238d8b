"""One base in memory, adapters swapped: the same numbers as with adapters merged, and one load."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from unipref.core.chat_models import Policy, RewardModel
from unipref.core.errors import UserError
from unipref.models import model_cache
from unipref.models.inference import Generation, ask_each, forward, log_likelihoods, rewards
from unipref.models.loading import load_model, load_policy, load_reward_model
from unipref.models.model_cache import ModelCache

REQUESTS = [([1, 20, 30, 40], [50, 60]), ([1, 20, 30, 41], [50]), ([7], [8, 9, 10])]
DIALOGUES = [[{"role": "user", "content": "The nurse?"}, {"role": "assistant", "content": text}] for text in "ab"]


def adapter(base: Path, folder: Path, seed: int, reward: bool = False, **settings: object) -> Path:
    """A LoRA adapter with weights that matter, as peft saves it, without a tokenizer."""
    from peft import LoraConfig, get_peft_model

    wanted = {"r": 2 + seed, "target_modules": "all-linear", "modules_to_save": ["score"] if reward else None}
    config = LoraConfig(task_type="SEQ_CLS" if reward else "CAUSAL_LM", **{**wanted, **settings})
    model = get_peft_model(load_model(str(base), "reward" if reward else "causal"), config)
    torch.manual_seed(seed)
    for name, weights in model.named_parameters():
        if "lora_" in name or "modules_to_save" in name or ("bias" in settings and name.endswith("bias")):
            torch.nn.init.normal_(weights, std=0.2)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def adapters(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("adapters")
    settings: list[dict] = [{}, {"target_modules": ["q_proj", "down_proj"]}, {"modules_to_save": ["lm_head"]}]
    return [adapter(tiny_model, root / str(i), i, **kind) for i, kind in enumerate(settings)]


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The models that a cache loads."""
    loaded: list[str] = []
    plain = model_cache.load_model
    monkeypatch.setattr(model_cache, "load_model", lambda name, *how: loaded.append(name) or plain(name, *how))
    return loaded


@pytest.mark.slow
def test_swapped_adapters_give_what_merged_ones_give(tiny_model: Path, adapters: list[Path], loads: list[str]) -> None:
    cache = ModelCache()
    seen = []
    for name in [str(name) for name in (adapters[0], adapters[1], tiny_model, adapters[2], adapters[0], tiny_model)]:
        swapped, merged = cache.policy(name), load_policy(name)
        log_p = log_likelihoods(swapped, REQUESTS)
        np.testing.assert_allclose(log_p, log_likelihoods(merged, REQUESTS), atol=1e-4, rtol=0)
        writing = [Generation(prompt, 6) for prompt, _ in REQUESTS]
        assert ask_each(swapped, writing) == ask_each(merged, writing)
        assert swapped.name == name
        assert forward.tree_reach(swapped) == merged.context == swapped.context
        seen.append(log_p.round(3).tolist())
    assert loads == [str(tiny_model)]
    assert seen[0] == seen[4]
    assert seen[2] == seen[5]
    assert len({str(values) for values in seen}) == 4


@pytest.mark.slow
def test_reward_adapters_bring_their_own_heads(tiny_model: Path, tmp_path: Path, loads: list[str]) -> None:
    base = tmp_path / "base"
    torch.manual_seed(9)
    load_model(str(tiny_model), "reward").save_pretrained(base)
    load_policy(str(tiny_model)).tokenizer.save_pretrained(base)
    names = [str(adapter(base, tmp_path / str(i), i, reward=True)) for i in range(2)]
    cache = ModelCache()
    for name in [names[0], str(base), names[1], names[0], str(base)]:
        swapped = cache.load(name)
        assert isinstance(swapped, RewardModel)
        np.testing.assert_allclose(
            rewards(swapped, DIALOGUES), rewards(load_reward_model(name), DIALOGUES), atol=1e-4, rtol=0
        )
    assert loads == [str(base)]


def test_a_repeated_request_does_not_load_again(tiny_model: Path, adapters: list[Path], loads: list[str]) -> None:
    cache = ModelCache()
    first = cache.load(str(tiny_model))
    assert isinstance(first, Policy)
    assert cache.load(str(tiny_model)) is first
    other = cache.load(str(adapters[0]))
    assert cache.load(str(adapters[0])) is other
    cache.clear()
    assert cache.load(str(adapters[0])) is not other
    assert loads == [str(tiny_model)] * 2


def test_one_base_at_a_time(tiny_model: Path, shared_free_copy: Path, loads: list[str]) -> None:
    cache = ModelCache()
    for name in (tiny_model, shared_free_copy, tiny_model):
        cache.policy(str(name))
    assert loads == [str(tiny_model), str(shared_free_copy), str(tiny_model)]


@pytest.fixture
def shared_free_copy(tiny_model: Path, tmp_path: Path) -> Path:
    policy = load_policy(str(tiny_model))
    policy.model.save_pretrained(tmp_path / "copy")
    policy.tokenizer.save_pretrained(tmp_path / "copy")
    return tmp_path / "copy"


def test_an_adapter_over_an_adapter_has_the_merged_one_as_its_base(
    tiny_model: Path, adapters: list[Path], tmp_path: Path
) -> None:
    upper = adapter(adapters[0], tmp_path / "upper", 5)
    assert json.loads((upper / "adapter_config.json").read_text())["base_model_name_or_path"] != str(upper)
    settings = json.loads((upper / "adapter_config.json").read_text())
    settings["base_model_name_or_path"] = str(adapters[0])
    (upper / "adapter_config.json").write_text(json.dumps(settings))
    log_p = log_likelihoods(ModelCache().policy(str(upper)), REQUESTS)
    np.testing.assert_allclose(log_p, log_likelihoods(load_policy(str(upper)), REQUESTS), atol=1e-4, rtol=0)


def test_an_adapter_that_trained_biases_is_loaded_whole(tiny_model: Path, tmp_path: Path, loads: list[str]) -> None:
    name = str(adapter(tiny_model, tmp_path / "biased", 3, bias="all"))
    np.testing.assert_allclose(
        log_likelihoods(ModelCache().policy(name), REQUESTS), log_likelihoods(load_policy(name), REQUESTS), atol=1e-4
    )
    assert loads == [name]


def test_an_adapter_of_another_model_is_an_error_without_side_effects(
    tiny_model: Path, adapters: list[Path], tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "adapter_config.json").write_bytes((adapters[1] / "adapter_config.json").read_bytes())
    weights = load_file(adapters[1] / "adapter_model.safetensors")
    save_file({name: torch.zeros(3, 3) for name in weights}, broken / "adapter_model.safetensors")
    cache = ModelCache()
    with pytest.raises(UserError, match=r"broken.*does not fit its base model"):
        cache.policy(str(broken))
    log_p = log_likelihoods(cache.policy(str(tiny_model)), REQUESTS)
    np.testing.assert_allclose(log_p, log_likelihoods(load_policy(str(tiny_model)), REQUESTS), atol=1e-6)
