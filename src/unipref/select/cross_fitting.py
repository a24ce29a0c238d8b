"""DPO on one half of the candidates, judged on the other half: how well a preference can be learnt from the others.

The training is a plain loop, not TRL's trainer: it learns from exactly the tokens by which the other half is judged, it
writes no model, and its cost is bounded by `Fit.most_pairs`. Adapters (LoRA) on every linear layer are trained, the
model's own weights stay.
"""

import contextlib
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from unipref.core.candidates import Candidates, Dialogue
from unipref.core.chat_models import Policy
from unipref.core.text_keys import digest
from unipref.core.work_progress import show_starts
from unipref.models.inference import all_answer_tokens
from unipref.models.text_cache import Shown, compute_cached, make_folder_name
from unipref.select.answer_sums import split_by_logits, sum_answers
from unipref.select.model_scorer import DIALOGUES_AT_ONCE, PolicyScorer, dialogue_key

if TYPE_CHECKING:
    import numpy.typing as npt
    import torch

PAIRS_PER_STEP = 16
RANK = 16
"""Of the adapters; their scale is twice as large (lora_alpha)."""


class Fit(NamedTuple):
    """How the models are trained.

    Attributes:
        beta: DPO's.
        learning_rate: of AdamW, constant.
        most_pairs: most preferences that one model learns from, once each.
        repeats: how many times the candidates are divided into two halves.
        batch_size: most sequences in one forward pass.
    """

    beta: float
    learning_rate: float
    most_pairs: int
    repeats: int
    batch_size: int


@dataclass(frozen=True)
class Half:
    """One half of one division: the rows to learn from and the rows to judge.

    Attributes:
        repeat: number of the division.
        learns: (n,) mask; all preferences of a prompt's group are in the same half.
    """

    repeat: int
    learns: "npt.NDArray[np.bool_]"


def judge_halves(candidates: Candidates, judge: PolicyScorer, fit: Fit) -> "npt.NDArray[np.float64]":
    """Computes the DPO margin of each preference under models that were trained without it.

    margin = beta [(log p(chosen) - log p(rejected)) - (log ref(chosen) - log ref(rejected))]. p is the model trained on
    the half without the preference, ref the model before training.

    Numbers are cached by text, model, settings and training preferences. A killed run repeats at most the training that
    it was in.

    Args:
        candidates: n candidates.
        judge: gives log p(chosen) - log p(rejected), in nats; it names the model before training.
        fit: how to train.

    Returns:
        (n, repeats) margins; NaN where a text is missing or refused, or where the other half has no pair to learn from.
    """
    margins = np.full((len(candidates), fit.repeats), np.nan)
    if not len(candidates):
        return margins
    scorer = judge.model_copy(update={"batch_size": fit.batch_size})
    reference = candidates.score(scorer)
    for half in _divide(candidates, fit.repeats):
        judged = ~half.learns & ~np.isnan(reference)
        pairs = _take_pairs(candidates, half, ~np.isnan(reference), fit.most_pairs)
        if pairs and judged.any():
            gaps = _judge(candidates.subset(judged), scorer, fit, half.repeat, pairs)
            margins[judged, half.repeat] = fit.beta * (gaps - reference[judged])
    return margins


def _divide(candidates: Candidates, repeats: int) -> Iterator[Half]:
    """Divides the candidates by a hash of their group, `repeats` times; yields both halves of each division."""
    for repeat in range(repeats):
        is_first = np.array([int(digest(str(repeat), str(group)), 16) % 2 == 0 for group in candidates.groups])
        yield Half(repeat, is_first)
        yield Half(repeat, ~is_first)


def _take_pairs(
    candidates: Candidates, half: Half, is_known: "npt.NDArray[np.bool_]", most: int
) -> list[tuple[str, Dialogue]]:
    """Takes the preferences to learn from, with their keys: those with the lowest hash of id and division, in order."""
    rows = np.flatnonzero(half.learns & is_known)
    hashes = [digest(str(half.repeat), str(candidates.ids[row])) for row in rows]
    order = np.argsort(np.array(hashes, dtype=np.str_), kind="stable")[:most]
    rank = {int(rows[at]): place for place, at in enumerate(order)}
    found: list[tuple[int, Dialogue]] = []
    row = 0
    for batch in candidates.texts():
        for dialogue in batch:
            if row in rank:
                found.append((rank[row], dialogue))
            row += 1
    return [(dialogue_key(dialogue), dialogue) for _, dialogue in sorted(found, key=lambda one: one[0])]


