"""Answers all questions to a policy in one call: shared prefixes are computed once for all kinds of questions."""

import contextlib
import contextvars
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from unipref.core.chat_models import Policy, RewardModel
from unipref.models.inference import forward, prefix_trees
from unipref.models.inference.batching import run_in_batches
from unipref.models.inference.generation import (
    TextInProgress,
    finish_texts,
    generate_without_trees,
    is_batch_full,
    start_texts,
)
from unipref.models.inference.prefix_trees import Branch, Row, pack_into_rows
from unipref.models.inference.questions import GeneratedText, Generation, LogLikelihood, Question

TOKENS_ON_CPU = 4096
TOKENS_ON_ACCELERATOR = 16384
"""Tokens per forward pass. A CPU gains nothing from more; an accelerator needs more to be busy."""

MAX_ROWS = 256

Asker = Callable[[Policy, Sequence[Sequence[Question]], int | None], Iterator[tuple[int, list[Any]]] | None]
"""Answers the questions of `ask` elsewhere, or returns None if it does not."""

_ASKER: contextvars.ContextVar[Asker | None] = contextvars.ContextVar("asker", default=None)


@contextlib.contextmanager
def use_asker(asker: Asker) -> Iterator[None]:
    """Lets `asker` answer what `ask` is asked within the context."""
    token = _ASKER.set(asker)
    try:
        yield
    finally:
        _ASKER.reset(token)


def ask(
    policy: Policy, groups: Sequence[Sequence[Question]], batch_size: int | None = None
) -> Iterator[tuple[int, list[Any]]]:
    """Asks all questions at once. Shared prefixes are computed once, and generation continues from their cache.

    The answers of a group are yielded together. So what needs several of them (the divergence of two distributions)
    can be computed, and the large ones freed. An answer depends only on its question, up to floating-point rounding.

    Args:
        policy: the model to run.
        groups: n groups of questions of any kind; a group holds the questions about one item.
        batch_size: maximum number of rows per pass, where a row is a text or several texts with a shared prefix; None:
            as many as the token budget allows. Halved when memory runs out.

    Yields:
        Number and answers of each group, in any order. Texts that exceed `policy.context` are never cut: the answer to
        `LogLikelihood` is then NaN, to `NextToken` all NaN, and to `Generation` an empty text that has not ended. Check
        with `fits_context`.

    Raises:
        UserError: a single text does not fit in memory, or the model outputs NaN (its training diverged).
    """
    asker = _ASKER.get()
    if asker is not None and (elsewhere := asker(policy, groups, batch_size)) is not None:
        yield from elsewhere
        return
    questions = [question for group in groups for question in group]
    numbers = [number for number, group in enumerate(groups) for _ in group]
    answers: list[list[Any]] = [[None] * len(group) for group in groups]
    starts = [0]
    for group in groups:
        starts.append(starts[-1] + len(group))
    n_missing = [len(group) for group in groups]
    for number, group in enumerate(groups):
        if not group:
            yield number, []
    for owner, answer in _answer_questions(policy, questions, numbers, batch_size):
        number = numbers[owner]
        answers[number][owner - starts[number]] = answer
        n_missing[number] -= 1
        if not n_missing[number]:
            yield number, answers[number]
            answers[number] = []


def ask_each(policy: Policy, questions: Sequence[Question], batch_size: int | None = None) -> list[Any]:
    """Answers single questions, in order; errors and NaN as for `ask`."""
    answers_in_order: list[Any] = [None] * len(questions)
    for number, answers in ask(policy, [[question] for question in questions], batch_size):
        answers_in_order[number] = answers[0]
    return answers_in_order


def _answer_questions(
    policy: Policy, questions: Sequence[Question], groups: Sequence[int], batch_size: int | None
) -> Iterator[tuple[int, Any]]:
    reach = forward.tree_reach(policy)
    branching: list[Branch] = []
    plain: list[Branch] = []
    unshared: list[tuple[int, Generation, int]] = []
    for owner, question in enumerate(questions):
        branch, answer = _to_branch(policy, question, owner, groups[owner])
        if branch is None:
            yield owner, answer
        elif len(branch.ids) + branch.room <= reach:
            branching.append(branch)
        elif isinstance(question, Generation):
            unshared.append((owner, question, branch.room))
        else:
            plain.append(branch)
    for branches, as_trees in ((branching, True), (plain, False)):
        rows = pack_into_rows(branches, as_trees)
        yield from _run_rows(policy, rows, questions, batch_size)
    yield from _generate_unshared(policy, unshared, batch_size)


