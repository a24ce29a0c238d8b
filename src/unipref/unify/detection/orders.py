"""Recognises fields that put the answers of a row in order: lists of numbers or ids, or texts such as B > C > A."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from unipref.core.values import value_key
from unipref.unify.detection.columns import Column, Columns, to_finite_number
from unipref.unify.detection.concerns import PRAISE, find_concern, is_plain
from unipref.unify.detection.foreign_names import to_english
from unipref.unify.detection.guess import PLACEHOLDER, Guess, are_ranks, find_prompt, path_setting, quote_names
from unipref.unify.detection.name_words import split_words
from unipref.unify.detection.names import BAD_NAMES, NEGATIONS, VERDICT_NAMES
from unipref.unify.detection.side_words import WORSE as WORSE_WORDS
from unipref.unify.detection.side_words import are_orders
from unipref.unify.detection.twins import find_series
from unipref.unify.detection.two_answers import find_inner_answer

ORDER_NAMES = {"order", "ordered", "ordering", "sequence", "sorted", "sort", "permutation", "worst", "best", "indices"}
"""Words in the names of lists that hold answers, or their numbers, one after the other."""
RANKING_NAMES = {"ranking", "rankings", "ranked", "rank", "ranks", "preference", "preferences", *ORDER_NAMES}
BEST, WORST = {"best", "most", "top", "better"}, {"worst", "least", "worse"}
ORDER_WORDS = (
    ORDER_NAMES | RANKING_NAMES | {"first", "to", "then", "list", "ids", "index", "names", "models", "preferred", "and"}
)
"""Words in the names of orders that say nothing about what decides the order."""
MIN_NAMED, MAX_NAMED = 3, 24
"""Least number of fields that hold answers and whose names are values of one field, and most values of that field."""
MAX_SAMPLE = 10
"""Rows of a list in which names of answers are looked for before all rows are compared."""
MIN_FITTING = 0.9
"""Least share of rows whose list names answers of the row."""

Order = Literal["best_first", "worst_first"]


def read_order_name(name: str) -> Order | None:
    """Returns which end of a list comes first, if its name says it: `worst_to_best`, `best_first`.

    'most' and 'least' need a word of praise: `most_toxic_first` begins with the worst. A word that is not known may say
    what else decides the order.
    """
    words = [to_english(word) for word in split_words(name.rpartition(".")[2])]
    around = name.rpartition(".")[0].replace("*", "")
    is_known = all(word in ORDER_WORDS | BEST | WORST or is_plain([word]) for word in words)
    if not is_known or (around and find_concern(around, with_prompt=False) is not None):
        return None
    if {"most", "least"} & {*words} and not (PRAISE - BEST) & {*words}:
        return None
    places = [next((i for i, word in enumerate(words) if word in ends), None) for ends in (BEST, WORST)]
    best, worst = places
    if best is not None and worst is not None:
        return "best_first" if best < worst else "worst_first"
    if "first" in words and places != [None, None]:
        return "best_first" if best is not None else "worst_first"
    return None


@dataclass(frozen=True)
class _Names:
    """The answers of a row and what names them."""

    map: dict[str, Any]
    names: dict[int, list[str | None]]
    why: str


def find_order(columns: Columns) -> Guess | None:
    """Finds answers, and a list of their ids, names or numbers, or one text, that puts them in order."""
    lists = columns.of_kind("texts", "numbers", "other")
    texts = [c for c in columns.of_kind("text", "code") if are_orders(c.values) or {*c.words} & RANKING_NAMES]
    several = (
        [*_find_named_items(columns, _Samples(lists), texts), *_find_named_series(columns)] if lists or texts else []
    )
    for named in several:
        for column in _find_sharing(lists, named):
            values = dict(zip(column.rows, column.values, strict=True))
            fitting = [_names_answers(values[row], names) for row, names in named.names.items() if row in values]
            if column.kind == "numbers" and are_ranks(column.values) and not {*column.words} & {*ORDER_NAMES, "ids"}:
                continue  # as likely the rank of each answer as its number
            if fitting and sum(fitting) >= MIN_FITTING * len(fitting) and any(len(v) > 1 for v in column.values):
                why = [named.why, f"'{column.path}' names them one after the other"]
                order, doubts = _ask_for_order(column)
                return Guess({**named.map, "sequence": column.path, "order": order}, 0.9, why, doubts)
        text = next((c for c in texts if are_orders(c.values) or _lists(c, named)), None)
        if text is not None:
            why = [named.why, f"'{text.path}' puts them in order, such as {text.distinct_values[0]!r}"]
            mapping = {**named.map, "sequence": PLACEHOLDER, "order": read_order_name(text.path) or "best_first"}
            return Guess(mapping, 0.6, why, [doubt_order_text(text)])
    return None


class _Samples:
    """Items of lists that can be orders, in a few rows of each list: most orders name answers of their rows.

    Comparing each list with each field inside the answers would take time that grows with the product.
    """

    def __init__(self, lists: Sequence[Column]) -> None:
        self._keys: dict[int, set[str]] = {}
        for column in lists:
            for row, value in [*zip(column.rows, column.values, strict=True)][:MAX_SAMPLE]:
                self._keys.setdefault(row, set()).update(_list_keys(value))

    def can_name(self, column: Column, path: str) -> bool:
        """Whether a list holds the value that one of a row's answers has at a path."""
        for row, items in zip(column.rows, column.values, strict=True):
            keys = self._keys.get(row)
            if keys and any(value_key(item.get(path)) in keys for item in items if isinstance(item, dict)):
                return True
        return False


