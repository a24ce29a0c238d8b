"""The section on sources: how each is read, data checks, and the audit if the run has one."""

import json
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unipref.core import parquet, yaml_files
from unipref.core.display import shorten
from unipref.core.errors import UserError, first_line
from unipref.core.records import MAIN
from unipref.core.run_folder import STUDY, CleanCounts, Manifest, Polarity, SourceCounts
from unipref.report.content import Points, Section, Table, format_count, format_share
from unipref.report.licences import MEANING, count_training, describe_licences
from unipref.report.tables import drop_missing, make_table

AUDIT = "audit.json"
LONGEST_MAPPING = 240
"""Most characters of a mapping that are shown."""
NEAR_TIE = 0.05
"""Largest gap between two scores of a near tie, as a share of the range of the source's scores."""
LANGUAGES = 3
"""Most languages named per source."""
AUDIT_HINT = (
    "unipref audit RUN counts copies, opposite labels, length bias, languages and shared prompts. It reads all unified "
    "data once (about 20 seconds for 100,000 short preferences). unipref report RUN then shows the counts here."
)


def make_source_section(manifest: Manifest, run: Path) -> Section | None:
    """The section; None if the manifest has no sources."""
    sources = manifest.sources
    if not sources:
        return None
    audit, is_outdated = read_audit(run)
    tables = drop_missing(
        _source_table(sources, _entries(run)), _data_checks(sources, manifest.clean or CleanCounts(), run)
    )
    tables += _audit_tables(audit) if audit else []
    paragraphs = []
    if audit is None:
        paragraphs.append(
            f"The audit in this folder belongs to earlier data. {AUDIT_HINT}" if is_outdated else AUDIT_HINT
        )
    by_reason: dict[str, list[str]] = {}
    for name, source in sources.items():
        if source.polarity and source.polarity.verdict != "no_contradiction":
            by_reason.setdefault(source.polarity.why, []).append(name)
    points = []
    if by_reason:
        items = [f"{', '.join(names)}: {why}" for why, names in by_reason.items()]
        points.append(Points("Label direction (polarity)", items))
    counts, of_what = count_training(manifest, MAIN, None)
    if restrictions := describe_licences(sources, counts, of_what):
        points.append(Points("Licences that restrict the use of the data", [*restrictions, MEANING]))
    unread = {name: source.unread_turn_fields for name, source in sources.items() if source.unread_turn_fields}
    if unread:
        items = [
            f"{name}: {', '.join(f'{field} {n:,}' for field, n in fields.items())}" for name, fields in unread.items()
        ]
        points.append(Points("Fields of turns that are not read, with the number of turns", items))
    if notes := [f"{name}: {note}" for name, source in sources.items() for note in source.notes]:
        points.append(Points("Notes on the files and rows", notes))
    if audit and audit.get("notable"):
        points.append(Points("Audit warnings", [str(line) for line in audit["notable"]]))
    return Section("Sources", paragraphs=paragraphs, points=points, tables=tables)


def read_audit(run: Path) -> tuple[dict[str, Any] | None, bool]:
    """Reads the audit of the run's unified data; also returns whether the folder has an audit of other data.

    Raises:
        UserError: the file is corrupt.
    """
    path = run / AUDIT
    if not path.is_file():
        return None, False
    try:
        audit = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(audit["pages"], list):
            raise TypeError("'pages' is not a list")
    except (ValueError, TypeError, KeyError) as error:
        mend = f"Run: unipref audit {run}"
        what = f"{AUDIT} is corrupt or from another version: {first_line(error)}."
        raise UserError(what, where=str(path), mend=mend) from error
    key = _read_key(run / "unified" / "stage.json")
    is_outdated = key is None or audit.get("unified") != key
    return (None, True) if is_outdated else (audit, False)


def _read_key(record: Path) -> str | None:
    try:
        return str(json.loads(record.read_text(encoding="utf-8"))["key"])
    except (OSError, ValueError, KeyError, TypeError):
        # Without its record the stage is unfinished, and the audited data are unknown.
        return None


