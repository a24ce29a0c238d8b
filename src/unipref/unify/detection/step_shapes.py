"""Recognises solutions in steps: the number of the first wrong one, or a rating of each."""

from typing import Any

from unipref.unify.detection.guess import PLACEHOLDER, Column, Columns, Guess, path_setting
from unipref.unify.detection.name_words import split_words
from unipref.unify.detection.names import RETRIEVED_NAMES
from unipref.unify.detection.speakers import find_speaker
from unipref.unify.detection.two_answers import SAMPLE_NAMES, STEP_NAMES

MISTAKE_NAMES = ("mistake", "error", "wrong", "incorrect")
"""Words in a number's field name that mean: this is the first wrong step."""
ANSWER_NAMES, TARGET_NAMES = ("answer", "prediction", "final_answer"), ("target", "gold", "expected", "correct_answer")
"""Field names of the final answer of a solution, and of the right answer."""
NONE_WRONG = -1
"""The usual number in place of that of the first wrong step if no step is wrong."""
MAX_VERDICTS = 4
"""Most different words that judge a step."""
RATINGS = {-1.0, 0.0, 1.0}


def recognise_mistake_number(columns: Columns, prompt: list[str]) -> Guess | None:
    """Recognises steps and, in each row, the number of one of them."""
    for steps in columns.of_kind("texts"):
        lengths = dict(zip(steps.rows, map(len, steps.values), strict=True))
        if len({*lengths.values()}) < 3 and not steps.has_name("steps", "step", "solution"):
            continue  # lists that all have the same length are options
        for number_column in columns.of_kind("code", "number"):
            within = [
                NONE_WRONG <= n <= lengths.get(i, -1) and n == int(n)
                for i, n in zip(number_column.rows, number_column.numbers, strict=False)
            ]
            if number_column.n_distinct < 2 or not within or not all(within) or number_column.is_identifier:
                continue
            counted = [n for n in number_column.numbers if n != NONE_WRONG]
            if not counted:
                continue
            named = number_column.has_name(*MISTAKE_NAMES)
            counts_from_one = min(counted) >= 1 and any(
                n == lengths[i] for i, n in zip(number_column.rows, number_column.numbers, strict=True)
            )
            start = 0 if min(counted) == 0 else 1 if counts_from_one else PLACEHOLDER
            mapping: dict[str, Any] = {"prompt": path_setting(prompt), "steps": steps.path}
            mapping |= {
                "first_wrong": number_column.path if named else PLACEHOLDER,
                **({} if start == 0 else {"counted_from": start}),
                **({"none_wrong": NONE_WRONG} if NONE_WRONG in number_column.numbers else {}),
            }
            doubts = [] if named else [f"whether '{number_column.path}' is the number of the first wrong step"]
            doubts += [] if start != PLACEHOLDER else [f"whether '{number_column.path}' counts from 0 or from 1"]
            if "none_wrong" in mapping:
                doubts.append(f"{NONE_WRONG} in '{number_column.path}' is assumed to mean that no step is wrong")
            if number_column.share < 1:
                doubts.append(f"an empty '{number_column.path}' is assumed to mean that no step is wrong")
            why = [f"'{number_column.path}' is always the number of one of the '{steps.path}'"]
            if ends := _find_final_answers(columns):
                mapping |= ends
                match = f"'{ends['answer']}' sometimes equals '{ends['target']}', so it can be checked against it"
                why.append(match)
                doubts.append(f"{match}: solutions without a wrong step that miss it are left out")
            return Guess(mapping, 0.93 if named else 0.82, why, doubts)
    return None


def _find_final_answers(columns: Columns) -> dict[str, str]:
    """Returns the paths of the final and the right answer; empty if no names say so, or if the two never agree."""
    # The name of the right answer may contain a name of the final one, as 'correct_answer' does.
    target = next((c for c in columns.all if c.has_name(*TARGET_NAMES)), None)
    answer = next((c for c in columns.all if c.has_name(*ANSWER_NAMES) and not c.has_name(*TARGET_NAMES)), None)
    if answer is None or target is None:
        return {}
    right = dict(zip(target.rows, map(str, target.values), strict=True))
    same = any(right.get(i) == str(v) for i, v in zip(answer.rows, answer.values, strict=True))
    return {"answer": answer.path, "target": target.path} if same else {}


