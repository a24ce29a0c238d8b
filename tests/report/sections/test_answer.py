"""The first screen: it names a model, says how sure that is, and claims nothing that the gains do not show."""

from pathlib import Path
from typing import Any

import pytest

from support.run_records import manifest_from
from unipref import report
from unipref.analysis.best_model import Choice, choose_model
from unipref.core.run_folder import FigureRecord, GainRecord, JudgedModel, ScoreRow, SideRecord, Verdicts
from unipref.report.sections.answer import conclude, describe_cost, make_answer_section

CLEAR = GainRecord(0.3, 0.2, 0.4, 2, 100, 50, "better", 0.001, 0.002)
UNCLEAR = GainRecord(0.1, -0.2, 0.4, 2, 100, 50, "inconclusive", 0.5, 1.0)
SAME = GainRecord(0.01, -0.02, 0.04, 2, 100, 50, "equivalent", 0.5, 1.0)
LOST = GainRecord(-0.3, -0.4, -0.2, 2, 100, 50, "worse", 0.001, 0.002)
ONCE = GainRecord(0.3, 0.2, 0.4, 1, 100, 50, "inconclusive")
MANIFEST: dict[str, Any] = {
    "seeds": [0, 1],
    "machine": {"cores": 2},
    "train": {
        "main": {
            "0": {
                "sft": {"folder": "train/main/0/sft", "seconds": 60.0},
                "dpo": {"folder": "train/main/0/dpo", "seconds": 40.0},
            }
        }
    },
    "steps": {"main": {"sft": {"from": "base"}, "dpo": {"from": "sft"}}},
    "stages": [
        {"stage": "a", "folder": "a", "seconds": 100.0, "cpu_seconds": 150.0, "peak_mb": 900.0},
        {"stage": "b", "folder": "b", "seconds": 50.0, "cpu_seconds": 50.0, "peak_mb": 1500.0},
    ],
}


def judged(*gains: GainRecord, at_chance: bool = False) -> Verdicts:
    sides = {
        "instruction": SideRecord("instructions", "followed"),
        "bias": SideRecord("coreference", "two_way_bias", skill_metric="accuracy"),
    }
    sides = dict(list(sides.items())[: len(gains)])
    figures = {name: FigureRecord(0.5, 0.4, 0.6, 2, 1234, at_chance, 0.9) for name in sides}
    base = JudgedModel("base", "base", {name: FigureRecord(0.2, 0.1, 0.3, 0, 1234) for name in sides})
    model = JudgedModel("main", "dpo", figures, {"base": dict(zip(sides, gains, strict=True))}, True, 1, 0.9)
    return Verdicts([], sides=sides, models=[base, model])


def choice_of(*gains: GainRecord) -> Choice:
    choice = choose_model(manifest_from(MANIFEST), judged(*gains))
    assert choice is not None
    return choice


@pytest.mark.parametrize(
    ("gains", "begin", "parts"),
    [
        (
            (CLEAR, UNCLEAR),
            "Take main · dpo.",
            ["clearly better than the base model on instruction", "bias: inconclusive"],
        ),
        ((CLEAR, SAME), "Take main · dpo.", ["bias: no difference that matters"]),
        ((ONCE, UNCLEAR), "Take main · dpo.", ["On these examples", "one seed, so another training may turn out"]),
        (
            (CLEAR, LOST),
            "No model is best on all objectives.",
            ["better than the base model on instruction and worse on bias"],
        ),
        ((SAME, LOST), "Keep the base model.", ["is worse on bias and clearly better on nothing"]),
        ((UNCLEAR, UNCLEAR), "No trained model is clearly better", ["more evidence is needed"]),
    ],
)
def test_the_conclusion(gains: tuple[GainRecord, ...], begin: str, parts: list[str]) -> None:
    text = conclude(choice_of(*gains))
    assert text.startswith(begin)
    for part in parts:
        assert part in text


def test_a_card_for_each_objective_with_the_number_of_examples() -> None:
    section = make_answer_section(manifest_from(MANIFEST), judged(CLEAR, UNCLEAR, at_chance=True), [])
    assert section is not None
    assert section.answer is not None
    first, second = section.answer.headlines
    assert (first.objective, first.before, first.after, first.tone) == ("instruction", "0.200", "0.500", "better")
    assert first.gain == "gain +0.300 [+0.200, +0.400]"
    assert first.verdict == "clearly better; the model is no better than guessing"
    assert "1,234 examples, 2 seeds" in first.basis
    assert (second.tone, "accuracy 0.900" in second.basis) == ("unclear", True)
    facts = dict(section.answer.facts)
    assert facts["Where is it?"].startswith("train/main/0/dpo, in the folder of this page. Other seeds lie beside it")
    assert "Pareto-optimal" in facts["How sure is that?"]
    assert "90%" in facts["How sure is that?"]
    assert section.answer.code == [("Use it, in the folder of this page", 'unipref generate . "Your prompt"')]


def test_the_cost_is_that_of_the_model_and_of_the_run() -> None:
    text = describe_cost(manifest_from(MANIFEST), choice_of(CLEAR, UNCLEAR))
    assert text == (
        "Training this model took 2 min (sft and dpo). All 2 stages of the run took 2 min in sum, 3 min of CPU time, "
        "and at most 1.5 GB of memory, on 2 cores."
    )
    assert describe_cost(manifest_from({}), choice_of(CLEAR, UNCLEAR)) == ""


def test_one_objective_has_the_picture_of_its_metric(score_row: Any) -> None:
    about = {"low": 0.1, "high": 0.9, "slice": "objective:instruction"}
    rows = [ScoreRow(**score_row(step, "instructions", "followed", 0.4, **about)) for step in ("base", "dpo")]
    section = make_answer_section(manifest_from(MANIFEST), judged(CLEAR), rows)
    assert section is not None
    assert section.figures == []
    verdicts = judged(CLEAR)
    verdicts.sides["instruction"].slice = "objective:instruction"
    section = make_answer_section(manifest_from(MANIFEST), verdicts, rows)
    assert section is not None
    assert [figure.title for figure in section.figures] == ["instructions: followed (objective:instruction) ↑"]


def test_a_run_without_a_policy_has_no_answer(tmp_path: Path) -> None:
    assert make_answer_section(manifest_from({}), None, []) is None
    (tmp_path / "manifest.json").write_text("{}")
    assert "Which model to take" not in report.write(tmp_path).read_text()
