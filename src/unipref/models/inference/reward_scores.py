"""What reward models give: one number per dialogue."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from unipref.core.records import Messages
from unipref.models.inference.answers import tokens_at_once
from unipref.models.inference.batching import in_batches
from unipref.models.inference.forward import diverged
from unipref.models.inference.tokens import encode_all
from unipref.models.loading import RewardModel


def rewards(reward_model: RewardModel, dialogues: Sequence[Messages], batch_size: int = 32) -> npt.NDArray[np.float64]:
    """The reward of whole dialogues, ended as the chat template ends them (eos).

    Returns:
        (n,) floats, NaN where a dialogue is longer than the model's context, and nowhere else.

    Raises:
        UserError: one dialogue alone does not fit in memory, or the model gives no numbers (its training diverged).
    """
    texts = [reward_model.dialogue_text(dialogue) for dialogue in dialogues]
    encoded = encode_all(reward_model, texts)
    ids = [encoded[text] for text in texts]
    found = np.full(len(ids), math.nan)
    order = [i for i in sorted(range(len(ids)), key=lambda i: (-len(ids[i]), i)) if len(ids[i]) <= reward_model.context]

    def run(part: Sequence[int]) -> list[float]:
        return _rewards(reward_model, [ids[i] for i in part])

    for part, values in in_batches(order, run, batch_size, lambda i: len(ids[i]), tokens_at_once(reward_model)):
        if np.isnan(values).any():
            raise diverged(reward_model)
        found[part] = values
    return found


def _rewards(reward_model: RewardModel, part: Sequence[Sequence[int]]) -> list[float]:
    import torch

    longest = max(map(len, part))
    ids = torch.full((len(part), longest), int(reward_model.tokenizer.pad_token_id or 0))
    mask = torch.zeros_like(ids)
    for row, sequence in enumerate(part):
        ids[row, : len(sequence)] = torch.tensor(sequence)
        mask[row, : len(sequence)] = 1
    device = reward_model.model.device
    logits = reward_model.model(input_ids=ids.to(device), attention_mask=mask.to(device)).logits
    return [float(value) for value in logits[:, 0].float().cpu()]
