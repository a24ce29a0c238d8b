"""How a format recognises rows of its shape: the mapping it proposes, with reasons and doubts.

Content and structure count; file names do not. A field's name decides which side is better only if it says so
(`rejected`). Otherwise the mapping holds `PLACEHOLDER`, and the user has to fill it in. The direction of a score is
always asked for, unless the name is a unit of praise or a place (`stars`, `rank`).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from unipref.core.terminal import show_name
from unipref.unify.detection.columns import Column, Columns, find_replies_key, to_finite_number
from unipref.unify.detection.concerns import PLACEHOLDER, blames, find_concern, is_plain, judges_prompt
from unipref.unify.detection.kinds import FULL_STARS, read_decimal_comma, read_denominator, read_score_text
from unipref.unify.detection.missing_scores import STARS, guess_missing_codes
from unipref.unify.detection.names import (
    ANSWER_NAMES,
    HIGH_IS_BETTER,
    LOW_IS_BETTER,
    NEGATIONS,
    NEUTRAL_NAMES,
    OTHER_TEXT_NAMES,
    PROMPT_EXTRA_NAMES,
    PROMPT_NAMES,
    SCORE_NAMES,
    UNIT_NAMES,
)
from unipref.unify.detection.twins import has_several_answers

__all__ = ["PLACEHOLDER", "Column", "Columns", "Guess", "find_replies_key"]

NUMBER_PATTERN = r"^\s*([0-9]+(?:[.][0-9]+)?)"
"""Regular expression for the number at the beginning of a score in a text."""
COMMA_PATTERN = r"^\s*([0-9]+(?:,[0-9]+)?)"
"""The same with a decimal comma."""
MAX_FRACTIONS = 50
"""Most different values with several denominators that are listed as codes."""
MAX_WEAK_CONFIDENCE = 0.6
"""Most confidence in a format if no name and no value says that a field judges."""


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
    return ", ".join(f"'{show_name(name)}'" for name in names)


def find_prompt(columns: Columns, answers: Sequence[Column]) -> tuple[list[str], bool]:
    """Returns the paths of the prompt's texts, given the answers (empty if none), and whether their names say so."""
    texts = [c for c in columns.prose if c not in answers]
    others = [c for c in texts if columns.role(c) == "prompt" or not c.has_name(*OTHER_TEXT_NAMES)] or texts
    named = _find_named_prompt(columns, others)
    if named is not None:
        more = [
            c
            for c in columns.of_kind("text", "empty")
            if c.has_name(*PROMPT_EXTRA_NAMES)
            and c not in (named, *answers)
            and columns.role(c) not in ("metadata", "critique", "judgement")
        ]
        sources = [f"{c.path}.*" for c in columns.of_role("sources") if _is_in_all_rows(columns, c)]
        return [named.path, *(c.path for c in more if _holds_text(columns, c)), *sources], True
    asking = [c for c in columns.of_kind("turns") if c not in answers and columns.role(c) == "dialogue"]
    if not others and len(asking) == 1 and ends_with_user(asking[0]):
        return [asking[0].path], True
    first = min((columns.place(c) for c in answers), default=len(columns.all))
    earlier = [c for c in others if columns.place(c) < first and c.share > 0.02]
    return [c.path for c in earlier or others[:1]], False


def ends_with_user(dialogue: Column) -> bool:
    """Whether most dialogues end with the user's turn."""
    last = [value[-1] for value in dialogue.values if isinstance(value, list) and value and isinstance(value[-1], dict)]
    speakers = [str(v).lower() for turn in last for v in turn.values() if isinstance(v, str) and len(v) < 12]
    asked = sum(speaker in ("user", "human", "prompter") for speaker in speakers)
    return asked > 0.5 * max(len(last), 1)


def _find_named_prompt(columns: Columns, texts: Sequence[Column]) -> Column | None:
    """Returns the text whose name is the best name of a prompt; None if none is."""
    prompts = [c for c in texts if columns.role(c) == "prompt"]
    by_name = next((c for word in PROMPT_NAMES for c in prompts if c.has_name(word)), None)
    return by_name or next(iter(prompts), None)


