"""Counts the personal data that are recognised in the texts of a source; of a value, only the form is kept."""

from collections import Counter

from unipref.analysis.audit.findings import PersonalData
from unipref.analysis.audit.unified_run import AuditedPreference
from unipref.clean.personal_data import KINDS, Recogniser, Span, mask
from unipref.core.messages import message_text
from unipref.core.records import Messages

MOST_EXAMPLES = 3
"""Most examples per kind, the first in file order."""


class ValueFinder:
    """Finds the personal data of preferences."""

    def __init__(self) -> None:
        self._recogniser = Recogniser()
        self._last_prompt: tuple[Messages, list[tuple[str, str]]] = ([], [])

    def find(self, preference: AuditedPreference) -> list[tuple[str, str]]:
        """Returns the kind and the form of each value in the texts of a preference."""
        if preference.prompt != self._last_prompt[0]:
            # Preferences of one prompt follow each other.
            self._last_prompt = preference.prompt, self._find(preference.prompt)
        return [*self._last_prompt[1], *self._find(preference.chosen), *self._find(preference.rejected)]

    def _find(self, messages: Messages | None) -> list[tuple[str, str]]:
        """The kind and the form of each value."""
        return [
            (span.kind, _form(text, span))
            for message in messages or ()
            for text in (message_text(message, with_reasoning=True),)
            for span in self._recogniser.find(text)
        ]


class PersonalDataTally:
    """Counts the values of each kind in the preferences of one source."""

    def __init__(self) -> None:
        self._values: Counter[str] = Counter()
        self._preferences: Counter[str] = Counter()
        self._examples: dict[str, list[tuple[str, str]]] = {}

    def add(self, place: str, values: list[tuple[str, str]]) -> None:
        """Counts the values in the texts of a preference, and keeps the first examples."""
        self._values.update(kind for kind, _ in values)
        self._preferences.update({kind for kind, _ in values})
        for kind, form in values:
            self._add_example(kind, place, form)

    def _add_example(self, kind: str, place: str, form: str) -> None:
        examples = self._examples.setdefault(kind, [])
        if len(examples) < MOST_EXAMPLES and all(place != earlier for earlier, _ in examples):
            examples.append((place, form))

    def merge(self, other: "PersonalDataTally") -> None:
        """Adds later preferences."""
        self._values.update(other._values)
        self._preferences.update(other._preferences)
        for kind, examples in other._examples.items():
            for place, form in examples:
                self._add_example(kind, place, form)

    def count(self) -> list[PersonalData]:
        """Returns the counts of each kind that occurs."""
        return [
            PersonalData(kind, self._values[kind], self._preferences[kind], self._examples[kind])
            for kind in sorted(KINDS)
            if self._values[kind]
        ]


def _form(text: str, span: Span) -> str:
    return mask(text[span.start : span.end])
