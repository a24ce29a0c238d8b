"""Two answers, one of them preferred: message lists, texts, or one transcript per side as in HH-RLHF."""

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import model_validator

from unipref.core.records import Comparison, Feedback, Reject, Row
from unipref.unify.detection.guess import PLACEHOLDER, Column, Columns, Guess, find_prompt, path_setting
from unipref.unify.detection.two_answers import combine_confidence, find_judgement, find_two_answers
from unipref.unify.format_bases.two_answers import LabelledAnswers, make_comparison, read_label
from unipref.unify.mapping.fields import Path, Place, get_path

BETTER_NAMES = ("chosen", "preferred", "better", "winner", "accepted", "pos_response")
WORSE_NAMES = ("rejected", "dispreferred", "worse", "loser", "neg_response")
"""Words in field names that say which answer was preferred."""


def _recognise_by_name(columns: Columns) -> Guess | None:
    """Recognises two answers whose names say which one was preferred."""
    for kind in ("transcript", "turns", "turn", "text"):
        better, worse = columns.find_named([kind], *BETTER_NAMES), columns.find_named([kind], *WORSE_NAMES)
        if better is None or worse is None or better is worse:
            continue
        mapping: dict[str, Any] = {"chosen": better.path, "rejected": worse.path}
        if _are_endings(better):
            if not (prompt := _find_shared_prompt(columns, [better, worse])):
                continue
            mapping["prompt"] = path_setting(prompt)
        why = (
            f"'{better.path}' and '{worse.path}' hold two answers to one prompt ({kind}), "
            "and their names say which was preferred"
        )
        return Guess(mapping, 0.95, [why])
    turns, dialogues = columns.of_kind("turn"), columns.of_kind("turns")
    if len(turns) == 2 and (prompt := [c.path for c in dialogues[:1]] or find_prompt(columns, turns)[0]):
        one, other = turns
        doubt = f"which of '{one.path}' and '{other.path}' was preferred"
        mapping = {"chosen": PLACEHOLDER, "rejected": PLACEHOLDER, "prompt": path_setting(prompt)}
        return Guess(
            mapping, 0.7, [f"'{one.path}' and '{other.path}' are two turns that follow '{prompt[0]}'"], [doubt]
        )
    return None


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
                {**sides.map, **judgement.map},
                combine_confidence(sides, judgement),
                [sides.why, judgement.why],
                [*sides.doubts, *judgement.doubts],
            )
        if judgement is not None or sides.prompt:
            return None
        doubt = f"which of '{sides.first}' and '{sides.second}' was preferred"
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
        yield Feedback(prompt=prompt, responses=responses, comparisons=[comparison], judge=self.read_judge(row))
