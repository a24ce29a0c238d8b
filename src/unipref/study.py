"""One YAML -> typed settings. Checked whole, with all files present, before any work starts."""

import copy
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BeforeValidator, Field, model_validator

from unipref import _yaml, choices, models
from unipref._overrides import apply, expanded, merge
from unipref.clean import Clean, Split
from unipref.contracts import Benchmark, Format, Settings, Strategy, Trainer
from unipref.errors import UserError, near_name
from unipref.records import Axis
from unipref.sources import Join, Part, catalog, hub_parts, parts, spill_rows, with_tables
from unipref.unify import WEIGHTED, Projection, SourcePlan, UnifySettings
from unipref.unify._recognise import ASK

BASE = "base"
"""The study's model before any training: what a step may start `from`, and its name in the scores."""
MAIN = "main"
"""The name of the study as it is written, beside its named variants."""

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$"
Name = Annotated[str, Field(pattern=NAME)]
FilePath = Annotated[str, Field(min_length=1)]
"""A name that can also be a folder's."""

NOT_VARIED = ("name", "data_root", "variants")
"""Settings that a study has once, for all its variants."""


def _one(stage: str, place: str) -> BeforeValidator:
    """Reads `name` or `{name: settings}` as a choice of the stage."""

    def read(value: Any) -> Any:
        if isinstance(value, str):
            return choices.make(stage, value, None, place)
        if isinstance(value, Mapping) and len(value) == 1:
            ((name, settings),) = value.items()
            if settings is None or isinstance(settings, Mapping):
                return choices.make(stage, str(name), dict(settings or {}), place)
        noun = choices.NOUNS[stage]
        example = f"'{choices.names(stage)[0]}' or '{{{choices.names(stage)[0]}: {{...}}}}'"
        raise UserError(f"expected the name of one {noun} or one name with its settings, as in {example}.", where=place)

    return BeforeValidator(read)


class Source(Settings):
    """One source of feedback: a known dataset, or your own with its format and mapping."""

    name: Name
    """What the source is called in the results; unique."""
    path: FilePath | Annotated[list[FilePath], Field(min_length=1)] | None = None
    """Files, globs or folders, relative to `data_root`; `book.xlsx#Sheet` for a sheet that is not the first. Left out,
    a known dataset is fetched from the hub."""
    dataset: str | None = None
    """A known dataset (`unipref list datasets`): format, mapping, objective and licence come from the catalog."""
    format: str | None = None
    """The shape of the rows (`unipref list formats`), or the dotted path of a module with your own."""
    map: dict[str, Any] = {}
    """The format's settings: where prompt, answers and labels are."""
    records: str | None = None
    """Path of the list inside each row that holds the real rows, as `data` in {"data": [...]}; `.` for an object of
    rows. The row around it is at `parent`."""
    join: list[Join] = []
    """Other tables to be looked up, before the mapping, by id or by row number."""
    axis: str | dict[str, float] | None = None
    """The axis that decides which answer is better, where there are several; or axis -> weight for a weighted mean."""
    tie_within: float = Field(default=0.0, ge=0.0)
    """Gap, in the axis' units, up to which two answers are equally good."""
    accept_polarity: bool = False
    """Go on although the source's other evidence contradicts its labels."""
    objective: str | None = None
    """What this feedback is for: instruction, bias, or any name of yours."""
    licence: str | None = None
    """Licence of the data, carried to every preference."""


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
    select: Annotated[Strategy, _one("select", "select")] = Field(default="all", validate_default=True)
    """Which preferences are trained on."""
    train: list[Annotated[Trainer, _one("train", "train")]] = []
    """Training steps, in order."""
    evaluate: list[Annotated[Benchmark, _one("evaluate", "evaluate")]] = []
    """Benchmarks that every model is measured with."""
    variants: dict[Name, dict[str, Any]] = {}
    """Named overrides of the above; each is run besides the study as written."""
    seeds: Annotated[list[int], Field(min_length=1)] = [0]
    """One run of selection and training for each."""
    engine: Literal["local", "ray"] = "local"
    """Where row work runs."""
    workers: Annotated[int, Field(ge=1)] | None = None
    """Processes of the local engine; default: the free cores."""

    def step_names(self) -> list[str]:
        """The names of the training steps, in order."""
        return [step.step or step.name() for step in self.train]

    def labelled_benchmarks(self) -> list[tuple[Benchmark, str]]:
        """The benchmarks with a name of their own each: a second use of one is numbered."""
        labelled: list[tuple[Benchmark, str]] = []
        for benchmark in self.evaluate:
            uses = sum(earlier.name() == benchmark.name() for earlier, _ in labelled)
            labelled.append((benchmark, benchmark.name() + (f"-{uses + 1}" if uses else "")))
        return labelled

    @model_validator(mode="after")
    def _sources_have_names_of_their_own(self) -> "Study":
        names = [source.name for source in self.sources]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two sources are called {', '.join(sorted(twice))}; give each a name of its own")
        return self


