"""The first section of a report."""

import json
from pathlib import Path

import msgspec

from support.run_records import manifest_from
from support.verdict_evidence import GOOD, MANIFEST, VARIANTS, evidence
from unipref import report
from unipref.analysis.verdicts import judge


def test_the_verdict_names_the_claims_that_the_study_tests(run_folder: Path, nasty: str) -> None:
    manifest = manifest_from(MANIFEST | {"sources": {nasty: MANIFEST["sources"]["a"]}})
    verdicts = judge(evidence(VARIANTS, GOOD), manifest)
    (run_folder / "verdicts.json").write_text(json.dumps(msgspec.to_builtins(verdicts)))
    page = report.write(run_folder).read_text()
    text = (run_folder / "report.md").read_text()
    assert text.index("## Which model to take") < text.index("## Results") < text.index("## Verdict")
    for sentence in verdicts.summary:
        assert sentence.split(":")[0] in text
    assert "<script>alert" not in page
    assert "sources that hardly overlap (under 5 %" in text
    (run_folder / "verdicts.json").write_text("[]")
    failures: list[str] = []
    report.write(run_folder, failures.append)
    assert "verdicts.json is corrupt or from another version" in failures[0]
    assert "## Results" in (run_folder / "report.md").read_text()
