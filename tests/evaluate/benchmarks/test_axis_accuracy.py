"""Axis accuracy against pairs counted one by one and numpy's correlation."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.fakes import answer_any, fake_policy
from unipref.core.chat_models import RewardModel
from unipref.evaluate.benchmarks import axis_accuracy
from unipref.evaluate.benchmarks.axis_accuracy import AxisAccuracy

AXES = ("help", "brief")


def make_rows(n: int = 24) -> list[dict[str, Any]]:
    """Pairs of two sources with other ranges; `brief` is missing in a third of them, and ratings tie sometimes."""
    draw = np.random.default_rng(5)
    rows = []
    for i in range(n):
        scale = 1.0 if i % 2 else 10.0
        help_, brief = scale * draw.integers(0, 5, 2), scale * draw.integers(0, 3, 2)
        rows.append(
            {
                "id": f"r{i}",
                "prompt": [{"role": "user", "content": f"Question {i % 9}?"}],
                "chosen": [{"role": "assistant", "content": f"{draw.integers(0, 9)} {draw.integers(0, 9)}"}],
                "rejected": [{"role": "assistant", "content": f"{draw.integers(0, 9)} {draw.integers(0, 9)}"}],
                "source": "small" if i % 2 else "large",
                "axis": "help",
                "chosen_score": float(help_[0]),
                "rejected_score": float(help_[1]),
                "axes": [{"axis": "brief", "chosen": float(brief[0]), "rejected": float(brief[1])}] if i % 3 else [],
            }
        )
    rows[3]["rejected_score"] = None
    rows[4]["rejected"] = None
    return rows


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def fake_axes(model: Any, dialogues: Any, batch_size: int = 32) -> np.ndarray:
    return np.array([[float(x) for x in dialogue[-1]["content"].split()] for dialogue in dialogues])


def model(axes: tuple[str, ...], weights: dict[str, float]) -> RewardModel:
    about: dict[str, Any] = {"model": None, "tokenizer": None, "name": "m", "own_template": True, "context": 99}
    return RewardModel(**about, axes=axes, weights=weights)


def expected(rows: list[dict[str, Any]], axis: str, outputs: tuple[float, float]) -> tuple[float, float]:
    """Accuracy and correlation, pair by pair; outputs: weights of the two numbers in an answer."""
    wins, of_source = [], dict[str, list[tuple[float, float]]]()
    for row in rows:
        pairs = {"help": (row["chosen_score"], row["rejected_score"])}
        pairs |= {one["axis"]: (one["chosen"], one["rejected"]) for one in row["axes"]}
        if axis not in pairs or None in pairs[axis] or row["rejected"] is None:
            continue
        values = [
            sum(w * float(x) for w, x in zip(outputs, row[side][0]["content"].split(), strict=True))
            for side in ("chosen", "rejected")
        ]
        of_source.setdefault(row["source"], []).extend(zip(values, pairs[axis], strict=True))
        a, b = pairs[axis]
        if a != b:
            wins.append(0.5 if values[0] == values[1] else float((values[0] > values[1]) == (a > b)))
    points = []
    for found in of_source.values():
        ratings = np.array([rating for _, rating in found])
        points += [(x, (rating - ratings.mean()) / ratings.std()) for x, rating in found]
    return float(np.mean(wins)), float(np.corrcoef(np.array(points).T)[0, 1])


def measured(subject: Any, path: Path) -> dict[tuple[str, str], Any]:
    finding = AxisAccuracy().measure(subject, path, "test")
    return {(score.slice, score.metric): score for score in finding.scores}


def test_each_axis_by_its_own_output(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(axis_accuracy, "axis_scores", fake_axes)
    rows = make_rows()
    scores = measured(model(AXES, {"help": 1.0}), write(tmp_path / "test.parquet", rows))
    for axis, outputs in (("help", (1.0, 0.0)), ("brief", (0.0, 1.0))):
        accuracy, correlation = expected(rows, axis, outputs)
        assert scores[f"axis:{axis}", "accuracy"].value == pytest.approx(accuracy)
        assert scores[f"axis:{axis}", "correlation"].value == pytest.approx(correlation)
    assert scores["axis:help", "accuracy"].n_clusters == 9
    assert (scores["all", "accuracy"].mode, scores["all", "accuracy"].chance) == ("reward", 0.5)


def test_an_axis_without_an_output_is_ranked_by_the_reward(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(axis_accuracy, "axis_scores", fake_axes)
    rows = make_rows()
    path = write(tmp_path / "test.parquet", rows)
    subject = model(("help", "other"), {"help": 1.0, "other": -2.0})
    _, notes = AxisAccuracy().examine(subject, path, "test")
    assert notes == [
        "2 of 24 preferences skipped: no axis has a rating of both answers.",
        "the model has no output for brief: its reward was taken.",
    ]
    assert measured(subject, path)["axis:brief", "accuracy"].value == pytest.approx(
        expected(rows, "brief", (1.0, -2.0))[0]
    )


def test_one_number_serves_all_axes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(axis_accuracy, "rewards", lambda *arguments: fake_axes(*arguments)[:, 1])
    rows = make_rows()
    scores = measured(model((), {}), write(tmp_path / "test.parquet", rows))
    for axis in AXES:
        assert scores[f"axis:{axis}", "accuracy"].value == pytest.approx(expected(rows, axis, (0.0, 1.0))[0])
    answer_any(monkeypatch)
    assert {metric for _, metric in measured(fake_policy(), tmp_path)} == {"accuracy", "ties"}
