"""Being good at what guessing gives for nothing is no merit."""

from unipref.report.scores import ScoreRow, group_by_measure, label_models
from unipref.report.sections.results import describe_changes


def rows_of(step, similarity, accuracy):
    shared = {"variant": step, "step": step, "benchmark": "winobias", "n": 100, "direction": "higher"}
    near = {"low": similarity - 0.01, "high": similarity + 0.01}
    return [
        ScoreRow(metric="similarity", value=similarity, chance=1.0, **near, **shared),
        ScoreRow(
            metric="two_way_accuracy", value=accuracy, low=accuracy - 0.03, high=accuracy + 0.03, chance=0.5, **shared
        ),
    ]


def test_a_model_at_chance_is_not_praised_for_being_even_handed():
    rows = rows_of("base", 0.95, 0.8) + rows_of("sft", 1.0, 0.5)
    (told,) = describe_changes(group_by_measure(rows), label_models(rows), {})
    assert told.head == "sft: better in 0, worse in 1, neither in 1"
    assert any("similarity" in item and "at chance" in item for item in told.items)


def test_a_paired_comparison_has_the_last_word():
    rows = rows_of("base", 0.95, 0.8) + rows_of("sft", 0.955, 0.8)
    measure = next(m for m in group_by_measure(rows) if m.metric == "similarity")
    sft = next(model for model, label in label_models(rows).items() if label == "sft")
    (alone,) = describe_changes(group_by_measure(rows), label_models(rows), {})
    (paired,) = describe_changes(group_by_measure(rows), label_models(rows), {(sft, measure): "better"})
    assert alone.head == "sft: better in 0, worse in 0, neither in 2"
    assert paired.head == "sft: better in 1, worse in 0, neither in 1"


def test_a_model_above_chance_is():
    rows = rows_of("base", 0.95, 0.8) + rows_of("sft", 1.0, 0.8)
    (told,) = describe_changes(group_by_measure(rows), label_models(rows), {})
    assert "winobias, similarity: base 0.950 → sft 1.000 (better)" in told.items
