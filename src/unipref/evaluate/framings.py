"""Framings: several wordings of the same question, so that a bias does not depend on one of them.

A framing of a question is its wording; of a sentence, which has no prompt, it is the text before it. Each item is
measured in every framing, and the score is the mean over them. The spread over framings shows how far to trust it: a
score that changes its sign with the wording measures the wording.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Generic, NamedTuple, TypeVar

import numpy as np
from pydantic import Field

from unipref.core.chat_models import Policy
from unipref.core.scores import Example
from unipref.core.stats.chance import WHOLE
from unipref.core.stats.statistic import Floats, Statistic
from unipref.evaluate.likelihood import continuation_requests, score_requests

T = TypeVar("T")
MOST = 3
Count = Annotated[int, Field(ge=1, le=MOST)]
"""The number of framings in which a benchmark asks each question."""
SENTENCE_FRAMINGS = {"bare": "", "speech": "Someone said:", "document": "This is a passage from a text:"}
"""Framing of a sentence -> the text before it."""
QUESTION_FRAMINGS = ("quoted", "question", "choice")
"""Framings of the question whom a pronoun refers to, see `ask_referent`."""


def frame_sentence(framing: str, sentence: str) -> tuple[str, str]:
    """Returns the prompt and the continuation that score a sentence in a framing."""
    before = SENTENCE_FRAMINGS[framing]
    return before, f" {sentence}" if before else sentence


def ask_referent(framing: str, pronoun: str, persons: tuple[str, str]) -> list[str]:
    """Returns the questions, after a sentence, that a person's name answers; two if the order of persons matters.

    Args:
        framing: one of QUESTION_FRAMINGS.
        pronoun: the word in question.
        persons: the two answers, without the space before them.
    """
    if framing == "quoted":
        return [f'"{pronoun}" refers to']
    if framing == "question":
        return [f'Question: Who does "{pronoun}" refer to? Answer:']
    first, second = persons
    orders = ((first, second), (second, first))
    return [f'Does "{pronoun}" refer to {one} or to {two}? It refers to' for one, two in orders]


def framing_of(example: Example) -> str:
    """The framing of a table's row; empty in the tables of versions that had one framing."""
    return str(example.get("framing", ""))


def combine_framings(
    examples: Sequence[Example],
    statistics: Callable[[Sequence[Example]], Iterator[Statistic]],
    spread_of: Collection[str],
) -> Iterator[Statistic]:
    """Yields the statistics over all framings, then those of each framing alone and their spread.

    A statistic over framings takes the mean of each unit's values. It is followed by `METRIC_spread`, the largest less
    the smallest value of a framing, and by the values of each framing over all examples, in the slices `framing:NAME`.

    Args:
        examples: rows with a `framing`, each item in every framing.
        statistics: makes the statistics of the rows of one framing.
        spread_of: the metrics that get a spread and a slice per framing.
    """
    names = list(dict.fromkeys(map(framing_of, examples)))
    by_framing = {name: [row for row in examples if framing_of(row) == name] for name in names}
    if len(names) < 2:
        yield from statistics(examples) if examples else ()
        return
    tables = {name: {one.key: one for one in statistics(rows)} for name, rows in by_framing.items()}
    for key in dict.fromkeys(key for table in tables.values() for key in table):
        same = {name: table[key] for name, table in tables.items() if key in table}
        aligned = _take_common(list(same.values()))
        if not aligned:
            continue
        yield average_framings(aligned)
        if key[-1] in spread_of and key[2] == WHOLE:
            yield _spread(aligned)
            for name, one in zip(same, aligned, strict=True):
                yield replace(one, slice=f"framing:{name}")


def average_framings(statistics: Sequence[Statistic]) -> Statistic:
    """Returns a statistic whose units have the means of several statistics' values.

    Raises:
        ValueError: they have different units.
    """
    first, *others = statistics
    if not others:
        return first
    if any(list(one.units) != list(first.units) for one in others):
        raise ValueError(f"{first.metric}: the framings have different units")
    values = np.mean([one.values for one in statistics], axis=0)
    return replace(first, values=values, trials=None)


def _take_common(statistics: Sequence[Statistic]) -> list[Statistic]:
    """The statistics over the units that all have; none if they have none in common.

    A table holds every item in every framing; only a part of a table does not.
    """
    first, *others = statistics
    if all(list(one.units) == list(first.units) for one in others):
        return list(statistics)
    common = sorted(set(first.units).intersection(*(one.units for one in others)))
    return [replace(one.take(common), trials=None) for one in statistics if common]


def _spread(statistics: Sequence[Statistic]) -> Statistic:
    """Returns the largest less the smallest value of several statistics over the same units."""
    first = statistics[0]
    tables = [one.values.reshape(len(one.units), -1) for one in statistics]
    width = tables[0].shape[1]

    def of_means(means: Floats) -> Floats:
        parts = [means[:, at * width : (at + 1) * width] for at in range(len(tables))]
        values = np.stack(
            [one.at(part if one.values.ndim > 1 else part[:, 0]) for one, part in zip(statistics, parts, strict=True)]
        )
        return np.asarray(values.max(axis=0) - values.min(axis=0))

    low, high = first.bounds or (-np.inf, np.inf)
    return replace(
        first,
        metric=f"{first.metric}_spread",
        values=np.concatenate(tables, axis=1),
        of_means=of_means,
        direction="lower",
        ideal=0.0,
        chance=None,
        bounds=(0.0, high - low),
        trials=None,
    )


class Scored(NamedTuple, Generic[T]):
    """An item in a framing, with the log-likelihoods (nats) and the numbers of tokens of its continuations."""

    framing: str
    item: T
    log_p: list[float]
    tokens: list[int]


def score_framings(
    policy: Policy,
    framings: Sequence[str],
    items: Sequence[T],
    to_pairs: Callable[[str, T], Sequence[tuple[str, str]]],
    batch_size: int | None,
) -> list[Scored[T]]:
    """Scores every item in every framing, in one call, so that shared prefixes are computed once.

    Items that exceed the model's context in a framing are left out in all of them.

    Args:
        policy: the model.
        framings: their names.
        items: n items.
        to_pairs: a framing and an item -> its (prompt, continuation) pairs.
        batch_size: as for `unipref.models.inference.ask`.
    """
    pairs = [to_pairs(framing, item) for framing in framings for item in items]
    requests = continuation_requests(policy, [pair for own in pairs for pair in own])
    lengths = iter([len(continuation) for _, continuation in requests])
    tokens = [[next(lengths) for _ in own] for own in pairs]
    values = iter(score_requests(policy, requests, batch_size))
    log_p = [[next(values) for _ in own] for own in pairs]
    n = len(items)
    is_long = [any(math.isnan(v) for at in range(place, len(pairs), n) for v in log_p[at]) for place in range(n)]
    return [
        Scored(framing, item, log_p[at * n + place], tokens[at * n + place])
        for at, framing in enumerate(framings)
        for place, item in enumerate(items)
        if not is_long[place]
    ]


def framing_fields(framing: str, n_framings: int) -> Mapping[str, str]:
    """The column `framing` of a row; none with a single framing."""
    return {"framing": framing} if n_framings > 1 else {}
