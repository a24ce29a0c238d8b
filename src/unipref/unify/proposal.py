"""What the columns of some rows tell: the format and the mapping to propose, and every field that stays unread."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from unipref.core import registry
from unipref.core.contracts import Format
from unipref.core.records import Row
from unipref.unify.detection.columns import Column, Columns
from unipref.unify.detection.concerned_mappings import doubt_names
from unipref.unify.detection.context import doubt_images, find_context, find_end
from unipref.unify.detection.guess import PLACEHOLDER, Guess
from unipref.unify.detection.kinds import is_usual_transcript
from unipref.unify.detection.people_in_rows import find_people
from unipref.unify.detection.row_states import can_be_where, find_row_states, where_path
from unipref.unify.detection.scale_ends import add_ends
from unipref.unify.detection.transcripts import find_marks
from unipref.unify.detection.unread import MAX_CONFIDENCE, account_for_columns, used_paths
from unipref.unify.format_bases.mapped import Mapped

PAIR_SETTINGS = {"chosen", "rejected", "first", "second"}
"""Settings that name two answers: a second person's verdict beside them is about their label."""
ASKS_FOR_PRAISE = "is thumbs up"
"""What a doubt holds that asks which of a field's values are good."""
QUOTED = re.compile(r"'[^']+'")
MAX_WORD = 20
"""Most characters, on average, of a verdict in words."""
MAX_SHOWN = 8
"""Most values of a field to show."""
MIN_ALTERNATIVE_CONFIDENCE = 0.5
"""Least confidence to name another format."""


@dataclass
class Proposed:
    """How some rows would be read.

    Attributes:
        columns: of the rows.
        format, map: the proposal; None and empty if no format fits.
        confidence: in [0, 1].
        why, doubts: the reasons, and what the rows do not tell.
    """

    columns: Columns
    format: str | None = None
    map: dict[str, Any] = field(default_factory=dict)
    confidence: float = 0.0
    why: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def propose(rows: list[Row]) -> Proposed:
    """Asks every format for a guess, takes the surest, and accounts for the fields that it does not read."""
    columns = Columns(rows)
    guesses: list[tuple[type[Mapped], Guess]] = []
    for choice in registry.find_all("format"):
        if issubclass(choice, Mapped) and (guess := choice.recognise(columns)) is not None:
            guesses.append((choice, guess))
    if not guesses:
        return Proposed(columns)
    proposals = [_complete(columns, form, guess) for form, guess in guesses]
    sureness = [guess.confidence for _, guess in guesses]
    # What a guess leaves unread counts first: of two guesses that leave a judgement unread, the surer one is taken.
    place = max(range(len(guesses)), key=lambda i: (proposals[i].confidence, sureness[i]))
    best = proposals[place]
    best.doubts += [
        f"it could also be '{other.format}' ({other.confidence:.2f})"
        for other in proposals
        if other is not best and other.confidence > MIN_ALTERNATIVE_CONFIDENCE
    ]
    return best


def _complete(columns: Columns, form: type[Mapped], guess: Guess) -> Proposed:
    """Adds the system text, earlier turns and literals to a guess, and accounts for the fields that it leaves."""
    context, why = find_context(columns, guess.map)
    end, more = find_end(columns, guess.map) if "until" in form.model_fields else ({}, [])
    judges = form.feedback_kind != "demonstrations"
    people, who, unsure = find_people(columns, guess.map, form.has_annotator_per_vote) if judges else ({}, [], [])
    mapping, why = {**guess.map, **context, **end, **people}, [*why, *more, *who]
    mapping, of_scales = add_ends(columns, mapping)
    mapping |= _literals_setting(columns, mapping)
    mapping |= _marks_setting(columns, mapping) if "marks" in form.model_fields else {}
    is_judged = _is_judging(form) and mapping.get("label") != PLACEHOLDER
    account = account_for_columns(columns, mapping, is_judged)
    states, doubts = _find_states(columns, mapping, account.judgements, is_judged=_is_judging(form))
    # No condition on rows can look into a list.
    unread = [path for path in account.judgements if "*" not in path] or account.judgements
    asked = [*states, *(unread if not _is_judging(form) else [])]
    if asked:
        mapping["where"] = {**mapping.get("where", {}), **dict.fromkeys(asked, PLACEHOLDER)}
    confidence = min(guess.confidence, MAX_CONFIDENCE) if account.is_serious else guess.confidence
    mapping, concerns = doubt_names(mapping, columns)
    # A field that the entry asks about is not named again as one that is not read.
    asking = [d for d in (*guess.doubts, *concerns) if ASKS_FOR_PRAISE in d]
    unread_doubts = [
        d
        for d in account.doubts
        if not any(f"'{s}' " in d for s in states) and not any(_quoted_name(d) in question for question in asking)
    ]
    doubts = [*guess.doubts, *of_scales, *concerns, *unread_doubts, *doubts, *unsure]
    doubts += [] if _is_judging(form) else _advise_thumbs(columns, unread)
    doubts += doubt_images(columns, mapping)
    return Proposed(columns, form.name(), mapping, confidence, [*guess.why, *why], [*dict.fromkeys(doubts)])


