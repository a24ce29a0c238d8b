"""Scores dialogues with reward models: one number per dialogue, or one per axis."""

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

Floats = npt.NDArray[np.float64]


def rewards(reward_model: RewardModel, dialogues: Sequence[Messages], batch_size: int = 32) -> Floats:
    """Scores whole dialogues, ended as the chat template ends them (eos), by one number each.

    Returns:
        (n,) floats: the output of the model, or the weighted sum of its axes; NaN as in `axis_scores`.

    Raises:
        UserError: as `axis_scores`.
    """
    scores = axis_scores(reward_model, dialogues, batch_size)
    return scores[:, 0] if not reward_model.axes else scores @ np.array(reward_model.output_weights)


def axis_scores(reward_model: RewardModel, dialogues: Sequence[Messages], batch_size: int = 32) -> Floats:
    """Scores whole dialogues, ended as the chat template ends them (eos), by each output of the model.

    Returns:
        (n, k) floats, one column per output; a row is NaN if and only if the dialogue is longer than the model's
        context, or the chat template refuses it (see `RewardModel.can_render`).

    Raises:
        UserError: a single dialogue does not fit in memory, or the model outputs NaN (its training diverged).
    """
    k = max(1, len(reward_model.axes))
    try:
        texts = [reward_model.dialogue_text(dialogue) for dialogue in dialogues]
    except RefusedDialogue:
        scores = np.full((len(dialogues), k), math.nan)
        accepted = [i for i, dialogue in enumerate(dialogues) if reward_model.can_render(dialogue)]
        scores[accepted] = axis_scores(reward_model, [dialogues[i] for i in accepted], batch_size)
        return scores
    encoded = encode_all(reward_model, texts)
    ids = [encoded[text] for text in texts]
    scores = np.full((len(ids), k), math.nan)
    order = [i for i in sorted(range(len(ids)), key=lambda i: (-len(ids[i]), i)) if len(ids[i]) <= reward_model.context]

    def run(part: Sequence[int]) -> list[list[float]]:
        return _score_batch(reward_model, [ids[i] for i in part])

    budget = token_budget(reward_model)
    for part, values in run_in_batches(order, run, batch_size, lambda i: len(ids[i]), budget, "scoring answers"):
        if np.isnan(values).any():
            raise divergence_error(reward_model)
        scores[part] = values
    return scores


def _score_batch(reward_model: RewardModel, part: Sequence[Sequence[int]]) -> list[list[float]]:
    import torch

    longest = max(map(len, part))
    ids = torch.full((len(part), longest), int(reward_model.tokenizer.pad_token_id or 0))
    mask = torch.zeros_like(ids)
    for row, sequence in enumerate(part):
        ids[row, : len(sequence)] = torch.tensor(sequence)
        mask[row, : len(sequence)] = 1
    device = reward_model.model.device
    logits = reward_model.model(input_ids=ids.to(device), attention_mask=mask.to(device)).logits
    return [[float(value) for value in row] for row in logits.float().cpu()]
