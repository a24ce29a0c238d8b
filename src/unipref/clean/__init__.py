"""The clean stage: removes benchmark leaks and duplicates, and splits the preferences into train, dev and test.

If the settings say so, personal data are replaced by placeholders first. A preference is removed for the first of these
reasons: its prompt, as it was before, occurs in one of the study's benchmarks; its answers are equal without personal
data; another preference has the opposite label and is at least as probable; it repeats an earlier preference exactly;
it nearly repeats one. Each removal is listed with its reason and twin.
Removal comes before the split: a benchmark's question in dev would otherwise influence the choice of settings, and the
shares of dev and test are shares of what is left.

Declared twins, near-duplicate prompts (with `duplicates: near`) and the turns of one conversation stay on one side of
the split, so no prompt of dev or test is trained on. Memory per preference: hashes and its row number, never text.
"""

import contextlib
import importlib.util
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from unipref.clean.benchmark_leaks import BenchmarkLeaks, write_leaked_items
from unipref.clean.benchmark_meaning import MeaningLeaks, MeaningMatch, MeaningSettings, count_matches
from unipref.clean.exact_duplicates import SIDES, ExactRepeats, find_losers
from unipref.clean.minhash import check_rensa
from unipref.clean.near_duplicates import NearDuplicatePairs, NearDuplicates, NearDuplicateSettings
from unipref.clean.notes import describe_cleaning, nothing_left_error
from unipref.clean.personal_data import KINDS, Kind
from unipref.clean.redact import write_redacted
from unipref.clean.split import Families, SplitSettings, assign_parts, find_heavy_families
from unipref.clean.write_parts import BATCH, Removal, removed_schema, write_parts
from unipref.core import parquet
from unipref.core.contracts import Settings
from unipref.core.errors import needs_extra
from unipref.core.records import Messages, Reason
from unipref.core.text_keys import root_prompt_key
from unipref.core.work_progress import show_phase

__all__ = ["CleanSettings", "MeaningSettings", "NearDuplicateSettings", "SplitSettings", "clean", "removed_schema"]


class CleanSettings(Settings):
    """What is removed before training."""

    duplicates: Literal["exact", "near", "keep"] = "exact"
    """exact: of preferences with the same prompt, chosen and rejected texts, in any source, only the first is kept.
    near: the same for preferences whose prompt and answers are near-duplicates; if only the prompts are, they
    stay on one side of the split. keep: duplicates are kept. Of two preferences of one objective with opposite labels
    on the same answers, the one with the lower confidence (or, without any, fewer judgements) is always removed, and
    both are if nothing tells which is right."""
    near: NearDuplicateSettings = NearDuplicateSettings()
    """When two texts are near-duplicates."""
    benchmarks: bool | Literal["words", "semantic"] = True
    """Removes preferences whose prompt occurs in the data of one of the study's benchmarks: `words` (or true) the same
    words; `semantic` also the same in other words, by a sentence model (unipref[embed]). false: removes none."""
    meaning: MeaningSettings = MeaningSettings()
    """When two texts mean the same, for `benchmarks: semantic`."""
    redact: list[Kind] | Literal["all"] = []
    """Personal data to replace by placeholders such as [EMAIL]: a list of email, phone, card, iban, id and ip, or all.
    unipref recognises them by their form (docs/audit.md), so it may miss some."""

    @property
    def redacted_kinds(self) -> list[Kind]:
        """The kinds of personal data to replace, in a fixed order."""
        return [kind for kind in KINDS if self.redact == "all" or kind in self.redact]

    @property
    def is_semantic(self) -> bool:
        """Whether prompts are compared with benchmarks by meaning too."""
        return self.benchmarks == "semantic"

    def check(self, where: str) -> None:
        """Raises UserError if a package that these settings need is missing."""
        if self.is_semantic and importlib.util.find_spec("sentence_transformers") is None:
            raise needs_extra("sentence-transformers", "embed", f"'{where}.benchmarks: semantic'")
        if self.duplicates == "near":
            check_rensa(f"'{where}.duplicates: near'")


