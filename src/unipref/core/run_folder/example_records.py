"""Records of `examples/examples.json`: held-out preferences with their raw rows and the answers of the models."""

import msgspec


class TurnRecord(msgspec.Struct):
    """One turn of a dialogue."""

    role: str
    content: str


class RawRowRecord(msgspec.Struct):
    """A raw row as text; `note`: whether it is shortened, or why it is missing."""

    origin: str
    text: str
    note: str = ""


class AnswerRecord(msgspec.Struct):
    """A model's answer; `note`: why it is missing, or that it was cut."""

    text: str
    note: str = ""


class ExampleRecord(msgspec.Struct):
    """A preference with its raw rows and the answers to its prompt, by model."""

    source: str
    kind: str
    objective: str
    prompt: list[TurnRecord] | None
    chosen: list[TurnRecord] | None
    rejected: list[TurnRecord] | None
    id: str = ""
    origin: list[str] = []
    axis: str | None = None
    chosen_score: float | None = None
    rejected_score: float | None = None
    margin_percentile: float | None = None
    confidence: float | None = None
    raw: list[RawRowRecord] = []
    answers: dict[str, AnswerRecord] = {}
