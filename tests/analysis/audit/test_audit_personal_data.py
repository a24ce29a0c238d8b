"""Personal data are counted by kind and source; the audit has the places and forms of values, never the values."""

import io
import json
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from support.audit_rows import preference
from unipref.analysis.audit import audit, render_terminal, write_audit
from unipref.analysis.audit.findings import PersonalData

SECRETS = ("ann@b.org", "4111 1111 1111 1111", "bob@c.org", "+44 20 7946 0958")
ROWS = [
    preference("a", "a:1", "Mail to ann@b.org?", "Yes, 4111 1111 1111 1111.", "No."),
    preference("a", "a:2", "Mail to ann@b.org?", "ann@b.org and bob@c.org", None),
    preference("a", "a:3", "Phone?", None, "+44 20 7946 0958"),
    preference("b", "b:1", "Nothing in 2019?", "No, 12.", "Yes."),
]


def test_counts_places_and_forms(make_run: Callable[..., Path]) -> None:
    run = make_run(ROWS)
    result = audit(run)
    by_source = {page.source: page for page in result.sources}
    assert by_source["a"].personal_data == [
        PersonalData("card", 1, 1, [("a:1", "#### #### #### ####")]),
        PersonalData("email", 4, 2, [("a:1", "xxx@x.xxx"), ("a:2", "xxx@x.xxx")]),
        PersonalData("phone", 1, 1, [("a:3", "+## ## #### ####")]),
    ]
    assert by_source["b"].personal_data == []
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(render_terminal(result))
    shown = console.export_text()
    assert "email: 4 values in 2 preferences, such as a:1: xxx@x.xxx; a:2: xxx@x.xxx" in shown
    assert "none recognised by its form" in shown
    assert "a: its texts have what looks like personal data (card 1, email 4, phone 1)" in shown
    assert write_audit(result, run)
    written = (run / "audit.json").read_text()
    assert json.loads(written)["pages"][0]["personal_data"][1]["values"] == 4
    assert all(secret not in shown + written for secret in SECRETS)
