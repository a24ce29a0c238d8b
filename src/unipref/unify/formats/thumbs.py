"""One answer judged alone, thumbs up or down, as KTO uses it."""

from collections.abc import Iterator
from typing import Any, ClassVar

from unipref.core.contracts import Gives
from unipref.core.records import Feedback, Reason, Reject, Response, Row
from unipref.unify.detection.guess import ASK, Column, Columns, Guess, paths, prompt_and_answer
from unipref.unify.format_bases.dialogue import OneAnswer
from unipref.unify.mapping.fields import Path, get_path, quoting_hint

LIKED = ("label", "liked", "thumb", "thumbs", "good", "desirable", "approved", "accepted", "helpful", "correct")
"""Names of labels that are true for a good answer; `label` is how KTO data calls it."""
DISLIKED = ("toxic", "unsafe", "harmful", "flagged", "bad", "wrong", "incorrect")
UP, DOWN = (
    {"true", "up", "like", "liked", "good", "positive", "yes"},
    {"false", "down", "dislike", "bad", "negative", "no"},
)


def _label(columns: Columns) -> Column | None:
    """The column that judges: of flags, or of two values with a name that says so."""
    flags = columns.of("flag")
    named = columns.named(["flag"], *LIKED, *DISLIKED)
    coded = [c for c in columns.of("code") if c.distinct == 2 and c.called(*LIKED, "vote", "rating", "feedback")]
    coded = [c for c in coded if {*c.numbers} in ({0, 1}, {-1, 1}) or {v.lower() for v in c.different} <= UP | DOWN]
    return named or next(iter(coded), None) or next((c for c in flags if c.distinct > 1), None)


def _codes(label: Column) -> tuple[dict[str, list[Any]], list[str]]:
    """The settings for up and down, where they are not the defaults, and what is doubtful about them."""
    values = [True, False] if all(isinstance(v, bool) for v in label.values) else sorted({*label.values}, key=str)
    words = {v: str(v).lower() for v in values}
    up, down = ([v for v in values if words[v] in said] for said in (UP, DOWN))
    own_words = bool(up or down) and not {*words.values()} <= {"true", "false"}
    if own_words:
        return {"up": up, "down": down}, []
    if label.called(*DISLIKED):
        return {"up": down, "down": up}, [f"'{label.path}' is taken for a fault: true is thumbs down"]
    if label.called(*LIKED) and (up or down):
        doubts = [f"'{label.path}' true is taken for thumbs up"]
        if values == [True, False]:
            return {}, doubts
        # The value that is not in these rows is spelled like the one that is.
        other = {"True": "False", "TRUE": "FALSE", "true": "false"}
        up, down = up or [k for k, v in other.items() if v in down], down or [other[v] for v in up if v in other]
        return {"up": up, "down": down}, doubts
    return {"up": [ASK], "down": [ASK]}, [f"which of {', '.join(map(str, values))} in '{label.path}' is thumbs up"]


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
    gives: ClassVar[Gives] = "single"
    needs: ClassVar[tuple[str, ...]] = ("a prompt", "an answer", "a true-or-false label")
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
        label = _label(columns)
        if label is None:
            return None
        codes, doubts = _codes(label)
        dialogues = columns.of("turns", "transcript")
        if len(dialogues) == 1:
            mapping = {"messages": dialogues[0].path, "label": label.path, **codes}
            why = [f"'{dialogues[0].path}' is a dialogue, '{label.path}' one of {', '.join(label.different)}"]
            return Guess(mapping, 0.85, why, doubts)
        if dialogues or columns.of("items", "texts") or (found := prompt_and_answer(columns)) is None:
            return None
        prompt, response, sure = found
        mapping = {"prompt": paths(prompt), "response": response, "label": label.path, **codes}
        return Guess(mapping, 0.25 + 0.6 * sure, [f"'{label.path}' is one of two values for each '{response}'"], doubts)

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """One feedback with one judged answer."""
        approved = self._verdict(get_path(row, self.label))
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
        detail += quoting_hint(label, [*self.up, *self.down])
        raise Reject(Reason.BAD_LABEL, detail, self.label)
