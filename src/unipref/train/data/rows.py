"""What each trainer sees of the preferences: only the columns it needs and only the rows it can use.

Rows are read as a stream and the usable ones written aside as Arrow, which `datasets` maps into memory: nothing here
grows with the data but some numbers per row (`Facts`). Nothing is ever cut: what does not fit is left out and counted.
No trainer is given a margin unless it asks for one, and then never a missing one.
"""

import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from unipref.core import parquet
from unipref.core.records import Messages, Reason, Row, preference_schema

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ONE_SIDED = "one_sided"
"""Left out because a side the trainer needs is missing."""
SAME_TOKENS = "same_tokens"
"""Left out because both sides are the same to the model: texts that differ only in what its tokenizer does not tell."""
NO_MARGIN = "no_margin"
"""Left out because a margin is needed and there is none."""
NO_RULE = "no_rule"
"""Left out because no reward has anything to say of the answers to the prompt."""
AT_ONCE = 512


@dataclass(frozen=True)
class View:
    """How a trainer sees a preference.

    Attributes:
        columns: what the trainer is given that is messages.
        examples: the trainer's rows, or the reason there are none.
        dialogues: of a trainer's row, the message lists that have to fit in the context.
        to_answer: the dialogues are prompts that the model will answer, each distinct one once.
        others: further columns: name -> Arrow type.
    """

    columns: tuple[str, ...]
    examples: Callable[[Row], list[Row] | str]
    dialogues: Callable[[Row], list[Messages]]
    to_answer: bool = False
    others: Mapping[str, str] = field(default_factory=dict)


def _demonstration(row: Row) -> list[Row] | str:
    return [{"prompt": row["prompt"], "completion": row["chosen"]}] if row["chosen"] else ONE_SIDED


def _pair(row: Row) -> list[Row] | str:
    if not row["chosen"] or not row["rejected"]:
        return ONE_SIDED
    # TRL takes two equal sides without a word, and they teach nothing.
    return Reason.SAME_RESPONSE if row["chosen"] == row["rejected"] else [row]


def _judged(row: Row) -> list[Row] | str:
    if row["chosen"] == row["rejected"]:
        return Reason.SAME_RESPONSE
    sides = (("chosen", True), ("rejected", False))
    return [{"prompt": row["prompt"], "completion": row[side], "label": label} for side, label in sides if row[side]]


def _answered(row: Row) -> list[Messages]:
    return [row["prompt"] + row["completion"]]


DEMONSTRATIONS = View(("prompt", "completion"), _demonstration, _answered)
"""The chosen answer to each prompt; a lone thumbs-down has none."""

PAIRS = View(
    ("prompt", "chosen", "rejected"),
    _pair,
    lambda row: [row["prompt"] + row["chosen"], row["prompt"] + row["rejected"]],
)
"""Both answers, different ones."""

JUDGED = View(("prompt", "completion"), _judged, _answered, others={"label": "bool"})
"""Each answer alone with a label: a chosen one is desirable, a rejected one is not; a pair gives two rows."""

PROMPTS = View(("prompt",), lambda row: [{"prompt": row["prompt"]}], lambda row: [row["prompt"]], to_answer=True)
"""The prompts alone; those of one-sided rows are as good as any."""


def pairs_with_margins(scale: float, missing: float | None) -> View:
    """Both answers and how far apart they are.

    Args:
        scale: what the margin, a percentile in [0, 1], is multiplied by.
        missing: the margin of a pair that has none, before scaling; None leaves the pair out.
    """

    def examples(row: Row) -> list[Row] | str:
        found = _pair(row)
        if isinstance(found, str):
            return found
        margin = missing if row["margin"] is None else row["margin"]
        return NO_MARGIN if margin is None else [row | {"margin": scale * margin}]

    return View(PAIRS.columns, examples, PAIRS.dialogues, others={"margin": "float32"})


@dataclass
class Facts:
    """What is known of each row that a trainer is given, as numbers: from these its order is made.

    Attributes:
        lengths: tokens of the row's longest dialogue.
        sources, objectives: position in `names[...]`.
        margins, confidences: as in the preference, NaN where it has none.
        names: 'source' and 'objective' -> the names met, in order.
    """

    lengths: "array[int]" = field(default_factory=lambda: array("i"))
    sources: "array[int]" = field(default_factory=lambda: array("i"))
    objectives: "array[int]" = field(default_factory=lambda: array("i"))
    margins: "array[float]" = field(default_factory=lambda: array("f"))
    confidences: "array[float]" = field(default_factory=lambda: array("f"))
    names: dict[str, dict[str, int]] = field(default_factory=lambda: {"source": {}, "objective": {}})

    def add(self, row: Row, length: int) -> None:
        """Takes note of a trainer's row that comes from a preference."""
        for kept, kind in ((self.sources, "source"), (self.objectives, "objective")):
            known = self.names[kind]
            kept.append(known.setdefault(row[kind], len(known)))
        for numbers, name in ((self.margins, "margin"), (self.confidences, "confidence")):
            numbers.append(math.nan if row[name] is None else row[name])
        self.lengths.append(length)

    def __len__(self) -> int:
        return len(self.lengths)

    def known(self, name: str) -> dict[str, int]:
        """How many rows have a 'margin' or a 'confidence' of their own, and how many have none."""
        numbers = self.margins if name == "margin" else self.confidences
        missing = sum(map(math.isnan, numbers))
        return {"known": len(numbers) - missing, "missing": missing}


