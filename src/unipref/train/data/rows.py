"""What each trainer sees of the preferences: only the columns it needs and only the rows it can use.

Rows are read as a stream, and the usable ones are written to an Arrow file that `datasets` maps into memory: only a few
numbers per row (`RowFacts`) grow with the data. Nothing is ever truncated: rows that do not fit are left out and
counted. A trainer gets further numbers only if it asks for them (`pair_columns`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from unipref.core import parquet
from unipref.core.chat_models import RefusedDialogue, UnrenderedPart
from unipref.core.messages import add_tools, schema_has_parts, take_tools, texts_of
from unipref.core.records import Message, Messages, Reason, Row, preference_schema
from unipref.core.special_tokens import encode_texts, find_special_tokens
from unipref.core.template_turns import IMAGES, TOOLS
from unipref.models.answer_tokens import split_answers
from unipref.models.rendered_dialogue import TurnFinder, common_length, cut_after_first_answer
from unipref.train.data import images as image_files
from unipref.train.data.images import ImageReader, UnusableImage
from unipref.train.data.row_usage import (
    NO_IMAGES,
    NO_TOOLS,
    NUMBERS,
    ONE_SIDED,
    RESULTS_NOT_MASKED,
    SAME_TOKENS,
    SPECIAL_TOKENS,
    RowUsage,
    describe_others,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from transformers import PreTrainedTokenizerBase

BATCH_ROWS = 512
LaterTurns = Literal["mask", "cut", "read"]
"""What happens to answers that go on with further turns of the user: the trainer masks those turns; or the answer is
cut before the first of them; or the model reads the dialogue as a whole and learns no token of it."""


@dataclass(frozen=True)
class View:
    """How a trainer sees a preference.

    Attributes:
        columns: the trainer's columns that hold messages.
        examples: a preference's rows for the trainer, or the reason why it has none.
        dialogues: of a trainer's row, the message lists that have to fit in the context.
        prompts_only: the dialogues are prompts for the model to answer, each distinct prompt once.
        others: further columns: name -> Arrow type, with `[]` after it for a list.
        inputs: columns of the preference that `examples` reads, besides its messages and the numbers of `RowFacts`.
    """

    columns: tuple[str, ...]
    examples: Callable[[Row], list[Row] | str]
    dialogues: Callable[[Row], list[Messages]]
    prompts_only: bool = False
    others: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()


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


def write_rows(
    preferences: Path,
    out: Path,
    view: View,
    tokenizer: "PreTrainedTokenizerBase",
    limit: int,
    later_turns: LaterTurns = "mask",
    leave_out_special: bool = False,
    images: ImageReader | None = None,
) -> RowUsage:
    """Writes the rows a trainer can use as an Arrow stream, in their order.

    Args:
        preferences: Parquet file of preferences.
        out: Arrow file to write, with the view's columns.
        view: what the trainer needs.
        tokenizer: TRL applies the same chat template, so lengths agree.
        limit: most tokens a dialogue may have; for prompts, less those of an answer still to be generated.
        later_turns: what happens to answers that go on with further turns of the user.
        leave_out_special: whether preferences with special tokens in a text are left out; they are counted anyway.
        images: reads the images; the columns then hold rendered texts, and `images` the paths. None: preferences with
            images are left out.

    Returns:
        The counts: `used` and all of `left_out` add up to `rows`, all counted in preferences. A preference is used
        whole or not at all, or cut as `later_turns` says.
    """
    import pyarrow as pa

    has_parts = schema_has_parts(parquet.read_schema(preferences))
    messages = pa.string() if images else preference_schema(has_parts).field("prompt").type
    others = [(name, _find_arrow_type(kind)) for name, kind in view.others.items()]
    has_tools = has_parts and not view.prompts_only and not images
    if has_tools:
        others.append((TOOLS, pa.string()))
    if images:
        others.append((image_files.COLUMN, pa.list_(pa.string())))
    schema = pa.schema([*((name, messages) for name in view.columns), *others])
    usage = RowUsage()
    renderer = _Renderer(view, tokenizer, "cut" if images else later_turns, leave_out_special, usage, images)
    needed = ["prompt", "chosen", "rejected", "source", "objective", *NUMBERS, *view.inputs]
    with pa.OSFile(str(out), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
        for batch in parquet.read_batches(preferences, needed, BATCH_ROWS):
            rendered = list(renderer.render_all(batch.to_pylist()))
            measured = _measure(rendered, tokenizer) if images is None else renderer.measure_with_images(rendered)
            usable = [row for rows in _keep_fitting(measured, limit, usage) for row in rows]
            usable = list(map(separate_tools, usable)) if has_tools else usable
            usage.rows += batch.num_rows
            writer.write_batch(pa.RecordBatch.from_pylist(usable, schema=schema))
    return usage


def _find_arrow_type(kind: str) -> "pa.DataType":
    import pyarrow as pa

    item = pa.type_for_alias(kind.removesuffix("[]"))
    return pa.list_(item) if kind.endswith("[]") else item


def separate_tools(row: Row) -> Row:
    """Puts the tools of a trainer's row into the column from which TRL takes them."""
    prompt, tools = take_tools(row["prompt"])
    return {**row, "prompt": prompt, TOOLS: tools}