def _to_branch(policy: Policy, question: Question, owner: int, group: int) -> tuple[Branch | None, Any]:
    """The sequence to run for a question and None; or None and the answer if nothing has to be run."""
    if not question.prompt:
        raise ValueError("a prompt needs at least one token: nothing predicts the first one")
    prompt = tuple(question.prompt)
    if isinstance(question, LogLikelihood):
        whole = (*prompt, *question.continuation)
        if not question.continuation:
            return None, 0.0
        # The last token is only predicted, never read.
        fits = len(whole) <= policy.context
        return (Branch(whole[:-1], len(prompt) - 1, owner, group), None) if fits else (None, math.nan)
    if isinstance(question, Generation):
        room = min(question.max_new_tokens, policy.context - len(prompt))
        return (
            (Branch(prompt, len(prompt) - 1, owner, group, room), None)
            if room > 0
            else (None, GeneratedText("", 0, False))
        )
    if len(prompt) > policy.context:
        return None, np.full(forward.vocabulary_size(policy), math.nan)
    return Branch(prompt, len(prompt) - 1, owner, group), None


def _run_rows(
    policy: Policy, rows: Sequence[Row], questions: Sequence[Question], batch_size: int | None
) -> Iterator[tuple[int, Any]]:
    def run(part: Sequence[Row]) -> tuple[dict[int, Any], list[TextInProgress]]:
        if len(part) > 1 and (
            forward.count_logits(policy, part) > forward.MAX_LOGITS
            or sum(row.copied for row in part) > prefix_trees.MAX_COPIED_TOKENS
        ):
            half = len(part) // 2
            (answers, texts), (more_answers, more_texts) = run(part[:half]), run(part[half:])
            return answers | more_answers, texts + more_texts
        output = forward.read_rows(policy, part, keep_cache=any(row.room for row in part))
        return forward.read_answers(policy, output, part, questions), start_texts(policy, output, part, questions)

    texts: list[TextInProgress] = []
    max_rows, max_tokens = batch_size or MAX_ROWS, token_budget(policy)
    for _, (answers, started) in run_in_batches(rows, run, max_rows, lambda row: row.size, max_tokens, "reading texts"):
        yield from answers.items()
        texts += started
        if is_batch_full(policy, texts):
            yield from finish_texts(policy, texts, batch_size)
            texts = []
    yield from finish_texts(policy, texts, batch_size)


def token_budget(model: Policy | RewardModel) -> int:
    """Maximum tokens per forward pass, padding included."""
    return TOKENS_ON_CPU if model.model.device.type == "cpu" else TOKENS_ON_ACCELERATOR


def _generate_unshared(
    policy: Policy, items: Sequence[tuple[int, Generation, int]], batch_size: int | None
) -> Iterator[tuple[int, GeneratedText]]:
    by_settings: dict[tuple[int, float, int], list[tuple[int, Generation]]] = {}
    for owner, question, room in items:
        # One token limit and one seed per batch, so that a text does not depend on its neighbours.
        seed = question.seed if question.temperature > 0 else 0
        by_settings.setdefault((room, question.temperature, seed), []).append((owner, question))
    for room, temperature, seed in sorted(by_settings, reverse=True):
        ordered = sorted(by_settings[room, temperature, seed], key=lambda item: (-len(item[1].prompt), item[0]))

        def run(part: Sequence[tuple[int, Generation]], room: int = room) -> list[GeneratedText]:
            return generate_without_trees(policy, [question for _, question in part], room)

        def size(item: tuple[int, Generation], room: int = room) -> int:
            return len(item[1].prompt) + room

        most, budget = batch_size or MAX_ROWS, token_budget(policy)
        for part, texts in run_in_batches(ordered, run, most, size, budget, "generating answers"):
            yield from zip((owner for owner, _ in part), texts, strict=True)
