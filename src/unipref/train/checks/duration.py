"""Estimates how long a training step takes, from the speed at which this machine reads texts with the study's model.

The time is the tokens of the run times the passes over each token, and what does not depend on the tokens: imports,
the work around each step, and writing the model. A backward pass costs one forward pass for the gradients of the
activations and one more for those of the weights, which an adapter does not need for the weights under it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from unipref.models.gguf import has_bfloat16

PASSES_FULL, PASSES_ADAPTER = 3.3, 2.7
"""Time of a forward and backward pass in forward passes: of all weights, and of an adapter (docs/training.md)."""
LOWERED = 1.5
"""How much faster a CPU trains with `frozen_dtype: bfloat16`: 1.35 times with AVX-512 BF16, 1.43 with AMX
(docs/training.md)."""
SECONDS_OF_START, SECONDS_OF_STEP = 6.0, 0.05
"""Seconds for imports, opening and tokenising; seconds of each optimiser step besides the passes."""
TOKENS_OF_BATCH = 70
"""A batch takes as long as so many tokens more, however small it is: all weights are read from memory."""
BYTES_PER_SECOND = 100e6
"""Bytes of weights that are opened, written and read again in a second."""
PROBE_ROWS, PROBE_TOKENS = 8, 256
"""Rows, and most tokens of each, on which a merged model is compared with the trained one."""


def estimate_seconds(
    trainer: Any, settings: Mapping[str, Any], steps: int, lengths: Sequence[int], model_bytes: int, speed: float
) -> float | None:
    """Estimates the seconds of a training step on this machine, as busy as it is now.

    Args:
        trainer: the step.
        settings: TRL's settings, by TRL's names.
        steps: optimiser steps.
        lengths: tokens of the step's dialogues, or of a sample of them.
        model_bytes: size of the saved model.
        speed: tokens that the model reads in a second, without gradients, on a CPU in float32.

    Returns:
        The seconds; None for reinforcement learning, whose answers have no known length, and without rows.
    """
    if trainer.view().prompts_only or not lengths or speed <= 0:
        return None
    mean = sum(lengths) / len(lengths)
    batches = steps * int(settings.get("gradient_accumulation_steps") or 1)
    tokens = batches * (settings["per_device_train_batch_size"] * trainer.sequences_per_row * mean + TOKENS_OF_BATCH)
    passes: float = PASSES_FULL if trainer.lora is None else PASSES_ADAPTER
    passes += 1.0 if settings.get("gradient_checkpointing") else 0.0
    passes += 1.0 if trainer.reads_reference else 0.0
    if trainer.lowers_frozen_layers and settings.get("use_cpu") and has_bfloat16():
        passes /= LOWERED
    merged = trainer.lora is not None and trainer.merge_adapter
    probed = 2 * PROBE_ROWS * min(mean, PROBE_TOKENS) if merged else 0.0
    fixed: float = SECONDS_OF_START + 3 * model_bytes / BYTES_PER_SECOND
    seconds: float = fixed + SECONDS_OF_STEP * steps + (tokens * passes + probed) / speed
    return round(seconds, 1)
