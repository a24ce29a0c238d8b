"""Adapters that peft cannot add, or that the step would not train, are refused before training."""

from pathlib import Path
from typing import Any

import pytest

from unipref.core.errors import UserError
from unipref.models.loading import load_model
from unipref.train.checks.memory import compute_disk_need, measure_shape
from unipref.train.trainers.reward import Reward
from unipref.train.trainers.sft import Sft

pytestmark = pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`")


@pytest.fixture(scope="module")
def untied_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    from unipref.models.adapter_merge import untie

    folder = tmp_path_factory.mktemp("untied")
    model = load_model(str(tiny_model), "causal")
    untie(model)
    model.save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target_modules": r".*(q_proj|lm_head)"}, "an adapter on the output head is never trained"),
        ({"target_modules": ["q_proj"], "modules_to_save": ["head"]}, "an adapter on the output head is never trained"),
        (
            {"target_modules": ["embed_tokens"], "ensure_weight_tying": True},
            "ensure_weight_tying: an adapter on",
        ),
        (
            {"trainable_token_indices": [30, 31]},
            "trainable_token_indices: the model uses its embedding also",
        ),
        ({"trainable_token_indices": {"embed_tokens": [30]}}, r"trainable_token_indices: the model uses its embedding"),
        ({"trainable_token_indices": [99_999]}, r"trainable_token_indices: the model has no token 99999"),
        ({"lora_bias": True}, "peft cannot merge this adapter into its base model: Impossible to merge"),
        ({"alora_invocation_tokens": [5, 6]}, "peft cannot merge this adapter into its base model: aLoRA does not"),
        ({"target_modules": ["nothing"]}, "the adapter fits none of the model's layers"),
    ],
)
def test_what_would_not_be_trained_is_refused(settings: dict[str, Any], message: str, tiny_model: Path) -> None:
    with pytest.raises(UserError, match=message) as caught:
        measure_shape(str(tiny_model), Sft(lora=settings))
    assert caught.value.mend


def test_an_adapter_that_cannot_be_merged_can_be_saved_alone(tiny_model: Path) -> None:
    assert measure_shape(str(tiny_model), Sft(lora={"lora_bias": True}, merge_adapter=False)).trained > 0


def test_single_tokens_of_a_model_that_is_not_tied_are_trained(untied_model: str) -> None:
    shape = measure_shape(untied_model, Sft(lora={"r": 2, "trainable_token_indices": [30, 31]}))
    assert shape.new_head == 0
    assert shape.trained > 2 * shape.hidden


def test_an_adapter_on_a_tied_embedding_needs_room_for_a_head(tiny_model: Path, untied_model: str) -> None:
    lora = {"r": 2, "target_modules": ["q_proj", "embed_tokens"]}
    shape = measure_shape(str(tiny_model), Sft(lora=lora))
    assert shape.new_head == shape.vocabulary * shape.hidden > 0
    without = measure_shape(str(tiny_model), Sft(lora={"r": 2, "target_modules": ["q_proj"]}))
    assert without.new_head == 0
    need = compute_disk_need(shape, Sft(lora=lora))["model"]
    assert need == 4 * (shape.parameters + shape.new_head + shape.trained)
    assert measure_shape(untied_model, Sft(lora=lora)).new_head == 0
    assert measure_shape(str(tiny_model), Sft(lora=lora, merge_adapter=False)).new_head == 0
    assert measure_shape(str(tiny_model), Reward(lora=lora)).new_head == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lora": {"layer_replication": [[0, 2], [1, 2]]}}, "'layer_replication' cannot be set: the saved model"),
        ({"lora": {"runtime_config": {}}}, "'runtime_config' cannot be set"),
        ({"trust_remote_code": True}, "'trust_remote_code' cannot be set: unipref never runs the code of a model"),
        (
            {"model_init_kwargs": {"trust_remote_code": True}},
            r"kwargs\.trust_remote_code: unipref never runs",
        ),
        (
            {"model_init_kwargs": {"use_safetensors": False}},
            r"kwargs\.use_safetensors: unipref reads safe",
        ),
    ],
)
def test_settings_that_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Sft(**settings)
