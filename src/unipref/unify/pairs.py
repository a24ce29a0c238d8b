"""Two answers, one preferred: message lists, texts, or one transcript per side as in HH-RLHF."""

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import model_validator

from unipref.records import Comparison, Feedback, Reject, Row
from unipref.unify._mapping import Path, pluck
from unipref.unify._recognise import ASK, Column, Columns, Guess
from unipref.unify._two_answers import Codes, TwoAnswers, judged, side_of


def _begin_alike(sides: list[Column]) -> bool:
    """Whether most rows' two dialogues share their beginning but not their end."""
    couples = [(str(a), str(b)) for a, b in zip(sides[0].values, sides[1].values, strict=False)]
    alike = sum(a[:20] == b[:20] and a != b for a, b in couples)
    return alike > len(couples) / 2


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
        """Two dialogues that begin alike, or two answers, of which the names say that one was preferred."""
        for kind in ("transcript", "turns", "turn", "text"):
            sides = columns.of(kind)
            better = columns.named([kind], "chosen", "preferred", "better", "winner", "accepted")
            worse = columns.named([kind], "rejected", "dispreferred", "worse", "loser")
            named = better is not None and worse is not None
            if better is not None and worse is not None:
                sides = [better, worse]
            elif kind in ("turn", "text") or len(sides) != 2 or not _begin_alike(sides):
                continue
            mapping = {"chosen": better.path if better else ASK, "rejected": worse.path if worse else ASK}
            if kind in ("turn", "text") or (kind == "turns" and all(len(turns) == 1 for turns in sides[0].values)):
                others = [c for c in columns.of("turns", "text", "transcript") if c not in sides]
                asked = next((c for c in others if c.called("prompt", "question", "instruction")), None)
                asked = asked or next(iter(others), None)
                if asked is None:
                    continue
                mapping["prompt"] = asked.path
            why = [f"'{sides[0].path}' and '{sides[1].path}' hold two answers to one prompt ({kind})"]
            doubts = [] if named else [f"which of '{sides[0].path}' and '{sides[1].path}' was preferred is not said"]
            return Guess(mapping, 0.95 if named else 0.7, why, doubts)
        return None

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """One feedback with two answers and one comparison."""
        if self.first is None or self.second is None or self.label is None:
            paths, comparison = (self.chosen, self.rejected), Comparison(better=0, worse=1)
        else:
            paths = (self.first, self.second)
            comparison = judged(side_of(pluck(row, self.label), self.codes, self.label))
        prompt, endings = self.two(row, paths)
        yield Feedback(prompt=prompt, responses=self.responses(row, endings), comparisons=[comparison])
