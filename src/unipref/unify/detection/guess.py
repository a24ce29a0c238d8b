"""How a format recognises rows of its shape: the mapping it proposes, with reasons and doubts.

Content and structure count; file names do not. A field's name decides which end of a scale or which side is better only
if it says so (`rejected`, `stars`). Otherwise the mapping holds `PLACEHOLDER`, and the user has to fill it in.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from unipref.unify.detection.columns import Column, Columns, find_replies_key, to_finite_number

__all__ = ["PLACEHOLDER", "Column", "Columns", "Guess", "find_replies_key"]

PLACEHOLDER = "?"
"""Marks what the data do not tell in a proposed mapping; a study file that still contains it is an error."""

PROMPT_NAMES = (
    "prompt",
    "instruction",
    "question",
    "query",
    "problem",
    "input",
    "source",
    "post",
    "request",
    "history",
)
PROMPT_EXTRA_NAMES = ("input", "context", "document", "passage")
ANSWER_NAMES = ("response", "output", "answer", "completion", "reply", "generation", "summary", "prediction")
OTHER_TEXT_NAMES = (
    "reference",
    "target",
    "gold",
    "rationale",
    "model",
    "generator",
    "annotator",
    "title",
    "id",
    "metadata",
)
"""Words in the names of texts that are neither a prompt nor an answer."""

HIGH_IS_BETTER = {
    *("overall", "quality", "helpfulness", "help", "helpful", "correctness", "correct", "accuracy", "coherence"),
    *("naturalness", "informativeness", "fluency", "relevance", "usefulness", "honesty", "truthfulness", "stars"),
    *("faithfulness", "factuality", "understandability", "engagingness", "groundedness", "safety", "harmlessness"),
    *("upvotes", "likes", "following", "depth"),
}
LOW_IS_BETTER = {
    "rank",
    "toxicity",
    "errors",
    "error",
    "harm",
    "harmfulness",
    "mistakes",
    "downvotes",
    "dislikes",
    "loss",
}
SCORE_NAMES = {"score", "scores", "rating", "ratings", "reward", "grade"}
"""Names that say which end of a scale is better. `SCORE_NAMES` count as high unless the name contains a fault too. For
other names the user has to say it."""

NOT_SCORE_NAMES = (
    *("id", "idx", "index", "turn", "turns", "timestamp", "tstamp", "time", "date", "year", "tokens", "token", "num"),
    *("count", "length", "len", "price", "cost", "seed", "ratio", "seconds", "created", "page", "line", "revision"),
)
"""Words in the names of numbers that are not scores."""


@dataclass(frozen=True)
class Guess:
    """How a format would read some rows.

    Attributes:
        map: the format's settings.
        confidence: in [0, 1], that the rows are of this shape.
        why: the reasons.
        doubts: what the rows do not tell.
    """

    map: dict[str, Any]
    confidence: float
    why: list[str]
    doubts: list[str] = field(default_factory=list)


def path_setting(several: Sequence[str]) -> str | list[str]:
    """Returns paths in the form of a mapping: a single path, or a list."""
    return several[0] if len(several) == 1 else list(several)


def quote_names(names: Iterable[str]) -> str:
    """Joins quoted names for a sentence."""
    return ", ".join(f"'{name}'" for name in names)


def find_prompt(columns: Columns, answers: Sequence[Column]) -> tuple[list[str], bool]:
    """Returns the paths of the prompt's texts, given the answers (empty if none), and whether their names say so."""
    texts = [c for c in columns.prose if c not in answers]
    others = [c for c in texts if not c.has_name(*OTHER_TEXT_NAMES)] or texts
    named = next((c for word in PROMPT_NAMES for c in others if c.has_name(word)), None)
    if named is not None:
        more = [
            c
            for c in columns.of_kind("text", "empty")
            if c.has_name(*PROMPT_EXTRA_NAMES) and c not in (named, *answers)
        ]
        return [named.path, *(c.path for c in more if _holds_text(columns, c))], True
    first = min((columns.all.index(c) for c in answers), default=len(columns.all))
    earlier = [c for c in others if columns.all.index(c) < first and c.share > 0.02]
    return [c.path for c in earlier or others[:1]], False


