"""Axis accuracy: how well does a model rank answers on each axis that people rated, on held-out preferences?"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from unipref.core.chat_models import Policy, RewardModel
from unipref.core.contracts import SplitBenchmark
from unipref.core.scores import Example
from unipref.core.stats.statistic import Statistic, mean
from unipref.evaluate.held_out_pairs import WHAT, HeldOutPairs, Unscored, describe_pair, make_example_row
from unipref.evaluate.likelihood import wins
from unipref.evaluate.ranked_answers import LIKELIHOOD, REWARD, SIDES, Floats
from unipref.models.inference import answer_log_likelihoods, axis_scores, rewards

COLUMNS = ("axis", "chosen_score", "rejected_score", "axes")
READ_AT_ONCE = 512


class AxisAccuracy(SplitBenchmark):
    """Share of held-out pairs that a model ranks as the ratings on an axis do, for each axis that the sources rate.

    | metric | formula, averaged over the pairs whose ratings on the axis differ | chance level |
    |---|---|---|
    | `accuracy` | the answer with the higher rating has the higher value; a tie counts half | 0.5 |
    | `ties` | the two values are equal; best 0 | – |
    | `correlation` | reward models: Pearson's, of value and rating, over the answers of pairs with both ratings | 0 |

    The value of an answer is the output for this axis of a reward model with axes (`reward_axes`), the reward of other
    reward models, and a policy's log-likelihood per token. So a model with one score shows how well one number serves
    all axes. It is the rating that counts, also where a lower one is better. For `correlation`, ratings are in standard
    deviations within their source. Slices: `axis:NAME`; `all` takes each axis of a pair as one more pair. Units are
    pairs, clusters are prompts.

    Data: a Parquet file of preferences; without `data`, the run's own split.
    """

    measures: ClassVar[frozenset[str]] = frozenset({"policy", "reward"})
    example: ClassVar[Mapping[str, Any]] = {
        "settings": {"split": "test"},
        "files": {
            "test.parquet": [
                make_example_row(
                    name,
                    f"Who was late on day {name}?",
                    "The nurse.",
                    "Nurse late who, and what of it?",
                    axis="helpfulness",
                    chosen_score=4.0,
                    rejected_score=score,
                    axes=[{"axis": "verbosity", "chosen": 1.0, "rejected": 3.0 - score}],
                )
                for name, score in (("a", 1.0), ("b", 2.0), ("c", 0.0))
            ]
        },
    }
    dialogue: ClassVar[bool] = True

    split: Literal["test", "dev"] = "test"
    """Which of the run's splits; in a folder of `data`, `test.parquet` or `dev.parquet`."""
    limit: int | None = None
    """Number of rows to measure, evenly spread over the file; None: all."""
    batch_size: int = 32
    """Maximum number of sequences in one forward pass."""

    def examine(self, model: Policy | RewardModel, data: Path, split: str) -> tuple[list[Example], list[str]]:
        """Scores a policy or a reward model; one row is one axis of a preference with both ratings."""
        pairs, unscored = HeldOutPairs(data, split, self.limit), Unscored(model)
        examples: list[Example] = []
        unrated = 0
        for rows in pairs.read(COLUMNS, READ_AT_ONCE):
            rated = [(row, ratings) for row in rows if (ratings := _read_ratings(row))]
            unrated += len(rows) - len(rated)
            examples += self._score(model, rated, split, unscored)
        notes = list(pairs.notes)
        if unrated:
            notes.append(f"{unrated} of {pairs.total} {WHAT} skipped: no axis has a rating of both answers.")
        return examples, [*notes, *unscored.notes(pairs.total), *_describe_outputs(model, examples)]

    @classmethod
    def statistics(cls, examples: Sequence[Example]) -> Iterator[Statistic]:
        """All metrics: over all axes, and per axis; units are pairs, in clusters of one prompt."""
        slices = {"all": list(examples)} if examples else {}
        for axis in sorted({row["axis"] for row in examples}):
            slices[f"axis:{axis}"] = [row for row in examples if row["axis"] == axis]
        for name, rows in slices.items():
            yield from _statistics(name, rows)

    def _score(
        self,
        model: Policy | RewardModel,
        rated: Sequence[tuple[Mapping[str, Any], Mapping[str, tuple[float, float]]]],
        split: str,
        unscored: Unscored,
    ) -> Iterator[Example]:
        """Yields a row per axis; counts the preferences that are skipped."""
        dialogues = [(row["prompt"], row[side]) for row, _ in rated for side in SIDES]
        tokens = np.ones(len(dialogues))
        if isinstance(model, RewardModel):
            whole = [[*prompt, *answer] for prompt, answer in dialogues]
            scores = axis_scores(model, whole, self.batch_size) if model.axes else None
            total = (
                rewards(model, whole, self.batch_size) if scores is None else scores @ np.array(model.output_weights)
            )
        else:
            scores = None
            sums, counts = answer_log_likelihoods(model, dialogues, self.batch_size)
            tokens = counts.astype(np.float64)
            total = sums / np.maximum(tokens, 1)
        for place, (row, ratings) in enumerate(rated):
            here = slice(2 * place, 2 * place + 2)
            if np.isnan(total[here]).any():
                unscored.add(row, tokens[here].tolist())
                continue
            mode = REWARD if isinstance(model, RewardModel) else LIKELIHOOD
            about = {**describe_pair(row), "mode": mode, "split": split}
            for axis, (chosen, rejected) in ratings.items():
                output = model.find_output(axis) if isinstance(model, RewardModel) else None
                values = (total if output is None or scores is None else scores[:, output])[here]
                value: Example = {"chosen_value": float(values[0]), "rejected_value": float(values[1])}
                yield {**about, "axis": axis, "chosen_rating": chosen, "rejected_rating": rejected, **value}


