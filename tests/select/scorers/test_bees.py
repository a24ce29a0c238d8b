"""The Bayesian aggregation of margins, against the published formula worked naively."""

import numpy as np
import pytest

from support.hand_made import hand_made
from unipref.core import registry
from unipref.core.errors import UserError
from unipref.select.scorers.bees import Bees, aggregate, to_probability


def test_the_aggregate_is_the_published_product():
    """P = (clip(m, L, U) - L) / (U - L); prod p / (prod p + prod (1 - p)), over the margins that are known."""
    percentiles = [0.9, 0.2, 0.5, np.nan, np.nan]
    confidences = [0.8, 0.6, np.nan, 0.7, np.nan]
    given = hand_made(percentiles, confidences=confidences)
    bounds = {"margin_percentile": (0.1, 0.7), "confidence": (0.0, 1.0)}
    found = given.score(Bees(margins=["margin_percentile", "confidence"], bounds=bounds))

    def joint(*chances):
        yes, no = 1.0, 1.0
        for chance in chances:
            yes, no = yes * chance, no * (1 - chance)
        return yes / (yes + no)

    # 0.9 is cut to 0.7, so p = 1, which is held at 0.999; (0.2 - 0.1) / 0.6 = 1/6; (0.5 - 0.1) / 0.6 = 2/3.
    expected = [joint(0.999, 0.8), joint(1 / 6, 0.6), joint(2 / 3), joint(0.7), np.nan]
    assert found == pytest.approx(expected, nan_ok=True, rel=1e-5)


def test_quantiles_of_the_source_are_the_bounds():
    values = np.linspace(0, 1, 21)
    given = hand_made([*values, *(10 * values)], sources=["a"] * 21 + ["b"] * 21)
    found = given.score(Bees(margins=["margin_percentile"]))
    expected = np.clip((values - 0.05) / 0.9, 0.001, 0.999)
    assert found == pytest.approx([*expected, *expected], abs=1e-6)


def test_one_doubtful_margin_lowers_the_whole():
    sure, doubtful = np.array([0.9, 0.9]), np.array([0.9, 0.1])
    found = aggregate(np.stack([sure, doubtful]))
    assert found == pytest.approx([0.81 / 0.82, 0.5])


def test_equal_margins_say_nothing():
    level = np.array([2.0, 2.0, np.nan])
    assert to_probability(level, level, level) == pytest.approx([0.5, 0.5, np.nan], nan_ok=True)


def test_settings_are_checked():
    with pytest.raises(UserError, match="not in ascending order"):
        registry.make("scorer", "bees", {"bounds": {"margin_percentile": [1, 1]}}, "quality")
    with pytest.raises(UserError, match="unknown scorer 'margn'"):
        registry.make("scorer", "bees", {"margins": ["margn"]}, "quality")
    made = registry.make("scorer", "bees", {"margins": ["margin", {"policy_margin": {"model": "org/own"}}]}, "quality")
    assert isinstance(made, Bees)
    assert made.models("org/study") == ["org/own"]
    # A cache key contains the settings of each margin.
    assert "org/own" in str(registry.cache_identity(made))


def test_bounds_of_an_unknown_margin_are_refused():
    with pytest.raises(UserError, match=r"'margn_percentile' is none of the margins.*margin_percentile"):
        registry.make("scorer", "bees", {"bounds": {"margn_percentile": [0, 1]}}, "quality")
