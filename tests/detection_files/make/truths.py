"""Short ways to write down what is right about a file."""

from typing import Any

HAND = "hand-made, as people write such files"


def reading(format: str | list[str], /, **settings: Any) -> dict[str, Any]:
    """One right reading: the format (or several that say the same) and its settings."""
    return {"format": [format] if isinstance(format, str) else format, "map": settings}


def inside(records: str, right: dict[str, Any]) -> dict[str, Any]:
    """The reading, of rows that are in a list inside the file."""
    return right | {"records": records}


def judged(about: str, seen: str, *right: dict[str, Any], judgements: list[str], **more: Any) -> dict[str, Any]:
    """A file that holds judgements."""
    return {"about": about, "seen": seen, "holds": "judgements", "right": list(right), "judgements": judgements} | more


def shown(about: str, seen: str, *right: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A file of demonstrations: nothing in it judges an answer."""
    return {"about": about, "seen": seen, "holds": "demonstrations", "right": list(right)} | more


def nothing(about: str, seen: str = HAND, **more: Any) -> dict[str, Any]:
    """A file that holds no feedback."""
    return {"about": about, "seen": seen, "holds": "nothing", "right": []} | more