def clean(
    preferences: Path,
    split: SplitSettings,
    settings: CleanSettings,
    out: Path,
    benchmarks: Mapping[str, Path] | None = None,
    fetched: Sequence[str] = (),
    cache: Path | None = None,
) -> dict[str, Any]:
    """Writes `train.parquet`, `dev.parquet`, `test.parquet` and `removed.parquet` to `out`.

    Args:
        preferences: the Parquet file that unify wrote.
        split: the shares of dev and test.
        settings: what to remove.
        out: an empty folder.
        benchmarks: benchmark -> folder or file of its data, for all benchmarks of the study.
        fetched: benchmarks that fetch their own data at evaluation; their texts cannot be compared here.
        cache: folder that keeps vectors of texts between runs; None: one in `out` that is removed.

    Returns:
        Counts of `train`, `dev` and `test`; `removed`, counts by reason; `by_source`, source -> its `preferences` and
        removals by reason; `agreeing`, source -> those removed because another source has the same label; `examples` of
        removed preferences; `benchmarks`, benchmark -> number of its `texts`, of preferences `found` among them and,
        with `benchmarks: semantic`, of those found `by_meaning` alone; `near` (only with `duplicates: near`), the pairs
        `compared` and prompts `tied`; `redacted` (only with `redact`), source -> kind -> number of values replaced;
        `notes` for the reader.

    Raises:
        UserError: no preference is left to train on.
    """
    original, redacted = preferences, None
    if kinds := settings.redacted_kinds:
        preferences = out / ".redacted.parquet"
        redacted = write_redacted(original, kinds, preferences, BATCH)
    search = _RemovalSearch(settings, benchmarks or {})
    if settings.is_semantic and benchmarks:
        with _keep_vectors(cache, out) as folder:
            search.meanings = MeaningLeaks(benchmarks, settings.meaning, folder).find(original, BATCH)
    search.run(preferences, original, out)
    families = search.families
    with show_phase("splitting"):
        sizes = families.sizes()
        heavy = find_heavy_families(sizes) if search.near else []
        parts = assign_parts(families, split, heavy)
    result = write_parts(preferences, parts, search.removals, out)
    if redacted is not None:
        preferences.unlink()
        result["redacted"] = redacted
    leaks = search.leaks
    result |= {"benchmarks": leaks.counts() if leaks else {}, **search.figures}
    if leaks:
        write_leaked_items(out, leaks.items, search.meanings)
    if settings.is_semantic:
        by_meaning = count_matches({place: search.meanings[place] for place in search.by_meaning})
        for name, counts in result["benchmarks"].items():
            counts["by_meaning"] = by_meaning[name]
    unread = leaks.unread if leaks else []
    result["notes"] = [*describe_cleaning(result, unread, fetched, [sizes[family] for family in heavy])]
    if not result["train"]:
        raise nothing_left_error(result)
    return result


@contextlib.contextmanager
def _keep_vectors(cache: Path | None, out: Path) -> Iterator[Path]:
    """Gives the folder for vectors; one in `out` is removed afterwards."""
    folder = cache or out / ".vectors"
    yield folder
    if cache is None:
        shutil.rmtree(folder, ignore_errors=True)


