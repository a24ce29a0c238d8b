"""The ground truth of the built-in world's feedback, in a file that no study reads: for measuring purity.

`truth.jsonl` has a line per question of a file, in file order:

- `file`, `rows`: the feedback file, and the first and last row that hold its label, counted from 1 without a header; a
  follow-up question in a tree has its tree's row.
- `prompt`: the user's last turn. `copy_of`: the prompt that it paraphrases, or null.
- `rater`, `manner`: the rater, and how they judge: careful, careless, noisy or adversarial.
- `answers`: answer -> true quality; the best one is right.
- `right`: whether the label ranks the right answer first; false for a tie at the top.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from unipref.demo.questions import JudgedQuestion

FILE = "truth.jsonl"


def truth_lines(judged_questions: Mapping[str, Iterable[JudgedQuestion]]) -> Iterator[dict[str, Any]]:
    """Yields the lines of `truth.jsonl`, from file name -> its judged questions in file order."""
    for name, parts in judged_questions.items():
        last = 0
        for part in parts:
            first, last = (last + 1, last + len(part.rows)) if part.rows else (last, last)
            yield {
                "file": name,
                "rows": [first, last],
                "prompt": part.question.prompt,
                "copy_of": part.question.copy_of,
                "rater": part.rater.name,
                "manner": part.rater.manner.kind,
                "answers": dict(zip(part.question.answers, part.question.qualities, strict=True)),
                "right": part.right,
            }


class Truth:
    """The true qualities of all answers of a world."""

    def __init__(self, world: Path) -> None:
        """Reads the `truth.jsonl` of a folder that `build` or `write_data` wrote."""
        self._answers: dict[str, dict[str, float]] = {}
        self._original: dict[str, str] = {}
        for line in (world / FILE).read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            self._answers[row["prompt"]] = row["answers"]
            self._original[row["prompt"]] = row["copy_of"] or row["prompt"]

    def is_order_right(self, preference: Mapping[str, Any]) -> bool:
        """Whether a preference has the true order; if it has one side only, whether that is the right side.

        Args:
            preference: a row with `prompt`, `chosen` and `rejected`.

        Raises:
            KeyError: the preference is not from this world.
        """
        answers = self._answers[_last(preference["prompt"])]
        best = max(answers.values())
        chosen, rejected = (_quality(answers, preference[side]) for side in ("chosen", "rejected"))
        if chosen is None or rejected is None:
            return chosen == best if rejected is None else rejected != best
        return chosen > rejected

    def is_chosen_right(self, preference: Mapping[str, Any]) -> bool | None:
        """Whether the chosen answer, from which supervised fine-tuning learns, is the right one.

        None if there is no chosen answer; KeyError as above.
        """
        answers = self._answers[_last(preference["prompt"])]
        chosen = _quality(answers, preference["chosen"])
        return None if chosen is None else chosen == max(answers.values())

    def original(self, preference: Mapping[str, Any]) -> str:
        """The original of a preference's prompt: the same for near-duplicates."""
        return self._original[_last(preference["prompt"])]


def _last(messages: Sequence[Mapping[str, str]]) -> str:
    return messages[-1]["content"]


def _quality(answers: Mapping[str, float], messages: Sequence[Mapping[str, str]] | None) -> float | None:
    return answers[_last(messages)] if messages else None
