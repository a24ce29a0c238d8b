"""Collects the counts of all sources from the preferences of a run, range by range, as tasks of an engine."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from unipref.analysis.audit.benchmark_overlap import Leaks
from unipref.analysis.audit.copies import Copies, CopyCounts
from unipref.analysis.audit.counts import Counts, compute_cost, count_ties
from unipref.analysis.audit.findings import Opposites, Prompts, Repeats, SourceAudit
from unipref.analysis.audit.gold import Found, GoldCheck
from unipref.analysis.audit.judges import describe_source
from unipref.analysis.audit.languages import LanguageSample
from unipref.analysis.audit.length_bias import LengthTally
from unipref.analysis.audit.personal_data import PersonalDataTally, ValueFinder
from unipref.analysis.audit.shared_prompts import SharedCounts, SharedPrompts
from unipref.analysis.audit.unified_run import AuditedPreference, UnifiedRun, read_preferences
from unipref.clean.text_overlap import Benchmarks
from unipref.core.run_folder import ConfidenceCounts, count_confidence
from unipref.core.text_keys import normalise
from unipref.core.work_progress import show_phase
from unipref.core.workers.shared_values import SharedValue, get_value


class Compared(NamedTuple):
    """What all preferences are compared with: the texts of benchmarks, if any, and files of labels."""

    benchmarks: Benchmarks | None
    checks: list[GoldCheck]


class RangeTask(NamedTuple):
    """Some preferences of a run.

    Attributes:
        path: the Parquet file.
        rows: the row numbers.
        sources: names of the sources in the manifest.
        compared: `Compared`.
    """

    path: str
    rows: range
    sources: list[str]
    compared: SharedValue


def tally_range(task: RangeTask) -> "tuple[Tallies, list[Found]]":
    """Returns the counts of the preferences of a task, and what they say of the entries of each file of labels."""
    compared: Compared = get_value(task.compared)
    tallies, finder = Tallies(task.sources), ValueFinder()
    checks = [check.start_again() for check in compared.checks]
    for preference in read_preferences(Path(task.path), task.rows, task.sources):
        tallies.add(preference, finder, compared.benchmarks)
        for check in checks:
            check.add(preference)
    return tallies, [check.found for check in checks]


class Tallies:
    """The counts of all sources.

    Args:
        sources: their names.

    Attributes:
        n_preferences: number of the preferences that were added.
    """

    def __init__(self, sources: Sequence[str]) -> None:
        self.n_preferences, self.counts = 0, Counts()
        self._copies, self._prompts = Copies([*sources]), SharedPrompts([*sources])
        self._lengths = {name: LengthTally() for name in sources}
        self._languages = {name: LanguageSample() for name in sources}
        self._personal = {name: PersonalDataTally() for name in sources}
        self._leaks = Leaks()

    def add(self, preference: AuditedPreference, finder: ValueFinder, benchmarks: Benchmarks | None) -> None:
        """Adds a preference."""
        root = normalise(preference.user_turns[0])
        self.n_preferences += 1
        self.counts.add(preference)
        self._copies.add(preference)
        self._prompts.add(preference, root)
        self._lengths[preference.source].add(preference)
        self._languages[preference.source].add(root)
        self._personal[preference.source].add(preference.place, finder.find(preference))
        if benchmarks is not None:
            self._leaks.add(preference, root, benchmarks)

    def merge(self, later: "Tallies") -> None:
        """Adds the preferences of a later range."""
        self.n_preferences += later.n_preferences
        self.counts.merge(later.counts)
        self._copies.merge(later._copies)
        self._prompts.merge(later._prompts)
        self._leaks.merge(later._leaks)
        for name in self._lengths:
            self._lengths[name].merge(later._lengths[name])
            self._languages[name].merge(later._languages[name])
            self._personal[name].merge(later._personal[name])

    def audit_sources(self, run: UnifiedRun, has_benchmarks: bool) -> list[SourceAudit]:
        """Returns the findings of each source."""
        with show_phase("counting duplicates"):
            repeats, opposites = self._copies.count()
            shared = self._prompts.count()
        kinds: list[CopyCounts | SharedCounts] = [*repeats.values(), *opposites.values(), *shared.values()]
        places = run.find_places({number for kind in kinds for example in kind.examples for number in example})
        after = run.count_after_clean()
        confidence = count_confidence(run.preferences_file) if run.judging else {}

        def example_places(kind: CopyCounts | SharedCounts) -> list[tuple[str, str]]:
            return [(places[one], places[other]) for one, other in kind.examples]

        audits = []
        for name, counts in run.sources.items():
            copies, opposite, prompts = repeats[name], opposites[name], shared[name]
            audits.append(
                SourceAudit(
                    source=name,
                    kind=counts.kind,
                    objective=counts.objective,
                    licence=counts.licence,
                    axis=counts.axis,
                    counts=self.counts.check(name, counts, after.get(name, {})),
                    rejects=self.counts.list_rejects(name),
                    ties=count_ties(counts),
                    repeats=Repeats(copies.within, copies.across, example_places(copies)),
                    opposites=Opposites(opposite.again, opposite.within, opposite.across, example_places(opposite)),
                    length=self._lengths[name].compute_bias(),
                    languages=self._languages[name].count_languages(prompts.different),
                    prompts=Prompts(
                        prompts.different,
                        prompts.shared,
                        example_places(prompts),
                        self._leaks.list_leaks(name) if has_benchmarks else None,
                    ),
                    cost=compute_cost(counts),
                    polarity=counts.polarity,
                    personal_data=self._personal[name].count(),
                    judges=describe_source(
                        name, run.recorded[name], run.judging, confidence.get(name, ConfidenceCounts())
                    )
                    if run.judging
                    else None,
                )
            )
        return audits
