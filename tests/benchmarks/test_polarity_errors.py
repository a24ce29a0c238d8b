"""The error rates of the polarity check, on few draws: false alarms near the nominal 1 %, and power."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
DRAWS = 120


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("polarity_errors", FOLDER / "polarity_errors.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


study = load()


@pytest.mark.parametrize("name", ["30 prompts, ten preferences with one vote", "300 prompts, one preference each"])
def test_false_alarms_are_near_the_nominal_rate_under_clustering(name: str) -> None:
    rate, naive = study.false_alarms(study.NULLS[name], DRAWS)
    assert rate <= 0.04  # 4 of 120 and fewer in 98 % of the times if the rate is .01
    if "one vote" in name:
        assert naive > 0.08


@pytest.mark.parametrize(
    ("by", "share", "verdict"),
    [
        ("rows, graded evidence", 0.0, "no_contradiction"),
        ("rows, graded evidence", 0.3, "mixed"),
        ("rows, evidence without grades", 0.3, "mixed"),
        ("rows, ten with one vote", 0.5, "mixed"),
        ("files, graded evidence", 0.1, "mixed"),
        ("raters, graded evidence", 1.0, "contradicts"),
    ],
)
def test_the_verdict_on_labels_that_are_turned_round(by: str, share: float, verdict: str) -> None:
    counts, covered = study.verdicts(study.POWER[by], share, 30)
    assert counts[verdict] >= 27
    assert covered >= 0.9
