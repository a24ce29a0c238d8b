"""The base class of formats whose row holds two answers to one prompt."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, model_validator

from unipref.core.records import Axis, Comparison, Messages, Reason, Reject, Response, Row
from unipref.unify.format_bases.dialogue import Dialogues
from unipref.unify.mapping.fields import (
    Path,
    Paths,
    Scale,
    get_path,
    label_hint,
    string_keys,
    to_code,
)
from unipref.unify.mapping.turns import (
    check_answer,
    check_prompt,
    count_shared_turns,
    find_shared_prompt_end,
    parse_turns,
)

Side = Literal["first", "second", "tie"]
Codes = Annotated[dict[str, Side], BeforeValidator(string_keys)]
"""Value of a label -> first, second or tie. unipref never guesses it, because data sets differ: 0 can mean a tie or the
first answer."""


class SideScores(Scale):
    """Where the scores of both answers on one axis are."""

    first: Path
    """Path of the first (or chosen) answer's score."""
    second: Path
    """Path of the second (or rejected) answer's score."""


class TwoAnswers(Dialogues):
    """Two answers to one prompt.

    Each side is a text, a list of turns, a single turn, or a whole transcript with speaker marks. If the sides repeat
    the dialogue, their common beginning up to a user turn is the prompt, and each side keeps the rest.
    """

    prompt: Paths | None = None
    """Where the prompt is; not needed if each side holds the whole dialogue."""
    questions: Path | None = None
    """Replaces `prompt`: path of the list of the user's turns, if each side is the list of answers to them."""
    evidence: dict[str, SideScores] = {}
    """Axis name -> both answers' scores. They do not decide. They are kept, and the label is checked against them."""

    @model_validator(mode="after")
    def _has_one_prompt(self) -> "TwoAnswers":
        if self.prompt is not None and self.questions is not None:
            raise ValueError("give either 'prompt' or 'questions'")
        return self

    def axes(self) -> dict[str, Axis]:
        """Returns the axes of the evidence."""
        return {name: evidence.axis() for name, evidence in self.evidence.items()}

    def make_responses(self, row: Row, endings: list[Messages]) -> list[Response]:
        """Returns both answers with the scores of their evidence."""
        scores: list[dict[str, float]] = [{}, {}]
        for name, axis in self.evidence.items():
            for place, path in enumerate((axis.first, axis.second)):
                if (score := axis.read(get_path(row, path), path)) is not None:
                    scores[place][name] = score
        return [
            Response(messages=ending, scores=side_scores) for ending, side_scores in zip(endings, scores, strict=True)
        ]

    def read_sides(self, row: Row, paths: tuple[str, str]) -> tuple[Messages, list[Messages]]:
        """Reads the prompt and both answers.

        Args:
            row: the raw row.
            paths: paths of the two sides.

        Raises:
            Reject: an answer is empty, a side does not end with an answer, or the sides have different prompts.
        """
        sides = [self._read_side(row, path) for path in paths]
        if self.prompt is not None and not all(self._repeats_prompt(side) for side in sides):
            prompt = self.read_prompt(row, self.prompt)
            endings = [self._drop_prompt(prompt, side, path) for side, path in zip(sides, paths, strict=True)]
        else:
            prompt, endings = self._split_sides(sides, paths)
            prompt = [*self.leading_turns(row), *prompt]
        for ending, path in zip(endings, paths, strict=True):
            if not ending or ending[-1]["role"] != "assistant":
                raise Reject(Reason.NO_ANSWER, "the dialogue does not end with the assistant's answer", path)
            check_answer(ending, path)
        return prompt, endings

    def _read_side(self, row: Row, path: str) -> Messages:
        value = get_path(row, path)
        if self.questions is None:
            return self.parse_dialogue(value, path)
        questions = get_path(row, self.questions)
        if not (isinstance(questions, list) and isinstance(value, list) and len(questions) == len(value)):
            raise Reject(Reason.WRONG_TYPE, f"expected a list with one answer per item of '{self.questions}'", path)
        return parse_turns([turn for couple in zip(questions, value, strict=True) for turn in couple], path, self.roles)

    @staticmethod
    def _repeats_prompt(side: Messages) -> bool:
        """Whether a side starts at the beginning of the dialogue rather than after the prompt."""
        return len(side) > 1 and side[0]["role"] != "assistant"

    def _drop_prompt(self, prompt: Messages, side: Messages, path: str) -> Messages:
        """Returns the turns of a side after the prompt."""
        if not self._repeats_prompt(side):
            return side
        prompt_turns = [m for m in prompt if m["role"] != "system"]
        turns = [m for m in side if m["role"] != "system"]
        if turns[: len(prompt_turns)] != prompt_turns or len(turns) == len(prompt_turns):
            raise Reject(Reason.PROMPTS_DIFFER, "the side repeats a dialogue that does not begin with the prompt", path)
        return turns[len(prompt_turns) :]

    @staticmethod
    def _split_sides(sides: list[Messages], paths: tuple[str, str]) -> tuple[Messages, list[Messages]]:
        first, second = sides
        if not all(len(side) > 1 and any(m["role"] == "user" for m in side) for side in sides):
            detail = "each side holds only an answer; set 'prompt:' to the path of the prompt"
            raise Reject(Reason.EMPTY_PROMPT, detail, paths[0])
        shared = min(count_shared_turns(first, second), len(first) - 1, len(second) - 1)
        cut = find_shared_prompt_end(first[:shared])
        if cut == 0:
            raise Reject(Reason.PROMPTS_DIFFER, "the two sides do not begin with the same user turn", paths[1])
        check_prompt(first[:cut], paths[0])
        return first[:cut], [first[cut:], second[cut:]]


def make_comparison(side: Side, annotator: str | None = None) -> Comparison:
    """Makes the comparison of the first and the second answer."""
    better = 1 if side == "second" else 0
    return Comparison(better=better, worse=1 - better, tie=side == "tie", annotator=annotator)


def read_label(value: Any, codes: dict[str, Side], field: str) -> Side:
    """Reads a label as first, second or tie.

    Raises:
        Reject: `bad_label` if the label is not in `codes`.
    """
    code = to_code(value)
    if code not in codes:
        pairs = ", ".join(f"{key!r}: {side}" for key, side in codes.items())
        raise Reject(
            Reason.BAD_LABEL, f"found {code[:40]!r}, which is not in codes ({pairs}){label_hint(value, codes)}", field
        )
    return codes[code]
