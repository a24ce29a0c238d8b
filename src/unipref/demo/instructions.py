"""Generates small verifiable instructions: prompts with right and wrong answers, in twelve types.

Each task names the rule that checks its answers; the rules are in `unipref.core.answer_checks.rules`.
"""

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from unipref.demo.coreference import PARTS, Part
from unipref.demo.vocabulary import ADJECTIVES, CLOSERS, COLOURS, COUNTS, KINDS, OPENERS, THINGS, TIMES, WORDS, Thing


@dataclass(frozen=True)
class Task:
    """One prompt with its rule.

    Attributes:
        prompt: the user's turn.
        rule, arguments: the rule that checks an answer.
        right: an answer that follows it.
        wrong: two answers that do not: one that ignores the instruction, and a near miss.
    """

    prompt: str
    rule: str
    arguments: dict[str, Any]
    right: str
    wrong: tuple[str, str]


Variants = list[Task]
"""One task in several wordings."""

ASPECTS = ("colour", "place", "kind")


def question(thing: Thing, aspect: str) -> str:
    """A question about an aspect of a thing."""
    templates = {"colour": "What colour is the {}?", "place": "Where is the {}?", "kind": "What is the {}?"}
    return templates[aspect].format(thing.name)


def statement(thing: Thing, aspect: str, subject: str | None = None) -> str:
    """The full sentence that answers the question."""
    predicates = {
        "colour": f"is {thing.colour}",
        "place": f"is in the {thing.place}",
        "kind": f"is {article(thing.kind)}",
    }
    return f"{subject or f'The {thing.name}'} {predicates[aspect]}."


def word_for(thing: Thing, aspect: str) -> str:
    """The single word that answers the question."""
    return {"colour": thing.colour, "place": thing.place, "kind": thing.kind}[aspect]