def join_tools(row: Row) -> Row:
    """The opposite of `separate_tools`."""
    return {**row, "prompt": add_tools(row["prompt"], row.get(TOOLS))}


@dataclass(frozen=True)
class _RenderedPreference:
    """A preference and the trainer's rows made from it.

    Attributes:
        texts: of each row, its dialogues as text.
        others: of each row, where others than the assistant speak in each dialogue (`describe_others`).
        is_cut: whether later turns were left out.
    """

    preference: Row
    rows: list[Row]
    texts: list[list[str]]
    others: list[list[list[int]]]
    is_cut: bool


@dataclass(frozen=True)
class _Measured:
    """A rendered preference, the tokens of the longest dialogue of each row, and whether both sides are the same."""

    rendered: _RenderedPreference
    lengths: list[int]
    has_same_sides: bool


class _Renderer:
    """Renders preferences as a trainer sees them, and counts those that cannot be used."""

    def __init__(
        self,
        view: View,
        tokenizer: "PreTrainedTokenizerBase",
        later_turns: LaterTurns,
        leave_out_special: bool,
        usage: RowUsage,
        images: ImageReader | None = None,
    ) -> None:
        self.view, self.later_turns, self.leave_out_special, self.usage = view, later_turns, leave_out_special, usage
        self.finder, self.images = TurnFinder(tokenizer, with_images=images is not None), images
        self.seen = set[int]()

    def render_all(self, preferences: list[Row]) -> Iterator[_RenderedPreference]:
        """Yields the usable preferences with their dialogues as text; counts the others."""
        for preference in preferences:
            try:
                rendered = self._render(preference)
            except UnrenderedPart as error:
                rendered = NO_IMAGES if error.part == IMAGES else NO_TOOLS
            except RefusedDialogue:
                rendered = Reason.BAD_ROLE
            except UnusableImage as error:
                rendered = error.reason
            if isinstance(rendered, _RenderedPreference) and self.view.prompts_only and self._is_repeated(rendered):
                rendered = Reason.DUPLICATE
            if isinstance(rendered, str):
                self.usage.left_out[rendered] += 1
            else:
                yield rendered

    def _render(self, preference: Row) -> _RenderedPreference | str:
        """Renders a preference, or gives the reason why it cannot be used."""
        rows = self.view.examples(preference)
        if isinstance(rows, str):
            return rows
        if self.images and any(image_files.are_in(row[side]) for row in rows for side in self._sides):
            return image_files.IN_ANSWER
        if self._has_special_tokens(preference, rows) and self.leave_out_special:
            return SPECIAL_TOKENS
        others: list[list[list[int]]] = [[] for _ in rows]
        is_cut = False
        if self.later_turns != "read" and any(self._has_later_turns(row) for row in rows):
            # With images, answers are cut anyway.
            with_turns = [] if self.images else rows
            tokens = [split_answers(self.finder.tokenizer, self._split(row), self.finder) for row in with_turns]
            is_cut = self.later_turns == "cut" or any(one.is_cut for row in tokens for one in row)
            if is_cut and any(_goes_on_with_results(answer) for row in rows for _, answer in self._split(row)):
                return RESULTS_NOT_MASKED
            if is_cut:
                # Both sides are cut, so that they stay comparable.
                sides = {side: cut_after_first_answer(preference[side] or []) for side in ("chosen", "rejected")}
                rows = self.view.examples(preference | {side: turns or None for side, turns in sides.items()})
                if isinstance(rows, str):
                    return rows
                # An answer that another speaker begins holds that turn even when cut, and it cannot be masked.
                if any(self._has_later_turns(row) for row in rows):
                    return Reason.BAD_ROLE
            else:
                others = [[describe_others(one) for one in row] for row in tokens]
        texts = [
            [self.finder.render(dialogue, self.view.prompts_only) for dialogue in self.view.dialogues(row)]
            for row in rows
        ]
        return _RenderedPreference(preference, rows, texts, others, is_cut)

    def measure_with_images(self, rendered: list[_RenderedPreference]) -> Iterator[_Measured]:
        """Splits rendered dialogues into prompt and answers, and counts their tokens; counts what cannot be used."""
        for one in rendered:
            try:
                rows, lengths = zip(*map(self._measure_row, one.rows, one.texts), strict=True)
            except UnusableImage as error:
                self.usage.left_out[error.reason] += 1
                continue
            sides = [row[side] for row in rows for side in self._sides]
            yield _Measured(replace(one, rows=list(rows)), list(lengths), len(sides) > 1 and sides[0] == sides[1])

    def _measure_row(self, row: Row, texts: list[str]) -> tuple[Row, int]:
        """Returns a trainer's row of texts, and the tokens of its longest dialogue.

        Raises:
            UnusableImage: an image cannot be used.
        """
        if self.images is None:
            raise AssertionError("the step reads no images")
        files = self.images.find_files(row["prompt"])
        prompt = self.finder.render(row["prompt"], is_prompt=True)
        # As TRL does: some templates start an answer differently in a generation prompt than in a full dialogue.
        prompt = prompt[: min(common_length(prompt, text) for text in texts)]
        answers = {side: text[len(prompt) :] for side, text in zip(self._sides, texts, strict=True)}
        longest = max(map(self.images.count_answer_tokens, answers.values()))
        length = self.images.count_prompt_tokens(prompt, files) + longest
        return {**row, "prompt": prompt, **answers, image_files.COLUMN: [str(file) for file in files]}, length

    @property
    def _sides(self) -> list[str]:
        """The columns with answers."""
        return [side for side in self.view.columns if side != "prompt"]

    def _has_special_tokens(self, preference: Row, rows: list[Row]) -> bool:
        """Whether a text holds special tokens; counts the preference by them."""
        dialogues = [dialogue for row in rows for dialogue in self.view.dialogues(row)]
        texts = {text for dialogue in dialogues for text in texts_of(dialogue)}
        tokens = find_special_tokens(self.finder.tokenizer, texts)
        if tokens:
            self.usage.special.setdefault(preference["source"], Counter()).update(tokens.keys())
        return bool(tokens)

    def _split(self, row: Row) -> list[tuple[Messages, Messages]]:
        """A row's prompt with each of its answers."""
        return [(row["prompt"], row[side]) for side in self._sides]

    def _has_later_turns(self, row: Row) -> bool:
        return any(message["role"] != "assistant" for _, answer in self._split(row) for message in answer)

    def _is_repeated(self, rendered: _RenderedPreference) -> bool:
        import xxhash

        digest = xxhash.xxh3_64_intdigest(rendered.texts[0][0].encode())
        if digest in self.seen:
            return True
        self.seen.add(digest)
        return False


