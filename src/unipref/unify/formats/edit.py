"""A text before and after an edit: the edited one is preferred."""

from collections.abc import Iterator
from typing import Any, ClassVar

from unipref.core.records import Comparison, Feedback, Reject, Response, Row
from unipref.unify.detection.guess import (
    PLACEHOLDER,
    Column,
    Columns,
    Guess,
    ends_with_user,
    find_prompt,
    path_setting,
    quote_names,
)
from unipref.unify.detection.twins import find_series, find_twin_columns
from unipref.unify.detection.two_answers import are_same, longest_texts, mean_containment, mean_overlap, repeats_one_of
from unipref.unify.format_bases.mapped import Mapped
from unipref.unify.mapping.fields import Part, Paths, Place, get_answer
from unipref.unify.mapping.turns import assistant_turn

BEFORE_NAMES = ("before", "old", "original", "src", "draft", "unedited")
MACHINE_NAMES = ("mt", "machine", "raw", *BEFORE_NAMES)
"""Words in the names of what was written before a person edited it."""
EDITED_NAMES = (
    *("post_edit", "postedit", "post_edited", "postedited", "human_edit", "human_edited", "edited", "revised"),
    *("corrected", "rewritten", "revision", "rewrite", "human_revision", "user_edit", "edit"),
)
"""Names that say themselves that a text is the edited version of another one."""
AFTER_NAMES = (
    *("after", "new", "edited", "revised", "corrected", "tgt", "revision", "improved", "final", "rewritten", "rewrite"),
    *("polished", "fixed", "sent"),
)
DRAFT_NAMES, FINAL_NAMES = (
    ("draft", "unedited", "original", "raw", "model", "ai", "bot", "generated"),
    ("final", "improved", "sent", "fixed", "polished"),
)
"""Words in which the names of a text before and after an edit differ."""
VERSIONS = {"version", "text", "answer", "reply", "response", "copy"}
"""Words that say nothing beside `final`, if the other name says that its text is a draft."""
MIN_OVERLAP = 0.55
"""Least overlap of two texts for one to count as an edit of the other."""
MIN_SHARE = 0.5
"""Least share of rows with the text before the edit."""
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

    can_disagree: ClassVar[bool] = False

    example: ClassVar[dict[str, Any]] = {
        "settings": {"before": "old", "after": "new"},
        "rows": [{"old": "He go home.", "new": "He goes home."}],
    }

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """Recognises two texts, one of which is the other with small changes."""
        if columns.of_kind("texts", "items") or not all(map(ends_with_user, columns.of_kind("turns"))):
            return None
        texts = longest_texts([c for c in columns.prose if c.share > 0.7])
        copies = [c for c in texts for a, b, _ in find_twin_columns(texts, columns) if repeats_one_of(c, [a, b])]
        texts = [c for c in texts if c not in copies]
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
            return _recognise_by_name(columns)
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


def _recognise_by_name(columns: Columns) -> Guess | None:
    """Recognises an edited version by its name alone: most of the text can be new. Asks which text was edited."""
    texts = [c for c in columns.prose if not c.is_identifier]
    after = next((c for name in EDITED_NAMES for c in texts if c.has_name(name) and _is_version(c)), None)
    if after is None and (remark := next((c for c in columns.of_role("critique") if c.has_name("correction")), None)):
        return _ask_about_correction(columns, remark, texts)
    if after is None and (couple := _find_draft(texts)) is not None:
        texts, after = [*couple], couple[1]
    others = [c for c in texts if c is not after and c.share > MIN_SHARE]
    if after is None or not others:
        return None
    versions = [c for c in others if c.has_name(*MACHINE_NAMES) and columns.role(c) != "prompt"]
    versions = versions or [c for c in others if columns.role(c) == "answer"]
    before = versions[0] if len(versions) == 1 else None
    mapping: dict[str, Any] = {"before": PLACEHOLDER if before is None else before.path, "after": after.path}
    mapping |= _find_prompt(columns, [after, *others] if before is None else [after, before])
    doubts = [f"that every '{after.path}' is an improvement; leave out others with 'where'"]
    doubts += [f"which of {quote_names(c.path for c in others)} is the text before the edit"] if before is None else []
    if after.share < 1:
        doubts.append(f"rows without '{after.path}' are rejected ({1 - after.share:.0%} of these)")
    source = "another text" if before is None else f"'{before.path}'"
    return Guess(mapping, 0.75 if before else 0.7, [f"'{after.path}' is an edit of {source}, by its name"], doubts)


def _ask_about_correction(columns: Columns, remark: Column, texts: list[Column]) -> Guess | None:
    """Asks whether a correction is a whole answer or says what is wrong."""
    answers = [c for c in texts if columns.role(c) == "answer"]
    if len(answers) != 1:
        return None
    mapping = {"before": answers[0].path, "after": PLACEHOLDER, **_find_prompt(columns, answers)}
    doubt = f"whether '{remark.path}' is a better answer than '{answers[0].path}', or says what is wrong with it"
    return Guess(mapping, 0.7, [f"'{remark.path}' corrects '{answers[0].path}', by its name"], [doubt])


def _find_draft(texts: list[Column]) -> tuple[Column, Column] | None:
    """Returns two texts whose names differ only in words such as `draft` and `final`."""
    for before in texts:
        for after in texts:
            drafts, finals = {*before.words} & {*DRAFT_NAMES}, {*after.words} & {*FINAL_NAMES}
            rest = {*before.words} - drafts, {*after.words} - finals
            is_draft = bool(drafts & {*BEFORE_NAMES, "unedited", "raw"})
            if drafts and finals and (rest[0] == rest[1] or (is_draft and rest[0] | rest[1] <= VERSIONS)):
                return before, after
    return None


def _is_version(column: Column) -> bool:
    """Whether an edited text is named, not what describes the edit, such as `edit_reason`."""
    return not {*column.words} & {
        "reason",
        "type",
        "comment",
        "by",
        "editor",
        "note",
        "notes",
        "instruction",
        "summary",
    }


def _find_prompt(columns: Columns, texts: list[Column]) -> dict[str, str | list[str]]:
    """Returns the setting `prompt` if a text besides these has the name of a prompt."""
    dialogues = columns.of_kind("turns")
    if len(dialogues) == 1:
        return {"prompt": dialogues[0].path}
    prompts = [c for c in columns.of_role("prompt") if c not in texts and c.share > 0.5]
    paths = find_prompt(columns, texts)[0] if prompts else []
    return {"prompt": path_setting(paths)} if paths else {}


def _describe_kinds(columns: Columns) -> str:
    """Names the field that holds the kind of each edit, with its values; empty if there is no such field."""
    categories = [c for c in columns.all if c.kind in ("code", "text") and not c.numbers and c.is_category]
    kinds = next((c for c in categories if 2 <= c.n_distinct <= MAX_KINDS and not c.is_identifier), None)
    return f", for instance by '{kinds.path}' ({', '.join(kinds.distinct_values)})" if kinds else ""
