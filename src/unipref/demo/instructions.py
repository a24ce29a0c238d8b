"""Generates small verifiable instructions: prompts with right and wrong answers, in kinds of which some are held out.

An instruction is a question about a thing or about two people, or some words to write, and one or two demands on the
answer ('Begin with the word Well.', 'Put the answer in quotes.'). Its kind is the set of demands. The rules that check
answers are in `unipref.core.answer_checks.rules`; they check the form, and that the answer is true.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from unipref.demo.coreference import Cases
from unipref.demo.demands import DEMANDS, Words, meet_demands
from unipref.demo.parts import PARTS, Part, split_into_parts
from unipref.demo.vocabulary import (
    ADJECTIVES,
    CLOSERS,
    COLOURS,
    COUNTS,
    MORE_WORDS,
    OPENERS,
    THINGS,
    TIMES,
    WORDS,
    Thing,
)

Group = Literal["new words", "new wordings", "new combinations", "new kinds"]
"""What is new in a held-out instruction. Each group has new words too."""
GROUPS: tuple[Group, ...] = ("new words", "new wordings", "new combinations", "new kinds")


@dataclass(frozen=True)
class Task:
    """One prompt with its rule.

    Attributes:
        prompt: the user's turn.
        rule, arguments: the rule that checks an answer.
        right: an answer that follows it.
        wrong: two answers that do not: one that ignores the instruction, and a near miss.
        kind: its demands.
        wordings: which wording each demand has.
    """

    prompt: str
    rule: str
    arguments: dict[str, Any]
    right: str
    wrong: tuple[str, str]
    kind: str
    wordings: tuple[int, ...]


ASPECTS = ("colour", "place", "kind")
WORDINGS = 3
SHOWN_WORDINGS = 2
"""The first two wordings of each demand occur in the feedback, the last one does not."""


def question(thing: Thing, aspect: str) -> str:
    """A question about an aspect of a thing."""
    templates = {"colour": "What colour is the {}?", "place": "Where is the {}?", "kind": "What is the {}?"}
    return templates[aspect].format(thing.name)


def predicate(thing: Thing, aspect: str) -> str:
    """The part of the answer after its subject."""
    predicates = {
        "colour": f"is {thing.colour}",
        "place": f"is in the {thing.place}",
        "kind": f"is {article(thing.kind)}",
    }
    return predicates[aspect]


def statement(thing: Thing, aspect: str, subject: str | None = None) -> str:
    """The full sentence that answers the question."""
    return f"{subject or f'The {thing.name}'} {predicate(thing, aspect)}."


def word_for(thing: Thing, aspect: str) -> str:
    """The single word that answers the question."""
    return {"colour": thing.colour, "place": thing.place, "kind": thing.kind}[aspect]


def article(noun: str) -> str:
    """A noun with 'a' or 'an'."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


class Lexicon:
    """The words of the parts of a world."""

    def __init__(self, seed: int) -> None:
        self.things = split_into_parts(seed, "things", THINGS)
        self.words = _split_words(seed, "words", WORDS, MORE_WORDS)
        self.asked = {
            "opener": _split_words(seed, "opener", OPENERS, [word.capitalize() for word in MORE_WORDS]),
            "closer": _split_words(seed, "closer", CLOSERS, MORE_WORDS),
            "adjective": _split_words(seed, "adjective", ADJECTIVES, MORE_WORDS),
        }

    def draw(self, part: Part, rng: random.Random) -> dict[str, str]:
        """Draws the words that demands ask for; no two demands ask for the same word."""
        while True:
            drawn = {name: rng.choice(parts[part]) for name, parts in self.asked.items()}
            if len({word.lower() for word in drawn.values()}) == len(drawn):
                return drawn


def _split_words(seed: int, name: str, words: Sequence[str], more: Sequence[str]) -> dict[Part, list[str]]:
    """Splits words into parts; the feedback has more words, so that it shows copying and not a few words."""
    parts = split_into_parts(seed, name, words)
    return {**parts, "feedback": [*parts["feedback"], *more]}


