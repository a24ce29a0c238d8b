"""One YAML -> typed settings. Checked whole, with all files present, before any work starts."""

import copy
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, model_validator

from unipref.clean import Clean, Split
from unipref.core import registry, yaml_files
from unipref.core.contracts import Benchmark, ModelDependency, Settings, Strategy, Trainer
from unipref.core.errors import UserError, near_name
from unipref.core.records import BASE, MAIN
from unipref.evaluate import check_packages, data_path, dev_path, label_benchmarks
from unipref.models import loading
from unipref.sources import spill_rows
from unipref.study.grid import Grid, expand
from unipref.study.overrides import apply, expanded, merge
from unipref.study.source import NAME, Name, Source, in_memory, plan
from unipref.unify import ResolvedSource, UnifySettings

NOT_VARIED = ("name", "data_root", "variants", "grid", "report")
"""Settings that a study has once, for all its variants."""


def _one(kind: str, place: str) -> BeforeValidator:
    """Reads `name` or `{name: settings}` as a choice of that kind."""

    def read(value: Any) -> Any:
        if isinstance(value, str):
            return registry.make(kind, value, None, place)
        if isinstance(value, Mapping) and len(value) == 1:
            ((name, settings),) = value.items()
            if settings is None or isinstance(settings, Mapping):
                return registry.make(kind, str(name), dict(settings or {}), place)
        example = f"'{registry.names(kind)[0]}' or '{{{registry.names(kind)[0]}: {{...}}}}'"
        raise UserError(f"expected the name of one {kind} or one name with its settings, as in {example}.", where=place)

    return BeforeValidator(read)


class Evaluation(Settings):
    """The benchmarks, and how often they are measured while a model is trained. A list is its benchmarks alone."""

    benchmarks: list[Annotated[Benchmark, _one("benchmark", "evaluate")]] = []
    """What every model is measured with when it is trained."""
    every: Annotated[int, Field(ge=1)] | None = None
    """Optimiser steps between two measurements of the model in training, on the dev part of each benchmark that has
    one. None: it is not measured before it is trained."""
    limit: Annotated[int, Field(ge=1)] = 200
    """Most items of a benchmark that are asked then."""


class Reporting(Settings):
    """What the report shows besides what the stages leave."""

    examples: Annotated[int, Field(ge=0, le=100)] = 8
    """Held-out preferences that are shown beside their raw rows and what the models answer; 0: none."""
    models: Annotated[int, Field(ge=2)] = 5
    """Most models that answer them: the base model, and the last policy of that many variants less one."""
    new_tokens: Annotated[int, Field(ge=1)] = 64
    """Longest answer, in tokens; the model's context may end it before."""


def _as_evaluation(value: Any) -> Any:
    return {"benchmarks": value} if isinstance(value, list) else value


