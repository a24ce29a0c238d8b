"""Recognises the fields that judge between two answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from unipref.core.display import quote_yaml
from unipref.unify.detection.columns import Column, Columns, split_words
from unipref.unify.detection.concerns import blames, find_concern, may_ask_otherwise
from unipref.unify.detection.guess import (
    PLACEHOLDER,
    doubt_direction,
    guess_direction,
    quote_names,
    suggest_direction,
)
from unipref.unify.detection.listed_people import find_kinds
from unipref.unify.detection.names import (
    BAD_NAMES,
    GOOD_NAMES,
    HIGH_IS_BETTER,
    JUDGEMENT_NAMES,
    NEGATIONS,
    VERDICT_NAMES,
)
from unipref.unify.detection.places import SWAPPED, find_places, name_places
from unipref.unify.detection.rival_verdicts import settle_rivals
from unipref.unify.detection.several_raters import doubt_raters, find_all_raters
from unipref.unify.detection.side_codes import (
    guess_side_codes,
    guess_word_grades,
    have_sides,
    is_short,
    is_winner_name,
    short_names,
)
from unipref.unify.detection.side_words import WORSE, read_side
from unipref.unify.detection.twins import find_twin_columns
from unipref.unify.detection.two_answers import Sides, repeats_one_of
from unipref.unify.detection.verdict_words import is_blank
from unipref.unify.mapping.codes import to_code

DEGREE_NAMES = ("preference", "strength", "degree", "margin", "grade", "rating", "likert")
"""Names of numbers that say how much better one answer is."""
LABEL_NUMBERS = {-1.0, 0.0, 1.0, 2.0, 3.0}
"""Numbers that label one of two answers, a tie or neither."""

NO_VOTES = {"rank", "ranks", "score", "scores"}
"""Words in the names of numbers that are about one answer each."""
MIN_NAMED = 0.5
"""Least share of rows whose winner is the name of exactly one of two answers; the others are ties."""


@dataclass(frozen=True)
class Judgement:
    """The fields that judge between two answers.

    Attributes:
        kind: label (one of two), votes (with ties, or of several people), counts (of votes), grade (a number on a
            scale), words (a grade in words) or scores (one per answer).
        map: the settings for the kind.
        is_named: whether a field's name supports it.
        why: the reason, for the reader.
        doubts: what the data do not tell.
    """

    kind: str
    map: dict[str, Any]
    is_named: bool
    why: str
    doubts: list[str] = field(default_factory=list)


def find_judgement(columns: Columns, sides: Sides) -> Judgement | None:
    """Finds the fields that judge between two answers; None if there are none.

    If another field says where on the screen each answer stood, what a place means is asked for.
    """
    judgement = _find_judgement(columns, sides)
    if judgement is None:
        return None
    settled, doubts = settle_rivals(columns, judgement.map)
    judgement = replace(judgement, map=settled, doubts=[*judgement.doubts, *doubts])
    return _ask_about_places(columns, sides, judgement)


def _ask_about_places(columns: Columns, sides: Sides, judgement: Judgement) -> Judgement:
    """Asks what the labels mean if they name places, and a field says which answer stood there in each row."""
    label = judgement.map.get("label") or judgement.map.get("votes") or judgement.map.get("grade")
    labels = [label] if isinstance(label, str) else label or []
    are_places = name_places([str(value) for value in judgement.map.get("codes", {})], sides)
    if not labels or "names" in judgement.map or (place := find_places(columns, sides, labels, are_places)) is None:
        return judgement
    is_swapped = bool({*place.words} & SWAPPED)
    is_asked = PLACEHOLDER in judgement.map.get("codes", {}).values()
    if not (are_places or is_swapped or is_asked or "scale" in judgement.map):
        return judgement
    shown = ", ".join(place.distinct_values)
    doubt = (
        f"whether '{labels[0]}' names the place of an answer: '{place.path}' ({shown}) says where it stood; "
        "then write one source for each of its values, with 'where' and its own codes"
    )
    settings = {**judgement.map, "where": {place.path: PLACEHOLDER}}
    if "codes" in settings and not is_swapped:
        asked = {value: side if side == "tie" else PLACEHOLDER for value, side in settings["codes"].items()}
        settings["codes"] = asked
    return replace(judgement, map=settings, doubts=[*judgement.doubts, doubt])


def _find_judgement(columns: Columns, sides: Sides) -> Judgement | None:
    used = {sides.first, sides.second, *sides.prompt}
    roles = ("judgement", "score", "unknown", "category")
    free = [
        c
        for c in columns.of_kind("code", "number", "flag", "text")
        if c.path not in used and c.n_distinct > 1 and (columns.role(c) in roles or is_winner_name(c))
    ]
    free = [c for c in free if c.kind != "text" or (is_winner_name(c) and is_short(c))]
    named = [c for word in VERDICT_NAMES for c in free if c.has_name(word) and is_winner_name(c)]
    named.sort(key=lambda c: (find_concern(c.path) is not None, not c.has_name("overall")))
    free.sort(key=lambda c: (find_concern(c.path) is not None, not c.has_name("overall")))
    coded = [c for c in free if c.kind != "text"]
    return (
        _judge_by_names(columns, sides)
        or _judge_by_text(columns, sides)
        or _judge_by_counts(coded, sides)
        or _judge_by_votes(coded, sides, columns)
        or next((result for c in named if (result := _judge_by_field(c, sides, True))), None)
        or next((result for c in coded if (result := _judge_by_speaking_values(c, sides))), None)
        or _judge_by_listed_votes(columns, sides)
        or _judge_by_scores(coded, sides, columns)
        or next((result for c in coded if have_sides(c) and (result := _judge_by_field(c, sides, False))), None)
        or next((result for c in _sort_labels_first(coded) if (result := _judge_by_field(c, sides, False))), None)
    )


def ask_for_sides(sides: Sides, judgement: Judgement) -> dict[str, Any]:
    """Returns the settings of the two answers, as questions if neither their names nor that of the judgement tells."""
    if sides.marks is None and sides.prompt and not judgement.is_named:
        return {**sides.map, "first": PLACEHOLDER, "second": PLACEHOLDER}
    return sides.map


def combine_confidence(sides: Sides, judgement: Judgement) -> float:
    """Returns the confidence in two answers and their judgement: higher if names support them."""
    if judgement.is_named:
        return 0.93 if sides.marks or not sides.prompt else 0.8
    return 0.85 if sides.marks else 0.6


def _sort_labels_first(free: list[Column]) -> list[Column]:
    return sorted((c for c in free if c.kind != "flag"), key=lambda c: not c.has_name("label", "labels"))


def doubt_ticks(columns: Columns, sides: Sides) -> list[str]:
    """Says how to read two fields, each of which is ticked where one of the two answers is the better one."""
    ticks = [c for c in columns.of_kind("code", "flag") if c.n_distinct == 1 and c.share < 1 and is_winner_name(c)]
    couple = [[c for c in ticks if mark in c.words] for mark in sides.marks or ()]
    if [len(of_side) for of_side in couple] != [1, 1]:
        return []
    first, second = (of_side[0] for of_side in couple)
    where = f"{{{quote_yaml(first.path)}: [{quote_yaml(str(first.values[0]))}]}}"
    return [
        f"no format reads ticks in two fields at once: write one source with chosen: {sides.first}, rejected: "
        f"{sides.second} and where: {where}, and another one the other way round for '{second.path}'"
    ]


def _judge_by_names(columns: Columns, sides: Sides) -> Judgement | None:
    """Finds a winner that is the value of another field: 'gpt' where `model_a` holds 'gpt'."""
    if sides.marks is None:
        return None
    named = [c for c in columns.of_kind("code", "text") if c.path not in (sides.first, sides.second, *sides.prompt)]
    winners = [c for c in named if is_winner_name(c) and not c.numbers]
    if not winners:
        return None
    couples = [(a, b) for a, b, marks in find_twin_columns(named, columns) if marks == sides.marks]
    for winner in winners:
        # The votes of two people, each with a number, are no names of the answers.
        for first, second in [couple for couple in couples if not {*couple} & {*winners}]:
            holders = [dict(zip(c.rows, map(to_code, c.values), strict=True)) for c in (first, second)]
            places = [
                [held.get(row) == to_code(value) for held in holders]
                for row, value in zip(winner.rows, winner.values, strict=True)
            ]
            others = sorted({to_code(v) for v, at in zip(winner.values, places, strict=True) if not any(at)})
            are_ties = all(is_blank(one) or read_side(one, None).side == "tie" for one in others)
            if not are_ties or sum(at.count(True) == 1 for at in places) < MIN_NAMED * len(places):
                continue
            codes = {one: "tie" for one in others if not is_blank(one)}
            names = {"first": first.path, "second": second.path}
            kind = "votes" if codes else "label"
            mapping = {kind: winner.path, "names": names, **({"codes": codes} if codes else {})}
            why = f"'{winner.path}' repeats the value of '{first.path}' or '{second.path}'"
            return Judgement(kind, mapping, True, why)
    return None


def _judge_by_text(columns: Columns, sides: Sides) -> Judgement | None:
    """Finds a field that repeats the text of the better answer."""
    found = [columns.find(path) for path in (sides.first, sides.second)]
    answers = [c for c in found if c is not None and c.kind == "text"]
    texts = [c for c in columns.of_kind("text") if c not in answers and c.path not in sides.prompt]
    copies = [c for c in texts if len(answers) == len(found) and repeats_one_of(c, answers)]
    better = [c for c in copies if is_winner_name(c)]
    if not better and (len(copies) > 1 or _have_named_verdict(columns, sides)):
        return None  # copies of both answers say where each stood, and another field judges
    for column in better or copies:
        names = {"first": sides.first, "second": sides.second}
        is_better = is_winner_name(column)
        doubts = [] if is_better else [f"whether '{column.path}', which repeats one of the answers, is the better one"]
        label = {"label": column.path if is_better else PLACEHOLDER, "names": names}
        return Judgement("label", label, True, f"'{column.path}' repeats one of the two answers", doubts)
    return None


def _have_named_verdict(columns: Columns, sides: Sides) -> bool:
    """Whether a field with the name of a verdict names one of the two answers in each row."""
    verdicts = [c for c in columns.of_kind("code") if is_winner_name(c) and have_sides(c) and c.n_distinct > 1]
    return any(c.path not in (sides.first, sides.second, *sides.prompt) for c in verdicts)


def _judge_by_counts(free: list[Column], sides: Sides) -> Judgement | None:
    """Finds one field per side that counts, or flags, the votes for it."""
    if sides.marks is None:
        return None
    counts: dict[str, str] = {}
    for column in free:
        words = {*column.words}
        is_count = column.kind == "flag" or (column.numbers and min(column.numbers) >= 0)
        if (
            is_count
            and words & {"winner", "votes", "wins", "preferred"}
            and not words & (NEGATIONS | BAD_NAMES | WORSE)
        ):
            matching = [s for s, m in zip(("first", "second"), sides.marks, strict=True) if m in column.words]
            matching += ["tie"] if words & {"tie", "ties", "tied"} else []
            counts |= {matching[0]: column.path} if len(matching) == 1 else {}
    if not {"first", "second"} <= counts.keys():
        return None
    return Judgement("counts", {"counts": counts}, True, f"{quote_names(counts.values())} count the votes")


def _judge_by_votes(free: list[Column], sides: Sides, columns: Columns) -> Judgement | None:
    """Finds several people's votes: fields with the same values, or that a number or a letter tells apart."""
    codes = [c for c in free if c.kind == "code" and (have_sides(c) or (c.numbers and {*c.numbers} <= LABEL_NUMBERS))]
    found = [r for r in find_all_raters(columns, codes) if not {*split_words(r.columns[0].path)} & NO_VOTES]
    found = [r for r in found if not (len(r.columns) == 2 and _belong_to_sides(r.columns, sides))]
    for raters in sorted(found, key=lambda r: (not r.is_certain, -len(r.columns))):
        is_numbered = len({_without_marks(c) for c in raters.columns}) == 1
        is_certain = raters.is_certain or is_numbered or all(map(_is_by_a_person, raters.columns))
        if not is_certain and not all(is_winner_name(c) and not c.has_name("overall") for c in raters.columns):
            continue
        doubts: list[str] = []
        whole = raters.merged
        around = {*split_words(whole.path)} & {*VERDICT_NAMES, "votes"}
        is_blame = blames(split_words(whole.path))
        is_named = bool(around) if raters.is_certain else is_numbered and is_winner_name(raters.columns[0])
        codes_of, _ = guess_side_codes(whole, sides, is_named and not is_blame, doubts)
        why = f"{quote_names(raters.paths)} have the same codes: {', '.join(whole.distinct_values)}"
        votes = raters.paths if is_certain else PLACEHOLDER
        doubts += [] if is_certain else [doubt_raters(raters)]
        return Judgement("votes", {"votes": votes, "codes": codes_of}, is_numbered, why, doubts)
    return None


