"""Keeps the scores of runs of the real model in one small file: per example, without texts.

    python benchmarks/real_model_scores.py keep OUT.tar.xz RUN [RUN@main=bias_only ...]
    python benchmarks/real_model_scores.py open FILE.tar.xz FOLDER

FOLDER is then a run without models, which `real_model_table.py` and `unipref compare` read, and which `keep` takes as a
RUN beside new ones. So seeds of several days end up in one table. `@OLD=NEW` renames a variant.
"""

import argparse
import json
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from unipref.core import json_files
from unipref.core.records import BASE
from unipref.core.run_folder import MANIFEST, PAIRED, SCORES, Evaluated, Manifest, RunFolder, ScoreRow, Selected
from unipref.core.scores import Example
from unipref.core.stats.statistic import Statistic
from unipref.evaluate import RESULTS
from unipref.evaluate.compare import EVALUATED, Table, compare_pair, load_tables


def main() -> None:
    """Keeps or opens."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("keep", "open"))
    parser.add_argument("file", type=Path)
    parser.add_argument("places", nargs="+", help="runs to keep, or the folder to open in")
    given = parser.parse_args()
    if given.command == "open":
        if len(given.places) != 1 or Path(given.places[0]).exists():
            parser.error("open needs one folder that does not exist")
        with tarfile.open(given.file) as archive:
            archive.extractall(given.places[0], filter="data")
        return
    with tempfile.TemporaryDirectory() as folder:
        joined = Path(folder)
        join([_read_place(place) for place in given.places], joined)
        with tarfile.open(given.file, "w:xz", preset=9) as archive:
            for path in sorted(joined.rglob("*")):
                archive.add(path, path.relative_to(joined).as_posix(), recursive=False, filter=_forget_origin)
    print(f"{given.file}: {given.file.stat().st_size / 1000:.0f} kB")


def _read_place(place: str) -> tuple[Path, dict[str, str]]:
    """Splits `RUN@OLD=NEW` into the run and the new names of its variants."""
    run, _, names = place.partition("@")
    return Path(run), dict(name.split("=", 1) for name in names.split(",") if name)


def _forget_origin(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Removes time, owner and rights, so that the same scores give the same file."""
    entry.mtime = entry.uid = entry.gid = 0
    entry.mode = 0o755 if entry.isdir() else 0o644
    entry.uname = entry.gname = ""
    return entry


def join(runs: Iterable[tuple[Path, dict[str, str]]], out: Path) -> None:
    """Writes manifest, scores and tables of several runs into one folder; the base model is in it once.

    Raises:
        SystemExit: the runs have another base model or other settings of a variant, or measured a model with different
            results.
    """
    joined = Manifest()
    scores: dict[tuple[Any, ...], dict[str, Any]] = {}
    for path, names in runs:
        run = RunFolder(path)
        manifest = run.manifest
        if joined.model_hash not in (None, manifest.model_hash) or joined.effects not in ({}, manifest.effects):
            raise SystemExit(f"{path}: its base model or 'verdicts.effect' is not that of the runs before it")
        joined.model_hash, joined.effects = manifest.model_hash, manifest.effects
        joined.seeds = sorted({*joined.seeds, *manifest.seeds})
        for variant, info in manifest.variants.items():
            bare = msgspec.structs.replace(info, sources=None, clean=None, unified=None)
            earlier = joined.variants.setdefault(names.get(variant, variant), bare)
            if (earlier.settings_hash, earlier.strategy) != (info.settings_hash, info.strategy):
                raise SystemExit(f"{path}: '{variant}' has other settings than in the runs before it")
        for variant, by_seed in manifest.selected.items():
            counts = {seed: Selected(candidates=one.candidates, kept=one.kept) for seed, one in by_seed.items()}
            joined.selected.setdefault(names.get(variant, variant), {}).update(counts)
        for row in run.scores():
            _add_score(scores, msgspec.structs.replace(row, variant=names.get(row.variant, row.variant)))
        for one in manifest.evaluated:
            variant = names.get(one.variant, one.variant)
            place = f"evaluated/{variant}" + ("" if one.seed is None else f"/{one.seed}/{one.step}")
            record = Evaluated(variant, one.seed, one.step, one.benchmark, f"{place}/{one.benchmark}")
            with tempfile.TemporaryDirectory(dir=out) as folder:
                keep_tables(path / one.folder, Path(folder) / "tables")
                _put(Path(folder) / "tables", out / record.folder)
            if record not in joined.evaluated:
                joined.evaluated.append(record)
    json_files.write_json(out / MANIFEST, msgspec.to_builtins(joined))
    json_files.write_json(out / SCORES, list(scores.values()))
    json_files.write_json(out / PAIRED, list(compare_with_base(out, joined.evaluated)))