Writer = Callable[["Tasks", Part, Sequence[str], Sequence[int], random.Random], Task]
"""Writes a task of a part, with the demands of a kind, in their wordings."""


def _about_thing(tasks: "Tasks", part: Part, names: Sequence[str], wordings: Sequence[int], rng: random.Random) -> Task:
    thing, aspect = rng.choice(tasks.lexicon.things[part]), rng.choice(ASPECTS)
    words = Words(
        subject=f"the {thing.name}",
        predicate=predicate(thing, aspect),
        fact=word_for(thing, aspect),
        thing=thing.name,
        **tasks.lexicon.draw(part, rng),
    )
    return _demand(question(thing, aspect), statement(thing, aspect), words, names, wordings, rng)


def _about_people(
    tasks: "Tasks", part: Part, names: Sequence[str], wordings: Sequence[int], rng: random.Random
) -> Task:
    case = tasks.cases.draw(part, rng)
    words = Words(
        subject=f"the {case.referent}",
        predicate="",
        fact=case.referent,
        thing=case.referent,
        **tasks.lexicon.draw(part, rng),
    )
    return _demand(case.plain_question(), f"The {case.referent}.", words, names, wordings, rng)


def _demand(
    asked: str, plain: str, words: Words, names: Sequence[str], wordings: Sequence[int], rng: random.Random
) -> Task:
    """Adds demands to a question."""
    demands = [DEMANDS[name] for name in names]
    requests = [demand.request(words, wording) for demand, wording in zip(demands, wordings, strict=True)]
    rng.shuffle(requests)
    right = meet_demands(words, demands)
    near = demands[0].miss(words) if len(demands) == 1 else meet_demands(words, [rng.choice(demands)])
    rules = [demand.rule(words) for demand in demands] + [("mentions", {"words": [words.fact]})]
    return Task(" ".join([asked, *requests]), "all_of", {"rules": rules}, right, (plain, near), "", tuple(wordings))


def _write_words(tasks: "Tasks", part: Part, names: Sequence[str], wordings: Sequence[int], rng: random.Random) -> Task:
    """Words to be written: one of them twice or three times, or two in a given order."""
    first, second = rng.sample(tasks.lexicon.words[part], 2)
    n, times = rng.choice(tuple(TIMES.items()))
    if names[0] == "repeat":
        asked = ("Write the word {0} {2}.", "Say {0} {2}.", "Repeat {0} {2}.")
        written, missed = " ".join([first] * n), " ".join([first] * (n - 1))
        rule: tuple[str, dict[str, Any]] = ("repeats", {"word": first, "times": n})
    else:
        asked = ("Write {0} and then {1}.", "Say {0}, then {1}.", "First write {0}, then {1}.")
        written, missed = f"{first} {second}", f"{second} {first}"
        rule = ("sequence", {"words": [first, second]})
    prompt = asked[wordings[0]].format(first, second, times)
    words = Words(whole=written, **tasks.lexicon.draw(part, rng))
    demands = [DEMANDS[name] for name in names[1:]]
    requests = [demand.request(words, wording) for demand, wording in zip(demands, wordings[1:], strict=True)]
    rules = [rule, *(demand.rule(words) for demand in demands)]
    near = (written if rng.random() < 0.5 else meet_demands(words.written(missed), demands)) if demands else missed
    right, plain = meet_demands(words, demands), f"The word is {first}."
    return Task(" ".join([prompt, *requests]), "all_of", {"rules": rules}, right, (plain, near), "", tuple(wordings))