def _without_marks(column: Column) -> tuple[str, ...]:
    return tuple(word for word in split_words(column.path) if not word.isdigit())


def _is_by_a_person(column: Column) -> bool:
    """Whether a field can be one person's vote: its name says nothing about a quality or a kind of judgement."""
    return not {*column.words} & (JUDGEMENT_NAMES | GOOD_NAMES | BAD_NAMES | HIGH_IS_BETTER | {"pref"})


def _belong_to_sides(several: Sequence[Column], sides: Sides) -> bool:
    """Whether two columns differ in the same marks as the two answers: each of them is about one answer."""
    marks = {*(sides.marks or ())}
    # What names one of the answers judges both of them.
    return bool(marks) and all(marks & {*c.words} for c in several) and not any(map(have_sides, several))


def _judge_by_speaking_values(column: Column, sides: Sides) -> Judgement | None:
    """Reads one field whose values say themselves which answer is better, as in 'A>B'."""
    if column.numbers or column.kind == "flag":
        return None
    names = short_names(sides)
    words = [read_side(value, sides.marks, names) for value in column.distinct_values if not is_blank(value)]
    if not any(w.speaks and w.side in ("first", "second") for w in words):
        return None
    return _judge_by_field(column, sides, False)


def _judge_by_listed_votes(columns: Columns, sides: Sides) -> Judgement | None:
    """Finds the votes of several people in a list of mappings, one of whose fields names the better answer."""
    for listed in columns.of_kind("items"):
        if sides.first.startswith(f"{listed.path}."):
            continue
        inner = columns.inner(listed)
        votes = [c for c in inner.of_kind("code", "text") if _is_listed_vote(inner, c)]
        if not votes:
            continue
        column = min(votes, key=lambda c: (find_concern(c.path) is not None, not is_winner_name(c)))
        named = is_winner_name(column) or is_winner_name(listed)
        doubts: list[str] = []
        path = f"{listed.path}.*.{column.path}"
        kinds = [c for c in find_kinds(inner, listed) if c is not column]
        asked = any(may_ask_otherwise(value) for c in kinds for value in c.distinct_values)
        codes, _ = guess_side_codes(column, sides, named and not asked, doubts)
        where = {c.path: PLACEHOLDER if c.n_distinct > 1 else list(c.distinct_values) for c in kinds[:1]}
        more = {"where_items": {listed.path: where}} if any(c.n_distinct > 1 for c in kinds[:1]) else {}
        if more or asked:
            doubts.append(_doubt_kinds(listed, kinds[0]))
        if asked:
            codes = {value: side if side == "tie" else PLACEHOLDER for value, side in codes.items()}
        why = f"'{path}' names one of the two answers: {', '.join(column.distinct_values[:6])}"
        return Judgement("votes", {"votes": path, "codes": codes, **more}, named, why, doubts)
    return None


