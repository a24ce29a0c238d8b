"""Finds a trained step of a run by its name, or the one that a person would take."""

from pathlib import Path
from typing import NamedTuple

from unipref.analysis.best_model import find_model
from unipref.core.errors import UserError, near_name
from unipref.core.records import MAIN
from unipref.core.run_folder import Manifest


class Place(NamedTuple):
    """A trained step."""

    variant: str
    seed: str
    step: str


def find_place(run: Path, manifest: Manifest, what: str, place: str | None) -> Place:
    """Finds a trained step.

    Args:
        run: the run folder.
        manifest: its manifest.
        what: 'model', 'reward_model' or 'adapter'.
        place: VARIANT/SEED/STEP; None: the best model, or the first reward model.

    Raises:
        UserError: the step is missing.
    """
    kind = "reward" if what == "reward_model" else "policy"
    steps = {
        Place(variant, seed, step): manifest.steps[variant][step]
        for variant, seed, step, _ in manifest.trained_steps()
        if step in manifest.steps.get(variant, {})
    }
    fitting = [found for found, recipe in steps.items() if recipe.model_kind == kind]
    if place is not None:
        names = {"/".join(found): found for found in fitting}
        if place not in names:
            raise UserError(
                f"the run has no {what.replace('_', ' ')} '{place}'.", where="--model", mend=near_name(place, names)
            )
        return names[place]
    if not fitting:
        raise UserError(
            f"the run has no {what.replace('_', ' ')}.", where=str(run), mend="Train one: unipref run STUDY"
        )
    if kind == "reward":
        return next((found for found in fitting if found.variant == MAIN), fitting[0])
    path, choice = find_model(run)
    return next(
        (found for found in fitting if run / manifest.trained(found.variant, found.seed)[found.step].folder == path),
        Place(choice.variant, str(choice.seed), choice.step),
    )
