"""Which models of a run can be combined: those trained on one objective each, from the same base."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from unipref.core.errors import UserError, near_name
from unipref.core.progress import ProgressListener
from unipref.core.run_folder import Manifest, RunFolder, each_seed
from unipref.core.yaml_files import read as read_yaml
from unipref.models import loading
from unipref.models.weight_merging import WeightMerger

NAMING = "Name its model with: --adapter {}=VARIANT/SEED/STEP"


@dataclass(frozen=True)
class MergeInput:
    """A model trained on one objective.

    Attributes:
        place: `VARIANT/SEED/STEP` of the run, or a folder as it is named.
        folder: its model.
        adapter: its adapter, if it has one.
        origin: the model that its run started from; None when it is of no step of the run.
    """

    place: str
    folder: Path
    adapter: Path | None
    origin: str | None


class MergeCandidates:
    """The models of a run that can be combined, by objective.

    Args:
        run: the run folder.
        adapters: objective -> `VARIANT/SEED/STEP` or a folder, for those that are named.
        seed: the run's seed whose models are taken for objectives that are not named; None: the first.
        listener: told which models were taken.

    Raises:
        UserError: the folder is no run, or a named model is not there.
    """

    def __init__(self, run: Path, adapters: Mapping[str, str], seed: int | None, listener: ProgressListener) -> None:
        self.run, self.listener = run, listener
        self.manifest = RunFolder(run).manifest
        seeds = [seed for _, seed, _ in each_seed(self.manifest.train)]
        if seed is not None and seeds and str(seed) not in seeds:
            raise UserError(f"the run has no seed {seed}.", where="--seed", mend=near_name(str(seed), seeds))
        self.seed = str(seed if seed is not None else next(iter(seeds), 0))
        self.known = {**self._trained_alone(), **{name: [place] for name, place in adapters.items()}}

    def _trained_alone(self) -> dict[str, list[str]]:
        """Objective -> the models trained on it alone: of the variants with the most preferences, the last policy."""
        places: dict[str, list[tuple[int, str]]] = {}
        for variant in self.manifest.selected:
            selected = self.manifest.selection(variant, self.seed)
            kept = selected.kept_of("objective") if selected else {}
            step = self._last_policy(variant)
            if len(kept) == 1 and step:
                ((objective, count),) = kept.items()
                places.setdefault(objective, []).append((count, f"{variant}/{self.seed}/{step}"))
        return {
            name: [place for count, place in several if count == max(several)[0]] for name, several in places.items()
        }

    def _last_policy(self, variant: str) -> str | None:
        policies = (
            step
            for step in reversed(list(self.manifest.trained(variant, self.seed)))
            if not loading.is_reward_model(str(self._step(variant, step)))
        )
        return next(policies, None)

    def _step(self, variant: str, step: str) -> Path:
        return self.run / "train" / variant / self.seed / step

    def ingredient(self, objective: str) -> MergeInput:
        """The model of an objective.

        Raises:
            UserError: there is none, or it is not clear which.
        """
        places = self.known.get(objective, [])
        if not places:
            near = near_name(objective, self.known)
            raise UserError(
                f"no model is known that was trained on '{objective}' alone.",
                where=str(self.run),
                mend=f"{near} {NAMING.format(objective)}".strip(),
            )
        if len(places) > 1:
            raise UserError(
                f"several models were trained on as many preferences of '{objective}' alone: {', '.join(places)}.",
                where=str(self.run),
                mend=NAMING.format(objective),
            )
        found = self._found(places[0])
        if loading.is_reward_model(str(found.adapter or found.folder)):
            raise UserError("this is a reward model.", where=places[0], mend="Only language models can be combined.")
        return found

    def _found(self, place: str) -> MergeInput:
        """A step of the run, or else a folder."""
        if step := self._step_at(place):
            folder = self.run / "train" / step
            changes = (read_yaml(self.run / "study.yaml").get("variants") or {}).get(step.split("/")[0]) or {}
            origin = str(changes.get("model", self.manifest.model))
            return MergeInput(step, folder, _adapter_of(folder), origin)
        folder = Path(place).expanduser()
        if not any((folder / name).is_file() for name in ("config.json", loading.ADAPTER_CONFIG)):
            steps = [p.relative_to(self.run / "train").as_posix() for p in self.run.glob("train/*/*/*") if p.is_dir()]
            raise UserError(
                "this is neither a training step of the run nor a folder with a model or an adapter.",
                where=place,
                mend=near_name(place, steps),
            )
        return MergeInput(place, folder, _adapter_of(folder), None)

    def _step_at(self, place: str) -> str | None:
        """`VARIANT/SEED/STEP`, named so or by the path of the step or of its adapter; None: it is none of the run's."""
        root, named = self.run / "train", place.strip("/")
        if len(named.split("/")) == 3 and (root / named).is_dir():
            return named
        folder = Path(place).expanduser().resolve()
        if not folder.is_dir() or not folder.is_relative_to(root.resolve()):
            return None
        parts = folder.relative_to(root.resolve()).parts
        return "/".join(parts[:3]) if len(parts) == 3 or parts[3:] == ("adapter",) else None


