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

from unipref.clean.benchmark_leaks import BenchmarkLeaks, PromptMatches, write_leaked_items
from unipref.clean.benchmark_meaning import MeaningLeaks, MeaningMatch, MeaningSettings, count_matches
from unipref.clean.exact_duplicates import ExactRepeats, find_losers
from unipref.clean.minhash import check_rensa
from unipref.clean.near_duplicates import NearDuplicatePairs, NearDuplicates
from unipref.clean.near_tasks import COMPARED, FIRST, LEFT_OUT, NearDuplicateSettings
from unipref.clean.notes import describe_cleaning, nothing_left_error
from unipref.clean.personal_data import KINDS, Kind
from unipref.clean.redact import write_redacted
from unipref.clean.row_facts import ROOT_BYTES, FactsTask, RowFacts, find_facts
from unipref.clean.split import Families, SplitSettings, assign_parts, find_heavy_families
from unipref.clean.write_parts import BATCH, Removal, removed_schema, write_parts
from unipref.core import parquet
from unipref.core.contracts import Settings
from unipref.core.errors import needs_extra
from unipref.core.records import Reason
from unipref.core.work_progress import show_phase
from unipref.core.workers import Engine, Local
from unipref.core.workers.shared_values import share_value
from unipref.core.workers.shown_map import map_rows_shown

TASK_ROWS = 2048
"""Fewest preferences of a task, but for the last one."""

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

    def check(self) -> None:
        """Raises UserError if a package that these settings need is missing."""
        if self.is_semantic and importlib.util.find_spec("sentence_transformers") is None:
            raise needs_extra("sentence-transformers", "embed", "'clean.benchmarks: semantic'")
        if self.duplicates == "near":
            check_rensa("'clean.duplicates: near'")


