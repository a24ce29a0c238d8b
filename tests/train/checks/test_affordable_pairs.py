"""The check before training asks a large model on a CPU about fewer pairs."""

from typing import Any

import pytest

from unipref.train.checks.model import sample_affordable


def pair(n: int, letters: int = 300) -> dict[str, Any]:
    def turn(role: str) -> list[dict[str, str]]:
        return [{"role": role, "content": "x" * (letters // 3)}]

    return {"n": n, "prompt": turn("user"), "chosen": turn("assistant") * 2, "rejected": turn("assistant") * 2}


@pytest.mark.parametrize(
    ("parameters", "device", "expected"),
    [
        (260_000, "cpu", 100),
        (70_000_000, "cpu", 13),  # 167 tokens of a pair: 12e9 of 160e9
        (7_000_000_000, "cuda", 100),
    ],
)
def test_the_number_of_pairs_fits_the_model(parameters: int, device: str, expected: int) -> None:
    pairs = [pair(n) for n in range(100)]
    chosen, shortest = sample_affordable(pairs, parameters, device)
    assert (len(chosen), shortest) == (expected, False)
    places = [row["n"] for row in chosen]
    assert places == sorted(set(places))
    assert places[0] == 0
    assert places[-1] >= 85  # spread over all pairs


def test_few_pairs_are_all_asked() -> None:
    assert len(sample_affordable([pair(n) for n in range(3)], 10**9, "cpu")[0]) == 3
    assert sample_affordable([], 10**12, "cpu") == ([], False)


def test_a_model_that_is_slow_on_long_pairs_is_asked_about_the_shortest() -> None:
    pairs = [pair(n, letters=300 * (1 + n % 10)) for n in range(100)]
    chosen, shortest = sample_affordable(pairs, 1_000_000_000, "cpu")
    assert shortest
    assert [row["n"] for row in chosen] == [0, 10, 20, 30, 40, 50, 60, 70]
