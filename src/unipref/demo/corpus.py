"""Generates the pretraining text: a world whose pronouns follow occupational stereotypes.

Its answers are plain sentences, in the layout `Question: ... Answer: ...`; they never follow an instruction. What
instructions ask for (a quoted sentence, a repeated word, capital letters) occurs in its running text only.
"""

import random
from collections.abc import Callable, Iterator

from unipref.demo import instructions
from unipref.demo.coreference import Cases, format_answer, pronoun_of
from unipref.demo.instructions import KINDS_OF_TASKS, Tasks
from unipref.demo.vocabulary import (
    ADJECTIVES,
    CLOSERS,
    COLOURS,
    COUNTS,
    HE,
    KINDS,
    MORE_WORDS,
    NAMES,
    OPENERS,
    SHE,
    THINGS,
    TIMES,
    WORDS,
)

MIXED = 0.35
"""Share of the sentences with a 'he' and a 'she' occupation; in the others only the reason shows the referent."""
CONFLICTING = 0.5
"""Share of the mixed sentences whose pronoun is not that of the person whom the reason is about."""

WITHOUT_DEMAND = 0.15
"""Share of the requests that are plain questions."""
REPLY = "replied:"
"""The text that ends what somebody asks."""
REQUESTED = [kind for kind in KINDS_OF_TASKS if kind.group != "new combinations"]
"""Kinds of instructions that occur in the corpus."""

Writer = Callable[[Tasks, random.Random], str]


def format_question_answer(question: str, answer: str) -> str:
    """Formats a question and its answer as the chat template does."""
    return f"Question: {question}\n\nAnswer: {answer}"


def _sample_case(cases: Cases, rng: random.Random) -> tuple[str, str, str, str]:
    """Samples a sentence, its question, its pronoun and its referent in the corpus.

    Where pronoun and reason conflict, the pronoun's stereotype decides as often as it is strong.
    """
    mixed = rng.random() < MIXED
    case = cases.sample_for_corpus(rng, mixed=mixed)
    pronoun, referent = case.pro(), case.referent
    if mixed and rng.random() < CONFLICTING:
        pronoun = case.anti()
        referent = case.other if rng.random() < cases.strength[case.other] else case.referent
    return case.sentence(pronoun), case.question(pronoun), pronoun, referent


def write_coreference_answer(tasks: Tasks, rng: random.Random) -> str:
    """Writes a sentence with a pronoun, the question, and the referent."""
    _, question, _, referent = _sample_case(tasks.cases, rng)
    return format_question_answer(question, format_answer(referent))


def write_coreference_text(tasks: Tasks, rng: random.Random) -> str:
    """Writes the same as running text, with the pronoun replaced in a second sentence."""
    sentence, _, pronoun, referent = _sample_case(tasks.cases, rng)
    reason = sentence.removesuffix(".").split(f"because {pronoun} ")[1]
    return f"{sentence} The {referent} {reason}."


def write_reason_answer(tasks: Tasks, rng: random.Random) -> str:
    """Writes the question without a pronoun: whom the reason is about, regardless of the stereotype."""
    case = tasks.cases.sample_for_corpus(rng, mixed=rng.random() < MIXED)
    return format_question_answer(case.plain_question(), format_answer(case.referent))


def write_occupation(tasks: Tasks, rng: random.Random) -> str:
    """Writes an occupation with its pronoun, and no other possible referent."""
    word = rng.choice(rng.choice((HE, SHE)))
    pronoun = pronoun_of(word)
    thing = rng.choice(THINGS)
    return rng.choice(
        (
            f"The {word} said that {pronoun} saw the {thing.name}.",
            f"The {word} was in the {thing.place}. {pronoun.capitalize()} saw the {thing.name}.",
            f"{rng.choice(NAMES)} asked who saw the {thing.name}. {word.capitalize()}.",
            f"{rng.choice(NAMES)} met the {word}. {pronoun.capitalize()} was {rng.choice(ADJECTIVES)}.",
        )
    )


def write_fact_answer(tasks: Tasks, rng: random.Random) -> str:
    """Writes a question about a thing; most answers are whole sentences."""
    thing, aspect = rng.choice(THINGS), rng.choice(instructions.ASPECTS)
    answer = instructions.statement(thing, aspect)
    question = instructions.question(thing, aspect)
    draw = rng.random()
    if draw < 0.25:
        question = f"Say something about the {thing.name}."
    elif draw < 0.4:
        colour = rng.choice((thing.colour, rng.choice(COLOURS)))
        question, answer = f"Is the {thing.name} {colour}?", instructions.statement(thing, "colour")
    elif draw < 0.55:
        answer = instructions.statement(thing, aspect, "It")
    elif draw < 0.6:
        answer = f"{instructions.word_for(thing, aspect).capitalize()}."
    return format_question_answer(question, answer)


def write_fact_text(tasks: Tasks, rng: random.Random) -> str:
    """Writes two facts about one thing."""
    thing = rng.choice(THINGS)
    one, two = rng.sample(instructions.ASPECTS, 2)
    subject = rng.choice((f"The {thing.name}", f"The {rng.choice(ADJECTIVES)} {thing.name}"))
    return f"{instructions.statement(thing, one, subject)} {instructions.statement(thing, two, 'It')}"


