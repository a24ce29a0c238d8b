"""Checks a study's steps, files and benchmarks before any work starts."""

import re
from collections.abc import Sequence
from pathlib import Path

from unipref.core.contracts import Judge, ModelDependency, Trainer
from unipref.core.errors import UserError, near_name
from unipref.core.records import BASE
from unipref.evaluate import check_packages, data_path, dev_path
from unipref.models import loading
from unipref.study.overrides import expand_path
from unipref.study.schema import Study
from unipref.study.source import NAME, resolve_source
from unipref.study.steps import Round, list_steps


def check_variant(study: Study, root: Path) -> None:
    """Checks the steps, models, files and benchmarks that the settings refer to.

    Args:
        study: the study as written, or one of its variants.
        root: the study's `data_root`.

    Raises:
        UserError: one of them is missing, or does not fit.
    """
    _check_steps(study, root)
    _check_files(study, root)
    _check_benchmarks(study, root)
    study.clean.check()
    # Fails here, before any work starts, if a scorer needs a model and has none.
    study.select.models(study.model)


def _check_steps(study: Study, root: Path) -> None:
    """Checks that step names are unique and each step refers to earlier ones only."""
    policies, rewards = [BASE], dict[str, Trainer]()
    for step, name, place, round_ in list_steps(study):
        here = f"train.{place}"
        if not re.fullmatch(NAME, name):
            mend = "Use letters, digits and _ . + -: unipref names a folder after the step."
            raise UserError(f"'{name}' is not a valid step name.", where=f"{here}.name", mend=mend)
        if name in policies or name in rewards:
            raise UserError(
                f"the step name '{name}' is already used.", where=here, mend="Set another name: 'name: ...'."
            )
        if step.start is not None and step.start not in policies:
            raise UserError(
                f"no earlier step trains a policy '{step.start}'.",
                where=f"{here}.from",
                mend=near_name(step.start, policies),
            )
        _check_models(step, policies, rewards, here)
        _check_round(round_, study, root, policies, list(rewards), f"{here}.rounds")
        if step.model_kind == "reward":
            rewards[name] = step
        else:
            policies.append(name)
    if (study.train or study.evaluate.benchmarks) and study.model is None:
        raise UserError("training and evaluation need a model.", where="model", mend="Give a hub name or a folder.")
    if study.model is not None:
        _check_name(study.model, "model")


def _check_models(step: Trainer, policies: list[str], rewards: dict[str, Trainer], here: str) -> None:
    """Checks that the models which a step needs besides its start exist."""
    if step.reward is not None and step.reward not in rewards:
        raise UserError(
            f"no earlier step trains a reward model '{step.reward}'.",
            where=f"{here}.reward",
            mend=near_name(step.reward, rewards),
        )
    if step.reward is not None and not step.needs_reward_model:
        mend = "Remove 'reward', or use rloo."
        raise UserError(f"'{step.name()}' does not use a reward model.", where=f"{here}.reward", mend=mend)
    for model in step.model_dependencies():
        _check_dependency(model, policies, list(rewards), here)
        if model.name in rewards:
            _check_axes(model, rewards[model.name].list_outputs(), here)
    if step.needs_reward_model and not rewards:
        raise UserError(
            f"'{step.name()}' needs a reward model, but no earlier step trains one.",
            where=here,
            mend="Add '- reward: {}' before it.",
        )


def _check_axes(model: ModelDependency, outputs: Sequence[str] | None, where: str) -> None:
    """Checks that an earlier step's reward model has the axes that a step uses, as far as its settings say which."""
    for axis in model.axes:
        if outputs is not None and axis not in outputs:
            what = f"the reward model of '{model.name}' has no axis '{axis}'."
            mend = near_name(axis, outputs) if outputs else "It has one output: leave 'axes' out, or use 'reward_axes'."
            raise UserError(what, where=f"{where}.{model.place.removesuffix('.model')}.axes", mend=mend)


