"""Answers in order of preference: an ordered list, or a rank number for each answer."""

import math
import re
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from unipref.core.display import describe_value
from unipref.core.records import Axis, Feedback, Reason, Reject, Response, Row
from unipref.core.values import is_missing
from unipref.unify.detection.column import IDENTIFIER
from unipref.unify.detection.guess import (
    PLACEHOLDER,
    Column,
    Columns,
    Guess,
    are_ranks,
    find_prompt,
    path_setting,
    quote_names,
)
from unipref.unify.detection.name_words import split_words
from unipref.unify.detection.names import TAG_NAMES
from unipref.unify.detection.orders import RANKING_NAMES, find_order, guess_numbers_in_order, read_order_name
from unipref.unify.detection.twins import find_named_numbers, find_number_series, find_series
from unipref.unify.detection.two_answers import STEP_NAMES, are_by_authors, find_inner_answer
from unipref.unify.format_bases.several_answers import Item, SeveralAnswers
from unipref.unify.mapping.fields import Path, PathList, read_number
from unipref.unify.mapping.named_values import NamedValue, match_names, read_named_values, read_order
from unipref.unify.mapping.paths import get_each, get_path, item_places, values_per_answer

RANK_AXIS = "rank"
"""The name of the axis of ranks."""

RANK_NAMES = ("rank", "ranks", "ranking", "place", "position")
"""Names of numbers that are places in an order; other numbers of this kind, such as an index, only count."""


def _recognise_lists(columns: Columns, prompt: list[str], named: bool) -> Guess | None:
    """Recognises a list of texts that may be in order, or that has a list of ranks in another field."""
    lists = [c for c in columns.of_kind("texts") if columns.role(c) == "list" and _can_be_answers(columns, c)]
    lists = [c for c in lists if not {*c.words} & STEP_NAMES]
    answers = max(lists, key=lambda c: c.mean_length, default=None)
    if are_by_authors(lists):
        return None
    if answers is None or answers.share < 0.9 or sum(len(v) > 1 for v in answers.values) < 0.8 * len(answers.values):
        return None
    mapping: dict[str, Any] = {"prompt": path_setting(prompt), "answers": answers.path}
    if (history := next(iter(columns.of_kind("exchanges")), None)) is not None:
        mapping["history"] = history.path
    if (numbers := guess_numbers_in_order(columns, answers)) is not None:
        settings, doubts = numbers
        name = settings.get("sequence") or settings.get("ranks")
        why = [f"'{answers.path}' is a list of answers, '{name}' orders them"]
        return Guess({**mapping, **settings}, 0.9, why, doubts)
    why = [f"'{prompt[0]}' holds the prompt, '{answers.path}' is a list of answers, and no field scores them"]
    if (order := read_order_name(answers.path)) is not None:
        doubt = f"'{answers.path}' is {order.replace('_', ' ')}, according to its name"
        return Guess({**mapping, "order": order}, 0.85, why, [doubt])
    doubt = f"whether '{answers.path}' is in order: set best_first or worst_first, or choose another format"
    return Guess({**mapping, "order": PLACEHOLDER}, 0.65 if named or len(lists) == 1 else 0.4, why, [doubt])


def _recognise_mappings(columns: Columns) -> Guess | None:
    """Recognises a mapping of answers and a mapping of their ranks, with the names of models as keys."""
    found = find_named_numbers(columns)
    if found is None or not are_ranks(found.by_row):
        return None
    answers = [c for c in columns.all if c.path.startswith(f"{found.answers}.")]
    prompt, named = find_prompt(columns, answers)
    if not prompt:
        return None
    is_rank = bool({*split_words(found.numbers.rpartition(".")[2])} & {*RANK_NAMES})
    better = "low" if is_rank else PLACEHOLDER
    mapping = {"prompt": path_setting(prompt), "answers": found.answers, "ranks": found.numbers, "better": better}
    doubts = ["'better' is low because of the field's name: 1 (or 0) counts as the best"]
    doubts = doubts if is_rank else [f"whether a high or a low '{found.numbers}' is better"]
    why = [f"'{found.answers}' holds answers and '{found.numbers}' the rank of each, under the same names"]
    return Guess(mapping, 0.9 if named else 0.75, why, doubts)


def _can_be_answers(columns: Columns, column: Column) -> bool:
    """Whether the texts of a list can be answers: no pieces of a text, no tags, and no ids of a row's answers."""
    if columns.are_spans(column) or {*column.words} & TAG_NAMES:
        return False
    items = [item.strip() for value in column.values for item in value]
    are_ids = all(IDENTIFIER.fullmatch(item) and re.search(r"\d", item) for item in items)
    return not (are_ids and {*column.words} & RANKING_NAMES)


