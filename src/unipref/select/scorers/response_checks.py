"""Checks of the answers' texts that need no model: length, repetition, refusal, truncation."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np
from pydantic import Field

from unipref.core.candidates import Candidates, Dialogue
from unipref.core.contracts import Scorer
from unipref.core.messages import message_text
from unipref.core.records import Messages
from unipref.core.work_progress import show_batches

if TYPE_CHECKING:
    import numpy.typing as npt

_CANNOT = r"(can('t|not| not)|could(n't| not)|won't|will not|unable|not able|not allowed|not comfortable|must decline)"
_LACKS = r"(do(n't| not) (have|know|understand|feel comfortable)|did(n't| not) find)"
_TASKS = r"(help|assist|answer|provide|fulfil|comply|do that|create|generate|discuss|support|engage|write|give|offer)"
REFUSAL = re.compile(
    rf"^\W*((i('m| am) )?(very |so |really )?(sorry|afraid)\b|i apologi[sz]e\b|unfortunately\b"
    rf"|(as|i('m| am)) an? (ai|artificial intelligence|(large )?language model)\b)"
    rf".{{0,60}}?\b({_CANNOT}|{_LACKS})\b"
    rf"|^\W*i(('m| am) not (able|allowed|comfortable)|('m| am) unable|( must)? decline| {_CANNOT} {_TASKS})\b",
    re.IGNORECASE,
)
MID_SENTENCE = re.compile(r"([^\W\d_]|,)$")
CUT_FROM = 20
"""Fewest words of an answer that counts as truncated if it ends in mid-sentence: "Paris" is complete."""
LINE_FROM = 8
"""Fewest words in its last line: items of a list and rows of a table end without a full stop."""
GRAM = 3
Check = Literal["length_ratio", "repetition", "refusal", "truncation"]


class ResponseChecks(Scorer):
    """How well the answers pass simple checks of their texts: the mean over the checks, each in [0, 1].

    | check | value | looks at |
    |---|---|---|
    | `length_ratio` | 1 if one answer is at most `max_ratio` times as long as the other, in words, else `max_ratio` / ratio: what differs mostly in length teaches length | both answers |
    | `repetition` | distinct runs of three words / all such runs: a text that loops is near 0; 1 without such runs | the chosen answer |
    | `refusal` | 0 if it opens with a refusal ("I'm sorry, but I can't", "As an AI, I do not have"), else 1; English only | the chosen answer |
    | `truncation` | 0 if it ends in an open block of code, or has 20 words, 8 of them in its last line, and ends in a letter or a comma, else 1 | the chosen answer |

    Most answers pass, so most preferences tie near 1: the checks remove bad answers, but hardly rank the others. A
    preference without a chosen answer has no score. A demonstration has no `length_ratio`; its mean is over the others.
    """  # noqa: E501

    example: ClassVar[Mapping[str, Any]] = {"settings": {}}

    checks: tuple[Check, ...] = Field(default=get_args(Check), min_length=1)
    """Which checks to apply."""
    max_ratio: float = Field(default=3.0, ge=1)
    """How many times as long one answer may be as the other."""

    def score(self, candidates: Candidates) -> "npt.NDArray[np.float64]":
        """Computes the means of the checks from the stream of texts."""
        batches = show_batches(candidates.texts(), len(candidates), "checking answers")
        scores = [self.mean(dialogue) for batch in batches for dialogue in batch]
        return np.array(scores, dtype=np.float64)

    def mean(self, dialogue: Dialogue) -> float:
        """Computes the mean of the checks that apply to one preference; NaN if none does."""
        if not dialogue.chosen:
            return float("nan")
        chosen = _last_answer(dialogue.chosen)
        values: list[float] = []
        for check in self.checks:
            if check == "length_ratio":
                if dialogue.rejected:
                    values.append(length_ratio(chosen, _last_answer(dialogue.rejected), self.max_ratio))
            else:
                values.append({"repetition": repetition, "refusal": refusal, "truncation": truncation}[check](chosen))
        return sum(values) / len(values) if values else float("nan")


def length_ratio(chosen: str, rejected: str, max_ratio: float) -> float:
    """1 up to `max_ratio`, then `max_ratio` / ratio of the longer to the shorter, in words."""
    short, long = sorted((len(chosen.split()), len(rejected.split())))
    return min(1.0, max_ratio * max(short, 1) / max(long, 1))


def repetition(text: str) -> float:
    """Distinct runs of GRAM words / all such runs."""
    words = text.lower().split()
    runs: Sequence[tuple[str, ...]] = list(zip(*(words[i:] for i in range(GRAM)), strict=False))
    return len(set(runs)) / len(runs) if runs else 1.0


def refusal(text: str) -> float:
    """0 if the text opens with a refusal, else 1."""
    return 0.0 if REFUSAL.match(text.strip().replace("’", "'")) else 1.0


def truncation(text: str) -> float:
    """0 if a text of CUT_FROM words or more ends in mid-sentence, or any text in an open block of code; else 1."""
    if text.count("```") % 2:
        return 0.0
    lines = text.rstrip().splitlines() or [""]
    is_long = len(text.split()) >= CUT_FROM and len(lines[-1].split()) >= LINE_FROM
    return 0.0 if is_long and MID_SENTENCE.search(lines[-1]) else 1.0


def _last_answer(messages: Messages) -> str:
    """The last answer of a side."""
    return message_text(messages[-1])
