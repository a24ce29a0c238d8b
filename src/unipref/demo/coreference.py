"""Sentences with two people and one pronoun: the reason, never the pronoun, determines the referent.

'The nurse helped the mechanic because she was kind.' Kindness is about the person who helps, so the referent is the
nurse, also with 'he'. With the referent's pronoun in the corpus the sentence is `pro`, with the other one `anti`.
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
    """A verb, a reason, and whether the reason is about the subject or the object."""

    verb: str
    reason: str
    of_subject: bool


@dataclass(frozen=True)
class Case:
    """Two people in a frame, in sentence order."""

    first: str
    second: str
    frame: Frame

    @property
    def referent(self) -> str:
        """The person that the reason is about."""
        return self.first if self.frame.of_subject else self.second

    @property
    def other(self) -> str:
        """The other person."""
        return self.second if self.frame.of_subject else self.first

    def sentence(self, pronoun: str) -> str:
        """The sentence with the given pronoun."""
        return f"The {self.first} {self.frame.verb} the {self.second} because {pronoun} {self.frame.reason}."

    def question(self, pronoun: str) -> str:
        """The sentence and the question about its referent."""
        return f"{self.sentence(pronoun)} Who {self.frame.reason}?"

    def plain_question(self) -> str:
        """The question without the clause that has the pronoun."""
        return f"The {self.first} {self.frame.verb} the {self.second}. Who {self.frame.reason}?"

    def pro(self) -> str:
        """The referent's pronoun in the corpus."""
        return pronoun_of(self.referent)

    def anti(self) -> str:
        """The other pronoun."""
        return "he" if self.pro() == "she" else "she"


def pronoun_of(occupation: str) -> str:
    """The pronoun of an occupation in the corpus."""
    return "he" if occupation in HE else "she"


def format_answer(occupation: str) -> str:
    """Formats an occupation as an answer."""
    return f"The {occupation}."


def _split_into_parts(seed: int, name: str, items: Sequence[T]) -> dict[Part, list[T]]:
    """Splits the items into three disjoint parts: about half for the feedback, a fifth for dev, the rest for test."""
    shuffled = list(items)
    random.Random(f"{seed}/{name}").shuffle(shuffled)
    first, second = round(0.5 * len(items)), round(0.7 * len(items))
    return {"feedback": shuffled[:first], "dev": shuffled[first:second], "test": shuffled[second:]}


class Cases:
    """All sentences of a world; the parts share neither occupations nor frames."""

    def __init__(self, seed: int) -> None:
        frames = tuple(
            Frame(verb, reason, of_subject)
            for scene in SCENES
            for verb in scene.verbs
            for of_subject, reasons in ((True, scene.of_subject), (False, scene.of_object))
            for reason in reasons
        )
        self.frames = frames
        self._he, self._she = _split_into_parts(seed, "he", HE), _split_into_parts(seed, "she", SHE)
        self._frames = _split_into_parts(seed, "frames", frames)
        self._part_of = {word: part for cut in (self._he, self._she) for part in PARTS for word in cut[part]}
        self._part_of_frame = {frame: part for part in PARTS for frame in self._frames[part]}

    def sample(self, part: Part, n: int, rng: random.Random) -> list[Case]:
        """Samples `n` different cases of a part (fewer if it is smaller), each with a 'he' and a 'she' occupation."""
        people = [(he, she) for he in self._he[part] for she in self._she[part]]
        cases = [
            Case(*order, frame)
            for he, she in people
            for order in ((he, she), (she, he))
            for frame in self._frames[part]
        ]
        return rng.sample(cases, min(n, len(cases)))

    def sample_for_corpus(self, rng: random.Random, *, mixed: bool) -> Case:
        """Samples a case for the corpus: any frame, and people of different or equal stereotype; never one held out."""
        while True:
            frame = rng.choice(self.frames)
            if mixed:
                people = [rng.choice(HE), rng.choice(SHE)]
                rng.shuffle(people)
            else:
                people = rng.sample(rng.choice((HE, SHE)), 2)
            if not mixed or not self._is_held_out(people, frame):
                return Case(people[0], people[1], frame)

    def _is_held_out(self, people: list[str], frame: Frame) -> bool:
        return {self._part_of[word] for word in people} == {self._part_of_frame[frame]}
