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
        (135_000_000, "cpu", 11),  # 200 tokens of a pair: 27e9 of 300e9
        (7_000_000_000, "cpu", 8),
        (7_000_000_000, "cuda", 100),
    ],
)
def test_the_number_of_pairs_fits_the_model(parameters: int, device: str, expected: int) -> None:
    pairs = [pair(n) for n in range(100)]
    chosen = sample_affordable(pairs, parameters, device)
    assert len(chosen) == expected
    places = [row["n"] for row in chosen]
    assert places == sorted(set(places))
    assert places[0] == 0
    assert places[-1] >= 85  # spread over all pairs


def test_few_pairs_are_all_asked() -> None:
    assert len(sample_affordable([pair(n) for n in range(3)], 10**12, "cpu")) == 3
    assert sample_affordable([], 10**12, "cpu") == []
