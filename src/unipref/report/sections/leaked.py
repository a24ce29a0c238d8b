"""The section on scores without the benchmark items that also occur in the preferences."""

from collections.abc import Sequence

from unipref.analysis.leaked_scores import LeakedScore
from unipref.core.records import BASE
from unipref.core.scores import Score
from unipref.report.content import Cell, Column, Section, Table, format_interval, format_number

TITLE = "Scores without leaked items"
INTRODUCTION = (
    "Some items of these benchmarks occur in the feedback, in the same words or in meaning (docs/leaks.md). No model "
    "of this run was trained on such preferences unless `clean.benchmarks` is false for its variant; the model that it "
    "started from may have seen them. If the two scores of a model differ, trust the one without these items."
)
UNSEEN = "no row of the table holds a leaked text, so that it cannot be told which items to leave out"


def make_leaked_section(scores: Sequence[LeakedScore]) -> Section | None:
    """The section; None if no item of a measured benchmark leaked."""
    if not scores:
        return None
    heads = ("model", "benchmark", "all items", "without", "left out", "of")
    columns = [Column(head, numeric=head not in ("model", "benchmark")) for head in heads]
    rows = [
        [
            Cell(_name(score)),
            Cell(f"{score.evaluated.benchmark} {score.whole.metric}"),
            _cell(score.whole),
            _cell(score.without) if score.left_out else Cell("–", "", UNSEEN),
            Cell(f"{score.left_out:,}"),
            Cell(f"{score.items:,}"),
        ]
        for score in scores
    ]
    return Section(TITLE, paragraphs=[INTRODUCTION], tables=[Table("Headline metrics", columns, rows)])


def _name(score: LeakedScore) -> str:
    one = score.evaluated
    return BASE if one.step == BASE else f"{one.variant}/{one.seed}/{one.step}"


def _cell(score: Score | None) -> Cell:
    return Cell("–") if score is None else Cell(format_number(score.value), format_interval(score.low, score.high))