def clean(
    preferences: Path,
    split: SplitSettings,
    settings: CleanSettings,
    out: Path,
    benchmarks: Mapping[str, Path] | None = None,
    fetched: Sequence[str] = (),
    cache: Path | None = None,
    engine: Engine | None = None,
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
        engine: runs what is computed of each preference by itself; all processes must see `preferences` and `out`.
            None: this process.

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
    search = _RemovalSearch(settings, benchmarks or {}, engine or Local(1))
    if settings.is_semantic and benchmarks:
        with _keep_vectors(cache, out) as folder:
            search.meanings = MeaningLeaks(benchmarks, settings.meaning, folder).find(original, BATCH)
    search.run(preferences, original, out)
    families = search.families
    with show_phase("splitting"):
        sizes = families.sizes()
        heavy = find_heavy_families(sizes) if settings.duplicates == "near" else []
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
    """Finds the preferences to remove and the prompt groups to keep together.

    The engine reads the texts; this process merges what the tasks found, in the order of the file.
    """

    def __init__(self, settings: CleanSettings, benchmarks: Mapping[str, Path], engine: Engine) -> None:
        self.leaks = BenchmarkLeaks(benchmarks) if settings.benchmarks and benchmarks else None
        self.families = Families()
        self.removals: dict[int, Removal] = {}
        self.figures: dict[str, Any] = {}
        self._settings, self._engine = settings, engine
        self._roots = bytearray()
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
        ranges = parquet.split_rows(preferences, TASK_ROWS)
        exact = self._find_facts(preferences, original, ranges, out)
        repeats = self._find_repeats(preferences, exact)
        for place, row in enumerate(parquet.read_rows(preferences, ["group"])):
            if removal := self.removals.get(place) or repeats.get(place):
                self.removals[place] = removal
            else:
                self.families.add(row["group"], self._root(place))
        if self._settings.duplicates == "near":
            search = NearDuplicates(self._settings.near, preferences, ranges, self._engine)
            self._add_near_duplicates(search.find(self._mark_rows(), out), preferences)

    def _describe_search(self) -> str:
        """Says what is found in the pass over the preferences."""
        return "finding leaks and exact duplicates" if self.leaks else "finding exact duplicates"

    def _find_facts(self, preferences: Path, original: Path, ranges: list[range], out: Path) -> ExactRepeats:
        """Finds the preferences that must go by themselves, and all that repeat another one exactly."""
        exact, redacts = ExactRepeats(), bool(self._settings.redacted_kinds)
        with share_value(self.leaks.texts, out) if self.leaks else contextlib.nullcontext() as texts:
            tasks = [FactsTask(str(preferences.resolve()), str(original.resolve()), rows, texts) for rows in ranges]
            n_rows = sum(map(len, ranges))
            found = map_rows_shown(self._engine, find_facts, tasks, self._describe_search(), n_rows, _count_rows)
            for rows, facts in zip(ranges, found, strict=True):
                self._roots += facts.roots
                same_answers = set(facts.same_answers) if redacts else ()
                for place, (hashed, turned) in zip(rows, facts.texts, strict=True):
                    exact.add(place, hashed, turned)
                    if removal := self._find_removal(place, facts.leaks.get(place), place in same_answers):
                        self.removals[place] = removal
        return exact

    def _find_removal(self, place: int, leak: PromptMatches | None, has_same_answers: bool) -> Removal | None:
        if leak is not None and self.leaks:
            return Removal(Reason.BENCHMARK, self.leaks.add(leak))
        if matches := self.meanings.get(place):
            self.by_meaning.append(place)
            return Removal(Reason.BENCHMARK_MEANING, max(matches, key=lambda match: match.cosine).place)
        return Removal(Reason.SAME_RESPONSE, "") if has_same_answers else None

    def _root(self, place: int) -> str:
        """Returns the hash of the first user turn of a row."""
        return self._roots[place * ROOT_BYTES : (place + 1) * ROOT_BYTES].hex()

    def _mark_rows(self) -> bytes:
        """Marks which rows are compared with each other, for `NearDuplicates.find`."""
        import numpy as np

        roots = np.frombuffer(self._roots, dtype=f"S{ROOT_BYTES}")
        marks = np.full(len(roots), COMPARED, dtype=np.uint8)
        marks[list(self.removals)] = LEFT_OUT
        compared = np.flatnonzero(marks)
        marks[compared[np.unique(roots[compared], return_index=True)[1]]] = FIRST
        return marks.tobytes()

    def _find_repeats(self, preferences: Path, exact: ExactRepeats) -> dict[int, Removal]:
        """Returns the removals of preferences that repeat or contradict another one."""
        copies: dict[int, list[int]] = {}
        for place, first in exact.first_of.items():
            copies.setdefault(first, []).append(place)
        removals: dict[int, Removal] = {}
        for loser in find_losers(preferences, exact.opposite, copies):
            for place in (loser.place, *copies.get(loser.place, ())):
                removals[place] = Removal(Reason.CONTRADICTION, loser.other)
        if self._settings.duplicates != "keep":
            for place, first in exact.first_of.items():
                removals.setdefault(place, Removal(Reason.DUPLICATE, first))
        return removals

    def _add_near_duplicates(self, pairs: NearDuplicatePairs, preferences: Path) -> None:
        for place, twin in pairs.twins.items():
            self.removals[place] = Removal(Reason.NEAR_DUPLICATE, twin)
        for place, row in enumerate(parquet.read_rows(preferences, ["group"]) if pairs.twins else ()):
            if place in pairs.twins:
                self.families.remove(row["group"])
        # The first of several exact duplicates can itself be a near-duplicate of a kept preference.
        for place, removal in self.removals.items():
            if removal.reason is Reason.DUPLICATE and isinstance(removal.twin, int):
                self.removals[place] = Removal(removal.reason, pairs.twins.get(removal.twin, removal.twin))
        for one, other in pairs.tied:
            self.families.join(self._root(one), self._root(other))
        self.figures["near"] = {"compared": pairs.compared, "tied": pairs.prompts}


def _count_rows(facts: RowFacts) -> int:
    return len(facts.texts)
