"""The direction of an axis goes from a source's mapping to the scorer of divergence, and a change selects anew."""

import copy
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

import unipref
from support.study_files import ANIMALS, done_now, manifest_of


@pytest.mark.slow
def test_divergence_follows_the_mapping(tmp_path: Path) -> None:
    rows = [
        {"question": f"Where does the {animal} live?", "answer": answer, "stars": stars, "harm": harm}
        for i, animal in enumerate(ANIMALS)
        for answer, stars, harm in ((f"The {animal} lives outside.", 5, i % 2), ("Mars.", 1, 1 - i % 2))
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "ratings.csv", index=False)
    scores = {"stars": {"field": "stars", "better": "high"}, "harm": {"field": "harm", "better": "low"}}
    form = {"prompt": "question", "response": "answer", "scores": scores}
    study = {
        "name": "axes",
        "data_root": str(tmp_path),
        "sources": [
            {"name": "r", "path": "ratings.csv", "format": "ratings", "map": form, "axis": "stars"}
            | {"objective": "help", "accept_polarity": True}
        ],
        "split": {"dev": 0.0, "test": 0.0},
        "select": {"quality": {"fraction": 0.5, "quality": ["divergence", "confidence"]}},
    }
    unipref.select_preferences(study, tmp_path / "run")
    chosen = tmp_path / "run/selected/main/0/train.parquet"
    # All gaps on harm are 1, and so is their quantile. Of every second pair, the chosen answer has 0.
    before = divergences(chosen)
    assert sorted(before.values()) == [-1.0] * 6 + [1.0] * 6
    kept = {row["group"] for row in pq.read_table(chosen).to_pylist()}
    assert len(kept) == 6
    assert all(pair["chosen"] == 0 for row in pq.read_table(chosen).to_pylist() for pair in row["axes"])
    (selection,) = manifest_of(tmp_path / "run")["selected"]["main"].values()
    assert "the scorer confidence can score 0 of 12 preferences (r: 0 of 12); margin_percentile can score 12" in str(
        selection["notes"]
    )

    other = copy.deepcopy(study)
    other["sources"][0]["map"]["scores"]["harm"]["better"] = "high"  # type: ignore[index]
    unipref.select_preferences(other, tmp_path / "run")
    assert any(folder.startswith("selected") for folder in done_now(tmp_path / "run"))
    after = divergences(chosen)
    assert after == pytest.approx({key: -value for key, value in before.items()})


def divergences(chosen: Path) -> dict[str, float]:
    rows = pq.read_table(chosen.parent / "decisions.parquet").to_pylist()
    return {row["id"]: row["divergence"] for row in rows}
