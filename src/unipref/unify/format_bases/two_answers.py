"""The settings of formats whose row holds two answers to one prompt, and how the two are read."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, model_validator

from unipref.core.records import Axis, Comparison, Messages, Reason, Reject, Response, Row
from unipref.unify.format_bases.dialogue import Dialogues
from unipref.unify.mapping.fields import Path, Paths, Scale, answer_text, code_of, get_path, quoting_hint, string_keys
from unipref.unify.mapping.turns import check_prompt, common_prefix, conversation, last_user_turn

Side = Literal["first", "second", "tie"]


Codes = Annotated[dict[str, Side], BeforeValidator(string_keys)]
"""What a label says -> first, second or tie; never guessed, for sets differ: 0 is a tie here and the first there."""


class SideScores(Scale):
    """Where both answers' scores on one axis are."""

    first: Path
    """Path of the first (or chosen) answer's score."""
    second: Path
    """Path of the second (or rejected) answer's score."""


class TwoAnswers(Dialogues):
    """Two answers to one prompt.

    Each side is a text, a list of turns, a single turn, or a whole transcript with speaker marks. Where the sides
    repeat the dialogue, their common beginning up to a user turn is the prompt and each side keeps what follows.
    """

    prompt: Paths | None = None
    """The prompt; not needed where each side holds the whole dialogue."""
    questions: Path | None = None
    """Instead of `prompt`: path of the list of the user's turns, where each side is the list of answers to them."""
    evidence: dict[str, SideScores] = {}
    """Axis name -> both answers' scores. They do not decide; they are kept, and the label is checked against them."""

    @model_validator(mode="after")
    def _one_way_to_the_prompt(self) -> "TwoAnswers":
        if self.prompt is not None and self.questions is not None:
            raise ValueError("give either 'prompt' or 'questions'")
        return self

    def axes(self) -> dict[str, Axis]:
        """The axes of the evidence."""
        return {name: evidence.axis() for name, evidence in self.evidence.items()}

    def responses(self, row: Row, endings: list[Messages]) -> list[Response]:
        """Both answers with their evidence."""
        scores: list[dict[str, float]] = [{}, {}]
        for name, axis in self.evidence.items():
            for place, path in enumerate((axis.first, axis.second)):
                if (score := axis.read(get_path(row, path), path)) is not None:
                    scores[place][name] = score
        return [Response(messages=ending, scores=own) for ending, own in zip(endings, scores, strict=True)]

    def two(self, row: Row, paths: tuple[str, str]) -> tuple[Messages, list[Messages]]:
        """The prompt and both answers.

        Args:
            row: the raw row.
            paths: where the two sides are.

        Raises:
            Reject: an empty answer, a side that does not end with one, sides with no common prompt.
        """
        sides = [self._side(row, path) for path in paths]
        if self.prompt is not None and not all(self._repeats_prompt(side) for side in sides):
            prompt = self.ask(row, self.prompt)
            endings = [self._after(prompt, side, path) for side, path in zip(sides, paths, strict=True)]
        else:
            prompt, endings = self._divide(sides, paths)
            prompt = [*self.lead(row), *prompt]
        for ending, path in zip(endings, paths, strict=True):
            if not ending or ending[-1]["role"] != "assistant":
                raise Reject(Reason.NO_ANSWER, "does not end with an answer of the assistant", path)
            answer_text(ending[-1]["content"], path)
        return prompt, endings

    def _side(self, row: Row, path: str) -> Messages:
        value = get_path(row, path)
        if self.questions is None:
            return self.turns([value] if isinstance(value, dict) else value, path)
        asked = get_path(row, self.questions)
        if not (isinstance(asked, list) and isinstance(value, list) and len(asked) == len(value)):
            raise Reject(Reason.WRONG_TYPE, f"expected a list with one answer to each of '{self.questions}'", path)
        return conversation([turn for couple in zip(asked, value, strict=True) for turn in couple], path, self.roles)

    @staticmethod
    def _repeats_prompt(side: Messages) -> bool:
        """Whether a side starts where the dialogue does; else it goes on after the prompt."""
        return len(side) > 1 and side[0]["role"] != "assistant"

    def _after(self, prompt: Messages, side: Messages, path: str) -> Messages:
        """What a side says after the prompt."""
        if not self._repeats_prompt(side):
            return side
        asked = [m for m in prompt if m["role"] != "system"]
        turns = [m for m in side if m["role"] != "system"]
        if turns[: len(asked)] != asked or len(turns) == len(asked):
            raise Reject(Reason.PROMPTS_DIFFER, "repeats a dialogue that does not begin with the prompt", path)
        return turns[len(asked) :]

    @staticmethod
    def _divide(sides: list[Messages], paths: tuple[str, str]) -> tuple[Messages, list[Messages]]:
        first, second = sides
        if not all(len(side) > 1 and any(m["role"] == "user" for m in side) for side in sides):
            detail = "each side holds only an answer; say where the prompt is with 'prompt:'"
            raise Reject(Reason.EMPTY_PROMPT, detail, paths[0])
        shared = min(common_prefix(first, second), len(first) - 1, len(second) - 1)
        cut = last_user_turn(first[:shared])
        if cut == 0:
            raise Reject(Reason.PROMPTS_DIFFER, "the two sides do not begin with the same user turn", paths[1])
        check_prompt(first[:cut], paths[0])
        return first[:cut], [first[cut:], second[cut:]]


def judged(side: Side, annotator: str | None = None) -> Comparison:
    """One judgement between the first and the second answer."""
    better = 1 if side == "second" else 0
    return Comparison(better=better, worse=1 - better, tie=side == "tie", annotator=annotator)


def side_of(value: Any, codes: dict[str, Side], field: str) -> Side:
    """What a label says.

    Raises:
        Reject: `bad_label` for one that is not among the codes.
    """
    code = code_of(value)
    if code not in codes:
        known = ", ".join(f"{key!r}: {side}" for key, side in codes.items())
        raise Reject(
            Reason.BAD_LABEL, f"found {code[:40]!r}, which is not in codes ({known}){quoting_hint(value, codes)}", field
        )
    return codes[code]
