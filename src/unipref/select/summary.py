"""Summarises a selection: before and after, for all of the data and for each objective and source."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unipref.core.candidates import Candidates
from unipref.core.work_progress import show_items, show_phase
from unipref.select import diversity, wording

if TYPE_CHECKING:
    import numpy.typing as npt

EMBEDDER = "tfidf"
"""The same for every strategy, whatever embedder the strategy uses; otherwise selections could not be compared."""
SHARE_FLOOR = 0.2
"""unipref warns if a source's or objective's share of the kept preferences is below this part of its share before."""
EMPTIED = 0.1
"""unipref warns if at least this part of the clusters has no kept preference."""
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)

Pair = list[Any]
"""[before, after]"""


@dataclass(frozen=True)
class Part:
    """Some of the candidates: all of them, or those of an objective or source.

    Attributes:
        of, name: the kind ('all', 'objective' or 'source'), and which one.
        order: positions of its candidates, by id.
    """

    of: str
    name: str
    order: "npt.NDArray[np.int64]"


def summarise_selection(
    preferences: Path,
    candidates: Candidates,
    kept: "npt.NDArray[np.int64]",
    rows_at_once: int,
    reasons: "npt.NDArray[np.str_] | None" = None,
) -> dict[str, Any]:
    """Summarises the candidates before the selection and after it.

    Args:
        preferences: Parquet file of the n candidates.
        candidates: the same as numbers.
        kept: positions of the kept ones, ascending.
        rows_at_once: number of rows whose text is held at a time.
        reasons: (n,) why each was kept or not, if the strategy gives reasons.

    Returns:
        `parts`, one mapping for all candidates, for each objective and each source: `of`, `name`, and as
        [before, after] `count`, `tokens` (white-space words), `margin` (the QUANTILES of the percentiles, or None),
        `chosen_words`, `rejected_words` (means) and `length_ratio` (all words of chosen answers / all of rejected
        ones, if there are both), `clusters` (with a preference in them), `entropy` (of clusters, nats) and
        `distinct_2`; `nearest` as [before, after, as many at random]. Further `clusters` (their number),
        `shared_clusters` (those of them with prompts of two sources or more; None with a single source),
        `embedder`, `map` (see `diversity.project_to_map` and `_label_points`), `no_map` (why there
        is none, or empty), `warnings` (of over-aggressive selection) and `seconds`.
    """
    start = time.perf_counter()
    mask = np.zeros(len(candidates), dtype=bool)
    mask[kept] = True
    vectors = candidates.embed(EMBEDDER)
    with show_phase("clustering for the summary"):
        labels = diversity.assign_clusters(vectors, candidates.ids)
    parts = list(_parts(candidates))
    samples = [np.sort(rows) for part in parts for rows in _draw_samples(part.order, mask)]
    lengths, distinct = wording.measure_wording(preferences, samples, rows_at_once)
    no_map = diversity.find_map_obstacle(vectors, parts[0].order)
    with show_phase("mapping prompts"):
        prompt_map = {} if no_map else diversity.project_to_map(vectors, parts[0].order, mask)
    if prompt_map:
        points = parts[0].order[: diversity.MAP_POINTS]
        excerpts = wording.read_excerpts(preferences, points, rows_at_once)
        prompt_map |= _label_points(points, candidates, excerpts, reasons)
    summaries = []
    for number, part in enumerate(show_items(parts, "summarising groups")):
        rows = [part.order, part.order[mask[part.order]]]
        summaries.append(
            {
                "of": part.of,
                "name": part.name,
                "count": [len(r) for r in rows],
                "tokens": [int(candidates.tokens[r].sum()) for r in rows],
                "margin": [_quantiles(candidates.margin_percentiles[r]) for r in rows],
                **_summarise_answers(lengths, rows),
                "clusters": [len(np.unique(labels[r])) for r in rows],
                "entropy": [_round(diversity.compute_entropy(labels[r])) for r in rows],
                "nearest": [_round(d) for d in diversity.measure_nearest(vectors, part.order, mask)],
                "distinct_2": [_round(d) for d in distinct[2 * number : 2 * number + 2]],
            }
        )
    return {
        "parts": summaries,
        "clusters": len(np.unique(labels)),
        "shared_clusters": _count_shared(labels, candidates.sources),
        "embedder": EMBEDDER,
        "map": prompt_map,
        "no_map": no_map,
        "warnings": list(make_warnings(summaries)),
        "seconds": round(time.perf_counter() - start, 3),
    }


def _label_points(
    points: "npt.NDArray[np.int64]",
    candidates: Candidates,
    prompts: list[str],
    reasons: "npt.NDArray[np.str_] | None",
) -> dict[str, Any]:
    """Labels the points of a map.

    Args:
        points: (k,) positions of the candidates on the map.
        candidates: all candidates.
        prompts: (k,) the beginnings of their prompts.
        reasons: as in `summarise_selection`.

    Returns:
        `prompts`; `sources` and, if there are any, `reasons`: [the names, each point's index among them].
    """
    labels = {"sources": candidates.sources} | ({} if reasons is None else {"reasons": reasons})
    result: dict[str, Any] = {"prompts": prompts}
    for name, values in labels.items():
        names, indices = np.unique(values[points], return_inverse=True)
        result[name] = [names.tolist(), indices.tolist()]
    return result


def _parts(candidates: Candidates) -> Iterator[Part]:
    by_id = np.argsort(candidates.ids, kind="stable")
    yield Part("all", "all", by_id)
    for of, values in (("objective", candidates.objectives), ("source", candidates.sources)):
        names, codes = np.unique(values, return_inverse=True)
        for code, name in enumerate(names):
            yield Part(of, str(name), by_id[codes[by_id] == code])


def _count_shared(labels: "npt.NDArray[np.int64]", sources: "npt.NDArray[np.str_]") -> int | None:
    """Counts clusters with candidates of two sources or more; None with a single source."""
    if len(np.unique(sources)) < 2:
        return None
    pairs = np.unique(np.stack([labels, np.unique(sources, return_inverse=True)[1]]), axis=1)
    return int(np.sum(np.unique(pairs[0], return_counts=True)[1] > 1))


def _draw_samples(
    order: "npt.NDArray[np.int64]", kept: "npt.NDArray[np.bool_]"
) -> tuple["npt.NDArray[np.int64]", "npt.NDArray[np.int64]"]:
    """Draws samples of the same size: of all candidates of a part, and of the kept ones."""
    mine = order[kept[order]][: wording.SAMPLE_ROWS]
    return order[: len(mine)], mine


def _quantiles(margins: "npt.NDArray[np.float32]") -> list[float] | None:
    scored = margins[~np.isnan(margins)]
    if not len(scored):
        return None
    return [round(float(value), 4) for value in np.quantile(scored.astype(np.float64), QUANTILES)]


def _summarise_answers(lengths: wording.Lengths, rows: "list[npt.NDArray[np.int64]]") -> dict[str, Pair]:
    return {
        "chosen_words": [_mean_length(lengths.chosen[r]) for r in rows],
        "rejected_words": [_mean_length(lengths.rejected[r]) for r in rows],
        "length_ratio": [_ratio(lengths.chosen[r], lengths.rejected[r]) for r in rows],
    }


def _mean_length(words: "npt.NDArray[np.int64]") -> float | None:
    lengths = words[words != wording.MISSING]
    return round(float(lengths.mean()), 2) if len(lengths) else None


def _ratio(chosen: "npt.NDArray[np.int64]", rejected: "npt.NDArray[np.int64]") -> float | None:
    both = (chosen != wording.MISSING) & (rejected != wording.MISSING)
    total = int(rejected[both].sum())
    return round(int(chosen[both].sum()) / total, 4) if total else None


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def make_warnings(parts: list[dict[str, Any]]) -> Iterator[str]:
    """Warns of over-aggressive selection, in sentences that name the threshold.

    Args:
        parts: as `summarise_selection` returns them, the whole first.
    """
    whole = parts[0]
    total, left = whole["count"]
    for part in parts[1:]:
        before, after = part["count"]
        # A part whose exact share is below one preference may lose all by rounding alone.
        if left and before * left >= total and after * total < SHARE_FLOOR * before * left:
            yield (
                f"{part['of']} '{part['name']}' is {_percent(before / total)} of the candidates, but "
                f"{_percent(after / left)} of the kept ones ({after:,} of {before:,}): "
                f"below {_percent(SHARE_FLOOR)} of its share."
            )
    before, after = whole["clusters"]
    if left and before - after >= EMPTIED * before:
        yield (
            f"{before - after} of {before} clusters of prompts have no kept preference: {_percent(EMPTIED)} or more."
        )


def _percent(part: float) -> str:
    return f"{100 * part:.3g} %"
