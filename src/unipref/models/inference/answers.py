"""One call for all that is asked of a policy: shared starts of texts are read once, whatever is asked about them."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from unipref.models.inference import forward, prefix_trees
from unipref.models.inference.batching import in_batches
from unipref.models.inference.generation import Text, enough, texts_of, write_on, write_plain
from unipref.models.inference.prefix_trees import Branch, Row, plan
from unipref.models.inference.questions import LogLikelihood, Question, Writing, Written
from unipref.models.loading import Policy, RewardModel

TOKENS_ON_CPU = 4096
TOKENS_ON_ACCELERATOR = 16384
"""Tokens of one pass. A CPU gains nothing from more; an accelerator has to be kept busy."""

ROWS_AT_ONCE = 256


def ask(
    policy: Policy, groups: Sequence[Sequence[Question]], batch_size: int | None = None
) -> Iterator[tuple[int, list[Any]]]:
    """Asks everything at once. Texts that start alike are read once, and texts are written on from what was read.

    The answers to a group come together, so that what needs several of them (the divergence of two distributions) can
    be computed and the large ones let go. An answer depends on its question alone, up to floating-point rounding.

    Args:
        policy: the model asked.
        groups: n groups of questions, of any kinds; what is asked about one item is a group.
        batch_size: most rows of one pass, where a row is a text or several that start alike; None: as many as a number
            of tokens allows. Halved when memory runs out.

    Yields:
        Number and answers of each group, in no particular order. What does not fit in `policy.context` is never cut:
        the answer to `LogLikelihood` is NaN then, that to `NextToken` all NaN, and that to `Writing` an empty text that
        has not ended; `fits` tells before.

    Raises:
        UserError: one text alone does not fit in memory, or the model gives no numbers (its training diverged).
    """
    questions = [question for group in groups for question in group]
    numbers = [number for number, group in enumerate(groups) for _ in group]
    answers: list[list[Any]] = [[None] * len(group) for group in groups]
    starts = [0]
    for group in groups:
        starts.append(starts[-1] + len(group))
    missing = [len(group) for group in groups]
    for number, group in enumerate(groups):
        if not group:
            yield number, []
    for owner, answer in _answers(policy, questions, numbers, batch_size):
        number = numbers[owner]
        answers[number][owner - starts[number]] = answer
        missing[number] -= 1
        if not missing[number]:
            yield number, answers[number]
            answers[number] = []


def ask_each(policy: Policy, questions: Sequence[Question], batch_size: int | None = None) -> list[Any]:
    """The answers to single questions, in their order; errors and NaN as for `ask`."""
    found: list[Any] = [None] * len(questions)
    for number, answers in ask(policy, [[question] for question in questions], batch_size):
        found[number] = answers[0]
    return found


def _answers(
    policy: Policy, questions: Sequence[Question], groups: Sequence[int], batch_size: int | None
) -> Iterator[tuple[int, Any]]:
    reach = forward.tree_reach(policy)
    branching: list[Branch] = []
    plain: list[Branch] = []
    alone: list[tuple[int, Writing, int]] = []
    for owner, question in enumerate(questions):
        branch, answer = _branch(policy, question, owner, groups[owner])
        if branch is None:
            yield owner, answer
        elif len(branch.ids) + branch.room <= reach:
            branching.append(branch)
        elif isinstance(question, Writing):
            alone.append((owner, question, branch.room))
        else:
            plain.append(branch)
    for branches, as_trees in ((branching, True), (plain, False)):
        rows = plan(branches, as_trees)
        yield from _read(policy, rows, questions, batch_size)
    yield from _written_alone(policy, alone, batch_size)


def _branch(policy: Policy, question: Question, owner: int, group: int) -> tuple[Branch | None, Any]:
    """The sequence that must be run to answer a question; None and the answer where there is none to run."""
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
    if isinstance(question, Writing):
        room = min(question.max_new_tokens, policy.context - len(prompt))
        return (
            (Branch(prompt, len(prompt) - 1, owner, group, room), None) if room > 0 else (None, Written("", 0, False))
        )
    if len(prompt) > policy.context:
        return None, np.full(forward.vocabulary(policy), math.nan)
    return Branch(prompt, len(prompt) - 1, owner, group), None


def _read(
    policy: Policy, rows: Sequence[Row], questions: Sequence[Question], batch_size: int | None
) -> Iterator[tuple[int, Any]]:
    def run(part: Sequence[Row]) -> tuple[dict[int, Any], list[Text]]:
        if len(part) > 1 and (
            forward.logits_held(policy, part) > forward.LOGITS_AT_ONCE
            or sum(row.copied for row in part) > prefix_trees.COPIED_AT_ONCE
        ):
            half = len(part) // 2
            (answers, texts), (more_answers, more_texts) = run(part[:half]), run(part[half:])
            return answers | more_answers, texts + more_texts
        read = forward.read_rows(policy, part, keep_cache=any(row.room for row in part))
        return forward.read_answers(policy, read, part, questions), texts_of(policy, read, part, questions)

    texts: list[Text] = []
    most, budget = batch_size or ROWS_AT_ONCE, tokens_at_once(policy)
    for _, (answers, begun) in in_batches(rows, run, most, lambda row: row.size, budget):
        yield from answers.items()
        texts += begun
        if enough(policy, texts):
            yield from write_on(policy, texts, batch_size)
            texts = []
    yield from write_on(policy, texts, batch_size)


def tokens_at_once(model: Policy | RewardModel) -> int:
    """The tokens of one pass, padding included."""
    return TOKENS_ON_CPU if model.model.device.type == "cpu" else TOKENS_ON_ACCELERATOR


def _written_alone(
    policy: Policy, items: Sequence[tuple[int, Writing, int]], batch_size: int | None
) -> Iterator[tuple[int, Written]]:
    alike: dict[tuple[int, float, int], list[tuple[int, Writing]]] = {}
    for owner, question, room in items:
        # One limit per batch, and one seed: what a prompt gets must not depend on its neighbours.
        seed = question.seed if question.temperature > 0 else 0
        alike.setdefault((room, question.temperature, seed), []).append((owner, question))
    for room, temperature, seed in sorted(alike, reverse=True):
        asked = sorted(alike[room, temperature, seed], key=lambda item: (-len(item[1].prompt), item[0]))

        def run(part: Sequence[tuple[int, Writing]], room: int = room) -> list[Written]:
            return write_plain(policy, [question for _, question in part], room)

        def size(item: tuple[int, Writing], room: int = room) -> int:
            return len(item[1].prompt) + room

        for part, texts in in_batches(asked, run, batch_size or ROWS_AT_ONCE, size, tokens_at_once(policy)):
            yield from zip((owner for owner, _ in part), texts, strict=True)
