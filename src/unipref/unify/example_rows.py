"""Shows a few rows as they would be read with a proposed mapping, or raw if the mapping still contains a question."""

from typing import Any, Literal

from unipref.core import registry
from unipref.core.contracts import Format
from unipref.core.display import shorten
from unipref.core.leaves import iterate_leaves
from unipref.core.messages import show_message
from unipref.core.records import Feedback, Message, Preference, Reject, Row
from unipref.core.text_keys import prompt_key
from unipref.unify import Projection
from unipref.unify.detection.guess import PLACEHOLDER, Column, Columns
from unipref.unify.mapping.images import check_images
from unipref.unify.mapping.paths import get_path
from unipref.unify.projection.groups import group_key, merge_feedback
from unipref.unify.projection.judges import JudgeNamer, drop_repeated_judgements, name_judges
from unipref.unify.projection.project import project

MAX_EXAMPLES = 3
MAX_CHARACTERS = 300
MAX_FIELDS = 20
ONE_SIDED = "(none: one-sided)"
"""What stands for the other side of a judged answer without a rival."""


def render_examples(
    name: str, mapping: dict[str, Any], columns: Columns, rows: list[Row], file: str | None = None
) -> list[dict[str, str]]:
    """Renders the groups of the first rows as they would be read; or raw fields if the mapping contains a question.

    Args:
        name: of the format.
        mapping: its settings.
        columns: of the rows.
        rows: the raw rows.
        file: that holds the rows; a row whose image is no file in its folder is a reject.
    """
    if open_questions(mapping, ""):
        shown_columns = [c for c in columns.all if c.kind not in ("empty", "other") and not c.is_identifier]
        return [_render_fields(row, shown_columns) for row in rows[:MAX_EXAMPLES]]
    form = registry.make("format", name, mapping, "map")
    if not isinstance(form, Format):
        raise AssertionError(f"{name} is not a Format")
    axes = form.axes()
    how = Projection(name, name, "instruction", "unknown", next(iter(axes), None), axes)
    groups: dict[str, list[Feedback]] = {}
    rejects: list[dict[str, str]] = []
    judges = JudgeNamer()
    for number, row in enumerate(rows):
        try:
            for item in form.read(row):
                if isinstance(item, Feedback):
                    check_images(item, file)
                    key = group_key(item, form.grouping, prompt_key(item.prompt), f"{number}:{len(groups)}")
                    groups.setdefault(key, []).extend(name_judges([item], row, judges))
        except Reject as reject:
            rejects.append({"reject": f"{reject.reason}: {reject}"})
    return _choose([example for group in groups.values() for example in _render_group(group, how)], rejects)


def _choose(examples: list[dict[str, str]], rejects: list[dict[str, str]]) -> list[dict[str, str]]:
    """Returns a few examples: usable rows first, of both verdicts if there are some, and one reject."""
    usable = [example for example in examples if "reject" not in example]
    rejects = [*rejects, *(example for example in examples if "reject" in example)]
    one_sided = [[e for e in usable if e[side] == ONE_SIDED] for side in ("rejected", "chosen")]
    pairs = [e for e in usable if ONE_SIDED not in (e["chosen"], e["rejected"])]
    first = [several[0] for several in (pairs, *one_sided) if several][:MAX_EXAMPLES]
    chosen = [*first, *(e for e in usable if not any(e is other for other in first))]
    n_rejects = max(MAX_EXAMPLES - len(chosen), 1 if len(first) < MAX_EXAMPLES else 0)
    shown = rejects[: max(n_rejects, 0)]
    return [*chosen[: MAX_EXAMPLES - len(shown)], *shown]


def _render_fields(row: dict[str, Any], columns: list[Column]) -> dict[str, str]:
    """Renders a row's raw fields, for a user who has to answer a question about them."""
    fields: dict[str, str] = {}
    for column in columns[:MAX_FIELDS]:
        try:
            fields[column.path] = _shorten(str(get_path(row, column.path)))
        except Reject:
            continue
    return fields


def _render_group(group: list[Feedback], how: Projection) -> list[dict[str, str]]:
    merged = merge_feedback(drop_repeated_judgements(group)[0])
    try:
        preferences = project(merged, how).preferences
    except Reject as reject:
        return [{"reject": f"{reject.reason}: {reject}"}]
    evidence = _describe_judgements(merged)
    return [
        {
            "prompt": _shorten_messages(p.prompt),
            "chosen": _shorten_messages(p.chosen) + _describe_scores(p, "chosen"),
            "rejected": _shorten_messages(p.rejected) + _describe_scores(p, "rejected"),
            **({"evidence": evidence} if evidence else {}),
        }
        for p in preferences
    ]


def _describe_judgements(group: Feedback) -> str:
    """Describes the number of judgements, their verdicts and strengths; empty for one plain judgement."""
    strengths = [c.strength for c in group.comparisons if c.strength is not None]
    graded = [f"strength {', '.join(f'{s:g}' for s in strengths)}"] if strengths else []
    if len(group.responses) != 2 or (len(group.comparisons) < 2 and not graded):
        return ""
    ties = sum(c.tie for c in group.comparisons)
    wins = [sum(c.better == i and not c.tie for c in group.comparisons) for i in (0, 1)]
    votes = [f"{wins[0]} for the first, {wins[1]} for the second, {ties} ties"] if len(group.comparisons) > 1 else []
    return "; ".join([*votes, *graded])


def _describe_scores(preference: Preference, side: Literal["chosen", "rejected"]) -> str:
    """Describes a side's scores, the deciding one first."""
    deciding_score = preference.chosen_score if side == "chosen" else preference.rejected_score
    scores = [(preference.axis, deciding_score), *((axis["axis"], axis[side]) for axis in preference.axes)]
    parts_of_text = [f"{axis} {score:g}" for axis, score in scores if score is not None]
    return f"  [{', '.join(parts_of_text)}]" if parts_of_text else ""


def _shorten_messages(messages: list[Message] | None) -> str:
    if messages is None:
        return ONE_SIDED
    content = " / ".join(f"{m['role']}: {show_message(m)}" for m in messages)
    return _shorten(content)


def _shorten(content: str) -> str:
    # Binary data can hold bytes that are not text.
    content = content.encode(errors="backslashreplace").decode()
    return shorten(content, MAX_CHARACTERS, one_line=True, keep_end=True)


def open_questions(value: Any, place: str) -> list[str]:
    """Returns the places in a mapping that the user still has to fill in."""
    return [where for where, leaf in iterate_leaves(value, place) if leaf == PLACEHOLDER]
