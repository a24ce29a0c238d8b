"""Lines of a measure keep apart, however long the names of their variants are."""

from unipref.report.scores import ScoreRow, group_by_measure, label_models
from unipref.report.sections.measures import LONGEST_LABEL, make_measure_figure


def test_of_a_long_name_the_variant_is_cut_and_the_step_kept() -> None:
    def row(variant: str, step: str) -> ScoreRow:
        shared = {"benchmark": "b", "metric": "accuracy", "direction": "higher", "value": 0.5, "n": 9}
        return ScoreRow(variant=variant, step=step, **shared)

    long = "v" * 40
    rows = [row(variant, step) for variant in (f"{long}1", f"{long}2") for step in ("sft", "dpo")]
    rows += [row("short", "dpo")]
    measures = group_by_measure(rows)
    (measure,) = measures
    figure = make_measure_figure(measures, measure, label_models(rows))
    places = [trace["y"][0] for trace in figure.traces]
    start = "v" * (LONGEST_LABEL - len("… · sft"))
    assert sorted(places) == sorted(
        [f"{start}… · sft", f"{start}… · dpo", f"{start}… · sft (2)", f"{start}… · dpo (2)", "short · dpo"]
    )
