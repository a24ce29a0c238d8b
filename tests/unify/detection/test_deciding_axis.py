"""Which of several axes decides is asked for, and never told by the order of their names."""

from pathlib import Path
from typing import Any

import pytest

from unipref.core.errors import UserError
from unipref.sources import Limits
from unipref.study.source import Source, resolve_source
from unipref.unify.detection.deciding_axis import find_deciding_axis

HELP, HARM = {"field": "help", "better": "high"}, {"field": "harm", "better": "low"}


def resolve(tmp_path: Path, scores: dict[str, Any], **settings: Any) -> Any:
    (tmp_path / "rows.jsonl").write_text('{"prompt": "A?", "response": "B.", "help": 1, "harm": 2}\n', encoding="utf-8")
    settings = {"name": "s", "path": "rows.jsonl", "format": "ratings", **settings}
    mapping = {"prompt": "prompt", "response": "response", "scores": scores}
    return resolve_source(Source(map=mapping, **settings), 0, tmp_path, Limits())


def test_one_axis_decides(tmp_path: Path) -> None:
    assert resolve(tmp_path, {"harm": HARM}).projection.axis == "harm"


@pytest.mark.parametrize("scores", [{"help": HELP, "harm": HARM}, {"harm": HARM, "help": HELP}])
def test_of_several_axes_the_study_says_which_decides(tmp_path: Path, scores: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"2 axes \(harm, help\), and no setting says which") as error:
        resolve(tmp_path, scores)
    assert "axis: harm" in str(error.value)
    assert resolve(tmp_path, scores, axis="help").projection.axis == "help"
    assert resolve(tmp_path, scores, objective="help").projection.axis == "help"


@pytest.mark.parametrize(
    ("mapping", "axis"),
    [
        ({"scores": {"help": HELP}}, None),
        ({"scores": {"help": HELP, "harm": HARM}}, "?"),
        ({"scores": {"harm": HARM, "help": HELP}}, "?"),
        ({"scores": {"help": HELP, "overall_score": HARM}}, "overall_score"),
        ({"scores": {"overall": HELP, "mean": HARM}}, "?"),
        ({"scores": "?"}, None),
        ({"evidence": {"help": HELP, "harm": HARM}}, "?"),
    ],
)
def test_a_draft_asks_which_axis_decides(mapping: dict[str, Any], axis: str | None) -> None:
    setting, doubts = find_deciding_axis(mapping)
    assert setting.get("axis") == axis
    assert len(doubts) == (axis is not None)
