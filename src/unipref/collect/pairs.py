"""The pairs of answers that judges compare, and what the answers themselves show."""

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import msgspec

from unipref.collect.answers import Answer, AnsweredPrompt
from unipref.collect.prompts import Prompt
from unipref.core.contracts import PairToJudge
from unipref.core.text_keys import digest

MOST_REPEATED = 0.5
"""An answer repeats itself if more than this share of its runs of four words occurred before in it."""
FEWEST_WORDS = 24
"""Words below which an answer is too short to say that it repeats itself."""


class OwnPair(NamedTuple):
    """A pair of the policy's answers: what a judge gets, the place of the prompt, and both answers."""

    to_judge: PairToJudge
    place: int
    first: Answer
    second: Answer


class AnswerCounts(msgspec.Struct):
    """What the answers show.

    Attributes:
        prompts: prompts with answers; unanswered: why not -> number of prompts.
        answers: number of answers; ended, empty, repetitive: how many the policy ended, have no text, repeat
            themselves; tokens: sum of their lengths.
        same: prompts whose answers are all the same text.
        pairs: different pairs with a text on both sides; unended_pairs: those with an answer that was cut off.
    """

    prompts: int = 0
    unanswered: dict[str, int] = {}
    answers: int = 0
    ended: int = 0
    empty: int = 0
    repetitive: int = 0
    tokens: int = 0
    same: int = 0
    pairs: int = 0
    unended_pairs: int = 0


def make_pairs(
    prompts: Sequence[Prompt], answered: Sequence[AnsweredPrompt], method: Literal["all", "adjacent"]
) -> tuple[list[OwnPair], AnswerCounts]:
    """Makes the pairs of different texts of each prompt, each text once; empty answers are in no pair."""
    counts = AnswerCounts()
    unanswered: Counter[str] = Counter()
    pairs: list[OwnPair] = []
    for prompt, one in zip(prompts, answered, strict=True):
        if one.why_not is not None:
            unanswered[one.why_not] += 1
            continue
        _count_answers(counts, one.answers)
        pairs += _pair_answers(prompt, one, method)
    counts.unanswered = dict(sorted(unanswered.items()))
    counts.pairs = len(pairs)
    counts.unended_pairs = sum(not (pair.first.ended and pair.second.ended) for pair in pairs)
    return pairs, counts


def _count_answers(counts: AnswerCounts, answers: Sequence[Answer]) -> None:
    counts.prompts += 1
    counts.answers += len(answers)
    counts.ended += sum(answer.ended for answer in answers)
    counts.empty += sum(not answer.text for answer in answers)
    counts.repetitive += sum(repeats_itself(answer.text) for answer in answers)
    counts.tokens += sum(answer.n_tokens for answer in answers)
    counts.same += len({answer.text for answer in answers}) == 1


def _pair_answers(prompt: Prompt, one: AnsweredPrompt, method: str) -> Iterator[OwnPair]:
    distinct = list_distinct(one.answers)
    both = itertools.pairwise(distinct) if method == "adjacent" else itertools.combinations(distinct, 2)
    for first, second in both:
        key = digest(prompt.key, prompt.messages[-1]["content"], first.text, second.text)
        to_judge = PairToJudge(key, prompt.messages, first.text, second.text, first.ended, second.ended)
        yield OwnPair(to_judge, one.place, first, second)


def list_distinct(answers: Sequence[Answer]) -> list[Answer]:
    """Returns the answers with a text, each text once: of two equal ones, the one that the policy ended."""
    by_text: dict[str, Answer] = {}
    for answer in answers:
        if answer.text and (answer.text not in by_text or (answer.ended and not by_text[answer.text].ended)):
            by_text[answer.text] = answer
    return list(by_text.values())


def repeats_itself(text: str) -> bool:
    """Whether most runs of four words of a text occurred before in it."""
    words = re.findall(r"\w+", text.lower())
    runs = [tuple(words[at : at + 4]) for at in range(len(words) - 3)]
    return len(words) >= FEWEST_WORDS and 1 - len(set(runs)) / len(runs) > MOST_REPEATED
