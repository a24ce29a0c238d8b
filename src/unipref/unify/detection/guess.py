"""How a format says whether some rows are of its shape: what it would propose, and what its proposal rests on.

Content and structure count, file names never do. Which end of a scale or which side is better is taken from a field's
name only where the name says it (`rejected`, `stars`); otherwise it is `ASK`, and the study entry asks for it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from unipref.unify.detection.columns import Column, Columns, finite, replies_key

__all__ = ["ASK", "Column", "Columns", "Guess", "replies_key"]

ASK = "?"
"""Stands in a proposed mapping for what the data cannot tell; a study with it in is refused."""

PROMPTS = ("prompt", "instruction", "question", "query", "problem", "input", "source", "post", "request", "history")
MORE_OF_PROMPTS = ("input", "context", "document", "passage")
ANSWERS = ("response", "output", "answer", "completion", "reply", "generation", "summary", "prediction")
ASIDE = ("reference", "target", "gold", "rationale", "model", "generator", "annotator", "title", "id", "metadata")
"""Words in the names of texts that are neither prompt nor answer."""

VIRTUES = {
    *("overall", "quality", "helpfulness", "help", "helpful", "correctness", "correct", "accuracy", "coherence"),
    *("naturalness", "informativeness", "fluency", "relevance", "usefulness", "honesty", "truthfulness", "stars"),
    *("faithfulness", "factuality", "understandability", "engagingness", "groundedness", "safety", "harmlessness"),
    *("upvotes", "likes", "following", "depth"),
}
FAULTS = {"rank", "toxicity", "errors", "error", "harm", "harmfulness", "mistakes", "downvotes", "dislikes", "loss"}
MEASURES = {"score", "scores", "rating", "ratings", "reward", "grade"}
"""Names that say which end of a scale is better, those of measures only where no fault is named; others are asked."""

COUNTED = (
    *("id", "idx", "index", "turn", "turns", "timestamp", "tstamp", "time", "date", "year", "tokens", "token", "num"),
    *("count", "length", "len", "price", "cost", "seed", "ratio", "seconds", "created", "page", "line", "revision"),
)
"""Words in the names of numbers that judge nothing."""


@dataclass(frozen=True)
class Guess:
    """How a format would read some rows.

    Attributes:
        map: the format's settings.
        confidence: in [0, 1]: how sure it is that the rows are of this shape.
        why: what speaks for it.
        doubts: what the rows do not tell.
    """

    map: dict[str, Any]
    confidence: float
    why: list[str]
    doubts: list[str] = field(default_factory=list)


def paths(several: Sequence[str]) -> str | list[str]:
    """Paths as a mapping holds them: one alone, or a list."""
    return several[0] if len(several) == 1 else list(several)


def quoted(names: Iterable[str]) -> str:
    """Names for a sentence."""
    return ", ".join(f"'{name}'" for name in names)


def asked_in(columns: Columns, answers: Sequence[Column]) -> tuple[list[str], bool]:
    """Paths of the texts that ask, given the answers; and whether their names say so. Empty when there are none."""
    texts = [c for c in columns.prose if c not in answers]
    others = [c for c in texts if not c.called(*ASIDE)] or texts
    named = next((c for word in PROMPTS for c in others if c.called(word)), None)
    if named is not None:
        more = [c for c in columns.of("text", "empty") if c.called(*MORE_OF_PROMPTS) and c not in (named, *answers)]
        return [named.path, *(c.path for c in more if _holds_text(columns, c))], True
    first = min((columns.all.index(c) for c in answers), default=len(columns.all))
    ahead = [c for c in others if columns.all.index(c) < first and c.share > 0.02]
    return [c.path for c in ahead or others[:1]], False


def _holds_text(columns: Columns, column: Column) -> bool:
    """Whether a column is text, empty or not: an empty list would be refused by every row."""
    if column.kind == "text":
        return True
    return any(row.get(column.path) == "" for row in columns.rows)


def prompt_and_answer(columns: Columns) -> tuple[list[str], str, float] | None:
    """Paths of the prompt's parts, path of the answer, and how sure that is; None when there are no two texts."""
    texts = [c for c in columns.prose if c.share > 0.5 and not c.called(*ASIDE)]
    answer = next((c for word in ANSWERS for c in texts if c.called(word)), None)
    if answer is not None:
        asked, named = asked_in(columns, [answer])
        if named:
            return asked, answer.path, 0.9
    if len(texts) < 2:
        return None
    various = max(texts, key=lambda c: c.distinct)
    repeated = [c for c in texts if c.distinct < 0.8 * various.distinct]
    if repeated:
        return [c.path for c in repeated], various.path, 0.5
    last = texts[-1]
    asked, _ = asked_in(columns, [last])
    return (asked, last.path, 0.3) if asked else None


def direction(path: str, words: Iterable[str]) -> str:
    """'high' or 'low' where the words of a score's name say which end is better, else `ASK`."""
    said = {*words}
    if said & FAULTS:
        return ASK if said & VIRTUES or ("rank" in said and said & MEASURES) else "low"
    return "high" if said & (VIRTUES | MEASURES) else ASK


def scores_in(columns: Columns, *, but: Sequence[str] = ()) -> list[Column]:
    """The columns of numbers that may be scores, those for the whole first."""
    found = [
        c
        for c in columns.of("number", "code")
        if c.numbers and c.path not in but and not c.is_identifier and not c.called(*COUNTED)
    ]
    varied = [c for c in found if c.distinct > 1] or found
    return sorted(varied, key=lambda c: (not c.called("overall"), not ({*c.words} & (MEASURES | {"quality"}))))


def axes_of(scores: Sequence[Column]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Axis -> its declaration, for columns of numbers; and what they do not tell.

    Axes of unknown direction are left out where others are known, and asked for where none is.
    """
    axes: dict[str, dict[str, Any]] = {}
    doubts: list[str] = []
    seen: list[str] = []
    last = [c.name for c in scores]
    for column in scores:
        parts = column.path.lower().split(".")
        name = ".".join(parts[-2:]) if last.count(column.name) > 1 and len(parts) > 1 else column.name
        better = direction(column.path, [word for part in parts[-2:] for word in Column(part, "", [], [], 0).words])
        axes[name] = {"field": column.path, "better": better}
        seen.append(f"'{column.path}' from {min(column.numbers):g} to {max(column.numbers):g}")
        if better == ASK:
            doubts.append(f"the data cannot tell whether a high '{column.path}' is better: say 'high' or 'low'")
    if seen:
        doubts.insert(
            0, f"in these rows go {', '.join(seen)}: declare 'low' and 'high' of each, so that others are refused"
        )
    known = {name: spec for name, spec in axes.items() if spec["better"] != ASK}
    if known and len(known) < len(axes):
        unknown = ", ".join(name for name in axes if name not in known)
        doubts.append(f"left out of the entry, their direction being unknown: {unknown}")
    return known or axes, doubts


def are_ranks(lists: Iterable[Sequence[Any]]) -> bool:
    """Whether most lists of numbers are the places 0..n-1 or 1..n in some order."""
    several = [[finite(v) for v in values] for values in lists if len(values) > 1]
    ranked = [v for v in several if None not in v and sorted(n for n in v if n is not None) in _places(len(v))]
    return bool(several) and len(ranked) > 0.8 * len(several)


def _places(n: int) -> list[list[float]]:
    return [[float(i + start) for i in range(n)] for start in (0, 1)]
