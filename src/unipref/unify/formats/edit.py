"""A text before and after an edit: the edited one is preferred."""

from collections.abc import Iterator
from typing import Any, ClassVar

from unipref.core.records import Comparison, Feedback, Reject, Response, Row
from unipref.unify.detection.guess import PLACEHOLDER, Column, Columns, Guess, find_prompt, path_setting
from unipref.unify.detection.twins import find_series
from unipref.unify.detection.two_answers import are_same, longest_texts, mean_containment, mean_overlap
from unipref.unify.format_bases.mapped import Mapped
from unipref.unify.mapping.fields import Part, Paths, Place, get_answer
from unipref.unify.mapping.turns import assistant_turn

BEFORE_NAMES = ("before", "old", "original", "src", "draft", "unedited")
AFTER_NAMES = (
    *("after", "new", "edited", "revised", "corrected", "tgt", "revision", "improved", "final", "rewritten", "rewrite"),
    *("polished", "fixed", "sent"),
)
MIN_OVERLAP = 0.55
"""Least overlap of two texts for one to count as an edit of the other."""
MAX_KINDS = 10
"""Most kinds of edits to list in a doubt."""


def _extends(whole: Column, part: Column) -> bool:
    """Whether the text `whole` is `part` with something added, in nearly every row."""
    texts = dict(zip(part.rows, part.values, strict=True))
    added = [
        str(texts[i]) in str(v) and texts[i] != v for i, v in zip(whole.rows, whole.values, strict=True) if i in texts
    ]
    return bool(added) and sum(added) > 0.9 * len(added)


class Edit(Mapped):
    """A text and its improved version. The prompt asks for the edit and shows the text before it. The text after the
    edit is chosen, the unchanged text rejected. Use `where` to leave out edits that do not improve the text.
    """

    before: Place
    """Path of the text before the edit; or a part with a pattern that extracts it from a field."""
    after: Place
    """Path of the text after the edit; or a part."""
    instruction: str = "Improve this text:"
    """What the prompt asks for; the text before the edit follows it."""
    prompt: Paths | None = None
    """Replaces the instruction: the prompt to which both texts are answers."""

    example: ClassVar[dict[str, Any]] = {
        "settings": {"before": "old", "after": "new"},
        "rows": [{"old": "He go home.", "new": "He goes home."}],
    }

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """Recognises two texts, one of which is the other with small changes."""
        if columns.of_kind("texts", "items", "turns"):
            return None
        texts = longest_texts([c for c in columns.prose if c.share > 0.7])
        texts = [
            c
            for c in texts
            if c.has_name(*AFTER_NAMES) or not any(_extends(c, other) for other in texts if other is not c)
        ]
        shares = [(mean_overlap(a, b), a, b) for i, a in enumerate(texts) for b in texts[i + 1 :] if not are_same(a, b)]
        if find_series(columns):
            return None
        share, one, other = max(shares, key=lambda pair: pair[0], default=(0.0, None, None))
        before = next((c for word in BEFORE_NAMES for c in texts if c.has_name(word)), None)
        after = next((c for word in AFTER_NAMES for c in texts if c.has_name(word) and c is not before), None)
        if before is not None and after is not None and mean_containment(before, after) > MIN_OVERLAP / 2:
            share = mean_containment(before, after)
            why = f"'{before.path}' and '{after.path}' share {share:.0%}, and their names say which came first"
            doubt = "every edit counts as an improvement; leave out others with 'where'"
            mapping = {"before": before.path, "after": after.path, **_find_prompt(columns, [before, after])}
            return Guess(mapping, 0.9, [why], [doubt + _describe_kinds(columns)])
        if one is None or other is None or share < MIN_OVERLAP:
            return None
        doubt = f"which of '{one.path}' and '{other.path}' is the text before the edit"
        why = f"'{one.path}' and '{other.path}' share {share:.0%} of their text"
        mapping = {"before": PLACEHOLDER, "after": PLACEHOLDER, **_find_prompt(columns, [one, other])}
        return Guess(mapping, 0.8, [why], [doubt])

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """Yields one feedback with the texts after and before the edit; the text after is better."""
        before = get_answer(row, self.before)
        after = get_answer(row, self.after)
        if self.prompt is not None:
            prompt = self.read_prompt(row, self.prompt)
        else:
            prompt = self.read_prompt(row, [Part(text=self.instruction), self.before])
        responses = [Response(messages=assistant_turn(content)) for content in (after, before)]
        yield Feedback(prompt=prompt, responses=responses, comparisons=[Comparison(better=0, worse=1)])


def _find_prompt(columns: Columns, texts: list[Column]) -> dict[str, str | list[str]]:
    """Returns the setting `prompt` if a text besides these has the name of a prompt."""
    prompts = [c for c in columns.of_role("prompt") if c not in texts and c.share > 0.5]
    paths = find_prompt(columns, texts)[0] if prompts else []
    return {"prompt": path_setting(paths)} if paths else {}


def _describe_kinds(columns: Columns) -> str:
    """Names the field that holds the kind of each edit, with its values; empty if there is no such field."""
    categories = [c for c in columns.all if c.kind in ("code", "text") and not c.numbers and c.is_category]
    kinds = next((c for c in categories if 2 <= c.n_distinct <= MAX_KINDS and not c.is_identifier), None)
    return f", for instance by '{kinds.path}' ({', '.join(kinds.distinct_values)})" if kinds else ""
