"""Recognises lists of messages that do not have the usual keys: one field names the speaker, another holds the text."""

from dataclasses import dataclass
from typing import Any

from unipref.unify.detection.columns import Column, Columns
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.detection.name_words import split_words
from unipref.unify.detection.names import ANSWERER_NAMES, ASKER_NAMES
from unipref.unify.mapping.paths import get_or_none
from unipref.unify.mapping.turns import KNOWN_ROLES

SPEAKER_NAMES = {"type", "role", "sender", "author", "from", "speaker", "kind", "by", "direction", "who"}
"""Words in the names of fields that name the speaker of a message."""
ROLES = ("user", "assistant")
STAFF_NAMES = {"support", "service", "operator", "representative", "rep", "staff", "advisor", "helpdesk", "care"}
"""Words that name those who answer customers."""


@dataclass(frozen=True)
class Speaker:
    """The field that names the speakers of messages.

    Attributes:
        column: the field.
        roles: the values that no format knows -> their roles; `PLACEHOLDER` where the value does not tell.
    """

    column: Column
    roles: dict[str, str]

    def read_roles(self, listed: Column) -> list[list[str | None]]:
        """Returns the role of each message in a column of lists; None if it is not known."""
        return [[self._read_role(item) for item in value] for value in listed.values]

    def _read_role(self, item: Any) -> str | None:
        name = get_or_none(item, self.column.path)
        return self.roles.get(str(name)) or KNOWN_ROLES.get(str(name).lower())


def find_speaker(inner: Columns) -> Speaker | None:
    """Returns the field of some mappings that names their speakers, as `user_message` does; None if there is none."""
    for column in inner.of_kind("code", "text"):
        if column.numbers or not {*column.words} & SPEAKER_NAMES or column.share < 1:
            continue
        roles = {value: _read_role(value) for value in column.distinct_values}
        if {*ROLES} <= {*roles.values()}:
            return Speaker(column, {v: role for v, role in roles.items() if v.lower() not in KNOWN_ROLES})
    return None


def _read_role(value: str) -> str:
    """Returns the role that a word of a value names; `PLACEHOLDER` if none or several do."""
    words = {*split_words(value)}
    if words & STAFF_NAMES:
        return "assistant"  # also 'customer service'
    roles = {KNOWN_ROLES[word] for word in words if word in KNOWN_ROLES}
    roles |= {"user"} if words & ASKER_NAMES else set()
    roles |= {"assistant"} if words & ANSWERER_NAMES else set()
    return roles.pop() if len(roles) == 1 else PLACEHOLDER
