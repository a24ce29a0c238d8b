"""A reward of the user's own, named in a study by its dotted path."""

from unipref.core.records import Messages


def shout(prompt: Messages, answer: str) -> float | None:
    """A reward of the user's own."""
    if answer == "boom":
        raise RuntimeError("no")
    return None if answer == "silence" else sum(map(str.isupper, answer)) / len(prompt[0]["content"])