def _is_listed_vote(inner: Columns, column: Column) -> bool:
    is_judging = inner.role(column) in ("judgement", "category") and is_short(column)
    return is_judging and not column.numbers and have_sides(column)


def _doubt_kinds(listed: Column, kind: Column) -> str:
    shown = ", ".join(kind.distinct_values[:6])
    return f"which items of '{listed.path}' say which answer is better: '{kind.path}' is one of {shown}"


def _judge_by_scores(free: list[Column], sides: Sides, columns: Columns) -> Judgement | None:
    """Finds a score for each of the two answers by the names."""
    if sides.marks is None:
        return None
    axes: dict[str, Any] = {}
    doubts: list[str] = []
    for one, other, marks in find_twin_columns([c for c in free if c.numbers], columns):
        suggested = suggest_direction(one.path, {*one.words} - {*marks})
        if marks == sides.marks and (suggested != PLACEHOLDER or columns.role(one) == "score"):
            name = "_".join(w for w in one.words if w not in marks) or "score"
            better = guess_direction(one.path, one.words)
            axes[name] = {"field": [one.path, other.path], "better": better}
            doubts += [doubt_direction(f"{one.path}' or '{other.path}", suggested)] if better == PLACEHOLDER else []
    if not axes:
        return None
    return Judgement("scores", axes, True, f"each answer has its own score: {', '.join(axes)}", doubts)