def _judge(
    held_out: Candidates, scorer: PolicyScorer, fit: Fit, repeat: int, pairs: Sequence[tuple[str, Dialogue]]
) -> "npt.NDArray[np.float64]":
    """Computes log p(chosen) - log p(rejected), in nats, under a model trained on `pairs`; it trains only if needed."""
    model = scorer.find_model(None)
    trained = functools.cache(lambda: train_dpo(scorer.load(model), [pair for _, pair in pairs], fit, seed=repeat))

    def compute(batch: list[Dialogue]) -> "npt.NDArray[np.float64]":
        return scorer.judge(trained(), batch)[:, None]

    if held_out.cache is None:
        return np.concatenate([compute(batch)[:, 0] for batch in held_out.texts() if batch])
    from unipref.core.hashing import code_key
    from unipref.models.loading import model_key

    learnt = digest(*(key for key, _ in pairs))
    settings = fit._replace(repeats=0, batch_size=0)
    identity = repr([model_key(model), settings, repeat, learnt, code_key(__name__)])
    place: Path = held_out.cache / "scores" / make_folder_name("cross_fitted", identity)
    shown = Shown("scoring held-out pairs", len(held_out), "rows")
    numbers = compute_cached(held_out.texts(), dialogue_key, compute, place, DIALOGUES_AT_ONCE, shown)
    return numbers[:, 0].astype(np.float64)


def train_dpo(policy: Policy, pairs: Sequence[Dialogue], fit: Fit, seed: int) -> Policy:
    """Trains adapters on pairs by DPO, one pass in the given order, and returns the policy with them.

    Loss: the mean of -log sigmoid(beta (log p/ref(chosen) - log p/ref(rejected))) over PAIRS_PER_STEP pairs.

    Args:
        policy: changed in place.
        pairs: with both answers, which fit in the context.
        fit: how to train.
        seed: of the adapters' starting values.
    """
    import torch
    from peft import LoraConfig, inject_adapter_in_model

    model = policy.model
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = LoraConfig(r=RANK, lora_alpha=2 * RANK, lora_dropout=0.0, target_modules="all-linear")
        inject_adapter_in_model(config, model)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=fit.learning_rate, weight_decay=0.0)
    for start in show_starts(len(pairs), PAIRS_PER_STEP, "training for the margin"):
        step = pairs[start : start + PAIRS_PER_STEP]
        for part in _split_step(policy, step, fit.batch_size // 2):
            with torch.no_grad(), _without_adapters(model):
                reference = sum_log_likelihoods(policy, part)
            ratios = sum_log_likelihoods(policy, part) - reference
            losses = torch.nn.functional.softplus(-fit.beta * (ratios[0] - ratios[1]))
            (losses.sum() / len(step)).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        optimiser.zero_grad()
    return policy


def _split_step(policy: Policy, pairs: Sequence[Dialogue], most: int) -> Iterator[list[Dialogue]]:
    """Splits the pairs of a step into parts that fit into memory; the sum of their gradients is that of the step."""
    answers = [(pair.prompt, answer or []) for pair in pairs for answer in (pair.chosen, pair.rejected)]
    lengths = [len(tokens.ids) for tokens in all_answer_tokens(policy, answers)]
    longest = [max(both) for both in zip(lengths[::2], lengths[1::2], strict=True)]
    order = sorted(range(len(pairs)), key=longest.__getitem__)
    for part in split_by_logits(policy, [2 * longest[at] for at in order], max(1, most)):
        yield [pairs[order[at]] for at in part]


@contextlib.contextmanager
def _without_adapters(model: Any) -> Iterator[None]:
    """Leaves the adapters of a model out."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers = [layer for layer in model.modules() if isinstance(layer, BaseTunerLayer)]
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)


def sum_log_likelihoods(policy: Policy, pairs: Sequence[Dialogue]) -> "torch.Tensor":
    """Computes (2, k) sums of log p, in nats, over the tokens that the assistant wrote: chosen, then rejected answers.

    In contrast to `models.inference`, the sums have gradients.
    """
    answers = [(d.prompt, d.chosen or []) for d in pairs] + [(d.prompt, d.rejected or []) for d in pairs]
    return sum_answers(policy, all_answer_tokens(policy, answers)).reshape(2, len(pairs))
