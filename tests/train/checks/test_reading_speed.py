"""The reading speed behind the estimate of a step's time is that of the type in which the step trains."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from unipref.core.chat_models import Policy
from unipref.train.checks import model as module


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_cpu_is_timed_in_float32(
    dtype: str, tiny_model: Path, tmp_path: Path, row: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    AutoModelForCausalLM.from_pretrained(tiny_model, dtype=dtype).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(tmp_path)
    read: list[tuple[torch.dtype, int]] = []
    before = module.answer_log_likelihoods

    def note(policy: Policy, answers: Any) -> Any:
        read.append((policy.model.dtype, len(answers)))
        return before(policy, answers)

    monkeypatch.setattr(module, "answer_log_likelihoods", note)
    accuracy, speed = module.measure_own_accuracy(str(tmp_path), [row(f"{i}?", "Yes.", "No.") for i in range(20)])
    in_float32 = [] if dtype == "float32" else [(torch.float32, 8)]
    assert read == [(getattr(torch, dtype), 40), *in_float32]
    assert accuracy.n == 20
    assert speed is not None
    assert speed > 0