def _is_in_all_rows(columns: Columns, column: Column) -> bool:
    """Whether every row has a list at a path, if only an empty one: a row with null would be rejected."""
    return column.share == 1 or all(isinstance(row.get(column.path), list) for row in columns.rows)


def _holds_text(columns: Columns, column: Column) -> bool:
    """Whether a column holds texts, empty or not: a column of empty lists would reject every row."""
    if column.kind == "text":
        return True
    return any(row.get(column.path) == "" for row in columns.rows)


def find_prompt_and_answer(columns: Columns) -> tuple[list[str], str, float] | None:
    """Finds a prompt and the one answer to it.

    Returns:
        The paths of the prompt's parts, the path of the answer, and a confidence; None without two texts, or if the
        names of several texts say that they are answers to one prompt. A path is `PLACEHOLDER` where the names do not
        tell it.
    """
    if has_several_answers(columns):
        return None
    texts = [
        c for c in columns.prose if c.share > 0.5 and (columns.role(c) != "text" or not c.has_name(*OTHER_TEXT_NAMES))
    ]
    if len(texts) == 1 and texts[0].has_name("source", "src", "input", "inputs"):
        # Of a source or an input and a target alone, the target is the answer.
        texts = [*texts, *(c for c in columns.prose if c.share > 0.5 and c.name in ("target", "targets", "tgt"))]
    named = [c for c in texts if columns.role(c) == "answer"]
    answers = sorted(named, key=lambda c: _rank_of(c, ANSWER_NAMES))
    if answers:
        return _find_prompt_of_answer(columns, texts, answers)
    if len(texts) < 2:
        return ([PLACEHOLDER], PLACEHOLDER, 0.3) if _are_remarks_judged(columns, texts) else None
    prompts = [c for c in texts if columns.role(c) == "prompt"]
    if len(prompts) == len(texts):
        return ([PLACEHOLDER], PLACEHOLDER, 0.3) if columns.of_role("judgement") else None
    if prompts and len(texts) == 2:
        prompt_path = [prompts[0].path]
        return prompt_path, next(c.path for c in texts if c is not prompts[0]), 0.7
    return [PLACEHOLDER], PLACEHOLDER, 0.3


def _find_prompt_of_answer(
    columns: Columns, texts: Sequence[Column], answers: Sequence[Column]
) -> tuple[list[str], str, float] | None:
    """Finds the prompt of the first of some texts with the name of an answer; see `find_prompt_and_answer`."""
    answer = answers[0]
    prompt, is_named = find_prompt(columns, [*answers] if len(answers) < len(texts) else [answer])
    if is_named and _have_equal_names(columns, prompt[0], texts):
        prompt = [PLACEHOLDER]
    rivals = [c for c in answers[1:] if _rank_of(c, ANSWER_NAMES) <= ANSWER_NAMES.index("generation")]
    if rivals and _rank_of(answer, ANSWER_NAMES) <= ANSWER_NAMES.index("generation") and prompt:
        return prompt, PLACEHOLDER, 0.5
    if prompt == [PLACEHOLDER]:
        return prompt, answer.path, 0.5
    if is_named:
        return prompt, answer.path, 0.9
    unnamed = [c for c in texts if c not in answers]
    if len(unnamed) == 1:
        return [unnamed[0].path], answer.path, 0.7
    return ([PLACEHOLDER], answer.path, 0.5) if prompt else None


def _have_equal_names(columns: Columns, prompt: str, texts: Sequence[Column]) -> bool:
    """Whether another text has the name of the prompt with a word more or less: `instruction`, `orig_instruction`."""
    chosen = columns.find(prompt)
    if chosen is None or not (word := next((w for w in PROMPT_NAMES if chosen.has_name(w)), None)):
        return False
    others = [c for c in texts if c is not chosen and columns.role(c) == "prompt" and c.has_name(word)]
    return any({*c.words} < {*chosen.words} or {*chosen.words} < {*c.words} for c in others)


