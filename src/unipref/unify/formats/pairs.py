"""Two answers, one preferred: message lists, texts, or one transcript per side as in HH-RLHF."""

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import model_validator

from unipref.core.records import Comparison, Feedback, Reject, Row
from unipref.unify.detection.guess import ASK, Column, Columns, Guess, asked_in, paths
from unipref.unify.detection.two_answers import judgement, sure, two_answers
from unipref.unify.format_bases.two_answers import Codes, TwoAnswers, judged, side_of
from unipref.unify.mapping.fields import Path, get_path

BETTER = ("chosen", "preferred", "better", "winner", "accepted", "pos_response")
WORSE = ("rejected", "dispreferred", "worse", "loser", "neg_response")
"""Names that say which answer was preferred."""


def _named(columns: Columns) -> Guess | None:
    """Two answers whose names say which one was preferred."""
    for kind in ("transcript", "turns", "turn", "text"):
        better, worse = columns.named([kind], *BETTER), columns.named([kind], *WORSE)
        if better is None or worse is None or better is worse:
            continue
        mapping: dict[str, Any] = {"chosen": better.path, "rejected": worse.path}
        if _are_endings(better):
            if not (prompt := _asked_before(columns, [better, worse])):
                continue
            mapping["prompt"] = paths(prompt)
        why = f"'{better.path}' and '{worse.path}' hold two answers to one prompt ({kind}), and say which was preferred"
        return Guess(mapping, 0.95, [why])
    turns, dialogues = columns.of("turn"), columns.of("turns")
    if len(turns) == 2 and (prompt := [c.path for c in dialogues[:1]] or asked_in(columns, turns)[0]):
        one, other = turns
        doubt = f"which of '{one.path}' and '{other.path}' was preferred is not said"
        mapping = {"chosen": ASK, "rejected": ASK, "prompt": paths(prompt)}
        return Guess(
            mapping, 0.7, [f"'{one.path}' and '{other.path}' are two turns that follow '{prompt[0]}'"], [doubt]
        )
    return None


def _are_endings(side: Column) -> bool:
    """Whether a side is an answer alone, without the dialogue before it."""
    return side.kind in ("turn", "text") or (side.kind == "turns" and all(len(turns) == 1 for turns in side.values))


def _asked_before(columns: Columns, sides: list[Column]) -> list[str]:
    """Where the prompt of two endings is: a text or a dialogue."""
    prompt, named = asked_in(columns, sides)
    dialogue = [c.path for c in columns.of("turns", "transcript") if c not in sides][:1]
    return prompt if named else dialogue or prompt


class Pairs(TwoAnswers):
    """A chosen and a rejected answer to one prompt; or two answers and a label that says which one is better.

    Each side is a text, a list of turns, a single turn, or a whole transcript with speaker marks. Where the sides
    repeat the dialogue, their common beginning up to a user turn is the prompt and each side keeps what follows.
    """

    chosen: Path = "chosen"
    """Path of the preferred answer or dialogue."""
    rejected: Path = "rejected"
    """Path of the other one."""
    first: Path | None = None
    """Path of the first answer, where a label says which one is better."""
    second: Path | None = None
    """Path of the second one."""
    label: Path | None = None
    """Path of the label."""
    codes: Codes = {}
    """What the label says -> first, second or tie."""

    needs: ClassVar[tuple[str, ...]] = ("a prompt", "an answer", "a second answer")
    example: ClassVar[dict[str, Any]] = {
        "settings": {},
        "rows": [
            {
                "chosen": "\n\nHuman: Is tea better than coffee?\n\nAssistant: It depends on your taste.",
                "rejected": "\n\nHuman: Is tea better than coffee?\n\nAssistant: Coffee is for fools.",
            },
        ],
    }

    @model_validator(mode="after")
    def _label_is_spelled_out(self) -> "Pairs":
        given = [self.first is not None, self.second is not None, self.label is not None]
        if any(given) and not (all(given) and self.codes):
            raise ValueError("a label needs 'first', 'second', 'label' and 'codes', as in codes: {1: first, 2: second}")
        if any(given) and self.model_fields_set & {"chosen", "rejected"}:
            raise ValueError("give either 'chosen' and 'rejected', or 'first', 'second', 'label' and 'codes'")
        return self

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """A chosen and a rejected answer by their names; two answers and a label; two dialogues that begin alike."""
        if (named := _named(columns)) is not None:
            return named
        if (sides := two_answers(columns)) is None:
            return None
        told = judgement(columns, sides)
        if told is not None and told.kind == "label":
            return Guess(
                {**sides.map, **told.map},
                sure(sides, told),
                [sides.why, told.why],
                [*sides.doubts, *told.doubts],
            )
        if told is not None or sides.prompt:
            return None
        doubt = f"which of '{sides.first}' and '{sides.second}' was preferred is not said"
        return Guess({"chosen": ASK, "rejected": ASK}, 0.7, [sides.why], [doubt])

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """One feedback with two answers and one comparison."""
        if self.first is None or self.second is None or self.label is None:
            paths, comparison = (self.chosen, self.rejected), Comparison(better=0, worse=1)
        else:
            paths = (self.first, self.second)
            comparison = judged(side_of(get_path(row, self.label), self.codes, self.label))
        prompt, endings = self.two(row, paths)
        yield Feedback(prompt=prompt, responses=self.responses(row, endings), comparisons=[comparison])
