"""Checks a page in a browser by the rules of axe-core. It is not part of this project: without it tests are skipped."""

import os
from pathlib import Path
from typing import Any

import pytest

VARIABLE = "UNIPREF_AXE"
MATTERS = ("serious", "critical")


def read_axe() -> str:
    """Returns the script of axe-core."""
    if VARIABLE not in os.environ:
        pytest.skip(f"no axe-core: {VARIABLE} does not name an axe.min.js (npm pack axe-core)")
    return Path(os.environ[VARIABLE]).read_text(encoding="utf-8")


def run_axe(page: Any, script: str) -> dict[str, Any]:
    """Runs all rules on a page of playwright; returns the result as axe-core gives it."""
    page.evaluate(script)
    result: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations', 'incomplete']})")
    return result


def list_findings(result: dict[str, Any]) -> list[str]:
    """Lists the findings that keep people from using a page: rule and the first elements."""
    return [
        f"{one['id']} ({one['impact']}): {[node['target'] for node in one['nodes'][:3]]}"
        for one in result["violations"]
        if one["impact"] in MATTERS
    ]
