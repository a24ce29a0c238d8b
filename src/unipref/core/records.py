"""The records of the pipeline: `Feedback`, read from a raw row, and `Preference`, which all later stages use.

Feedback is a prompt, its responses, and evidence about them, which is a partial order. A Preference is one row of an
explicit Arrow schema, `preference_schema`. Arrow is imported only when that schema is needed.
"""

import functools
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

import msgspec

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]
"""A raw row of a source."""

UNKNOWN = "unknown"
"""The licence of a source that states none."""
BASE = "base"
"""The study's model before training: a value of `from`, and its name in the scores."""
MAIN = "main"
"""The variant that is the study as written, in contrast to its named variants."""


class CalledFunction(TypedDict):
    """The function that a tool call names; `arguments` is JSON, or the model's own text if that is not JSON."""

    name: str
    arguments: str


class ToolCall(TypedDict):
    """One call of a tool, in the form of OpenAI's chat API; `type` is `function`."""

    id: str | None
    type: str
    function: CalledFunction


class Image(TypedDict):
    """An image by reference.

    `ref` is its path or URL, `sha256` the hash of a local file, and `at` its place: the number of characters of the
    content before it.
    """

    ref: str
    sha256: str | None
    at: int


class Message(TypedDict):
    """One turn of a conversation: `role` and `content`, and further parts only if the turn has them.

    `reasoning` is what the assistant thought before its answer. `tool_calls` are its calls of tools. A turn with the
    role `tool` is a tool's result: `tool_call_id` and `name` tell which call it answers. `images` are of any role.
    `tools` is the JSON list of the tools that the assistant may call, in the first turn of a prompt.
    """

    role: str
    content: str
    reasoning: NotRequired[str | None]
    tool_calls: NotRequired[list[ToolCall] | None]
    tool_call_id: NotRequired[str | None]
    name: NotRequired[str | None]
    images: NotRequired[list[Image] | None]
    tools: NotRequired[str | None]


Messages = list[Message]


class Response(msgspec.Struct, frozen=True, omit_defaults=True):
    """One answer to a prompt.

    Attributes:
        messages: the turns after the prompt, ending with the assistant's.
        scores: axis -> score, in the source's own units.
        approved: a judgement of this answer alone: True for a demonstration or a thumbs-up, False for a thumbs-down.
        origin: `file[!member]:row` of the raw row that held it; several when rows were merged.
        n_judgements: number of judgements that the scores are the mean of, or that are this verdict. 0: the verdict is
            no judgement of a person, such as that of a demonstration, and others do not outvote it.
        extra: other fields of the row about this answer.
        raters: axis -> number of judgements that its score is the mean of, where that differs from `n_judgements`.
        each: axis -> the judgements that its score combines, where the row holds them one by one.
    """

    messages: Messages
    scores: dict[str, float] = {}
    approved: bool | None = None
    origin: list[str] = []
    n_judgements: int = 1
    extra: dict[str, Any] = {}
    raters: dict[str, int] = {}
    each: dict[str, list[float]] = {}

    def judgements_on(self, axis: str) -> int:
        """Returns the number of judgements that the score on an axis is the mean of."""
        return self.raters.get(axis, self.n_judgements)


class Comparison(msgspec.Struct, frozen=True, omit_defaults=True):
    """One judgement that an answer is better than another, by index into `Feedback.responses`.

    Attributes:
        better, worse: indices; for a tie their order has no meaning.
        tie: neither answer is better.
        strength: how much better, in the source's own units; None if the source does not say.
        annotator: who judged, if the source names them.
    """

    better: int
    worse: int
    tie: bool = False
    strength: float | None = None
    annotator: str | None = None


class Feedback(msgspec.Struct, frozen=True, omit_defaults=True):
    """The content of a raw row: a prompt, its responses and evidence about them, before any projection to pairs.

    Attributes:
        prompt: messages up to and including the user turn to answer.
        responses: one or more answers.
        comparisons: judgements between two of them.
        twins: rows with the same value stay on one side of the split; None: the normalised root prompt decides.
        objective: this row's objective, if it differs from its source's.
        extra: other fields of the row: votes, annotators, critiques.
        judge: whose judgement this is: the annotator, or the hash of the raw row. The same judgement of the same judge
            on the same answers counts once.
        annotator: who gave all judgements of the row, if the source names them.
        shown_first: index of the one of two responses that the judges saw first; None if this is not known.
    """

    prompt: Messages
    responses: list[Response]
    comparisons: list[Comparison] = []
    twins: str | None = None
    objective: str | None = None
    extra: dict[str, Any] = {}
    judge: str | None = None
    annotator: str | None = None
    shown_first: int | None = None