def _are_remarks_judged(columns: Columns, texts: Sequence[Column]) -> bool:
    """Whether comments may be the answers to titles: both are texts, and something scores them."""
    remarks = [c for c in columns.of_role("critique") if c.share > 0.5]
    titles = [c for c in columns.prose if c.has_name("title", "subject", "headline")]
    return bool(remarks and (titles or texts) and columns.of_role("score", "judgement"))


def _rank_of(column: Column, names: Sequence[str]) -> int:
    """Returns the place of the first of some names that the column's name contains."""
    return next((place for place, name in enumerate(names) if column.has_name(name)), len(names))


def guess_direction(path: str, words: Iterable[str]) -> str:
    """Returns 'high' or 'low' if the name of a score is a unit of praise, of blame or of places, else `PLACEHOLDER`.

    Other words may say that it measures something else: `toxic_stars`, `search_rank`.
    """
    names = {*words}
    unit = names & UNIT_NAMES
    around = path.rpartition(".")[0].replace("*", "")
    if not unit or not is_plain(names - unit) or (around and find_concern(around) is not None):
        return PLACEHOLDER
    return suggest_direction(path, names)


def suggest_direction(path: str, words: Iterable[str]) -> str:
    """Returns the end of the scale that the words of a score's name suggest; `PLACEHOLDER` if they do not."""
    names = {*words} - NEUTRAL_NAMES
    high, low = names & (HIGH_IS_BETTER | {"overall"}), names & LOW_IS_BETTER
    if names & NEGATIONS or (high and low) or ("rank" in names and names & SCORE_NAMES):
        return PLACEHOLDER
    if blames(names - LOW_IS_BETTER) or {"rank"} < low:
        return PLACEHOLDER
    if low:
        return "low"
    if high or ({*words} & {"overall"}):
        return "high"
    return "high" if names and names <= SCORE_NAMES else PLACEHOLDER


def find_scores(columns: Columns, *, but: Sequence[str] = ()) -> list[Column]:
    """Returns the columns of numbers that may be scores: overall scores first, those without a telling name last."""
    numeric = [
        c
        for c in columns.of_kind("number", "code")
        if c.numbers and c.path not in but and columns.role(c) in ("score", "judgement", "unknown")
    ]
    varied = [c for c in numeric if c.n_distinct > 1] or numeric
    # A score of the prompt is one of the answer only in name: it counts if nothing else is scored.
    varied = [c for c in varied if not judges_prompt(c.path)] or varied
    return sorted(varied, key=lambda c: (not c.has_name("overall"), columns.role(c) == "unknown", not _is_general(c)))


def _is_general(column: Column) -> bool:
    return bool({*column.words} & (SCORE_NAMES | {"quality"}))


