"""What is in a run's unified data, per source: books, ties, copies, contradictions, length, languages, overlaps, cost.

The data is read once, batch by batch; per preference 37 bytes of hashes and numbers are held, never text.
"""

import json
from pathlib import Path
from typing import Any

from unipref.analysis.audit.benchmark_overlap import Leaks
from unipref.analysis.audit.copies import Copies, Found
from unipref.analysis.audit.counts import Counts, cost, ties
from unipref.analysis.audit.findings import Audit, BenchmarkFiles, Opposites, Page, Prompts, Repeats
from unipref.analysis.audit.gold import Gold, GoldEntry
from unipref.analysis.audit.languages import LanguageSample
from unipref.analysis.audit.length_bias import LengthTally
from unipref.analysis.audit.shared_prompts import Shared, SharedPrompts
from unipref.analysis.audit.terminal import terminal
from unipref.analysis.audit.unified_run import Judged, UnifiedRun
from unipref.analysis.audit.warnings import notable
from unipref.clean.text_overlap import Benchmarks, files_in
from unipref.core import hashing, json_files
from unipref.core.errors import UserError
from unipref.core.text_keys import normalise

AUDIT = "audit.json"

__all__ = ["AUDIT", "Audit", "GoldEntry", "Page", "audit", "keep", "terminal"]


def audit(folder: Path, gold: Path | None = None, benchmarks: Path | None = None) -> Audit:
    """Audits the unified data of a run.

    Args:
        folder: a run that got at least as far as unify.
        gold: a gold file (YAML or JSON Lines of `GoldEntry`), for conversion accuracy.
        benchmarks: a folder of benchmarks, for prompts that occur in them.

    Raises:
        UserError: no such run, a wrong gold file, or no benchmarks there.
    """
    run = UnifiedRun(folder)
    judge = Gold(gold) if gold else None
    texts = _texts_in(benchmarks) if benchmarks else None
    tallies = _Tallies(list(run.sources), texts)
    for preference in run.preferences():
        tallies.add(preference)
        if judge:
            judge.add(preference)
    for row in run.rejects():
        tallies.counts.add_reject(row)
        if judge:
            judge.add_reject(row)
    pages = tallies.pages(run)
    verdict = judge.verdict() if judge else None
    read = BenchmarkFiles(texts.texts(), texts.unread) if texts else None
    return Audit(str(folder), pages, read, verdict, notable(pages, verdict))


def keep(found: Audit, folder: Path) -> bool:
    """Leaves an audit in its run, where the report finds it; False where the folder may not be written to.

    `unified` is the key of the data that were audited: those of a later unify are others. It is null where unify left
    no record beside them.

    Raises:
        UserError: the record is broken.
    """
    unified, record = None, folder / "unified" / hashing.RECORD
    try:
        if record.is_file():
            unified = json.loads(record.read_text(encoding="utf-8"))["key"]
    except (ValueError, KeyError, TypeError) as error:
        mend = "Run unify again: unipref unify STUDY -o RUN"
        raise UserError("this is no record of a stage.", where=str(record), mend=mend) from error
    kept: dict[str, Any] = {"unified": unified, **found.as_dict()}
    # Where the run lies is known to whoever has it, and nothing to others who are sent it.
    del kept["run"]
    try:
        json_files.write_json(folder / AUDIT, kept)
    except OSError:
        return False
    return True


def _texts_in(folder: Path) -> Benchmarks:
    texts = Benchmarks(files_in(folder))
    if not len(texts):
        raise UserError("no text of five words or more is in it.", where=str(folder))
    return texts


class _Tallies:
    """All that is collected while the preferences stream past."""

    def __init__(self, sources: list[str], texts: Benchmarks | None) -> None:
        self.counts = Counts()
        self._copies, self._prompts = Copies(sources), SharedPrompts(sources)
        self._lengths = {name: LengthTally() for name in sources}
        self._languages = {name: LanguageSample() for name in sources}
        self._leaks = Leaks(texts) if texts else None

    def add(self, judged: Judged) -> None:
        root = normalise(judged.asked[0])
        self.counts.add(judged)
        self._copies.add(judged)
        self._prompts.add(judged, root)
        self._lengths[judged.source].add(judged)
        self._languages[judged.source].add(root)
        if self._leaks:
            self._leaks.add(judged, root)

    def pages(self, run: UnifiedRun) -> list[Page]:
        repeats, opposites = self._copies.found()
        shared = self._prompts.found()
        kinds: list[Found | Shared] = [*repeats.values(), *opposites.values(), *shared.values()]
        places = run.places({number for kind in kinds for example in kind.examples for number in example})
        after = run.after_clean()

        def told(found: Found | Shared) -> list[tuple[str, str]]:
            return [(places[one], places[other]) for one, other in found.examples]

        pages = []
        for name, counts in run.sources.items():
            copies, contrary, prompts = repeats[name], opposites[name], shared[name]
            pages.append(
                Page(
                    source=name,
                    kind=counts.kind,
                    objective=counts.objective,
                    licence=counts.licence,
                    axis=counts.axis,
                    books=self.counts.check(name, counts, after.get(name, {})),
                    rejects=self.counts.rejects_of(name),
                    ties=ties(counts),
                    repeats=Repeats(copies.within, copies.across, told(copies)),
                    opposites=Opposites(contrary.again, contrary.within, contrary.across, told(contrary)),
                    length=self._lengths[name].bias(),
                    languages=self._languages[name].languages(prompts.different),
                    prompts=Prompts(
                        prompts.different,
                        prompts.shared,
                        told(prompts),
                        self._leaks.of(name) if self._leaks else None,
                    ),
                    cost=cost(counts),
                    polarity=counts.polarity,
                )
            )
        return pages
