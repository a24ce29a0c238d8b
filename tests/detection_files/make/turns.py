"""Turns of dialogues, and two answers in random order."""

from .texts import Item, Texts


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def sides(texts: Texts, item: Item) -> tuple[str, str, int]:
    """Returns two answers in random order and which one is better."""
    return (item.good, item.poor, 0) if texts.is_less(0.5) else (item.poor, item.good, 1)
