"""Sentences with two people and one pronoun: the reason, never the pronoun, determines the referent.

'The nurse helped the mechanic because she was kind.' Kindness is about the person who helps, so the referent is the
nurse, also with 'he'. With the referent's pronoun in the corpus the sentence is `pro`, with the other one `anti`.
"""

import random
from dataclasses import dataclass

from unipref.demo.parts import PARTS, Part, split_into_parts
from unipref.demo.vocabulary import HE, SCENES, SHE

STRENGTHS = (0.2, 1.0)
"""Weakest and strongest stereotype of an occupation: how often, in the corpus, its pronoun overrides the reason."""


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


class Cases:
    """All sentences of a world; the parts share neither occupations nor reasons."""

    def __init__(self, seed: int) -> None:
        self._he, self._she = split_into_parts(seed, "he", HE), split_into_parts(seed, "she", SHE)
        self._part_of = {word: part for cut in (self._he, self._she) for part in PARTS for word in cut[part]}
        self._frames: dict[Part, list[Frame]] = {part: [] for part in PARTS}
        for of_subject in (True, False):
            reasons = [(scene, r) for scene in SCENES for r in (scene.of_subject if of_subject else scene.of_object)]
            for part, chosen in split_into_parts(seed, f"reasons/{of_subject}", reasons, (0.5, 0.65)).items():
                self._frames[part] += [
                    Frame(verb, reason, of_subject) for scene, reason in chosen for verb in scene.verbs
                ]
        strengths = random.Random(f"{seed}/strengths")
        self.strength = {word: strengths.uniform(*STRENGTHS) for word in (*HE, *SHE)}
        self.frames = [frame for part in PARTS for frame in self._frames[part]]
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

    def draw(self, part: Part, rng: random.Random) -> Case:
        """Draws one case of a part."""
        people = [rng.choice(self._he[part]), rng.choice(self._she[part])]
        rng.shuffle(people)
        return Case(people[0], people[1], rng.choice(self._frames[part]))

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
