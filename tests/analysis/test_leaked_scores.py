"""Scores without leaked items, recomputed from tables of examples that a test writes."""

import json
from pathlib import Path
from typing import Any

import pytest

from unipref.analysis.leaked_scores import compare_leaked
from unipref.core.run_folder import Evaluated, HeadlineInfo, Manifest, VariantInfo
from unipref.evaluate import compare as comparing
from unipref.evaluate.benchmarks.instructions import Instructions
from unipref.report.content import Content
from unipref.report.render.markdown import render_markdown
from unipref.report.sections.leaked import make_leaked_section

MANIFEST = Manifest(
    variants={"main": VariantInfo(judged={"instructions": HeadlineInfo("instruction", "followed")})},
    evaluated=[Evaluated("main", 0, "sft", "instructions", "evaluated/x")],
)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run with a table of four items, of which the model follows three."""
    folder = tmp_path / "evaluated" / "x"
    folder.mkdir(parents=True)
    rows = [
        {
            "split": "test",
            "id": str(i),
            "type": "one_word",
            "prompt": f"Say the {word} word in one word.",
            "answer": "a",
        }
        | {"followed": i < 3}
        for i, word in enumerate(("first", "second", "third", "fourth"))
    ]
    path = folder / "instructions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    table = comparing.Table(path, Instructions, {}, "")
    monkeypatch.setattr("unipref.analysis.leaked_scores.load_tables", lambda folder: {"instructions": table})
    return tmp_path


def compare(run: Path, leaked: Any) -> Any:
    return compare_leaked(run, MANIFEST, leaked)


def test_items_with_a_leaked_text_are_left_out(run: Path) -> None:
    (score,) = compare(run, {"instructions": {"words": ["say the first word in one word."], "meaning": []}})
    assert (score.left_out, score.items) == (1, 4)
    assert score.whole.value == pytest.approx(0.75)
    assert score.without.value == pytest.approx(2 / 3)
    longer = {"instructions": {"words": [], "meaning": ["please: say the second word in one word. thanks"]}}
    assert compare(run, longer)[0].left_out == 1
    assert compare(run, {"instructions-2": {"words": ["the fourth word in one word"]}})[0].left_out == 1


def test_without_leaks_there_is_no_section(run: Path) -> None:
    assert compare(run, {}) == compare(run, {"coreference": {"words": ["say the first word in one word."]}}) == []
    assert make_leaked_section([]) is None


def test_the_section_shows_both_scores(run: Path) -> None:
    scores = compare(run, {"instructions": {"words": ["say the first word in one word."], "meaning": []}})
    section = make_leaked_section(scores)
    assert section is not None
    text = render_markdown(Content("t", [], [section]))
    assert "| main/0/sft | instructions followed | 0.750" in text
    every = compare(run, {"instructions": {"words": ["word in one word. say the"]}})
    assert every[0].left_out == 0
    unseen = make_leaked_section(every)
    assert unseen is not None
    assert "cannot be told" in render_markdown(Content("t", [], [unseen]))
    whole = compare(
        run, {"instructions": {"words": [f"{n} word in one word." for n in ("first", "second", "third", "fourth")]}}
    )
    assert compare(run, {"instructions": {"words": ["word in one word."]}})[0].left_out == 0  # too short to tell
    assert (whole[0].left_out, whole[0].without) == (4, None)
