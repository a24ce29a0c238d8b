"""A policy without a model, whose log-likelihoods follow a rule: for benchmarks whose figures are then known."""

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from unipref.core.chat_models import Policy
from unipref.models.inference import GeneratedText, Generation, LogLikelihood, Question
from unipref.models.loading import CHAT_TEMPLATE

Rule = Callable[[str, str], float]
"""Text of the prompt and text of the continuation -> log p of the continuation, in nats."""


@functools.cache
def letters() -> PreTrainedTokenizerFast:
    """A tokenizer with one token per letter (of one byte) and BOS before plain text."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {piece: at for at, piece in enumerate(["<s>", "</s>", *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", chat_template=CHAT_TEMPLATE
    )


def text_of(ids: Sequence[int]) -> str:
    return str(letters().decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))


def fake_policy(context: int = 100_000) -> Policy:
    return Policy(model=None, tokenizer=letters(), name="fake", own_template=False, context=context)  # type: ignore[arg-type]


def answer_any(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers every question to a policy without a model, by the text alone: a likelihood, a distribution or a text."""

    def answers(policy: Policy, questions: Sequence[Question], *rest: Any) -> Iterator[tuple[int, Any]]:
        for owner, question in enumerate(questions):
            n = len(question.prompt)
            if not n:
                raise ValueError("a prompt needs at least one token")
            if isinstance(question, LogLikelihood):
                whole = [*question.prompt, *question.continuation]
                log_p = -(sum(whole) % 97) / 10 - len(question.continuation)
                yield owner, log_p if len(whole) <= policy.context else math.nan
            elif isinstance(question, Generation):
                text = ("The Nurse." if sum(question.prompt) % 2 else "one, two")[: question.max_new_tokens]
                yield owner, GeneratedText(text, len(text), True) if n < policy.context else GeneratedText("", 0, False)
            else:
                logits = np.sin(np.arange(len(policy.tokenizer)) * (1 + sum(question.prompt) % 7))
                log_p = logits - np.log(np.exp(logits).sum())
                yield owner, log_p if n <= policy.context else np.full_like(log_p, math.nan)

    monkeypatch.setattr("unipref.models.inference.answers._answer_questions", answers)


def answer_by(monkeypatch: pytest.MonkeyPatch, rule: Rule) -> list[tuple[str, str]]:
    """Lets benchmarks of likelihoods hear from this rule; gives the list in which every request is noted."""
    asked: list[tuple[str, str]] = []

    def log_likelihoods(policy: Policy, requests: Sequence[Any], batch_size: int | None = None) -> np.ndarray:
        texts = [(text_of(prompt), text_of(continuation)) for prompt, continuation in requests]
        asked.extend(texts)
        lengths = [len(prompt) + len(continuation) for prompt, continuation in requests]
        return np.array([rule(*t) if n <= policy.context else math.nan for t, n in zip(texts, lengths, strict=True)])

    monkeypatch.setattr("unipref.evaluate.likelihood.log_likelihoods", log_likelihoods)
    return asked


def constant(prompt: str, continuation: str) -> float:
    """A model that finds everything equally likely."""
    return 0.0


def uniform(prompt: str, continuation: str) -> float:
    """A model that finds each of 100 characters equally likely at every place: shorter texts are likelier."""
    return -len(continuation) * math.log(100)


def naive(policy: Policy, prompt: Sequence[int], continuation: Sequence[int]) -> float:
    """Log p of a continuation, one sequence at a time and straight from the definition."""
    ids = torch.tensor([[*prompt, *continuation]])
    with torch.no_grad():
        log_p = torch.log_softmax(policy.model(ids).logits[0].double(), dim=-1)
    start = len(prompt)
    return float(sum(log_p[start + at - 1, token] for at, token in enumerate(continuation)))
