"""The first section of a report."""

import json
from pathlib import Path

import pytest

from support.verdict_evidence import ARMS, GOOD, MANIFEST, evidence
from unipref import report
from unipref.analysis.verdicts import judge


def test_the_report_begins_with_three_sentences(run_folder: Path, nasty: str) -> None:
    found = judge(evidence(ARMS, GOOD), MANIFEST | {"sources": {nasty: MANIFEST["sources"]["a"]}})
    (run_folder / "verdicts.json").write_text(json.dumps(found))
    page = report.write(run_folder).read_text()
    text = (run_folder / "report.md").read_text()
    assert text.index("## Verdict") < text.index("## Results")
    for sentence in found["summary"]:
        assert sentence.split(":")[0] in text
    assert "<script>alert" not in page
    assert "sources that hardly overlap (under 5 %" in text
    (run_folder / "verdicts.json").write_text("[]")
    with pytest.raises(Exception, match="these are no verdicts"):
        report.write(run_folder)