def _judges(columns: Columns, column: Column) -> bool:
    return columns.role(column) in ("judgement", "score")


def _has_few_values(column: Column) -> bool:
    is_word = column.kind == "text" and column.mean_length <= MAX_WORD and column.n_distinct <= MAX_SHOWN
    return column.kind in ("code", "flag") or is_word


def _quoted_name(doubt: str) -> str:
    """Returns the quoted name with which a doubt about an unread field begins; the doubt itself if it has none."""
    match = QUOTED.match(doubt)
    return match[0] if match is not None else doubt


def _advise_thumbs(columns: Columns, unread: Sequence[str]) -> list[str]:
    """Says that another format uses the bad answers too, if a field with few values judges them."""
    judging = [c for path in unread if (c := columns.find(path)) is not None and _has_few_values(c)]
    if not judging:
        return []
    name = judging[0].path
    values = ", ".join(judging[0].distinct_values[:MAX_SHOWN])
    return [
        f"this entry uses only good answers; the format 'thumbs' uses bad ones too, with 'label: {name}' and which of "
        f"{values} are 'up' and which 'down', in place of 'where'"
    ]


def _find_states(
    columns: Columns, mapping: dict[str, Any], unread: Sequence[str], *, is_judged: bool
) -> tuple[list[str], list[str]]:
    """Returns the fields by which rows may have to be left out, and the doubts about them.

    A review that says the same as the judgement that is read is not among the unread judgements.

    Answers of failed requests matter where every answer counts as a good one; contested labels and discarded rows do
    everywhere. If a condition on the field cannot work, only the doubt is left.
    """
    used = {*used_paths(mapping)}
    states = [s for s in find_row_states(columns.all) if s.column.path not in used]
    states = [s for s in states if s.kind == "failed" or s.column.n_distinct > 1]
    states = [s for s in states if s.kind != "reviewed" or s.column.path in unread or not _judges(columns, s.column)]
    # What contests a label is the judgement itself if no other field judges.
    unneeded = {"failed", "cut"} if is_judged else {"contested", "checked"}
    unneeded |= set() if PAIR_SETTINGS & mapping.keys() else {"checked"}
    paths = {s: where_path(s.column) for s in states if s.kind not in unneeded}
    asked = {s: path for s, path in paths.items() if s.kind != "cut" and can_be_where(columns.rows, path)}
    hint = "; set by which values its rows are kept, or leave the condition out"
    return [*dict.fromkeys(asked.values())], [s.doubt + hint * (s in asked) for s in paths]


def reads_judgements(name: str | None) -> bool:
    """Whether rows of a format are judged; else every answer counts as a good one."""
    # An installed package may have a format of the same name: its own name is ambiguous in a study, but not here.
    form = next((choice for choice in registry.find_all("format") if choice.name() == name), None)
    return form is not None and issubclass(form, Format) and _is_judging(form)


def _is_judging(form: type[Format]) -> bool:
    return form.feedback_kind != "demonstrations"


def _marks_setting(columns: Columns, mapping: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Returns the setting `marks`: the marks of the speakers in the transcripts that the mapping uses."""
    used = {*used_paths(mapping)}
    transcripts = [c for c in columns.of_kind("transcript") if c.path in used and not is_usual_transcript(c.values)]
    marks = find_marks(transcripts[0].values) if transcripts else None
    return {} if marks is None else {"marks": {"user": marks[0], "assistant": marks[1]}}


def _literals_setting(columns: Columns, mapping: dict[str, Any]) -> dict[str, list[str]]:
    """Returns the setting `literals`: the texts that are written lists or mappings and that the mapping uses."""
    used = used_paths(mapping)
    names = [name for name in columns.literals if any(u == name or u.startswith(f"{name}.") for u in used)]
    return {"literals": names} if names else {}
