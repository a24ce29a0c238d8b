"""The report says in which precision the models were measured."""

import pytest

from unipref.report.scores import ScoreRow, group_by_measure, label_models
from unipref.report.sections.results import make_result_table


def row(step: str, precision: str | None) -> ScoreRow:
    return ScoreRow("accuracy", 0.5, 10, "higher", variant=step, step=step, benchmark="b", precision=precision)


@pytest.mark.parametrize(
    ("base", "trained", "expected"),
    [
        ("float32", "float32", " Measured in float32."),
        (None, None, "[95 % interval]"),
        ("bfloat16", "float32", "bfloat16 and float32: models in different precisions cannot be compared."),
        ("float32", None, "float32; some models in an unknown precision, so they may not be comparable."),
    ],
)
def test_the_precision_is_below_the_table(base: str | None, trained: str | None, expected: str) -> None:
    rows = [row("base", base), row("sft", trained)]
    assert make_result_table(group_by_measure(rows), label_models(rows)).note.endswith(expected)
