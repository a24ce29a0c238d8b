"""Two answers, one of them preferred: message lists, texts, or one transcript per side as in HH-RLHF."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from pydantic import model_validator

from unipref.core.records import Comparison, Feedback, Reject, Row
from unipref.unify.detection.guess import PLACEHOLDER, Column, Columns, Guess, ends_with_user, find_prompt, path_setting
from unipref.unify.detection.judgements import ask_for_sides, combine_confidence, doubt_ticks, find_judgement
from unipref.unify.detection.names import NEGATIONS
from unipref.unify.detection.twins import SIDE_MARKS, find_twin_columns
from unipref.unify.detection.two_answers import find_two_answers
from unipref.unify.format_bases.two_answers import LabelledAnswers, make_comparison, read_label
from unipref.unify.mapping.fields import Path, Place
from unipref.unify.mapping.paths import get_path

BETTER_NAMES = (
    *("chosen", "preferred", "better", "winner", "accepted", "pos_response", "win", "winning", "best", "good_response"),
    "good_answer",
)
OTHER_NAMES = {"other", "alternative", "alternate", "remaining", "second"}
"""Words in the name of the one of two answers whose quality it does not say."""
MIN_SHARE = 0.5
"""Least share of the rows that have a worse answer beside a dialogue."""
MIN_DECIDED = 5
"""Least number of pairs with different scores that can show the direction of a score."""
MIN_AGREEMENT = 0.9
"""Least share of them in which the preferred answer has the better score."""
WORSE_NAMES = (
    *("rejected", "dispreferred", "worse", "loser", "neg_response", "lose", "lost", "losing", "worst", "unpreferred"),
    *("nonpreferred", "bad_response", "bad_answer", "declined", "unchosen"),
)
"""Words in field names that say which answer was preferred."""


def _recognise_by_name(columns: Columns) -> Guess | None:
    """Recognises two answers whose names say which one was preferred."""
    for kind in ("transcript", "turns", "turn", "text"):
        sides = [c for c in columns.of_kind(kind) if not c.is_identifier]
        better, worse = _find_better_and_worse(sides)
        if better is None or worse is None:
            continue
        mapping: dict[str, Any] = {"chosen": better.path, "rejected": worse.path}
        if _are_endings(better):
            if not (prompt := _find_shared_prompt(columns, [better, worse])):
                continue
            mapping["prompt"] = path_setting(prompt)
        why = [
            f"'{better.path}' and '{worse.path}' hold two answers to one prompt ({kind}), "
            "and their names say which was preferred"
        ]
        if evidence := _find_evidence(columns):
            mapping["evidence"] = evidence
            why.append(f"the scores of the preferred answers are the better ones: {', '.join(evidence)}")
        return Guess(mapping, 0.95, why)
    if (beside := _recognise_beside_dialogue(columns)) is not None:
        return beside
    turns, dialogues = columns.of_kind("turn"), columns.of_kind("turns")
    if len(turns) == 2 and (prompt := [c.path for c in dialogues[:1]] or find_prompt(columns, turns)[0]):
        one, other = turns
        doubt = f"which of '{one.path}' and '{other.path}' was preferred"
        mapping = {"chosen": PLACEHOLDER, "rejected": PLACEHOLDER, "prompt": path_setting(prompt)}
        return Guess(
            mapping, 0.7, [f"'{one.path}' and '{other.path}' are two turns that follow '{prompt[0]}'"], [doubt]
        )
    return None


def _recognise_beside_dialogue(columns: Columns) -> Guess | None:
    """Recognises a dialogue that ends with an answer, and another answer in a field that says that it is worse."""
    dialogues = [c for c in columns.of_kind("turns") if columns.role(c) == "dialogue" and not _are_endings(c)]
    texts = [c for c in columns.of_kind("text", "turn") if not c.is_identifier and c.share > MIN_SHARE]
    better, worse = _find_better_and_worse(texts)
    if len(dialogues) != 1 or ends_with_user(dialogues[0]) or better is not None or worse is None:
        return None
    if {*worse.words} & NEGATIONS or columns.role(worse) in ("metadata", "critique", "judgement"):
        return None
    why = f"'{worse.path}' is worse than the answer at the end of '{dialogues[0].path}', by its name"
    return Guess({"chosen": dialogues[0].path, "rejected": worse.path}, 0.9, [why])


def _find_evidence(columns: Columns) -> dict[str, Any]:
    """Finds a score for each side whose direction the rows show: the preferred answer's is nearly always the better."""
    evidence: dict[str, Any] = {}
    numbers = [c for c in columns.of_kind("number", "code") if c.numbers and columns.role(c) != "metadata"]
    for one, other, _ in find_twin_columns(numbers, columns, [SIDE_MARKS]):
        scores = dict(zip(other.rows, other.numbers, strict=True))
        leads = [n - scores[row] for row, n in zip(one.rows, one.numbers, strict=True) if row in scores]
        decided = [lead for lead in leads if lead]
        share = sum(lead > 0 for lead in decided) / max(len(decided), 1)
        if len(decided) >= MIN_DECIDED and not 1 - MIN_AGREEMENT < share < MIN_AGREEMENT:
            name = "_".join(word for word in one.words if word not in SIDE_MARKS) or "score"
            evidence[name] = {"first": one.path, "second": other.path, "better": "high" if share > 0.5 else "low"}
    return evidence


