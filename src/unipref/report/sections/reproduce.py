"""What a run cost, and what it takes to run it again: commands, settings, seeds, versions, hashes of all inputs."""

import hashlib
import json
from pathlib import Path
from typing import Any

from unipref.core.stage_cache import kind_of
from unipref.report.content import Section, Table
from unipref.report.tables import Manifest, present, seconds, table

DATA = ("unified", "clean", "selected")
"""Kinds of stages whose files are the same, to the byte, wherever they are made."""
AS_READ = (
    "Hashes are xxh3-128, but where sha256 is said. A source's is of its files' content, names and cuts, as the run's "
    "cache knows it; a model's of all files of its folder. Unified, cleaned and selected data are the same to the byte "
    "for the same inputs and settings, on any machine; models and scores are so for the same versions and threads."
)


def reproduce_sections(manifest: Manifest, run: Path) -> list[Section]:
    """The sections on cost and reproduction; what the manifest lacks is left out."""
    return [section for section in (_cost(manifest.get("stages") or []), _reproduce(manifest, run)) if section]


def _cost(stages: list[Manifest]) -> Section | None:
    rows = [
        [
            str(stage.get("stage", "–")),
            str(stage.get("folder", "–")),
            seconds(stage.get("seconds")),
            seconds(stage.get("cpu_seconds")),
            _megabytes(stage.get("peak_mb")),
            "yes" if stage.get("cached") else "no",
        ]
        for stage in stages
    ]
    note = (
        "Seconds and peak memory are those of the run that did the work; a cached stage was taken from an earlier one. "
        "CPU: computing time of all cores together."
    )
    heads = ["stage", "folder", "seconds", "CPU seconds", "peak MB", "cached"]
    made = table("Stages", heads, rows, note, folded=True)
    return Section("Time and memory", tables=present(_by_kind(stages), made)) if made else None


def _by_kind(stages: list[Manifest]) -> Table | None:
    """The cost of all stages of a kind together."""
    kinds: dict[str, list[Manifest]] = {}
    for stage in stages:
        kinds.setdefault(kind_of(str(stage.get("folder", "–"))), []).append(stage)
    rows = [[kind, *_summed(of_kind)] for kind, of_kind in kinds.items()]
    if len(rows) > 1:
        rows.append(["all", *_summed(stages)])
    heads = ["stage", "number", "seconds", "CPU seconds", "most MB"]
    return table("What the stages cost", heads, rows, "Of all variants and seeds together.")


def _summed(stages: list[Manifest]) -> list[str]:
    def total(key: str) -> str:
        known = [stage[key] for stage in stages if stage.get(key) is not None]
        return seconds(sum(known)) if len(known) == len(stages) else "–"

    most = max((stage["peak_mb"] for stage in stages if stage.get("peak_mb") is not None), default=None)
    return [f"{len(stages):,}", total("seconds"), total("cpu_seconds"), _megabytes(most)]


def _megabytes(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _reproduce(manifest: Manifest, run: Path) -> Section | None:
    study = run / "study.yaml"
    code = [("Commands", commands(manifest))] if study.is_file() else []
    if study.is_file():
        code.append(("study.yaml", study.read_text(encoding="utf-8").rstrip()))
    versions = {"unipref": manifest.get("unipref"), "python": manifest.get("python")}
    versions |= manifest.get("versions") or {}
    packages = [[name, str(version)] for name, version in versions.items() if version]
    tables = present(
        _inputs(manifest, run),
        table("Versions", ["package", "version"], packages),
        table("Hashes", ["file", "sha256"], _files(run)),
        _artefacts(manifest.get("stages") or []),
    )
    return Section("How to reproduce", paragraphs=_surroundings(manifest), tables=tables, code=code) if tables else None


def commands(manifest: Manifest) -> str:
    """What is typed to run it again, in a folder with the study below as `study.yaml`."""
    versions = manifest.get("versions") or {}
    # What stands behind a plus says how it was built, and is not on the index.
    pins = [f"'{name}=={str(version).partition('+')[0]}'" for name, version in versions.items() if version]
    return "\n".join(
        [
            f"# unipref {manifest['unipref']}: pip install . in its source folder"
            if manifest.get("unipref")
            else "# unipref: pip install . in its source folder",
            *([f"pip install {' '.join(pins)}"] if pins else []),
            "# study.yaml is below; DATA is the folder in which its paths start",
            "unipref run study.yaml -o RUN --set data_root=DATA --dry-run",
            "unipref run study.yaml -o RUN --set data_root=DATA",
            "unipref report RUN",
        ]
    )


def _surroundings(manifest: Manifest) -> list[str]:
    said = []
    if manifest.get("seeds"):
        said.append(f"Seeds: {', '.join(map(str, manifest['seeds']))}.")
    if machine := manifest.get("machine"):
        known = [str(machine[key]) for key in ("system", "processor") if machine.get(key)]
        known += [f"{machine['cores']} cores"] if machine.get("cores") else []
        said.append(f"Machine: {', '.join(known)}.")
    return [" ".join([*said, AS_READ])]


def _inputs(manifest: Manifest, run: Path) -> Table | None:
    """Model, sources and benchmarks with their hashes."""
    rows = []
    if manifest.get("model"):
        rows.append(["model", str(manifest["model"]), str(manifest.get("model_hash") or "–")])
    for name, source in (manifest.get("sources") or {}).items():
        files = [
            str(file.get("path", "–")) if isinstance(file, dict) else str(file) for file in source.get("files") or []
        ]
        listed = ", ".join(files[:3]) + (f" and {len(files) - 3:,} more" if len(files) > 3 else "")
        rows.append([f"source {name}", listed or "–", str(source.get("hash") or "–")])
    for label, hash_ in _benchmarks(manifest, run).items():
        rows.append([f"benchmark {label}", "–", hash_])
    return table("Inputs", ["input", "file", "hash"], rows)


def _benchmarks(manifest: Manifest, run: Path) -> dict[str, str]:
    """Benchmark -> the hash of the data it measured on, from the first evaluation with it."""
    found: dict[str, str] = {}
    for evaluated in manifest.get("evaluated") or []:
        label = str(evaluated.get("benchmark"))
        if label in found or not evaluated.get("folder"):
            continue
        hash_ = _data_hash(run / str(evaluated["folder"]) / "results.json", label)
        if hash_:
            found[label] = hash_
    return found


def _data_hash(results: Path, label: str) -> str | None:
    try:
        known: dict[str, Any] = json.loads(results.read_text(encoding="utf-8"))
        return str(known["configs"][label]["metadata"]["data_hash"])
    except (OSError, ValueError, KeyError, TypeError):
        # A run folder may be passed on without its tables: then this is not known.
        return None


def _files(run: Path) -> list[list[str]]:
    files = [run / name for name in ("study.yaml", "scores.json")]
    return [[path.name, hashlib.sha256(path.read_bytes()).hexdigest()] for path in files if path.is_file()]


def _artefacts(stages: list[Manifest]) -> Table | None:
    rows = [
        [str(stage["folder"]), str(stage["content"])]
        for stage in stages
        if stage.get("content") and kind_of(str(stage.get("folder"))) in DATA
    ]
    return table("Data made on the way", ["folder", "hash"], rows, folded=True)
