"""Items whose dialogue the model's chat template refuses: they are skipped and counted, and the others are measured."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from unipref.core.chat_models import Policy
from unipref.core.records import Messages

T = TypeVar("T")


def keep_accepted(
    policy: Policy, items: Sequence[T], to_pair: Callable[[T], tuple[Messages, Messages]], what: str
) -> tuple[list[T], list[str]]:
    """Keeps the items whose dialogue the chat template renders, and returns notes on the others.

    Args:
        policy: the model.
        items: the items of a benchmark.
        to_pair: prompt and answer of an item; without an answer, an empty list.
        what: the items in words, in the plural.
    """
    accepted = [item for item in items if policy.can_answer(*to_pair(item))]
    return accepted, refused_notes(len(items) - len(accepted), len(items), what)


def refused_notes(refused: int, total: int, what: str) -> list[str]:
    """The note that the chat template refused some items (`bad_role`); empty if it refused none."""
    note = f"{refused} of {total} {what} skipped (bad_role): the model's chat template refuses their dialogue."
    return [note] if refused else []


def unscored_notes(n: int, total: int, what: str) -> list[str]:
    """The note that the assistant's tokens cannot be found in some items, or are none; empty if there are no such."""
    return [f"{n} of {total} {what} skipped: an answer has no token that the assistant wrote."] if n else []
