"""Batched inference: log-likelihoods, next-token distributions, generation and rewards. For train and evaluate.

`ask` answers any mix of questions to a policy in as few passes as it can: what several texts have in common is read
once. The other functions ask one kind of question.

Everything here works on token ids that were encoded one text at a time, so a result does not depend on what else is in
the batch beyond floating-point rounding. What is longer than the model's context is never cut: it gives NaN, or an
empty generation.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from unipref.core.records import Messages
from unipref.models.inference.answers import ask, ask_each
from unipref.models.inference.questions import LogLikelihood, NextToken, Question, Writing, Written
from unipref.models.inference.reward_scores import rewards
from unipref.models.inference.tokens import (
    Request,
    all_answer_ids,
    all_continuation_ids,
    answer_ids,
    continuation_ids,
    encode,
    encode_all,
    opening_ids,
    start_ids,
)
from unipref.models.loading import Policy

__all__ = [
    "LogLikelihood",
    "NextToken",
    "Question",
    "Request",
    "Writing",
    "Written",
    "all_answer_ids",
    "all_continuation_ids",
    "answer_ids",
    "answer_log_likelihoods",
    "ask",
    "ask_each",
    "continuation_ids",
    "encode",
    "encode_all",
    "fits",
    "generate",
    "log_likelihoods",
    "opening_ids",
    "rewards",
    "start_ids",
    "write",
]


def log_likelihoods(
    policy: Policy, requests: Sequence[Request], batch_size: int | None = None
) -> npt.NDArray[np.float64]:
    """Sum of log p (nats) of the continuation's ids after the prompt's ids.

    Args:
        policy: the model asked.
        requests: n pairs (prompt ids, continuation ids); a prompt has at least one id.
        batch_size: as for `ask`.

    Returns:
        (n,) floats; 0 for an empty continuation; NaN where prompt and continuation are longer than `policy.context`,
        and nowhere else.

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
        policy: the model asked.
        pairs: n pairs (prompt, answer), as messages.
        batch_size: as for `ask`.

    Returns:
        (n,) sums of log p in nats over the answer's tokens, its eos included, NaN where it does not fit in the
        context; and (n,) numbers of those tokens.
    """
    requests = all_answer_ids(policy, pairs)
    n_tokens = np.array([len(continuation) for _, continuation in requests], dtype=np.int64)
    return log_likelihoods(policy, requests, batch_size), n_tokens


def generate(
    policy: Policy,
    prompts: Sequence[str],
    max_new_tokens: int,
    temperature: float = 0.0,
    seed: int = 0,
    batch_size: int | None = None,
) -> list[str]:
    """What the model writes after each prompt.

    Args:
        policy: the model asked.
        prompts: n texts as the model shall see them, BOS written out (`Policy.prompt_text` gives such).
        max_new_tokens: most tokens written; fewer where the context ends before.
        temperature: 0 takes the most likely token each time, otherwise tokens are drawn.
        seed: for drawing; each text has a stream of its own.
        batch_size: as for `ask`.

    Returns:
        n texts without the prompt and without special tokens, up to eos. A prompt that leaves no room in the context
        gives an empty text: `fits` tells such a prompt from a model that has nothing to say.
    """
    encoded = encode_all(policy, prompts)
    ids = [encoded[prompt] for prompt in prompts]
    return [written.text for written in write(policy, ids, max_new_tokens, temperature, seed, batch_size)]


def write(
    policy: Policy,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    temperature: float = 0.0,
    seed: int = 0,
    batch_size: int | None = None,
) -> list[Written]:
    """As `generate`, from token ids, with the length of each text and whether the model ended it."""
    seeds = [0] * len(prompts)
    if temperature > 0:
        seeds = [int(np.random.SeedSequence([seed, i]).generate_state(1)[0]) for i in range(len(prompts))]
    questions = [Writing(prompt, max_new_tokens, temperature, own) for prompt, own in zip(prompts, seeds, strict=True)]
    return ask_each(policy, questions, batch_size)


def fits(policy: Policy, prompt: str, new_tokens: int = 1) -> bool:
    """Whether a prompt leaves room for so many new tokens in the model's context."""
    return len(encode(policy, prompt)) + new_tokens <= policy.context