@dataclass
class RowUsage:
    """How many preferences there were, how many are used, and why the others are not; and the facts of the used.

    `too_long` has the lengths of those that do not fit, in tokens: of each its longest dialogue.
    """

    rows: int = 0
    used: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    too_long: "array[int]" = field(default_factory=lambda: array("i"))
    facts: Facts = field(default_factory=Facts)

    @property
    def lengths(self) -> "array[int]":
        """The used rows' lengths in tokens: of each its longest dialogue."""
        return self.facts.lengths

    def explained(self, limit: int) -> str:
        """The reasons with their counts, in words."""
        words: dict[str, str] = {
            Reason.TOO_LONG: f"longer than {limit} tokens",
            Reason.SAME_RESPONSE: "with the same answer on both sides",
            Reason.BAD_ROLE: "with roles that the model's chat template refuses",
            Reason.DUPLICATE: "with a repeated prompt",
            ONE_SIDED: "without the answers that are needed",
            SAME_TOKENS: "with the same tokens on both sides",
            NO_MARGIN: "without a margin",
            NO_RULE: "without a rule to check answers by",
        }
        parts = [f"{n} {words[reason]}" for reason, n in sorted(self.left_out.items())]
        return f"of {self.rows} preferences: {', '.join(parts)}" if parts else "there are no preferences"


def write_rows(
    preferences: Path, out: Path, view: View, tokenizer: "PreTrainedTokenizerBase", limit: int, room: int = 0
) -> RowUsage:
    """Writes the rows a trainer can use as an Arrow stream, in their order.

    Args:
        preferences: Parquet file of preferences.
        out: Arrow file to write, with the view's columns.
        view: what the trainer needs.
        tokenizer: whose chat template TRL applies as well, so that lengths are the same there.
        limit: most tokens a dialogue may have.
        room: tokens to be kept free below that limit for an answer yet to be written.

    Returns:
        The books: `used` and all of `left_out` together make up `rows`, each of them preferences. A preference is
        used whole or not at all.
    """
    import pyarrow as pa

    messages = preference_schema().field("prompt").type
    others = [(name, pa.type_for_alias(kind)) for name, kind in view.others.items()]
    schema = pa.schema([*((name, messages) for name in view.columns), *others])
    books, seen = RowUsage(), set[int]()
    needed = ["prompt", "chosen", "rejected", "source", "objective", "margin", "confidence"]
    with pa.OSFile(str(out), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
        for batch in parquet.batches(preferences, needed, AT_ONCE):
            rendered = list(_rendered(batch.to_pylist(), view, tokenizer, books, seen))
            usable = [row for rows in _fitting(rendered, tokenizer, limit - room, books) for row in rows]
            books.rows += batch.num_rows
            writer.write_batch(pa.RecordBatch.from_pylist(usable, schema=schema))
    return books


@dataclass(frozen=True)
class _Rendered:
    """A preference, the trainer's rows that come from it, and the texts of each row's dialogues."""

    preference: Row
    rows: list[Row]
    texts: list[list[str]]


def _rendered(
    preferences: list[Row], view: View, tokenizer: "PreTrainedTokenizerBase", books: RowUsage, seen: set[int]
) -> Iterator[_Rendered]:
    """The usable preferences with their dialogues as text; the others are counted."""
    import xxhash
    from jinja2 import TemplateError

    def text(dialogue: Messages) -> str:
        return str(tokenizer.apply_chat_template(dialogue, tokenize=False, add_generation_prompt=view.to_answer))

    for preference in preferences:
        rows = view.examples(preference)
        if isinstance(rows, str):
            books.left_out[rows] += 1
            continue
        try:
            texts = [[text(dialogue) for dialogue in view.dialogues(row)] for row in rows]
        except TemplateError:
            books.left_out[Reason.BAD_ROLE] += 1
            continue
        digest = xxhash.xxh3_64_intdigest(texts[0][0].encode())
        if view.to_answer and digest in seen:
            books.left_out[Reason.DUPLICATE] += 1
            continue
        if view.to_answer:
            seen.add(digest)
        yield _Rendered(preference, rows, texts)


def _fitting(
    rendered: list[_Rendered], tokenizer: "PreTrainedTokenizerBase", limit: int, books: RowUsage
) -> Iterator[list[Row]]:
    """The rows of each preference that fits in the limit and whose sides differ; the others are counted."""
    flat = [text for one in rendered for texts in one.texts for text in texts]
    # The template writes out BOS itself: no special tokens on top, here as in TRL.
    ids = iter(tokenizer(flat, add_special_tokens=False, verbose=False)["input_ids"] if flat else [])
    for one in rendered:
        dialogues = [[next(ids) for _ in texts] for texts in one.texts]
        lengths = [max(map(len, sides)) for sides in dialogues]
        if max(lengths) > limit:
            books.left_out[Reason.TOO_LONG] += 1
            books.too_long.append(max(lengths))
            continue
        flattened = [side for sides in dialogues for side in sides]
        if len(flattened) > 1 and flattened[0] == flattened[1]:
            books.left_out[SAME_TOKENS] += 1
            continue
        books.used += 1
        for length in lengths:
            books.facts.add(one.preference, length)
        yield one.rows
