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
    load("selection_runs")
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
    load("selection_runs")
    study = load("selection_study")
    variants = study.make_confidence_variants()
    names = ["main", "quality-confidence-04", "random-06", "quality-confidence-06", "main", "main"]
    assert [variant.name for variant in variants] == names
    by_confidence = variants[3]
    assert by_confidence.rival == variants[2]
    assert variants[1].rival == variants[0]
    assert by_confidence.settings == {"fraction": 0.6, "unscored": "sample", "quality": ["confidence"]}
    folders = [variant.folder("careless", 1, Path("out")).name for variant in variants]
    assert folders == [*["careless-1-parts"] * 4, "careless-1-all-latent", "careless-1-all-majority"]
    assert study.Variant("quality", 0.2).settings == {"fraction": 0.2, "unscored": "sample"}
    assert study.Variant("quality", 0.2).folder("careless", 1, Path("out")) == Path("out/runs/careless-1")


def test_jobs_run_seed_by_seed_and_all_data_last(monkeypatch: pytest.MonkeyPatch) -> None:
    load("selection_runs")
    study = load("selection_study")
    monkeypatch.setattr(study, "study_of", lambda noise, out, seed, sft, tried: (seed, len(tried)))
    seeds = {"careless": 2, "gaussian": 1, "adversarial": 2}
    jobs = study.list_jobs(Path("out"), {}, seeds, study.make_confidence_variants())
    order = ["careless-0", "gaussian-0", "adversarial-0", "careless-1", "adversarial-1"]
    whole = [f"{name}-all-{aggregate}" for name in order for aggregate in ("latent", "majority")]
    assert [folder.name for _, folder in jobs] == [*(f"{name}-parts" for name in order), *whole]
    assert jobs[3][0] == (1, 4)
    margin = study.list_jobs(Path("out"), {}, seeds, study.make_variants(kept=False))
    assert [folder.name for _, folder in margin] == order


def test_the_study_of_the_parts_trains_on_no_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    load("selection_runs")
    study = load("selection_study")
    demo_study = FOLDER.parent / "src/unipref/demo/study.yaml"
    (tmp_path / "study.yaml").write_bytes(demo_study.read_bytes())
    monkeypatch.setattr(study, "world_of", lambda noise, out: tmp_path)
    parts = study.study_of("careless", tmp_path, 3, {"max_steps": 1}, study.make_confidence_variants()[:4])
    assert parts["select"] == {"random": {"fraction": 0.4, "unscored": "sample"}}
    assert {name: variant["select"] for name, variant in parts["variants"].items()} == {
        "quality-confidence-04": {"quality": {"fraction": 0.4, "unscored": "sample", "quality": ["confidence"]}},
        "random-06": {"random": {"fraction": 0.6, "unscored": "sample"}},
        "quality-confidence-06": {"quality": {"fraction": 0.6, "unscored": "sample", "quality": ["confidence"]}},
    }
    assert [source["name"] for source in parts["sources"]][-1] == "panel"
    assert (parts["unify"], parts["seeds"]) == ({"aggregate": "latent"}, [3])
    assert [list(one) for one in parts["evaluate"]] == [["instructions"]]
    first = study.study_of("careless", tmp_path, 0, {"max_steps": 1}, study.make_variants(kept=False)[:2])
    assert (first["select"], "unify" in first, len(first["evaluate"])) == ("all", False, 3)
    assert [source["name"] for source in first["sources"]][-1] == "thumbs"


def test_figures_of_calibration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    calibration = load("selection_calibration")
    pairs = calibration.Pairs(
        np.array([0.9, 0.9, 0.1, 0.52, np.nan]),
        np.array([True, False, False, True, True]),
        np.array(["a", "a", "b", "b", "b"]),
        np.array(["a, x", "a, x", "b, x", "b, x", "b, x"]),
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
    assert lines[6] == "| careless | 0.400 | 0.290 |"
    # Of the pairs that are not overruled and have a confidence, .4 are one of the two of source a and none of b.
    assert lines[-1] == "| careless | 0.667 [0.667 to 0.667] | 1.000 [1.000 to 1.000] | 1.000 [1.000 to 1.000] |"
