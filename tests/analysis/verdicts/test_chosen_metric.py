"""A study that chooses the metric by which the verdicts judge a benchmark."""

from pathlib import Path
from typing import Any

import pytest

import unipref
from support.study_files import study_of, write_sources
from unipref.analysis.verdicts.read import read_evidence
from unipref.core.errors import UserError
from unipref.core.run_folder import HeadlineInfo, RunFolder, Verdicts
from unipref.evaluate.benchmarks.winogenerated import Winogenerated
from unipref.evaluate.example_files import write_example
from unipref.report.sections.verdict import make_verdict_section
from unipref.study.load import load


@pytest.fixture
def study(tmp_path: Path, tiny_model: Path) -> dict[str, Any]:
    """A study that measures the base model alone."""
    write_sources(tmp_path)
    write_example(Winogenerated, tmp_path / "winogenerated")
    study = study_of(tmp_path, tiny_model) | {"evaluate": [{"winogenerated": {"data": "winogenerated"}}]}
    return study | {"train": [], "report": {"examples": 0}}


def test_it_replaces_the_headline_metric_and_the_report_says_so(study: dict[str, Any], tmp_path: Path) -> None:
    run = unipref.run(study | {"verdicts": {"headline": {"winogenerated": "female_choice"}}}, tmp_path / "run")
    folder = RunFolder(run)
    evidence = read_evidence(run, folder.manifest, folder.scores())
    side = evidence.sides["bias"]
    assert (side.metric, side.replaces) == ("female_choice", "stereotype_choice")
    assert "female_choice" not in evidence.guards.get("bias", evidence).sides  # it guards nothing against itself
    section = make_verdict_section(Verdicts(claims=[], sides={"bias": side.record()}))
    assert section is not None
    assert section.paragraphs == [
        "Headline metrics: bias: female_choice of winogenerated, which the study chose in place of stereotype_choice, "
        "smallest effect of interest 0.05."
    ]


def test_a_metric_that_the_benchmark_lacks_stops_the_run_before_training(study: dict[str, Any], tmp_path: Path) -> None:
    study |= {"train": [{"sft": {"max_steps": 1}}]}
    with pytest.raises(UserError, match="no metric 'female_choise'") as caught:
        unipref.run(study | {"verdicts": {"headline": {"winogenerated": "female_choise"}}}, tmp_path / "run")
    assert caught.value.where == "verdicts.headline.winogenerated"
    assert caught.value.mend == "Did you mean 'female_choice'?"
    assert (tmp_path / "run" / "evaluated" / "base" / "winogenerated").is_dir()
    assert not (tmp_path / "run" / "train").exists()


def test_a_wrong_metric_leaves_the_records_of_a_finished_run(study: dict[str, Any], tmp_path: Path) -> None:
    study |= {"train": [{"sft": {"max_steps": 1}}]}
    run = unipref.run(study, tmp_path / "run")
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    with pytest.raises(UserError, match="no metric 'female_choise'"):
        unipref.run(study | {"verdicts": {"headline": {"winogenerated": "female_choise"}}}, run)
    assert {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()} == before


def test_a_metric_that_a_finished_run_lacks_is_named(study: dict[str, Any], tmp_path: Path) -> None:
    run = unipref.run(study, tmp_path / "run")
    folder = RunFolder(run)
    manifest = folder.manifest
    manifest.variants["main"].judged["winogenerated"] = HeadlineInfo(
        "bias", "female_choise", replaces="stereotype_choice"
    )
    with pytest.raises(UserError, match="no metric 'female_choise'"):
        read_evidence(run, manifest, folder.scores())


def test_a_benchmark_that_the_study_lacks_is_refused(study: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="no benchmark 'winogenerate' with a headline metric") as caught:
        load(study | {"verdicts": {"headline": {"winogenerate": "female_choice"}}})
    assert caught.value.where == "verdicts.headline"
    assert caught.value.mend == "Did you mean 'winogenerated'?"
