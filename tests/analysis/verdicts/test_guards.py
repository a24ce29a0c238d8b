"""The guards of headline metrics, read from a run."""

from pathlib import Path

import pytest

import unipref
from support.study_files import study_of, write_sources
from unipref.analysis.verdicts.evidence import BASE_MODEL, Model
from unipref.analysis.verdicts.read import read_evidence
from unipref.core.run_folder import RunFolder
from unipref.evaluate.benchmarks.winogenerated import Winogenerated
from unipref.evaluate.example_files import write_example


def test_a_run_has_the_guards_of_its_headline_metrics(tmp_path: Path, tiny_model: Path) -> None:
    write_sources(tmp_path)
    write_example(Winogenerated, tmp_path / "winogenerated")
    study = study_of(tmp_path, tiny_model)
    study["train"] = study["train"][:1]
    study["evaluate"] = [{"winogenerated": {"data": "winogenerated"}}]
    run = unipref.run(study, tmp_path / "run")
    folder = RunFolder(run)
    evidence = read_evidence(run, folder.manifest, folder.scores())
    assert evidence.sides["bias"].metric == "stereotype_choice"
    guards = evidence.guards["bias"]
    side = guards.sides["female_choice"]
    assert (side.benchmark, side.metric) == ("winogenerated", "female_choice")
    trained = Model("main", "sft")
    gain = guards.compute_gain("female_choice", trained, BASE_MODEL)
    assert gain is not None
    figures = [guards.compute_figure("female_choice", model) for model in (BASE_MODEL, trained)]
    before, after = (figure.value for figure in figures if figure is not None and figure.value is not None)
    assert gain.value == pytest.approx(abs(before - 0.5) - abs(after - 0.5))
