"""`unipref demo --full`: the paper's table on the built-in world, as seven studies that share worlds and models.

The demo's study is expanded to the paper's grid under each noise model. Further studies cover RL, other model sizes and
more feedback. Settings were tuned on the dev parts of the world of seed 7 (`benchmarks/selection_study.py`,
`benchmarks/training_study.py`); the world of seed 11 is used for nothing else.
"""

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from unipref import demo
from unipref.core import yaml_files
from unipref.core.json_files import write_text
from unipref.core.progress import ProgressListener
from unipref.demo import panel
from unipref.demo.feedback import FeedbackSizes
from unipref.demo.pretraining import Pretraining, Progress, pretrain
from unipref.demo.raters import Noise
from unipref.pipeline import execute

SEED = 11
"""Seed of the worlds."""
RLOO = {
    "from": "sft",
    "rewards": [{"likelihood": "dpo", "clip": [-12, 0]}],
    "learning_rate": 3e-4,
    "max_steps": 80,
    "per_device_train_batch_size": 64,
    "num_generations": 8,
    "max_completion_length": 16,
    "temperature": 1.0,
    "beta": 0.05,
    "normalize_advantages": True,
    "logging_steps": 10,
    "on_weak_reward": "warn",
}
"""Settings of RL, as in `benchmarks/training_study.py`."""
NO_PAIRS = "source-thumbs"
"""The variant without pairs, which DPO needs: it ends with SFT."""
TWICE_FEEDBACK = FeedbackSizes(pairs=1400, multiple_choice=800, ratings=1200, tree=800, thumbs=800)
"""Twice the prompts, except for thumbs: there are not enough instructions."""
SIZES = {
    "0.25M": Pretraining(hidden=64, feed_forward=172),
    "1M": Pretraining(),
    "3M": Pretraining(hidden=240, feed_forward=640),
}
"""Number of parameters -> settings of the model."""
FEW_VARIANTS = {
    "combined": {"select": "all"},
    "source-dialogues": {"select": {"only": {"sources": ["dialogues"]}}},
    "source-ratings": {"select": {"only": {"sources": ["ratings"]}}},
}
"""Variants for studies in which the grid would take too long: all data, and one source of each objective."""


class DemoStudy(NamedTuple):
    """One study of the full demo.

    Attributes:
        name: name of its folder.
        title: its subject.
        noise: how the raters err.
        changes: keys that replace those of the demo's study.
        size: size of the model, one of SIZES.
        twice: whether it uses twice the feedback and twice the steps.
    """

    name: str
    title: str
    noise: Noise
    changes: dict[str, Any]
    size: str = "1M"
    twice: bool = False


GRID_CHANGES: dict[str, Any] = {"grid": "paper", "variants": None}
"""Changes for the paper's table."""
SCALING_CHANGES: dict[str, Any] = {"variants": FEW_VARIANTS, "seeds": [0, 1]}


def list_demo_studies() -> Iterator[DemoStudy]:
    """Yields all studies, the most important first."""
    yield DemoStudy(
        "careless", "The paper's table, careless raters", "careless", {**GRID_CHANGES, "seeds": [0, 1, 2, 3, 4]}
    )
    rl = {"select": "all", "seeds": [0, 1, 2, 3, 4], "variants": None}
    yield DemoStudy("rl", "RL beside DPO, on everything", "careless", rl)
    yield DemoStudy("0.25M", "A smaller model", "careless", SCALING_CHANGES, size="0.25M")
    yield DemoStudy("3M", "A larger model", "careless", SCALING_CHANGES, size="3M")
    yield DemoStudy("twice", "Twice the feedback", "careless", SCALING_CHANGES, twice=True)
    yield DemoStudy("gaussian", "The paper's table, plain noise", "gaussian", {**GRID_CHANGES, "seeds": [0, 1]})
    yield DemoStudy(
        "adversarial", "The paper's table, adversarial raters", "adversarial", {**GRID_CHANGES, "seeds": [0, 1]}
    )


def prepare(folder: Path, demo_study: DemoStudy, progress: Progress) -> Path:
    """Writes the world, model and study file of a study, the same bytes each time. It keeps a finished model.

    Args:
        folder: output folder of all studies.
        demo_study: one of `demo_studies()`.
        progress: called after each pretraining step.

    Returns:
        The path of its study file.
    """
    size, world = SIZES[demo_study.size], demo.World(seed=SEED, noise=demo_study.noise)
    if demo_study.twice:
        world = world.model_copy(update={"feedback": TWICE_FEEDBACK})
    world_folder = folder / "worlds" / (f"{demo_study.noise}-twice" if demo_study.twice else demo_study.noise)
    demo.write_data(world_folder, world)
    model = folder / "models" / demo_study.size
    pretrain(world_folder / "corpus.jsonl", model, size, progress)
    study_file = folder / f"{demo_study.name}.yaml"
    write_text(study_file, yaml_files.write(build_study(demo_study, world_folder, model)))
    return study_file


def build_study(demo_study: DemoStudy, world: Path, model: Path) -> dict[str, Any]:
    """Applies a study's changes to the demo's study file."""
    demo_yaml = resources.files("unipref.demo").joinpath("study.yaml").read_text(encoding="utf-8")
    study: dict[str, Any] = yaml_files.parse(demo_yaml, "study.yaml")
    study |= {
        "name": demo_study.title,
        "data_root": str(world.resolve()),
        "model": str(model.resolve()),
        # The paper's table is about sources of which each has its own prompts.
        "sources": [source for source in study["sources"] if source["name"] != panel.SOURCE],
        "train": build_steps(demo_study, study["train"]),
        **demo_study.changes,
    }
    if "grid" in demo_study.changes:
        study["variants"] = {NO_PAIRS: {"train": study["train"][:1]}}
    return {key: value for key, value in study.items() if value is not None}


def build_steps(demo_study: DemoStudy, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Builds the training steps of a study: twice as long on twice the feedback, and with RLOO in the study on RL.

    Args:
        demo_study: one of `demo_studies()`.
        steps: `train` of the demo's study, each step with its settings.
    """
    times = 2 if demo_study.twice else 1
    train_steps = [
        {name: {**settings, "max_steps": times * settings["max_steps"]} for name, settings in step.items()}
        for step in steps
    ]
    return [*train_steps, {"rloo": RLOO}] if demo_study.name == "rl" else train_steps


def run(folder: Path, jobs: int, listener: ProgressListener) -> None:
    """Runs all studies; finished stages are skipped, so an interrupted demo resumes.

    Args:
        folder: output folder for `worlds/`, `models/`, and a study file and a run folder per study.
        jobs: number of processes that train and evaluate in parallel.
        listener: receives notes and progress.
    """
    for demo_study in list_demo_studies():
        study_file = prepare(folder, demo_study, listener.progress)
        listener.note(f"{demo_study.name}: {demo_study.title}")
        execute.run(study_file, folder / demo_study.name, jobs=jobs, listener=listener)
