"""Several good answers against several bad ones, as in lists of correct and incorrect answers."""

from collections.abc import Iterator
from typing import Any, ClassVar

from unipref.records import Feedback, Reason, Reject, Response, Row
from unipref.unify._mapped import Mapped
from unipref.unify._mapping import Path, Paths, answer_text, pluck
from unipref.unify._turns import answered


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

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """One feedback with all answers, approved or not."""
        good, bad = self._answers(row, self.good), self._answers(row, self.bad)
        if not good and not bad:
            raise Reject(Reason.EMPTY_RESPONSE, "there is neither a good nor a bad answer", str(self.good))
        responses = [
            Response(messages=answered(content), approved=approved)
            for contents, approved in ((good, True), (bad, False))
            for content in dict.fromkeys(contents)
        ]
        yield Feedback(prompt=self.ask(row, self.prompt), responses=responses)

    def _answers(self, row: Row, paths: Path | list[Path]) -> list[str]:
        found: list[str] = []
        for path in [paths] if isinstance(paths, str) else paths:
            value = pluck(row, path)
            if isinstance(value, str) and self.separator is not None:
                value = [part for part in value.split(self.separator) if part.strip()]
            if value is None or value == "":
                continue
            values = value if isinstance(value, list) else [value]
            found += [answer_text(item, path) for item in values]
        return found
