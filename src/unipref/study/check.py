"""What a study is checked for before any work starts: its steps, its files and its benchmarks."""

import re
from pathlib import Path

from unipref.core.contracts import ModelDependency, Trainer
from unipref.core.errors import UserError, near_name
from unipref.core.records import BASE
from unipref.evaluate import check_packages, data_path, dev_path
from unipref.models import loading
from unipref.study.overrides import expand_path
from unipref.study.schema import Study
from unipref.study.source import NAME


def check_variant(study: Study, where: str, root: Path) -> None:
    """Checks what the settings refer to: steps, models, files and benchmarks.

    Args:
        study: the study as written, or one of its variants.
        where: the beginning of a setting's place in errors: '' or 'variants.NAME.'.
        root: the study's `data_root`.

    Raises:
        UserError: something is missing or does not fit.
    """
    _check_steps(study, f"{where}train")
    _check_files(study, root, f"{where}train")
    _check_benchmarks(study, root)
    study.clean.check(f"{where}clean")
    # The models that scorers need must be known before any work starts.
    study.select.models(study.model)


def _check_steps(study: Study, where: str) -> None:
    """Step names are unique, and each step refers to earlier ones only."""
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
        _check_models(step, policies, rewards, here)
        (rewards if step.model_kind == "reward" else policies).append(name)
    if (study.train or study.evaluate.benchmarks) and study.model is None:
        raise UserError("training and evaluation need a model.", where="model", mend="Give a hub name or a folder.")
    if study.model is not None:
        loading.check_name(study.model)


def _check_models(step: Trainer, policies: list[str], rewards: list[str], here: str) -> None:
    """The models that a step needs besides the one it starts from exist."""
    if step.reward is not None and step.reward not in rewards:
        raise UserError(
            f"no reward model '{step.reward}' before it.",
            where=f"{here}.reward",
            mend=near_name(step.reward, rewards),
        )
    if step.reward is not None and not step.needs_reward_model:
        mend = "Take 'reward' out, or use rloo."
        raise UserError(f"'{step.name()}' uses no reward model.", where=f"{here}.reward", mend=mend)
    for model in step.model_dependencies():
        _check_dependency(model, policies, rewards, here)
    if step.needs_reward_model and not rewards:
        raise UserError(
            f"'{step.name()}' needs a reward model, and no step before it trains one.",
            where=here,
            mend="Add '- reward: {}' before it.",
        )


def _check_dependency(model: ModelDependency, policies: list[str], rewards: list[str], where: str) -> None:
    """The model is an earlier step of that kind, a folder or a hub name."""
    known = rewards if model.model_kind == "reward" else policies
    if model.name in known:
        return
    kind = "reward model" if model.model_kind == "reward" else "policy"
    if "/" not in model.name:
        mend = near_name(model.name, known) if known else "Name a step before it, a model's folder or a hub name."
        raise UserError(f"no {kind} '{model.name}' before it.", where=f"{where}.{model.place}", mend=mend)
    try:
        loading.check_name(model.name)
    except UserError as error:
        raise UserError(f"{error.what} ({model.name})", where=f"{where}.{model.place}", mend=error.mend) from None


def _check_files(study: Study, root: Path, where: str) -> None:
    """The files that training steps name exist."""
    for place, step in enumerate(study.train):
        for setting, name in step.files().items():
            here = f"{where}.{place}.{setting}"
            path = root / expand_path(name, here)
            if not path.is_file():
                near = near_name(path.name, [p.name for p in path.parent.iterdir()]) if path.parent.is_dir() else ""
                raise UserError(f"there is no file {path}.", where=here, mend=near or "Paths start at data_root.")


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
