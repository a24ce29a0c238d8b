"""What a mixture is measured on: held-out preferences that no model in it was trained on."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from unipref.core.errors import UserError
from unipref.core.records import MAIN
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


def unseen(manifest: Mapping[str, Any], run: StageCache, models: Collection[tuple[str, str]], name: str) -> Unseen:
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
    pages = {variant: _clean(manifest, variant) for variant, _ in models} or {MAIN: _clean(manifest, MAIN)}
    folders = {page.get("folder", "clean") for page in pages.values()}
    shared = len(folders) == 1
    home = next(iter(pages)) if shared else MAIN
    page = _clean(manifest, home)
    folder = run.folder / page.get("folder", "clean")
    splits = {part: folder / f"{part}.parquet" for part in PARTS if page.get(part)}
    if shared or not splits:
        return Unseen(splits, home, {})
    files = [_trained_on(manifest, run.folder, variant, seed) for variant, seed in models]
    inputs = stage_inputs.parts_without_prompts(splits, files)
    stage = run.stage(name, inputs, lambda out: drop_prompts(splits, files, out))
    counts = {part: (found[0], found[1]) for part, found in stage.result.items()}
    kept = {part: stage.folder / f"{part}.parquet" for part in counts}
    return Unseen(kept, home, {part: found for part, found in counts.items() if found[0]})


def _clean(manifest: Mapping[str, Any], variant: str) -> Mapping[str, Any]:
    page = manifest if variant == MAIN else manifest.get("variants", {}).get(variant, {})
    found: Mapping[str, Any] = page.get("clean", {})
    return found


def _trained_on(manifest: Mapping[str, Any], folder: Path, variant: str, seed: str) -> Path:
    place = manifest.get("selected", {}).get(variant, {}).get(seed, {}).get("folder")
    path = folder / str(place) / "train.parquet"
    if not place or not path.is_file():
        raise UserError(
            f"what {variant}/{seed} was trained on is not there, so it cannot be kept out of what is measured.",
            where=str(folder / "selected"),
            mend="Run the study again: unipref run STUDY -o RUN",
        )
    return path
