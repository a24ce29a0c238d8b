"""The confidence of thumbs whose answer is in no pair."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from support.golden import resolve_source, run_unify
from support.voters import read, write

THUMBS = {"prompt": "q", "response": "a", "label": "up", "up": [True], "down": [False], "annotator": "who"}
PEOPLE, PROMPTS = 6, 150


def thumbs(names: bool, votes: int = 3, seed: int = 4) -> tuple[list[dict[str, Any]], np.ndarray[Any, Any]]:
    """Rows of thumbs, one answer per prompt, and the true utilities; the thumb is up from 0.3 on, apart from noise."""
    rng = np.random.default_rng(seed)
    utility = rng.normal(size=PROMPTS)
    rows = []
    for prompt in range(PROMPTS):
        for person in rng.permutation(PEOPLE)[:votes]:
            up = bool(rng.random() < expit(3 * (utility[prompt] - 0.3)))
            who = {"who": f"p{person}"} if names else {"who": None, "id": len(rows)}
            rows.append({"q": f"Q{prompt}?", "a": f"A{prompt}", "up": up, **who})
    return rows, utility


@pytest.mark.parametrize("names", [True, False])
def test_the_confidence_of_a_thumb_is_how_often_its_verdict_is_right(tmp_path: Path, names: bool) -> None:
    """Three thumbs that agree are no certainty: with 3 * gap on a logistic scale, people err near the cut."""
    rows, utility = thumbs(names)
    run_unify([resolve_source("thumbs", THUMBS, write(tmp_path / "d.jsonl", rows))], tmp_path / "out", 1, "latent")
    kept = read(tmp_path / "out")
    assert len(kept) > 0.9 * PROMPTS
    confidence = np.array([p["confidence"] for p in kept], dtype=float)
    is_good = np.array([p["chosen"] is not None for p in kept])
    truth = np.array([utility[int(p["prompt"][0]["content"][1:-1])] > 0.3 for p in kept])
    assert np.isfinite(confidence).all()
    assert confidence.max() < 1.0
    assert abs(confidence.mean() - (is_good == truth).mean()) < 0.06
    agreeing = confidence[[p["n_judgements"] == 3 for p in kept]]
    assert confidence.min() < 0.8 < agreeing.max()


def test_thumbs_of_which_nothing_is_known_have_no_confidence(tmp_path: Path) -> None:
    rows, _ = thumbs(names=False, votes=1)
    run_unify([resolve_source("thumbs", THUMBS, write(tmp_path / "d.jsonl", rows))], tmp_path / "out", 1, "latent")
    assert {p["confidence"] for p in read(tmp_path / "out")} == {None}


@pytest.mark.parametrize(("aggregate", "expected"), [("majority", True), ("mean", False), (None, False)])
def test_only_majority_takes_the_share_of_the_votes(tmp_path: Path, aggregate: Any, expected: bool) -> None:
    rows, _ = thumbs(names=True)
    source = resolve_source("thumbs", THUMBS, write(tmp_path / "d.jsonl", rows))
    run_unify([source], tmp_path / "out", aggregate=aggregate)
    found = {None if p["confidence"] is None else round(p["confidence"], 2) for p in read(tmp_path / "out")}
    assert found == ({0.67, 1.0} if expected else {None})
