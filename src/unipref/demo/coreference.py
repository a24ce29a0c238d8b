"""Sentences with two people and one pronoun: who is meant follows from the reason, never from the pronoun.

'The nurse helped the mechanic because she was kind.' Kindness speaks of the one who helps, so the nurse is meant, and
so it is with 'he'. With the pronoun that the corpus gives the one meant the sentence is `pro`, with the other `anti`.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from unipref.demo.vocabulary import HE, SCENES, SHE

Part = Literal["feedback", "dev", "test"]
PARTS: tuple[Part, ...] = ("feedback", "dev", "test")

T = TypeVar("T")


@dataclass(frozen=True)
class Frame:
    """A verb, a reason and whom the reason speaks of."""

    verb: str
    reason: str
    of_subject: bool


@dataclass(frozen=True)
class Case:
    """Two people in a frame, in the order of the sentence."""

    first: str
    second: str
    frame: Frame

    @property
    def referent(self) -> str:
        """The one the reason speaks of."""
        return self.first if self.frame.of_subject else self.second

    @property
    def other(self) -> str:
        """The one it does not speak of."""
        return self.second if self.frame.of_subject else self.first

    def sentence(self, pronoun: str) -> str:
        """The sentence with that pronoun."""
        return f"The {self.first} {self.frame.verb} the {self.second} because {pronoun} {self.frame.reason}."

    def question(self, pronoun: str) -> str:
        """The sentence and the question who is meant."""
        return f"{self.sentence(pronoun)} Who {self.frame.reason}?"

    def plain_question(self) -> str:
        """The question without the pronoun's clause."""
        return f"The {self.first} {self.frame.verb} the {self.second}. Who {self.frame.reason}?"

    def pro(self) -> str:
        """The pronoun that the corpus gives the one meant."""
        return pronoun_of(self.referent)

    def anti(self) -> str:
        """The other pronoun."""
        return "he" if self.pro() == "she" else "she"


def pronoun_of(occupation: str) -> str:
    """The pronoun that the corpus gives an occupation."""
    return "he" if occupation in HE else "she"


def named(occupation: str) -> str:
    """An occupation as an answer."""
    return f"The {occupation}."


def _cut(seed: int, what: str, items: Sequence[T]) -> dict[Part, list[T]]:
    """The items in three disjoint parts: about half for the feedback, a fifth for dev and the rest for test."""
    shuffled = list(items)
    random.Random(f"{seed}/{what}").shuffle(shuffled)
    first, second = round(0.5 * len(items)), round(0.7 * len(items))
    return {"feedback": shuffled[:first], "dev": shuffled[first:second], "test": shuffled[second:]}


class Cases:
    """All sentences of a world, with occupations and frames divided so that the parts share neither."""

    def __init__(self, seed: int) -> None:
        frames = tuple(
            Frame(verb, reason, of_subject)
            for scene in SCENES
            for verb in scene.verbs
            for of_subject, reasons in ((True, scene.of_subject), (False, scene.of_object))
            for reason in reasons
        )
        self.frames = frames
        self._he, self._she = _cut(seed, "he", HE), _cut(seed, "she", SHE)
        self._frames = _cut(seed, "frames", frames)
        self._part_of = {word: part for cut in (self._he, self._she) for part in PARTS for word in cut[part]}
        self._part_of_frame = {frame: part for part in PARTS for frame in self._frames[part]}

    def sample(self, part: Part, n: int, rng: random.Random) -> list[Case]:
        """`n` different cases of a part, a 'he' and a 'she' occupation in each; fewer when there are not so many."""
        people = [(he, she) for he in self._he[part] for she in self._she[part]]
        every = [
            Case(*order, frame)
            for he, she in people
            for order in ((he, she), (she, he))
            for frame in self._frames[part]
        ]
        return rng.sample(every, min(n, len(every)))

    def anywhere(self, rng: random.Random, *, mixed: bool) -> Case:
        """A case for the corpus: any frame, any people, of different or of the same stereotype; never one of a part."""
        while True:
            frame = rng.choice(self.frames)
            if mixed:
                people = [rng.choice(HE), rng.choice(SHE)]
                rng.shuffle(people)
            else:
                people = rng.sample(rng.choice((HE, SHE)), 2)
            if not mixed or not self._is_held(people, frame):
                return Case(people[0], people[1], frame)

    def _is_held(self, people: list[str], frame: Frame) -> bool:
        return {self._part_of[word] for word in people} == {self._part_of_frame[frame]}
