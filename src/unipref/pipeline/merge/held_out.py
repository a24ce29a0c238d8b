"""Chooses what a mixture is measured on: held-out preferences that none of its models was trained on."""

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from unipref.core.errors import UserError
from unipref.core.records import MAIN
from unipref.core.run_folder import CleanCounts, Manifest
from unipref.core.stage_cache import StageCache
from unipref.pipeline import stage_inputs
from unipref.pipeline.merge.drop_prompts import write_without_prompts

PARTS = ("dev", "test")


class HeldOutParts(NamedTuple):
    """Held-out parts that several models of a run can be measured on.

    Attributes:
        splits: part -> its file, which has no rows if all of the part is left out.
        variant: the variant that the parts are from.
        left_out: part -> number of preferences left out, and of all; only parts with some left out.
    """

    splits: dict[str, Path]
    variant: str
    left_out: dict[str, tuple[int, int]]


def choose_held_out(
    manifest: Manifest, run: StageCache, models: Collection[tuple[str, str]], name: str
) -> HeldOutParts:
    """Chooses the held-out parts that the models' variants share, or else those of the study as written.

    Variants with other settings for sources, split or clean have other parts. If the variants do not share theirs, the
    result is the parts of the study as written, without the prompts that a model was trained on.

    Args:
        manifest: of the run.
        run: the run's stage cache.
        models: variant and seed of each model.
        name: the stage that writes the parts, relative to the run.

    Raises:
        UserError: the training data of a model is missing.
    """
    cleans = {variant: _find_clean(manifest, variant) for variant, _ in models} or {MAIN: _find_clean(manifest, MAIN)}
    shared = len({clean.folder for clean in cleans.values()}) == 1
    variant = next(iter(cleans)) if shared else MAIN
    clean = _find_clean(manifest, variant)
    splits = {part: run.folder / clean.folder / f"{part}.parquet" for part in PARTS if clean.parts().get(part)}
    if shared or not splits:
        return HeldOutParts(splits, variant, {})
    files = [file for model in models for file in _find_training_data(manifest, run.folder, *model)]
    inputs = stage_inputs.held_out_inputs(splits, files)
    stage = run.stage(name, inputs, lambda out: write_without_prompts(splits, files, out))
    counts = {part: (left_out, n) for part, (left_out, n) in stage.result.items()}
    kept = {part: stage.folder / f"{part}.parquet" for part in counts}
    return HeldOutParts(kept, variant, {part: count for part, count in counts.items() if count[0]})


def _find_clean(manifest: Manifest, variant: str) -> CleanCounts:
    return manifest.clean_of(variant) or CleanCounts()


def list_unknown_prompts(manifest: Manifest, variant: str, seed: str) -> list[str]:
    """Lists the rounds of a model that trained on prompts of other sources, which are not found in held-out parts."""
    rounds = manifest.rounds.get(variant, {}).get(seed, {})
    return [step for step, one in rounds.items() if one.prompt_sources]


def _find_training_data(manifest: Manifest, folder: Path, variant: str, seed: str) -> list[Path]:
    """Finds the files of the preferences that a model was trained on, and of those whose prompts its rounds asked."""
    selected = manifest.selection(variant, seed)
    places = [selected.folder if selected else ""]
    rounds = manifest.rounds.get(variant, {}).get(seed, {}).values()
    if any(not one.prompt_sources for one in rounds):
        # The prompts in the preferences of a round have constraints, so those of the train part are looked up.
        places.append(_find_clean(manifest, variant).folder)
    places += [one.folders.get("selected", "") for one in rounds]
    paths = [folder / place / "train.parquet" for place in places]
    if not all(places) or not all(path.is_file() for path in paths):
        raise UserError(
            f"the training data of {variant}/{seed} is missing, so unipref cannot exclude it from the measurement.",
            where=str(folder / "selected"),
            mend="Run the study again: unipref run STUDY -o RUN",
        )
    return paths
