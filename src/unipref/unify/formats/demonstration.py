"""A good answer to imitate, with no other answer to compare it to."""

from collections.abc import Iterator
from typing import Any, ClassVar

from unipref.core.contracts import FeedbackKind
from unipref.core.records import Feedback, Reject, Response, Row
from unipref.unify.detection.guess import PLACEHOLDER, Columns, Guess, find_prompt, quote_names
from unipref.unify.detection.one_answer import find_one_answer
from unipref.unify.format_bases.dialogue import OneAnswer

NOT_JUDGED = "no field that is read judges the answer"


def _recognise_instances(columns: Columns) -> Guess | None:
    """Recognises an instruction with a list of instances, each an input and an output; most lists hold one."""
    lists = columns.of_kind("items")
    prompt, _ = find_prompt(columns, []) if lists else ([], False)
    for column in lists if prompt else []:
        inner = columns.inner(column)
        texts = [c for c in inner.of_kind("text", "code") if inner.role(c) not in ("metadata", "judgement")]
        is_one = sum(len(value) == 1 for value in column.values) > 0.5 * len(column.values)
        if not is_one or len(texts) != len(inner.all) or not 1 <= len(texts) <= 3:
            continue
        answer = next((c for word in ("output", "answer", "response") for c in texts if c.has_name(word)), None)
        others = [f"{column.path}.0.{c.path}" for c in texts if c is not answer]
        response = PLACEHOLDER if answer is None else f"{column.path}.0.{answer.path}"
        prompt_paths = [*prompt, *(others if answer is not None else [PLACEHOLDER])]
        why = [f"'{column.path}' mostly holds one pair of texts for each of {quote_names(prompt)}", NOT_JUDGED]
        doubts = [f"only the first item of '{column.path}' is used"]
        doubts += [] if answer else [f"which of {quote_names(others)} is the answer"]
        return Guess({"prompt": prompt_paths, "response": response}, 0.6, why, doubts)
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
        """Recognises a prompt and an answer, or a dialogue; fields that may judge it become doubts later."""
        if columns.of_kind("messages_tree"):
            return None
        if not columns.of_kind("turns", "turn") and (nested := _recognise_instances(columns)) is not None:
            return nested
        if (answer := find_one_answer(columns)) is None:
            return None
        if answer.has_rivals(columns):
            return None
        confidence = min(0.6, answer.confidence) if "messages" in answer.map else 0.3 + 0.4 * answer.confidence
        if [c for c in columns.of_role("judgement", "score", "unknown") if c.n_distinct > 1]:
            confidence *= 0.5
        return Guess(answer.map, confidence, [answer.why, NOT_JUDGED], answer.doubts)

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """Yields one feedback with one approved answer."""
        prompt, answer = self.read_dialogue(row)
        response = Response(messages=answer, approved=True, n_judgements=0)
        yield Feedback(prompt=prompt, responses=[response])
