"""Split and clean: dev and test parts by prompt group; leaks and duplicates removed, each with its reason and twin.

A preference is removed, in this order, because its prompt occurs in a benchmark that the study measures with, because
it repeats an earlier one to the letter, or because it nearly does. What goes is gone from all parts before they are
drawn: a benchmark's question in dev would choose the settings by it, and the shares are of what is left.

Twins, near-duplicate prompts (where they are looked for) and the turns of one conversation are on one side of the
split, so no prompt of dev or test is trained on. Held in memory per preference: hashes and its place, never text.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from unipref.clean.benchmark_leaks import Leaks
from unipref.clean.exact_duplicates import Copies
from unipref.clean.minhash import check_rensa
from unipref.clean.near_duplicates import Found, Near, NearDuplicates
from unipref.clean.notes import notes, nothing_left
from unipref.clean.split import Families, Split, draw, heavy
from unipref.clean.write_parts import BATCH, Removal, removed_schema, write_parts
from unipref.core import parquet
from unipref.core.contracts import Settings
from unipref.core.records import Reason
from unipref.core.text_keys import root_of

__all__ = ["Clean", "Near", "Split", "clean", "removed_schema"]


class Clean(Settings):
    """What is removed before training."""

    duplicates: Literal["exact", "near", "keep"] = "exact"
    """exact: of preferences with the same prompt, chosen and rejected texts, in any source, the first is kept. near: so
    too of those whose prompt and answers are near-duplicates; where the prompts alone are, they are on one side of the
    split."""
    near: Near = Near()
    """When two texts are near-duplicates."""
    benchmarks: bool = True
    """Remove preferences whose prompt occurs in the data of one of the study's benchmarks."""

    def check(self, where: str) -> None:
        """Raises UserError when a package that these settings need is missing."""
        if self.duplicates == "near":
            check_rensa(f"'{where}.duplicates: near'")


def clean(
    preferences: Path,
    split: Split,
    settings: Clean,
    out: Path,
    benchmarks: Mapping[str, Path] | None = None,
    fetched: Sequence[str] = (),
) -> dict[str, Any]:
    """Writes `train.parquet`, `dev.parquet`, `test.parquet` and `removed.parquet` to `out`.

    Args:
        preferences: the Parquet file that unify wrote.
        split: which shares are held out.
        settings: what is removed.
        out: an empty folder.
        benchmarks: benchmark -> the folder or file of its data, of all that the study measures with.
        fetched: benchmarks that bring their data themselves, when they measure: nothing can be compared with those.

    Returns:
        Counts of `train`, `dev` and `test`, and `removed` by reason; `by_source` (source -> its `preferences`, and
        those removed by reason); `examples` of what was removed; `benchmarks` (benchmark -> its `texts`, and the
        preferences `found` among them); `near` (where it was asked for: pairs `compared`, prompts `tied`); `notes` for
        the reader.

    Raises:
        UserError: nothing is left to train on.
    """
    search = _Search(settings, benchmarks or {})
    search.run(preferences, out)
    families = search.families
    sizes = families.sizes()
    stay = heavy(sizes) if search.near else []
    parts = draw(families, split, stay)
    result = write_parts(preferences, parts, search.removals, out)
    leaks = search.leaks
    result |= {"benchmarks": leaks.counts() if leaks else {}, **search.figures}
    unread = leaks.unread if leaks else []
    result["notes"] = [*notes(result, unread, fetched, [sizes[family] for family in stay])]
    if not result["train"]:
        raise nothing_left(result)
    return result


class _Search:
    """One pass over the preferences that finds what has to go, and what has to stay together."""

    def __init__(self, settings: Clean, benchmarks: Mapping[str, Path]) -> None:
        self.leaks = Leaks(benchmarks) if settings.benchmarks and benchmarks else None
        self.near = NearDuplicates(settings.near) if settings.duplicates == "near" else None
        self.families = Families()
        self.removals: dict[int, Removal] = {}
        self.figures: dict[str, Any] = {}
        self._copies = Copies() if settings.duplicates != "keep" else None

    def run(self, preferences: Path, out: Path) -> None:
        columns = ["group", "prompt"] + (["chosen", "rejected"] if self._copies else [])

        def kept() -> Iterator[tuple[int, dict[str, Any]]]:
            every = enumerate(parquet.rows(preferences, columns, BATCH))
            return ((place, row) for place, row in every if place not in self.removals)

        waiting: list[tuple[int, dict[str, Any]]] = []
        for place, row in enumerate(parquet.rows(preferences, columns, BATCH)):
            if removal := self._removal(place, row):
                self.removals[place] = removal
                continue
            self.families.add(row["group"], root_of(row["prompt"]))
            if self.near:
                waiting.append((place, row))
                if len(waiting) == BATCH:
                    self.near.add(waiting)
                    waiting = []
        if self.near:
            self.near.add(waiting)
            self._take_in(self.near.find(kept, out))

    def _removal(self, place: int, row: dict[str, Any]) -> Removal | None:
        if self.leaks and (found := self.leaks.place(row["prompt"])) is not None:
            return Removal(Reason.BENCHMARK, found)
        if self._copies and (twin := self._copies.twin(place, row)) is not None:
            return Removal(Reason.DUPLICATE, twin)
        return None

    def _take_in(self, found: Found) -> None:
        for place, twin in found.twins.items():
            self.removals[place] = Removal(Reason.NEAR_DUPLICATE, twin)
            self.families.remove(found.groups[place])
        # The first of several that are the same may itself be a near-duplicate of what is kept.
        for place, removal in self.removals.items():
            if removal.reason is Reason.DUPLICATE and isinstance(removal.twin, int):
                self.removals[place] = Removal(removal.reason, found.twins.get(removal.twin, removal.twin))
        for one, other in found.tied:
            self.families.tie(one, other)
        self.figures["near"] = {"compared": found.compared, "tied": found.prompts}
