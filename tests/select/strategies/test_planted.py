"""A world of known topics, wrong labels and copies: what each strategy finds of it, and that its measures are right."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from support.scripts import open_script

PLACE = Path(__file__).parents[3] / "benchmarks" / "selection_planted.py"


@pytest.fixture(scope="module")
def planted() -> Iterator[ModuleType]:
    with open_script(PLACE, "selection_planted") as module:
        yield module


@pytest.fixture(scope="module")
def found(planted: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, float]]:
    """Strategy -> measure -> mean over three worlds of 1,500, a fifth kept."""
    folder = tmp_path_factory.mktemp("planted")
    worlds = [planted.build(folder, 1500, seed) for seed in range(3)]
    values = planted.compare(worlds, 0.2, folder)
    return {name: {key: float(np.mean(v)) for key, v in by.items()} for name, by in values.items()}


def test_the_measures_are_what_they_say(planted: ModuleType) -> None:
    """Six preferences, families a a b c d d, topics 0 0 0 1 1 1; the second and the last have wrong labels."""
    world: Any = planted.World(
        Path(),
        np.array([True, False, True, True, True, False]),
        np.array([0, 0, 0, 1, 1, 1]),
        np.array([0, 0, 2, 3, 4, 4]),
    )
    found = world.measure(np.array([0, 1, 3, 5]), 4 / 6)
    # Kept: a a c d, of which a's first and c are right; topics 2 and 2; four of four families could have been kept.
    assert found == pytest.approx(
        {"filled": 1.0, "purity": 0.5, "families": 3 / 4, "topics": 2.0, "copies": 1 / 4, "useful": 2 / 4}
    )


def test_what_is_planted_is_there(planted: ModuleType, tmp_path: Path) -> None:
    world = planted.build(tmp_path, 2000, 0)
    rows = pq.read_table(world.file).to_pylist()
    assert len({row["id"] for row in rows}) == 2000
    words = [row["prompt"][0]["content"].split() for row in rows]
    copies = np.flatnonzero(world.family != np.arange(2000))
    assert len(copies) == 500
    for i in copies:
        original = int(world.family[i])
        assert world.topic[i] == world.topic[original]
        assert sum(a != b for a, b in zip(words[i], words[original], strict=True)) <= 1
    careless = np.isin(world.topic, planted.NOISY)
    assert world.right[careless].mean() < world.right[~careless].mean() - 0.1
    margins = np.array([row["margin_percentile"] for row in rows])
    assert margins[world.right].mean() > margins[~world.right].mean() + 0.1


def test_chance_keeps_what_there_is(found: dict[str, dict[str, float]]) -> None:
    """Purity of a random 900 of 4,500 in three worlds: the share of right labels, 85 %, to three standard errors."""
    assert found["random"]["purity"] == pytest.approx(0.85, abs=3 * (0.85 * 0.15 / 900) ** 0.5)


@pytest.mark.parametrize("name", ["quality", "cluster_quality", "quality_gate", "deita"])
def test_what_looks_at_quality_has_fewer_wrong_labels_than_chance(name: str, found: dict[str, Any]) -> None:
    assert found[name]["purity"] > found["random"]["purity"] + 0.03


def test_each_strategy_is_good_at_its_own(found: dict[str, dict[str, float]]) -> None:
    # Quality alone takes the copies of what is good, and most from the topics of careless raters.
    assert found["quality"]["copies"] > found["random"]["copies"] + 0.03
    assert found["cluster_quality, 24 clusters"]["purity"] > found["quality"]["purity"]
    # Coverage takes representatives and neither copies nor labels into account.
    assert found["facility_location"]["families"] > found["random"]["families"]
    assert found["facility_location"]["purity"] < found["quality"]["purity"]
    # Distance takes no copies, and so most families with a right label.
    assert found["deita"]["copies"] < found["random"]["copies"] / 2
    assert found["deita"]["useful"] > max(found["random"]["useful"], found["quality"]["useful"])
    assert all(0.9 < values["filled"] <= 1 for name, values in found.items() if name != "deita, distance 0.3")