class Axis(msgspec.Struct, frozen=True, omit_defaults=True):
    """A scale on which answers are scored: its declared range, and which end is better. `is_rank`: whether a score is
    the answer's place in the order of all answers that a row holds.
    """

    better: str = "high"
    low: float | None = None
    high: float | None = None
    is_rank: bool = False

    @property
    def sign(self) -> float:
        """+1 when a higher score is better, -1 when a lower one is."""
        return 1.0 if self.better == "high" else -1.0


class Reason(StrEnum):
    """Why a raw row, a group of answers or a preference was left out: the complete list."""

    UNREADABLE = "unreadable"  # the file is truncated or malformed from here on
    OVER_LIMIT = "over_limit"  # longer, or slower to match, than the study's `limits` allow
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"  # a JSON value that is not an object
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    NOT_TEXT = "not_text"  # audio, video, files, images inside the row, calls in an unknown form
    MISSING_FILE = "missing_file"  # an image that is no file
    EMPTY_PROMPT = "empty_prompt"
    EMPTY_RESPONSE = "empty_response"
    NO_ANSWER = "no_answer"  # a conversation that does not end with the assistant
    BAD_ROLE = "bad_role"
    BAD_LABEL = "bad_label"
    BAD_SCORE = "bad_score"  # not a finite number, or outside the declared scale
    LEFT_OUT = "left_out"  # by the mapping's `where` or `where_items`
    NEUTRAL = "neutral"  # judged neither good nor bad
    FUNCTION_FAILED = "function_failed"  # the mapping's own function
    NOT_REACHED = "not_reached"  # steps after the place where a solution ends or goes wrong
    NO_ORDER = "no_order"  # the shape does not say which answer is better
    DELETED = "deleted"  # marked so by the source
    NOT_TO_LEARN = "not_to_learn"  # the source gives the answer weight 0
    PROMPTS_DIFFER = "prompts_differ"  # two transcripts with no common prompt
    ONE_RESPONSE = "one_response"
    UNSCORED = "unscored"  # several answers without scores or comparisons
    TIE = "tie"
    CONTRADICTION = "contradiction"  # the same two answers judged both ways, equally often
    SAME_RESPONSE = "same_response"
    BELOW_MIN_MARGIN = "below_min_margin"
    OVERRULED = "overruled"  # all judgements together make the rejected answer the better one
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    BENCHMARK = "benchmark"  # its prompt occurs in a benchmark that the study measures with
    BENCHMARK_MEANING = "benchmark_meaning"  # its prompt says the same as one of a benchmark in other words
    TOO_LONG = "too_long"  # longer than the model's context; found before training
    ONE_SIDED = "one_sided"  # lacks the answer that the rows of an export need
    NOT_HELD = "not_held"  # the files of another tool cannot hold it, or the tool would read it wrongly


class Reject(Exception):
    """A raw row, or a part of one, that cannot be used. Raised for a whole row, yielded for a part.

    Args:
        reason: why, from the complete list.
        detail: what was found and what was expected.
        field: the field concerned.
    """

    def __init__(self, reason: Reason, detail: str, field: str | None = None) -> None:
        self.reason, self.detail, self.field = reason, detail, field
        super().__init__(f"{field}: {detail}" if field else detail)

    def __reduce__(self) -> tuple[type["Reject"], tuple[Reason, str, str | None]]:
        return type(self), (self.reason, self.detail, self.field)


class RejectedRow(Reject):
    """A reject of a whole row of which parts were left out before.

    Args:
        reject: why the row cannot be used.
        parts: the rejects of the parts.
    """

    def __init__(self, reject: Reject, parts: list[Reject]) -> None:
        self.parts = parts
        super().__init__(reject.reason, reject.detail, reject.field)

    def __reduce__(self) -> tuple[type["RejectedRow"], tuple[Reject, list[Reject]]]:  # type: ignore[override]
        return type(self), (Reject(self.reason, self.detail, self.field), self.parts)


