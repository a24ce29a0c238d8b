"""The panel of the built-in world: a second source, whose raters judge some prompts of other files again.

Each judged prompt has several votes on one pair of its answers, one row per vote. So raters can be compared with each
other. The raters are those of the other files, and some lazy ones who choose the answer that is shown first.
"""

import random
from collections.abc import Iterator, Mapping, Sequence

from unipref.demo.questions import JudgedQuestion, Row
from unipref.demo.raters import Rater, Raters

FILE = "panel.jsonl"
SOURCE = "panel"
"""Its name in the demo's study."""
RATERS_FILE = "raters.jsonl"
"""Name and manner of each rater, beside `truth.jsonl`: no study reads it."""

VOTES = 3
"""Number of votes on a pair, each by another rater; none by the one who judged the prompt in the other file."""
OBJECTIVES = {"pairs.jsonl": "bias", "ratings.csv": "instruction", "trees.jsonl": "instruction"}
"""File of which the panel judges prompts -> their objective. It does not judge twins, which belong on one side of the
split, nor single answers."""


def panel_rows(files: Mapping[str, Sequence[JudgedQuestion]], share: float, raters: Raters, seed: int) -> list[Row]:
    """Draws the votes of the panel, in random order.

    Args:
        files: name of a file -> its judged questions.
        share: of the prompts of each file in `OBJECTIVES` that the panel judges. It judges no follow-up questions.
        raters: of the world.
        seed: of the world.
    """
    rng = random.Random(f"{seed}/panel")
    people = raters.with_lazy(rng)
    rows: list[Row] = []
    for name, objective in OBJECTIVES.items():
        judged = [part for part in files[name] if part.rows]
        for part in rng.sample(judged, round(share * len(judged))):
            rows += [{**row, "objective": objective} for row in _vote(part, people, rng)]
    rng.shuffle(rows)
    return rows


def _vote(judged: JudgedQuestion, people: Sequence[Rater], rng: random.Random) -> Iterator[Row]:
    """Draws the votes on two answers to a question; each rater is shown them in a random order."""
    question = judged.question
    answers = list(zip(question.answers, question.qualities, question.lengths, strict=True))
    pair = rng.sample(answers, 2)
    for rater in rng.sample([person for person in people if person.name != judged.rater.name], VOTES):
        first, second = rng.sample(pair, 2)
        is_first = rater.chooses_first(first[1:], second[1:])
        yield {
            "prompt": question.prompt,
            "first": first[0],
            "second": second[0],
            "choice": 1 if is_first else 2,
            "rater": rater.name,
        }


def list_raters(raters: Raters) -> Iterator[Row]:
    """Yields the rows of `RATERS_FILE`."""
    for rater in raters.with_lazy(random.Random()):
        yield {"rater": rater.name, "manner": rater.manner.kind}