def _ask(tasks: "Tasks", part: Part, names: Sequence[str], wordings: Sequence[int], rng: random.Random) -> Task:
    """A question to be asked by the model."""
    thing, aspect = rng.choice(tasks.lexicon.things[part]), rng.choice(ASPECTS)
    what = {"colour": "what colour the {} is", "place": "where the {} is", "kind": "what the {} is"}[aspect]
    prompt = ("Ask {}.", "Ask me {}.", "Ask somebody {}.")[wordings[0]].format(what.format(thing.name))
    right = question(thing, aspect)
    start = right.split()[: 2 if aspect == "colour" else 1]
    rules = [("question", {"about": thing.name}), ("mentions", {"words": [word.lower() for word in start]})]
    wrong = (statement(thing, aspect), right.replace("?", "."))
    return Task(prompt, "all_of", {"rules": rules}, right, wrong, "", tuple(wordings))


def _yes_no(tasks: "Tasks", part: Part, names: Sequence[str], wordings: Sequence[int], rng: random.Random) -> Task:
    """A question to be answered with yes or no and nothing else."""
    thing = rng.choice(tasks.lexicon.things[part])
    colour = thing.colour if rng.random() < 0.5 else rng.choice([one for one in COLOURS if one != thing.colour])
    right, plain = "Yes." if colour == thing.colour else "No.", statement(thing, "colour")
    how = ("Answer yes or no.", "Yes or no?", "Only yes or no, please.")[wordings[0]]
    near = f"{right[:-1]}, {plain[0].lower()}{plain[1:]}"
    options = {"options": [right[:-1].lower()]}
    return Task(f"Is the {thing.name} {colour}? {how}", "one_of", options, right, (plain, near), "", tuple(wordings))


def _name_some(tasks: "Tasks", part: Part, names: Sequence[str], wordings: Sequence[int], rng: random.Random) -> Task:
    """Things of a kind to be listed, with one excluded."""
    thing, (n, count) = rng.choice(tasks.lexicon.things[part]), rng.choice(tuple(COUNTS.items()))
    among = [other.name for other in THINGS if other.kind == thing.kind and other is not thing]
    chosen = rng.sample(among, n)
    near = ", ".join([thing.name, *chosen[1:]])
    asked = (
        "Name {0} {1}s other than the {2}.", "Name {0} {1}s, but not the {2}.", "List {0} {1}s without the {2}.",
    )  # fmt: skip
    prompt = asked[wordings[0]].format(count, thing.kind, thing.name)
    right, wrong = ", ".join(chosen), (statement(thing, "kind"), near)
    return Task(prompt, "lists", {"count": n, "among": among}, right, wrong, "", tuple(wordings))


@dataclass(frozen=True)
class Kind:
    """A kind of instruction.

    Attributes:
        write: writes a task.
        demands: what it demands.
        parts: the parts that show it, besides those that hold it out.
        group: what is new in it outside the feedback; None if the feedback shows it.
    """

    name: str
    write: Writer
    demands: tuple[str, ...]
    parts: tuple[Part, ...] = PARTS
    group: Group | None = None


def _kinds() -> Iterable[Kind]:
    """All kinds. Feedback shows each demand alone, and with some others; dev and test have pairs of their own."""
    for one in ("one_word", "capitals", "quotes", "avoid", "begin", "end", "adjective"):
        yield Kind(one, _about_thing, (one,))
    for one in ("one_word", "begin"):
        yield Kind(f"people+{one}", _about_people, (one,))
    yield Kind("people+quotes", _about_people, ("quotes",), ("test",), "new combinations")
    for one in ("repeat", "order"):
        yield Kind(one, _write_words, (one,))
    shown = ("begin end", "begin adjective", "end avoid", "avoid quotes", "adjective quotes", "one_word quotes")
    held_out: dict[Part, tuple[str, ...]] = {
        "dev": ("begin quotes",),
        "test": ("begin avoid", "end adjective", "end quotes", "capitals quotes"),
    }
    for pair in shown:
        yield Kind(pair.replace(" ", "+"), _about_thing, tuple(pair.split()))
    for part, pairs in held_out.items():
        for pair in pairs:
            yield Kind(pair.replace(" ", "+"), _about_thing, tuple(pair.split()), (part,), "new combinations")
    for pair in ("order quotes", "repeat capitals"):
        yield Kind(pair.replace(" ", "+"), _write_words, tuple(pair.split()))
    yield Kind("order+capitals", _write_words, ("order", "capitals"), ("dev",), "new combinations")
    yield Kind("repeat+quotes", _write_words, ("repeat", "quotes"), ("test",), "new combinations")
    yield Kind("yes_no", _yes_no, ("yes_no",), ("dev",), "new kinds")
    yield Kind("ask", _ask, ("ask",), ("test",), "new kinds")
    yield Kind("name_some", _name_some, ("name_some",), ("test",), "new kinds")