class AxisPair(TypedDict):
    """The scores of both sides on one further axis."""

    axis: str
    chosen: float | None
    rejected: float | None


class Preference(msgspec.Struct):
    """One preference, the input of every stage after unify. Columns as in `docs/design.md`.

    One of `chosen` and `rejected` may be None: a demonstration has no `rejected`, a lone thumbs-down no `chosen`.
    The study's aggregate fills the next four columns, which are None where they cannot be known:
    `confidence` is the probability that `chosen` is the better answer; of a one-sided preference, that its verdict is
    right (with `majority`, the share of the votes). `margin` is the difference of the two utilities, in standard
    deviations of the utilities of a prompt's answers. `n_annotators` counts the named people who judged both answers.
    `margin_percentile` is the percentile, within source and axis, of the gap between the two scores.
    """

    id: str
    prompt: Messages
    chosen: Messages | None
    rejected: Messages | None
    source: str
    kind: str
    objective: str
    licence: str
    axis: str | None
    chosen_score: float | None
    rejected_score: float | None
    axes: list[AxisPair]
    margin: float | None
    margin_percentile: float | None
    confidence: float | None
    n_judgements: int
    n_annotators: int | None
    n_responses: int
    group: str
    origin: list[str]
    extra: str


ROLE_COLUMNS = ("chosen.list.element.role", "rejected.list.element.role")
"""The columns of a table of preferences that tell which have both answers, without their texts."""


@functools.cache
def preference_schema(with_parts: bool = False) -> "pa.Schema":
    """The Arrow schema of `Preference`, one column per field, readable by `datasets` too.

    Args:
        with_parts: whether messages have further parts besides role and content: reasoning, tool calls, images.
    """
    import pyarrow as pa

    fields = [("role", pa.string()), ("content", pa.string())]
    if with_parts:
        function = pa.struct([("name", pa.string()), ("arguments", pa.string())])
        call = pa.struct([("id", pa.string()), ("type", pa.string()), ("function", function)])
        image = pa.struct([("ref", pa.string()), ("sha256", pa.string()), ("at", pa.int32())])
        fields += [
            ("reasoning", pa.string()),
            ("tool_calls", pa.list_(call)),
            ("tool_call_id", pa.string()),
            ("name", pa.string()),
            ("images", pa.list_(image)),
            ("tools", pa.string()),
        ]
    messages = pa.list_(pa.struct(fields))
    axes = pa.list_(pa.struct([("axis", pa.string()), ("chosen", pa.float64()), ("rejected", pa.float64())]))
    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("prompt", messages, nullable=False),
            pa.field("chosen", messages),
            pa.field("rejected", messages),
            pa.field("source", pa.string(), nullable=False),
            pa.field("kind", pa.string(), nullable=False),
            pa.field("objective", pa.string(), nullable=False),
            pa.field("licence", pa.string(), nullable=False),
            pa.field("axis", pa.string()),
            pa.field("chosen_score", pa.float64()),
            pa.field("rejected_score", pa.float64()),
            pa.field("axes", axes, nullable=False),
            pa.field("margin", pa.float32()),
            pa.field("margin_percentile", pa.float32()),
            pa.field("confidence", pa.float32()),
            pa.field("n_judgements", pa.int32(), nullable=False),
            pa.field("n_annotators", pa.int32()),
            pa.field("n_responses", pa.int32(), nullable=False),
            pa.field("group", pa.string(), nullable=False),
            pa.field("origin", pa.list_(pa.string()), nullable=False),
            pa.field("extra", pa.string(), nullable=False),
        ]
    )


@functools.cache
def reject_schema() -> "pa.Schema":
    """The Arrow schema of `rejects.parquet`: the origin of a raw row or group, and why it was left out."""
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("source", pa.string(), nullable=False),
            pa.field("level", pa.string(), nullable=False),  # row, part (of a row), group or preference
            pa.field("reason", pa.string(), nullable=False),
            pa.field("field", pa.string()),
            pa.field("detail", pa.string(), nullable=False),
            pa.field("origin", pa.list_(pa.string()), nullable=False),
        ]
    )
