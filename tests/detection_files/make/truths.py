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


def rated(prompt: Any, response: Any, path: str, way: str, bad: str, middle: str, good: str) -> list[dict[str, Any]]:
    """Readings of numbers on a scale: as scores, or as thumbs with bounds.

    Values between the three that are named may be on either side, or on none.
    """
    codes = {bad: "bad", middle: "neutral", good: "good"} if way != "ask" else dict.fromkeys((bad, middle, good), "ask")
    return [
        reading("ratings", prompt=prompt, response=response, scores={path: way}),
        reading("thumbs", prompt=prompt, response=response, label=path, codes=codes),
    ]


def thumbs(prompt: Any, response: Any, label: Any, **codes: str) -> dict[str, Any]:
    """The reading of one answer with a mark that praises or blames it."""
    return reading(["thumbs", "ratings"], prompt=prompt, response=response, label=label, codes=codes)
