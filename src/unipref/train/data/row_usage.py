"""The account of a trainer's rows: how many preferences are used, why the others are not, facts of the used ones."""

import math
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from unipref.core.errors import UserError
from unipref.core.records import Reason, Row
from unipref.core.special_tokens import keeps_as_text
from unipref.models.answer_tokens import AnswerTokens
from unipref.train.data import images

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from transformers import PreTrainedTokenizerBase

ONE_SIDED = "one_sided"
"""Left out because the row lacks a side the trainer needs."""
SAME_TOKENS = "same_tokens"
"""Left out because both sides have the same tokens: the texts differ only in what the tokenizer ignores."""
SPECIAL_TOKENS = "special_tokens"
"""Left out because a text holds special tokens of the model's tokenizer, and the settings say so."""
NO_TOOLS = "tools_not_rendered"
"""Left out because the model's chat template does not render tools, tool calls or their results."""
RESULTS_NOT_MASKED = "tool_results_not_masked"
"""Left out because an answer holds results of tools, which the trainer or the chat template does not let be masked."""
NO_IMAGES = "images_not_read"
"""Left out because the step reads no images."""
NO_MARGIN = "no_margin"
"""Left out because the trainer needs a margin and the row has none."""
NO_RATINGS = "no_ratings"
"""Left out because the trainer needs scores of the answers and the row has none on its axes."""
NO_RULE = "no_rule"
"""Left out because no reward can score answers to the prompt."""
NUMBERS = ("confidence", "margin", "margin_percentile")
"""The numbers of a preference by which rows are weighted or losses shaped."""
RARE = 0.1
"""A step warns if a smaller part of its rows has a number that its settings use."""
MOST_TOKENS = 6
"""Most special tokens that a warning names."""


@dataclass
class RowFacts:
    """Numbers about each row that a trainer gets; its order is made from these.

    Attributes:
        lengths: tokens of the row's longest dialogue.
        sources, objectives: position in `names[...]`.
        numbers: name (of NUMBERS) -> as in the preference, NaN if it has none.
        names: 'source' and 'objective' -> the names so far, in order of appearance.
    """

    lengths: "array[int]" = field(default_factory=lambda: array("i"))
    sources: "array[int]" = field(default_factory=lambda: array("i"))
    objectives: "array[int]" = field(default_factory=lambda: array("i"))
    numbers: "dict[str, array[float]]" = field(default_factory=lambda: {name: array("f") for name in NUMBERS})
    names: dict[str, dict[str, int]] = field(default_factory=lambda: {"source": {}, "objective": {}})

    def add(self, row: Row, length: int) -> None:
        """Adds a trainer's row that comes from a preference."""
        for codes, kind in ((self.sources, "source"), (self.objectives, "objective")):
            names = self.names[kind]
            codes.append(names.setdefault(row[kind], len(names)))
        for name, numbers in self.numbers.items():
            numbers.append(math.nan if row[name] is None else row[name])
        self.lengths.append(length)

    def __len__(self) -> int:
        return len(self.lengths)

    def count_known(self, name: str) -> dict[str, int]:
        """Counts the rows that have a number of their own, and those that do not; `name`: one of NUMBERS."""
        missing = sum(map(math.isnan, self.numbers[name]))
        return {"known": len(self) - missing, "missing": missing}


def take_confidences(facts: RowFacts, setting: str) -> "npt.NDArray[np.float64]":
    """Returns the confidences of the rows that have one.

    Args:
        facts: of the rows.
        setting: the setting that needs them, for the error.

    Raises:
        UserError: no row has one.
    """
    import numpy as np

    confidences = np.asarray(facts.numbers["confidence"], dtype=np.float64)
    confidences = confidences[~np.isnan(confidences)]
    if not len(confidences):
        what = "no pair has a confidence: none is judged twice, or by somebody of whom more is known."
        mend = "Give a number, or take it out." if setting == "label_smoothing" else f"Take '{setting}' out."
        raise UserError(what, where=setting, mend=mend)
    return confidences


