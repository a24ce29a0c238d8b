"""Batched inference: log-likelihoods, next-token distributions, generation and rewards. For train and evaluate.

`ask` answers any mix of questions to a policy in as few forward passes as possible: prefixes that several texts share
are computed once. The other functions each ask one kind of question.

All functions work on token ids that were encoded one text at a time. A result therefore does not depend on the rest of
the batch, up to floating-point rounding. Inputs longer than the model's context are never cut: they give NaN, or an
empty generation.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from unipref.core.chat_models import Policy, RefusedDialogue
from unipref.core.records import Messages
from unipref.models.inference.answers import ask, ask_each, use_asker
from unipref.models.inference.questions import GeneratedText, Generation, LogLikelihood, NextToken, Question
from unipref.models.inference.reward_scores import axis_scores, rewards
from unipref.models.inference.text_openings import find_opening, opening_ids, opening_notes, start_ids
from unipref.models.inference.tokens import (
    Request,
    all_answer_tokens,
    all_continuation_ids,
    continuation_ids,
    encode,
    encode_all,
)

__all__ = [
    "GeneratedText",
    "Generation",
    "LogLikelihood",
    "NextToken",
    "Question",
    "Request",
    "all_answer_tokens",
    "all_continuation_ids",
    "answer_log_likelihoods",
    "ask",
    "ask_each",
    "axis_scores",
    "continuation_ids",
    "encode",
    "encode_all",
    "find_opening",
    "fits_context",
    "generate",
    "generate_detailed",
    "log_likelihoods",
    "opening_ids",
    "opening_notes",
    "rewards",
    "start_ids",
    "use_asker",
]


def log_likelihoods(
    policy: Policy, requests: Sequence[Request], batch_size: int | None = None
) -> npt.NDArray[np.float64]:
    """Sum of log p (nats) of the continuation's ids after the prompt's ids.

    Args:
        policy: the model to run.
        requests: n pairs (prompt ids, continuation ids); a prompt needs at least one id.
        batch_size: as for `ask`.

    Returns:
        (n,) floats; 0 for an empty continuation; NaN if and only if prompt and continuation are longer than
        `policy.context`.

    Raises:
        UserError: as `ask`.
    """
    questions = [LogLikelihood(prompt, continuation) for prompt, continuation in requests]
    return np.array(ask_each(policy, questions, batch_size), dtype=np.float64)


def answer_log_likelihoods(
    policy: Policy, pairs: Sequence[tuple[Messages, Messages]], batch_size: int | None = None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Log-likelihood of answers to chat prompts, through the chat template.

    Args:
        policy: the model to run.
        pairs: n pairs (prompt, answer), as messages.
        batch_size: as for `ask`.

    Returns:
        (n,) sums of log p in nats over the tokens that the assistant wrote, the end of each turn (eos) included, never
        those of the user's later turns; NaN if the dialogue does not fit in the context, if it has no such token, or if
        the chat template refuses it (see `Policy.can_answer`). And (n,) numbers of those tokens; 1 if refused.
    """
    try:
        dialogues = all_answer_tokens(policy, pairs)
    except RefusedDialogue:
        return _score_accepted(policy, pairs, batch_size)
    parts = [(i, begin, end) for i, dialogue in enumerate(dialogues) for begin, end in dialogue.find_answers()]
    requests = [(dialogues[i].ids[:begin], dialogues[i].ids[begin:end]) for i, begin, end in parts]
    owners = np.array([i for i, _, _ in parts], dtype=np.int64)
    n_tokens = np.array([end - begin for _, begin, end in parts], dtype=np.int64)
    sums, counts = np.zeros(len(pairs)), np.zeros(len(pairs), dtype=np.int64)
    np.add.at(sums, owners, log_likelihoods(policy, requests, batch_size))
    np.add.at(counts, owners, n_tokens)
    # The empty sum, 0, would be the best possible value.
    sums[counts == 0] = np.nan
    return sums, counts


def _can_score(policy: Policy, pair: tuple[Messages, Messages]) -> bool:
    """Whether the chat template renders a prompt with its answer so that the answer's tokens can be found."""
    try:
        all_answer_tokens(policy, [pair])
    except RefusedDialogue:
        return False
    return True


def _score_accepted(
    policy: Policy, pairs: Sequence[tuple[Messages, Messages]], batch_size: int | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """As `answer_log_likelihoods`, for pairs of which the chat template refuses some."""
    sums, n_tokens = np.full(len(pairs), np.nan), np.ones(len(pairs), dtype=np.int64)
    accepted = [i for i, pair in enumerate(pairs) if _can_score(policy, pair)]
    if accepted:
        sums[accepted], n_tokens[accepted] = answer_log_likelihoods(policy, [pairs[i] for i in accepted], batch_size)
    return sums, n_tokens


def generate(
    policy: Policy,
    prompts: Sequence[str],
    max_new_tokens: int,
    temperature: float = 0.0,
    seed: int = 0,
    batch_size: int | None = None,
) -> list[str]:
    """Generates a text after each prompt.

    Args:
        policy: the model to run.
        prompts: n texts exactly as the model gets them, BOS included (see `Policy.prompt_text`).
        max_new_tokens: maximum number of generated tokens; fewer if the context ends first.
        temperature: 0 always takes the most likely token; above 0, tokens are sampled.
        seed: seed of the sampling; each text has its own random stream.
        batch_size: as for `ask`.

    Returns:
        n texts without the prompt and without special tokens, up to eos. A prompt that leaves no room in the context
        gives an empty text; `fits_context` distinguishes it from an empty answer.
    """
    encoded = encode_all(policy, prompts)
    ids = [encoded[prompt] for prompt in prompts]
    generated = generate_detailed(policy, ids, max_new_tokens, temperature, seed, batch_size)
    return [one.text for one in generated]


def generate_detailed(
    policy: Policy,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    temperature: float = 0.0,
    seed: int = 0,
    batch_size: int | None = None,
) -> list[GeneratedText]:
    """Like `generate`, from token ids, with the length of each text and whether the model ended it."""
    seeds = [0] * len(prompts)
    if temperature > 0:
        seeds = [int(np.random.SeedSequence([seed, i]).generate_state(1)[0]) for i in range(len(prompts))]
    questions = [
        Generation(prompt, max_new_tokens, temperature, text_seed)
        for prompt, text_seed in zip(prompts, seeds, strict=True)
    ]
    return ask_each(policy, questions, batch_size)


def fits_context(policy: Policy, prompt: str, new_tokens: int = 1) -> bool:
    """Whether a prompt leaves room for `new_tokens` tokens in the model's context."""
    return len(encode(policy, prompt)) + new_tokens <= policy.context