def _entries(run: Path) -> dict[str, dict[str, Any]]:
    """Source -> its entry in the run's study file."""
    path = run / STUDY
    raw = yaml_files.read(path) if path.is_file() else None
    entries = raw.get("sources") if isinstance(raw, dict) else None
    listed = entries if isinstance(entries, list) else []
    return {str(entry.get("name")): entry for entry in listed if isinstance(entry, dict)}


def _source_table(sources: Mapping[str, SourceCounts], entries: dict[str, dict[str, Any]]) -> Table | None:
    rows = [
        [
            name,
            *(text or "–" for text in (source.objective, source.licence, source.kind, source.axis)),
            _mapping(entries.get(name) or {}),
            _files(source.files),
        ]
        for name, source in sources.items()
    ]
    note = "Shape: the format of the source. Axis: the scale that decides which answer is better."
    return make_table("Sources", ["source", "objective", "licence", "shape", "axis", "read by", "files"], rows, note)


def _mapping(entry: dict[str, Any]) -> str:
    """A source's entry in the study on one line: its known data set, and its own settings."""
    parts = [f"known data set {entry['dataset']}"] if entry.get("dataset") else []
    for key in ("map", "records", "join", "tie_within"):
        if entry.get(key):
            parts.append(f"{key} {_inline_yaml(entry[key])}")
    return shorten("; ".join(parts) or "default field names", LONGEST_MAPPING)