def article(noun: str) -> str:
    """A noun with 'a' or 'an'."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _questions() -> Iterator[tuple[Thing, str, str]]:
    for thing, aspect in itertools.product(THINGS, ASPECTS):
        yield thing, aspect, question(thing, aspect)


def one_word() -> Iterator[Variants]:
    """A question to be answered with one word."""
    for thing, aspect, asked in _questions():
        word, plain = word_for(thing, aspect), statement(thing, aspect)
        yield [
            Task(f"{asked} {how}", "one_word", {}, f"{word.capitalize()}.", (plain, f"It is {word}."))
            for how in ("Answer with one word.", "Use only one word.", "One word, please.")
        ]


def capitals() -> Iterator[Variants]:
    """A question to be answered in capital letters."""
    for thing, aspect, asked in _questions():
        word, plain = word_for(thing, aspect), statement(thing, aspect)
        yield [
            Task(f"{asked} {how}", "capitals", {}, f"{word.upper()}.", (plain, f"{word.capitalize()}."))
            for how in ("Answer in capital letters.", "Use capital letters.", "Capital letters, please.")
        ]


def quotes() -> Iterator[Variants]:
    """A question whose answer must be in quotes."""
    for thing, aspect, asked in _questions():
        plain = statement(thing, aspect)
        yield [
            Task(f"{asked} {how}", "quotes", {}, f'"{plain}"', (plain, f'"{plain}'))
            for how in ("Put the answer in quotes.", "Answer in quotes.", "In quotes, please.")
        ]


def avoid() -> Iterator[Variants]:
    """A question to be answered without naming the thing."""
    for thing, aspect, asked in _questions():
        plain, right = statement(thing, aspect), statement(thing, aspect, "It")
        near = f"It is the {thing.name}."
        yield [
            Task(f"{asked} {how} {thing.name}.", "avoid", {"word": thing.name}, right, (plain, near))
            for how in ("Do not use the word", "Answer without the word", "Avoid the word")
        ]


def ask() -> Iterator[Variants]:
    """A question to be asked by the model."""
    asked_for = {"colour": "what colour the {} is", "place": "where the {} is", "kind": "what the {} is"}
    for thing, aspect, asked in _questions():
        plain, what = statement(thing, aspect), asked_for[aspect].format(thing.name)
        yield [
            Task(f"{how} {what}.", "question", {"about": thing.name}, asked, (plain, asked.replace("?", ".")))
            for how in ("Ask", "Ask me", "Ask somebody")
        ]


def begin() -> Iterator[Variants]:
    """A statement that must begin with a given word."""
    for thing, (i, word) in itertools.product(THINGS, enumerate(OPENERS)):
        aspect = ASPECTS[i % len(ASPECTS)]
        plain = statement(thing, aspect)
        right, near = f"{word}, {plain[0].lower()}{plain[1:]}", f"{plain[:-1]}, {word.lower()}."
        yield [
            Task(f"{about} {how} {word}.", "begins_with", {"word": word}, right, (plain, near))
            for about in (f"Say something about the {thing.name}.",)
            for how in ("Begin with the word", "Start with the word", "The first word is")
        ]


def end() -> Iterator[Variants]:
    """A statement that must end with a given word."""
    for thing, (i, word) in itertools.product(THINGS, enumerate(CLOSERS)):
        plain = statement(thing, ASPECTS[i % len(ASPECTS)])
        right, near = f"{plain[:-1]} {word}.", f"{word.capitalize()} {plain[0].lower()}{plain[1:]}"
        yield [
            Task(f"{about} {how} {word}.", "ends_with", {"word": word}, right, (plain, near))
            for about in (f"Say something about the {thing.name}.",)
            for how in ("End with the word", "Close with the word", "The last word is")
        ]


def include() -> Iterator[Variants]:
    """A statement that must use a given word."""
    for thing, (i, word) in itertools.product(THINGS, enumerate(ADJECTIVES)):
        aspect = ASPECTS[i % len(ASPECTS)]
        plain, right = statement(thing, aspect), statement(thing, aspect, f"The {word} {thing.name}")
        near = f"It is {word}."
        yield [
            Task(f"{about} {how} {word}.", "includes", {"words": [word, thing.name]}, right, (plain, near))
            for about in (f"Say something about the {thing.name}.",)
            for how in ("Use the word", "Include the word", "One word must be")
        ]


def yes_no() -> Iterator[Variants]:
    """A question to be answered with yes or no and nothing else."""
    for i, thing in enumerate(THINGS):
        others = [colour for colour in COLOURS if colour != thing.colour]
        for colour in (thing.colour, others[i % len(others)], others[(i + 3) % len(others)]):
            right = "Yes." if colour == thing.colour else "No."
            plain = statement(thing, "colour")
            yield [
                Task(f"Is the {thing.name} {colour}? {how}", "one_of", {"options": ["yes", "no"]}, right,
                     (plain, f"{right[:-1]}, {plain[0].lower()}{plain[1:]}"))
                for how in ("Answer yes or no.", "Yes or no?", "Only yes or no, please.")
            ]  # fmt: skip


def repeat() -> Iterator[Variants]:
    """A word to be written twice or three times."""
    for word, (n, times) in itertools.product(WORDS, TIMES.items()):
        right, near = " ".join([word] * n), " ".join([word] * (n - 1))
        yield [
            Task(prompt, "repeats", {"word": word, "times": n}, right, (f"The word is {word}.", near))
            for prompt in (f"Write the word {word} {times}.", f"Say {word} {times}.", f"Repeat {word} {times}.")
        ]


def order() -> Iterator[Variants]:
    """Two words to be written in a given order."""
    for i, first in enumerate(WORDS):
        for step in (7, 19, 31):
            second = WORDS[(i + step) % len(WORDS)]
            right, near, plain = f"{first} {second}", f"{second} {first}", f"The word is {first}."
            yield [
                Task(prompt, "sequence", {"words": [first, second]}, right, (plain, near))
                for prompt in (
                    f"Write {first} and then {second}.", f"Say {first}, then {second}.",
                    f"First write {first}, then {second}.",
                )
            ]  # fmt: skip


def name_some() -> Iterator[Variants]:
    """Things of a kind to be listed, with one excluded."""
    for kind, thing, (n, count) in itertools.product(KINDS, THINGS, COUNTS.items()):
        if thing.kind != kind:
            continue
        among = [other.name for other in THINGS if other.kind == kind and other is not thing]
        # The named things change from task to task: otherwise one fixed list would answer all tasks.
        start = THINGS.index(thing) % len(among)
        chosen = [among[(start + k) % len(among)] for k in range(n)]
        near = ", ".join([thing.name, *chosen[1:]])
        yield [
            Task(prompt, "lists", {"count": n, "among": among}, ", ".join(chosen), (statement(thing, "kind"), near))
            for prompt in (
                f"Name {count} {kind}s other than the {thing.name}.",
                f"Name {count} {kind}s, but not the {thing.name}.",
                f"List {count} {kind}s without the {thing.name}.",
            )
        ]


TYPES: tuple[Callable[[], Iterator[Variants]], ...] = (
    one_word, capitals, quotes, avoid, ask, begin, end, include, yes_no, repeat, order, name_some,
)  # fmt: skip


class Tasks:
    """All tasks of a world; no task occurs in two parts, in any wording."""

    def __init__(self, seed: int) -> None:
        self._pools: dict[Part, list[list[Task]]] = {part: [] for part in PARTS}
        for make in TYPES:
            cores = list(make())
            # The functions' names are part of the seed: renaming one changes the world.
            random.Random(f"{seed}/{make.__name__}").shuffle(cores)
            first, second = round(0.55 * len(cores)), round(0.7 * len(cores))
            for part, chosen in zip(PARTS, (cores[:first], cores[first:second], cores[second:]), strict=True):
                self._pools[part].append([task for variants in chosen for task in variants])

    def sample(self, part: Part, n: int, rng: random.Random) -> list[Task]:
        """Samples `n` different tasks of a part (fewer if it is smaller), with equal shares of the types, shuffled."""
        per_type = -(-n // len(TYPES))
        drawn = [task for pool in self._pools[part] for task in rng.sample(pool, min(per_type, len(pool)))]
        rng.shuffle(drawn)
        return drawn[:n]
