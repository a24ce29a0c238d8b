"""Chooses the model of a run that a person would take, by the run's verdicts; `docs/verdicts.md` states the rule."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from unipref.analysis.shown_gains import ShownGain, read_shown_gains
from unipref.core.errors import UserError
from unipref.core.records import BASE
from unipref.core.run_folder import GainRecord, JudgedModel, Manifest, RunFolder, Verdicts

GAINS, ONE_TRAINING, NOT_SHOWN, TRADES, LOSES, COLLAPSED, NOT_MEASURED = (
    "gains",
    "one training gains",
    "no gain shown",
    "gains and loses",
    "loses",
    "training collapsed",
    "not measured",
)
"""How a chosen model stands against the base model; see `Choice.outcome`."""


@dataclass(frozen=True)
class Trade:
    """A model that is better than the base model on one objective and worse on another."""

    label: str
    shown: dict[str, ShownGain]

    def describe(self) -> str:
        """Says on which objectives it is better and worse."""
        return (
            f"{self.label} is {_describe_better(self.shown)} and worse on {join_losses(self.shown)} than the base model"
        )


@dataclass(frozen=True)
class Choice:
    """The model to take.

    Attributes:
        variant, step, seed: the model; of several seeds, the first whose training did not collapse.
        folder: of the model, relative to the run; empty if no record of the training names it.
        outcome: GAINS: clearly better than the base model on an objective and worse on none. ONE_TRAINING: the same by
            the examples of a single training. NOT_SHOWN: neither. TRADES: better on one objective and worse on another.
            LOSES: worse on an objective and better on none. COLLAPSED: its training collapsed with every seed.
            NOT_MEASURED: no benchmark compares it.
        gains: objective -> its gain over the base model.
        judged: the model's figures; None if it was not measured.
        rivals: number of trained models it was chosen from.
        shown: objective -> what its gain shows.
        missing: objectives of the run on which it was not compared with the base model.
        trades: other models that gain and lose, the best first.
        collapsed_seeds: seeds with which its training, or that of a step it starts from, collapsed.
        left_out: other models whose training collapsed with every seed.
    """

    variant: str
    step: str
    seed: str
    folder: str
    outcome: str
    gains: dict[str, GainRecord] = field(default_factory=dict)
    judged: JudgedModel | None = None
    rivals: int = 1
    shown: dict[str, ShownGain] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    trades: tuple[Trade, ...] = ()
    collapsed_seeds: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Variant and step."""
        return _label(self.variant, self.step)

    @property
    def should_keep_base(self) -> bool:
        """Whether nothing speaks for the model."""
        return self.outcome == LOSES

    @property
    def unless_collapsed(self) -> str:
        """What limits a sentence on the other models, after a space; empty if no model was left out."""
        return " whose training did not collapse" if self.left_out else ""


@dataclass(frozen=True)
class _Training:
    """The trainings of a policy: the seed to take, its folder, and the seeds whose training collapsed."""

    seed: str
    folder: str
    collapsed: tuple[str, ...]
    has_collapsed: bool


@dataclass(frozen=True)
class _Candidate:
    """A trained policy that was measured."""

    model: JudgedModel
    training: _Training
    shown: dict[str, ShownGain]

    @property
    def label(self) -> str:
        return _label(self.model.variant, self.model.step)

    @property
    def outcome(self) -> str:
        """See `Choice`."""
        if self.training.has_collapsed:
            return COLLAPSED
        gains = [one for one in self.shown.values() if one.is_gain]
        if any(one.is_loss for one in self.shown.values()):
            return TRADES if gains else LOSES
        return NOT_SHOWN if not gains else ONE_TRAINING if all(one.is_once for one in gains) else GAINS


ORDER = (GAINS, ONE_TRAINING, NOT_SHOWN, TRADES, LOSES, COLLAPSED)
"""Outcomes, the best first."""