def compare_with_base(run: Path, evaluated: Iterable[Evaluated]) -> Iterator[dict[str, Any]]:
    """Compares each benchmark of each model with the base model, example by example, as a run does."""
    for one in evaluated:
        base = run / EVALUATED / BASE / one.benchmark
        if one.variant != BASE and base.is_dir():
            about = {"variant": one.variant, "seed": one.seed, "step": one.step, "model": one.step}
            yield from ({**row, **about} for row in compare_pair(base, run / one.folder))


def _put(tables: Path, place: Path) -> None:
    """Moves tables to their place, or checks that those that are there are the same."""
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        tables.rename(place)
        return
    for table in tables.glob("*.jsonl"):
        if table.read_bytes() != (place / table.name).read_bytes():
            raise SystemExit(f"{place.name} of {place.parent}: two runs measured it with different results")


def _add_score(scores: dict[tuple[Any, ...], dict[str, Any]], row: ScoreRow) -> None:
    """Adds a score, or checks that the one that is there is the same."""
    found = row.as_dict() | {"model": Path(row.model).name}
    key = (row.variant, row.seed, row.step, row.benchmark, row.mode, row.split, row.slice, row.metric)
    earlier = scores.setdefault(key, found)
    if earlier["value"] != found["value"]:
        raise SystemExit(f"{'/'.join(map(str, key))}: one run has {earlier['value']}, another {found['value']}")


def keep_tables(folder: Path, out: Path) -> None:
    """Copies the tables of an evaluation without texts, and without what tells of this machine.

    Raises:
        SystemExit: a statistic needs what was left out.
    """
    out.mkdir(parents=True)
    results = json.loads((folder / RESULTS).read_bytes())
    kept = {name: results[name] for name in ("configs", "versions_of_packages")}
    json_files.write_json(out / RESULTS, kept)
    for label, table in load_tables(folder).items():
        examples = table.read_examples()
        texts = find_texts(table, examples)
        rows = [{field: value for field, value in row.items() if field not in texts} for row in examples]
        with (out / f"{label}.jsonl").open("wb") as file:
            file.writelines(msgspec.json.encode(row) + b"\n" for row in rows)
        if _list_numbers(table.statistics(examples)) != _list_numbers(load_tables(out)[label].statistics()):
            raise SystemExit(f"{folder}: a statistic of {label} needs one of {', '.join(sorted(texts))}")


def find_texts(table: Table, examples: list[Example]) -> set[str]:
    """Finds the fields with texts, lists or mappings without which all statistics are the same."""
    numbers, texts = _list_numbers(table.statistics(examples)), set[str]()
    fields = {name for row in examples for name, value in row.items() if isinstance(value, str | list | dict)}
    for field in sorted(fields):
        rows = [{name: value for name, value in row.items() if name not in {*texts, field}} for row in examples]
        try:
            is_needed = _list_numbers(table.statistics(rows)) != numbers
        except (KeyError, TypeError):
            is_needed = True
        if not is_needed:
            texts.add(field)
    return texts


def _list_numbers(statistics: dict[tuple[str, str, str, str], Statistic]) -> dict[tuple[str, str, str, str], Any]:
    """Lists what verdicts compute with."""
    return {
        key: (list(one.units), np.asarray(one.values).tolist(), list(one.clusters or ()), list(one.crossed or ()))
        for key, one in statistics.items()
    }


if __name__ == "__main__":
    main()
