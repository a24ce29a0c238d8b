"""Asks a policy in several processes, each with its own copy of the model and one thread.

Two threads on one pass help little, and harm on a busy machine; two processes are nearly twice as fast. The questions
are cut into parts that do not depend on the number of processes, so the answers do not either.
"""

import contextlib
import functools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from unipref.core.chat_models import Policy
from unipref.core.work_progress import report_work
from unipref.core.workers import Local
from unipref.models import inference, loading
from unipref.models.inference import Generation, LogLikelihood, Question

PART_TOKENS = 16_384
"""Tokens in a part, prompts and longest answers together: enough for full batches, few enough to share out evenly."""
LEAST_PARTS = 2

Groups = Sequence[Sequence[Question]]


class Part(NamedTuple):
    """What one process needs to answer some groups of questions.

    Attributes:
        model, precision: the policy's folder or hub name, and the type of its weights.
        groups: the questions.
        batch_size: as for `inference.ask`.
    """

    model: str
    precision: str
    groups: Groups
    batch_size: int | None


@contextlib.contextmanager
def use_processes(jobs: int) -> Iterator[None]:
    """Answers all questions to policies within the context in this many processes; 1: in this process.

    Each process loads the model, so it takes as much memory again. Only likelihoods and generations on a CPU are
    shared out, and only if there are enough of them for two parts.

    Raises:
        UserError: a process died, for example because memory ran out.
    """
    if jobs == 1:
        yield
        return
    with Local(jobs, on_progress=report_work) as engine, inference.use_asker(functools.partial(_ask, engine)):
        yield


def _ask(
    engine: Local, policy: Policy, groups: Groups, batch_size: int | None
) -> Iterator[tuple[int, list[Any]]] | None:
    """Yields number and answers of each group; None if the questions are not for several processes."""
    if policy.model.device.type != "cpu" or not all(map(_is_light, groups)):
        return None
    parts = cut_into_parts(groups)
    if len(parts) < LEAST_PARTS:
        return None
    return _ask_parts(engine, policy, groups, parts, batch_size)


def _ask_parts(
    engine: Local, policy: Policy, groups: Groups, parts: Sequence[range], batch_size: int | None
) -> Iterator[tuple[int, list[Any]]]:
    precision = loading.find_precision(policy.model)
    tasks = [Part(policy.name, precision, [groups[at] for at in part], batch_size) for part in parts]
    report_work("answering", 0, len(tasks))
    for part, answers in zip(parts, engine.map(answer_part, tasks, label="answering"), strict=True):
        yield from zip(part, answers, strict=True)


def _is_light(group: Sequence[Question]) -> bool:
    """Whether no answer is a whole distribution, which costs more to hand over than to compute."""
    return all(isinstance(question, LogLikelihood | Generation) for question in group)


def cut_into_parts(groups: Groups) -> list[range]:
    """Cuts groups, in their order, into parts of about `PART_TOKENS`; neighbours often share their beginnings."""
    starts, size = [0], 0
    for at, group in enumerate(groups):
        own = sum(map(_count_tokens, group))
        if size and size + own > PART_TOKENS:
            starts.append(at)
            size = 0
        size += own
    return [range(start, end) for start, end in zip(starts, [*starts[1:], len(groups)], strict=True)]


def _count_tokens(question: Question) -> int:
    if isinstance(question, LogLikelihood):
        return len(question.prompt) + len(question.continuation)
    return len(question.prompt) + (question.max_new_tokens if isinstance(question, Generation) else 1)


def answer_part(part: Part) -> list[list[Any]]:
    """Answers the groups of a part, in their order."""
    answers: list[list[Any]] = [[] for _ in part.groups]
    for number, found in inference.ask(_load(part.model, part.precision), part.groups, part.batch_size):
        answers[number] = found
    return answers


@functools.lru_cache(maxsize=1)
def _load(model: str, precision: str) -> Policy:
    return loading.load_policy(model, precision)
