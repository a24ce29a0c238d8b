"""Reads a study file with its overrides, and checks it and all its files before any work starts."""

import contextlib
import copy
import errno
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unipref.core import registry, user_code, yaml_files
from unipref.core.display import shorten
from unipref.core.errors import ResourceError, UserError, near_name
from unipref.core.hub import is_model_name, parse_model
from unipref.core.leaves import iterate_leaves
from unipref.core.records import BASE, MAIN
from unipref.models import gguf
from unipref.sources import spill_rows
from unipref.study.check import check_variant
from unipref.study.grid import expand
from unipref.study.overrides import apply, expand_path, expand_variables, merge
from unipref.study.schema import Study
from unipref.study.source import mark_in_memory, resolve_source
from unipref.study.steps import list_steps
from unipref.unify import ResolvedSource

NOT_VARIED = ("name", "data_root", "variants", "grid", "report", "verdicts")
"""Settings that variants cannot change."""
MAX_NAME = 100
"""Most characters of a path that a message shows; the operating system accepts at least as many."""


@dataclass(frozen=True)
class ResolvedStudy:
    """A checked study: its settings, its variants and its files.

    Attributes:
        raw: the settings as a mapping, overrides applied.
        study: the study as written.
        variants: name -> study, `main` (as written) first.
        data_root: absolute.
        sources: variant name -> its sources, ready to read.
        text: the study file, with the user's comments; None if the study does not come from a file.
    """

    raw: dict[str, Any]
    study: Study
    variants: dict[str, Study]
    data_root: Path
    sources: dict[str, list[ResolvedSource]]
    text: str | None = None


def load(
    source: str | os.PathLike[str] | Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    rows: Mapping[str, Any] | None = None,
    rows_folder: Path | None = None,
    folder: Path | None = None,
) -> ResolvedStudy:
    """Reads and checks a study.

    Args:
        source: a study file, or its content as a mapping. The study's own code comes from the folder of the file;
            that of a mapping comes from the working folder.
        overrides: `key=value` settings that replace those of the study, as from `--set`.
        rows: source name -> its rows, for sources in memory.
        rows_folder: unipref writes these rows there, so that the run can be repeated without them.
        folder: the folder in which paths start and of the study's own code; None: see `source`.

    Raises:
        UserError: the study file is missing or is not YAML, a setting is unknown or invalid, or a file is missing.
    """
    raw, own_folder, text = read_settings(source)
    folder = folder or own_folder
    user_code.use_folder(folder)
    for override in overrides:
        apply(raw, override)
    with name_long_paths(raw):
        return _resolve(raw, folder, text, rows, rows_folder)


