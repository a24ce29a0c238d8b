"""Tests that invert the label of each public dataset: caught if the data can tell, and no false alarms."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from support.scripts import BENCHMARKS, open_script
from unipref.sources.catalog import DATASETS

CAUGHT = {"bigbench_mistake", "oasst_trees", "sfres_ratings", "topical_chat_ratings", "winogrande"}
"""Datasets with further evidence: other axes, likes, final answers, labels published apart."""
UNLABELLED = {"alpaca", "dolly_csv", "lima", "seed_tasks", "shepherd_critiques"}


@pytest.fixture(scope="module")
def flips() -> Iterator[ModuleType]:
    """The benchmark as a module of the name by which its functions are found."""
    with open_script(BENCHMARKS / "flip_table.py", "flip_table") as module:
        yield module


def entries() -> list[Any]:
    return [pytest.param(entry, id=entry.name) for entry in DATASETS if entry.verified == "data"]


def test_twenty_folders_are_known() -> None:
    assert len(entries()) == 20


@pytest.mark.parametrize("entry", entries())
def test_every_label_is_inverted(entry: Any, flips: ModuleType) -> None:
    flip = flips.find_flip(entry)
    assert (flip is None) is (entry.name in UNLABELLED)
    if flip is not None:
        assert flip.map
        assert flip.map != entry.map


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("entry", entries())
def test_inverted_labels_are_caught_and_right_ones_are_not(entry: Any, flips: ModuleType, shared: Path) -> None:
    data = shared / "data" / "feedback"
    flip = flips.find_flip(entry)
    if entry.name == "shepherd_critiques":  # nothing usable is left without a scorer
        assert flips.run_unify(entry, data, {}).verdict == "error"
        return
    # The tests of the catalog read the others as published, and check the verdict.
    if entry.name in flips.EVIDENCE:
        assert flips.run_unify(entry, data, {}).verdict == "no_contradiction"
    if flip is None:
        return
    inverted = flips.run_unify(entry, data, flip.map)
    if entry.name in CAUGHT:
        assert inverted.verdict == "contradicts"
        assert flips.describe_conclusion(flip, inverted) == "caught: the run stops"
    else:
        assert inverted.verdict == "unknown"
        assert flips.describe_conclusion(flip, inverted).startswith("cannot be known: nothing else")


@pytest.mark.shared
def test_the_table_has_a_line_for_each_folder(flips: ModuleType, shared: Path, tmp_path: Path) -> None:
    for name in ("alpaca", "topical_chat_ratings"):
        (tmp_path / name).symlink_to(shared / "data" / "feedback" / name)
    assert flips.make_table(tmp_path).splitlines()[2:] == [
        "| alpaca | none |  |  |  | cannot be known: it has no label |",
        "| topical_chat_ratings | overall | better: low | no contradiction seen 48:0 | contradicts 0:48 | "
        "caught: the run stops |",
    ]


def test_an_empty_folder_is_an_error(flips: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no folder named as a dataset"):
        flips.make_table(tmp_path)
