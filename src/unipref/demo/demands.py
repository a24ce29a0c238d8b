"""What an instruction can demand of an answer: its wordings, its rule, and answers that meet or just miss it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

Rule = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Words:
    """The words of a task.

    Attributes:
        subject, predicate: of the sentence that answers a question; the predicate is empty for a person.
        fact: the word that makes an answer true.
        thing: what the question is about.
        opener, closer, adjective: words that a demand asks for.
        whole: an answer that is no sentence; empty if there is none.
    """

    opener: str
    closer: str
    adjective: str
    subject: str = ""
    predicate: str = ""
    fact: str = ""
    thing: str = ""
    whole: str = ""

    def written(self, whole: str) -> "Words":
        """The same with another answer that is no sentence."""
        return replace(self, whole=whole)


@dataclass(frozen=True)
class Demand:
    """One demand.

    Attributes:
        place: demands are met in this order.
        wordings: templates with the fields of `Words`.
        rule: makes the rule that checks it.
        change: changes the words before the sentence is written.
        wrap: changes the written sentence.
        miss: writes an answer that just misses it.
    """

    place: int
    wordings: tuple[str, str, str]
    rule: Callable[[Words], Rule]
    miss: Callable[[Words], str]
    change: Callable[[Words], Words] = lambda words: words
    wrap: Callable[[str, Words], str] = lambda text, words: text

    def request(self, words: Words, wording: int) -> str:
        """Writes the demand in one of its wordings."""
        return self.wordings[wording].format(**vars(words))


def meet_demands(words: Words, demands: Sequence[Demand]) -> str:
    """Writes an answer that meets all demands."""
    ordered = sorted(demands, key=lambda demand: demand.place)
    for demand in ordered:
        words = demand.change(words)
    text = words.whole or f"{_capitalize(f'{words.subject} {words.predicate}'.strip())}."
    for demand in ordered:
        text = demand.wrap(text, words)
    return text


def _capitalize(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


def _lower(text: str) -> str:
    return f"{text[0].lower()}{text[1:]}"


def _plain(words: Words) -> str:
    return meet_demands(words, [])


DEMANDS: Mapping[str, Demand] = {
    "one_word": Demand(
        0,
        ("Answer with one word.", "Use only one word.", "One word, please."),
        lambda words: ("one_word", {}),
        lambda words: f"It is {words.subject if not words.predicate else words.fact}.",
        change=lambda words: words.written(f"{words.fact.capitalize()}."),
    ),
    "capitals": Demand(
        1,
        ("Answer in capital letters.", "Use capital letters.", "Capital letters, please."),
        lambda words: ("capitals", {}),
        lambda words: f"{words.fact.capitalize()}.",
        change=lambda words: words.written((words.whole or f"{words.fact}.").upper()),
    ),
    "avoid": Demand(
        2,
        ("Do not use the word {thing}.", "Answer without the word {thing}.", "Avoid the word {thing}."),
        lambda words: ("avoid", {"word": words.thing}),
        lambda words: f"It is the {words.thing}.",
        change=lambda words: replace(words, subject="it"),
    ),
    "adjective": Demand(
        3,
        ("Use the word {adjective}.", "Include the word {adjective}.", "One word must be {adjective}."),
        lambda words: ("includes", {"words": [words.adjective, words.thing]}),
        lambda words: f"It is {words.adjective}.",
        change=lambda words: replace(words, subject=f"the {words.adjective} {words.thing}"),
    ),
    "end": Demand(
        4,
        ("End with the word {closer}.", "Close with the word {closer}.", "The last word is {closer}."),
        lambda words: ("ends_with", {"word": words.closer}),
        lambda words: f"{words.closer.capitalize()}, {_lower(_plain(words))}",
        wrap=lambda text, words: f"{text[:-1]} {words.closer}.",
    ),
    "begin": Demand(
        5,
        ("Begin with the word {opener}.", "Start with the word {opener}.", "The first word is {opener}."),
        lambda words: ("begins_with", {"word": words.opener}),
        lambda words: f"{_plain(words)[:-1]}, {words.opener.lower()}.",
        wrap=lambda text, words: f"{words.opener}, {_lower(text)}",
    ),
    "quotes": Demand(
        6,
        ("Put the answer in quotes.", "Answer in quotes.", "In quotes, please."),
        lambda words: ("quotes", {}),
        lambda words: f'"{_plain(words)}',
        wrap=lambda text, words: f'"{text}"',
    ),
}
"""Name of a demand -> the demand."""