@dataclass
class Soup:
    """Models of several objectives that can be combined.

    Attributes:
        parts: objective -> its model.
        base: what they were trained from.
        adapters: whether their adapters are combined, or the whole models.
    """

    parts: dict[str, MergeInput]
    base: str
    adapters: bool

    @classmethod
    def of(cls, kitchen: MergeCandidates, objectives: Sequence[str]) -> "Soup":
        """The adapters where all have the same base, or else the whole models where the run trained all of them.

        Raises:
            UserError: fewer than two objectives, or their models have no common base.
        """
        if len(objectives) < 2:
            named = f"only {objectives[0]}" if objectives else "none"
            raise UserError(
                f"two objectives or more are combined, but there is {named}.",
                where=str(kitchen.run),
                mend="Train a variant on each objective alone, or name models: --adapter OBJECTIVE=VARIANT/SEED/STEP",
            )
        parts = {name: kitchen.ingredient(name) for name in objectives}
        for name, part in parts.items():
            kitchen.listener.note(f"{name}: {part.place}")
        bases = {name: _base_of(part.adapter) for name, part in parts.items()}
        if None not in bases.values() and len(set(bases.values())) == 1:
            return cls(parts, str(bases[objectives[0]]), adapters=True)
        origins = {part.origin for part in parts.values()}
        whole = all((part.folder / "config.json").is_file() for part in parts.values())
        if len(origins) == 1 and None not in origins and whole:
            why = "they have no adapters" if None in bases.values() else "their adapters have different bases"
            kitchen.listener.note(f"whole models are combined, as {why}.")
            return cls(parts, str(origins.pop()), adapters=False)
        told = [f"{name} ({part.place}) from {bases[name] or part.origin or '?'}" for name, part in parts.items()]
        raise UserError(
            f"these models were not trained from the same base: {', '.join(told)}.",
            where=str(kitchen.run),
            mend="Name steps that were, with: --adapter OBJECTIVE=VARIANT/SEED/STEP",
        )

    def folder_of(self, name: str) -> Path:
        """The folder of what is combined."""
        part = self.parts[name]
        return part.adapter if self.adapters and part.adapter else part.folder

    def trained_as(self) -> list[tuple[str, str]]:
        """Variant and seed of the models that are steps of the run; a folder from elsewhere has none."""
        steps = [part.place.split("/") for part in self.parts.values() if part.origin is not None]
        return [(variant, seed) for variant, seed, _ in steps]

    def foreign(self) -> list[str]:
        """The objectives whose models are no steps of the run."""
        return [name for name, part in self.parts.items() if part.origin is None]

    @property
    def tokenizer(self) -> str:
        """A folder whose tokenizer and template the mixture has."""
        return str(next(iter(self.parts.values())).folder)

    def pot(self) -> WeightMerger:
        """Base and changes, loaded."""
        return WeightMerger(self.base, {name: self.folder_of(name) for name in self.parts}, self.adapters)


def preferences(manifest: Manifest, part: MergeInput) -> dict[str, int]:
    """Source -> the preferences selected from it for a step of the run."""
    if part.origin is None:
        return {}
    variant, seed, _ = part.place.split("/")
    selected = manifest.selection(variant, seed)
    return selected.kept_of("source") if selected else {}


def _adapter_of(folder: Path) -> Path | None:
    if (folder / "adapter" / loading.ADAPTER_CONFIG).is_file():
        return folder / "adapter"
    return folder if loading.is_adapter(str(folder)) else None


def _base_of(adapter: Path | None) -> str | None:
    if adapter is None:
        return None
    base = loading.adapter_base(str(adapter))
    return str(Path(base).resolve()) if loading.is_folder(base) else base