@dataclass
class RowUsage:
    """How many preferences there were, how many are used, why the others are not, and the facts of the used ones.

    Attributes:
        too_long: the lengths, in tokens, of the preferences that do not fit: of each its longest dialogue.
        masked: used preferences with later turns of the user, which are masked; cut: those cut before them, because
            the turns cannot be told apart.
        tool_results: used preferences whose answers hold results of tools, which are masked.
        reasoning: used preferences whose answers hold reasoning.
        images: used preferences with images; why_no_images: why the step reads none, in words.
        special: source -> special token of the tokenizer -> preferences that hold it in a text, those left out for it
            included.
        others: number of a trainer's row -> for each of its dialogues with later turns, where others speak
            (`describe_others`).
    """

    rows: int = 0
    used: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    too_long: "array[int]" = field(default_factory=lambda: array("i"))
    facts: RowFacts = field(default_factory=RowFacts)
    masked: int = 0
    cut: int = 0
    tool_results: int = 0
    reasoning: int = 0
    images: int = 0
    why_no_images: str = "the model reads none"
    special: dict[str, Counter[str]] = field(default_factory=dict)
    others: dict[int, list[list[int]]] = field(default_factory=dict)

    @property
    def lengths(self) -> "array[int]":
        """The used rows' lengths in tokens: of each its longest dialogue."""
        return self.facts.lengths

    def explain(self, limit: int) -> str:
        """Lists the reasons with their counts, in words."""
        words: dict[str, str] = {
            Reason.TOO_LONG: f"longer than {limit} tokens",
            Reason.SAME_RESPONSE: "with the same answer on both sides",
            Reason.BAD_ROLE: "with roles that the model's chat template or the trainer refuses",
            Reason.DUPLICATE: "with a repeated prompt",
            ONE_SIDED: "without the answers that the trainer needs",
            SAME_TOKENS: "with the same tokens on both sides",
            SPECIAL_TOKENS: "with special tokens in their texts",
            NO_TOOLS: "with tools or tool calls, which the model's chat template does not render",
            RESULTS_NOT_MASKED: "with results of tools inside an answer, which cannot be masked",
            NO_IMAGES: f"with images, which the step does not read ({self.why_no_images})",
            **{reason: f"left out because {why}" for reason, why in images.WORDS.items()},
            NO_MARGIN: "without a margin",
            NO_RATINGS: "without ratings on the axes",
            NO_RULE: "without a rule to check answers by",
        }
        parts = [f"{n} {words[reason]}" for reason, n in sorted(self.left_out.items())]
        return f"of {self.rows} preferences: {', '.join(parts)}" if parts else "there are no preferences"

    def describe_masked(self) -> list[str]:
        """Says how many preferences have masked turns, if any."""
        if not self.masked:
            return []
        return [
            f"{self.masked} of {self.rows} preferences go on after the first answer: every later user turn is masked, "
            "and only the assistant's turns are learned"
        ]

    def describe_parts(self, learns_reasoning: bool) -> list[str]:
        """Says what happens to reasoning and to the results of tools in answers, and what is left out for tools."""
        lines = []
        if self.reasoning:
            happens = (
                "it is part of the answer that the model learns"
                if learns_reasoning
                else "only the answers are learned, without it ('reasoning: train' keeps it)"
            )
            lines.append(f"{self.reasoning} of {self.rows} preferences hold reasoning: {happens}")
        if self.tool_results:
            lines.append(
                f"{self.tool_results} of {self.rows} preferences hold results of tools inside the answer: they are "
                "masked, and only the assistant's turns are learned"
            )
        if n := self.left_out[NO_TOOLS]:
            lines.append(
                f"{n} of {self.rows} preferences are left out: the model's chat template does not render their tools "
                "or tool calls, or not so that results of tools can be told from answers"
            )
        if n := self.left_out[RESULTS_NOT_MASKED]:
            lines.append(
                f"{n} of {self.rows} preferences are left out: their answers hold results of tools, which cannot be "
                "masked: the chat template changes texts, or the trainer takes no mask"
            )
        causes = {NO_IMAGES: f"they hold images, which the step does not read: {self.why_no_images}", **images.WORDS}
        lines += [
            f"{n} of {self.rows} preferences are left out: {why}"
            for reason, why in causes.items()
            if (n := self.left_out[reason])
        ]
        if self.images:
            lines.append(
                f"{self.images} of {self.rows} preferences hold images, which the step reads; training with images has "
                "been tried on tiny random models only"
            )
        return lines

    def describe_cut(self) -> list[str]:
        """Says how many preferences are cut, if any."""
        if not self.cut:
            return []
        return [
            f"{self.cut} of {self.rows} preferences are cut before their second user turn, because its tokens cannot "
            "be masked: the chat template changes texts, or the trainer takes no mask"
        ]


def describe_rare_numbers(numbers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Says of each number that rows lack how many lack it, and what they count as.

    Args:
        numbers: name in the step's figures -> with `known` and `missing`.
    """
    settings = {"weights": "weigh_by", "margins": "use_margin", "soft_labels": "soft_labels"}
    lines = []
    for name, counts in numbers.items():
        n, total = counts["known"], counts["known"] + counts["missing"]
        if n < RARE * total:
            lines.append(f"{settings[name]}: only {n:,} of {total:,} rows have the number that it uses")
        elif name == "soft_labels" and n < total:
            subject = "1 pair has" if total - n == 1 else f"{total - n:,} of {total:,} pairs have"
            lines.append(f"soft_labels: {subject} no confidence; they count as missing_confidence says")
    return lines


def describe_special_tokens(usage: RowUsage, tokenizer: "PreTrainedTokenizerBase", leaves_out: bool) -> list[str]:
    """Says of each source which special tokens its texts hold, and what happens to them."""
    happens = "these preferences are left out" if leaves_out else "they are read as text"
    if not leaves_out and not keeps_as_text(tokenizer):
        happens = (
            "the model reads them as its own, such as the end of a text, and learns to write them; to change this, "
            "set special_tokens to as_text or leave_out"
        )
    return [
        f"texts of source '{source}' hold special tokens of the tokenizer: "
        + ", ".join(f"{token} in {n} preference{'s' * (n != 1)}" for token, n in counts.most_common(MOST_TOKENS))
        + f"; {happens}"
        for source, counts in sorted(usage.special.items())
    ]


def describe_others(tokens: AnswerTokens) -> list[int]:
    """Describes where others than the assistant speak after the prompt; empty if they do not.

    Returns:
        The dialogue's number of tokens, then the beginning and the end of each part, counted from the dialogue's end,
        so that they hold after any prompt.
    """
    n = len(tokens.ids)
    return [n, *(n - border for part in tokens.others for border in part)] if tokens.others else []
