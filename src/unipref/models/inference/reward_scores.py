"""Scores dialogues with reward models: one number per dialogue."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from unipref.core.chat_models import RefusedDialogue, RewardModel
from unipref.core.records import Messages
from unipref.models.inference.answers import token_budget
from unipref.models.inference.batching import run_in_batches
from unipref.models.inference.forward import divergence_error
from unipref.models.inference.tokens import encode_all


def rewards(reward_model: RewardModel, dialogues: Sequence[Messages], batch_size: int = 32) -> npt.NDArray[np.float64]:
    """Scores whole dialogues, ended as the chat template ends them (eos).

    Returns:
        (n,) floats; NaN if and only if a dialogue is longer than the model's context, or the chat template refuses it
        (see `RewardModel.can_render`).

    Raises:
        UserError: a single dialogue does not fit in memory, or the model outputs NaN (its training diverged).
    """
    try:
        texts = [reward_model.dialogue_text(dialogue) for dialogue in dialogues]
    except RefusedDialogue:
        scores = np.full(len(dialogues), math.nan)
        accepted = [i for i, dialogue in enumerate(dialogues) if reward_model.can_render(dialogue)]
        scores[accepted] = rewards(reward_model, [dialogues[i] for i in accepted], batch_size)
        return scores
    encoded = encode_all(reward_model, texts)
    ids = [encoded[text] for text in texts]
    scores = np.full(len(ids), math.nan)
    order = [i for i in sorted(range(len(ids)), key=lambda i: (-len(ids[i]), i)) if len(ids[i]) <= reward_model.context]

    def run(part: Sequence[int]) -> list[float]:
        return _score_batch(reward_model, [ids[i] for i in part])

    budget = token_budget(reward_model)
    for part, values in run_in_batches(order, run, batch_size, lambda i: len(ids[i]), budget, "scoring answers"):
        if np.isnan(values).any():
            raise divergence_error(reward_model)
        scores[part] = values
    return scores


def _score_batch(reward_model: RewardModel, part: Sequence[Sequence[int]]) -> list[float]:
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