def _judge_by_field(column: Column, sides: Sides, named: bool) -> Judgement | None:
    """Reads one field as a judgement: a grade or a label."""
    why = f"'{column.path}' is one of {', '.join(column.distinct_values[:6])}"
    doubts: list[str] = []
    numbers = {*column.numbers}
    if numbers:
        is_label = numbers <= LABEL_NUMBERS and min(numbers) >= -1
        is_degree = named and column.has_name(*DEGREE_NAMES)
        if not is_label or is_degree:
            return _guess_grade(column, sides, named)
    elif column.kind != "flag" and not have_sides(column) and not named:
        return None
    codes, words = guess_side_codes(column, sides, named, doubts)
    strengths = {word.strength for word in words.values() if word.side in ("first", "second")}
    if len(strengths) > 1 and None not in strengths:
        return Judgement("words", {"grade": column.path, "codes": guess_word_grades(words)}, named, why, doubts)
    kind = "label" if len(codes) == 2 and "tie" not in codes.values() else "votes"
    where = {"label": column.path} if kind == "label" else {"votes": column.path}
    return Judgement(kind, {**where, "codes": codes}, named, why, doubts)


def _guess_grade(column: Column, sides: Sides, named: bool) -> Judgement | None:
    low, high = min(column.numbers), max(column.numbers)
    slack = 0.02 * (high - low)
    rest: dict[Any, str] = {}
    if sides.marks == ("1", "2") and named and all(n == 0 or 1 - slack <= n <= 2 + slack for n in column.numbers):
        ends = (1.0, 2.0)
        rest = {0: PLACEHOLDER} if low == 0 else {}
    elif low < 0 < high:
        ends = (-max(-low, high), max(-low, high))
    elif named or any(abs(low - a) <= slack and abs(high - b) <= slack for a, b in ((1, 2), (0, 1))):
        ends = (round(low, 1), round(high, 1))
    else:
        return None
    # Whole numbers from 0 to 2 can count the answers from 0 as well as from 1.
    is_counted = {*column.numbers} <= {0.0, 1.0, 2.0} and low == 0
    is_clear = named and not is_counted and sides.marks is not None and [to_code(end) for end in ends] == [*sides.marks]
    scale: dict[str, Any] = dict(zip(("first", "second"), (_drop_zero_fraction(end) for end in ends), strict=True))
    doubts = [f"what 0 in '{column.path}' means: 0 for a tie, above 0 for the first, below for the second"] * bool(rest)
    if not is_clear:
        doubts.append(f"which end of '{column.path}' ({ends[0]:g} to {ends[1]:g} here) means that the first is better")
        scale = {"first": PLACEHOLDER, "second": PLACEHOLDER}
    mapping = {"grade": column.path, "scale": scale, **({"codes": rest} if rest else {})}
    why = f"'{column.path}' goes from {low:g} to {high:g} and says how much better one answer is"
    return Judgement("grade", mapping, named, why, doubts)


def _drop_zero_fraction(number: float) -> int | float:
    return int(number) if number.is_integer() else number
