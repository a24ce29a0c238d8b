"""Finds the file of a run's preferences: a split, for a variant and a seed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from unipref.core.errors import UserError, near_name
from unipref.core.records import MAIN
from unipref.core.run_folder import Manifest, RunFolder

Split = Literal["train", "dev", "test"]
UNSPLIT = "all"
"""The split of a run that stopped after unify."""


@dataclass(frozen=True)
class RunRows:
    """A file of preferences.

    Attributes:
        file: the Parquet file.
        split: its part of the data.
        variant, seed: whose selection it is; None for data that all variants and seeds share.
        model: the model of the study; None if the study names none.
        root: the folder in which paths of images start.
    """

    file: Path
    split: str
    variant: str | None
    seed: str | None
    model: str | None
    root: Path


def find_run_rows(run: Path, split: Split | None, variant: str | None, seed: int | None) -> RunRows:
    """Finds the file.

    Args:
        run: the run folder.
        split: None: train, or all preferences if the run has no splits.
        variant: None: the study as written, or its first variant.
        seed: None: the first one. Only train is selected by seed.

    Raises:
        UserError: the run, the variant, the seed or the preferences are missing.
    """
    if not run.is_dir():
        raise UserError("the folder is missing.", where=str(run), mend="Give the folder that `unipref run` wrote.")
    manifest = RunFolder(run).manifest
    root = Path(manifest.data_root) if manifest.data_root else run
    names = list(manifest.variants or manifest.selected) or [MAIN]
    name = variant or (MAIN if MAIN in names else names[0])
    if name not in names:
        raise UserError(f"the run has no variant '{name}'.", where=str(run), mend=near_name(name, names))
    if split in (None, "train"):
        selected = _find_selected(run, manifest, name, seed)
        if selected is not None:
            return RunRows(selected[0], "train", name, selected[1], manifest.model, root)
    if seed is not None:
        raise UserError(
            "--seed is given, and this data is the same for every seed.",
            where=str(run),
            mend="Leave --seed out, or select first: unipref select STUDY -o RUN",
        )
    cleaned = manifest.clean_of(name)
    folder = run / ((cleaned.folder if cleaned else "") or "clean")
    file = folder / f"{split or 'train'}.parquet"
    if (cleaned or name == MAIN) and file.is_file():
        return RunRows(file, split or "train", variant, None, manifest.model, root)
    unified = run / manifest.unified_of(name) / "preferences.parquet"
    if split is None and variant in (None, MAIN) and unified.is_file():
        return RunRows(unified, UNSPLIT, None, None, manifest.model, root)
    raise UserError(
        f"the run has no preferences of the split '{split or 'train'}'.",
        where=str(run),
        mend="Split, clean and select them first: unipref select STUDY -o RUN"
        + (". Without --split, all its preferences are exported." if unified.is_file() and split else ""),
    )


def _find_selected(run: Path, manifest: Manifest, variant: str, seed: int | None) -> tuple[Path, str] | None:
    """Returns the file of a selection and its seed; None if the run has none."""
    seeds = manifest.selected.get(variant, {})
    if not seeds:
        return None
    wanted = next(iter(seeds)) if seed is None else str(seed)
    if wanted not in seeds:
        raise UserError(
            f"the variant '{variant}' has no seed {wanted}.", where=str(run), mend=f"Its seeds: {', '.join(seeds)}."
        )
    folder = run / (seeds[wanted].folder or f"selected/{variant}/{wanted}")
    file = folder / "train.parquet"
    if not file.is_file():
        raise UserError("the selection is missing.", where=str(file), mend="Run: unipref select STUDY -o RUN")
    return file, wanted
