"""Reads a score as thumbs where each prompt has one answer, so that nothing can be compared: above a bound is up."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from unipref.unify.detection.columns import Column, Columns
from unipref.unify.detection.guess import (
    PLACEHOLDER,
    describe_scale,
    find_scores,
    guess_direction,
    quote_names,
    suggest_direction,
)
from unipref.unify.detection.kinds import (
    FULL_STARS,
    LABELLED_SCORE,
    MAX_CODES,
    read_decimal_comma,
    read_denominator,
    to_finite_number,
)
from unipref.unify.detection.missing_scores import STARS
from unipref.unify.detection.names import CODE_NAMES, COUNT_OPPOSITES
from unipref.unify.detection.one_answer import OneAnswerGuess, ThumbsLabel
from unipref.unify.detection.scale_ends import find_ends, guess_ends
from unipref.unify.detection.verdict_codes import TWO_NUMBERS
from unipref.unify.detection.verdict_words import Verdict, read_verdict
from unipref.unify.mapping.paths import get_or_none
from unipref.unify.mapping.transcripts import parse_transcript
from unipref.unify.rejection_lines import MOST_SINGLE

MIN_REPEATED = 0.05
"""Least share of rows whose prompt has several answers; by chance, few people ask the same."""
FIVE = 5
"""The best value of the usual scale of stars: of these, 4 and 5 praise, 1 and 2 blame."""
LEAST_GOOD, MOST_BAD = 4, 2


def repeats_prompts(columns: Columns, answer: OneAnswerGuess) -> bool | None:
    """Whether prompts occur several times with different answers; None if the fields do not tell."""
    return have_rivals(_iterate_answers(columns, answer) or ())


def have_rivals(pairs: Iterable[tuple[str, str]]) -> bool | None:
    """Whether prompts occur several times with different answers; None without any pair of prompt and answer."""
    answers: dict[str, set[str]] = defaultdict(set)
    count: dict[str, int] = defaultdict(int)
    for prompt, response in pairs:
        answers[prompt].add(response)
        count[prompt] += 1
    if not count:
        return None
    repeated = sum(count[prompt] for prompt, several in answers.items() if len(several) > 1)
    return repeated > MIN_REPEATED * sum(count.values())


def doubt_single_answers(columns: Columns, answer: OneAnswerGuess, scores: Sequence[Column]) -> list[str]:
    """Doubts that ratings give much, where most prompts have one answer; none if most have several, or none has."""
    answers: dict[str, set[str]] = defaultdict(set)
    for prompt, response in _iterate_answers(columns, answer) or ():
        answers[prompt].add(response)
    single = sum(len(several) == 1 for several in answers.values())
    if single == len(answers) or single <= MOST_SINGLE * len(answers):
        return []
    label = f"label: {scores[0].path}" if scores else "the score as label"
    return [
        f"{single} of {len(answers)} prompts have one answer only, from which no pair comes; format: thumbs, with "
        f"{label} and bounds such as up: {{at_least: 4}}, down: {{at_most: 2}}, reads each answer alone (for kto)"
    ]


def _iterate_answers(columns: Columns, answer: OneAnswerGuess) -> list[tuple[str, str]] | None:
    """Returns the prompt and the answer of each row as texts; None if the mapping does not name whole fields."""
    if "messages" in answer.map:
        dialogue = columns.find(answer.map["messages"])
        dialogues = [_split_text(value, answer.map) for value in dialogue.values] if dialogue is not None else []
        # Of a dialogue that goes on after the judged answer, only the question is sure to be the prompt.
        end = 1 if "until" in answer.map else -1
        return [(str(turns[:end]), str(turns[end:])) for turns in dialogues if turns]
    prompt, response = answer.map.get("prompt", ""), answer.map.get("response", "")
    paths = [*([prompt] if isinstance(prompt, str) else prompt), response]
    if not all(map(_is_path, paths)):
        return None
    rows = [[get_or_none(row, path) for path in paths] for row in columns.rows]
    return [(str(prompts), str(reply)) for *prompts, reply in rows if reply not in (None, "")]


def _is_path(place: Any) -> bool:
    """Whether a setting is a path of one field, rather than a part, a question or nothing."""
    return isinstance(place, str) and place not in ("", PLACEHOLDER)


def _split_text(dialogue: Any, mapping: Mapping[str, Any]) -> Sequence[Any]:
    """Returns the turns of a dialogue; of a text, those that the settings `cut` or `marks` tell apart, or none."""
    if isinstance(dialogue, list):
        return dialogue
    if "cut" in mapping:
        match = re.search(mapping["cut"], str(dialogue))
        return match.groups() if match is not None else ()
    return parse_transcript(str(dialogue), **mapping["marks"]) or () if "marks" in mapping else ()


def find_score_thumbs(columns: Columns, answer: OneAnswerGuess) -> ThumbsLabel | None:
    """Finds the one score of answers none of which has a rival; None if there is none, or several."""
    if repeats_prompts(columns, answer) is not False:
        return None
    scores = [c for c in find_scores(columns) if columns.role(c) == "score" or _is_graded_judgement(columns, c)]
    scores = [c for c in scores if not {*c.words} & CODE_NAMES]
    counts = [c for c in scores if {*c.words} & COUNT_OPPOSITES]
    if len(scores) > 1 and len(counts) == len(scores):
        doubt = f"which of {quote_names(c.path for c in scores)} is thumbs up: no format reads the difference of counts"
        asked = {"up": PLACEHOLDER, "down": PLACEHOLDER}
        return ThumbsLabel(scores[0], PLACEHOLDER, asked, True, [doubt])
    if len(scores) != 1:
        return None
    score = scores[0]
    bounds, doubts = guess_bounds(score)
    doubts.append("each prompt of these rows has one answer; if others have several, 'ratings' compares them")
    return ThumbsLabel(score, score.path, bounds, True, doubts)


def _is_graded_judgement(columns: Columns, column: Column) -> bool:
    """Whether a judgement has other numbers than those of thumbs."""
    return columns.role(column) == "judgement" and {*column.numbers} not in TWO_NUMBERS


def guess_bounds(score: Column) -> tuple[dict[str, Any], list[str]]:
    """Returns the settings `up`, `down` and `neutral` for a score, and the doubts; asks unless the values tell them."""
    neutral = {"neutral": [*score.odd]} if score.odd else {}
    doubts = [f"rows with {quote_names(score.odd)} in '{score.path}' are left out: they have no number"] * bool(neutral)
    labelled = {value: _read_label(value) for value in score.distinct_values}
    if all(v is not None and not v.needs_name for v in labelled.values()):
        sides = {sign: [k for k, v in labelled.items() if v and _sign(v.grade) == sign] for sign in (1, -1, 0)}
        middle = [*sides[0], *score.odd]
        listed = {"up": sides[1] or PLACEHOLDER, "down": sides[-1] or PLACEHOLDER}
        return {**listed, **({"neutral": middle} if middle else {})}, doubts
    span = f"from {min(score.numbers):g} to {max(score.numbers):g}"
    is_five = _is_of_five(score)
    if is_five and guess_direction(score.path, score.words) == "high" and (bounds := _bounds_of_five(score)):
        doubts += guess_ends([score])[1]
        doubts.append(f"that {LEAST_GOOD} and more in '{score.path}' ({span}) praise, and {MOST_BAD} and less blame")
        return {**bounds, **({"neutral": [*bounds.get("neutral", []), *score.odd]} if neutral else {})}, doubts
    if min(score.numbers) == 0 and {*score.words} & STARS:
        doubts.append(f"whether 0 in '{score.path}' is a judgement: it may mean that nobody rated the answer")
    scale = find_ends(score.words, score.numbers)
    if scale is not None and scale.stray:
        doubts.append(f"whether {scale.shown} in '{score.path}' mean that nobody judged: bounds can leave them out")
    low, high = (min(score.numbers), max(score.numbers)) if scale is None else (scale.low, scale.high)
    ends = f"{high:g}", f"{low:g}"
    is_low = suggest_direction(score.path, score.words) == "low"
    pattern, decimal, more = _pattern_of_bounds(score)
    names = ("at_most", "at_least") if is_low else ("at_least", "at_most")
    values = ends[::-1] if is_low else ends
    up, down = (f"{{{bound}: {value}{decimal}}}" for bound, value in zip(names, values, strict=True))
    example = f"up: {up}, down: {down}"
    if more:
        return {"up": PLACEHOLDER, "down": PLACEHOLDER, **neutral}, [*doubts, *more]
    doubts.append(
        f"which values of '{score.path}' ({span} in these rows) are thumbs up and which thumbs down; bounds are "
        f"written as in {example}"
    )
    return {"up": PLACEHOLDER, "down": PLACEHOLDER, **pattern, **neutral}, doubts


def _pattern_of_bounds(score: Column) -> tuple[dict[str, str], str, list[str]]:
    """Returns the setting that makes numbers of texts such as '85%', which bounds need, the end of bounds for numbers
    with a comma, and the doubts about texts that no bounds can compare.
    """
    texts = [value for value in score.values if to_finite_number(value) is None]
    if not texts:
        return {}, "", []
    scale = describe_scale(score)
    if "codes" in scale:
        return {}, "", [f"'{score.path}' has several scales or signs: list its values in 'up' and 'down'"]
    if not scale or scale.get("pattern") == PLACEHOLDER:
        doubt = f"the numbers in '{score.path}' have several scales, or commas and points: write them in one way"
        return {}, "", [doubt]
    pattern = {"pattern": scale["pattern"]} if "pattern" in scale else {}
    return pattern, ", decimal: comma" if "decimal" in scale else "", []


def _is_of_five(score: Column) -> bool:
    """Whether a score goes from 1 to 5 stars; 0 may be no score, and 4/10 is not."""
    denominators = {read_denominator(value) for value in score.values} - {None}
    ends = find_ends(score.words, score.numbers)
    return ends is not None and ends.is_certain and denominators <= {FIVE}


def _bounds_of_five(score: Column) -> dict[str, Any] | None:
    """Returns the bounds of stars from 1 to 5; texts such as ★★★★☆ or 4/5 are listed, if they are few."""
    texts = [value for value in score.values if to_finite_number(value) is None]
    comma = describe_scale(score) if texts and all(read_decimal_comma(value) is not None for value in texts) else {}
    if not texts or comma:
        bounds = {"up": {"at_least": LEAST_GOOD, "at_most": FIVE}, "down": {"at_least": 1, "at_most": MOST_BAD}}
        return {side: {**ends, **comma} for side, ends in bounds.items()}
    if all(read_decimal_comma(value) is not None for value in texts):
        return None
    is_listed = score.n_distinct <= MAX_CODES
    if not is_listed or not ("pattern" in describe_scale(score) or any({*text} & FULL_STARS for text in texts)):
        return None
    if describe_scale(score).get("pattern") == PLACEHOLDER:
        return None
    numbers = dict(sorted(zip(map(str, score.values), score.numbers, strict=True)))
    up = [value for value, number in numbers.items() if number >= LEAST_GOOD]
    down = [value for value, number in numbers.items() if number <= MOST_BAD]
    middle = [value for value in numbers if value not in (*up, *down)]
    return {"up": up, "down": down or PLACEHOLDER, **({"neutral": middle} if middle else {})}


def _read_label(value: str) -> Verdict | None:
    """Reads the words of a number with its meaning: 'very good' in '5 - very good'."""
    match = LABELLED_SCORE.fullmatch(value.strip())
    return read_verdict(value.strip()[len(match[1]) :].strip(" -–:=.()")) if match else None


def _sign(grade: float) -> int:
    return (grade > 0) - (grade < 0)
