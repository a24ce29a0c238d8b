"""Two answers, one preferred: message lists, texts, or one transcript per side as in HH-RLHF."""

from collections.abc import Iterator
from typing import Any, ClassVar

from unipref.contracts import Settings
from unipref.records import Comparison, Feedback, Messages, Reason, Reject, Response, Row
from unipref.unify._mapped import Mapped
from unipref.unify._mapping import (
    Path,
    Paths,
    answer_text,
    answered,
    check_prompt,
    common_prefix,
    conversation,
    last_user_turn,
    pluck,
    transcript,
)
from unipref.unify._recognise import ASK, Column, Columns, Guess


def _begin_alike(sides: list[Column]) -> bool:
    """Whether most rows' two dialogues share their beginning but not their end."""
    couples = [(str(a), str(b)) for a, b in zip(sides[0].values, sides[1].values, strict=False)]
    alike = sum(a[:20] == b[:20] and a != b for a, b in couples)
    return alike > len(couples) / 2


class Marks(Settings):
    """How speakers are marked inside a transcript."""

    user: str = "\n\nHuman:"
    """Mark before a user's turn."""
    assistant: str = "\n\nAssistant:"
    """Mark before an assistant's turn."""


class Pairs(Mapped):
    """A chosen and a rejected answer to one prompt.

    Each side is a text, a list of turns, a single turn, or a whole transcript with speaker marks. Where the sides
    repeat the dialogue, their common beginning up to a user turn is the prompt and each side keeps what follows.
    """

    chosen: Path = "chosen"
    """Path of the preferred answer or dialogue."""
    rejected: Path = "rejected"
    """Path of the other one."""
    prompt: Paths | None = None
    """Path, or paths to be joined, of the prompt; not needed where each side holds the whole dialogue."""
    marks: Marks = Marks()
    """Speaker marks of transcripts."""

    example: ClassVar[dict[str, Any]] = {
        "settings": {},
        "rows": [
            {
                "chosen": "\n\nHuman: Is tea better than coffee?\n\nAssistant: It depends on your taste.",
                "rejected": "\n\nHuman: Is tea better than coffee?\n\nAssistant: Coffee is for fools.",
            },
        ],
    }

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

    def read(self, row: Row) -> Iterator[Feedback | Reject]:
        """One feedback with two answers and one comparison."""
        sides = [self._side(pluck(row, path), path) for path in (self.chosen, self.rejected)]
        if self.prompt is not None and not all(self._repeats_prompt(side) for side in sides):
            prompt = self.ask(row, self.prompt)
            endings = [
                self._after(prompt, side, path) for side, path in zip(sides, (self.chosen, self.rejected), strict=True)
            ]
        else:
            prompt, endings = self._divide(sides[0], sides[1])
            prompt = [*self.system_turn(row), *prompt]
        for ending, path in zip(endings, (self.chosen, self.rejected), strict=True):
            if not ending or ending[-1]["role"] != "assistant":
                raise Reject(Reason.NO_ANSWER, "does not end with an answer of the assistant", path)
            answer_text(ending[-1]["content"], path)
        yield Feedback(
            prompt=prompt,
            responses=[Response(messages=ending) for ending in endings],
            comparisons=[Comparison(better=0, worse=1)],
            twins=self.twin_of(row),
            extra=self.kept(row),
        )

    def _side(self, value: Any, path: str) -> Messages:
        if isinstance(value, str):
            dialogue = transcript(value, self.marks.user, self.marks.assistant)
            return dialogue if dialogue is not None else answered(answer_text(value, path))
        return conversation([value] if isinstance(value, dict) else value, path, self.roles)

    @staticmethod
    def _repeats_prompt(side: Messages) -> bool:
        """Whether a side starts where the dialogue does; else it goes on after the prompt."""
        return len(side) > 1 and side[0]["role"] != "assistant"

    def _after(self, prompt: Messages, side: Messages, path: str) -> Messages:
        """What a side says after the prompt."""
        if not self._repeats_prompt(side):
            return side
        asked = [m for m in prompt if m["role"] != "system"]
        turns = [m for m in side if m["role"] != "system"]
        if turns[: len(asked)] != asked or len(turns) == len(asked):
            raise Reject(Reason.PROMPTS_DIFFER, "repeats a dialogue that does not begin with the prompt", path)
        return turns[len(asked) :]

    @staticmethod
    def _is_dialogue(side: Messages) -> bool:
        return len(side) > 1 and any(m["role"] == "user" for m in side)

    def _divide(self, first: Messages, second: Messages) -> tuple[Messages, list[Messages]]:
        if not (self._is_dialogue(first) and self._is_dialogue(second)):
            raise Reject(
                Reason.EMPTY_PROMPT,
                "each side holds only an answer; say where the prompt is with 'prompt:'",
                self.chosen,
            )
        shared = min(common_prefix(first, second), len(first) - 1, len(second) - 1)
        cut = last_user_turn(first[:shared])
        if cut == 0:
            raise Reject(Reason.PROMPTS_DIFFER, "the two sides do not begin with the same user turn", self.rejected)
        check_prompt(first[:cut], self.chosen)
        return first[:cut], [first[cut:], second[cut:]]