def _find_better_and_worse(sides: list[Column]) -> tuple[Column | None, Column | None]:
    """Returns the columns whose names say that they hold the better and the worse answer; None where no name does."""
    worse = next((c for word in WORSE_NAMES for c in sides if c.has_name(word)), None)
    negated = (c for word in BETTER_NAMES for c in sides if c.has_name(word) and {*c.words} & NEGATIONS)
    worse = worse or next(negated, None)
    others = [c for c in sides if c is not worse and not {*c.words} & NEGATIONS]
    better = next((c for word in BETTER_NAMES for c in others if c.has_name(word)), None)
    if better is not None and worse is None:
        worse = next((c for c in sides if c is not better and _is_other_than(c, better, BETTER_NAMES)), None)
    elif worse is not None and better is None:
        better = next((c for c in others if _is_other_than(c, worse, WORSE_NAMES)), None)
    return better, worse


def _is_other_than(column: Column, side: Column, names: Sequence[str]) -> bool:
    """Whether a name says `other` where that of a side says which it is: `other_answer` beside `chosen_answer`."""
    rest = {*side.words} - {*names}
    return bool({*column.words} & OTHER_NAMES) and {*column.words} - OTHER_NAMES == rest


def _are_endings(side: Column) -> bool:
    """Whether a side is an answer alone, without the dialogue before it."""
    return side.kind in ("turn", "text") or (side.kind == "turns" and all(len(turns) == 1 for turns in side.values))


def _find_shared_prompt(columns: Columns, sides: list[Column]) -> list[str]:
    """Returns the paths of the prompt that two endings share: texts or a dialogue."""
    prompt, named = find_prompt(columns, sides)
    dialogue = [c.path for c in columns.of_kind("turns", "transcript") if c not in sides][:1]
    return prompt if named else dialogue or prompt


class Pairs(LabelledAnswers):
    """A chosen and a rejected answer to one prompt; or two answers and a label that says which one is better.

    Each side is a text, a list of turns, a single turn, or a whole transcript with speaker marks. If the sides repeat
    the dialogue, their common beginning up to a user turn is the prompt, and each side keeps the rest.
    """

    chosen: Place = "chosen"
    """Path of the preferred answer or dialogue; or a part, as in {field: text, pattern: REGEX}."""
    rejected: Place = "rejected"
    """Path of the other answer or dialogue; or a part."""
    first: Place | None = None
    """Path of the first answer, if a label says which one is better; or a part."""
    second: Place | None = None
    """Path of the second answer."""
    label: Path | None = None
    """Path of the label."""

    needs: ClassVar[tuple[str, ...]] = ("a prompt", "an answer", "a second answer")
    example: ClassVar[dict[str, Any]] = {
        "settings": {},
        "rows": [
            {
                "chosen": "\n\nHuman: Is tea better than coffee?\n\nAssistant: It depends on your taste.",
                "rejected": "\n\nHuman: Is tea better than coffee?\n\nAssistant: Coffee is for fools.",
            },
        ],
    }

    @model_validator(mode="after")
    def _label_is_spelled_out(self) -> "Pairs":
        settings_present = [self.first is not None, self.second is not None, self.label is not None]
        if any(settings_present) and not (all(settings_present) and (self.codes or self.names)):
            raise ValueError(
                "a label needs 'first', 'second', 'label' and 'codes' (or 'names'), as in codes: {1: first, 2: second}"
            )
        if any(settings_present) and self.model_fields_set & {"chosen", "rejected"}:
            raise ValueError("give either 'chosen' and 'rejected', or 'first', 'second', 'label' and 'codes'")
        return self

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """Recognises chosen and rejected by name, two answers with a label, or two dialogues that begin alike."""
        if (named := _recognise_by_name(columns)) is not None:
            return named
        if (sides := find_two_answers(columns)) is None:
            return None
        judgement = find_judgement(columns, sides)
        if judgement is not None and judgement.kind == "label":
            return Guess(
                {**ask_for_sides(sides, judgement), **judgement.map},
                combine_confidence(sides, judgement),
                [sides.why, judgement.why],
                [*sides.doubts, *judgement.doubts],
            )
        if judgement is not None:
            return None
        doubt = f"which of '{sides.first}' and '{sides.second}' was preferred"
        if sides.prompt:
            mapping = {**sides.map, "label": PLACEHOLDER, "codes": PLACEHOLDER}
            doubts = [*sides.doubts, doubt, *doubt_ticks(columns, sides)]
            return Guess(mapping, 0.55 if sides.marks else 0.3, [sides.why], doubts)
        return Guess({"chosen": PLACEHOLDER, "rejected": PLACEHOLDER}, 0.7, [sides.why], [doubt])

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """Yields one feedback with two answers and one comparison."""
        if self.first is None or self.second is None or self.label is None:
            places: tuple[Place, Place] = (self.chosen, self.rejected)
            comparison = Comparison(better=0, worse=1)
        else:
            places = (self.first, self.second)
            label = read_label(get_path(row, self.label), self.codes, self.label, self.read_names(row))
            comparison = make_comparison(label)
        prompt, endings = self.read_sides(row, places)
        responses = self.make_responses(row, endings)
        yield Feedback(prompt=prompt, responses=responses, comparisons=[comparison])
