"""The sources: how each is read, what its data say of themselves, and the audit, where the run has one."""

import json
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unipref.core import parquet, yaml_files
from unipref.core.display import shorten
from unipref.core.errors import UserError
from unipref.core.run_folder import STUDY, CleanCounts, Manifest, Polarity, SourceCounts
from unipref.report.content import Points, Section, Table, count, share
from unipref.report.tables import present, table

AUDIT = "audit.json"
LONGEST_HOW = 240
"""Characters of a mapping that are shown."""
NEAR_TIE = 0.05
"""Gap between two scores, as a share of the range of a source's scores, up to which a pair is nearly tied."""
LANGUAGES = 3
ASK = (
    "Copies, opposite labels, length bias, languages and shared prompts are told by unipref audit RUN, which reads "
    "all unified data once (some 20 seconds for 100,000 short preferences); unipref report RUN then shows them here."
)


def source_section(manifest: Manifest, run: Path) -> Section | None:
    """The section; None where the manifest has no sources."""
    sources = manifest.sources
    if not sources:
        return None
    audit, old = read_audit(run)
    tables = present(_how(sources, _entries(run)), _data_checks(sources, manifest.clean or CleanCounts(), run))
    tables += _audited(audit) if audit else []
    paragraphs = []
    if audit is None:
        paragraphs.append(f"The audit is of earlier data. {ASK}" if old else ASK)
    by_reason: dict[str, list[str]] = {}
    for name, source in sources.items():
        if source.polarity and source.polarity.verdict != "agrees":
            by_reason.setdefault(source.polarity.why, []).append(name)
    points = []
    if by_reason:
        items = [f"{', '.join(names)}: {why}" for why, names in by_reason.items()]
        points.append(Points("Labels beside the other evidence", items))
    if audit and audit.get("notable"):
        points.append(Points("Worth a look", [str(line) for line in audit["notable"]]))
    return Section("Sources", paragraphs=paragraphs, points=points, tables=tables)


def read_audit(run: Path) -> tuple[dict[str, Any] | None, bool]:
    """The audit of the run's unified data, and whether there is one of other data instead.

    Raises:
        UserError: the file is broken.
    """
    path = run / AUDIT
    if not path.is_file():
        return None, False
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found["pages"], list):
            raise TypeError("no list of pages")
    except (ValueError, TypeError, KeyError) as error:
        mend = f"Run: unipref audit {run}"
        raise UserError("this is no audit.", where=str(path), mend=mend) from error
    key = _key_of(run / "unified" / "stage.json")
    old = key is None or found.get("unified") != key
    return (None, True) if old else (found, False)


def _key_of(record: Path) -> str | None:
    try:
        return str(json.loads(record.read_text(encoding="utf-8"))["key"])
    except (OSError, ValueError, KeyError, TypeError):
        # Without its record a stage is not done, and whatever was audited is not known.
        return None


def _entries(run: Path) -> dict[str, dict[str, Any]]:
    """Source -> its entry in the study as it was run."""
    path = run / STUDY
    raw = yaml_files.read(path) if path.is_file() else None
    entries = raw.get("sources") if isinstance(raw, dict) else None
    listed = entries if isinstance(entries, list) else []
    return {str(entry.get("name")): entry for entry in listed if isinstance(entry, dict)}


def _how(sources: Mapping[str, SourceCounts], entries: dict[str, dict[str, Any]]) -> Table | None:
    rows = [
        [
            name,
            *(text or "–" for text in (source.objective, source.licence, source.kind, source.axis)),
            _mapping(entries.get(name) or {}),
            _files(source.files),
        ]
        for name, source in sources.items()
    ]
    note = "Shape: the format that reads a row. Axis: the scale that decides which answer is better."
    return table("Sources", ["source", "objective", "licence", "shape", "axis", "read by", "files"], rows, note)


def _mapping(entry: dict[str, Any]) -> str:
    """A source's entry in the study, in a line: its known data set, and its own settings."""
    said = [f"known data set {entry['dataset']}"] if entry.get("dataset") else []
    for key in ("map", "records", "join", "tie_within"):
        if entry.get(key):
            said.append(f"{key} {_brief(entry[key])}")
    return shorten("; ".join(said) or "the format's own names", LONGEST_HOW)


