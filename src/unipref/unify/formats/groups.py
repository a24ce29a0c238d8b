"""Several good answers against several bad ones, as in lists of correct and incorrect answers."""

from collections.abc import Iterator
from typing import Any, ClassVar

from unipref.core.records import Feedback, Reason, Reject, Response, Row
from unipref.unify.detection.guess import ASK, Column, Columns, Guess, asked_in, paths, quoted
from unipref.unify.format_bases.mapped import Mapped
from unipref.unify.mapping.fields import Path, Paths, answer_text, get_path
from unipref.unify.mapping.turns import assistant_turn

GOOD = ("correct", "good", "positive", "positives", "pos", "true", "right", "best")
BAD = ("incorrect", "bad", "negative", "negatives", "neg", "false", "wrong", "worst")
"""Names that say what the answers are."""


def _differ_in_length(lists: list[Column]) -> bool:
    """Whether two columns of lists do not go side by side, item by item."""
    one, other = lists
    couples = [(len(a), len(b)) for a, b in zip(one.values, other.values, strict=False)]
    return sum(a != b for a, b in couples) > 0.2 * len(couples)


class Groups(Mapped):
    """A prompt with m good and n bad answers: each good one is better than each bad one. What is left over when pairs
    are made is kept as one-sided preferences.
    """

    prompt: Paths
    """The prompt."""
    good: Path | list[Path]
    """Paths of good answers; each a text, a list of texts, or one text with a separator."""
    bad: Path | list[Path]
    """Paths of bad answers, likewise."""
    separator: str | None = None
    """What stands between the answers of one text, such as '; '."""

    example: ClassVar[dict[str, Any]] = {
        "settings": {"prompt": "question", "good": "correct", "bad": "incorrect"},
        "rows": [{"question": "Is the sun a star?", "correct": ["Yes.", "It is."], "incorrect": ["No, a planet."]}],
    }

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """Good and bad answers by their names; or two lists of answers."""
        texts = columns.of("texts", "text")
        bad = [c for c in texts if c.called(*BAD)]
        good = [c for c in texts if c.called(*GOOD) and c not in bad]
        lists = columns.of("texts")
        named = bool(good and bad)
        if not named and len(lists) != 2:
            return None
        prompt, _ = asked_in(columns, [*good, *bad])
        if not prompt or not (named or _differ_in_length(lists)):
            return None
        if not named:
            doubt = f"which of '{lists[0].path}' and '{lists[1].path}' are the good answers"
            why = [f"'{lists[0].path}' and '{lists[1].path}' are two lists of answers of different lengths"]
            return Guess({"prompt": paths(prompt), "good": ASK, "bad": ASK}, 0.7, why, [doubt])
        mapping = {"prompt": paths(prompt), "good": paths([c.path for c in good]), "bad": paths([c.path for c in bad])}
        written = [
            c for c in (*good, *bad) if c.kind == "text" and sum("; " in v for v in c.values) > 0.3 * len(c.values)
        ]
        why = [
            f"{quoted(c.path for c in good)} are good answers, {quoted(c.path for c in bad)} bad ones, by their names"
        ]
        several = any(c.kind == "texts" for c in (*good, *bad)) or bool(written)
        doubts = ["answers of one text are taken to be separated by '; '"] if written else []
        separator = {"separator": "; "} if written else {}
        return Guess({**mapping, **separator}, 0.9 if several else 0.6, why, doubts)

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """One feedback with all answers, approved or not."""
        good, bad = self._answers(row, self.good), self._answers(row, self.bad)
        if not good and not bad:
            raise Reject(Reason.EMPTY_RESPONSE, "there is neither a good nor a bad answer", str(self.good))
        responses = [
            Response(messages=assistant_turn(content), approved=approved)
            for contents, approved in ((good, True), (bad, False))
            for content in dict.fromkeys(contents)
        ]
        yield Feedback(prompt=self.ask(row, self.prompt), responses=responses)

    def _answers(self, row: Row, paths: Path | list[Path]) -> list[str]:
        found: list[str] = []
        for path in [paths] if isinstance(paths, str) else paths:
            value = get_path(row, path)
            if isinstance(value, str) and self.separator is not None:
                value = [part for part in value.split(self.separator) if part.strip()]
            if value is None or value == "":
                continue
            values = value if isinstance(value, list) else [value]
            found += [answer_text(item, path) for item in values]
        return found