def choose_model(manifest: Manifest, verdicts: Verdicts | None) -> Choice | None:
    """Chooses a trained policy.

    The models with the best outcome come first, then those that lack the fewest objectives. Among them, the one whose
    smallest gain over the base model is largest is chosen, in units of the smallest effect of interest; then the one
    with the largest sum. Without verdicts, the last policy of the first variant is chosen.

    Returns:
        The choice; None if no policy was trained.
    """
    trained = _find_policies(manifest)
    if not trained:
        return None
    candidates = [] if verdicts is None else _list_candidates(trained, verdicts)
    if verdicts is None or not candidates:
        return _choose_last(trained)
    ranked = sorted(candidates, key=lambda one: _rank(one, verdicts))
    best = ranked[0]
    others = ranked[1:]
    return Choice(
        best.model.variant,
        best.model.step,
        best.training.seed,
        best.training.folder,
        best.outcome,
        {objective: best.model.gains[BASE][objective] for objective in best.shown},
        best.model,
        len(candidates),
        shown=best.shown,
        missing=tuple(objective for objective in verdicts.sides if objective not in best.shown),
        trades=tuple(Trade(one.label, one.shown) for one in others if one.outcome == TRADES),
        collapsed_seeds=best.training.collapsed,
        left_out=tuple(one.label for one in others if one.outcome == COLLAPSED),
    )


def _choose_last(trained: Mapping[tuple[str, str], _Training]) -> Choice:
    """Chooses the last policy of the first variant, of those whose training did not collapse if there are any."""
    usable = [name for name, training in trained.items() if not training.has_collapsed] or list(trained)
    variant, step = [name for name in usable if name[0] == usable[0][0]][-1]
    one = trained[variant, step]
    left_out = [_label(*name) for name in trained if name not in usable]
    return Choice(
        variant,
        step,
        one.seed,
        one.folder,
        NOT_MEASURED,
        rivals=len(trained),
        collapsed_seeds=one.collapsed,
        left_out=tuple(left_out),
    )


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
    """Says which model is chosen and why, with what limits the evidence."""
    of_seed = f"{choice.label}, seed {choice.seed}"
    limits = "".join(f" {sentence}" for sentence in describe_limits(choice))
    if choice.outcome == NOT_MEASURED:
        last = f"the last language model{choice.unless_collapsed or ' that was trained'}"
        return f"{of_seed}: {last}; no benchmark compares the models of this run.{limits}"
    gains = ", ".join(
        f"{objective} {gain.value:+.3f}{format_ends(gain)} ({choice.shown[objective].describe()})"
        for objective, gain in choice.gains.items()
    )
    chosen = f"chosen from {choice.rivals} models" if choice.rivals > 1 else "the only model"
    keep = " Nothing speaks for it: keep the base model." if choice.should_keep_base else ""
    trades = f" {describe_trades(choice)}" if choice.trades and choice.outcome == NOT_SHOWN else ""
    return f"{of_seed}: {chosen}; {choice.outcome}, against the base model: {gains}.{keep}{trades}{limits}"


def describe_trades(choice: Choice) -> str:
    """Says which model gains with a loss, where none gains without one: the choice itself, or else the best other."""
    own = [Trade(choice.label, choice.shown)] if choice.outcome == TRADES else []
    first, *rest = [*own, *choice.trades]
    more = f" Other models that gain and lose: {', '.join(one.label for one in rest)}." if rest else ""
    return f"No model{choice.unless_collapsed} gains without a loss: {first.describe()}.{more}"


def describe_limits(choice: Choice) -> list[str]:
    """Lists sentences on what the evidence lacks: seeds, sides, and trainings that collapsed."""
    sentences = []
    once = [name for name, one in choice.shown.items() if one.is_once]
    if once:
        where = "" if len(once) == len(choice.shown) else f" on {join(once)}"
        sentences.append(
            f"{choice.label} was measured with one seed{where}: one training shows nothing about another training."
        )
    if choice.missing:
        where = join(choice.missing)
        sentences.append(f"{choice.label} was not compared with the base model on {where}, so it may be worse there.")
    if choice.collapsed_seeds and choice.outcome != COLLAPSED:
        seeds = f"seed{'s' if len(choice.collapsed_seeds) > 1 else ''} {join(choice.collapsed_seeds)}"
        sentences.append(f"The training of {choice.label} with {seeds} collapsed.")
    if choice.left_out:
        sentences.append(f"Not recommended, because the training collapsed: {', '.join(choice.left_out)}.")
    return sentences


