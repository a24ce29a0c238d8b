"""Little instructions whose following can be verified: prompts with right and wrong answers, in twelve types.

The rule that decides is named in each task and lives with the benchmark `instructions`.
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
        rule, arguments: the rule by which an answer is judged.
        right: an answer that follows it.
        wrong: two that do not: what somebody says who has not heard the instruction, and a near miss.
    """

    prompt: str
    rule: str
    arguments: dict[str, Any]
    right: str
    wrong: tuple[str, str]


Variants = list[Task]
"""The same task in other words."""

ASPECTS = ("colour", "place", "kind")


def question(thing: Thing, aspect: str) -> str:
    """A question about a thing."""
    asked = {"colour": "What colour is the {}?", "place": "Where is the {}?", "kind": "What is the {}?"}
    return asked[aspect].format(thing.name)


def statement(thing: Thing, aspect: str, subject: str | None = None) -> str:
    """The whole sentence that answers it."""
    told = {"colour": f"is {thing.colour}", "place": f"is in the {thing.place}", "kind": f"is {article(thing.kind)}"}
    return f"{subject or f'The {thing.name}'} {told[aspect]}."


def word_for(thing: Thing, aspect: str) -> str:
    """The one word that answers it."""
    return {"colour": thing.colour, "place": thing.place, "kind": thing.kind}[aspect]


def article(noun: str) -> str:
    """A noun with 'a' or 'an'."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _asked() -> Iterator[tuple[Thing, str, str]]:
    for thing, aspect in itertools.product(THINGS, ASPECTS):
        yield thing, aspect, question(thing, aspect)


def one_word() -> Iterator[Variants]:
    """A question to be answered with one word."""
    for thing, aspect, asked in _asked():
        word, plain = word_for(thing, aspect), statement(thing, aspect)
        yield [
            Task(f"{asked} {how}", "one_word", {}, f"{word.capitalize()}.", (plain, f"It is {word}."))
            for how in ("Answer with one word.", "Use only one word.", "One word, please.")
        ]


def capitals() -> Iterator[Variants]:
    """A question to be answered in capital letters."""
    for thing, aspect, asked in _asked():
        word, plain = word_for(thing, aspect), statement(thing, aspect)
        yield [
            Task(f"{asked} {how}", "capitals", {}, f"{word.upper()}.", (plain, f"{word.capitalize()}."))
            for how in ("Answer in capital letters.", "Use capital letters.", "Capital letters, please.")
        ]


def quotes() -> Iterator[Variants]:
    """A question whose answer is to stand in quotes."""
    for thing, aspect, asked in _asked():
        plain = statement(thing, aspect)
        yield [
            Task(f"{asked} {how}", "quotes", {}, f'"{plain}"', (plain, f'"{plain}'))
            for how in ("Put the answer in quotes.", "Answer in quotes.", "In quotes, please.")
        ]


def avoid() -> Iterator[Variants]:
    """A question to be answered without naming the thing."""
    for thing, aspect, asked in _asked():
        plain, right = statement(thing, aspect), statement(thing, aspect, "It")
        near = f"It is the {thing.name}."
        yield [
            Task(f"{asked} {how} {thing.name}.", "avoid", {"word": thing.name}, right, (plain, near))
            for how in ("Do not use the word", "Answer without the word", "Avoid the word")
        ]


def ask() -> Iterator[Variants]:
    """Something to be asked."""
    asked_for = {"colour": "what colour the {} is", "place": "where the {} is", "kind": "what the {} is"}
    for thing, aspect, asked in _asked():
        plain, what = statement(thing, aspect), asked_for[aspect].format(thing.name)
        yield [
            Task(f"{how} {what}.", "question", {"about": thing.name}, asked, (plain, asked.replace("?", ".")))
            for how in ("Ask", "Ask me", "Ask somebody")
        ]


def begin() -> Iterator[Variants]:
    """A statement that is to begin with a given word."""
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
    """A statement that is to end with a given word."""
    for thing, (i, word) in itertools.product(THINGS, enumerate(CLOSERS)):
        plain = statement(thing, ASPECTS[i % len(ASPECTS)])
        right, near = f"{plain[:-1]} {word}.", f"{word.capitalize()} {plain[0].lower()}{plain[1:]}"
        yield [
            Task(f"{about} {how} {word}.", "ends_with", {"word": word}, right, (plain, near))
            for about in (f"Say something about the {thing.name}.",)
            for how in ("End with the word", "Close with the word", "The last word is")
        ]


def include() -> Iterator[Variants]:
    """A statement that is to use a given word."""
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
    """Things of a kind to be listed, one of them left out."""
    for kind, thing, (n, count) in itertools.product(KINDS, THINGS, COUNTS.items()):
        if thing.kind != kind:
            continue
        among = [other.name for other in THINGS if other.kind == kind and other is not thing]
        # Which ones are named changes from task to task: otherwise one fixed list would answer them all.
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
    """All tasks of a world, divided so that no task of one part is in another, in whatever words."""

    def __init__(self, seed: int) -> None:
        self._pools: dict[Part, list[list[Task]]] = {part: [] for part in PARTS}
        for make in TYPES:
            cores = list(make())
            random.Random(f"{seed}/{make.__name__}").shuffle(cores)
            first, second = round(0.55 * len(cores)), round(0.7 * len(cores))
            for part, chosen in zip(PARTS, (cores[:first], cores[first:second], cores[second:]), strict=True):
                self._pools[part].append([task for variants in chosen for task in variants])

    def sample(self, part: Part, n: int, rng: random.Random) -> list[Task]:
        """`n` different tasks of a part, the types in equal shares, shuffled; fewer when there are not so many."""
        per_type = -(-n // len(TYPES))
        drawn = [task for pool in self._pools[part] for task in rng.sample(pool, min(per_type, len(pool)))]
        rng.shuffle(drawn)
        return drawn[:n]