def _list_keys(value: Any) -> list[str]:
    """Returns the keys of the items of a list, and of the items of lists in it."""
    items = value if isinstance(value, list) else []
    flat = [one for item in items for one in (item if isinstance(item, list) else [item])]
    return [key for key in map(value_key, flat) if key is not None]


def _find_sharing(lists: Sequence[Column], named: _Names) -> list[Column]:
    """Returns the lists that hold the name of an answer of the same row, in one of the first rows that have both."""
    return [column for column in lists if _shares_names(column, named)]


def _shares_names(column: Column, named: _Names) -> bool:
    couples = ((v, named.names[row]) for row, v in zip(column.rows, column.values, strict=True) if row in named.names)
    return any({*_list_keys(value)} & {*names} for value, names in itertools.islice(couples, MAX_SAMPLE))


def find_named_best(columns: Columns) -> Guess | None:
    """Finds answers and a field that holds the id or the name of the best of them."""
    for named in _find_named_items(columns):
        for column in columns.of_kind("text", "code", "number"):
            if not column.has_name(*VERDICT_NAMES):
                continue
            names = [named.names.get(row, []) for row in column.rows]
            fitting = [value_key(value) in each for value, each in zip(column.values, names, strict=True)]
            if sum(fitting) < MIN_FITTING * len(fitting):
                continue
            is_winner = not {*column.words} & (NEGATIONS | BAD_NAMES | WORSE_WORDS)
            answers = named.map["answers"]
            mapping = {
                "prompt": named.map["prompt"],
                "options": f"{answers}.*.{named.map['response']}",
                "answer": column.path if is_winner else PLACEHOLDER,
                "labels": f"{answers}.*.{named.map['key']}",
            }
            doubts = [] if is_winner else [f"which field names the best answer: '{column.path}' may name the worst"]
            return Guess(mapping, 0.9, [named.why, f"'{column.path}' names one of them in each row"], doubts)
    return _find_best_field(columns)


def _find_best_field(columns: Columns) -> Guess | None:
    """Finds three or more answers in fields of their own, and a field that holds the name of the best of these."""
    texts = [c for c in columns.of_kind("text") if columns.role(c) in ("answer", "text")]
    for column in columns.of_kind("text", "code"):
        if not column.has_name(*VERDICT_NAMES) or column.numbers or column.n_distinct > MAX_NAMED:
            continue
        fields = {value: [c for c in texts if _names(value, c)] for value in column.distinct_values}
        named = {value: some[0].path for value, some in fields.items() if len(some) == 1}
        if len({*named.values()}) < max(MIN_NAMED, len(named)):
            continue
        prompt, _ = find_prompt(columns, [c for c in texts if c.path in named.values()])
        if not prompt:
            continue
        is_winner = not {*column.words} & (NEGATIONS | BAD_NAMES | WORSE_WORDS)
        mapping = {
            "prompt": path_setting(prompt),
            "options": [*named.values()],
            "answer": column.path if is_winner else PLACEHOLDER,
            "labels": [*named],
        }
        doubts = [] if is_winner else [f"which field names the best answer: '{column.path}' may name the worst"]
        if others := [value for value in fields if value not in named]:
            doubts.append(f"rows with {quote_names(others)} in '{column.path}' are rejected: no answer has that name")
        return Guess(mapping, 0.94, [f"'{column.path}' names one of the fields {quote_names(named.values())}"], doubts)
    return None


def _names(value: str, column: Column) -> bool:
    """Whether a value is the name of a field, or a part of it that names the answer: `gpt` in `answer_gpt`."""
    words = split_words(value)
    return value.strip().lower() == column.name or (bool(words) and {*words} <= {*split_words(column.name)})


def doubt_order_text(column: Column) -> str:
    """Says what to do with an order that is written as one text."""
    return (
        f"'{column.path}' ({column.distinct_values[0]}) is an order of the answers in one text, which no format reads: "
        "write it as a list of names, the best first, equal ones in an inner list, for 'sequence'"
    )


def _lists(column: Column, named: _Names) -> bool:
    """Whether the texts are the names of the row's answers with commas between them."""
    if not {*column.words} & RANKING_NAMES:
        return False
    fitting = [
        _names_answers([part.strip() for part in re.split(r"[,;|>]", str(value))], named.names.get(row, []))
        for row, value in zip(column.rows, column.values, strict=True)
    ]
    return sum(fitting) >= MIN_FITTING * len(fitting)


