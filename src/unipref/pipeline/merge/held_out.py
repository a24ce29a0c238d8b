"""What a mixture is measured on: held-out preferences that no model in it was trained on."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from unipref.core import stage_cache
from unipref.core.errors import UserError
from unipref.core.records import MAIN
from unipref.core.run_folder import CleanCounts, Manifest
from unipref.core.stage_cache import RunDir

PARTS = ("dev", "test")
BATCH = 4096
"""Preferences held in memory with their text at a time."""


class Unseen(NamedTuple):
    """Held-out parts fit for several models of a run.

    Attributes:
        splits: part -> its file; where all of a part is left out, it has no rows.
        variant: whose parts they are.
        left_out: part -> how many of its preferences are left out, and of how many, where some are.
    """

    splits: dict[str, Path]
    variant: str
    left_out: dict[str, tuple[int, int]]


def unseen(manifest: Manifest, run: RunDir, models: Collection[tuple[str, str]], name: str) -> Unseen:
    """The held-out parts that the models' variants share, or else those of the study as written.

    Variants with other sources, another split or another clean draw other parts. Where the variants do not share
    theirs, the study's own are taken without the prompts that a model was trained on.

    Args:
        manifest: of the run.
        run: the run folder.
        models: variant and seed of each.
        name: the stage that writes parts without some prompts, relative to the run.

    Raises:
        UserError: what a model was trained on is not there.
    """
    cleans = {variant: _clean(manifest, variant) for variant, _ in models} or {MAIN: _clean(manifest, MAIN)}
    shared = len({clean.folder for clean in cleans.values()}) == 1
    home = next(iter(cleans)) if shared else MAIN
    clean = _clean(manifest, home)
    splits = {part: run.folder / clean.folder / f"{part}.parquet" for part in PARTS if clean.parts().get(part)}
    if shared or not splits:
        return Unseen(splits, home, {})
    files = [_trained_on(manifest, run.folder, variant, seed) for variant, seed in models]
    inputs = {
        "held_out": {part: stage_cache.file_hash(path) for part, path in splits.items()},
        "trained": [stage_cache.file_hash(path) for path in files],
        "code": stage_cache.code_key(__name__),
    }
    stage = run.stage(name, inputs, lambda out: _write(splits, files, out))
    counts = {part: (found[0], found[1]) for part, found in stage.result.items()}
    kept = {part: stage.folder / f"{part}.parquet" for part in counts}
    return Unseen(kept, home, {part: found for part, found in counts.items() if found[0]})


def _clean(manifest: Manifest, variant: str) -> CleanCounts:
    return manifest.clean_of(variant) or CleanCounts()


def _trained_on(manifest: Manifest, folder: Path, variant: str, seed: str) -> Path:
    selected = manifest.selection(variant, seed)
    place = selected.folder if selected else ""
    path = folder / place / "train.parquet"
    if not place or not path.is_file():
        raise UserError(
            f"what {variant}/{seed} was trained on is not there, so it cannot be kept out of what is measured.",
            where=str(folder / "selected"),
            mend="Run the study again: unipref run STUDY -o RUN",
        )
    return path


def _write(splits: Mapping[str, Path], files: Collection[Path], out: Path) -> dict[str, tuple[int, int]]:
    """Writes each part without the groups in the files; part -> preferences left out, and all."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    groups = {group for file in files for batch in _batches(file, ["group"]) for group in batch["group"].to_pylist()}
    known = pa.array(sorted(groups), pa.string())
    counts = {}
    for part, path in splits.items():
        gone = n = 0
        with pq.ParquetWriter(out / path.name, pq.read_schema(path), compression="zstd") as writer:
            for batch in _batches(path):
                new = pc.invert(pc.is_in(batch["group"], value_set=known))
                n += len(batch)
                gone += len(batch) - (pc.sum(new).as_py() or 0)
                writer.write_batch(batch.filter(new))
        counts[part] = (gone, n)
    return counts


def _batches(path: Path, columns: list[str] | None = None) -> "Iterator[Any]":
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        yield from file.iter_batches(batch_size=BATCH, columns=columns)