def _read_ratings(row: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Reads axis -> the ratings of both answers; empty for a row with one side, or without such an axis."""
    if not row["chosen"] or not row["rejected"]:
        return {}
    pairs = [(pair["axis"], pair["chosen"], pair["rejected"]) for pair in row["axes"] or []]
    if row["axis"] is not None:
        pairs.insert(0, (row["axis"], row["chosen_score"], row["rejected_score"]))
    known = [one for one in pairs if all(score is not None and np.isfinite(score) for score in one[1:])]
    return {axis: (float(chosen), float(rejected)) for axis, chosen, rejected in known}


def _describe_outputs(model: Policy | RewardModel, examples: Sequence[Example]) -> list[str]:
    """Notes which axes a model has no output for."""
    if not isinstance(model, RewardModel) or not model.axes:
        return []
    others = sorted({row["axis"] for row in examples} - set(model.axes))
    return [f"the model has no output for {', '.join(others)}: its reward was taken."] if others else []


def _statistics(name: str, rows: Sequence[Example]) -> Iterator[Statistic]:
    about: dict[str, Any] = {"mode": rows[0]["mode"], "split": rows[0]["split"], "slice": name, "unit": "pairs"}
    gaps = np.array([row["chosen_rating"] - row["rejected_rating"] for row in rows])
    values = np.array([row["chosen_value"] - row["rejected_value"] for row in rows])
    own = [at for at in range(len(rows)) if gaps[at]]
    if own:
        units = [_name_unit(rows[at]) for at in own]
        about["clusters"] = [rows[at]["prompt"] for at in own]
        yield mean("accuracy", units, wins(values[own] * np.sign(gaps[own])), **about, ideal=1.0, chance=0.5)
        yield mean("ties", units, values[own] == 0, **about, direction="lower", ideal=0.0)
    if rows[0]["mode"] == REWARD:
        yield from _correlate(rows, about)


def _name_unit(row: Example) -> str:
    return f"{row['id']} {row['axis']}"


def _correlate(rows: Sequence[Example], about: Mapping[str, Any]) -> Iterator[Statistic]:
    """The correlation of values and ratings over both answers of each pair; none without spread in either."""
    ratings = np.array([[row[f"{side}_rating"] for side in SIDES] for row in rows], dtype=np.float64)
    values = np.array([[row[f"{side}_value"] for side in SIDES] for row in rows], dtype=np.float64)
    scales = [(row["source"], row["axis"]) for row in rows]
    for scale in set(scales):
        own = [at for at, other in enumerate(scales) if other == scale]
        spread = ratings[own].std()
        ratings[own] = (ratings[own] - ratings[own].mean()) / spread if spread > 0 else 0.0
    values = values - values.mean()
    if values.std() > 0:
        values /= values.std()
    columns = np.stack([values, ratings, values**2, ratings**2, values * ratings], axis=2).mean(axis=1)

    def of_means(means: Floats) -> Floats:
        x, y, xx, yy, xy = means.T
        return np.asarray((xy - x * y) / np.sqrt((xx - x * x) * (yy - y * y)), dtype=np.float64)

    if len(rows) > 1 and np.isfinite(of_means(columns.mean(axis=0, keepdims=True))).all():
        fields = {**about, "clusters": [row["prompt"] for row in rows], "bounds": (-1.0, 1.0)}
        yield Statistic(
            "correlation", [_name_unit(row) for row in rows], columns, of_means, **fields, ideal=1.0, chance=0.0
        )