def _brief(value: Any) -> str:
    """A setting as YAML writes it on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_brief(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_brief, value)) + "]"
    return str(value)


def _files(files: list[str]) -> str:
    if len(files) <= 2:
        return ", ".join(files) or "–"
    return f"{files[0]} and {len(files) - 1:,} more"


def _data_checks(sources: Mapping[str, SourceCounts], clean: CleanCounts, run: Path) -> Table | None:
    """Ties, copies, leaks and polarity of each source."""
    near = near_ties(run / "unified" / "preferences.parquet")
    rows = []
    for name, source in sources.items():
        groups, refused = source.groups or 0, source.groups_rejected
        close, scored = near.get(name, (0, 0))
        removed, polarity = clean.removed_from(name), source.polarity or Polarity()
        rows.append(
            [
                name,
                count(source.rows),
                count(source.preferences),
                share(refused.get("tie", 0), groups),
                share(refused.get("contradiction", 0), groups),
                share(close, scored),
                *(count(removed.get(reason, 0)) if name in clean.by_source else "–" for reason in REMOVED),
                (polarity.verdict or "–").replace("_", " "),
                f"{polarity.agree:,} / {polarity.against:,}" if polarity.agree or polarity.against else "–",
            ]
        )
    heads = ["source", "rows", "preferences", "ties", "contradictions", "near ties"]
    heads += ["removed: duplicates", "removed: near-duplicates", "removed: in benchmarks"]
    heads += ["polarity: verdict", "polarity: for / against"]
    note = (
        "Ties and contradictions: shares of the groups, which gave no preference. Near ties: share of the scored pairs "
        f"whose scores differ by no more than {NEAR_TIE:.0%} of the range of the source's scores. Polarity: does the "
        "other evidence in the data (further axes) speak for the chosen answer; docs/polarity.md."
    )
    return table("What the data say of themselves", heads, rows, note)


REMOVED = ("duplicate", "near_duplicate", "benchmark")
SCORES = ("chosen_score", "rejected_score")


def near_ties(preferences: Path) -> dict[str, tuple[int, int]]:
    """Source -> pairs that are nearly tied, and pairs with two scores; empty where there is no such file.

    Scores are read in batches; 8 bytes are held for each preference that has two.
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
    found = {}
    for name, (low, high) in ends.items():
        within = np.frombuffer(gaps[name]) <= NEAR_TIE * (high - low) + 1e-12
        found[name] = int(within.sum()), len(gaps[name])
    return found


def _audited(audit: dict[str, Any]) -> list[Table]:
    rows = []
    for page in audit["pages"]:
        length, prompts, cost = page["length"], page["prompts"], page["cost"]
        leaks = prompts.get("leaks")
        rows.append(
            [
                str(page["source"]),
                _with_across(page["repeats"]),
                _with_across(page["opposites"]),
                _length(length),
                _languages(page["languages"]),
                count(prompts["different"]),
                count(sum(prompts["shared"].values())),
                "–" if leaks is None else count(sum(leak["exact"] + leak["overlapping"] for leak in leaks)),
                share(cost["lost"], cost["ordered"]),
            ]
        )
    heads = ["source", "copies", "opposites", "longer chosen", "languages", "prompts", "shared prompts"]
    heads += ["prompts in benchmarks", "order lost"]
    note = (
        "Copies and opposite labels within the source + in others. Longer chosen: share of the pairs that differ in "
        "length. Shared: prompts that other sources have too. Order lost: ordered pairs of answers in the data that "
        "the preferences neither hold nor imply. docs/audit.md says how each is counted."
    )
    made = table("Audit", heads, rows, note)
    return present(made, _gold(audit.get("gold")))


def _with_across(found: dict[str, Any]) -> str:
    return f"{found['within']:,} + {sum(found['across'].values()):,}"


def _length(length: dict[str, Any]) -> str:
    longer = length["characters"]["share"]
    if longer is None:
        return "–"
    named = f" ({length['verdict']})" if length["verdict"] in ("longer", "shorter") else ""
    return f"{100 * longer:.0f} %{named}"


def _languages(languages: dict[str, Any]) -> str:
    most = sorted(languages["found"].items(), key=lambda item: (-item[1], item[0]))[:LANGUAGES]
    return ", ".join(f"{name} {share(n, languages['sampled'])}" for name, n in most) or "–"


def _gold(gold: dict[str, Any] | None) -> Table | None:
    """Conversion accuracy on a gold file."""
    rows = [
        [file, count(right), count(of), share(right, of)]
        for file, (right, of) in (gold or {}).get("by_file", {}).items()
    ]
    return table("Entries judged by hand", ["file", "right", "entries", "share"], rows)