def _check_round(
    round_: Round | None, study: Study, root: Path, policies: list[str], rewards: list[str], where: str
) -> None:
    """Checks that the sources, models and files exist which a round needs; all rounds of a step need the same."""
    if round_ is None or round_.number > 1:
        return
    rounds, names = round_.settings, [source.name for source in study.sources]
    for name in rounds.prompts.only:
        if name not in names:
            mend = near_name(name, names)
            raise UserError(f"the study has no source '{name}'.", where=f"{where}.prompts.only", mend=mend)
    for place, sources in (("prompts", rounds.prompts.sources), ("gold", rounds.gold.sources)):
        for number, source in enumerate(sources):
            try:
                resolve_source(source, number, root, study.limits)
            except UserError as error:
                raise UserError(error.what, where=f"{where}.{place}.{error.where}", mend=error.mend) from None
    for judge in rounds.judges:
        _check_judge(judge, root, policies, rewards, f"{where}.judges")


def _check_judge(judge: Judge, root: Path, policies: list[str], rewards: list[str], where: str) -> None:
    """Checks that the models and files exist with which a judge judges in rounds."""
    for model in judge.model_dependencies():
        if not (root / Path(model.name).expanduser()).exists():
            _check_dependency(model, policies, rewards, f"{where}.{judge.annotator()}")
    for setting, name in judge.files().items():
        if not (root / name).is_file():
            what = f"the file {root / name} does not exist."
            raise UserError(what, where=f"{where}.{judge.annotator()}.{setting}", mend="Paths start at data_root.")


def _check_dependency(model: ModelDependency, policies: list[str], rewards: list[str], where: str) -> None:
    """Checks that the model is an earlier step of that kind, a folder or a hub name."""
    step_names = rewards if model.model_kind == "reward" else policies
    if model.name in step_names:
        return
    kind = "reward model" if model.model_kind == "reward" else "policy"
    if "/" not in model.name:
        mend = near_name(model.name, step_names) if step_names else "Give an earlier step, a folder or a hub name."
        raise UserError(f"no earlier step trains a {kind} '{model.name}'.", where=f"{where}.{model.place}", mend=mend)
    _check_name(model.name, f"{where}.{model.place}")


def _check_name(name: str, where: str) -> None:
    """Checks that a model's folder exists, if the name is not one on the hub."""
    try:
        loading.check_name(name)
    except UserError as error:
        raise UserError(f"{error.what} ({name})", where=where, mend=error.mend) from None


def _check_files(study: Study, root: Path) -> None:
    """Checks that the files which training steps name exist."""
    for place, step in enumerate(study.train):
        for setting, name in step.files().items():
            here = f"train.{place}.{setting}"
            path = root / expand_path(name, here)
            if not path.is_file():
                near = near_name(path.name, [p.name for p in path.parent.iterdir()]) if path.parent.is_dir() else ""
                raise UserError(
                    f"the file {path} does not exist.", where=here, mend=near or "Paths start at data_root."
                )


def _check_benchmarks(study: Study, root: Path) -> None:
    for place, benchmark in enumerate(study.evaluate.benchmarks):
        where = f"evaluate.{place}.{benchmark.name()}"
        check_packages(benchmark)
        if benchmark.data is not None:
            expand_path(benchmark.data, f"{where}.data")
            try:
                data_path(benchmark, root, {})
            except UserError as error:
                raise UserError(error.what, where=f"{where}.data", mend=error.mend) from None
        part = benchmark.part
        if benchmark.data is None and not benchmark.downloads_data and not getattr(study.split, part):
            mend = f"Give this part a share, for example: split: {{{part}: 0.1}}."
            raise UserError(
                f"it measures the '{part}' part, but the study holds out no such part.", where=where, mend=mend
            )
    if study.evaluate.every is not None and not _has_dev_part(study, root):
        raise UserError(
            "measuring during training needs a benchmark with a dev part, and the study has none.",
            where="evaluate.every",
            mend="Add preference_accuracy and hold out dev rows (split: {dev: 0.1}), or remove 'every'.",
        )


def _has_dev_part(study: Study, root: Path) -> bool:
    """Whether some benchmark has a dev part."""
    own = {"dev": root} if study.split.dev else {}
    return any(dev_path(benchmark, root, own) is not None for benchmark in study.evaluate.benchmarks)