def _ask_for_order(column: Column) -> tuple[str, list[str]]:
    order = read_order_name(column.path)
    if order is not None:
        return order, [f"'{column.path}' is {order.replace('_', ' ')}, according to its name"]
    return PLACEHOLDER, [f"whether the best answer comes first in '{column.path}': set best_first or worst_first"]


def _names_answers(values: Any, names: Sequence[str | None]) -> bool:
    """Whether a list holds names of the row's answers; those in an inner list are equally good."""
    if not isinstance(values, list):
        return False
    keys = [value_key(name) for value in values for name in (value if isinstance(value, list) else [value])]
    return len({*keys}) == len(keys) and {*keys} <= {*names} and len(keys) > len(names) / 2


def _find_named_items(columns: Columns, samples: _Samples | None = None, texts: Sequence[Column] = ()) -> list[_Names]:
    """Returns the lists of answers that are mappings, each with a field that names the answers of a row.

    Args:
        columns: of the rows.
        samples: what lists hold; without texts, only fields that they name are returned.
        texts: that can be orders.
    """
    found = []
    prompt, _ = find_prompt(columns, [])
    for column in columns.answer_lists if prompt else []:
        inner = columns.inner(column)
        answer = find_inner_answer(inner)
        for key in inner.all:
            if answer is None or key is answer or key.kind not in ("text", "code", "number"):
                continue
            if samples is not None and not texts and not samples.can_name(column, key.path):
                continue
            names = {
                row: [value_key(item.get(key.path)) if isinstance(item, dict) else None for item in items]
                for row, items in zip(column.rows, column.values, strict=True)
            }
            if all(None not in each and len({*each}) == len(each) for each in names.values()):
                mapping = {"prompt": path_setting(prompt), "answers": column.path, "response": answer.path}
                why = f"'{column.path}' is a list of answers, each with its name in '{key.path}'"
                found.append(_Names({**mapping, "key": key.path}, names, why))
    return found


def _find_named_series(columns: Columns) -> list[_Names]:
    """Returns three or more answers in fields of their own, named by the mark in which the names differ."""
    series = find_series(columns)
    prompt, _ = find_prompt(columns, series)
    if not series or not prompt:
        return []
    words = [split_words(column.path) for column in series]
    place = next(i for i, several in enumerate(zip(*words, strict=True)) if len({*several}) > 1)
    marks = [one[place] for one in words]
    shown = [_spell_mark(column, mark) for column, mark in zip(series, marks, strict=True)]
    found = []
    for names in (shown, marks, [c.path for c in series]):
        mapping = {
            "prompt": path_setting(prompt),
            "answers": [column.path for column in series],
            "key": [{"text": name} for name in names],
        }
        why = f"{quote_names(column.path for column in series)} are answers to one prompt"
        found.append(_Names(mapping, {row: [*map(value_key, names)] for row in range(len(columns.rows))}, why))
    return found


def _spell_mark(column: Column, mark: str) -> str:
    """Returns a mark as the name spells it: `A` in `answer_A`."""
    place = column.path.lower().rfind(mark)
    return column.path[place : place + len(mark)] if place >= 0 else mark


def guess_numbers_in_order(columns: Columns, answers: Column) -> tuple[dict[str, Any], list[str]] | None:
    """Returns the settings for a list of numbers that is as long as the list of answers, and the doubts.

    [2, 0, 1] can hold the rank of each answer, or the numbers of the answers in order. The name tells which; if no list
    changes its meaning by it, as in [1, 0, 2], it does not matter.
    """
    lengths = dict(zip(answers.rows, map(len, answers.values), strict=True))
    for column in columns.of_kind("numbers"):
        words = {*column.words}
        if columns.role(column) == "metadata" and not words & RANKING_NAMES:
            continue
        if any(lengths.get(row) != len(v) for row, v in zip(column.rows, column.values, strict=True)):
            continue
        if not are_ranks(column.values):
            continue
        start = int(min(number for values in column.values for number in values))
        sequence = {"sequence": column.path, **({"counted_from": 1} if start == 1 else {})}
        if words & ORDER_NAMES:
            order, doubts = _ask_for_order(column)
            return {**sequence, "order": order}, doubts
        is_named = column.has_name("rank", "ranks", "ranking")
        better = "low" if is_named else PLACEHOLDER
        if "ranking" not in words or all(_is_its_own_inverse(values, start) for values in column.values):
            doubts = [] if better == "low" else [f"whether a high or a low '{column.path}' is better"]
            return {"ranks": column.path, "better": better}, doubts
        doubt = (
            f"whether '{column.path}' holds the rank of each answer (then keep 'ranks' and 'better') or the numbers of "
            "the answers in order (then keep 'sequence' and 'order')"
        )
        asked = dict.fromkeys(("ranks", "better", "sequence", "order"), PLACEHOLDER)
        return asked, [doubt]
    return None


def _is_its_own_inverse(values: Sequence[Any], start: int) -> bool:
    places = [int(number) - start for value in values if (number := to_finite_number(value)) is not None]
    return all(0 <= place < len(places) and places[place] == i for i, place in enumerate(places))
