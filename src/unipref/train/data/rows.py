"""What each trainer sees of the preferences: only the columns it needs and only the rows it can use.

Rows are read as a stream, and the usable ones are written to an Arrow file that `datasets` maps into memory: only a few
numbers per row (`RowFacts`) grow with the data. Nothing is ever truncated: rows that do not fit are left out and
counted. A trainer gets margins only if it asks for them, and then never a missing one.
"""

import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from unipref.core import parquet
from unipref.core.chat_models import RefusedDialogue, render
from unipref.core.records import Messages, Reason, Row, preference_schema

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ONE_SIDED = "one_sided"
"""Left out because the row lacks a side the trainer needs."""
SAME_TOKENS = "same_tokens"
"""Left out because both sides have the same tokens: the texts differ only in what the tokenizer ignores."""
NO_MARGIN = "no_margin"
"""Left out because the trainer needs a margin and the row has none."""
NO_RULE = "no_rule"
"""Left out because no reward can score answers to the prompt."""
BATCH_ROWS = 512


@dataclass(frozen=True)
class View:
    """How a trainer sees a preference.

    Attributes:
        columns: the trainer's columns that hold messages.
        examples: a preference's rows for the trainer, or the reason why it has none.
        dialogues: of a trainer's row, the message lists that have to fit in the context.
        prompts_only: the dialogues are prompts for the model to answer, each distinct prompt once.
        others: further columns: name -> Arrow type.
    """

    columns: tuple[str, ...]
    examples: Callable[[Row], list[Row] | str]
    dialogues: Callable[[Row], list[Messages]]
    prompts_only: bool = False
    others: Mapping[str, str] = field(default_factory=dict)


def _to_demonstration(row: Row) -> list[Row] | str:
    return [{"prompt": row["prompt"], "completion": row["chosen"]}] if row["chosen"] else ONE_SIDED


def _to_pair(row: Row) -> list[Row] | str:
    if not row["chosen"] or not row["rejected"]:
        return ONE_SIDED
    # TRL accepts two equal sides silently, although they teach nothing.
    return Reason.SAME_RESPONSE if row["chosen"] == row["rejected"] else [row]


def _to_judged_answers(row: Row) -> list[Row] | str:
    if row["chosen"] == row["rejected"]:
        return Reason.SAME_RESPONSE
    sides = (("chosen", True), ("rejected", False))
    return [{"prompt": row["prompt"], "completion": row[side], "label": label} for side, label in sides if row[side]]


def _join_completion(row: Row) -> list[Messages]:
    return [row["prompt"] + row["completion"]]


DEMONSTRATIONS = View(("prompt", "completion"), _to_demonstration, _join_completion)
"""The chosen answer to each prompt; a lone thumbs-down has no chosen answer."""

PAIRS = View(
    ("prompt", "chosen", "rejected"),
    _to_pair,
    lambda row: [row["prompt"] + row["chosen"], row["prompt"] + row["rejected"]],
)
"""Both answers, which have to differ."""

JUDGED = View(("prompt", "completion"), _to_judged_answers, _join_completion, others={"label": "bool"})
"""Each answer alone with a label: a chosen one is desirable, a rejected one is not; a pair gives two rows."""

PROMPTS = View(("prompt",), lambda row: [{"prompt": row["prompt"]}], lambda row: [row["prompt"]], prompts_only=True)
"""The prompts alone, those of one-sided rows included."""


def make_margin_view(scale: float, missing: float | None) -> View:
    """Makes the view with both answers and their margin.

    Args:
        scale: factor for the margin, which is a percentile in [0, 1].
        missing: the margin of a pair without one, before scaling; None leaves the pair out.
    """

    def examples(row: Row) -> list[Row] | str:
        rows = _to_pair(row)
        if isinstance(rows, str):
            return rows
        margin = missing if row["margin"] is None else row["margin"]
        return NO_MARGIN if margin is None else [row | {"margin": scale * margin}]

    return View(PAIRS.columns, examples, PAIRS.dialogues, others={"margin": "float32"})


@dataclass
class RowFacts:
    """Numbers about each row that a trainer gets; its order is made from these.

    Attributes:
        lengths: tokens of the row's longest dialogue.
        sources, objectives: position in `names[...]`.
        margins, confidences: as in the preference, NaN if it has none.
        names: 'source' and 'objective' -> the names so far, in order of appearance.
    """

    lengths: "array[int]" = field(default_factory=lambda: array("i"))
    sources: "array[int]" = field(default_factory=lambda: array("i"))
    objectives: "array[int]" = field(default_factory=lambda: array("i"))
    margins: "array[float]" = field(default_factory=lambda: array("f"))
    confidences: "array[float]" = field(default_factory=lambda: array("f"))
    names: dict[str, dict[str, int]] = field(default_factory=lambda: {"source": {}, "objective": {}})

    def add(self, row: Row, length: int) -> None:
        """Adds a trainer's row that comes from a preference."""
        for codes, kind in ((self.sources, "source"), (self.objectives, "objective")):
            names = self.names[kind]
            codes.append(names.setdefault(row[kind], len(names)))
        for numbers, name in ((self.margins, "margin"), (self.confidences, "confidence")):
            numbers.append(math.nan if row[name] is None else row[name])
        self.lengths.append(length)

    def __len__(self) -> int:
        return len(self.lengths)

    def count_known(self, name: str) -> dict[str, int]:
        """Counts the rows that have a 'margin' or a 'confidence' of their own, and those that do not."""
        numbers = self.margins if name == "margin" else self.confidences
        missing = sum(map(math.isnan, numbers))
        return {"known": len(numbers) - missing, "missing": missing}