def recognise_rating_list(columns: Columns, prompt: list[str]) -> Guess | None:
    """Recognises steps and a list of ratings of the same length."""
    for steps in columns.of_kind("texts"):
        if _are_sources(steps):
            continue
        lengths = dict(zip(steps.rows, map(len, steps.values), strict=True))
        for rating in columns.of_kind("flags", "numbers"):
            if columns.role(rating) == "metadata" or max(map(len, rating.values)) < 2:
                continue  # offsets are not ratings, and one item is no list of steps
            same_length = [lengths.get(i) == len(v) for i, v in zip(rating.rows, rating.values, strict=True)]
            values = sorted({value for v in rating.values for value in v})
            if sum(same_length) > 0.9 * len(same_length) and {float(v) for v in values} <= RATINGS:
                mapping = {"prompt": path_setting(prompt), "steps": steps.path, "rating": rating.path}
                why = [f"'{rating.path}' has one of {values} for each of the '{steps.path}'"]
                return Guess(
                    {**mapping, "codes": dict.fromkeys(values, PLACEHOLDER)},
                    0.85,
                    why,
                    [_doubt_about_codes(values, rating.path)],
                )
    return None


def _are_sources(column: Column) -> bool:
    """Whether a list holds what a search returned for a question, by its name or that of the mapping around it."""
    words = {*split_words(column.path)}
    return bool(words & RETRIEVED_NAMES) and not words & STEP_NAMES


def recognise_rated_items(columns: Columns, prompt: list[str]) -> Guess | None:
    """Recognises steps that are mappings with a rating, or with versions that have a rating."""
    for steps in columns.of_kind("items"):
        outer = inner = columns.inner(steps)
        listed = next(iter(outer.of_kind("items")), None)
        if listed is not None:
            inner = outer.inner(listed)
        text = max(inner.prose, key=lambda c: c.mean_length, default=None)
        codes = [c for c in inner.of_kind("flag", "code") if inner.role(c) != "metadata"]
        is_named = bool({*steps.words} & STEP_NAMES)
        ratings = (c for c in codes if c.n_distinct > 1 and (_is_rating(c) or (is_named and _is_verdict(inner, c))))
        rating = next(ratings, None)
        scores = [c for c in inner.of_kind("number", "code") if c.numbers and not _is_rating(c) and not c.is_identifier]
        scores = [c for c in scores if inner.role(c) != "metadata"]  # the number of a line is no score
        are_answers = not is_named and bool({*steps.words} & SAMPLE_NAMES) and listed is None
        if text is None or rating is None or scores or are_answers or find_speaker(outer):
            continue
        values = sorted({*rating.values})
        mapping = {"prompt": path_setting(prompt), "steps": steps.path, "step": text.path, "rating": rating.path}
        doubts = [_doubt_about_codes(values, rating.path)]
        if listed is not None:
            mapping["versions"] = listed.path
            if taken := _find_taken(outer, listed):
                mapping["taken"] = taken.path
                doubts.append(
                    f"whether '{taken.path}' is the version, counted from 0, with which the solution continues"
                )
        why = [f"each of the '{steps.path}' has a '{rating.path}' of {values}"]
        return Guess({**mapping, "codes": dict.fromkeys(values, PLACEHOLDER)}, 0.8, why, doubts)
    return None


def _find_taken(step: Columns, versions: Column) -> Column | None:
    """Returns the number in a step that is always the place of one of its versions; None if there is none."""
    counts = dict(zip(versions.rows, map(len, versions.values), strict=True))
    for column in step.of_kind("code", "number"):
        places = [(counts.get(row, 0), n) for row, n in zip(column.rows, column.numbers, strict=False)]
        if places and min(n for _, n in places) == 0 and all(n == int(n) and 0 <= n < max(c, 1) for c, n in places):
            return column
    return None


def _is_rating(column: Column) -> bool:
    return all(isinstance(v, bool) for v in column.values) or (bool(column.numbers) and {*column.numbers} <= RATINGS)


def _is_verdict(inner: Columns, column: Column) -> bool:
    """Whether words judge a step: verdicts, or any few words under the name of a judgement."""
    is_judged = inner.role(column) == "judgement" and not column.numbers
    return column.kind == "code" and is_judged and column.n_distinct <= MAX_VERDICTS


def _doubt_about_codes(values: list[Any], path: str) -> str:
    return f"what each of {values} in '{path}' means: right, wrong or neutral"
