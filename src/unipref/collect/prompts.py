"""Reads the prompts of sources, each once, and adds constraints to them."""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from unipref import sources
from unipref.core import patterns
from unipref.core.answer_checks.constraints import Constraint, ConstraintSettings, add_constraints, draw_constraints
from unipref.core.messages import have_parts
from unipref.core.records import Feedback, Messages, Reject
from unipref.core.text_keys import digest, prompt_key
from unipref.study.collecting import Prompts
from unipref.unify import ResolvedSource


class Prompt(NamedTuple):
    """A prompt to answer.

    Attributes:
        key: of the prompt without constraints.
        messages: the prompt with its constraints.
        source: where it comes from.
        constraints: what was added to it.
    """

    key: str
    messages: Messages
    source: str
    constraints: tuple[Constraint, ...] = ()


@dataclass
class PromptCounts:
    """What became of the rows of a source.

    Attributes:
        rows: rows read; unread: rows or parts that its format rejects; repeated: prompts that an earlier row has;
        with_parts: prompts with tools or images, which are left out; held_out: prompts that a study holds out or that
        a benchmark has, which are left out too; used: prompts used.
        reasons: why rows were not read.
    """

    rows: int = 0
    unread: int = 0
    repeated: int = 0
    with_parts: int = 0
    held_out: int = 0
    used: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


def read_prompts(
    resolved: Sequence[ResolvedSource], settings: Prompts, folder: Path
) -> tuple[list[Prompt], dict[str, PromptCounts]]:
    """Reads the prompts of all sources; of more than `settings.most`, those with the least hashes.

    Args:
        resolved: the sources.
        settings: how many prompts.
        folder: for the indices of joined tables.

    Returns:
        The prompts in an order that depends on the seed and their content alone; source -> its counts.
    """
    counts: dict[str, PromptCounts] = {}
    prompts = rank_prompts(iterate_sources(resolved, counts, folder), str(settings.seed), counts, settings.most)
    for prompt in prompts:
        counts[prompt.source].used += 1
    return prompts, counts


def rank_prompts(
    found: Iterable[tuple[str, Messages]], seed: str, counts: dict[str, PromptCounts], most: int | None = None
) -> list[Prompt]:
    """Returns each prompt once, in an order that depends on the seed and their content alone.

    Args:
        found: source and prompt.
        seed: of the order.
        counts: source -> its counts, which count what is left out.
        most: most prompts, the first ones of the order; None: all.
    """
    ranked = ((digest(seed, key), Prompt(key, messages, name)) for name, key, messages in _iterate_new(found, counts))
    return [prompt for _, prompt in (sorted(ranked) if most is None else heapq.nsmallest(most, ranked))]


def rank_keys(found: Iterable[tuple[str, Messages]], seed: str, counts: dict[str, PromptCounts]) -> list[str]:
    """Returns the key of each prompt in the order of `rank_prompts`, without the texts; arguments as there."""
    return [key for _, key in sorted((digest(seed, key), key) for _, key, _ in _iterate_new(found, counts))]


def _iterate_new(
    found: Iterable[tuple[str, Messages]], counts: dict[str, PromptCounts]
) -> Iterator[tuple[str, str, Messages]]:
    """Yields source, key and messages of each prompt once, and counts what is left out."""
    seen = set[str]()
    for name, messages in found:
        key = prompt_key(messages)
        if have_parts(messages):
            counts[name].with_parts += 1
        elif key in seen:
            counts[name].repeated += 1
        else:
            seen.add(key)
            yield name, key, messages


def iterate_sources(
    resolved: Sequence[ResolvedSource], counts: dict[str, PromptCounts], folder: Path
) -> Iterator[tuple[str, Messages]]:
    """Yields source and prompt of every row that can be read; `counts` gets the counts of each source.

    Args:
        resolved: the sources.
        counts: source -> its counts.
        folder: for the indices of joined tables.
    """
    for source in resolved:
        name = source.projection.source
        own = counts[name] = PromptCounts()
        for messages in _iterate_prompts(source, own, folder):
            yield name, messages


def _iterate_prompts(source: ResolvedSource, counts: PromptCounts, folder: Path) -> Iterator[Messages]:
    patterns.limit_rows(source.row_seconds)
    with sources.joined(source.parts, folder) as read:
        for part in source.parts:
            for _, row in read(part):
                counts.rows += 1
                if isinstance(row, Reject):
                    _count_reject(counts, row)
                    continue
                try:
                    for record in source.format.read(row):
                        if isinstance(record, Feedback):
                            yield record.prompt
                        else:
                            _count_reject(counts, record)
                except Reject as reject:
                    _count_reject(counts, reject)


def _count_reject(counts: PromptCounts, reject: Reject) -> None:
    counts.unread += 1
    counts.reasons[str(reject.reason)] += 1


def constrain(prompts: Sequence[Prompt], settings: ConstraintSettings | None) -> list[Prompt]:
    """Returns the prompts with constraints added."""
    if settings is None:
        return list(prompts)
    constrained = []
    for prompt in prompts:
        constraints = draw_constraints(prompt.messages, settings)
        messages = add_constraints(prompt.messages, constraints) if constraints else prompt.messages
        constrained.append(prompt._replace(messages=messages, constraints=tuple(constraints)))
    return constrained
