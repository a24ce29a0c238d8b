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
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from unipref.core import json_files
from unipref.core.run_folder import MANIFEST, SCORES, Evaluated, Manifest, RunFolder, ScoreRow
from unipref.core.stats.statistic import Statistic
from unipref.evaluate import RESULTS
from unipref.evaluate.compare import load_tables

LONGEST = 60
"""Characters of the longest string that stays: names, ids and kinds of instructions, no sentences."""


def main() -> None:
    """Keeps or opens."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("keep", "open"))
    parser.add_argument("file", type=Path)
    parser.add_argument("places", nargs="+", help="runs to keep, or the folder to open in")
    given = parser.parse_args()
    if given.command == "open":
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
    """Removes time and owner, so that the same scores give the same file."""
    entry.mtime = entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def join(runs: Iterable[tuple[Path, dict[str, str]]], out: Path) -> None:
    """Writes manifest, scores and tables of several runs into one folder; the base model is in it once.

    Raises:
        SystemExit: two runs measured the same model with different scores.
    """
    joined = Manifest()
    scores: dict[tuple[Any, ...], dict[str, Any]] = {}
    for path, names in runs:
        run = RunFolder(path)
        manifest = run.manifest
        joined.effects = joined.effects or manifest.effects
        joined.seeds = sorted({*joined.seeds, *manifest.seeds})
        for variant, info in manifest.variants.items():
            joined.variants.setdefault(names.get(variant, variant), info)
        for variant, by_seed in manifest.selected.items():
            joined.selected.setdefault(names.get(variant, variant), {}).update(by_seed)
        for row in run.scores():
            _add_score(scores, msgspec.structs.replace(row, variant=names.get(row.variant, row.variant)))
        for one in manifest.evaluated:
            variant = names.get(one.variant, one.variant)
            place = f"evaluated/{variant}" + ("" if one.seed is None else f"/{one.seed}/{one.step}")
            record = Evaluated(variant, one.seed, one.step, one.benchmark, f"{place}/{one.benchmark}")
            if record not in joined.evaluated:
                joined.evaluated.append(record)
                keep_tables(path / one.folder, out / record.folder)
    json_files.write_json(out / MANIFEST, msgspec.to_builtins(joined))
    json_files.write_json(out / SCORES, list(scores.values()))


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
        texts = {field for row in examples for field, value in row.items() if isinstance(value, str | list)}
        texts -= {field for field in texts if _is_short(examples, field)}
        rows = [{field: value for field, value in row.items() if field not in texts} for row in examples]
        with (out / f"{label}.jsonl").open("wb") as file:
            file.writelines(msgspec.json.encode(row) + b"\n" for row in rows)
        if _list_numbers(table.statistics(examples)) != _list_numbers(load_tables(out)[label].statistics()):
            raise SystemExit(f"{folder}: a statistic of {label} needs one of {', '.join(sorted(texts))}")


def _list_numbers(statistics: dict[tuple[str, str, str, str], Statistic]) -> dict[tuple[str, str, str, str], Any]:
    """Lists what verdicts compute with."""
    return {
        key: (list(one.units), np.asarray(one.values).tolist(), list(one.clusters or ()), list(one.crossed or ()))
        for key, one in statistics.items()
    }


def _is_short(examples: Iterable[dict[str, Any]], field: str) -> bool:
    """Whether a field holds names, ids and numbers alone."""
    values = [row.get(field) for row in examples]
    parts = [part for value in values for part in (value if isinstance(value, list) else [value])]
    return all(len(str(part)) <= LONGEST for part in parts)


if __name__ == "__main__":
    main()
