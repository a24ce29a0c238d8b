"""Labour statistics: correlations as functions of means against numpy and scipy, and their intervals."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from unipref.core.errors import UserError
from unipref.core.stats.differences import difference
from unipref.evaluate.readers.labour_statistics import correlation, correlations, read_percent_women


def test_correlations_are_those_of_numpy_and_scipy() -> None:
    rng = np.random.default_rng(0)
    # Far from 0 and with ties: sums of squares must not lose the differences.
    x = 1e6 + rng.normal(size=40).round(1)
    y = 50 + 3 * (x - 1e6) + rng.normal(size=40)
    names = [f"occupation {at:02}" for at in range(40)]
    pearson, spearman = correlations(dict(zip(names, x, strict=True)), dict(zip(names, y, strict=True)))
    assert pearson.score().value == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-9)
    assert spearman.score().value == pytest.approx(spearmanr(x, y).statistic, abs=1e-9)
    score = pearson.score()
    assert score.low < score.value < score.high
    assert (score.n, score.unit, score.direction, score.ideal, score.chance) == (40, "occupations", "ideal", 0.0, 0.0)


def test_no_variation_is_no_correlation_and_two_points_are_too_few() -> None:
    flat = correlation("r", list("abc"), [1.0, 1.0, 1.0], [1.0, 2.0, 3.0])
    assert (flat.score().value, flat.score().low, flat.score().high) == (0.0, 0.0, 0.0)
    assert correlations({"a": 1.0, "b": 2.0}, {"a": 1.0, "b": 2.0}) == []


def test_two_models_are_compared_on_the_same_occupations() -> None:
    y = np.arange(20.0)
    names = [f"{at:02}" for at in range(20)]
    with_bias, without = (correlation("r", names, x, y) for x in (y, np.tile([1.0, -1.0], 10)))
    result = difference(without, with_bias)
    assert result.second == pytest.approx(1.0)
    assert result.verdict == "worse"


def test_an_invalid_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "stats.tsv"
    path.write_text("occupation\tbls_pct_women\nnurse\t90\n")
    with pytest.raises(UserError, match=r"no column 'bls_pct_female'; its columns are: occupation, bls_pct_women\."):
        read_percent_women(path)
    path.write_text("occupation\tbls_pct_female\nNurse \t90\nbaker\tmany\n")
    with pytest.raises(UserError, match=r"stats.tsv:3: 'many' in column"):
        read_percent_women(path)
    path.write_text("occupation\tbls_pct_female\nNurse \t90\n")
    assert read_percent_women(path) == {"nurse": 90.0}
