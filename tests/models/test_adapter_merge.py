"""A merged model is the model that was trained, also on a tied embedding; otherwise it is refused."""

from pathlib import Path
from typing import Any

import pytest
import torch

from unipref.core.errors import UserError
from unipref.models import adapter_merge
from unipref.models.adapter_merge import (
    check_saved,
    compare,
    make_probe_sequences,
    measure_probes,
    merge,
    merge_checked,
)
from unipref.models.loading import load_merged, load_model

ON_EMBEDDING: dict[str, tuple[dict[str, Any], bool]] = {
    "embedding": ({"target_modules": ["q_proj", "embed_tokens"]}, True),
    "pattern": ({"target_modules": r".*(q_proj|embed_tokens)"}, True),
    "head": ({"target_modules": ["q_proj", "lm_head"]}, True),
    "both": ({"target_modules": ["embed_tokens", "lm_head"]}, True),
    "tied by peft": ({"target_modules": ["embed_tokens"], "ensure_weight_tying": True}, True),
    "saved embedding": ({"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens"]}, True),
    "saved head": ({"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]}, True),
    "saved and tied": (
        {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens"], "ensure_weight_tying": True},
        False,
    ),
    "single tokens": ({"target_modules": ["q_proj"], "trainable_token_indices": [30, 31]}, False),
    "linear layers": ({"target_modules": "all-linear"}, False),
    "dora": ({"target_modules": "all-linear", "use_dora": True}, False),
}


def attach(model: Any, settings: dict[str, Any], task: str = "CAUSAL_LM") -> Any:
    """Attaches an adapter whose weights are far from zero."""
    from peft import LoraConfig, get_peft_model

    attached = get_peft_model(model, LoraConfig(r=2, task_type=task, **settings))
    torch.manual_seed(3)
    with torch.no_grad():
        for weight in attached.parameters():
            if weight.requires_grad:
                weight.add_(torch.randn_like(weight) * 0.2)
    return attached


@pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`")
@pytest.mark.parametrize("name", ON_EMBEDDING)
def test_a_saved_merge_equals_the_adapter(name: str, tiny_model: Path, tmp_path: Path) -> None:
    settings, untied = ON_EMBEDDING[name]
    attached = attach(load_model(str(tiny_model), "causal"), settings)
    attached.peft_config["default"].base_model_name_or_path = str(tiny_model)
    attached.save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
    before = measure_probes(attached, make_probe_sequences(attached), "causal")
    plain = load_model(str(tiny_model), "causal")
    assert compare(before, plain, "causal").largest > 0.5  # the adapter changes much
    merged, was_untied = merge(attached)
    merged.save_pretrained(tmp_path / "merged")
    difference = check_saved(before, tmp_path / "merged", "causal", "cpu", was_untied)
    assert difference.largest < 1e-3
    assert (difference.untied, difference.tokens, difference.is_equal) == (untied, 248, True)
    loaded, measured = load_merged(str(tmp_path / "adapter"), "causal")
    assert compare(before, loaded, "causal").largest < 1e-3
    assert measured is not None
    assert measured.is_equal


def test_peft_alone_ruins_a_tied_model(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter_merge, "needs_untying", lambda attached: False)
    attached = attach(load_model(str(tiny_model), "causal"), ON_EMBEDDING["embedding"][0])
    with pytest.raises(UserError, match=r"not the model that was trained: .* differ by up to \d") as caught:
        merge_checked(attached, "causal", str(tmp_path))
    assert caught.value.where == str(tmp_path)


def test_rewards_are_compared_too(tiny_model: Path) -> None:
    model = load_model(str(tiny_model), "reward")
    model.config.pad_token_id = 0
    _, difference = merge_checked(attach(model, ON_EMBEDDING["embedding"][0], "SEQ_CLS"), "reward", "here")
    assert (difference.sequences, difference.tokens, difference.untied) == (8, 8, False)
    assert difference.largest < 1e-3


def test_a_value_that_is_not_a_number_is_a_difference(tiny_model: Path) -> None:
    model = load_model(str(tiny_model), "causal")
    before = measure_probes(model, make_probe_sequences(model), "causal")
    with torch.no_grad():
        model.get_input_embeddings().weight.fill_(float("nan"))
    assert not compare(before, model, "causal").is_equal


def test_the_mean_decides_in_bfloat16_and_the_largest_in_float32(tiny_model: Path) -> None:
    """Rounding to bfloat16 may move one rare token by nats; a merge in float32 moves none."""
    model = load_model(str(tiny_model), "causal")
    before = measure_probes(model, make_probe_sequences(model), "causal")
    before.values[0] += 3.0
    one_token = compare(before, model, "causal", rounded_to="bfloat16")
    assert (one_token.is_rough, one_token.is_equal) == (True, True)
    assert not compare(before, model, "causal").is_equal
    before.values.add_(1.0)
    assert not compare(before, model, "causal", rounded_to="bfloat16").is_equal


def test_an_adapter_that_cannot_be_merged(tiny_model: Path, tmp_path: Path) -> None:
    from peft import PromptTuningConfig, get_peft_model

    config = PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2)
    attached = get_peft_model(load_model(str(tiny_model), "causal"), config)
    attached.peft_config["default"].base_model_name_or_path = str(tiny_model)
    attached.save_pretrained(tmp_path)
    with pytest.raises(UserError, match="type PROMPT_TUNING cannot be merged"):
        load_model(str(tmp_path), "causal")
