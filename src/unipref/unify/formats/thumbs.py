"""One answer with a thumbs up or a thumbs down, as KTO uses it."""

from collections.abc import Iterator
from typing import Any, ClassVar

from unipref.core.contracts import FeedbackKind, Grouping
from unipref.core.records import Feedback, Reject, Response, Row
from unipref.unify.detection.guess import PLACEHOLDER, Column, Columns, Guess, find_prompt_and_answer, path_setting
from unipref.unify.format_bases.dialogue import OneAnswer
from unipref.unify.mapping.fields import Path, get_path
from unipref.unify.mapping.verdicts import Verdicts

LIKED_NAMES = ("label", "liked", "thumb", "thumbs", "good", "desirable", "approved", "accepted", "helpful", "correct")
"""Names of labels that are true for a good answer; KTO data uses `label`."""
DISLIKED_NAMES = ("toxic", "unsafe", "harmful", "flagged", "bad", "wrong", "incorrect")
UP_WORDS, DOWN_WORDS = (
    {"true", "up", "like", "liked", "good", "positive", "yes"},
    {"false", "down", "dislike", "bad", "negative", "no"},
)


def _find_label(columns: Columns) -> Column | None:
    """Returns the column of the verdict: flags, or two values with a telling name; None if there is none."""
    flags = columns.of_kind("flag")
    named = columns.find_named(["flag"], *LIKED_NAMES, *DISLIKED_NAMES)
    coded = [
        c
        for c in columns.of_kind("code")
        if c.n_distinct == 2 and c.has_name(*LIKED_NAMES, "vote", "rating", "feedback")
    ]
    coded = [
        c
        for c in coded
        if {*c.numbers} in ({0, 1}, {-1, 1}) or {v.lower() for v in c.distinct_values} <= UP_WORDS | DOWN_WORDS
    ]
    return named or next(iter(coded), None) or next((c for c in flags if c.n_distinct > 1), None)


def _guess_codes(label: Column) -> tuple[dict[str, list[Any]], list[str]]:
    """Returns the settings `up` and `down`, unless the defaults fit, and the doubts about them."""
    values = [True, False] if all(isinstance(v, bool) for v in label.values) else sorted({*label.values}, key=str)
    words = {v: str(v).lower() for v in values}
    up, down = ([v for v in values if words[v] in verdict_words] for verdict_words in (UP_WORDS, DOWN_WORDS))
    own_words = bool(up or down) and not {*words.values()} <= {"true", "false"}
    if own_words:
        return {"up": up, "down": down}, []
    if label.has_name(*DISLIKED_NAMES):
        return {"up": down, "down": up}, [f"'{label.path}' is the name of a fault: true counts as thumbs down"]
    if label.has_name(*LIKED_NAMES) and (up or down):
        doubts = [f"true in '{label.path}' counts as thumbs up"]
        if values == [True, False]:
            return {}, doubts
        # The value that is not in these rows is spelled like the one that is.
        other = {"True": "False", "TRUE": "FALSE", "true": "false"}
        up, down = up or [k for k, v in other.items() if v in down], down or [other[v] for v in up if v in other]
        return {"up": up, "down": down}, doubts
    return {"up": [PLACEHOLDER], "down": [PLACEHOLDER]}, [
        f"which of {', '.join(map(str, values))} in '{label.path}' is thumbs up"
    ]


class Thumbs(Verdicts, OneAnswer):
    """A dialogue, or a prompt and an answer, with a verdict on the answer. A prompt with a liked and a disliked answer
    gives a pair. Any other answer gives a one-sided preference, which SFT (thumbs up) and KTO can use.
    """

    label: Path
    """Path of the verdict."""

    grouping: ClassVar[Grouping] = "prompt"
    feedback_kind: ClassVar[FeedbackKind] = "single"
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
        """Recognises an answer or a dialogue with a true-or-false label."""
        label = _find_label(columns)
        if label is None:
            return None
        codes, doubts = _guess_codes(label)
        dialogues = columns.of_kind("turns", "transcript")
        if len(dialogues) == 1:
            mapping = {"messages": dialogues[0].path, "label": label.path, **codes}
            why = [
                f"'{dialogues[0].path}' is a dialogue and '{label.path}' is one of {', '.join(label.distinct_values)}"
            ]
            return Guess(mapping, 0.85, why, doubts)
        if dialogues or columns.of_kind("items", "texts") or (texts := find_prompt_and_answer(columns)) is None:
            return None
        prompt, response, confidence = texts
        mapping = {"prompt": path_setting(prompt), "response": response, "label": label.path, **codes}
        return Guess(
            mapping, 0.25 + 0.6 * confidence, [f"'{label.path}' has one of two values for each '{response}'"], doubts
        )

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """Yields one feedback with one judged answer."""
        approved = self.read_verdict(get_path(row, self.label), self.label)
        prompt, answer = self.read_dialogue(row)
        response = Response(messages=answer, approved=approved)
        yield Feedback(prompt=prompt, responses=[response])
