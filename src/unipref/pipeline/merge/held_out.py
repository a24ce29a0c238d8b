"""What a mixture is measured on: held-out preferences that no model in it was trained on."""

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from unipref.core.errors import UserError
from unipref.core.records import MAIN
from unipref.core.run_folder import CleanCounts, Manifest
from unipref.core.stage_cache import StageCache
from unipref.pipeline import stage_inputs
from unipref.pipeline.merge.drop_prompts import drop_prompts

PARTS = ("dev", "test")


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


def unseen(manifest: Manifest, run: StageCache, models: Collection[tuple[str, str]], name: str) -> Unseen:
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
    inputs = stage_inputs.held_out_inputs(splits, files)
    stage = run.stage(name, inputs, lambda out: drop_prompts(splits, files, out))
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
