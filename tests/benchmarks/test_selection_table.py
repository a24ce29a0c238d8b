"""The variants of the selection study."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

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
