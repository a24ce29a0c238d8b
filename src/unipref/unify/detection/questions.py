"""A question of a labelling task, and what kind of answers people gave to it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from unipref.unify.detection.export_rows import list_values

Kind = Literal["choice", "score", "order", "names", "labels", "other"]
"""What the answers to a question are: a label, a number, an order of the texts with ranks, the same names in some
order, several labels, or anything else."""


MAX_NAME = 60
"""Most characters of a label."""


MAX_LABELS = 12
"""Most different answers of a question of choice; more are free texts."""


@dataclass(frozen=True)
class Question:
    """One question of a labelling task.

    Attributes:
        name: as in the tool.
        kind: what its answers are.
        values: the different answers in these rows.
        people: path of the list of what each person said.
        inside: path of the answer inside an item of that list; empty if the item is the answer.
        where: which items of that list to read.
        where_inside: further lists inside an item, and which of their items to read.
        is_about_better: whether the answer is known to name the better text.
        better: which end of its numbers is better, if the tool says so.
        sides: value -> first or second, if the tool itself says which side a value means.
        doubts: what its rows do not tell.
        is_about_prompt: whether the tool says that it judges the prompt.
    """

    name: str
    kind: Kind
    values: Sequence[Any]
    people: str
    inside: str
    where: dict[str, Any] = field(default_factory=dict)
    where_inside: dict[str, Any] = field(default_factory=dict)
    is_about_better: bool = False
    better: str | None = None
    sides: dict[Any, str] = field(default_factory=dict)
    doubts: Sequence[str] = ()
    is_about_prompt: bool = False

    @property
    def labels(self) -> list[str]:
        """The different labels in the answers that are lists, sorted."""
        return sorted({label for value in self.values if isinstance(value, list) for label in value})

    @property
    def shown(self) -> str:
        """The answers, or the labels in them, for a reason."""
        if self.kind in ("names", "labels"):
            return f"lists of {list_values(self.labels)}"
        return list_values(self.values)

    @property
    def path(self) -> str:
        """The path of the answers of all people: a later row may have several, even if these rows have one each."""
        return f"{self.people}.*.{self.inside}" if self.inside else self.people

    @property
    def filters(self) -> dict[str, Any]:
        """The setting `where_items` for the answers of all people."""
        inside = {f"{self.people}.*.{path}": where for path, where in self.where_inside.items()}
        return {**({self.people: self.where} if self.where else {}), **inside}


def classify(values: Sequence[Any]) -> Kind:
    """Says what the answers to a question are."""
    if not values:
        return "other"
    if all(isinstance(v, list) and v and all(isinstance(one, dict) and "rank" in one for one in v) for v in values):
        return "order"
    if all(isinstance(v, dict) and {*v} == {"rank", "value"} for v in values):
        return "order"  # a list of mappings that was stored by column
    if all(map(_is_list_of_names, values)):
        are_orders = len({frozenset(v) for v in values}) == 1 < len({tuple(v) for v in values})
        return "names" if are_orders else "labels"
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        return "score"
    texts = {v for v in values if isinstance(v, str)}
    if len(texts) == len({repr(v) for v in values}) <= MAX_LABELS and max(map(len, texts)) <= MAX_NAME:
        return "choice"
    return "other"


def _is_list_of_names(value: Any) -> bool:
    """Whether a value is a list of different short texts."""
    if not isinstance(value, list) or not all(isinstance(one, str) and len(one) <= MAX_NAME for one in value):
        return False
    return len({*value}) == len(value)
