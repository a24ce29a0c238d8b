"""The base class of exporters, which write the preferences of a run as the files of another tool."""

import abc
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from unipref.core.contracts.base import Choice
from unipref.core.records import Messages, Row

if TYPE_CHECKING:
    import pyarrow as pa

ExportKind = Literal["everything", "pairs", "demonstrations", "thumbs", "prompts"]
"""What a row of an export is: a whole preference, two answers, a good answer, an answer with a label, or a prompt."""


class Part(StrEnum):
    """What a dialogue may hold besides one question and one answer of plain text."""

    SYSTEM = "system prompts"
    TURNS = "earlier turns in the prompt"
    TOOLS = "tools, tool calls and their results"
    IMAGES = "images in the prompt"
    LONG = "answers of several messages"
    REASONING = "reasoning before the answer"


TEXT = frozenset({Part.SYSTEM, Part.TURNS})
"""The parts of plain dialogues."""


@dataclass(frozen=True)
class ExportItem:
    """One row to write, before the target's own form.

    Attributes:
        prompt: messages of role and content, and `tool_calls`, `tool_call_id`, `name` and `images` where they have any.
        answer: the chosen answer of a pair, or the only one; empty for prompts.
        rejected: the rejected answer of a pair, otherwise empty.
        label: of thumbs, whether the answer is good.
        tools: that the assistant may call, in OpenAI's form.
        images: path or URL of each image of the prompt, in order.
        row: the preference.
        number: of the row in the file, from 0.
        has_parts: whether the messages of this run may hold more than text.
    """

    prompt: Messages
    answer: Messages = field(default_factory=list)
    rejected: Messages = field(default_factory=list)
    label: bool | None = None
    tools: list[Any] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    row: Row = field(default_factory=dict)
    number: int = 0
    has_parts: bool = False


@dataclass(frozen=True)
class WrittenRows:
    """What was written, for the files with which the target starts.

    Attributes:
        kind: what the rows are.
        file: name of the file of the rows, in the folder of the export.
        model: the model of the study, or a word to replace.
        rows: number of rows.
        parts: that the rows hold.
        has_parts: as in `ExportItem`.
    """

    kind: ExportKind
    file: str
    model: str
    rows: int
    parts: frozenset[Part]
    has_parts: bool


class Exporter(Choice):
    """The files of one other tool. A row depends on the preference alone; no row is changed in its meaning."""

    example: ClassVar[Mapping[str, Any]] = {"settings": {}}
    holds: ClassVar[Mapping[ExportKind, frozenset[Part]]]
    """Kind of rows -> the parts that the target reads rightly; a row with another part is rejected, or loses its
    reasoning. The first kind is the one that is written if none is asked for."""
    loses: ClassVar[tuple[str, ...]]
    """What the target does not hold or does differently, besides these parts, as noun phrases."""
    checked: ClassVar[str]
    """Against which version of the target, and how, the files were checked."""
    source: ClassVar[str]
    """Where the form of the rows is documented."""
    suffix: ClassVar[Literal["jsonl", "parquet"]] = "jsonl"
    marks: ClassVar[tuple[str, ...]] = ()
    """Texts that the target would take as an image, a video or a sound; a row that holds one is rejected."""
    placeholders: ClassVar[Mapping[str, str]] = {}
    """Word in capitals in the files with which the target starts -> what the user writes in its place."""
    least_rows: ClassVar[int] = 1
    """Fewer rows are written, with a warning: the target refuses them."""

    @abc.abstractmethod
    def convert(self, item: ExportItem, kind: ExportKind) -> Row:
        """Makes the target's row.

        Raises:
            Reject: the target cannot hold the row.
        """

    def find_schema(self, kind: ExportKind, preferences: "pa.Schema") -> "pa.Schema":
        """Returns the schema of the rows; only for Parquet.

        Args:
            kind: what the rows are.
            preferences: the schema of the run's preferences.
        """
        raise NotImplementedError(f"{self.name()} writes no Parquet")

    def make_files(self, written: WrittenRows) -> dict[str, str]:
        """Makes the files with which the target starts: name -> content."""
        return {}

    def find_warnings(self, written: WrittenRows) -> list[str]:
        """Finds what a user should know before using the files."""
        return []
