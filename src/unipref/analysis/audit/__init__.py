"""Audits a run's unified data: counts, ties, duplicates, contradictions, length, languages, overlaps and cost.

It reads the data once, batch by batch. Per preference it holds 37 bytes of hashes and numbers, never text.
"""

import json
from pathlib import Path
from typing import Any

from unipref.analysis.audit.benchmark_overlap import Leaks
from unipref.analysis.audit.copies import Copies, CopyCounts
from unipref.analysis.audit.counts import Counts, compute_cost, count_ties
from unipref.analysis.audit.findings import Audit, BenchmarkFiles, Opposites, Prompts, Repeats, SourceAudit
from unipref.analysis.audit.gold import GoldCheck, GoldEntry
from unipref.analysis.audit.judges import describe_judges, describe_source
from unipref.analysis.audit.languages import LanguageSample
from unipref.analysis.audit.length_bias import LengthTally
from unipref.analysis.audit.personal_data import PersonalDataTally
from unipref.analysis.audit.shared_prompts import SharedCounts, SharedPrompts
from unipref.analysis.audit.terminal import render_terminal
from unipref.analysis.audit.unified_run import AuditedPreference, UnifiedRun
from unipref.analysis.audit.warnings import find_notable
from unipref.clean.text_overlap import Benchmarks, files_in
from unipref.core import hashing, json_files
from unipref.core.errors import UserError
from unipref.core.run_folder import ConfidenceCounts, count_confidence
from unipref.core.text_keys import normalise
from unipref.core.work_progress import show_phase

AUDIT = "audit.json"

__all__ = ["AUDIT", "Audit", "GoldEntry", "SourceAudit", "audit", "normalise", "render_terminal", "write_audit"]


def audit(folder: Path, gold: Path | None = None, benchmarks: Path | None = None, truth: Path | None = None) -> Audit:
    """Audits the unified data of a run.

    Args:
        folder: a run folder in which unify is finished.
        gold: a gold file (YAML or JSON Lines of `GoldEntry`), for conversion accuracy.
        benchmarks: a folder of benchmarks, to find prompts that occur in them.
        truth: a file of the same form with the true labels, to check the confidence.

    Raises:
        UserError: the run is missing, the gold file is invalid, or the folder holds no benchmarks.
    """
    run = UnifiedRun(folder)
    gold_check, truth_check = (GoldCheck(path) if path else None for path in (gold, truth))
    checks = [check for check in (gold_check, truth_check) if check]
    texts = _read_benchmarks(benchmarks) if benchmarks else None
    tallies = _Tallies(list(run.sources), texts)
    for preference in run.read_preferences():
        tallies.add(preference)
        for check in checks:
            check.add(preference)
    for row in run.read_rejects():
        tallies.counts.add_reject(row)
        for check in checks:
            check.add_reject(row)
    sources = tallies.audit_sources(run)
    accuracy = gold_check.compute_accuracy() if gold_check else None
    files = BenchmarkFiles(texts.texts(), texts.unread) if texts else None
    judges = describe_judges(run.judging) if run.judging else None
    true_labels = truth_check.check_truth() if truth_check else None
    notable = find_notable(sources, accuracy, judges)
    return Audit(str(folder), sources, files, accuracy, notable, judges, true_labels)


def write_audit(result: Audit, folder: Path) -> bool:
    """Writes an audit into its run, for the report. Returns False if the folder is not writable.

    `unified` is the stage key of the audited data, by which the report detects data of a later unify. It is null if
    unify left no record. Results on a gold file or on true labels stay, if this audit was given none.

    Raises:
        UserError: the record of unify is corrupt.
    """
    unified, record = None, folder / "unified" / hashing.RECORD
    try:
        if record.is_file():
            unified = json.loads(record.read_text(encoding="utf-8"))["key"]
    except (ValueError, KeyError, TypeError) as error:
        mend = "Run unify again: unipref unify STUDY -o RUN"
        raise UserError("the record is corrupt or from another version.", where=str(record), mend=mend) from error
    content: dict[str, Any] = {"unified": unified, **result.as_dict()}
    for name, value in _read_kept(folder, unified).items():
        content[name] = content[name] or value
    # The path of the run is private to this machine.
    del content["run"]
    try:
        json_files.write_json(folder / AUDIT, content)
    except OSError:
        return False
    return True


def _read_kept(folder: Path, unified: str | None) -> dict[str, Any]:
    """Returns what an earlier audit of the same data found in files that a later one may not be given: `gold` and
    `truth`.
    """
    try:
        earlier = json.loads((folder / AUDIT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if unified is None or not isinstance(earlier, dict) or earlier.get("unified") != unified:
        return {}
    return {name: earlier.get(name) for name in ("gold", "truth")}


def _read_benchmarks(folder: Path) -> Benchmarks:
    texts = Benchmarks(files_in(folder))
    if not len(texts):
        raise UserError("the folder has no text of five words or more.", where=str(folder))
    return texts


class _Tallies:
    """Collects the counts of all sources from the stream of preferences."""

    def __init__(self, sources: list[str], texts: Benchmarks | None) -> None:
        self.counts = Counts()
        self._copies, self._prompts = Copies(sources), SharedPrompts(sources)
        self._lengths = {name: LengthTally() for name in sources}
        self._languages = {name: LanguageSample() for name in sources}
        self._personal = {name: PersonalDataTally() for name in sources}
        self._leaks = Leaks(texts) if texts else None

    def add(self, preference: AuditedPreference) -> None:
        root = normalise(preference.user_turns[0])
        self.counts.add(preference)
        self._copies.add(preference)
        self._prompts.add(preference, root)
        self._lengths[preference.source].add(preference)
        self._languages[preference.source].add(root)
        self._personal[preference.source].add(preference)
        if self._leaks:
            self._leaks.add(preference, root)

    def audit_sources(self, run: UnifiedRun) -> list[SourceAudit]:
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
                        self._leaks.list_leaks(name) if self._leaks else None,
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
