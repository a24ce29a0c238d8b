"""Audits a run's unified data: counts, ties, duplicates, contradictions, length, languages, overlaps and cost.

It reads the data once, range by range, in tasks of an engine. Per preference it holds 37 bytes of hashes and numbers;
of texts, only the beginnings of the prompts whose languages it detects.
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unipref.analysis.audit.findings import Audit, BenchmarkFiles, SourceAudit
from unipref.analysis.audit.gold import GoldCheck, GoldEntry
from unipref.analysis.audit.judges import describe_judges
from unipref.analysis.audit.tallies import Compared, RangeTask, Tallies, tally_range
from unipref.analysis.audit.terminal import render_terminal
from unipref.analysis.audit.unified_run import MEND, UnifiedRun
from unipref.analysis.audit.warnings import find_notable
from unipref.clean.text_overlap import Benchmarks, files_in
from unipref.core import hashing, json_files, parquet
from unipref.core.errors import UserError
from unipref.core.text_keys import normalise
from unipref.core.workers import Engine, Local
from unipref.core.workers.shared_values import share_value
from unipref.core.workers.shown_map import map_rows_shown

AUDIT = "audit.json"
TASK_ROWS = 2048
"""Fewest preferences of a task, but for the last one."""

__all__ = ["AUDIT", "Audit", "GoldEntry", "SourceAudit", "audit", "normalise", "render_terminal", "write_audit"]


def audit(
    folder: Path,
    gold: Path | None = None,
    benchmarks: Path | None = None,
    truth: Path | None = None,
    engine: Engine | None = None,
) -> Audit:
    """Audits the unified data of a run.

    Args:
        folder: a run folder in which unify is finished.
        gold: a gold file (YAML or JSON Lines of `GoldEntry`), for conversion accuracy.
        benchmarks: a folder of benchmarks, to find prompts that occur in them.
        truth: a file of the same form with the true labels, to check the confidence.
        engine: reads the preferences; all processes must see the run. None: this process.

    Raises:
        UserError: the run is missing, the gold file is invalid, or the folder holds no benchmarks.
    """
    run = UnifiedRun(folder)
    gold_check, truth_check = (GoldCheck(path) if path else None for path in (gold, truth))
    checks = [check for check in (gold_check, truth_check) if check]
    texts = _read_benchmarks(benchmarks) if benchmarks else None
    tallies = _tally(run, Compared(texts, checks), engine or Local(1))
    for row in run.read_rejects():
        tallies.counts.add_reject(row)
        for check in checks:
            check.add_reject(row)
    sources = tallies.audit_sources(run, texts is not None)
    accuracy = gold_check.compute_accuracy() if gold_check else None
    files = BenchmarkFiles(texts.texts(), texts.unread) if texts else None
    judges = describe_judges(run.judging) if run.judging else None
    true_labels = truth_check.check_truth() if truth_check else None
    notable = find_notable(sources, accuracy, judges)
    return Audit(str(folder), sources, files, accuracy, notable, judges, true_labels)


def _tally(run: UnifiedRun, compared: Compared, engine: Engine) -> Tallies:
    """Counts what the preferences have, and compares them with the files of labels."""
    path, tallies = run.preferences_file, Tallies([*run.sources])
    with _find_folder(run.folder) as folder, share_value(compared, folder) as shared:
        tasks = [
            RangeTask(str(path.resolve()), rows, [*run.sources], shared)
            for rows in parquet.split_rows(path, TASK_ROWS, MEND)
        ]
        n_rows = sum(len(task.rows) for task in tasks)
        for of_range, found in map_rows_shown(engine, tally_range, tasks, "auditing preferences", n_rows, _count_rows):
            tallies.merge(of_range)
            for check, later in zip(compared.checks, found, strict=True):
                check.found.merge(later)
    return tallies


@contextlib.contextmanager
def _find_folder(run: Path) -> Iterator[Path]:
    """Gives a folder for what the tasks share: the run's, or a temporary one if that is read-only."""
    if os.access(run, os.W_OK):
        yield run
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


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


def _count_rows(result: tuple[Tallies, Any]) -> int:
    return result[0].n_preferences