def guess_axes(scores: Sequence[Column]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Returns axis -> its settings for columns of numbers, and the doubts.

    If the names of some suggest a direction, the others are left out. Only units (`stars`) tell it; for other names it
    is asked for.
    """
    axes: dict[str, dict[str, Any]] = {}
    doubts: list[str] = []
    ranges: list[str] = []
    suggested: dict[str, str] = {}
    last_names = [c.name for c in scores]
    for column in scores:
        parts = column.path.lower().split(".")
        name = ".".join(parts[-2:]) if last_names.count(column.name) > 1 and len(parts) > 1 else column.name
        words = [word for part in column.path.split(".")[-2:] for word in Column(part, "", [], [], 0).words]
        better = guess_direction(column.path, words)
        suggested[name] = suggest_direction(column.path, words)
        scale, (missing, odd) = describe_scale(column), guess_missing_codes(column)
        codes = {"codes": {**scale.get("codes", {}), **missing["codes"]}} if missing else {}
        axes[name] = {"field": column.path, "better": better, **scale, **codes}
        if not {*column.words} & STARS:
            ranges.append(f"'{column.path}' from {min(column.numbers):g} to {max(column.numbers):g}")
        doubts += [*doubt_scale(column), *odd]
    with_direction = {n: spec for n, spec in axes.items() if suggested[n] != PLACEHOLDER}
    kept = with_direction or axes
    if ranges:
        doubts.insert(
            0,
            f"ranges in these rows: {', '.join(ranges)}; declare 'low' and 'high' of each, so that others are rejected",
        )
    doubts += [
        doubt_direction(spec["field"], suggested[n]) for n, spec in kept.items() if spec["better"] == PLACEHOLDER
    ]
    if len(kept) < len(axes):
        unknown = ", ".join(name for name in axes if name not in kept)
        doubts.append(f"left out of the entry, because their direction is unknown: {unknown}")
    return kept, doubts


def doubt_direction(path: str, suggested: str) -> str:
    """Says that the direction of a score has to be given."""
    hint = f"; its name suggests '{suggested}'" if suggested != PLACEHOLDER else ""
    return f"the data cannot tell whether a high '{path}' is better: set 'high' or 'low'{hint}"


def describe_scale(column: Column) -> dict[str, Any]:
    """Returns the settings of a scale that the values themselves show; `PLACEHOLDER` where they contradict."""
    texts = [str(value) for value in column.values if to_finite_number(value) is None]
    if not texts:
        return {}
    has_comma, has_point = any(map(_has_comma, texts)), any(map(_has_point, map(str, column.values)))
    if all(read_decimal_comma(text) is not None for text in texts):
        # With a decimal comma, a number with a point would be rejected: then the rows with a comma are.
        return {} if has_point else {"decimal": "comma"}
    if any({*text} & FULL_STARS for text in texts):
        return {"codes": {value: read_score_text(value) for value in sorted({*texts})}}
    units = {read_denominator(value) for value in column.values}
    if len(units) > 1 and None not in units and column.n_distinct <= MAX_FRACTIONS:
        shares = {str(v): _read_share(v) for v in column.values}
        return {"codes": dict(sorted(shares.items()))}
    if len(units) > 1 or (has_comma and has_point):
        return {"pattern": PLACEHOLDER}
    return {"pattern": COMMA_PATTERN, "decimal": "comma"} if has_comma else {"pattern": NUMBER_PATTERN}


def doubt_scale(column: Column) -> list[str]:
    """Returns the doubts about numbers in texts: several denominators, or both decimal signs."""
    scale = describe_scale(column)
    units = {read_denominator(value) for value in column.values}
    if "codes" in scale and len(units) > 1:
        return [f"'{column.path}' has several scales: each value counts as a share of its own, such as 0.8 for 4/5"]
    if scale.get("pattern") == PLACEHOLDER:
        return [f"which number of '{column.path}' counts: its values have several scales or both decimal signs"]
    return []


def _read_share(value: Any) -> float | None:
    number, denominator = read_score_text(value), read_denominator(value)
    return round(number / denominator, 4) if number is not None and denominator else None


def _has_comma(text: str) -> bool:
    return re.search(r"\d,\d", text) is not None


def _has_point(text: str) -> bool:
    return re.search(r"\d[.]\d", text) is not None


def ask_for_scores(scores: Sequence[Column]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Returns an axis with questions for numbers whose names do not say that they score, and the doubts."""
    ranges = [f"'{c.path}' from {min(c.numbers):g} to {max(c.numbers):g}" for c in scores]
    axes = {"score": {"field": PLACEHOLDER, "better": PLACEHOLDER}}
    doubts = [
        f"which of the numbers scores the answer, if any: {', '.join(ranges)}; their names do not tell",
        "the data cannot tell whether a high score is better: set 'high' or 'low'",
    ]
    return axes, doubts


def are_ranks(lists: Iterable[Sequence[Any]]) -> bool:
    """Whether most lists of numbers are the ranks 0..n-1 or 1..n in some order."""
    several = [[to_finite_number(v) for v in values] for values in lists if len(values) > 1]
    ranked = [v for v in several if None not in v and sorted(n for n in v if n is not None) in _possible_ranks(len(v))]
    return bool(several) and len(ranked) > 0.8 * len(several)


def _possible_ranks(n: int) -> list[list[float]]:
    return [[float(i + start) for i in range(n)] for start in (0, 1)]
