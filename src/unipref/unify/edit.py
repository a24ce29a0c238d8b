"""A text before and after an edit: the edited one is preferred."""

from collections.abc import Iterator
from typing import Any, ClassVar

from unipref.records import Comparison, Feedback, Reject, Response, Row
from unipref.unify._mapped import Mapped
from unipref.unify._mapping import Part, Path, Paths, answer_text, pluck
from unipref.unify._turns import answered


class Edit(Mapped):
    """A text and its improved version. The prompt asks for the edit and shows the text before it; the text after is
    chosen, the unchanged text rejected. Edits that do not improve (by their intent, say) are kept out with `where`.
    """

    before: Path
    """Path of the text before the edit."""
    after: Path
    """Path of the text after it."""
    instruction: str = "Improve this text:"
    """What the prompt asks for; the text before follows it."""
    prompt: Paths | None = None
    """The prompt to which both texts are answers, instead of the instruction."""

    example: ClassVar[dict[str, Any]] = {
        "settings": {"before": "old", "after": "new"},
        "rows": [{"old": "He go home.", "new": "He goes home."}],
    }

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """One feedback with the texts after and before, the first better."""
        before = answer_text(pluck(row, self.before), self.before)
        after = answer_text(pluck(row, self.after), self.after)
        if self.prompt is not None:
            prompt = self.ask(row, self.prompt)
        else:
            prompt = self.ask(row, [Part(text=self.instruction), self.before])
        responses = [Response(messages=answered(content)) for content in (after, before)]
        yield Feedback(prompt=prompt, responses=responses, comparisons=[Comparison(better=0, worse=1)])
