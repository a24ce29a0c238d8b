"""The base classes of formats, which read rows, and of exports, which recognise the files of a tool."""

import abc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from unipref.core.contracts.base import Choice
from unipref.core.records import Axis, Feedback, Reject, Row

FeedbackKind = Literal["pairs", "single", "demonstrations"]
"""What a preference holds: two answers to compare, one answer judged by itself, or one good answer."""


Grouping = Literal["row", "pair", "prompt"]
"""Which rows unify brings together before it orders their answers. row: none. pair: those that judge the same two
answers to the same prompt. prompt: those with the same prompt."""


class Format(Choice):
    """A shape of feedback: it turns a raw row into `Feedback`. The result depends on the row and the settings alone.

    `example` holds `settings` (the `map:` of a study file) and `rows` (raw rows of that shape).
    """

    grouping: ClassVar[Grouping] = "row"
    """Which rows give one group of answers, whose judgements are added up."""
    feedback_kind: ClassVar[FeedbackKind] = "pairs"
    """What most preferences of this format hold; `unipref init` chooses the training steps by it."""
    can_disagree: ClassVar[bool] = True
    """Whether two judges of the same two answers can call either one better. Of a text before and after an edit, all
    rows say the same, whoever wrote them: that they agree tells nothing of how reliable they are."""
    needs: ClassVar[tuple[str, ...]] = ()
    """What a row must hold, in the words of `unipref.unify.inspection.CONTENTS`. If no format fits, `inspect` lists
    which of these are missing. Empty: `inspect` does not suggest the format."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Raises TypeError if a subclass sets `across_rows`, which earlier versions read."""
        if hasattr(cls, "across_rows"):
            raise TypeError(f'{cls.__name__}: set grouping = "prompt" in place of across_rows')

    @abc.abstractmethod
    def read(self, row: Row) -> Iterator[Feedback | Reject]:
        """Reads one raw row.

        Yields:
            Any number of `Feedback`, and a `Reject` for each part of the row that cannot be used.

        Raises:
            Reject: the whole row cannot be used.
        """

    @classmethod
    def has_pairs(cls, settings: Mapping[str, Any]) -> bool:
        """Returns whether rows give two answers to compare when read with these settings, which may be incomplete."""
        return cls.feedback_kind == "pairs"

    def axes(self) -> dict[str, Axis]:
        """Returns the axes this format scores answers on, in declared order.

        The first one decides, unless the source names another.
        """
        return {}


@dataclass(frozen=True)
class Proposal:
    """How an export would be read: an entry of a study file, with `?` where only the user knows.

    Attributes:
        format: the format; None if the export holds no judgement that unipref can use.
        map: the format's settings.
        confidence: in [0, 1], that the rows are of this export and that the entry reads them rightly.
        why: the reasons.
        doubts: what the rows do not tell.
        source: further settings of the source, such as `records`.
    """

    format: str | None
    map: dict[str, Any]
    confidence: float
    why: list[str]
    doubts: list[str] = field(default_factory=list)
    source: dict[str, Any] = field(default_factory=dict)


class Export(Choice):
    """The files that one tool exports: `unipref inspect` recognises them and proposes an entry for the study file.

    `example` holds `rows` as in a file of the tool, and `preferences`: the last messages of both sides of each
    preference that they give. If the proposal has questions, `answers` holds the settings of the source that the user
    would fill in; `files` holds the rows of files to join. `further_examples` has the same for other shapes.
    """

    origin: ClassVar[str]
    """The tool, its versions, and how a user gets the file."""
    seen: ClassVar[str]
    """The source of its schema."""
    verified: ClassVar[Literal["data", "schema"]]
    """data: tested on a real file; schema: written from its documentation and tested on hand-written rows."""
    further_examples: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Title -> an example of another shape."""
    settled: ClassVar[tuple[str, ...]] = ()
    """Fields that look like a judgement and are rightly left unread; `*` stands for every item of a list."""
    people: ClassVar[tuple[str, ...]] = ()
    """Paths of who judged, the most telling first: the first one that the rows have becomes `annotator`."""

    @classmethod
    @abc.abstractmethod
    def recognise(cls, rows: Sequence[Row]) -> Proposal | None:
        """Proposes how to read rows of this export; None if they are not of this export.

        Args:
            rows: the first rows of a file, as they are before `records` and `map`.
        """


def read_all(form: Format, rows: Iterable[Row]) -> list[Feedback | Reject]:
    """Returns the feedback and rejects of all rows, rejects of whole rows included: for tests, docs and `inspect`."""
    records: list[Feedback | Reject] = []
    for row in rows:
        try:
            records.extend(form.read(row))
        except Reject as reject:
            records.append(reject)
    return records
