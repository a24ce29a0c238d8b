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
ONCE_SMALL = GainRecord(0.01, 0.002, 0.02, 1, 100, 50, "inconclusive")
ONCE_LOST = GainRecord(-0.3, -0.4, -0.2, 1, 100, 50, "inconclusive")
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
        (
            (ONCE, UNCLEAR),
            "Take main · dpo.",
            ["On these examples", "one training shows nothing about another"],
        ),
        (
            (CLEAR, LOST),
            "No model gains without a loss:",
            ["main · dpo is clearly better on instruction and worse on bias than the base model"],
        ),
        ((SAME, LOST), "Keep the base model.", ["is worse on bias and clearly better on nothing"]),
        ((UNCLEAR, UNCLEAR), "No trained model is clearly better", ["more evidence is needed"]),
        ((SAME, SAME), "No trained model is clearly better", ["makes no difference that matters"]),
        ((ONCE_SMALL, UNCLEAR), "No trained model is clearly better", ["instruction: no difference that matters on"]),
        ((ONCE_LOST, UNCLEAR), "Keep the base model.", ["worse on instruction (on the examples of one training)"]),
        ((ONCE, LOST), "No model gains", ["main · dpo is better on instruction by the examples of one training and"]),
    ],
)
def test_the_conclusion(gains: tuple[GainRecord, ...], begin: str, parts: list[str]) -> None:
    text = conclude(choice_of(*gains))
    assert text.startswith(begin)
    for part in parts:
        assert part in text


def test_a_card_for_each_objective_with_the_number_of_examples() -> None:
    section = make_answer_section(manifest_from(MANIFEST), judged(CLEAR, UNCLEAR), [])
    assert section is not None
    assert section.answer is not None
    first, second = section.answer.headlines
    assert (first.objective, first.before, first.after, first.tone) == ("instruction", "0.200", "0.500", "better")
    assert first.gain == "gain +0.300 [+0.200, +0.400]"
    assert first.verdict == "clearly better"
    assert "1,234 examples, 2 seeds" in first.basis
    assert (second.tone, "accuracy 0.900" in second.basis) == ("unclear", True)
    facts = dict(section.answer.facts)
    assert facts["Where is it?"].startswith("train/main/0/dpo, in the folder of this page. Other seeds lie beside it")
    assert "Pareto-optimal" in facts["How sure is that?"]
    assert "90%" in facts["How sure is that?"]
    assert section.answer.code == [("Use it, in the folder of this page", 'unipref generate . "Your prompt"')]


def test_a_model_that_guesses_is_not_to_be_taken_for_its_score() -> None:
    verdicts = judged(CLEAR, LOST, at_chance=True)
    section = make_answer_section(manifest_from(MANIFEST), verdicts, [])
    assert section is not None
    assert section.answer is not None
    first, second = section.answer.headlines
    assert (first.tone, second.tone) == ("unclear", "worse")
    assert first.verdict == "a better score, but the model is no better than guessing, so it is no gain"
    assert second.verdict == "clearly worse; the model is no better than guessing"
    choice = choose_model(manifest_from(MANIFEST), judged(CLEAR, at_chance=True))
    assert choice is not None
    text = conclude(choice)
    assert text.startswith("No trained model is clearly better than the base model.")
    assert "On instruction: a better score, but the model is no better than guessing, so it is no gain." in text


def conclude_two(sft: tuple[GainRecord, ...], dpo: tuple[GainRecord, ...], manifest: dict[str, Any]) -> str:
    """The conclusion on a run of two models."""
    verdicts = judged(CLEAR, CLEAR)
    names = list(verdicts.sides)
    verdicts.models[1].gains = {"base": dict(zip(names, dpo, strict=False))}
    verdicts.models.append(JudgedModel("main", "sft", {}, {"base": dict(zip(names, sft, strict=False))}))
    choice = choose_model(manifest_from(manifest), verdicts)
    assert choice is not None
    return conclude(choice)


def test_intervals_of_one_training_are_not_called_intervals_over_seeds() -> None:
    cases = [
        ((CLEAR, UNCLEAR), "over seeds and clusters of examples."),
        ((ONCE, UNCLEAR), "over seeds and clusters of examples; on instruction, over clusters of examples of one"),
        ((ONCE, ONCE), "over clusters of examples. Seeds of training: one."),
    ]
    for gains, part in cases:
        section = make_answer_section(manifest_from(MANIFEST), judged(*gains), [])
        assert section is not None
        assert section.answer is not None
        assert part in dict(section.answer.facts)["How sure is that?"]


def test_a_model_that_gains_and_loses_is_named_although_another_is_chosen() -> None:
    assert conclude_two((UNCLEAR, UNCLEAR), (CLEAR, LOST), MANIFEST) == (
        "No model gains without a loss: main · dpo is clearly better on instruction and worse on bias than the base "
        "model. Of the others, main · sft is the best estimate, but more evidence is needed. On instruction: "
        "inconclusive; on bias: inconclusive."
    )


def test_a_model_that_gains_is_taken_although_a_side_is_not_measured() -> None:
    assert conclude_two((LOST, LOST), (CLEAR,), MANIFEST) == (
        "Take main · dpo. It is clearly better than the base model on instruction. main · dpo was not compared with "
        "the base model on bias, so it may be worse there."
    )


def test_a_model_that_collapsed_is_named_and_not_recommended() -> None:
    steps = {
        "sft": {"folder": "train/main/0/sft"},
        "dpo": {"folder": "train/main/0/dpo", "collapse": {"step": 5, "why": "the loss is NaN"}},
    }
    manifest = MANIFEST | {"train": {"main": {"0": steps}}}
    left_out = "Not recommended, because the training collapsed: main · dpo."
    text = conclude_two((CLEAR, UNCLEAR), (CLEAR, CLEAR), manifest)
    assert text.startswith("Take main · sft.")
    assert left_out in text
    text = conclude_two((UNCLEAR, UNCLEAR), (CLEAR, CLEAR), manifest)
    assert text.startswith("No trained model whose training did not collapse is clearly better than the base model.")
    assert left_out in text
    only = choose_model(manifest_from(manifest), judged(CLEAR, UNCLEAR))
    assert only is not None
    assert conclude(only).startswith("No trained model is recommended: the training of main · dpo collapsed.")


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
