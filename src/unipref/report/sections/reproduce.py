"""What a run cost, and what it takes to run it again: commands, settings, seeds, versions, hashes of all inputs."""

import hashlib
import json
from pathlib import Path
from typing import Any

from unipref.core.run_folder import SCORES, STUDY, Manifest, StageCost
from unipref.core.stage_cache import stage_kind
from unipref.report.content import Section, Table
from unipref.report.tables import present, seconds, table

DATA = ("unified", "clean", "selected")
"""Kinds of stages whose files are the same, to the byte, wherever they are made."""
AS_READ = (
    "Hashes are xxh3-128, but where sha256 is said. A source's is of its files' content, names and cuts, as the run's "
    "cache knows it; a model's of all files of its folder. Unified, cleaned and selected data are the same to the byte "
    "for the same inputs and settings, on any machine; models and scores are so for the same versions and threads."
)


def reproduce_sections(manifest: Manifest, run: Path) -> list[Section]:
    """The sections on cost and reproduction; what the manifest lacks is left out."""
    return [section for section in (_cost(manifest.stages), _reproduce(manifest, run)) if section]


def _cost(stages: list[StageCost]) -> Section | None:
    rows = [
        [
            stage.stage,
            stage.folder,
            seconds(stage.seconds),
            seconds(stage.cpu_seconds),
            _megabytes(stage.peak_mb),
            "yes" if stage.cached else "no",
        ]
        for stage in stages
    ]
    note = (
        "Seconds and peak memory are those of the run that did the work; a cached stage was taken from an earlier one. "
        "CPU: computing time of all cores together."
    )
    heads = ["stage", "folder", "seconds", "CPU seconds", "peak MB", "cached"]
    every = table("Stages", heads, rows, note, folded=True)
    return Section("Time and memory", tables=present(_by_kind(stages), every)) if every else None


def _by_kind(stages: list[StageCost]) -> Table | None:
    """The cost of all stages of a kind together."""
    kinds: dict[str, list[StageCost]] = {}
    for stage in stages:
        kinds.setdefault(stage_kind(stage.folder), []).append(stage)
    rows = [[kind, *_summed(of_kind)] for kind, of_kind in kinds.items()]
    if len(rows) > 1:
        rows.append(["all", *_summed(stages)])
    heads = ["stage", "number", "seconds", "CPU seconds", "most MB"]
    return table("What the stages cost", heads, rows, "Of all variants and seeds together.")


def _summed(stages: list[StageCost]) -> list[str]:
    def total(costs: list[float | None]) -> str:
        known = [cost for cost in costs if cost is not None]
        return seconds(sum(known)) if len(known) == len(costs) else "–"

    most = max((stage.peak_mb for stage in stages if stage.peak_mb is not None), default=None)
    wall, cpu = total([stage.seconds for stage in stages]), total([stage.cpu_seconds for stage in stages])
    return [f"{len(stages):,}", wall, cpu, _megabytes(most)]


def _megabytes(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _reproduce(manifest: Manifest, run: Path) -> Section | None:
    study = run / STUDY
    code = [("Commands", commands(manifest))] if study.is_file() else []
    if study.is_file():
        code.append((STUDY, study.read_text(encoding="utf-8").rstrip()))
    versions = {"unipref": manifest.unipref, "python": manifest.python, **manifest.versions}
    packages = [[name, version] for name, version in versions.items() if version]
    tables = present(
        _inputs(manifest, run),
        table("Versions", ["package", "version"], packages),
        table("Hashes", ["file", "sha256"], _files(run)),
        _artefacts(manifest.stages),
    )
    return Section("How to reproduce", paragraphs=_surroundings(manifest), tables=tables, code=code) if tables else None


def commands(manifest: Manifest) -> str:
    """What is typed to run it again, in a folder with the study below as `study.yaml`."""
    # What stands behind a plus says how it was built, and is not on the index.
    pins = [f"'{name}=={version.partition('+')[0]}'" for name, version in manifest.versions.items() if version]
    version = f" {manifest.unipref}" if manifest.unipref else ""
    return "\n".join(
        [
            f"# unipref{version}: pip install . in its source folder",
            *([f"pip install {' '.join(pins)}"] if pins else []),
            "# study.yaml is below; DATA is the folder in which its paths start",
            "unipref run study.yaml -o RUN --set data_root=DATA --dry-run",
            "unipref run study.yaml -o RUN --set data_root=DATA",
            "unipref report RUN",
        ]
    )


def _surroundings(manifest: Manifest) -> list[str]:
    sentences = []
    if manifest.seeds:
        sentences.append(f"Seeds: {', '.join(map(str, manifest.seeds))}.")
    if machine := manifest.machine:
        parts = [part for part in (machine.system, machine.processor) if part]
        parts += [f"{machine.cores} cores"] if machine.cores else []
        sentences.append(f"Machine: {', '.join(parts)}.")
    return [" ".join([*sentences, AS_READ])]


def _inputs(manifest: Manifest, run: Path) -> Table | None:
    """Model, sources and benchmarks with their hashes."""
    rows = []
    if manifest.model:
        rows.append(["model", manifest.model, manifest.model_hash or "–"])
    for name, source in manifest.sources.items():
        more = f" and {len(source.files) - 3:,} more" if len(source.files) > 3 else ""
        rows.append([f"source {name}", (", ".join(source.files[:3]) + more) or "–", source.hash or "–"])
    for label, hash_ in _benchmarks(manifest, run).items():
        rows.append([f"benchmark {label}", "–", hash_])
    return table("Inputs", ["input", "file", "hash"], rows)


def _benchmarks(manifest: Manifest, run: Path) -> dict[str, str]:
    """Benchmark -> the hash of the data it measured on, from the first evaluation with it."""
    hashes: dict[str, str] = {}
    for evaluated in manifest.evaluated:
        if evaluated.benchmark in hashes or not evaluated.folder:
            continue
        hash_ = _data_hash(run / evaluated.folder / "results.json", evaluated.benchmark)
        if hash_:
            hashes[evaluated.benchmark] = hash_
    return hashes


def _data_hash(results: Path, label: str) -> str | None:
    try:
        known: dict[str, Any] = json.loads(results.read_text(encoding="utf-8"))
        return str(known["configs"][label]["metadata"]["data_hash"])
    except (OSError, ValueError, KeyError, TypeError):
        # A run folder may be passed on without its tables: then this is not known.
        return None


def _files(run: Path) -> list[list[str]]:
    files = [run / name for name in (STUDY, SCORES)]
    return [[path.name, hashlib.sha256(path.read_bytes()).hexdigest()] for path in files if path.is_file()]


def _artefacts(stages: list[StageCost]) -> Table | None:
    rows = [[stage.folder, stage.content] for stage in stages if stage.content and stage_kind(stage.folder) in DATA]
    return table("Data made on the way", ["folder", "hash"], rows, folded=True)
