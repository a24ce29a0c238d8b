"""The estimated time of a step by hand."""

from typing import Any

import pytest

from unipref.train.checks import duration
from unipref.train.checks.duration import estimate_seconds
from unipref.train.trainers.dpo import Dpo
from unipref.train.trainers.rloo import Rloo
from unipref.train.trainers.sft import Sft


@pytest.mark.parametrize(
    ("trainer", "extra", "tokens"),
    [
        # 10 steps of 4 rows of 50 tokens, on average, and 70 for each batch, at 100 tokens a second.
        (Sft(per_device_train_batch_size=4), {}, 2700 * 3.3),
        (Sft(per_device_train_batch_size=4), {"gradient_checkpointing": True}, 2700 * 4.3),
        (Sft(per_device_train_batch_size=2, gradient_accumulation_steps=2), {}, 3400 * 3.3),
        # Two answers, read by the reference too.
        (Dpo(per_device_train_batch_size=4), {}, 4700 * 4.3),
        # 8 rows are read twice to compare the merged model.
        (Sft(per_device_train_batch_size=4, lora={}), {}, 2700 * 2.7 + 800),
        (Sft(per_device_train_batch_size=4, lora={}, merge_adapter=False), {}, 2700 * 2.7),
        # The frozen layers in bfloat16 make the passes of a CPU 1.5 times as fast.
        (Sft(per_device_train_batch_size=4, lora={"frozen_dtype": "bfloat16"}), {"use_cpu": True}, 2700 * 1.8 + 800),
        (Sft(per_device_train_batch_size=4, lora={"frozen_dtype": "bfloat16"}), {"use_cpu": False}, 2700 * 2.7 + 800),
    ],
)
def test_seconds_by_hand(trainer: Any, extra: dict[str, Any], tokens: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duration, "has_bfloat16", lambda: True)
    settings = trainer.build_trl_settings() | extra
    # 6 s to start, 300 MB at 100 MB a second, 0.05 s for each step.
    expected = 6 + 3 + 0.5 + tokens / 100
    assert estimate_seconds(trainer, settings, 10, [40, 60], 100_000_000, 100.0) == round(expected, 1)


def test_a_cpu_without_bfloat16_is_not_faster_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duration, "has_bfloat16", lambda: False)
    seconds = [
        estimate_seconds(trainer, trainer.build_trl_settings() | {"use_cpu": True}, 10, [50], 0, 100.0)
        for trainer in (Sft(lora={}), Sft(lora={"frozen_dtype": "bfloat16"}))
    ]
    assert seconds[0] == seconds[1]


def test_answers_that_are_not_written_yet_have_no_estimate() -> None:
    trainer = Rloo()
    assert estimate_seconds(trainer, trainer.build_trl_settings(), 10, [40], 0, 100.0) is None
    assert estimate_seconds(Sft(), Sft().build_trl_settings(), 10, [], 0, 100.0) is None