def _holds_text(columns: Columns, column: Column) -> bool:
    """Whether a column holds texts, empty or not: a column of empty lists would reject every row."""
    if column.kind == "text":
        return True
    return any(row.get(column.path) == "" for row in columns.rows)


def find_prompt_and_answer(columns: Columns) -> tuple[list[str], str, float] | None:
    """Returns the paths of the prompt's parts, the path of the answer and a confidence; None without two texts."""
    texts = [c for c in columns.prose if c.share > 0.5 and not c.has_name(*OTHER_TEXT_NAMES)]
    answer = next((c for word in ANSWER_NAMES for c in texts if c.has_name(word)), None)
    if answer is not None:
        prompt, named = find_prompt(columns, [answer])
        if named:
            return prompt, answer.path, 0.9
    if len(texts) < 2:
        return None
    various = max(texts, key=lambda c: c.n_distinct)
    repeated = [c for c in texts if c.n_distinct < 0.8 * various.n_distinct]
    if repeated:
        return [c.path for c in repeated], various.path, 0.5
    last = texts[-1]
    prompt, _ = find_prompt(columns, [last])
    return (prompt, last.path, 0.3) if prompt else None


def guess_direction(path: str, words: Iterable[str]) -> str:
    """Returns 'high' or 'low' if the words of a score's name say which end is better, else `PLACEHOLDER`."""
    names = {*words}
    if names & LOW_IS_BETTER:
        return PLACEHOLDER if names & HIGH_IS_BETTER or ("rank" in names and names & SCORE_NAMES) else "low"
    return "high" if names & (HIGH_IS_BETTER | SCORE_NAMES) else PLACEHOLDER


def find_scores(columns: Columns, *, but: Sequence[str] = ()) -> list[Column]:
    """Returns the columns of numbers that may be scores, overall scores first."""
    numeric = [
        c
        for c in columns.of_kind("number", "code")
        if c.numbers and c.path not in but and not c.is_identifier and not c.has_name(*NOT_SCORE_NAMES)
    ]
    varied = [c for c in numeric if c.n_distinct > 1] or numeric
    return sorted(varied, key=lambda c: (not c.has_name("overall"), not ({*c.words} & (SCORE_NAMES | {"quality"}))))


def guess_axes(scores: Sequence[Column]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Returns axis -> its settings for columns of numbers, and the doubts.

    If some directions are known, the axes of unknown direction are left out. If none is known, the user has to say it.
    """
    axes: dict[str, dict[str, Any]] = {}
    doubts: list[str] = []
    ranges: list[str] = []
    last_names = [c.name for c in scores]
    for column in scores:
        parts = column.path.lower().split(".")
        name = ".".join(parts[-2:]) if last_names.count(column.name) > 1 and len(parts) > 1 else column.name
        better = guess_direction(
            column.path, [word for part in parts[-2:] for word in Column(part, "", [], [], 0).words]
        )
        axes[name] = {"field": column.path, "better": better}
        ranges.append(f"'{column.path}' from {min(column.numbers):g} to {max(column.numbers):g}")
        if better == PLACEHOLDER:
            doubts.append(f"the data cannot tell whether a high '{column.path}' is better: set 'high' or 'low'")
    if ranges:
        doubts.insert(
            0,
            f"ranges in these rows: {', '.join(ranges)}; declare 'low' and 'high' of each, so that others are rejected",
        )
    with_direction = {name: spec for name, spec in axes.items() if spec["better"] != PLACEHOLDER}
    if with_direction and len(with_direction) < len(axes):
        unknown = ", ".join(name for name in axes if name not in with_direction)
        doubts.append(f"left out of the entry, because their direction is unknown: {unknown}")
    return with_direction or axes, doubts


def are_ranks(lists: Iterable[Sequence[Any]]) -> bool:
    """Whether most lists of numbers are the ranks 0..n-1 or 1..n in some order."""
    several = [[to_finite_number(v) for v in values] for values in lists if len(values) > 1]
    ranked = [v for v in several if None not in v and sorted(n for n in v if n is not None) in _possible_ranks(len(v))]
    return bool(several) and len(ranked) > 0.8 * len(several)


def _possible_ranks(n: int) -> list[list[float]]:
    return [[float(i + start) for i in range(n)] for start in (0, 1)]