@dataclass(frozen=True)
class Loaded:
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
    plans: dict[str, list[SourcePlan]]


def load(
    source: str | os.PathLike[str] | Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    rows: Mapping[str, Any] | None = None,
    rows_folder: Path | None = None,
) -> Loaded:
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
    study = choices.checked(Study, raw, "")
    variants = {MAIN: study}
    for name, changes in study.variants.items():
        variants[name] = _variant(name, raw, changes, folder)
    root = _data_root(study.data_root, folder)
    for name, variant in variants.items():
        _check_steps(variant, "train" if name == MAIN else f"variants.{name}.train")
        _check_benchmarks(variant, root)
    plans = {name: [_plan(s, i, root) for i, s in enumerate(v.sources)] for name, v in variants.items()}
    for name, own in plans.items():
        plans[name] = [_in_memory(plan) if plan.how.source in (rows or {}) else plan for plan in own]
    return Loaded(raw, study, variants, root, plans)


def _variant(name: str, raw: Mapping[str, Any], changes: Mapping[str, Any], folder: Path) -> Study:
    """The study with a variant's settings laid over it."""
    where = f"variants.{name}"
    if name in (MAIN, BASE):
        raise UserError(f"'{name}' is taken by the study itself.", where="variants", mend="Call it otherwise.")
    if fixed := [key for key in NOT_VARIED if key in changes]:
        mend = "Set it once for the whole study."
        raise UserError("a variant cannot change it.", where=f"{where}.{fixed[0]}", mend=mend)
    merged = merge({key: value for key, value in raw.items() if key != "variants"}, changes)
    _resolve_model(merged, folder, f"{where}.model")
    return choices.checked(Study, merged, where)


def _raw(source: str | os.PathLike[str] | Mapping[str, Any]) -> tuple[dict[str, Any], Path]:
    if isinstance(source, Mapping):
        return merge({}, copy.deepcopy(dict(source))), Path.cwd()
    path = Path(source)
    if not path.is_file():
        near = near_name(path.name, [p.name for p in path.parent.glob("*.y*ml")]) if path.parent.is_dir() else ""
        raise UserError(
            "there is no such study file.", where=str(path), mend=near or "Write one with: unipref init FILES"
        )
    raw = _yaml.read(path)
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
        if step.reward is not None and step.reward not in rewards:
            raise UserError(
                f"no reward model '{step.reward}' before it.",
                where=f"{here}.reward",
                mend=near_name(step.reward, rewards),
            )
        if step.reward is not None and not step.needs_reward_model:
            mend = "Take 'reward' out, or use rloo."
            raise UserError(f"'{step.name()}' uses no reward model.", where=f"{here}.reward", mend=mend)
        if step.needs_reward_model and not rewards:
            raise UserError(
                f"'{step.name()}' needs a reward model, and no step before it trains one.",
                where=here,
                mend="Add '- reward: {}' before it.",
            )
        (rewards if step.makes == "reward" else policies).append(name)
    if (study.train or study.evaluate) and study.model is None:
        raise UserError("training and evaluation need a model.", where="model", mend="Give a hub name or a folder.")
    if study.model is not None:
        models.check_name(study.model)


def _check_benchmarks(study: Study, root: Path) -> None:
    for place, benchmark in enumerate(study.evaluate):
        where = f"evaluate.{place}.{benchmark.name()}"
        if benchmark.data is not None:
            path = root / _all_set(benchmark.data, f"{where}.data")
            if not path.exists():
                near = near_name(path.name, [p.name for p in path.parent.iterdir()]) if path.parent.is_dir() else ""
                raise UserError(f"there is no {path}.", where=f"{where}.data", mend=near or "Paths start at data_root.")
        part = getattr(benchmark, "split", None)
        if benchmark.data is None and part in ("dev", "test") and not getattr(study.split, part):
            mend = f"Give it a share, as in split: {{{part}: 0.1}}."
            raise UserError(f"nothing is held out as '{part}' to measure on.", where=where, mend=mend)


