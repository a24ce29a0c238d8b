"""Numbers that a trainer of pairs gets beside the two answers: a margin, a probability, ratings."""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from unipref.core.records import Row
from unipref.train.data.row_usage import NO_MARGIN, NO_RATINGS, RowFacts, take_confidences
from unipref.train.data.rows import PAIRS, View

PROBABILITY = "label_probability"
"""The column with the probability that the chosen answer is the better one."""
RATING_SCALES, CHOSEN_RATINGS, REJECTED_RATINGS = "rating_scales", "chosen_ratings", "rejected_ratings"
"""The columns with the names of a pair's scales (`name_scale`), and with each answer's scores on them, NaN without
one."""
RATING_COLUMNS = [RATING_SCALES, CHOSEN_RATINGS, REJECTED_RATINGS]


@dataclass(frozen=True)
class PairColumns:
    """Columns beside the two answers.

    Attributes:
        types: name -> Arrow type, as in `View.others`.
        make: a preference -> the values of its columns, or the reason why the pair cannot be used.
        inputs: columns of the preference that `make` reads, besides those that every view has.
    """

    types: Mapping[str, str]
    make: Callable[[Row], Mapping[str, Any] | str]
    inputs: tuple[str, ...] = ()


def make_pair_view(*columns: PairColumns) -> View:
    """Makes the view with both answers and further columns."""

    def examples(row: Row) -> list[Row] | str:
        rows = PAIRS.examples(row)
        if isinstance(rows, str):
            return rows
        values: dict[str, Any] = {}
        for each in columns:
            made = each.make(row)
            if isinstance(made, str):
                return made
            values |= made
        return [{**row, **values}]

    types = {name: kind for each in columns for name, kind in each.types.items()}
    inputs = tuple(name for each in columns for name in each.inputs)
    return replace(PAIRS, examples=examples, others=types, inputs=inputs)


def make_margin_column(scale: float, missing: float | None) -> PairColumns:
    """TRL's column `margin`: the percentile margin.

    Args:
        scale: factor for the margin, which is a percentile in [0, 1].
        missing: the margin of a pair without one, before scaling; None leaves the pair out.
    """

    def make(row: Row) -> dict[str, Any] | str:
        margin = missing if row["margin_percentile"] is None else row["margin_percentile"]
        return NO_MARGIN if margin is None else {"margin": scale * margin}

    return PairColumns({"margin": "float32"}, make)


def make_probability_column(missing: float | None) -> PairColumns:
    """The column `PROBABILITY`; `missing`: of a pair without a confidence; None: NaN, for `fill_probabilities`."""
    default = math.nan if missing is None else missing
    return PairColumns(
        {PROBABILITY: "float32"},
        lambda row: {PROBABILITY: default if row["confidence"] is None else row["confidence"]},
    )


def fill_probabilities(dataset: Any, facts: RowFacts) -> Any:
    """Gives each pair whose `PROBABILITY` is NaN the mean confidence of the pairs that have one.

    Args:
        dataset: the rows, as in the file; returned as they are if no probability is missing.
        facts: of the rows to train on, also if `dataset` holds others.
    """
    if PROBABILITY not in dataset.column_names:
        return dataset
    from datasets import Value

    probabilities = dataset.with_format("numpy")[PROBABILITY][:]
    is_missing = np.isnan(probabilities)
    if not is_missing.any():
        return dataset
    filled = np.where(is_missing, take_confidences(facts, "soft_labels").mean(), probabilities)
    return dataset.remove_columns(PROBABILITY).add_column(PROBABILITY, filled, feature=Value("float32"))


def make_rating_columns(needs_ratings: bool = False, axes: Sequence[str] | None = None) -> PairColumns:
    """The columns with the source's own scores, of the deciding axis and of all others.

    Args:
        needs_ratings: whether a pair without any score is left out.
        axes: the axes of which it needs one; None: any.
    """

    def make(row: Row) -> dict[str, Any] | str:
        deciding = {"axis": row["axis"], "chosen": row["chosen_score"], "rejected": row["rejected_score"]}
        pairs = [deciding, *row["axes"]] if row["axis"] else row["axes"]
        rated = [pair for pair in pairs if pair["chosen"] is not None or pair["rejected"] is not None]
        if needs_ratings and not any(axes is None or pair["axis"] in axes for pair in rated):
            return NO_RATINGS
        return {
            RATING_SCALES: [name_scale(row["source"], pair["axis"]) for pair in rated],
            CHOSEN_RATINGS: [_or_nan(pair["chosen"]) for pair in rated],
            REJECTED_RATINGS: [_or_nan(pair["rejected"]) for pair in rated],
        }

    types = {RATING_SCALES: "string[]", CHOSEN_RATINGS: "float64[]", REJECTED_RATINGS: "float64[]"}
    return PairColumns(types, make, ("axis", "chosen_score", "rejected_score", "axes"))


def name_scale(source: str, axis: str) -> str:
    """Returns the name of a scale in the column `RATING_SCALES`: both names as JSON, as each may hold any sign."""
    return json.dumps([source, axis], ensure_ascii=False)


def read_axis(name: str) -> str:
    """Returns the axis in the name of a scale (of `name_scale`)."""
    return str(json.loads(name)[1])


def label_scales(names: Iterable[str]) -> dict[str, str]:
    """Returns name (of `name_scale`) -> 'source / axis' to read; the name itself if two scales would have one label."""
    labels = {name: " / ".join(json.loads(name)) for name in names}
    times = Counter(labels.values())
    return {name: label if times[label] == 1 else name for name, label in labels.items()}


def count_rated_rows(rows: Path) -> int:
    """Counts the rows of an Arrow file that have ratings."""
    import pyarrow as pa
    import pyarrow.compute as pc

    with pa.memory_map(str(rows)) as source:
        scales = pa.ipc.open_stream(source).read_all()[RATING_SCALES]
        return int(pc.sum(pc.greater(pc.list_value_length(scales), 0)).as_py() or 0)


def list_axes(rows: Path) -> list[str]:
    """Lists the axes on which the rows of an Arrow file have ratings, by name."""
    import pyarrow as pa
    import pyarrow.compute as pc

    with pa.memory_map(str(rows)) as source:
        names = pc.unique(pc.list_flatten(pa.ipc.open_stream(source).read_all()[RATING_SCALES]))
        return sorted({read_axis(name) for name in names.to_pylist()})


def _or_nan(score: float | None) -> float:
    return math.nan if score is None else score