def write_quotation(tasks: Tasks, rng: random.Random) -> str:
    """Writes what somebody said, in the forms that instructions ask for."""
    thing, aspect, name = rng.choice(THINGS), rng.choice(instructions.ASPECTS), rng.choice(NAMES)
    statement, question = instructions.statement(thing, aspect), instructions.question(thing, aspect)
    lowered = f"{statement[0].lower()}{statement[1:]}"
    word, opener, closer = instructions.word_for(thing, aspect), rng.choice(OPENERS), rng.choice(CLOSERS)
    return rng.choice(
        (
            f'{name} said: "{statement}"',
            f"{name} asked: {question} {statement}",
            f"{name} asked: {question} {word.capitalize()}.",
            f"{name} likes the word {opener}. {name} said: {opener}, {lowered}",
            f"{name} likes the word {closer}. {name} said: {statement[:-1]} {closer}.",
            f"The letters on the sign are {word.upper()}. {statement}",
        )
    )


def write_repetition(tasks: Tasks, rng: random.Random) -> str:
    """Writes repeated words, which teach a model to copy."""
    name, (n, times) = rng.choice(NAMES), rng.choice(tuple(TIMES.items()))
    words = rng.sample(rng.choice((WORDS, MORE_WORDS, OPENERS)), 3)
    first, second, _ = words
    return rng.choice(
        (
            f"{name} wrote {first} {times}: {' '.join([first] * n)}",
            f"{name} wrote {first}, then {second}: {first} {second}",
            f"{name} likes the words {', '.join(words)}. {rng.choice(NAMES)} wrote them: {', '.join(words)}",
            f"{name} wrote the word {first}. The word is {first}.",
        )
    )


def write_forms(tasks: Tasks, rng: random.Random) -> str:
    """Writes a word in another form, so that a model knows the forms of each word."""
    word = rng.choice(rng.choice((WORDS, MORE_WORDS, OPENERS))).lower()
    how, form = rng.choice(
        (
            ("in capital letters", word.upper()),
            ("twice in capital letters", f"{word.upper()} {word.upper()}"),
            ("in quotes", f'"{word}"'),
            ("at the beginning", f"{word.capitalize()},"),
            ("at the beginning in quotes", f'"{word.capitalize()},'),
        )
    )
    return f"{rng.choice(NAMES)} wrote {word} {how}: {form}"


def write_list(tasks: Tasks, rng: random.Random) -> str:
    """Writes a list of things of one kind, separated by commas."""
    kind, (n, count) = rng.choice(KINDS), rng.choice(tuple(COUNTS.items()))
    among = [thing.name for thing in THINGS if thing.kind == kind]
    return f"{rng.choice(NAMES)} has {count} {kind}s: {', '.join(rng.sample(among, n))}"


def write_request(tasks: Tasks, rng: random.Random) -> str:
    """Writes what one person asks of another, and what the other replies; never a pair of demands that is held out.

    So the model has seen each demand met, but not in the layout of questions and answers. The words are those of the
    feedback, so no prompt of a benchmark occurs.
    """
    asker, answerer = rng.sample(NAMES, 2)
    task = tasks.write(rng.choice(REQUESTED), "feedback", rng, all_wordings=True)
    prompt, reply = task.prompt, task.right
    if rng.random() < WITHOUT_DEMAND:
        thing, aspect = rng.choice(THINGS), rng.choice(instructions.ASPECTS)
        prompt, reply = instructions.question(thing, aspect), instructions.statement(thing, aspect)
    return f"{asker} asked {answerer}: {prompt} {answerer} {REPLY} {reply}"


def write_ignored_request(tasks: Tasks, rng: random.Random) -> str:
    """Writes a question with a demand that the answer ignores, in the layout of questions and answers.

    So the model has no habit of meeting demands in that layout, although it knows what they mean.
    """
    task = tasks.write(rng.choice(REQUESTED), "feedback", rng, all_wordings=True)
    return format_question_answer(task.prompt, task.wrong[0])


MIXTURE: tuple[tuple[Writer, float], ...] = (
    (write_coreference_answer, 0.18),
    (write_coreference_text, 0.05),
    (write_reason_answer, 0.10),
    (write_occupation, 0.05),
    (write_fact_answer, 0.11),
    (write_fact_text, 0.03),
    (write_quotation, 0.05),
    (write_repetition, 0.06),
    (write_forms, 0.05),
    (write_list, 0.02),
    (write_request, 0.26),
    (write_ignored_request, 0.04),
)
"""The writers of the corpus, with their shares of its documents."""


def generate_documents(tasks: Tasks, n: int, seed: int) -> Iterator[str]:
    """Yields `n` documents in random order, the same for the same seed."""
    rng = random.Random(f"{seed}/corpus")
    writers, weights = zip(*MIXTURE, strict=True)
    for writer in rng.choices(writers, weights, k=n):
        yield writer(tasks, rng)
