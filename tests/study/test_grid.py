"""`grid: paper` becomes named variants."""

from pathlib import Path
from typing import Any

import pytest

from support.study_files import study_of, write_sources
from unipref.core.errors import UserError
from unipref.study.grid import Grid, expand
from unipref.study.load import load
from unipref.study.steps import list_steps

TWO = [("trees", "instruction"), ("pairs", "bias")]


def selects(arms: dict[str, dict[str, Any]]) -> dict[str, Any]:
    assert all(arm.keys() == {"select"} for arm in arms.values())
    return {name: arm["select"] for name, arm in arms.items()}


def test_the_papers_table_and_what_it_lacks() -> None:
    found = selects(expand(Grid(), {"cluster_quality": {"count": 9, "embedder": "minilm", "unscored": "keep"}}, TWO))
    own = {"count": None, "embedder": "minilm", "unscored": "keep"}
    blind = {"unscored": "keep"}
    assert found == {
        "combined": "all",
        "source-trees": {"only": {"sources": ["trees"]}},
        "source-pairs": {"only": {"sources": ["pairs"]}},
        "objective-instruction": {"only": {"objectives": ["instruction"]}},
        "objective-bias": {"only": {"objectives": ["bias"]}},
        "selected-0.2": {"cluster_quality": {**own, "fraction": 0.2}},
        "random-0.2": {"random": {**blind, "fraction": 0.2}},
        "selected-0.4": {"cluster_quality": {**own, "fraction": 0.4}},
        "random-0.4": {"random": {**blind, "fraction": 0.4}},
        "selected-0.6": {"cluster_quality": {**own, "fraction": 0.6}},
        "random-0.6": {"random": {**blind, "fraction": 0.6}},
        "quality-0.4": {"quality": {**blind, "fraction": 0.4}},
        "diversity-0.4": {"facility_location": {**blind, "embedder": "minilm", "fraction": 0.4}},
        **{
            f"weight-instruction-{share}": {
                "cluster_quality": {
                    **own,
                    "unscored": "sample",
                    "shares": {"instruction": share},
                    "fraction": 0.4,
                }
            }
            for share in (0.25, 0.5, 0.75)
        },
    }


@pytest.mark.parametrize("select", ["all", {"random": {"fraction": 0.3}}, {"only": {"sources": ["pairs"]}}])
def test_a_study_that_selects_nothing_is_compared_with_the_papers_strategy(select: Any) -> None:
    found = selects(expand(Grid(fractions=[0.5], ablations=[]), select, TWO[:1]))
    # One source and one objective: nothing to be had alone, and no weights to be set.
    assert found == {
        "combined": "all",
        "selected-0.5": {"cluster_quality": {"fraction": 0.5}},
        "random-0.5": {"random": {"fraction": 0.5}},
    }


def test_ablations_have_a_random_part_of_their_size_and_three_objectives_a_sweep_each() -> None:
    sources = [("a", "help"), ("b", "bias"), ("c", "no harm")]
    found = selects(expand(Grid(fractions=[0.5], ablations=[0.3], weights=[0.4], weights_at=0.5), "quality", sources))
    assert found["random-0.3"] == {"random": {"fraction": 0.3}}
    assert found["selected-0.5"] == {"quality": {"fraction": 0.5}}
    sweep = {name: arm["quality"]["shares"] for name, arm in found.items() if name.startswith("weight-")}
    assert sweep == {"weight-help-0.4": {"help": 0.4}, "weight-bias-0.4": {"bias": 0.4}, "weight-no-harm-0.4": {
        "no harm": 0.4
    }}  # fmt: skip


def test_a_study_with_a_grid_keeps_its_own_variants_and_lays_them_over_the_grids(
    tmp_path: Path, tiny_model: Path
) -> None:
    write_sources(tmp_path)
    study = study_of(tmp_path, tiny_model) | {
        "grid": "paper",
        "variants": {"mine": {"seeds": [5]}, "random-0.4": {"train": [{"sft": {"max_steps": 1}}]}},
    }
    loaded = load(study)
    assert list(loaded.variants)[:2] == ["main", "combined"]
    assert list(loaded.variants)[-1] == "mine"
    assert loaded.variants["mine"].seeds == [5]
    both = loaded.variants["random-0.4"]
    assert (both.select.name(), [step.name for step in list_steps(both)]) == ("random", ["sft"])
    # The study's own part of 0.5 is not mixed with that of the variant.
    assert loaded.variants["selected-0.2"].select.model_dump()["fraction"] == 0.2
    assert loaded.variants["selected-0.2"].select.model_dump()["clusters"] == 3
    with pytest.raises(UserError, match=r"grid\.name"):
        load(study | {"grid": "papper"})
    with pytest.raises(UserError, match=r"grid\.fractionz: unknown key"):
        load(study | {"grid": {"fractionz": [0.1]}})