def _goes_on_with_results(answer: Messages) -> bool:
    """Whether an answer would be cut before the result of a tool: the model would learn the call without the end."""
    rest = answer[len(cut_after_first_answer(answer)) :]
    return bool(rest) and rest[0]["role"] == "tool"


def _holds(preference: Row, is_such: Callable[[Message], bool]) -> bool:
    """Whether an answer of a preference holds such a turn."""
    return any(is_such(turn) for side in ("chosen", "rejected") for turn in preference[side] or ())


def _measure(rendered: list[_RenderedPreference], tokenizer: "PreTrainedTokenizerBase") -> Iterator[_Measured]:
    """Counts the tokens of rendered dialogues, all in one call of the tokenizer."""
    flat = [text for one in rendered for texts in one.texts for text in texts]
    # The template writes BOS itself, so no special tokens are added, here as in TRL.
    ids = encode_texts(tokenizer, flat)
    for one in rendered:
        dialogues = [[ids[text] for text in texts] for texts in one.texts]
        flattened = [side for sides in dialogues for side in sides]
        has_same_sides = len(flattened) > 1 and flattened[0] == flattened[1]
        yield _Measured(one, [max(map(len, sides)) for sides in dialogues], has_same_sides)


def _keep_fitting(measured: Iterable[_Measured], limit: int, usage: RowUsage) -> Iterator[list[Row]]:
    """Yields the rows of each preference that fits the limit and whose sides differ; counts the others."""
    for preference in measured:
        one, lengths = preference.rendered, preference.lengths
        if max(lengths) > limit:
            usage.left_out[Reason.TOO_LONG] += 1
            usage.too_long.append(max(lengths))
            continue
        if preference.has_same_sides:
            usage.left_out[SAME_TOKENS] += 1
            continue
        usage.used += 1
        usage.cut += one.is_cut
        is_masked = any(sides for others in one.others for sides in others)
        has_results = is_masked and _holds(one.preference, lambda turn: turn["role"] == "tool")
        usage.tool_results += has_results
        usage.masked += is_masked and (not has_results or _holds(one.preference, lambda turn: turn["role"] == "user"))
        usage.images += image_files.are_in(one.preference["prompt"])
        usage.reasoning += _holds(one.preference, lambda turn: bool(turn.get("reasoning")))
        for length, others in zip(lengths, one.others, strict=True):
            if any(others):
                usage.others[len(usage.facts)] = others
            usage.facts.add(one.preference, length)
        yield one.rows
