"""A text before and after an edit: the edited one is preferred."""

from collections.abc import Iterator
from typing import Any, ClassVar

from unipref.core.records import Comparison, Feedback, Reject, Response, Row
from unipref.unify.detection.guess import ASK, Column, Columns, Guess
from unipref.unify.detection.two_answers import overlap
from unipref.unify.format_bases.mapped import Mapped
from unipref.unify.mapping.fields import Part, Path, Paths, answer_at
from unipref.unify.mapping.turns import assistant_turn

BEFORE = ("before", "old", "original", "src", "draft", "unedited")
AFTER = ("after", "new", "edited", "revised", "corrected", "tgt", "revision", "improved")
LIKE = 0.55
"""Share of two texts in common from which one is taken for an edit of the other."""
MOST_KINDS = 10
"""Kinds of edits, beyond which they are not named."""


def _holds(whole: Column, part: Column) -> bool:
    """Whether a text is another one with something added in nearly every row."""
    texts = dict(zip(part.rows, part.values, strict=True))
    found = [
        str(texts[i]) in str(v) and texts[i] != v for i, v in zip(whole.rows, whole.values, strict=True) if i in texts
    ]
    return bool(found) and sum(found) > 0.9 * len(found)


class Edit(Mapped):
    """A text and its improved version. The prompt asks for the edit and shows the text before it; the text after is
    chosen, the unchanged text rejected. Edits that do not improve (by their intent, say) are kept out with `where`.
    """

    before: Path | Part
    """Path of the text before the edit; or a part, where a pattern has to take it out of a field."""
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

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """Two texts of which one is the other with small changes."""
        if columns.of("texts", "items", "turns"):
            return None
        texts = [c for c in columns.prose if c.share > 0.7]
        texts = [c for c in texts if not any(_holds(c, other) for other in texts if other is not c)]
        shares = [(overlap(a, b), a, b) for i, a in enumerate(texts) for b in texts[i + 1 :]]
        share, one, other = max(shares, key=lambda found: found[0], default=(0.0, None, None))
        before = next((c for word in BEFORE for c in texts if c.called(word)), None)
        after = next((c for word in AFTER for c in texts if c.called(word) and c is not before), None)
        if before is not None and after is not None and overlap(before, after) > LIKE / 2:
            why = f"'{before.path}' and '{after.path}' share {overlap(before, after):.0%}, and say which was first"
            doubt = "every edit is taken for an improvement; leave others out with 'where'"
            return Guess({"before": before.path, "after": after.path}, 0.9, [why], [doubt + _kinds(columns)])
        if one is None or other is None or share < LIKE:
            return None
        doubt = f"which of '{one.path}' and '{other.path}' is the text before the edit"
        why = f"'{one.path}' and '{other.path}' share {share:.0%} of their text"
        return Guess({"before": ASK, "after": ASK}, 0.8, [why], [doubt])

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """One feedback with the texts after and before, the first better."""
        before = answer_at(row, self.before)
        after = answer_at(row, self.after)
        if self.prompt is not None:
            prompt = self.ask(row, self.prompt)
        else:
            prompt = self.ask(row, [Part(text=self.instruction), self.before])
        responses = [Response(messages=assistant_turn(content)) for content in (after, before)]
        yield Feedback(prompt=prompt, responses=responses, comparisons=[Comparison(better=0, worse=1)])


def _kinds(columns: Columns) -> str:
    """The field that says of what kind an edit is, with its values; empty where there is none."""
    sorted_by = [c for c in columns.all if c.kind in ("code", "text") and not c.numbers and c.is_category]
    kinds = next((c for c in sorted_by if 2 <= c.distinct <= MOST_KINDS and not c.is_identifier), None)
    return f", as '{kinds.path}' tells {', '.join(kinds.different)} apart" if kinds else ""
