"""The verdict: three sentences, the claims with their rules, and what went wrong."""

import json
from pathlib import Path
from typing import Any

from unipref.core.errors import UserError
from unipref.report.content import Points, Section, number

FILE = "verdicts.json"


def read_verdicts(run: Path) -> dict[str, Any] | None:
    """The verdicts of a run; None where it has none.

    Raises:
        UserError: the file is broken.
    """
    path = run / FILE
    if not path.is_file():
        return None
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found if found["claims"] is not None else None
    except (ValueError, TypeError, KeyError) as error:
        mend = "Run `unipref run` again to rewrite it."
        raise UserError(f"these are no verdicts: {error!r}.", where=str(path), mend=mend) from error


def verdict_section(found: dict[str, Any] | None) -> Section | None:
    """The section; None where there are no verdicts."""
    if found is None:
        return None
    sides = "; ".join(
        f"{objective}: {side['metric']} of {side['benchmark']}"
        + (f" ({side['slice']})" if side["slice"] != "all" else "")
        + (f", read beside {side['beside']}" if side["beside"] else "")
        for objective, side in found["sides"].items()
    )
    paragraphs = [*found["summary"], f"Judged by {sides}."]
    if found["front"]:
        front = found["front"]
        paragraphs.append(
            f"No model is better on both sides than: {', '.join(front['models'])}. Hypervolume "
            f"{number(front['hypervolume'])}, from {front['from']}."
        )
    points = [Points("Signs of failure", warnings(found))] if warnings(found) else []
    points.append(
        Points("When a claim counts", [f"{one['claim']}: {one['rule']}" for one in found["claims"]], folded=True)
    )
    absent = [f"{one['name']}: {one['threshold']}" for one in found["signatures"] if not one["found"]]
    points += [Points("Looked for and not found", absent, folded=True)] if absent else []
    return Section("Verdict", paragraphs=paragraphs, points=points)


def warnings(found: dict[str, Any] | None) -> list[str]:
    """The failure signatures that occurred, each with its threshold."""
    if found is None:
        return []
    return [f"{one['name']} ({one['threshold']}): {where}" for one in found["signatures"] for where in one["found"]]


def summary(found: dict[str, Any] | None) -> list[str]:
    """The three sentences."""
    return list(found["summary"]) if found else []