def _plan(source: Source, place: int, root: Path) -> SourcePlan:
    """A source with its catalog entry, format and files resolved."""
    where = f"sources.{place} ({source.name})"
    known = catalog.dataset(source.dataset, f"{where}.dataset") if source.dataset else None
    name = source.format or (known.format if known else None)
    if name is None:
        raise UserError(
            "a source needs 'dataset' or 'format'.",
            where=where,
            mend=f"Formats: {', '.join(choices.names('unify'))}. unipref inspect FILE names the format of a file.",
        )
    mapping = merge(known.map if known and name == known.format else {}, source.map)
    if open_question := _asked(mapping, f"{where}.map"):
        mend = "unipref inspect says what the data cannot tell; put the answer there."
        raise UserError(f"'{ASK}' stands for what is still to be said.", where=open_question, mend=mend)
    form = choices.make("unify", name, mapping, f"{where}.map")
    if not isinstance(form, Format):
        raise AssertionError(f"{name} is no Format")
    axes = form.axes()
    how = Projection(
        source=source.name,
        kind=form.name(),
        objective=source.objective or (known.objective if known else "instruction"),
        licence=source.licence or (known.licence if known else "unknown"),
        axis=_axis(known.axis if known and source.axis is None else source.axis, axes, where),
        axes=axes,
        weights=source.axis if isinstance(source.axis, dict) else {},
        tie_within=source.tie_within,
    )
    return SourcePlan(form=form, how=how, parts=_parts(source, known, place, root))


def _parts(source: Source, known: catalog.Dataset | None, place: int, root: Path) -> list[Part]:
    """The files of a source, with what is taken out of their rows and joined to them."""
    where = f"sources.{place} ({source.name})"
    if source.path is not None:
        paths = [source.path] if isinstance(source.path, str) else source.path
        found = parts([expanded(p) for p in paths], root, f"{where}.path")
    elif known is not None and known.hub is not None:
        found = hub_parts(known.hub, f"{where}.dataset")
    else:
        why = "" if known is None else f", and '{known.name}' is not to be had from the hub"
        mend = "Give files, globs or folders, relative to data_root."
        raise UserError(f"where the rows are is not said{why}.", where=f"sources.{place}.path", mend=mend)
    records = source.records or (known.records if known else None) or ""
    if records:
        found = [msgspec.structs.replace(part, records=records) for part in found]
    joins = [join.model_copy(update={"path": _expanded(join.path)}) for join in source.join]
    return with_tables(found, joins, root, f"{where}.join") if joins else found


def _expanded(path: str | list[str]) -> str | list[str]:
    return expanded(path) if isinstance(path, str) else [expanded(one) for one in path]


def _asked(value: Any, place: str) -> str | None:
    """The place of the first question mark that `unipref init` left in a mapping."""
    if isinstance(value, Mapping | list):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        return next((found for key, inner in items if (found := _asked(inner, f"{place}.{key}"))), None)
    return place if value == ASK else None


def _in_memory(plan: SourcePlan) -> SourcePlan:
    """Rows given from Python are from their source, not from the file they were brought in."""
    return msgspec.structs.replace(
        plan, parts=[msgspec.structs.replace(part, origin=plan.how.source) for part in plan.parts]
    )


def _axis(asked: str | dict[str, float] | None, axes: Mapping[str, Axis], where: str) -> str | None:
    """The name of the axis that decides."""
    if asked is None:
        return next(iter(axes), None)
    if isinstance(asked, dict):
        if not asked:
            mend = "Give axis -> weight, or the name of one axis, or leave 'axis' out."
            raise UserError("no axis is weighted.", where=f"{where}.axis", mend=mend)
        for name, weight in asked.items():
            known = axes.get(_axis(name, axes, where) or "")
            if known is None or known.low is None or known.high is None:
                mend = "Declare 'low' and 'high' of every axis that is weighted: they are brought to one scale."
                raise UserError(f"the axis '{name}' has no declared scale.", where=f"{where}.axis", mend=mend)
            if weight <= 0:
                mend = "To turn an axis round, declare 'better' the other way."
                raise UserError(f"the weight {weight:g} is not above 0.", where=f"{where}.axis.{name}", mend=mend)
        return WEIGHTED
    if asked not in axes:
        mend = near_name(asked, axes) or "This format scores no axes; leave 'axis' out."
        raise UserError(f"there is no axis '{asked}'.", where=f"{where}.axis", mend=mend)
    return asked
