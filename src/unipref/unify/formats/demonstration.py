"""An answer to imitate, with nothing to compare it to."""

from collections.abc import Iterator
from typing import Any, ClassVar

from unipref.core.contracts import Gives
from unipref.core.records import Feedback, Reject, Response, Row
from unipref.unify.detection.guess import Columns, Guess, asked_in, paths, prompt_and_answer, quoted, scores_in
from unipref.unify.format_bases.dialogue import OneAnswer


def _nested(columns: Columns) -> Guess | None:
    """An instruction with instances of it, each an input and an output."""
    for column in columns.of("items"):
        inner = column.inner()
        prompt, _ = asked_in(columns, [])
        texts = inner.of("text", "code")
        if not prompt or len(texts) != len(inner.all) or not 1 <= len(texts) <= 3:
            continue
        answer = next((c for word in ("output", "answer", "response") for c in texts if c.called(word)), texts[-1])
        asked = [*prompt, *(f"{column.path}.0.{c.path}" for c in texts if c is not answer)]
        why = [f"{quoted(asked)} ask and '{answer.path}' in '{column.path}' answers", "nothing judges the answer"]
        doubts = [f"only the first of the '{column.path}' is used"]
        return Guess({"prompt": asked, "response": f"{column.path}.0.{answer.path}"}, 0.6, why, doubts)
    return None


class Demonstration(OneAnswer):
    """A prompt and a good answer, or a dialogue that ends with one. It gives a one-sided preference, used by SFT."""

    gives: ClassVar[Gives] = "demonstrations"
    needs: ClassVar[tuple[str, ...]] = ("a prompt", "an answer")
    example: ClassVar[dict[str, Any]] = {
        "settings": {"prompt": ["instruction", "input"], "response": "output"},
        "rows": [{"instruction": "Translate to French.", "input": "Good day", "output": "Bonjour"}],
    }

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """A prompt and an answer, or a dialogue, and nothing that judges the answer."""
        judged = scores_in(columns) or [c for c in columns.of("flag") if c.distinct > 1]
        least = 0.5 if judged else 1.0
        texts = [c for c in columns.of("texts") if sum(len(v) > 1 for v in c.values) > 0.8 * len(c.values)]
        dialogues = [*columns.of("turns"), *(texts if not columns.prose else [])]
        if dialogues:
            others = [*dialogues[1:], *columns.of("turn", "items")]
            why = [f"'{dialogues[0].path}' is one dialogue", "nothing judges it"]
            return None if others else Guess({"messages": dialogues[0].path}, 0.6 * least, why)
        if (nested := _nested(columns)) is not None:
            return nested
        if (found := prompt_and_answer(columns)) is None:
            return None
        prompt, response, sure = found
        why = [f"{quoted(prompt)} asks and '{response}' answers", "nothing judges the answer"]
        doubts = [] if sure > 0.5 else [f"that {quoted(prompt)} asks and '{response}' answers is told by their order"]
        return Guess({"prompt": paths(prompt), "response": response}, (0.3 + 0.4 * sure) * least, why, doubts)

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """One feedback with one approved answer."""
        prompt, answer = self.dialogue(row)
        response = Response(messages=answer, approved=True)
        yield Feedback(prompt=prompt, responses=[response])
