"""Chooses the model of a run that a person would take, by the run's verdicts; `docs/verdicts.md` states the rule."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from unipref.core.errors import UserError
from unipref.core.records import BASE
from unipref.core.run_folder import GainRecord, JudgedModel, Manifest, RunFolder, Verdicts
from unipref.core.stats.differences import BETTER, WORSE

GAINS, ONE_TRAINING, NOT_SHOWN, TRADES, LOSES, NOT_MEASURED = (
    "gains",
    "one training gains",
    "no gain shown",
    "gains and loses",
    "loses",
    "not measured",
)
"""How a chosen model stands against the base model; see `Choice.outcome`."""


@dataclass(frozen=True)
class Choice:
    """The model to take.

    Attributes:
        variant, step, seed: the model; of several seeds, the first whose model is recorded.
        folder: of the model, relative to the run; empty if no record of the training names it.
        outcome: GAINS: clearly better than the base model on an objective and clearly worse on none. ONE_TRAINING: the
            same by the examples, of a single training. NOT_SHOWN: neither. TRADES: clearly better on one objective and
            worse on another. LOSES: worse on an objective and clearly better on none. NOT_MEASURED: no benchmark
            compares it.
        gains: objective -> its gain over the base model.
        judged: the model's figures; None if it was not measured.
        rivals: number of trained models it was chosen from.
    """

    variant: str
    step: str
    seed: str
    folder: str
    outcome: str
    gains: dict[str, GainRecord] = field(default_factory=dict)
    judged: JudgedModel | None = None
    rivals: int = 1

    @property
    def label(self) -> str:
        """Variant and step."""
        return f"{self.variant} · {self.step}"

    @property
    def should_keep_base(self) -> bool:
        """Whether nothing speaks for the model."""
        return self.outcome == LOSES


ORDER = (GAINS, ONE_TRAINING, NOT_SHOWN, TRADES, LOSES)
"""Outcomes, the best first."""


def choose_model(manifest: Manifest, verdicts: Verdicts | None) -> Choice | None:
    """Chooses a trained policy.

    The models with the best outcome come first. Among them, the one whose smallest gain over the base model is largest
    is chosen, in units of the smallest effect of interest; then the one with the largest sum. Without verdicts, the
    last policy of the first variant is chosen.

    Returns:
        The choice; None if no policy was trained.
    """
    trained = _find_policies(manifest)
    if not trained:
        return None
    models = [model for model in (verdicts.models if verdicts else []) if (model.variant, model.step) in trained]
    measured = [model for model in models if model.gains.get(BASE)]
    if verdicts is None or not measured:
        variant = next(iter(trained))[0]
        step = [step for name, step in trained if name == variant][-1]
        return Choice(variant, step, *trained[variant, step], NOT_MEASURED, rivals=len(trained))
    best = min(measured, key=lambda model: _rank(model, verdicts))
    place = trained[best.variant, best.step]
    gains = best.gains[BASE]
    return Choice(best.variant, best.step, *place, _judge(gains), gains, best, len(measured))


def find_model(run: Path) -> tuple[Path, Choice]:
    """Finds the folder of a run's best model.

    Raises:
        UserError: it is not a run folder, no policy was trained, or the model's folder is missing.
    """
    folder = RunFolder(run)
    choice = choose_model(folder.manifest, folder.verdicts())
    if choice is None:
        raise UserError("this run has no trained language model.", where=str(run), mend="Train one: unipref run STUDY")
    path = run / choice.folder
    if not choice.folder or not path.is_dir():
        raise UserError(
            f"the folder of the run's best model, {choice.label}, is missing.",
            where=str(path),
            mend="Train it again with unipref run STUDY, or name another model's folder.",
        )
    return path, choice


def resolve_model(name: str) -> tuple[str, str]:
    """Returns the model that a name stands for, and why: the best model of a run if it is a run folder.

    Args:
        name: a model folder, hub name or run folder.

    Returns:
        The model's folder or hub name, and a sentence; empty for a model.

    Raises:
        UserError: the run has no model that can be loaded.
    """
    folder = Path(name)
    if not RunFolder(folder).has_manifest or (folder / "config.json").is_file():
        return name, ""
    path, choice = find_model(folder)
    return str(path), f"{path}: {describe_choice(choice)}"


def describe_choice(choice: Choice) -> str:
    """Says in a sentence which model is chosen and why."""
    of_seed = f"{choice.label}, seed {choice.seed}"
    if choice.outcome == NOT_MEASURED:
        return f"{of_seed}: the last language model that was trained; no benchmark compares the models of this run."
    gains = ", ".join(
        f"{objective} {gain.value:+.3f}{format_ends(gain)} ({gain.verdict})" for objective, gain in choice.gains.items()
    )
    chosen = f"chosen from {choice.rivals} models" if choice.rivals > 1 else "the only model"
    return f"{of_seed}: {chosen}; {choice.outcome}, against the base model: {gains}."


def format_ends(gain: GainRecord) -> str:
    """The interval of a gain in brackets, after a space; empty without one."""
    return "" if gain.low is None or gain.high is None else f" [{gain.low:+.3f}, {gain.high:+.3f}]"


def is_clearly_better(gain: GainRecord) -> bool:
    """Whether a gain is above 0 by its interval over seeds and examples, and after Holm's correction."""
    return gain.verdict == BETTER and gain.has_star


def is_better_on_examples(gain: GainRecord) -> bool:
    """Whether the gain of a single training is above 0 by its interval, which is over examples alone."""
    return gain.seeds <= 1 and gain.p is None and gain.low is not None and gain.low > 0


def is_worse_on_examples(gain: GainRecord) -> bool:
    """Whether the gain of a single training is below 0 by its interval, which is over examples alone."""
    return gain.seeds <= 1 and gain.p is None and gain.high is not None and gain.high < 0


def _judge(gains: dict[str, GainRecord]) -> str:
    """The outcome of a model; see `Choice`."""
    every = list(gains.values())
    is_worse = any(gain.verdict == WORSE or is_worse_on_examples(gain) for gain in every)
    is_better, is_better_once = any(map(is_clearly_better, every)), any(map(is_better_on_examples, every))
    if is_worse:
        return TRADES if is_better or is_better_once else LOSES
    return GAINS if is_better else ONE_TRAINING if is_better_once else NOT_SHOWN


def _rank(model: JudgedModel, verdicts: Verdicts) -> tuple[int, int, float, float]:
    """The place of a model: smaller is better. A model that lacks an objective comes after those that have all."""
    gains = model.gains[BASE]
    units = [gain.value / (verdicts.sides[objective].effect or 1.0) for objective, gain in gains.items()]
    units = [unit if math.isfinite(unit) else -math.inf for unit in units]
    return len(verdicts.sides) - len(gains), ORDER.index(_judge(gains)), -min(units), -sum(units)


def _find_policies(manifest: Manifest) -> dict[tuple[str, str], tuple[str, str]]:
    """Finds (variant, step) of each trained policy -> the first seed that has it, and its folder; in order."""
    places: dict[tuple[str, str], tuple[str, str]] = {}
    for variant, seed, step, record in manifest.trained_steps():
        recipe = manifest.steps.get(variant, {}).get(step)
        if recipe is None or recipe.model_kind == "policy":
            known = places.get((variant, step))
            if known is None or (not known[1] and record.folder):
                places[variant, step] = (seed, record.folder)
    return places
