"""What a selection did: before and after, for all of the data and for each objective and source."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unipref.core.candidates import Candidates
from unipref.select import diversity, wording

if TYPE_CHECKING:
    import numpy.typing as npt

EMBEDDER = "tfidf"
"""The same for every strategy, whatever it embeds with itself: else no two selections could be compared."""
SHARE_FLOOR = 0.2
"""A source or objective whose share of the kept preferences is below this part of its share before is named."""
EMPTIED = 0.1
"""So large a part of the clusters without a kept preference is named."""
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)

Pair = list[Any]
"""[before, after]"""


@dataclass(frozen=True)
class Part:
    """Some of the candidates: all of them, or those of an objective or source.

    Attributes:
        of, name: what it is: 'all', 'objective' or 'source', and which.
        order: positions of its candidates, by id.
    """

    of: str
    name: str
    order: "npt.NDArray[np.int64]"


def account(
    preferences: Path,
    candidates: Candidates,
    kept: "npt.NDArray[np.int64]",
    rows_at_once: int,
    reasons: "npt.NDArray[np.str_] | None" = None,
) -> dict[str, Any]:
    """What was there and what is left.

    Args:
        preferences: Parquet file of the n candidates.
        candidates: the same as numbers.
        kept: positions of the kept ones, ascending.
        rows_at_once: how many rows' text is held at a time.
        reasons: (n,) why each was kept or not, where the strategy says so.

    Returns:
        `parts`, one mapping for all candidates, for each objective and each source: `of`, `name`, and as
        [before, after] `count`, `tokens` (white-space words), `margin` (the QUANTILES of the scored ones, or None),
        `chosen_words`, `rejected_words` (means) and `length_ratio` (all words of chosen answers / all of rejected
        ones, where there are both), `clusters` (with a preference in them), `entropy` (of clusters, nats) and
        `distinct_2`; `nearest` as [before, after, as many at random]. Further `clusters` (how many there are),
        `shared_clusters` (those of them with prompts of two sources or more; None where there is one source),
        `embedder`, `map` (see `_spread.two_dimensions` and `_labelled`), `warnings` (of over-aggressive selection)
        and `seconds`.
    """
    start = time.perf_counter()
    mask = np.zeros(len(candidates), dtype=bool)
    mask[kept] = True
    vectors = candidates.embed(EMBEDDER)
    labels = diversity.clusters_of(vectors, candidates.ids)
    parts = list(_parts(candidates))
    samples = [np.sort(rows) for part in parts for rows in _compared(part.order, mask)]
    lengths, distinct = wording.read(preferences, samples, rows_at_once)
    drawn = diversity.two_dimensions(vectors, parts[0].order, mask)
    if drawn:
        shown = parts[0].order[: diversity.MAP_POINTS]
        drawn |= _labelled(shown, candidates, wording.excerpts(preferences, shown, rows_at_once), reasons)
    told = []
    for number, part in enumerate(parts):
        rows = [part.order, part.order[mask[part.order]]]
        told.append(
            {
                "of": part.of,
                "name": part.name,
                "count": [len(r) for r in rows],
                "tokens": [int(candidates.tokens[r].sum()) for r in rows],
                "margin": [_quantiles(candidates.margins[r]) for r in rows],
                **_answers(lengths, rows),
                "clusters": [len(np.unique(labels[r])) for r in rows],
                "entropy": [_rounded(diversity.entropy(labels[r])) for r in rows],
                "nearest": [_rounded(d) for d in diversity.neighbours(vectors, part.order, mask)],
                "distinct_2": [_rounded(d) for d in distinct[2 * number : 2 * number + 2]],
            }
        )
    return {
        "parts": told,
        "clusters": len(np.unique(labels)),
        "shared_clusters": _shared(labels, candidates.sources),
        "embedder": EMBEDDER,
        "map": drawn,
        "warnings": list(warnings(told)),
        "seconds": round(time.perf_counter() - start, 3),
    }


def _labelled(
    shown: "npt.NDArray[np.int64]",
    candidates: Candidates,
    prompts: list[str],
    reasons: "npt.NDArray[np.str_] | None",
) -> dict[str, Any]:
    """What the points of a map are.

    Args:
        shown: (k,) positions of the candidates on the map.
        candidates: all of them.
        prompts: (k,) how their prompts begin.
        reasons: as in `account`.

    Returns:
        `prompts`; `sources` and, where there are any, `reasons`: [the names, each point's place among them].
    """
    labels = {"sources": candidates.sources} | ({} if reasons is None else {"reasons": reasons})
    told: dict[str, Any] = {"prompts": prompts}
    for name, values in labels.items():
        known, places = np.unique(values[shown], return_inverse=True)
        told[name] = [known.tolist(), places.tolist()]
    return told


def _parts(candidates: Candidates) -> Iterator[Part]:
    by_id = np.argsort(candidates.ids, kind="stable")
    yield Part("all", "all", by_id)
    for of, names in (("objective", candidates.objectives), ("source", candidates.sources)):
        known, codes = np.unique(names, return_inverse=True)
        for code, name in enumerate(known):
            yield Part(of, str(name), by_id[codes[by_id] == code])


def _shared(labels: "npt.NDArray[np.int64]", sources: "npt.NDArray[np.str_]") -> int | None:
    """How many clusters hold candidates of two sources or more; None where there is one source."""
    if len(np.unique(sources)) < 2:
        return None
    there = np.unique(np.stack([labels, np.unique(sources, return_inverse=True)[1]]), axis=1)
    return int(np.sum(np.unique(there[0], return_counts=True)[1] > 1))


def _compared(
    order: "npt.NDArray[np.int64]", kept: "npt.NDArray[np.bool_]"
) -> tuple["npt.NDArray[np.int64]", "npt.NDArray[np.int64]"]:
    """Samples of the same size: of all candidates of a part, and of the kept ones."""
    mine = order[kept[order]][: wording.TEXTS]
    return order[: len(mine)], mine


def _quantiles(margins: "npt.NDArray[np.float32]") -> list[float] | None:
    scored = margins[~np.isnan(margins)]
    if not len(scored):
        return None
    return [round(float(value), 4) for value in np.quantile(scored.astype(np.float64), QUANTILES)]


def _answers(lengths: wording.Lengths, rows: "list[npt.NDArray[np.int64]]") -> dict[str, Pair]:
    return {
        "chosen_words": [_mean_length(lengths.chosen[r]) for r in rows],
        "rejected_words": [_mean_length(lengths.rejected[r]) for r in rows],
        "length_ratio": [_ratio(lengths.chosen[r], lengths.rejected[r]) for r in rows],
    }


def _mean_length(words: "npt.NDArray[np.int64]") -> float | None:
    there = words[words != wording.NONE]
    return round(float(there.mean()), 2) if len(there) else None


def _ratio(chosen: "npt.NDArray[np.int64]", rejected: "npt.NDArray[np.int64]") -> float | None:
    both = (chosen != wording.NONE) & (rejected != wording.NONE)
    below = int(rejected[both].sum())
    return round(int(chosen[both].sum()) / below, 4) if below else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def warnings(parts: list[dict[str, Any]]) -> Iterator[str]:
    """What in a selection is over-aggressive, in sentences, with the threshold it passes.

    Args:
        parts: as `account` returns them, the whole first.
    """
    whole = parts[0]
    total, left = whole["count"]
    for part in parts[1:]:
        had, has = part["count"]
        # Of a part that is owed less than one preference, rounding alone may leave none.
        if left and had * left >= total and has * total < SHARE_FLOOR * had * left:
            yield (
                f"{part['of']} '{part['name']}' is {_percent(had / total)} of the candidates and "
                f"{_percent(has / left)} of what is kept ({has:,} of {had:,}): "
                f"below {_percent(SHARE_FLOOR)} of its share."
            )
    before, after = whole["clusters"]
    if left and before - after >= EMPTIED * before:
        yield (
            f"{before - after} of {before} clusters of prompts have nothing kept in them: {_percent(EMPTIED)} or more."
        )


def _percent(part: float) -> str:
    return f"{100 * part:.3g} %"
