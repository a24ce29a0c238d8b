"""The normal distribution is that of scipy."""

import numpy as np
import pytest

from unipref.core.stats.normal import find_normal_quantile, find_probabilities


def test_probabilities_are_those_of_scipy() -> None:
    from scipy.special import ndtr

    values = np.linspace(-40, 40, 1200).reshape(3, 400)
    np.testing.assert_allclose(find_probabilities(values), ndtr(values), rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("p", [1e-9, 0.01, 0.3, 0.5, 0.975, 0.9999])
def test_quantiles_are_those_of_scipy(p: float) -> None:
    from scipy.special import ndtri

    assert find_normal_quantile(p) == pytest.approx(float(ndtri(p)), rel=1e-12)
