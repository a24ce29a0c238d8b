"""The sections on cost and on reproduction: commands, study, seeds, versions, hashes of all inputs."""

import hashlib
import json
from pathlib import Path
from typing import Any

from unipref.core.run_folder import SCORES, STUDY, Manifest, StageCost
from unipref.core.stage_cache import stage_kind
from unipref.report.content import Section, Table
from unipref.report.tables import drop_missing, format_decimal, make_table

DATA_STAGES = ("unified", "clean", "selected")
"""Kinds of stages whose files are identical on every machine."""
HASH_NOTE = (
    "Hashes are xxh3-128 unless labelled sha256. The hash of a source covers the content, names and limits of its "
    "files, as in the cache of the run; that of a model covers all files of its folder. Unified, cleaned and selected "
    "data are identical to the byte on any machine for the same inputs and settings. Models and scores are identical "
    "for the same package versions and number of threads."
)


def make_reproduce_sections(manifest: Manifest, run: Path) -> list[Section]:
    """The sections on cost and reproduction, if the manifest has their data."""
    return [section for section in (_cost(manifest.stages), _reproduce(manifest, run)) if section]


def _cost(stages: list[StageCost]) -> Section | None:
    rows = [
        [
            stage.stage,
            stage.folder,
            format_decimal(stage.seconds),
            format_decimal(stage.cpu_seconds),
            _megabytes(stage.peak_mb),
            "yes" if stage.cached else "no",
        ]
        for stage in stages
    ]
    note = (
        "Seconds and peak memory are from the run that executed the stage; a cached stage was executed in an earlier "
        "run. CPU seconds: sum over all cores."
    )
    heads = ["stage", "folder", "seconds", "CPU seconds", "peak MB", "cached"]
    all_stages = make_table("Stages", heads, rows, note, folded=True)
    return Section("Time and memory", tables=drop_missing(_by_kind(stages), all_stages)) if all_stages else None


def _by_kind(stages: list[StageCost]) -> Table | None:
    """The summed cost of all stages of a kind."""
    kinds: dict[str, list[StageCost]] = {}
    for stage in stages:
        kinds.setdefault(stage_kind(stage.folder), []).append(stage)
    rows = [[kind, *_sum_costs(of_kind)] for kind, of_kind in kinds.items()]
    if len(rows) > 1:
        rows.append(["all", *_sum_costs(stages)])
    heads = ["stage", "number", "seconds", "CPU seconds", "peak MB"]
    return make_table("Cost by stage", heads, rows, "Sums over all variants and seeds; peak MB is their maximum.")


def _sum_costs(stages: list[StageCost]) -> list[str]:
    def total(costs: list[float | None]) -> str:
        numbers = [cost for cost in costs if cost is not None]
        return format_decimal(sum(numbers)) if len(numbers) == len(costs) else "–"

    most = max((stage.peak_mb for stage in stages if stage.peak_mb is not None), default=None)
    wall, cpu = total([stage.seconds for stage in stages]), total([stage.cpu_seconds for stage in stages])
    return [f"{len(stages):,}", wall, cpu, _megabytes(most)]


def _megabytes(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _reproduce(manifest: Manifest, run: Path) -> Section | None:
    study = run / STUDY
    code = [("Commands", make_commands(manifest))] if study.is_file() else []
    if study.is_file():
        code.append((STUDY, study.read_text(encoding="utf-8").rstrip()))
    versions = {"unipref": manifest.unipref, "python": manifest.python, **manifest.versions}
    packages = [[name, version] for name, version in versions.items() if version]
    tables = drop_missing(
        _inputs(manifest, run),
        make_table("Versions", ["package", "version"], packages),
        make_table("Hashes", ["file", "sha256"], _file_hashes(run)),
        _intermediate_hashes(manifest.stages),
    )
    paragraphs = _seeds_and_machine(manifest)
    return Section("How to reproduce", paragraphs=paragraphs, tables=tables, code=code) if tables else None


def make_commands(manifest: Manifest) -> str:
    """The commands that run the study again, in a folder with the study as `study.yaml`."""
    # The part after a plus is a local build version, which the package index lacks.
    pins = [f"'{name}=={version.partition('+')[0]}'" for name, version in manifest.versions.items() if version]
    version = f" {manifest.unipref}" if manifest.unipref else ""
    return "\n".join(
        [
            f"# unipref{version}: pip install . in its source folder",
            *([f"pip install {' '.join(pins)}"] if pins else []),
            "# study.yaml is below; DATA is the folder that its paths are relative to",
            "unipref run study.yaml -o RUN --set data_root=DATA --dry-run",
            "unipref run study.yaml -o RUN --set data_root=DATA",
            "unipref report RUN",
        ]
    )


def _seeds_and_machine(manifest: Manifest) -> list[str]:
    sentences = []
    if manifest.seeds:
        sentences.append(f"Seeds: {', '.join(map(str, manifest.seeds))}.")
    if machine := manifest.machine:
        parts = [part for part in (machine.system, machine.processor) if part]
        parts += [f"{machine.cores} cores"] if machine.cores else []
        sentences.append(f"Machine: {', '.join(parts)}.")
    return [" ".join([*sentences, HASH_NOTE])]


def _inputs(manifest: Manifest, run: Path) -> Table | None:
    """The table of model, sources, the study's own code and benchmarks with their hashes."""
    rows = []
    if manifest.model:
        stored = f" ({manifest.model_quantization})" if manifest.model_quantization else ""
        rows.append(["model", manifest.model + stored, manifest.model_hash or "–"])
    for name, source in manifest.sources.items():
        more = f" and {len(source.files) - 3:,} more" if len(source.files) > 3 else ""
        rows.append([f"source {name}", (", ".join(source.files[:3]) + more) or "–", source.hash or "–"])
    rows += [[f"code {name}", code.file, code.hash or "–"] for name, code in manifest.code.items()]
    for label, hash_ in _benchmarks(manifest, run).items():
        rows.append([f"benchmark {label}", "–", hash_])
    return make_table("Inputs", ["input", "file", "hash"], rows)


def _benchmarks(manifest: Manifest, run: Path) -> dict[str, str]:
    """Benchmark -> the hash of its data, from its first evaluation."""
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
        content: dict[str, Any] = json.loads(results.read_text(encoding="utf-8"))
        return str(content["configs"][label]["metadata"]["data_hash"])
    except (OSError, ValueError, KeyError, TypeError):
        # A copied run folder may lack this file.
        return None


def _file_hashes(run: Path) -> list[list[str]]:
    files = [run / name for name in (STUDY, SCORES)]
    return [[path.name, hashlib.sha256(path.read_bytes()).hexdigest()] for path in files if path.is_file()]


def _intermediate_hashes(stages: list[StageCost]) -> Table | None:
    rows = [
        [stage.folder, stage.content] for stage in stages if stage.content and stage_kind(stage.folder) in DATA_STAGES
    ]
    return make_table("Hashes of intermediate data", ["folder", "hash"], rows, folded=True)