def _describe_better(shown: Mapping[str, ShownGain]) -> str:
    """Says on which objectives a model is better, and that it is clearly so where its interval is over seeds."""
    clearly = [name for name, one in shown.items() if one.is_gain and not one.is_once]
    once = [name for name, one in shown.items() if one.is_gain and one.is_once]
    parts = [f"clearly better on {join(clearly)}"] if clearly else []
    return " and ".join(parts + ([f"better on {join(once)} by the examples of one training"] if once else []))


def join_losses(shown: Mapping[str, ShownGain]) -> str:
    """Joins the objectives on which a model is worse, and says what limits the evidence."""
    names = []
    for name, one in shown.items():
        limits = [] if one.is_sure else ["by its own interval, not after Holm's correction"]
        limits += ["on the examples of one training"] if one.is_once else []
        if one.is_loss:
            names.append(f"{name} ({', '.join(limits)})" if limits else name)
    return join(names)


def join(names: Iterable[str]) -> str:
    """Joins names by 'and'."""
    return " and ".join(names)


def format_ends(gain: GainRecord) -> str:
    """The interval of a gain in brackets, after a space; empty without one."""
    return "" if gain.low is None or gain.high is None else f" [{gain.low:+.3f}, {gain.high:+.3f}]"


def _label(variant: str, step: str) -> str:
    return f"{variant} · {step}"


def _list_candidates(trained: Mapping[tuple[str, str], _Training], verdicts: Verdicts) -> list[_Candidate]:
    """Lists the trained policies with a gain over the base model."""
    return [
        _Candidate(model, trained[model.variant, model.step], shown)
        for model, shown in zip(verdicts.models, read_shown_gains(verdicts), strict=True)
        if shown and (model.variant, model.step) in trained
    ]


def _rank(one: _Candidate, verdicts: Verdicts) -> tuple[int, int, float, float]:
    """The place of a model: smaller is better. A better score of a model that guesses counts as 0."""
    gains = one.model.gains[BASE]
    units = [
        (min(gains[name].value, 0.0) if shown.is_guess else gains[name].value) / (verdicts.sides[name].effect or 1.0)
        for name, shown in one.shown.items()
    ]
    return ORDER.index(one.outcome), len(verdicts.sides) - len(units), -min(units), -sum(units)


def _find_policies(manifest: Manifest) -> dict[tuple[str, str], _Training]:
    """Finds (variant, step) of each trained policy -> its trainings; in order."""
    places: dict[tuple[str, str], list[tuple[str, str, bool]]] = {}
    for variant, seed, step, record in manifest.trained_steps():
        recipe = manifest.steps.get(variant, {}).get(step)
        if recipe is None or recipe.model_kind == "policy":
            has_collapsed = _has_collapsed(manifest, variant, seed, step)
            places.setdefault((variant, step), []).append((seed, record.folder, has_collapsed))
    policies = {}
    for name, trainings in places.items():
        seed, folder, has_collapsed = min(trainings, key=lambda one: (one[2], not one[1]))
        policies[name] = _Training(seed, folder, tuple(one[0] for one in trainings if one[2]), has_collapsed)
    return policies


def _has_collapsed(manifest: Manifest, variant: str, seed: str, step: str) -> bool:
    """Whether the training of a step, or of one that it starts from, collapsed."""
    trained, recipes = manifest.trained(variant, seed), manifest.steps.get(variant, {})
    passed: set[str] = set()
    while step in trained and step not in passed:
        if trained[step].collapse:
            return True
        passed.add(step)
        step = recipes[step].start if step in recipes else ""
    return False