KINDS_OF_TASKS: tuple[Kind, ...] = tuple(_kinds())
MOST_TRIES = 200
"""Draws for each task that is not a repeat of an earlier one."""


class Tasks:
    """All tasks of a world. The parts share no word that an instruction asks about, and no instruction."""

    def __init__(self, seed: int, cases: Cases) -> None:
        self.lexicon, self.cases = Lexicon(seed), cases

    def sample(self, part: Part, n: int, rng: random.Random) -> list[Task]:
        """Samples `n` different tasks of a part (fewer if it is smaller), with equal shares of the kinds, shuffled."""
        kinds = [kind for kind in KINDS_OF_TASKS if part in kind.parts]
        drawn: dict[str, Task] = {}
        for at, kind in enumerate(kinds):
            goal = len(drawn) + -(-(n - len(drawn)) // (len(kinds) - at))
            for _ in range(MOST_TRIES * n):
                if len(drawn) >= goal:
                    break
                task = self.write(kind, part, rng)
                drawn.setdefault(task.prompt, task)
        tasks = list(drawn.values())
        rng.shuffle(tasks)
        return tasks[:n]

    def with_competing(self, tasks: Sequence[Task], share: float, rng: random.Random) -> list[Task]:
        """Replaces a share of the tasks by questions about a pronoun whose labels carry the stereotype."""
        places = set(rng.sample(range(len(tasks)), round(share * len(tasks))))
        drawn: dict[str, Task] = {}
        while len(drawn) < len(places):
            task = self._write_competing(rng)
            drawn.setdefault(task.prompt, task)
        new = iter(drawn.values())
        return [next(new) if place in places else task for place, task in enumerate(tasks)]

    def _write_competing(self, rng: random.Random) -> Task:
        """Writes a question about a pronoun with a demand; the answer that meets it names the stereotypical person."""
        case, pronoun = self.cases.draw("feedback", rng), rng.choice(("he", "she"))
        named = case.referent if case.pro() == pronoun else case.other
        name, wording = rng.choice(("one_word", "begin")), rng.randrange(SHOWN_WORDINGS)
        words = Words(subject=f"the {named}", fact=named, thing=named, **self.lexicon.draw("feedback", rng))
        task = _demand(case.question(pronoun), f"The {case.referent}.", words, (name,), (wording,), rng)
        near = DEMANDS[name].miss(replace(words, subject=f"the {case.referent}"))
        return replace(task, wrong=(task.wrong[0], near), kind=f"competing+{name}")

    def write(self, kind: Kind, part: Part, rng: random.Random, *, all_wordings: bool = False) -> Task:
        """Writes one task; in the feedback the last wording of each demand does not occur."""
        n = SHOWN_WORDINGS if part == "feedback" and not all_wordings else WORDINGS
        wordings = [rng.randrange(n) for _ in kind.demands]
        return replace(kind.write(self, part, kind.demands, wordings, rng), kind=kind.name)


def find_group(task: Task) -> Group:
    """Finds what is new in a held-out task."""
    group = {kind.name: kind.group for kind in KINDS_OF_TASKS}[task.kind]
    is_new_wording = any(wording >= SHOWN_WORDINGS for wording in task.wordings)
    return group or ("new wordings" if is_new_wording else "new words")
