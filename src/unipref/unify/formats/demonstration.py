"""A good answer to imitate, with no other answer to compare it to."""

from collections.abc import Iterator
from typing import Any, ClassVar

from unipref.core.contracts import FeedbackKind
from unipref.core.records import Feedback, Reject, Response, Row
from unipref.unify.detection.guess import (
    Columns,
    Guess,
    find_prompt,
    find_prompt_and_answer,
    find_scores,
    path_setting,
    quote_names,
)
from unipref.unify.format_bases.dialogue import OneAnswer


def _recognise_instances(columns: Columns) -> Guess | None:
    """Recognises an instruction with a list of instances, each an input and an output."""
    for column in columns.of_kind("items"):
        inner = column.inner_columns()
        prompt, _ = find_prompt(columns, [])
        texts = inner.of_kind("text", "code")
        if not prompt or len(texts) != len(inner.all) or not 1 <= len(texts) <= 3:
            continue
        answer = next((c for word in ("output", "answer", "response") for c in texts if c.has_name(word)), texts[-1])
        prompt_paths = [*prompt, *(f"{column.path}.0.{c.path}" for c in texts if c is not answer)]
        why = [
            f"{quote_names(prompt_paths)} hold the prompt and '{answer.path}' in '{column.path}' the answer",
            "no field judges the answer",
        ]
        doubts = [f"only the first item of '{column.path}' is used"]
        return Guess({"prompt": prompt_paths, "response": f"{column.path}.0.{answer.path}"}, 0.6, why, doubts)
    return None


class Demonstration(OneAnswer):
    """A prompt and a good answer, or a dialogue that ends with one. Each row gives a one-sided preference, which SFT
    uses.
    """

    feedback_kind: ClassVar[FeedbackKind] = "demonstrations"
    needs: ClassVar[tuple[str, ...]] = ("a prompt", "an answer")
    example: ClassVar[dict[str, Any]] = {
        "settings": {"prompt": ["instruction", "input"], "response": "output"},
        "rows": [{"instruction": "Translate to French.", "input": "Good day", "output": "Bonjour"}],
    }

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """Recognises a prompt and an answer, or a dialogue, where no field judges the answer."""
        judged = find_scores(columns) or [c for c in columns.of_kind("flag") if c.n_distinct > 1]
        factor = 0.5 if judged else 1.0
        texts = [c for c in columns.of_kind("texts") if sum(len(v) > 1 for v in c.values) > 0.8 * len(c.values)]
        dialogues = [*columns.of_kind("turns"), *(texts if not columns.prose else [])]
        if dialogues:
            others = [*dialogues[1:], *columns.of_kind("turn", "items")]
            why = [f"'{dialogues[0].path}' is one dialogue", "no field judges it"]
            return None if others else Guess({"messages": dialogues[0].path}, 0.6 * factor, why)
        if (nested := _recognise_instances(columns)) is not None:
            return nested
        if (dialogue := find_prompt_and_answer(columns)) is None:
            return None
        prompt, response, confidence = dialogue
        why = [f"{quote_names(prompt)} holds the prompt and '{response}' the answer", "no field judges the answer"]
        doubts = (
            []
            if confidence > 0.5
            else [f"that {quote_names(prompt)} is the prompt and '{response}' the answer follows only from their order"]
        )
        return Guess(
            {"prompt": path_setting(prompt), "response": response}, (0.3 + 0.4 * confidence) * factor, why, doubts
        )

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """Yields one feedback with one approved answer."""
        prompt, answer = self.read_dialogue(row)
        response = Response(messages=answer, approved=True)
        yield Feedback(prompt=prompt, responses=[response])
