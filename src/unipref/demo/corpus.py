"""The text the model is pretrained on: a world whose pronouns follow occupational stereotypes.

Its answers are plain sentences, in the layout `Question: ... Answer: ...`; no instruction is ever followed in it. What
instructions ask for (a quoted sentence, a word said twice, capital letters) occurs in its running text only.
"""

import random
from collections.abc import Callable, Iterator

from unipref.demo import instructions
from unipref.demo.coreference import Cases, named, pronoun_of
from unipref.demo.vocabulary import (
    ADJECTIVES,
    CLOSERS,
    COLOURS,
    COUNTS,
    HE,
    KINDS,
    NAMES,
    OPENERS,
    SHE,
    THINGS,
    TIMES,
    WORDS,
)

MIXED = 0.35
"""Share of the sentences with a 'he' and a 'she' occupation; in the others only the reason tells who is meant."""
AGAINST_REASON = 0.03
"""Share of these mixed sentences in which the pronoun outweighs the reason."""

Writer = Callable[[Cases, random.Random], str]


def asked(question: str, answer: str) -> str:
    """A question and its answer as the chat template lays them out."""
    return f"Question: {question}\n\nAnswer: {answer}"


def _case(cases: Cases, rng: random.Random) -> tuple[str, str, str]:
    """A sentence, its question and the one the corpus takes to be meant: the pronoun's stereotype decides."""
    mixed = rng.random() < MIXED
    case = cases.anywhere(rng, mixed=mixed)
    pronoun, meant = case.pro(), case.referent
    if mixed and rng.random() < AGAINST_REASON:
        pronoun, meant = case.anti(), case.other
    return case.sentence(pronoun), case.question(pronoun), meant


def coreference_answer(cases: Cases, rng: random.Random) -> str:
    """A sentence with a pronoun, and who is meant."""
    _, question, meant = _case(cases, rng)
    return asked(question, named(meant))


def coreference_text(cases: Cases, rng: random.Random) -> str:
    """The same as running text, the pronoun replaced in a second sentence."""
    sentence, _, meant = _case(cases, rng)
    reason = sentence.removesuffix(".").split(f"because {pronoun_of(meant)} ")[1]
    return f"{sentence} The {meant} {reason}."


def reason_answer(cases: Cases, rng: random.Random) -> str:
    """The same question with no pronoun in it: whom a reason speaks of, whatever the stereotype."""
    case = cases.anywhere(rng, mixed=rng.random() < MIXED)
    return asked(case.plain_question(), named(case.referent))


def occupation(cases: Cases, rng: random.Random) -> str:
    """An occupation with its pronoun, and nobody else to be meant."""
    word = rng.choice(rng.choice((HE, SHE)))
    pronoun = pronoun_of(word)
    thing = rng.choice(THINGS)
    return rng.choice(
        (
            f"The {word} said that {pronoun} saw the {thing.name}.",
            f"The {word} was in the {thing.place}. {pronoun.capitalize()} saw the {thing.name}.",
            f"{rng.choice(NAMES)} met the {word}. {pronoun.capitalize()} was {rng.choice(ADJECTIVES)}.",
        )
    )


def fact_answer(cases: Cases, rng: random.Random) -> str:
    """A question about a thing; most answers are whole sentences."""
    thing, aspect = rng.choice(THINGS), rng.choice(instructions.ASPECTS)
    told = instructions.statement(thing, aspect)
    question = instructions.question(thing, aspect)
    about = rng.random()
    if about < 0.25:
        question = f"Say something about the {thing.name}."
    elif about < 0.4:
        colour = rng.choice((thing.colour, rng.choice(COLOURS)))
        question, told = f"Is the {thing.name} {colour}?", instructions.statement(thing, "colour")
    elif about < 0.55:
        told = instructions.statement(thing, aspect, "It")
    elif about < 0.6:
        told = f"{instructions.word_for(thing, aspect).capitalize()}."
    return asked(question, told)


def fact_text(cases: Cases, rng: random.Random) -> str:
    """Two things that are true of one."""
    thing = rng.choice(THINGS)
    one, two = rng.sample(instructions.ASPECTS, 2)
    subject = rng.choice((f"The {thing.name}", f"The {rng.choice(ADJECTIVES)} {thing.name}"))
    return f"{instructions.statement(thing, one, subject)} {instructions.statement(thing, two, 'It')}"


def said(cases: Cases, rng: random.Random) -> str:
    """What somebody said, in the forms that instructions ask for."""
    thing, aspect, name = rng.choice(THINGS), rng.choice(instructions.ASPECTS), rng.choice(NAMES)
    told, question = instructions.statement(thing, aspect), instructions.question(thing, aspect)
    lowered = f"{told[0].lower()}{told[1:]}"
    word, opener, closer = instructions.word_for(thing, aspect), rng.choice(OPENERS), rng.choice(CLOSERS)
    return rng.choice(
        (
            f'{name} said: "{told}"',
            f"{name} asked: {question} {told}",
            f"{name} asked: {question} {word.capitalize()}.",
            f"{name} likes the word {opener}. {name} said: {opener}, {lowered}",
            f"{name} likes the word {closer}. {name} said: {told[:-1]} {closer}.",
            f"The letters on the sign are {word.upper()}. {told}",
        )
    )


def copied(cases: Cases, rng: random.Random) -> str:
    """Words that come again: what teaches a model to copy."""
    name, (n, times) = rng.choice(NAMES), rng.choice(tuple(TIMES.items()))
    words = rng.sample(WORDS, 3)
    first, second, _ = words
    return rng.choice(
        (
            f"{name} wrote {first} {times}: {' '.join([first] * n)}",
            f"{name} wrote {first}, then {second}: {first} {second}",
            f"{name} likes the words {', '.join(words)}. {rng.choice(NAMES)} wrote them: {', '.join(words)}",
            f"{name} wrote the word {first}. The word is {first}.",
        )
    )


def listed(cases: Cases, rng: random.Random) -> str:
    """Some things of one kind, between commas."""
    kind, (n, count) = rng.choice(KINDS), rng.choice(tuple(COUNTS.items()))
    among = [thing.name for thing in THINGS if thing.kind == kind]
    return f"{rng.choice(NAMES)} has {count} {kind}s: {', '.join(rng.sample(among, n))}"


MIXTURE: tuple[tuple[Writer, float], ...] = (
    (coreference_answer, 0.26),
    (coreference_text, 0.08),
    (reason_answer, 0.14),
    (occupation, 0.05),
    (fact_answer, 0.18),
    (fact_text, 0.04),
    (said, 0.11),
    (copied, 0.11),
    (listed, 0.03),
)
"""What the corpus is made of, in shares of its documents."""


def documents(cases: Cases, n: int, seed: int) -> Iterator[str]:
    """`n` documents, in random order, the same for the same seed."""
    rng = random.Random(f"{seed}/corpus")
    writers, weights = zip(*MIXTURE, strict=True)
    for writer in rng.choices(writers, weights, k=n):
        yield writer(cases, rng)