@contextlib.contextmanager
def name_long_paths(raw: Mapping[str, Any]) -> Iterator[None]:
    """Raises a `UserError` that names the setting if the operating system refuses a path as too long."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        path = str(error.filename)
        texts = ((place, leaf) for place, leaf in iterate_leaves(raw) if isinstance(leaf, str) and len(leaf) > MAX_NAME)
        place = next((place for place, text in texts if max(text.split("/"), key=len) in path), None)
        raise UserError(f"the path is too long: '{shorten(path, MAX_NAME)}'.", where=place) from None


def _resolve(
    raw: dict[str, Any], folder: Path, text: str | None, rows: Mapping[str, Any] | None, rows_folder: Path | None
) -> ResolvedStudy:
    """Checks the settings and resolves what they name; the arguments are those of `load`, read."""
    if rows and rows_folder is not None:
        _write_rows(raw, rows, rows_folder)
    resolve_model(raw, folder, "model")
    _resolve_named_models(raw, folder)
    study = registry.validate_settings(Study, raw, "")
    variants = {MAIN: study}
    root = resolve_data_root(study.data_root, folder)
    for name, changes in _collect_changes(study, raw, root).items():
        variants[name] = _make_variant(name, raw, changes, folder)
    for name, variant in variants.items():
        with _name_variant(name):
            check_variant(variant, root)
    _check_tuned(study.verdicts.tuned, variants.values())
    _check_headlines(study)
    _check_measured(variants)
    sources = {}
    for name, variant in variants.items():
        with _name_variant(name):
            sources[name] = _resolve_sources(variant, root, rows or {})
    return ResolvedStudy(raw, study, variants, root, sources, text)


def _check_tuned(names: Collection[str], variants: Iterable[Study]) -> None:
    """Checks that each name is a setting of a training step."""
    known = {key for variant in variants for trainer in variant.train for key in trainer.model_dump(mode="json")}
    for name in names:
        if name not in known:
            what = f"no training step has the setting '{name}'."
            raise UserError(what, where="verdicts.tuned", mend=near_name(name, known))


def _check_headlines(study: Study) -> None:
    """Checks that each benchmark whose metric is chosen is one of the study as written, which the verdicts read."""
    judged = study.headline_metrics()
    for label in study.verdicts.headline:
        if label not in judged:
            what = f"the study has no benchmark '{label}' with a headline metric."
            raise UserError(what, where="verdicts.headline", mend=near_name(label, judged) or "Add it to 'evaluate'.")


def _check_measured(variants: Mapping[str, Study]) -> None:
    """Checks that the steps to measure exist, and that the last policy of each variant is one of them."""
    steps = {name: list_steps(variant) for name, variant in variants.items()}
    known = {step.name for own in steps.values() for step in own}
    for name, variant in variants.items():
        where = "evaluate.steps" if name == MAIN else f"variants.{name}.evaluate.steps"
        measured = variant.evaluate.steps
        for step in measured:
            if step not in known:
                what = f"the study has no training step '{step}'."
                is_base = step == BASE
                mend = "The base model is always measured; leave it out." if is_base else near_name(step, known)
                raise UserError(what, where=where, mend=mend)
        policies = [step.name for step in steps[name] if step.trainer.model_kind == "policy"]
        if measured and policies and policies[-1] not in measured:
            what = f"'{policies[-1]}', the last policy of the variant '{name}', is left out."
            mend = f"Add it, or give the variant steps of its own: {{evaluate: {{steps: [{policies[-1]}], ...}}}}. The "
            mend += "verdicts compare the last policies."
            raise UserError(what, where=where, mend=mend)


def _resolve_sources(study: Study, root: Path, rows: Collection[str]) -> list[ResolvedSource]:
    """The sources, ready to read; `rows` names those whose rows come from Python."""
    resolved = [resolve_source(source, place, root, study.limits) for place, source in enumerate(study.sources)]
    return [mark_in_memory(source) if source.projection.source in rows else source for source in resolved]


def _collect_changes(study: Study, raw: Mapping[str, Any], root: Path) -> dict[str, dict[str, Any]]:
    """Variant -> its changes: those of the grid, overridden by the study's own, then the other variants."""
    if study.grid is None:
        return study.variants
    sources = [
        resolve_source(source, place, root, study.limits).projection for place, source in enumerate(study.sources)
    ]
    changes = expand(study.grid, raw.get("select", "all"), [(source.source, source.objective) for source in sources])
    return changes | {name: merge(changes.get(name, {}), own) for name, own in study.variants.items()}


def _make_variant(name: str, raw: Mapping[str, Any], changes: Mapping[str, Any], folder: Path) -> Study:
    """The study with a variant's settings in place of its own."""
    where = f"variants.{name}"
    if name in (MAIN, BASE):
        raise UserError(f"the name '{name}' is reserved.", where="variants", mend="Use another name.")
    if fixed := [key for key in NOT_VARIED if key in changes]:
        mend = "Set it once, for the whole study."
        raise UserError("variants cannot change this setting.", where=f"{where}.{fixed[0]}", mend=mend)
    merged = merge({key: value for key, value in raw.items() if key not in ("variants", "grid")}, changes)
    if isinstance(changes.get("revision"), str) and "model" not in changes:
        # The study's own revision is a part of its model's name by now; the variant's takes its place.
        model = raw.get("model")
        if isinstance(model, str) and is_model_name(model):
            merged["model"] = parse_model(model, "model").repo
    resolve_model(merged, folder, f"{where}.model")
    _resolve_named_models(merged, folder)
    with _name_variant(name):
        return registry.validate_settings(Study, merged, where)


@contextlib.contextmanager
def _name_variant(name: str) -> Iterator[None]:
    """Names the variant in errors of its settings; checks and choices know only their own place."""
    where = f"variants.{name}"
    try:
        yield
    except ResourceError:
        raise
    except UserError as error:
        if name == MAIN or where in f"{error.where or error.what}":
            raise
        if error.where is None and all(re.match(r"[\w.+-]+: ", line) for line in error.what.splitlines()):
            lines = [f"{where}.{line}" for line in error.what.splitlines()]
            raise UserError("\n".join(lines), mend=error.mend) from None
        if error.where is None:
            raise UserError(error.what, where=where, mend=error.mend) from None
        # Some errors name a file, a folder or an address in place of a setting.
        is_setting = re.split(r"\W", error.where, maxsplit=1)[0] in Study.model_fields
        place = f"{where}.{error.where}" if is_setting else f"{where}, {error.where}"
        mend = error.mend and error.mend.replace(f"--set {error.where}=", f"--set {place}=")
        raise UserError(error.what, where=place, mend=mend) from None


