"""The coverage of the intervals, in a small seeded form: the full one is `benchmarks/coverage.py`."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
SMALL = 120


def load(name: str, called: str) -> ModuleType:
    """Loads a benchmark under another name, because a package is called `coverage`."""
    spec = importlib.util.spec_from_file_location(called, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[called] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def study() -> Iterator[ModuleType]:
    sys.path.insert(0, str(FOLDER))
    try:
        yield load("coverage", "coverage_of_intervals")
    finally:
        sys.path.remove(str(FOLDER))


def test_shares_of_independent_answers_are_covered_and_never_without_width(study: ModuleType) -> None:
    rows = list(study.measure_shares())
    assert len(rows) == len(study.SHARES) * len(study.SIZES)
    for name, before, _, now, width in rows:
        # Of 20 answers with p = .004, none is right in 92.3 % of all cases: no interval covers 93 to 97 %.
        assert (0.92 if name == "share 0.004, n = 20" else 0.93) <= now <= 0.97, name
        assert width > 0.004
        assert before < 0.97
    assert min(before for _, before, *_ in rows) < 0.1


def test_clusters_are_covered(study: ModuleType) -> None:
    rows = list(study.measure_clusters(SMALL))
    now = [row[3] for row in rows]
    # 12 rows of 120 draws: the standard error of their mean is .006.
    assert sum(now) / len(now) == pytest.approx(0.95, abs=0.03)
    assert min(now) > 0.86
    # The bootstrap over examples ignores that they are correlated.
    assert max(row[1] for row in rows) < 0.75


def test_differences_over_two_seeds_are_covered_at_less_than_half_the_width(study: ModuleType) -> None:
    rows = list(study.measure_seeds(30, with_old=False))
    assert sum(row[3] for row in rows) / len(rows) == pytest.approx(0.95, abs=0.03)
    (_, before_cover, before, now_cover, now), *_ = study.measure_seeds(6)
    assert now < before / 2
    assert min(before_cover, now_cover) > 0.8


def test_a_part_of_a_page_is_replaced(study: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<b>\nold\n<e>\nz\n")
    study.replace_part(page, "<b>", "<e>", ["new"])
    assert page.read_text() == "a\n<b>\nnew\n<e>\nz\n"
    with pytest.raises(ValueError, match="marks"):
        study.replace_part(page, "<x>", "<e>", [])
