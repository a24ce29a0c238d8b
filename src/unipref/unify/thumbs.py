"""One answer judged alone, thumbs up or down, as KTO uses it."""

from collections.abc import Iterator
from typing import Any, ClassVar

from unipref.records import Feedback, Reason, Reject, Response, Row
from unipref.unify._dialogues import OneAnswer
from unipref.unify._mapping import Path, pluck
from unipref.unify._recognise import Column, Columns, Guess


def _spelled(label: Column) -> dict[str, list[str]]:
    """How a column of text writes true and false."""
    seen = sorted({str(value) for value in label.values} | {"True", "False"})
    return {"up": [v for v in seen if v.lower() == "true"], "down": [v for v in seen if v.lower() == "false"]}


class Thumbs(OneAnswer):
    """A dialogue, or a prompt and an answer, with a verdict on the answer. A prompt with a liked and a disliked answer
    gives a pair; what stands alone gives a one-sided preference, which SFT (up) and KTO can use.
    """

    label: Path
    """Path of the verdict."""
    up: list[bool | int | str] = [True]
    """What the label says for thumbs up. Compared as text too, so that 'True' in a CSV cell is found."""
    down: list[bool | int | str] = [False]
    """What the label says for thumbs down."""

    across_rows: ClassVar[bool] = True
    example: ClassVar[dict[str, Any]] = {
        "settings": {"messages": "messages", "label": "label"},
        "rows": [
            {
                "messages": [
                    {"role": "user", "content": "Say hello."},
                    {"role": "assistant", "content": "Hello!"},
                ],
                "label": True,
            },
        ],
    }

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """An answer or a dialogue with a true-or-false label."""
        flags, dialogues = columns.of("flag"), columns.of("turns")
        label = columns.named(["flag"], "label", "liked", "thumb", "thumbs", "good") or next(iter(flags), None)
        if label is None:
            return None
        codes = {} if all(isinstance(v, bool) for v in label.values) else _spelled(label)
        doubts = [f"'{label.path}' true is taken for thumbs up"]
        if len(dialogues) == 1:
            mapping = {"messages": dialogues[0].path, "label": label.path, **codes}
            why = [f"'{dialogues[0].path}' is a dialogue, '{label.path}' is true or false"]
            return Guess(mapping, 0.85, why, doubts)
        if dialogues or (found := columns.prompt_and_answer()) is None:
            return None
        prompt, response, sure = found
        mapping = {
            "prompt": prompt if len(prompt) > 1 else prompt[0],
            "response": response,
            "label": label.path,
            **codes,
        }
        return Guess(mapping, 0.7 * sure, [f"'{label.path}' is true or false for each '{response}'"], doubts)

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """One feedback with one judged answer."""
        approved = self._verdict(pluck(row, self.label))
        prompt, answer = self.dialogue(row)
        response = Response(messages=answer, approved=approved)
        yield Feedback(prompt=prompt, responses=[response])

    def _verdict(self, label: Any) -> bool:
        # bool is an int in Python: 1 must not pass for True unless the mapping lists it.
        for codes, verdict in ((self.up, True), (self.down, False)):
            if any((type(label) is type(code) and label == code) or (isinstance(label, str) and label == str(code))
                   for code in codes):  # fmt: skip
                return verdict
        detail = f"found {str(label)[:40]!r}, expected one of {self.up} (up) or {self.down} (down)"
        raise Reject(Reason.BAD_LABEL, detail, self.label)
