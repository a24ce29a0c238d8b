"""Which axis decides does not depend on the order in which the study file names the axes."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from unipref.core.errors import UserError
from unipref.study.load import load


def deciding(folder: Path, axes: tuple[str, ...], objective: str | None = None) -> str | None:
    scores = {name: {"field": name, "better": "high"} for name in axes}
    mapping = {"prompt": "q", "response": "a", "scores": scores}
    (folder / "rows.jsonl").write_text(json.dumps({"q": "x", "a": "y", **dict.fromkeys(axes, 1)}), encoding="utf-8")
    source: dict[str, Any] = {"name": "mine", "path": "rows.jsonl", "format": "ratings", "map": mapping}
    source |= {"objective": objective} if objective else {}
    (resolved,) = load({"data_root": str(folder), "sources": [source]}).sources["main"]
    return resolved.projection.axis


@pytest.mark.parametrize(
    ("axes", "objective", "expected"),
    [
        (("harm", "overall", "tone"), None, "overall"),
        (("harm", "total score", "tone"), None, "total score"),
        (("harm", "overall", "tone"), "harm", "harm"),
        (("only",), None, "only"),
    ],
)
def test_the_same_axis_decides_in_every_order(
    axes: tuple[str, ...], objective: str | None, expected: str, tmp_path: Path
) -> None:
    assert {deciding(tmp_path, order, objective) for order in itertools.permutations(axes)} == {expected}


@pytest.mark.parametrize("axes", [("harm", "tone"), ("overall", "total", "harm")])
def test_where_no_axis_sums_up_the_others_the_study_is_refused(axes: tuple[str, ...], tmp_path: Path) -> None:
    for order in itertools.permutations(axes):
        with pytest.raises(UserError, match=r"no setting says which of them decides"):
            deciding(tmp_path, order)