def _inline_yaml(value: Any) -> str:
    """Formats a setting as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_inline_yaml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline_yaml, value)) + "]"
    return str(value)


def _files(files: list[str]) -> str:
    if len(files) <= 2:
        return ", ".join(files) or "–"
    return f"{files[0]} and {len(files) - 1:,} more"


def _data_checks(sources: Mapping[str, SourceCounts], clean: CleanCounts, run: Path) -> Table | None:
    """Ties, copies, leaks and polarity of each source."""
    near_ties = count_near_ties(run / "unified" / "preferences.parquet")
    rows = []
    for name, source in sources.items():
        groups, rejected = source.groups or 0, source.groups_rejected
        tied, scored = near_ties.get(name, (0, 0))
        removed, polarity = clean.removed_from(name), source.polarity or Polarity()
        rows.append(
            [
                name,
                format_count(source.rows),
                format_count(source.preferences),
                format_share(rejected.get("tie", 0), groups),
                format_share(rejected.get("contradiction", 0), groups),
                format_share(tied, scored),
                *(
                    format_count(sum(removed.get(reason, 0) for reason in reasons)) if name in clean.by_source else "–"
                    for reasons in REMOVED
                ),
                polarity.in_words or "–",
                f"{polarity.agree:,} / {polarity.against:,}" if polarity.agree or polarity.against else "–",
            ]
        )
    heads = ["source", "rows", "preferences", "ties", "contradictions", "near ties"]
    heads += ["removed: duplicates", "removed: near-duplicates", "removed: in benchmarks"]
    heads += ["polarity: verdict", "polarity: for / against"]
    note = (
        "Ties and contradictions: share of the groups that gave no preference for this reason. Near ties: share of the "
        f"scored pairs whose scores differ by at most {NEAR_TIE:.0%} of the range of the source's scores. Polarity: "
        "whether other evidence in the data (further axes) contradicts the chosen answer; see docs/polarity.md."
    )
    return make_table("Data checks", heads, rows, note)


REMOVED = (("duplicate",), ("near_duplicate",), ("benchmark", "benchmark_meaning"))
"""The reasons that each column of removed preferences counts."""
SCORES = ("chosen_score", "rejected_score")


def count_near_ties(preferences: Path) -> dict[str, tuple[int, int]]:
    """Source -> number of near ties, and of pairs with two scores; empty if the file does not exist.

    Reads the scores in batches and keeps 8 bytes for each preference with two scores.
    """
    if not preferences.is_file():
        return {}
    import numpy as np

    ends: dict[str, tuple[float, float]] = {}
    gaps: dict[str, array[float]] = {}
    for batch in parquet.read_batches(preferences, ["source", *SCORES]):
        sources = batch["source"].dictionary_encode()
        codes = sources.indices.to_numpy(zero_copy_only=False)
        scores = np.stack([batch[side].to_numpy(zero_copy_only=False).astype(np.float64) for side in SCORES])
        scored = ~np.isnan(scores).any(axis=0)
        for code, name in enumerate(sources.dictionary.to_pylist()):
            mine = scores[:, scored & (codes == code)]
            if mine.size:
                low, high = ends.get(name, (np.inf, -np.inf))
                ends[name] = min(low, float(mine.min())), max(high, float(mine.max()))
                gaps.setdefault(name, array("d")).frombytes(np.abs(mine[0] - mine[1]).tobytes())
    counts = {}
    for name, (low, high) in ends.items():
        within = np.frombuffer(gaps[name]) <= NEAR_TIE * (high - low) + 1e-12
        counts[name] = int(within.sum()), len(gaps[name])
    return counts


def _audit_tables(audit: dict[str, Any]) -> list[Table]:
    rows = []
    for page in audit["pages"]:
        length, prompts, cost = page["length"], page["prompts"], page["cost"]
        leaks = prompts.get("leaks")
        rows.append(
            [
                str(page["source"]),
                _format_within_across(page["repeats"]),
                _format_within_across(page["opposites"]),
                _length(length),
                _languages(page["languages"]),
                format_count(prompts["different"]),
                format_count(sum(prompts["shared"].values())),
                "–" if leaks is None else format_count(sum(leak["exact"] + leak["overlapping"] for leak in leaks)),
                format_share(cost["lost"], cost["ordered"]),
                _personal_data(page.get("personal_data")),
            ]
        )
    heads = ["source", "copies", "opposites", "longer chosen", "languages", "prompts", "shared prompts"]
    heads += ["prompts in benchmarks", "order lost", "personal data"]
    note = (
        "Copies and opposites (contradicting labels): within the source + in others. Longer chosen: share of the "
        "pairs with different lengths. Shared prompts: those that other sources have too. Order lost: share of the "
        "ordered pairs of answers that the preferences neither contain nor imply. Personal data: values recognised by "
        "their form; others may have been missed. Definitions: docs/audit.md."
    )
    audit_table = make_table("Audit", heads, rows, note)
    return drop_missing(audit_table, _gold_table(audit.get("gold")))


def _format_within_across(counts: dict[str, Any]) -> str:
    return f"{counts['within']:,} + {sum(counts['across'].values()):,}"


def _length(length: dict[str, Any]) -> str:
    longer = length["characters"]["share"]
    if longer is None:
        return "–"
    verdict = f" ({length['verdict']})" if length["verdict"] in ("longer", "shorter") else ""
    return f"{100 * longer:.0f} %{verdict}"


def _languages(languages: dict[str, Any]) -> str:
    most = sorted(languages["found"].items(), key=lambda item: (-item[1], item[0]))[:LANGUAGES]
    return ", ".join(f"{name} {format_share(n, languages['sampled'])}" for name, n in most) or "–"


def _personal_data(counts: list[dict[str, Any]] | None) -> str:
    if counts is None:
        return "–"
    return ", ".join(f"{one['kind']} {one['values']:,}" for one in counts) or "none recognised"


def _gold_table(gold: dict[str, Any] | None) -> Table | None:
    """The table of conversion accuracy on the gold file."""
    rows = [
        [file, format_count(right), format_count(of), format_share(right, of)]
        for file, (right, of) in (gold or {}).get("by_file", {}).items()
    ]
    return make_table("Conversion accuracy on the gold file", ["file", "correct", "entries", "share"], rows)
