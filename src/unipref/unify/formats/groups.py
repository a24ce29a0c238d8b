"""Several good answers and several bad ones, such as lists of correct and incorrect answers."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from unipref.core.records import Feedback, Reason, Reject, Response, Row
from unipref.core.values import is_missing
from unipref.unify.detection.guess import PLACEHOLDER, Column, Columns, Guess, find_prompt, path_setting, quote_names
from unipref.unify.detection.two_answers import are_by_authors
from unipref.unify.format_bases.several_answers import AnswersInOneRow
from unipref.unify.mapping.fields import Part, Paths, extract_part, first_field, read_answer
from unipref.unify.mapping.paths import get_path
from unipref.unify.mapping.turns import assistant_turn

GOOD_NAMES = ("correct", "good", "positive", "positives", "pos", "true", "right", "best")
BAD_NAMES = (
    "incorrect",
    "bad",
    "negative",
    "negatives",
    "neg",
    "false",
    "wrong",
    "worst",
    "distractor",
    "distractors",
    "decoy",
    "decoys",
)
"""Words in field names that say whether the answers are good or bad."""
CHOSEN_NAMES = ("chosen", "preferred", "accepted", "winners")
REJECTED_NAMES = ("rejected", "dispreferred", "unpreferred", "not_chosen", "losers")
"""Words in the names of lists of answers that were or were not chosen."""
MIN_REPEATED = 0.9
"""Least share of the rows in which a text is one of a list, so that it is no answer of its own."""


def _differ_in_length(lists: list[Column]) -> bool:
    """Whether two columns of lists differ in length too often to belong together item by item."""
    one, other = lists
    couples = [(len(a), len(b)) for a, b in zip(one.values, other.values, strict=False)]
    return sum(a != b for a, b in couples) > 0.2 * len(couples)


def _is_repeated(column: Column, side: Sequence[Column]) -> bool:
    """Whether a text is one of the texts of a list of the same side, as the best of several correct answers."""
    for listed in side if column.kind == "text" else []:
        items = dict(zip(listed.rows, listed.values, strict=True)) if listed.kind == "texts" else {}
        inside = [value in items.get(row, ()) for row, value in zip(column.rows, column.values, strict=True)]
        if sum(inside) > MIN_REPEATED * len(inside):
            return True
    return False


class Groups(AnswersInOneRow):
    """A prompt with m good and n bad answers: each good answer is better than each bad one. Answers that are in no pair
    become one-sided preferences.
    """

    good: Paths
    """Paths of good answers; each holds a text, a list of texts, or one text with a separator. Or parts, as in {field:
    text, pattern: REGEX}."""
    bad: Paths
    """Paths of bad answers, in the same forms."""
    separator: str | None = None
    """The text that separates the answers in one field, such as '; '."""

    example: ClassVar[dict[str, Any]] = {
        "settings": {"prompt": "question", "good": "correct", "bad": "incorrect"},
        "rows": [{"question": "Is the sun a star?", "correct": ["Yes.", "It is."], "incorrect": ["No, a planet."]}],
    }

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """Recognises good and bad answers by their names, or two lists of answers."""
        texts = columns.of_kind("texts", "text")
        bad = [c for c in texts if c.has_name(*BAD_NAMES)]
        good = [c for c in texts if c.has_name(*GOOD_NAMES) and c not in bad]
        lists = columns.of_kind("texts")
        if not (good and bad):
            # One text of each is a pair; in lists, the words of a pair name groups.
            bad = [c for c in lists if c.has_name(*REJECTED_NAMES) and columns.role(c) == "list"]
            good = [c for c in lists if c.has_name(*CHOSEN_NAMES) and columns.role(c) == "list" and c not in bad]
        good, bad = ([c for c in side if not _is_repeated(c, side)] for side in (good, bad))
        named = bool(good and bad)
        if not named and (len(lists) != 2 or are_by_authors(lists)):
            return None
        prompt, _ = find_prompt(columns, [*good, *bad])
        if not prompt or not (named or _differ_in_length(lists)):
            return None
        if not named:
            doubt = f"which of '{lists[0].path}' and '{lists[1].path}' are the good answers"
            why = [f"'{lists[0].path}' and '{lists[1].path}' are two lists of answers of different lengths"]
            return Guess({"prompt": path_setting(prompt), "good": PLACEHOLDER, "bad": PLACEHOLDER}, 0.7, why, [doubt])
        mapping = {
            "prompt": path_setting(prompt),
            "good": path_setting([c.path for c in good]),
            "bad": path_setting([c.path for c in bad]),
        }
        joined = [
            c for c in (*good, *bad) if c.kind == "text" and sum("; " in v for v in c.values) > 0.3 * len(c.values)
        ]
        why = [
            f"{quote_names(c.path for c in good)} are good answers and {quote_names(c.path for c in bad)} bad ones, "
            "according to their names"
        ]
        several = any(c.kind == "texts" for c in (*good, *bad)) or bool(joined) or len(bad) > 1
        doubts = ["answers in one text are assumed to be separated by '; '"] if joined else []
        separator = {"separator": "; "} if joined else {}
        return Guess({**mapping, **separator}, 0.9 if several else 0.6, why, doubts)

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """Yields one feedback with all answers, each marked approved or not."""
        good, bad = self._answers(row, self.good), self._answers(row, self.bad)
        if not good and not bad:
            raise Reject(Reason.EMPTY_RESPONSE, "the row has neither a good nor a bad answer", str(self.good))
        responses = [
            Response(messages=assistant_turn(content), approved=approved, n_judgements=0)
            for contents, approved in ((good, True), (bad, False))
            for content in dict.fromkeys(content for _, content in contents)
        ]
        prompts = [prompt for prompt, _ in [*good, *bad]]
        yield Feedback(prompt=self.read_shared_prompt(row, prompts, str(self.good)), responses=responses)

    def _answers(self, row: Row, places: Paths) -> list[tuple[str | None, str]]:
        """Returns the answers at some places, each with the prompt that `cut` takes from it."""
        answers: list[tuple[str | None, str]] = []
        for place in places if isinstance(places, list) else [places]:
            path = first_field(place)
            value = place.text if isinstance(place, Part) and place.field is None else get_path(row, path)
            if isinstance(value, str) and self.separator is not None:
                value = [part for part in value.split(self.separator) if part.strip()]
            if is_missing(value):
                continue
            for item in value if isinstance(value, list) else [value]:
                content = read_answer(item, path)
                if isinstance(place, Part):
                    content = read_answer(extract_part(content, place), path)
                answers.append(self.cut_answer(content, path))
        return answers