def _recognise_series(columns: Columns) -> Guess | None:
    """Recognises three or more answers in fields of their own, each with its rank."""
    answers = find_series(columns)
    prompt, named = find_prompt(columns, answers)
    if not answers or not prompt:
        return None
    for ranks in find_number_series(columns, answers):
        by_row = zip(*(column.numbers for column in ranks), strict=False)
        if not are_ranks([list(numbers) for numbers in by_row]):
            continue
        better = "low" if all({"rank", "ranks", "place", "position"} & {*c.words} for c in ranks) else PLACEHOLDER
        mapping = {
            "prompt": path_setting(prompt),
            "answers": [c.path for c in answers],
            "ranks": [c.path for c in ranks],
            "better": better,
        }
        why = [f"{quote_names(c.path for c in answers)} are answers, {quote_names(c.path for c in ranks)} their ranks"]
        doubts = [] if better == "low" else ["whether a high or a low rank is better"]
        return Guess(mapping, 0.9 if named else 0.75, why, doubts)
    return None


class Ranking(SeveralAnswers):
    """A prompt and several answers in order. Either the list of answers is in order, or `sequence` names them in order,
    or `ranks` holds a number for each answer and `better` says which end is the best. Equal ranks are ties.
    """

    order: Literal["best_first", "worst_first"] | None = None
    """The order of the list of answers, of `sequence` or of `sequences`."""
    sequence: Path | None = None
    """Path of the list of all answer numbers in order of preference, as in [2, 0, 1]; `order` says which end is the
    best. With `key`, it holds the keys of answers, and those that it leaves out have no rank. Keys in an inner list are
    equally good."""
    sequences: Path | None = None
    """Replaces `sequence`: path of a list of such lists of keys, one per person. The mean rank decides."""
    counted_from: Literal[0, 1] = 0
    """The number of the first answer in `sequence`."""
    ranks: Path | PathList | None = None
    """Path of the rank inside an answer that is a mapping; or path of a list of ranks in the row; or one path per
    answer. With `key`: path of a mapping key -> rank, or of a list of ranks."""
    ranks_key: Path | None = None
    """Path of the list of keys to which a list of `ranks` belongs, as in `ranks.*.model`."""
    better: Literal["high", "low"] | None = None
    """Which end of the ranks is better."""

    needs: ClassVar[tuple[str, ...]] = ("a prompt", "a list of answers")
    example: ClassVar[dict[str, Any]] = {
        "settings": {"prompt": "question", "answers": "answers", "order": "best_first"},
        "rows": [{"question": "Name a river.", "answers": ["The Nile.", "Nile maybe?", "A mountain."]}],
    }

    @model_validator(mode="after")
    def _order_is_declared(self) -> "Ranking":
        if (self.order is None) == (self.ranks is None):
            raise ValueError("give either 'order', or 'ranks' and 'better'")
        if (self.sequence or self.sequences) and self.order is None:
            raise ValueError("'sequence' and 'sequences' need 'order'")
        if self.sequence and self.sequences:
            raise ValueError("give either 'sequence' or 'sequences'")
        if self.key is not None and self.order is not None and not (self.sequence or self.sequences):
            raise ValueError("'key' needs 'sequence', 'sequences' or 'ranks': what names the answers")
        if self.ranks_key is not None and (self.key is None or self.ranks is None):
            raise ValueError("'ranks_key' needs 'key' and 'ranks'")
        if self.ranks is not None and self.better is None:
            raise ValueError("set 'better' to say whether a high or a low rank is better")
        return self

    def axes(self) -> dict[str, Axis]:
        """The axis of ranks: places in the list count from 0, the best."""
        return {RANK_AXIS: Axis(better="low" if self.better is None else self.better, is_rank=True)}

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """Recognises a prompt with a list of answers without scores, or with answers and their ranks."""
        prompt, named = find_prompt(columns, [])
        if not prompt:
            return None
        for column in columns.answer_lists:
            inner = columns.inner(column)
            answer = find_inner_answer(inner)
            rank_columns = (
                c
                for c in inner.of_kind("code", "number")
                if (inner.role(c) != "metadata" or c.has_name(*RANK_NAMES))
                # 0 and 1 are the rewards of two answers as likely as their ranks.
                and (c.has_name(*RANK_NAMES) or not {*c.numbers} <= {0.0, 1.0})
                and are_ranks([[i.get(c.path) for i in v] for v in column.values])
            )
            if answer is not None and (rank := next(rank_columns, None)) is not None:
                better = "low" if rank.has_name(*RANK_NAMES) else PLACEHOLDER
                ranked = {"response": answer.path, "ranks": rank.path, "better": better}
                doubts = ["'better' is low because of the field's name: 1 (or 0) counts as the best"]
                doubts = doubts if better == "low" else [f"whether a high or a low '{rank.path}' is better"]
                why = [f"'{column.path}' is a list of answers, and '{rank.path}' is the rank of each"]
                return Guess({"prompt": path_setting(prompt), "answers": column.path, **ranked}, 0.92, why, doubts)
        if (by_name := _recognise_mappings(columns)) is not None:
            return by_name
        return find_order(columns) or _recognise_series(columns) or _recognise_lists(columns, prompt, named)

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """Yields one feedback with all answers and their ranks, and a reject for each rank without an answer."""
        items = self.read_items(row)
        ranks, rejects = self._read_ranks(row, items)
        contents = [self.read_turns(item) for item in items]
        responses = []
        for (_, answer), each in zip(contents, ranks, strict=True):
            scores = {RANK_AXIS: math.fsum(each) / len(each)} if each else {}
            people = {RANK_AXIS: each} if len(each) > 1 else {}
            raters = {axis: len(ranks_of_each) for axis, ranks_of_each in people.items()}
            responses.append(Response(messages=answer, scores=scores, raters=raters, each=people))
        prompts = [prompt for prompt, _ in contents]
        yield Feedback(prompt=self.read_shared_prompt(row, prompts, items[0].place), responses=responses)
        yield from rejects

    def _read_ranks(self, row: Row, items: list[Item]) -> tuple[list[list[float]], list[Reject]]:
        """Returns the ranks of each answer, one per person who ranked it, and the ranks that belong to no answer."""
        names = self.read_names(row, items)
        if self.ranks is not None:
            is_named = self.key is not None or (names is not None and not self.has_mappings)
            if names is None or not is_named or not isinstance(self.ranks, str):
                return self._ranks_by_place(row, items, self.ranks), []
            named = read_named_values(row, self.ranks, self.ranks_key, "ranks_key")
        elif self.sequence is None and self.sequences is None:
            places = [float(place) for place in range(len(items))]
            return [[place] for place in (places if self.order == "best_first" else places[::-1])], []
        elif names is None and self.sequence is not None:
            return self._ranks_by_number(row, len(items)), []
        else:
            named = self._read_orders(row)
        if names is None:
            raise Reject(Reason.MISSING_FIELD, "the answers have no names: set 'key'", self.sequences)
        by_answer, rejects = match_names(named, names, "rank")
        if not any(by_answer):
            raise rejects[0] if rejects else Reject(Reason.UNSCORED, "no answer has a rank", str(self.ranks))
        place = str(self.ranks or self.sequence or self.sequences)
        numbers = [[read_number(value, place) for value in values] for values in by_answer]
        return [[number for number in each if number is not None] for each in numbers], rejects

    def _ranks_by_place(self, row: Row, items: list[Item], ranks: str | list[str]) -> list[list[float]]:
        """Returns the rank of each answer: inside it, in a list in the row, or at one path per answer."""
        if isinstance(ranks, list) or not self.has_mappings:
            values = values_per_answer(row, ranks, len(items), "ranks")
        else:
            values = [get_path(item.value, ranks) for item in items]
        numbers = [read_number(value, str(ranks)) for value in values]
        return [[] if number is None else [number] for number in numbers]

    def _ranks_by_number(self, row: Row, count: int) -> list[list[float]]:
        path = self.sequence or ""
        values = get_path(row, path)
        if not isinstance(values, list):
            raise Reject(Reason.BAD_LABEL, f"expected a list of answer numbers, found {describe_value(values)}", path)
        try:
            numbers = [read_number(value, path) for value in values]
        except Reject as reject:
            hint = "; if these are ids or names of answers, set 'key' to where an answer holds its own"
            raise Reject(reject.reason, reject.detail + hint, path) from reject
        places = [value - self.counted_from for value in numbers if value is not None]
        if sorted(places) != list(range(count)):
            detail = f"expected the number of each of the {count} answers once, counted from {self.counted_from}"
            raise Reject(Reason.BAD_LABEL, f"{detail}, found {str(values)[:60]}", path)
        best_first = places if self.order == "best_first" else places[::-1]
        return [[float(best_first.index(place))] for place in range(count)]

    def _read_orders(self, row: Row) -> list[NamedValue]:
        """Returns the ranks of the named answers, those of each person after the other; skips people without an order.

        Raises:
            Reject: an order is not a list of names, or two people ordered different answers.
        """
        is_best_first = self.order == "best_first"
        if self.sequence is not None:
            return read_order(get_path(row, self.sequence), self.sequence, is_best_first)
        path = self.sequences or ""
        values = get_each(row, path)
        if not isinstance(values, list):
            raise Reject(
                Reason.WRONG_TYPE, f"expected a list with one order per person, found {describe_value(values)}", path
            )
        places = item_places(row, path)
        given = [each for each in zip(values, places, strict=True) if each[0] != [] and not is_missing(each[0])]
        if not given:
            raise Reject(Reason.UNSCORED, "nobody gave an order", path)
        orders = [read_order(value, place, is_best_first) for value, place in given]
        if len({frozenset(name for name, *_ in order) for order in orders}) > 1:
            raise Reject(
                Reason.BAD_LABEL, "these people ordered different answers, so their ranks cannot be combined", path
            )
        return [named for order in orders for named in order]
