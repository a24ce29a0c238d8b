"""Recognises verdicts on the one answer of a row that stand in a list: of people's judgements, or of tags."""

from unipref.unify.detection.columns import Column, Columns, make_column
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.detection.listed_people import are_of_people, find_kinds
from unipref.unify.detection.names import PEOPLE
from unipref.unify.detection.one_answer import ThumbsLabel
from unipref.unify.detection.orders import RANKING_NAMES
from unipref.unify.detection.verdict_codes import guess_thumbs, is_verdict_column
from unipref.unify.detection.verdict_words import is_verdict, read_verdict

NAMES_OF_JUDGEMENTS = {"name", "key", "metric", "criterion", "question"}
"""Words in the names of fields that hold the name of a judgement."""
COUNTING_NAMES = {"count", "counts", "n", "total", "votes", "number", "num"}
"""Words in the names of numbers of people who gave a verdict."""
VALUES = ("code", "flag")


def find_listed_thumbs(columns: Columns) -> ThumbsLabel | None:
    """Finds a list of verdicts on the one answer; None if there is none. Its path has a `*`: `votes.*.verdict`."""
    found = _ask_about_counts(columns) or _find_in_mappings(columns)
    if found is not None and found.column.n_distinct < 2:
        return _ask_about_lists(columns) or found  # `isLatest` says the same in every row
    return found or _find_words(columns) or _ask_about_lists(columns)


def find_lists_of_kinds(columns: Columns) -> set[str]:
    """Returns the paths of lists with a field that says what each item measures: not all items judge the same."""
    words = (*NAMES_OF_JUDGEMENTS, "type", "axis")
    return {path.rsplit(".*.", 1)[0] for c, path, _ in columns.inside if c.has_name(*words) and c.n_distinct > 1}


def _names_a_judgement(column: Column) -> bool:
    """Whether a field holds the name of a judgement, such as `is_helpful` under `assessment_name`."""
    return column.kind in ("code", "text") and bool({*column.words} & NAMES_OF_JUDGEMENTS)


def _find_in_mappings(columns: Columns) -> ThumbsLabel | None:
    turns = {c.path for c in columns.of_kind("turns")}
    rows = {c.path for c in columns.of_kind("items") if columns.inner(c).prose}
    kinds = find_lists_of_kinds(columns)
    kinds |= {c.path for c in columns.of_kind("items") if any(k.n_distinct > 1 for k in _find_kinds(columns, c))}
    for column, path, role in columns.inside:
        listed = path.split(".*.")[0]
        if _names_a_judgement(column):
            continue
        if role != "judgement" or path.count(".*.") != 1 or listed in turns | rows or not is_verdict_column(column):
            continue
        whole = Column(path, column.kind, column.values, column.rows, column.share, odd=column.odd)
        codes, doubts = guess_thumbs(whole)
        if listed in kinds or not _are_people(columns, listed):
            doubts.append(f"which items of '{listed}' judge the answer: choose them with 'where_items'")
            return ThumbsLabel(whole, PLACEHOLDER, codes, True, doubts)
        doubts.append(f"that '{path}' are several people's verdicts of one kind: all of them count")
        return ThumbsLabel(whole, path, codes, True, doubts)
    return None


def _find_kinds(columns: Columns, listed: Column) -> list[Column]:
    """Returns the fields of a list that say what its items judge; a field of verdicts is none."""
    inner = columns.inner(listed)
    return [c for c in find_kinds(inner, listed) if not is_verdict_column(c)]


def _are_people(columns: Columns, path: str) -> bool:
    """Whether the verdicts of a list can be several people's of one kind; a list of one item needs no people."""
    listed = columns.find(path)
    if listed is None:
        return False
    is_of_one_kind = any(c.n_distinct == 1 and c.share == 1 for c in _find_kinds(columns, listed))
    are_single = all(len(items) == 1 for items in listed.values)
    return is_of_one_kind or are_single or are_of_people(columns.inner(listed), listed)


def _ask_about_counts(columns: Columns) -> ThumbsLabel | None:
    """Asks about a list of verdicts, each with the number of people who gave it: no format counts these."""
    for listed in columns.of_kind("items"):
        inner = columns.inner(listed)
        counts = [c for c in inner.all if c.numbers and {*c.words} & COUNTING_NAMES]
        verdicts = [c for c in inner.of_kind("code") if is_verdict_column(c) and c not in counts]
        if inner.prose or not counts or not verdicts:
            continue
        label, count = (f"{listed.path}.*.{some[0].path}" for some in (verdicts, counts))
        doubt = (
            f"'{label}' ({', '.join(verdicts[0].distinct_values[:6])}) judges the answer and '{count}' counts the "
            "people who said so, which no format reads: write each verdict as often as it was given, or the majority"
        )
        whole = Column(label, "code", verdicts[0].values, verdicts[0].rows, listed.share)
        return ThumbsLabel(whole, PLACEHOLDER, {"up": PLACEHOLDER, "down": PLACEHOLDER}, True, [doubt])
    return None


def _ask_about_lists(columns: Columns) -> ThumbsLabel | None:
    """Asks about a judgement deep inside lists: no condition on rows could look there."""
    lists = {c.path for c in columns.of_kind("items") if not columns.inner(c).prose}
    # What praises and blames by itself comes first; lists and the names of people are no labels.
    fields = sorted(columns.inside, key=lambda field: not (field[0].kind in VALUES and is_verdict_column(field[0])))
    for column, path, role in fields:
        if {*column.words} & {*PEOPLE, "user", "users"} or column.kind == "items":
            continue
        if role == "judgement" and path.split(".*.")[0] in lists and column.n_distinct > 1:
            doubt = f"what '{path}' says of the answer: set 'label', 'up' and 'down', or choose another format"
            whole = Column(path, column.kind, column.values, column.rows, column.share)
            return ThumbsLabel(whole, PLACEHOLDER, {"up": PLACEHOLDER, "down": PLACEHOLDER}, True, [doubt])
    return None


def _find_words(columns: Columns) -> ThumbsLabel | None:
    for column in columns.of_kind("texts", "flags"):
        if columns.role(column) != "judgement" or not column.values or {*column.words} & RANKING_NAMES:
            continue
        items = [(row, item) for row, value in zip(column.rows, column.values, strict=True) for item in value]
        whole = make_column(f"{column.path}.*", items, len(items))
        if is_verdict_column(whole) and all(map(is_verdict, whole.distinct_values)):
            codes, doubts = guess_thumbs(whole)
            doubts.append(f"whether '{column.path}' holds several people's verdicts: then set label: '{whole.path}'")
            return ThumbsLabel(whole, PLACEHOLDER, codes, True, doubts)
        speaking = [v for v in whole.distinct_values if (verdict := read_verdict(v)) and not verdict.needs_name]
        if not speaking:
            doubt = (
                f"what '{column.path}' says of the answer: perhaps an empty list praises it; no setting reads whether "
                "a list is empty, so write a field that says it"
            )
            return ThumbsLabel(whole, PLACEHOLDER, {"up": PLACEHOLDER, "down": PLACEHOLDER}, True, [doubt])
        shown = ", ".join(speaking[:6])
        doubt = (
            f"which words of '{column.path}' judge the answer, perhaps {shown}: leave out the others with "
            f"where_items: {{{column.path}: {{'.': [{shown}]}}}}"
        )
        return ThumbsLabel(whole, whole.path, {"up": PLACEHOLDER, "down": PLACEHOLDER}, True, [doubt])
    return None
