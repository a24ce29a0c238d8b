"""The variants of the selection study, and its figures of calibration."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_arms_are_named_and_compared_with_a_random_part_of_their_kind() -> None:
    study = load("selection_study")
    variants = {variant.name: variant for variant in study.make_variants(kept=True)}
    assert len(variants) == 1 + 3 * 4 + 4 + 4
    rivals = {name: variant.rival.name for name, variant in variants.items() if variant.rival}
    assert set(rivals.values()) <= set(variants)
    assert rivals["quality-04-epochs"] == "random-04-epochs"
    assert rivals["quality_gate-04-keep"] == "random-04-keep"
    assert rivals["cluster_quality-06"] == "random-06"
    assert variants["quality-04-epochs"].selects_as.name == "quality-04"
    assert study.FULL not in rivals


def test_selection_by_confidence_is_compared_on_the_same_data() -> None:
    study = load("selection_study")
    variants = study.make_confidence_variants()
    assert [variant.name for variant in variants] == [
        "main",
        "random-04",
        "quality-confidence-04",
        "random-06",
        "quality-confidence-06",
        "main",
    ]
    by_confidence = variants[4]
    assert by_confidence.rival == variants[3]
    assert by_confidence.settings == {"fraction": 0.6, "unscored": "sample", "quality": ["confidence"]}
    folders = [variant.folder("careless", 1, Path("out")) for variant in variants]
    assert len(set(folders[:5])) == 1
    assert folders[5].name == "careless-1-majority"
    assert study.Variant("quality", 0.2).settings == {"fraction": 0.2, "unscored": "sample"}
    assert study.Variant("quality", 0.2).folder("careless", 1, Path("out")) == Path("out/runs/careless-1")


def test_jobs_run_seed_by_seed_and_majority_last(monkeypatch: pytest.MonkeyPatch) -> None:
    study = load("selection_study")
    monkeypatch.setattr(study, "study_of", lambda noise, out, seed, sft, tried: {"aggregate": tried[0].aggregate})
    seeds = {"careless": 2, "gaussian": 1, "adversarial": 2}
    jobs = study.list_jobs(Path("out"), {}, seeds, study.make_confidence_variants())
    assert [folder.name for _, folder in jobs] == [
        *(
            "careless-0-latent",
            "gaussian-0-latent",
            "adversarial-0-latent",
            "careless-1-latent",
            "adversarial-1-latent",
        ),
        *("careless-0-majority", "gaussian-0-majority", "adversarial-0-majority"),
        *("careless-1-majority", "adversarial-1-majority"),
    ]
    assert jobs[3][0] == {"aggregate": "latent", "seeds": [1]}


def test_figures_of_calibration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    calibration = load("selection_calibration")
    pairs = calibration.Pairs(
        np.array([0.9, 0.9, 0.1, 0.52, np.nan]),
        np.array([True, False, False, True, True]),
        np.array(["a", "a", "b", "b", "b"]),
    )
    figures = calibration.summarise([pairs])
    # In the order that is more probable, three pairs have .9, of which two are right, and one has .52 and is right.
    assert figures["error"] == pytest.approx(0.75 * abs(0.9 - 2 / 3) + 0.25 * abs(0.52 - 1.0))
    assert figures["right_order"] == pytest.approx(0.75)
    assert figures["known"] == pytest.approx(0.8)
    # The third pair is overruled; the one of unknown confidence stays.
    assert (figures["right_before"], figures["right_after"], figures["kept"]) == pytest.approx((0.6, 0.75, 0.8))
    assert figures["error_by_source"]["a"] == pytest.approx(0.4)
    lines = calibration.make_tables({"careless": figures})
    assert lines[2].startswith("| careless | 5 | 0.80 | 0.805 | 0.750 |")
    assert lines[-1] == "| careless | 0.400 | 0.290 |"