class _RemovalSearch:
    """Finds the preferences to remove and the prompt groups to keep together, in one pass over the preferences."""

    def __init__(self, settings: CleanSettings, benchmarks: Mapping[str, Path]) -> None:
        self.leaks = BenchmarkLeaks(benchmarks) if settings.benchmarks and benchmarks else None
        self.near = NearDuplicates(settings.near) if settings.duplicates == "near" else None
        self.families = Families()
        self.removals: dict[int, Removal] = {}
        self.figures: dict[str, Any] = {}
        self._drops_copies = settings.duplicates != "keep"
        self._redacts = bool(settings.redacted_kinds)
        self.meanings: dict[int, list[MeaningMatch]] = {}
        """Row number -> the benchmark texts that its prompt repeats in meaning."""
        self.by_meaning: list[int] = []
        """Those of these rows whose words no benchmark has."""

    def run(self, preferences: Path, original: Path, out: Path) -> None:
        """Searches the preferences.

        Args:
            preferences: those to write, perhaps without personal data.
            original: the same as they were; benchmarks are compared with these.
            out: folder for temporary files.
        """
        columns = ["group", "prompt"] + (["chosen", "rejected"] if self.near or self._redacts else [])
        repeats = self._find_repeats(preferences)
        prompts = (row["prompt"] for row in parquet.read_rows(original, ["prompt"], BATCH)) if self._redacts else None

        def rows(shown: str) -> Iterator[dict[str, Any]]:
            return parquet.read_rows(preferences, columns, BATCH, shown=shown)

        def remaining_rows() -> Iterator[tuple[int, dict[str, Any]]]:
            return ((place, row) for place, row in enumerate(rows("reading candidates")) if place not in self.removals)

        pending: list[tuple[int, dict[str, Any]]] = []
        for place, row in enumerate(rows(self._describe_search())):
            prompt = row["prompt"] if prompts is None else next(prompts)
            if removal := self._find_removal(place, row, prompt) or repeats.get(place):
                self.removals[place] = removal
                continue
            self.families.add(row["group"], root_prompt_key(row["prompt"]))
            if self.near:
                pending.append((place, row))
                if len(pending) == BATCH:
                    self.near.add(pending)
                    pending = []
        if self.near:
            self.near.add(pending)
            self._add_near_duplicates(self.near.find(remaining_rows, out))

    def _describe_search(self) -> str:
        """Says what is found in the pass over the preferences."""
        found = ["finding leaks"] if self.leaks else []
        return " and ".join([*found, "computing signatures"] if self.near else found) or "grouping prompts"

    def _find_repeats(self, preferences: Path) -> dict[int, Removal]:
        """Returns the removals of preferences that repeat or contradict another one."""
        exact = ExactRepeats()
        for place, row in enumerate(parquet.read_rows(preferences, [*SIDES], BATCH, shown="finding exact duplicates")):
            exact.add(place, row)
        copies: dict[int, list[int]] = {}
        for place, first in exact.first_of.items():
            copies.setdefault(first, []).append(place)
        removals: dict[int, Removal] = {}
        for loser in find_losers(preferences, exact.opposite, copies):
            for place in (loser.place, *copies.get(loser.place, ())):
                removals[place] = Removal(Reason.CONTRADICTION, loser.other)
        if self._drops_copies:
            for place, first in exact.first_of.items():
                removals.setdefault(place, Removal(Reason.DUPLICATE, first))
        return removals

    def _find_removal(self, place: int, row: dict[str, Any], prompt: Messages) -> Removal | None:
        if self.leaks and (place_in_benchmark := self.leaks.find(prompt)) is not None:
            return Removal(Reason.BENCHMARK, place_in_benchmark)
        if matches := self.meanings.get(place):
            self.by_meaning.append(place)
            return Removal(Reason.BENCHMARK_MEANING, max(matches, key=lambda match: match.cosine).place)
        if self._redacts and row["chosen"] == row["rejected"]:
            return Removal(Reason.SAME_RESPONSE, "")
        return None

    def _add_near_duplicates(self, pairs: NearDuplicatePairs) -> None:
        for place, twin in pairs.twins.items():
            self.removals[place] = Removal(Reason.NEAR_DUPLICATE, twin)
            self.families.remove(pairs.groups[place])
        # The first of several exact duplicates can itself be a near-duplicate of a kept preference.
        for place, removal in self.removals.items():
            if removal.reason is Reason.DUPLICATE and isinstance(removal.twin, int):
                self.removals[place] = Removal(removal.reason, pairs.twins.get(removal.twin, removal.twin))
        for one, other in pairs.tied:
            self.families.join(one, other)
        self.figures["near"] = {"compared": pairs.compared, "tied": pairs.prompts}