def read_settings(source: str | os.PathLike[str] | Mapping[str, Any]) -> tuple[dict[str, Any], Path, str | None]:
    """Reads the settings of a study file, or copies those of a mapping.

    Returns:
        The settings, the folder in which their paths start, and the text of the file.

    Raises:
        UserError: the file is missing, is not YAML or holds no mapping.
    """
    if isinstance(source, Mapping):
        return merge({}, copy.deepcopy(dict(source))), Path.cwd(), None
    path = Path(source)
    if not path.is_file():
        near = near_name(path.name, [p.name for p in path.parent.glob("*.y*ml")]) if path.parent.is_dir() else ""
        raise UserError(
            "the study file does not exist.", where=str(path), mend=near or "Write one with: unipref init FILES"
        )
    text = yaml_files.read_text(path)
    raw = yaml_files.parse(text, str(path))
    if not isinstance(raw, dict):
        raise UserError("a study must be a mapping of settings.", where=str(path))
    return raw, path.resolve().parent, text


def _write_rows(raw: dict[str, Any], rows: Mapping[str, Any], folder: Path) -> None:
    """Writes rows from Python to files, and sets the paths of their sources."""
    sources = raw.get("sources")
    by_name = {str(s.get("name")): s for s in sources if isinstance(s, dict)} if isinstance(sources, list) else {}
    for name, values in rows.items():
        if name not in by_name:
            raise UserError(
                f"the study has no source '{name}' for these rows.", where="rows", mend=near_name(name, by_name)
            )
        by_name[name]["path"] = str(spill_rows(values, folder.resolve()))


def resolve_model(raw: dict[str, Any], folder: Path, where: str) -> None:
    """Makes a model folder or GGUF file relative to the study file absolute; a hub name gets its `revision`.

    Raises:
        UserError: there is a revision, but no model on the hub.
    """
    revision = raw.get("revision")
    if isinstance(raw.get("model"), str):
        value = expand_path(raw["model"], where)
        path = folder / value
        is_here = path.is_dir() or (path.suffix.lower() == gguf.SUFFIX and path.is_file())
        raw["model"] = str(path.resolve()) if is_here else value
    if isinstance(revision, str):
        if not isinstance(raw.get("model"), str) or not is_model_name(raw["model"]):
            mend = "Remove it, or give the model as OWNER/NAME."
            raise UserError("a revision is for a model on the hub.", where=f"{where[:-5]}revision", mend=mend)
        address = parse_model(raw["model"], where, revision)
        raw["model"] = f"{address.repo}@{address.revision}"
        del raw["revision"]


def _resolve_named_models(raw: Mapping[str, Any], folder: Path) -> None:
    """Makes folders of models that selections and cleaning name absolute, also in rounds."""
    steps = raw.get("train")
    settings = (
        [one for step in steps if isinstance(step, dict) for one in step.values()] if isinstance(steps, list) else []
    )
    rounds = [one["rounds"] for one in settings if isinstance(one, dict) and isinstance(one.get("rounds"), dict)]
    for value in (raw.get("select"), raw.get("clean"), *(one.get("select") for one in rounds)):
        _resolve_models_in(value, folder)


def _resolve_models_in(settings: Any, folder: Path) -> None:
    """Makes folders of scorers' models and embedders relative to the study file absolute; names stay."""
    if isinstance(settings, dict):
        for key, value in settings.items():
            if key in ("model", "embedder") and isinstance(value, str) and (folder / expand_variables(value)).is_dir():
                settings[key] = str((folder / expand_variables(value)).resolve())
            else:
                _resolve_models_in(value, folder)
    elif isinstance(settings, list):
        for item in settings:
            _resolve_models_in(item, folder)


def resolve_data_root(value: str, folder: Path) -> Path:
    """Returns the folder in which relative paths start, absolute.

    Raises:
        UserError: it does not exist.
    """
    root = (folder / expand_path(value, "data_root")).resolve()
    if not root.is_dir():
        raise UserError(
            f"the folder {root} does not exist.", where="data_root", mend="Set it with: --set data_root=FOLDER"
        )
    return root
