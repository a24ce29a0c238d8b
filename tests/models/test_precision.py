"""The type of a model's weights in memory, whatever type they were saved in."""

from pathlib import Path

import pytest

from unipref.core.chat_models import Policy
from unipref.models.inference import encode, log_likelihoods, start_ids
from unipref.models.loading import find_precision, load_policy
from unipref.models.model_cache import ModelCache


@pytest.fixture
def saved_in_bfloat16(tiny_model: Path, tmp_path: Path) -> str:
    import torch

    policy = load_policy(str(tiny_model))
    policy.model.to(torch.bfloat16).save_pretrained(tmp_path / "model")
    policy.tokenizer.save_pretrained(tmp_path / "model")
    return str(tmp_path / "model")


def score(policy: Policy, batch_size: int) -> list[float]:
    texts = ["the nurse was late", "the guard said that the cook was free", "a", "who was late the nurse or the guard"]
    requests = [(start_ids(policy), encode(policy, text)) for text in texts]
    return log_likelihoods(policy, requests, batch_size).tolist()


def test_weights_are_loaded_as_they_are_saved_unless_a_precision_is_given(saved_in_bfloat16: str) -> None:
    assert find_precision(load_policy(saved_in_bfloat16).model) == "bfloat16"
    assert find_precision(load_policy(saved_in_bfloat16, "float32").model) == "float32"


def test_the_cache_keeps_the_precisions_apart(saved_in_bfloat16: str) -> None:
    models = ModelCache()
    first = models.load(saved_in_bfloat16, "float32")
    assert models.load(saved_in_bfloat16, "float32") is first
    assert find_precision(models.load(saved_in_bfloat16, "bfloat16").model) == "bfloat16"
    assert find_precision(models.load(saved_in_bfloat16, "float32").model) == "float32"


def test_in_float32_a_likelihood_does_not_depend_on_the_batch(saved_in_bfloat16: str) -> None:
    policy = load_policy(saved_in_bfloat16, "float32")
    assert score(policy, 1) == pytest.approx(score(policy, 4), abs=3e-4)
