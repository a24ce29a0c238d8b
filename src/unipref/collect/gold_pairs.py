"""Pairs with known better answers: how a judge is tested before it is believed."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from unipref import sources
from unipref.core import hashing, parquet
from unipref.core.contracts import Opinion, PairToJudge, Vote
from unipref.core.folder_lock import check_real_folder
from unipref.core.stats.clusters import Grouping
from unipref.core.stats.intervals import estimate
from unipref.core.stats.sampling import sample_evenly
from unipref.core.text_keys import digest, prompt_key
from unipref.core.votes import decide_vote
from unipref.core.workers import Local
from unipref.unify import ResolvedSource, UnifySettings, unify

FEWEST = 30
"""With fewer pairs the interval is too wide to say anything about a judge."""
DONE = "done"


class Agreement(msgspec.Struct, frozen=True):
    """How often a judge agrees with given verdicts.

    Attributes:
        asked: pairs; judged: those about which the judge has an opinion, ties included.
        share: share of the judged pairs with the same better answer, a tie counts half; None without any.
        low, high: 95 % interval over prompts; None if it cannot be computed.
        ties: pairs that the judge calls a tie.
    """

    asked: int
    judged: int
    share: float | None
    low: float | None
    high: float | None
    ties: int

    @property
    def is_known(self) -> bool:
        """Whether there are enough pairs to say something."""
        return self.judged >= FEWEST and self.low is not None

    @property
    def is_weak(self) -> bool:
        """Whether the judge is not clearly better than chance although there are enough pairs to tell."""
        return self.is_known and (self.low or 0.0) <= 0.5

    @property
    def description(self) -> str:
        """The figures in words."""
        if self.share is None:
            return f"none of {self.asked} pairs has its opinion"
        interval = "" if self.low is None else f" [{self.low:.3f}, {self.high:.3f}]"
        few = "" if self.is_known else ", too few to tell"
        return f"{self.share:.3f}{interval} on {self.judged} of {self.asked} pairs, {self.ties} ties{few}"


class GoldPair(msgspec.Struct, frozen=True):
    """A pair, the key of its prompt, and which answer is better."""

    pair: PairToJudge
    prompt: str
    better: Vote


def read_gold(
    resolved: Sequence[ResolvedSource], most: int, folder: Path, note: Callable[[str], None]
) -> list[GoldPair]:
    """Reads the pairs of gold sources, at most `most`, evenly spread; each better answer is on a side by its hash.

    Args:
        resolved: the sources.
        most: most pairs.
        folder: for the unified pairs, by content.
        note: shows a line to the user.

    Raises:
        UserError: as `unify`.
    """
    if not resolved:
        return []
    parts = [part for source in resolved for part in source.parts]
    hashes = sources.hash_files(parts)
    settings = [[source.projection.source, source.format.model_dump(mode="json")] for source in resolved]
    unified = folder / f"gold-{hashing.json_hash([settings, hashes])[:16]}"
    check_real_folder(unified)
    if not (unified / DONE).is_file():
        note("reading the gold pairs")
        _unify_gold(resolved, unified)
    rows = parquet.read_rows(unified / "preferences.parquet", ["prompt", "chosen", "rejected"], 512)
    pairs = [_make_gold(row) for row in rows if _is_plain_pair(row)]
    return [pairs[place] for place in sample_evenly(len(pairs), most)]


def _unify_gold(resolved: Sequence[ResolvedSource], unified: Path) -> None:
    import shutil

    shutil.rmtree(unified, ignore_errors=True)
    unified.mkdir(parents=True)
    parts = [part for source in resolved for part in source.parts]
    with sources.joined(parts, unified) as read, Local(1) as engine:
        unify(list(resolved), UnifySettings(aggregate=None), unified, engine=engine, read=read)
    (unified / DONE).touch()


def _is_plain_pair(row: Mapping[str, Any]) -> bool:
    sides = [row["chosen"], row["rejected"]]
    return all(side and side[-1]["content"] and not side[-1].get("tool_calls") for side in sides) and (
        row["chosen"][:-1] == row["rejected"][:-1]
    )


def _make_gold(row: Mapping[str, Any]) -> GoldPair:
    prompt = [*row["prompt"], *row["chosen"][:-1]]
    better, worse = row["chosen"][-1]["content"], row["rejected"][-1]["content"]
    key = digest("gold", prompt_key(prompt), better, worse)
    if int(key[0], 16) % 2:
        return GoldPair(PairToJudge(key, prompt, better, worse), prompt_key(prompt), "first")
    return GoldPair(PairToJudge(key, prompt, worse, better), prompt_key(prompt), "second")


def compute_agreement(
    expected: Sequence[Vote], opinions: Sequence[Sequence[Opinion]], prompts: Sequence[str]
) -> Agreement:
    """Computes how often opinions agree with expected verdicts.

    Args:
        expected: (n,) first or second.
        opinions: (n,) of the judge.
        prompts: (n,) keys; pairs of one prompt are not independent.
    """
    hits, clusters, ties = list[float](), list[str](), 0
    for better, given, prompt in zip(expected, opinions, prompts, strict=True):
        vote = decide_vote(given)
        if vote is not None:
            ties += vote == "tie"
            hits.append(0.5 if vote == "tie" else float(vote == better))
            clusters.append(prompt)
    if not hits:
        return Agreement(len(expected), 0, None, None, None, 0)
    values = np.array(hits)
    names = [str(number) for number in range(len(values))]
    interval = estimate(values, lambda means: means, Grouping.of(names, clusters), (0.0, 1.0))
    low, high = (None if end is None or math.isnan(end) else float(end) for end in (interval.low, interval.high))
    return Agreement(len(expected), len(values), float(values.mean()), low, high, ties)