@dataclass
class RowUsage:
    """How many preferences there were, how many are used, why the others are not, and the facts of the used ones.

    `too_long` has the lengths, in tokens, of the preferences that do not fit: of each its longest dialogue.
    """

    rows: int = 0
    used: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    too_long: "array[int]" = field(default_factory=lambda: array("i"))
    facts: RowFacts = field(default_factory=RowFacts)

    @property
    def lengths(self) -> "array[int]":
        """The used rows' lengths in tokens: of each its longest dialogue."""
        return self.facts.lengths

    def explain(self, limit: int) -> str:
        """Lists the reasons with their counts, in words."""
        words: dict[str, str] = {
            Reason.TOO_LONG: f"longer than {limit} tokens",
            Reason.SAME_RESPONSE: "with the same answer on both sides",
            Reason.BAD_ROLE: "with roles that the model's chat template refuses",
            Reason.DUPLICATE: "with a repeated prompt",
            ONE_SIDED: "without the answers that the trainer needs",
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
        tokenizer: TRL applies the same chat template, so lengths agree.
        limit: most tokens a dialogue may have.
        room: tokens to keep free below that limit for an answer still to be generated.

    Returns:
        The counts: `used` and all of `left_out` add up to `rows`, all counted in preferences. A preference is used
        whole or not at all.
    """
    import pyarrow as pa

    messages = preference_schema().field("prompt").type
    others = [(name, pa.type_for_alias(kind)) for name, kind in view.others.items()]
    schema = pa.schema([*((name, messages) for name in view.columns), *others])
    usage, seen = RowUsage(), set[int]()
    needed = ["prompt", "chosen", "rejected", "source", "objective", "margin", "confidence"]
    with pa.OSFile(str(out), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
        for batch in parquet.read_batches(preferences, needed, BATCH_ROWS):
            rendered = list(_render_preferences(batch.to_pylist(), view, tokenizer, usage, seen))
            usable = [row for rows in _keep_fitting(rendered, tokenizer, limit - room, usage) for row in rows]
            usage.rows += batch.num_rows
            writer.write_batch(pa.RecordBatch.from_pylist(usable, schema=schema))
    return usage


@dataclass(frozen=True)
class _RenderedPreference:
    """A preference, the trainer's rows made from it, and the texts of each row's dialogues."""

    preference: Row
    rows: list[Row]
    texts: list[list[str]]


def _render_preferences(
    preferences: list[Row], view: View, tokenizer: "PreTrainedTokenizerBase", usage: RowUsage, seen: set[int]
) -> Iterator[_RenderedPreference]:
    """Yields the usable preferences with their dialogues as text; counts the others."""
    import xxhash

    def text(dialogue: Messages) -> str:
        return render(tokenizer, dialogue, to_answer=view.prompts_only)

    for preference in preferences:
        rows = view.examples(preference)
        if isinstance(rows, str):
            usage.left_out[rows] += 1
            continue
        try:
            texts = [[text(dialogue) for dialogue in view.dialogues(row)] for row in rows]
        except RefusedDialogue:
            usage.left_out[Reason.BAD_ROLE] += 1
            continue
        digest = xxhash.xxh3_64_intdigest(texts[0][0].encode())
        if view.prompts_only and digest in seen:
            usage.left_out[Reason.DUPLICATE] += 1
            continue
        if view.prompts_only:
            seen.add(digest)
        yield _RenderedPreference(preference, rows, texts)


def _keep_fitting(
    rendered: list[_RenderedPreference], tokenizer: "PreTrainedTokenizerBase", limit: int, usage: RowUsage
) -> Iterator[list[Row]]:
    """Yields the rows of each preference that fits the limit and whose sides differ; counts the others."""
    flat = [text for one in rendered for texts in one.texts for text in texts]
    # The template writes BOS itself, so no special tokens are added, here as in TRL.
    ids = iter(tokenizer(flat, add_special_tokens=False, verbose=False)["input_ids"] if flat else [])
    for one in rendered:
        dialogues = [[next(ids) for _ in texts] for texts in one.texts]
        lengths = [max(map(len, sides)) for sides in dialogues]
        if max(lengths) > limit:
            usage.left_out[Reason.TOO_LONG] += 1
            usage.too_long.append(max(lengths))
            continue
        flattened = [side for sides in dialogues for side in sides]
        if len(flattened) > 1 and flattened[0] == flattened[1]:
            usage.left_out[SAME_TOKENS] += 1
            continue
        usage.used += 1
        for length in lengths:
            usage.facts.add(one.preference, length)
        yield one.rows