def _as_grid(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class Study(Settings):
    """A study file."""

    name: str = "study"
    """Title of the report."""
    model: str | None = None
    """The model to start from: a hub name or a folder. Needed to train and evaluate."""
    data_root: str = "."
    """Where relative paths start; itself relative to the study file. Environment variables may be used."""
    sources: Annotated[list[Source], Field(min_length=1)]
    """The feedback."""
    unify: UnifySettings = UnifySettings()
    """How groups of answers become preferences."""
    split: Split = Split()
    """Which prompts are held out."""
    clean: Clean = Clean()
    """What is removed."""
    select: Annotated[Strategy, _one("strategy", "select")] = Field(default="all", validate_default=True)
    """Which preferences are trained on."""
    train: list[Annotated[Trainer, _one("trainer", "train")]] = []
    """Training steps, in order."""
    evaluate: Annotated[Evaluation, BeforeValidator(_as_evaluation)] = Evaluation()
    """Benchmarks that every model is measured with."""
    variants: dict[Name, dict[str, Any]] = {}
    """Named overrides of the above; each is run besides the study as written."""
    grid: Annotated[Grid | None, BeforeValidator(_as_grid)] = None
    """`paper`: the variants of the paper's table and their baselines; `variants` are laid over those of their name."""
    seeds: Annotated[list[int], Field(min_length=1)] = [0]
    """One run of selection and training for each."""
    report: Reporting = Reporting()
    """What the report shows besides."""
    engine: Literal["local", "ray"] = "local"
    """Where row work runs."""
    workers: Annotated[int, Field(ge=1)] | None = None
    """Processes of the local engine; default: the free cores."""

    def step_names(self) -> list[str]:
        """The names of the training steps, in order."""
        return [step.step or step.name() for step in self.train]

    def labelled_benchmarks(self) -> list[tuple[Benchmark, str]]:
        """The benchmarks with a name of their own each: a second use of one is numbered."""
        return label_benchmarks(self.evaluate.benchmarks)

    @model_validator(mode="after")
    def _sources_have_names_of_their_own(self) -> "Study":
        names = [source.name for source in self.sources]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two sources are called {', '.join(sorted(twice))}; give each a name of its own")
        return self


def steps_of(study: Study) -> list[tuple[Trainer, str]]:
    """The training steps with their names, in order."""
    return list(zip(study.train, study.step_names(), strict=True))


class Origin(NamedTuple):
    """What a training step is made from, by the names of steps.

    Attributes:
        start: the policy it starts from.
        judge: the step whose reward model it asks, where it asks one.
        asked: further steps whose reward models it asks.
    """

    start: str
    judge: str | None
    asked: tuple[str, ...]


def origins(study: Study) -> dict[str, Origin]:
    """Step -> what it is made from, in order."""
    last: dict[str, str] = {"policy": BASE}
    found: dict[str, Origin] = {}
    for trainer, name in steps_of(study):
        judge = (trainer.reward or last.get("reward")) if trainer.needs_reward_model else None
        asked = tuple(one.name for one in trainer.judges() if one.name in found)
        found[name] = Origin(trainer.start or last["policy"], judge, asked)
        last[trainer.makes] = name
    return found


@dataclass(frozen=True)
class ResolvedStudy:
    """A study that has been checked: its settings, its variants and its files.

    Attributes:
        raw: the mapping that was checked, overrides applied.
        study: the study as written.
        variants: name -> study, `main` (as written) first.
        data_root: absolute.
        plans: variant name -> its sources, ready to be read.
    """

    raw: dict[str, Any]
    study: Study
    variants: dict[str, Study]
    data_root: Path
    plans: dict[str, list[ResolvedSource]]


def load(
    source: str | os.PathLike[str] | Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    rows: Mapping[str, Any] | None = None,
    rows_folder: Path | None = None,
) -> ResolvedStudy:
    """Reads and checks a study.

    Args:
        source: a study file, or its content as a mapping.
        overrides: `key=value` settings that go over it, as from `--set`.
        rows: source name -> its rows, for sources that are not files.
        rows_folder: where those rows are written, so that the run can be repeated without them.

    Raises:
        UserError: no such file, no YAML, an unknown or wrong setting, a file that is missing.
    """
    raw, folder = _raw(source)
    for override in overrides:
        apply(raw, override)
    if rows and rows_folder is not None:
        _bring_in(raw, rows, rows_folder)
    _resolve_model(raw, folder, "model")
    _resolve_selection(raw.get("select"), folder)
    study = registry.checked(Study, raw, "")
    variants = {MAIN: study}
    root = _data_root(study.data_root, folder)
    for name, changes in _arms(study, raw, root).items():
        variants[name] = _variant(name, raw, changes, folder)
    for name, variant in variants.items():
        where = "train" if name == MAIN else f"variants.{name}.train"
        _check_steps(variant, where)
        _check_files(variant, root, where)
        _check_benchmarks(variant, root)
        variant.clean.check("clean" if name == MAIN else f"variants.{name}.clean")
        # Whatever a scorer asks has to be there before any work starts.
        variant.select.models(variant.model)
    plans = {name: [plan(s, i, root) for i, s in enumerate(v.sources)] for name, v in variants.items()}
    for name, own in plans.items():
        plans[name] = [in_memory(ready) if ready.how.source in (rows or {}) else ready for ready in own]
    return ResolvedStudy(raw, study, variants, root, plans)


def _arms(study: Study, raw: Mapping[str, Any], root: Path) -> dict[str, dict[str, Any]]:
    """Variant -> its changes: those of the grid, with the study's own laid over them, then the others."""
    if study.grid is None:
        return study.variants
    ready = [plan(source, place, root).how for place, source in enumerate(study.sources)]
    arms = expand(study.grid, raw.get("select", "all"), [(how.source, how.objective) for how in ready])
    return arms | {name: merge(arms.get(name, {}), changes) for name, changes in study.variants.items()}


def _variant(name: str, raw: Mapping[str, Any], changes: Mapping[str, Any], folder: Path) -> Study:
    """The study with a variant's settings laid over it."""
    where = f"variants.{name}"
    if name in (MAIN, BASE):
        raise UserError(f"'{name}' is taken by the study itself.", where="variants", mend="Call it otherwise.")
    if fixed := [key for key in NOT_VARIED if key in changes]:
        mend = "Set it once for the whole study."
        raise UserError("a variant cannot change it.", where=f"{where}.{fixed[0]}", mend=mend)
    merged = merge({key: value for key, value in raw.items() if key not in ("variants", "grid")}, changes)
    _resolve_model(merged, folder, f"{where}.model")
    _resolve_selection(merged.get("select"), folder)
    return registry.checked(Study, merged, where)


def _raw(source: str | os.PathLike[str] | Mapping[str, Any]) -> tuple[dict[str, Any], Path]:
    if isinstance(source, Mapping):
        return merge({}, copy.deepcopy(dict(source))), Path.cwd()
    path = Path(source)
    if not path.is_file():
        near = near_name(path.name, [p.name for p in path.parent.glob("*.y*ml")]) if path.parent.is_dir() else ""
        raise UserError(
            "there is no such study file.", where=str(path), mend=near or "Write one with: unipref init FILES"
        )
    raw = yaml_files.read(path)
    if not isinstance(raw, dict):
        raise UserError("a study is a mapping of settings.", where=str(path))
    return raw, path.resolve().parent


def _bring_in(raw: dict[str, Any], rows: Mapping[str, Any], folder: Path) -> None:
    """Writes the rows given from Python to files and points their sources there."""
    given = raw.get("sources")
    by_name = {str(s.get("name")): s for s in given if isinstance(s, dict)} if isinstance(given, list) else {}
    for name, values in rows.items():
        if name not in by_name:
            raise UserError(f"there is no source '{name}' for these rows.", where="rows", mend=near_name(name, by_name))
        by_name[name]["path"] = str(spill_rows(values, folder.resolve()))


def _resolve_model(raw: dict[str, Any], folder: Path, where: str) -> None:
    """A model folder relative to the study file becomes absolute; a hub name stays."""
    if isinstance(raw.get("model"), str):
        value = _all_set(raw["model"], where)
        raw["model"] = str((folder / value).resolve()) if (folder / value).is_dir() else value


def _resolve_selection(settings: Any, folder: Path) -> None:
    """Folders of scorers' models and of embedders, relative to the study file, become absolute; names stay."""
    if isinstance(settings, dict):
        for key, value in settings.items():
            if key in ("model", "embedder") and isinstance(value, str) and (folder / expanded(value)).is_dir():
                settings[key] = str((folder / expanded(value)).resolve())
            else:
                _resolve_selection(value, folder)
    elif isinstance(settings, list):
        for item in settings:
            _resolve_selection(item, folder)


def _data_root(value: str, folder: Path) -> Path:
    root = (folder / _all_set(value, "data_root")).resolve()
    if not root.is_dir():
        raise UserError(f"there is no folder {root}.", where="data_root", mend="Set it with: --set data_root=FOLDER")
    return root


def _all_set(value: str, where: str) -> str:
    """A path with its environment variables filled in.

    Raises:
        UserError: one of them is not set.
    """
    path = expanded(value)
    if unset := re.search(r"\$\{?(\w+)", path):
        raise UserError(
            f"'{value}' names the environment variable {unset[1]}, which is not set.",
            where=where,
            mend=f"Set {unset[1]}, or give the path with: --set {where}=FOLDER",
        )
    return path


def _check_steps(study: Study, where: str) -> None:
    """Every step's name is its own, and what it refers to comes before it."""
    policies, rewards = [BASE], list[str]()
    for place, step in enumerate(study.train):
        here, name = f"{where}.{place}", step.step or step.name()
        if not re.fullmatch(NAME, name):
            mend = "Use letters, digits and any of _ . + -; it becomes a folder's name."
            raise UserError(f"'{name}' cannot name a step.", where=f"{here}.name", mend=mend)
        if name in policies or name in rewards:
            raise UserError(f"the step name '{name}' is taken.", where=here, mend="Give it another: 'name: ...'.")
        if step.start is not None and step.start not in policies:
            raise UserError(
                f"no policy '{step.start}' before it.", where=f"{here}.from", mend=near_name(step.start, policies)
            )
        _check_asked(step, policies, rewards, here)
        (rewards if step.makes == "reward" else policies).append(name)
    if (study.train or study.evaluate.benchmarks) and study.model is None:
        raise UserError("training and evaluation need a model.", where="model", mend="Give a hub name or a folder.")
    if study.model is not None:
        loading.check_name(study.model)


def _check_asked(step: Trainer, policies: list[str], rewards: list[str], here: str) -> None:
    """The models that a step asks about answers are there."""
    if step.reward is not None and step.reward not in rewards:
        raise UserError(
            f"no reward model '{step.reward}' before it.",
            where=f"{here}.reward",
            mend=near_name(step.reward, rewards),
        )
    if step.reward is not None and not step.needs_reward_model:
        mend = "Take 'reward' out, or use rloo."
        raise UserError(f"'{step.name()}' uses no reward model.", where=f"{here}.reward", mend=mend)
    for judge in step.judges():
        _check_judge(judge, policies, rewards, here)
    if step.needs_reward_model and not rewards:
        raise UserError(
            f"'{step.name()}' needs a reward model, and no step before it trains one.",
            where=here,
            mend="Add '- reward: {}' before it.",
        )


def _check_judge(judge: ModelDependency, policies: list[str], rewards: list[str], where: str) -> None:
    """A model that a step asks is an earlier step of that kind, or a folder or hub name."""
    known = rewards if judge.makes == "reward" else policies
    if judge.name in known:
        return
    kind = "reward model" if judge.makes == "reward" else "policy"
    if "/" not in judge.name:
        mend = near_name(judge.name, known) if known else "Name a step before it, a model's folder or a hub name."
        raise UserError(f"no {kind} '{judge.name}' before it.", where=f"{where}.{judge.place}", mend=mend)
    try:
        loading.check_name(judge.name)
    except UserError as error:
        raise UserError(f"{error.what} ({judge.name})", where=f"{where}.{judge.place}", mend=error.mend) from None


def _check_files(study: Study, root: Path, where: str) -> None:
    """The files that training steps name are there."""
    for place, step in enumerate(study.train):
        for setting, name in step.files().items():
            here = f"{where}.{place}.{setting}"
            path = root / _all_set(name, here)
            if not path.is_file():
                near = near_name(path.name, [p.name for p in path.parent.iterdir()]) if path.parent.is_dir() else ""
                raise UserError(f"there is no file {path}.", where=here, mend=near or "Paths start at data_root.")


def _check_benchmarks(study: Study, root: Path) -> None:
    for place, benchmark in enumerate(study.evaluate.benchmarks):
        where = f"evaluate.{place}.{benchmark.name()}"
        check_packages(benchmark)
        if benchmark.data is not None:
            _all_set(benchmark.data, f"{where}.data")
            try:
                data_path(benchmark, root, {})
            except UserError as error:
                raise UserError(error.what, where=f"{where}.data", mend=error.mend) from None
        part = getattr(benchmark, "split", None)
        if benchmark.data is None and part in ("dev", "test") and not getattr(study.split, part):
            mend = f"Give it a share, as in split: {{{part}: 0.1}}."
            raise UserError(f"nothing is held out as '{part}' to measure on.", where=where, mend=mend)
    if study.evaluate.every is not None and not _measurable(study, root):
        raise UserError(
            "no benchmark has a dev part to be measured while a model is trained.",
            where="evaluate.every",
            mend="Add preference_accuracy and hold dev rows out (split: {dev: 0.1}), or take 'every' out.",
        )


def _measurable(study: Study, root: Path) -> bool:
    """Whether some benchmark has a dev part."""
    own = {"dev": root} if study.split.dev else {}
    return any(dev_path(benchmark, root, own) is not None for benchmark in study.evaluate.benchmarks)
