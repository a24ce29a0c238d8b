"""Finds the models of a run that can be merged: trained on one objective each, from the same base."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from unipref.core.errors import UserError, near_name
from unipref.core.progress import ProgressListener
from unipref.core.run_folder import Manifest, RunFolder, each_seed
from unipref.core.yaml_files import read as read_yaml
from unipref.models import loading, opening
from unipref.models.folder_checks import ADAPTER_CONFIG
from unipref.models.weight_merging import WeightMerger

NAME_MODEL = "Name its model with: --adapter {}=VARIANT/SEED/STEP"


@dataclass(frozen=True)
class MergeInput:
    """A model trained on one objective.

    Attributes:
        place: `VARIANT/SEED/STEP` of the run, or a folder as the user named it.
        folder: folder of the model.
        adapter: folder of its adapter, if it has one.
        origin: the model that its variant started from; None if it is not a step of the run.
    """

    place: str
    folder: Path
    adapter: Path | None
    origin: str | None


class MergeCandidates:
    """The models of a run that can be merged, by objective.

    Args:
        run: the run folder.
        adapters: objective -> `VARIANT/SEED/STEP` or a folder, for the objectives that the user named.
        seed: the run's seed for the other objectives; None: the first.
        listener: receives the names of the chosen models.

    Raises:
        UserError: the folder is not a run, or the run lacks the seed.
    """

    def __init__(self, run: Path, adapters: Mapping[str, str], seed: int | None, listener: ProgressListener) -> None:
        self.run, self.listener = run, listener
        self.manifest = RunFolder(run).manifest
        seeds = [seed for _, seed, _ in each_seed(self.manifest.train)]
        if seed is not None and seeds and str(seed) not in seeds:
            raise UserError(f"the run has no seed {seed}.", where="--seed", mend=near_name(str(seed), seeds))
        self.seed = str(seed if seed is not None else next(iter(seeds), 0))
        self.places = {**self._find_trained_alone(), **{name: [place] for name, place in adapters.items()}}

    def _find_trained_alone(self) -> dict[str, list[str]]:
        """Returns objective -> the last policies of the variants with the most preferences of that objective alone."""
        places: dict[str, list[tuple[int, str]]] = {}
        for variant in self.manifest.selected:
            selected = self.manifest.selection(variant, self.seed)
            kept = Counter(selected.kept_of("objective") if selected else {})
            for one in self.manifest.rounds.get(variant, {}).get(self.seed, {}).values():
                kept[one.objective] += one.kept
            step = self._find_last_policy(variant)
            if len(kept) == 1 and step:
                ((objective, count),) = kept.items()
                places.setdefault(objective, []).append((count, f"{variant}/{self.seed}/{step}"))
        return {
            name: [place for count, place in several if count == max(several)[0]] for name, several in places.items()
        }

    def _find_last_policy(self, variant: str) -> str | None:
        policies = (
            step
            for step in reversed(list(self.manifest.trained(variant, self.seed)))
            if not loading.is_reward_model(str(self._step_folder(variant, step)))
        )
        return next(policies, None)

    def _step_folder(self, variant: str, step: str) -> Path:
        return self.run / "train" / variant / self.seed / step

    def find_input(self, objective: str) -> MergeInput:
        """Finds the model of an objective.

        Raises:
            UserError: the run has no such model, or several.
        """
        places = self.places.get(objective, [])
        if not places:
            near = near_name(objective, self.places)
            raise UserError(
                f"the run has no model trained on '{objective}' alone.",
                where=str(self.run),
                mend=f"{near} {NAME_MODEL.format(objective)}".strip(),
            )
        if len(places) > 1:
            raise UserError(
                f"several models are trained on equally many preferences of '{objective}' alone: {', '.join(places)}.",
                where=str(self.run),
                mend=NAME_MODEL.format(objective),
            )
        merge_input = self._resolve_place(places[0])
        if loading.is_reward_model(str(merge_input.adapter or merge_input.folder)):
            raise UserError("this is a reward model.", where=places[0], mend="Only language models can be merged.")
        return merge_input

    def _resolve_place(self, place: str) -> MergeInput:
        """Resolves a step of the run, or else a folder."""
        if step := self._find_step(place):
            folder = self.run / "train" / step
            changes = (read_yaml(self.run / "study.yaml").get("variants") or {}).get(step.split("/")[0]) or {}
            origin = str(changes.get("model", self.manifest.model))
            return MergeInput(step, folder, find_adapter(folder), origin)
        folder = Path(place).expanduser()
        if not any((folder / name).is_file() for name in ("config.json", ADAPTER_CONFIG)):
            steps = [p.relative_to(self.run / "train").as_posix() for p in self.run.glob("train/*/*/*") if p.is_dir()]
            raise UserError(
                "this is neither a training step of the run nor a folder with a model or an adapter.",
                where=place,
                mend=near_name(place, steps),
            )
        return MergeInput(place, folder, find_adapter(folder), None)

    def _find_step(self, place: str) -> str | None:
        """Finds `VARIANT/SEED/STEP` by its name or by the path of the step or adapter; None: not a step of the run."""
        root, name = self.run / "train", place.strip("/")
        if len(name.split("/")) == 3 and (root / name).is_dir():
            return name
        folder = Path(place).expanduser().resolve()
        if not folder.is_dir() or not folder.is_relative_to(root.resolve()):
            return None
        parts = folder.relative_to(root.resolve()).parts
        return "/".join(parts[:3]) if len(parts) == 3 or parts[3:] == ("adapter",) else None


@dataclass
class MergeSet:
    """Models of several objectives that can be merged.

    Attributes:
        parts: objective -> its model.
        base: the model they were trained from.
        adapters: whether to merge their adapters, or the whole models.
    """

    parts: dict[str, MergeInput]
    base: str
    adapters: bool

    @classmethod
    def choose(cls, candidates: MergeCandidates, objectives: Sequence[str]) -> "MergeSet":
        """Chooses the adapters if all have the same base, or else the whole models if all are steps of the run.

        Raises:
            UserError: fewer than two objectives, or models without a common base.
        """
        if len(objectives) < 2:
            count = f"only {objectives[0]}" if objectives else "none"
            raise UserError(
                f"merging needs two objectives or more, found {count}.",
                where=str(candidates.run),
                mend="Train a variant on each objective alone, or name models: --adapter OBJECTIVE=VARIANT/SEED/STEP",
            )
        parts = {name: candidates.find_input(name) for name in objectives}
        for name, part in parts.items():
            candidates.listener.note(f"{name}: {part.place}")
        merge_set, why = cls.of_parts(parts, candidates.run)
        if why:
            candidates.listener.note(f"unipref merges the whole models, because {why}.")
        return merge_set

    @classmethod
    def of_parts(cls, parts: dict[str, MergeInput], run: Path) -> "tuple[MergeSet, str]":
        """Makes the set of some models, and says why it does not merge their adapters; empty if it does.

        Args:
            parts: name -> its model; two or more.
            run: the run, for errors.

        Raises:
            UserError: they have no common base.
        """
        bases = {name: _find_base(part.adapter) for name, part in parts.items()}
        if None not in bases.values() and len(set(bases.values())) == 1:
            return cls(parts, str(next(iter(bases.values()))), adapters=True), ""
        origins = {part.origin for part in parts.values()}
        whole = all((part.folder / "config.json").is_file() for part in parts.values())
        if len(origins) == 1 and None not in origins and whole:
            why = "they have no adapters" if None in bases.values() else "their adapters have different bases"
            return cls(parts, str(origins.pop()), adapters=False), why
        starts = [f"{name} ({part.place}) from {bases[name] or part.origin or '?'}" for name, part in parts.items()]
        raise UserError(
            f"these models were not trained from the same base: {', '.join(starts)}.",
            where=str(run),
            mend="Name steps with the same base: --adapter OBJECTIVE=VARIANT/SEED/STEP",
        )

    def folder_of(self, name: str) -> Path:
        """The folder to merge: the adapter's, or the whole model's."""
        part = self.parts[name]
        return part.adapter if self.adapters and part.adapter else part.folder

    def list_variants_and_seeds(self) -> list[tuple[str, str]]:
        """Lists variant and seed of the models that are steps of the run."""
        steps = [part.place.split("/") for part in self.parts.values() if part.origin is not None]
        return [(variant, seed) for variant, seed, _ in steps]

    def list_foreign(self) -> list[str]:
        """Lists the objectives whose models are not steps of the run."""
        return [name for name, part in self.parts.items() if part.origin is None]

    @property
    def tokenizer(self) -> str:
        """Folder with the tokenizer and chat template for the mixture."""
        return str(next(iter(self.parts.values())).folder)

    def load_merger(self, precision: str | None = None) -> WeightMerger:
        """Loads the base and the changes, in a precision or as they are saved."""
        return WeightMerger(self.base, {name: self.folder_of(name) for name in self.parts}, self.adapters, precision)


def count_preferences(manifest: Manifest, part: MergeInput) -> dict[str, int]:
    """Counts the preferences by source that a step of the run was trained on; empty for a folder from elsewhere."""
    if part.origin is None:
        return {}
    variant, seed, _ = part.place.split("/")
    selected = manifest.selection(variant, seed)
    return selected.kept_of("source") if selected else {}


def find_adapter(folder: Path) -> Path | None:
    """Finds the adapter of a step's folder, or of a folder that is one; None if it has none."""
    if (folder / "adapter" / ADAPTER_CONFIG).is_file():
        return folder / "adapter"
    return folder if opening.is_adapter(str(folder)) else None


def _find_base(adapter: Path | None) -> str | None:
    if adapter is None:
        return None
    base = opening.adapter_base(str(adapter))
    return str(Path(base).resolve()) if loading.is_folder(base) else base
