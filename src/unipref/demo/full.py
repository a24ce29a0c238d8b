"""`unipref demo --full`: the paper's table on the built-in world, as studies that share worlds and models.

First the steps and rates of every kind of arm are tuned on the dev parts of the world of seed 7. Then each study runs
on the world of seed 11, which is used for nothing else. `docs/reproduction.md` has the protocol.
"""

from collections.abc import Collection, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from unipref import demo
from unipref.core import yaml_files
from unipref.core.json_files import write_text
from unipref.core.progress import ProgressListener
from unipref.demo import nearest, panel, tuning
from unipref.demo.feedback import FeedbackSizes
from unipref.demo.pretraining import Pretraining, Progress, pretrain
from unipref.demo.raters import Noise
from unipref.demo.tuning import Arm
from unipref.pipeline import execute
from unipref.study.grid import Grid, expand

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
"""Settings of RL, as in `benchmarks/training_study.py`; they are not tuned."""
NO_PAIRS = "source-thumbs"
"""The arm without pairs, which DPO needs: it ends with SFT."""
FEW = ("combined", "source-dialogues", "source-ratings", "selected-0.6")
"""Arms of the studies of size: all data, one source of each objective, and the selected part."""
COMPETING = 0.3
"""Share of the instructions that carry the stereotype in the study of competing objectives."""
TWICE_FEEDBACK = FeedbackSizes(pairs=1400, multiple_choice=800, ratings=1200, tree=800, thumbs=800)
"""Twice the prompts."""
SIZES = {
    "0.25M": Pretraining(hidden=64, feed_forward=172),
    "1M": Pretraining(),
    "3M": Pretraining(hidden=240, feed_forward=640),
}
"""Number of parameters -> settings of the model."""


class DemoStudy(NamedTuple):
    """One study of the full demo.

    Attributes:
        name: name of its folder.
        title: its subject.
        noise: how the raters err.
        arms: its variants; None: all.
        seeds: number of training seeds.
        size: size of the model, one of `sizes`.
        twice: whether it uses twice the feedback and twice the steps.
        competing: share of the instructions that carry the stereotype.
        has_rl: whether RLOO follows DPO.
    """

    name: str
    title: str
    noise: Noise = "careless"
    arms: tuple[str, ...] | None = None
    seeds: int = 3
    size: str = "1M"
    twice: bool = False
    competing: float = 0.0
    has_rl: bool = False


class Plan(NamedTuple):
    """What the full demo runs; the defaults are those of the protocol, and other values are for trying it out.

    Attributes:
        studies: in the order of their runs.
        world: of all studies, apart from noise, feedback and competing instructions.
        tuning_world: of the tuning.
        search: for steps and rates.
        arms: the arms that there are; None: all of the paper's grid.
        tuned_like: arm -> the arm whose steps and rates it uses; an arm that is not named is tuned itself.
    """

    studies: tuple[DemoStudy, ...]
    world: demo.World = demo.World(seed=11)
    tuning_world: demo.World = demo.World(seed=7)
    sizes: Mapping[str, Pretraining] = SIZES
    search: tuning.Search = tuning.SEARCH
    arms: tuple[str, ...] | None = None
    tuned_like: Mapping[str, str] = {}


SOURCE_ARMS = ("source-dialogues", "source-choices", "source-ratings", "source-trees", "source-thumbs")
OBJECTIVE_ARMS = ("objective-bias", "objective-instruction")
PARTS_OF_DATA = tuple(f"{how}-{fraction}" for fraction in (0.2, 0.4, 0.6) for how in ("selected", "random"))
MAIN_ARMS = ("combined", *SOURCE_ARMS, *OBJECTIVE_ARMS, *PARTS_OF_DATA)
"""What the verdicts are about: all data, each source and each objective alone, selected parts and random ones."""
NOISE_ARMS = (*FEW, "random-0.6", "selected-0.4", "random-0.4")
COMPETING_ARMS = (*FEW, "random-0.6", *OBJECTIVE_ARMS)
STUDIES = (
    DemoStudy("careless", "The paper's table, careless raters", arms=MAIN_ARMS),
    DemoStudy("adversarial", "The paper's table, adversarial raters", "adversarial", arms=NOISE_ARMS),
    DemoStudy("gaussian", "The paper's table, plain noise", "gaussian", arms=NOISE_ARMS),
    DemoStudy("competing", "Objectives that compete", arms=COMPETING_ARMS, competing=COMPETING),
    DemoStudy("rl", "RL beside DPO, on everything", arms=("combined",), has_rl=True),
    DemoStudy("0.25M", "A smaller model", arms=FEW, size="0.25M"),
    DemoStudy("3M", "A larger model", arms=FEW, size="3M"),
    DemoStudy("twice", "Twice the feedback", arms=FEW, twice=True),
)
"""All studies, the most important first."""
TUNED_LIKE = {
    **{f"source-{name}": "objective-bias" for name in ("dialogues", "choices")},
    **{f"source-{name}": "objective-instruction" for name in ("ratings", "trees", "thumbs")},
    **dict.fromkeys(PARTS_OF_DATA, "combined"),
}
"""A source trains like all feedback of its objective, a part like all data: parts are compared at equal steps."""
PLAN = Plan(STUDIES, arms=MAIN_ARMS, tuned_like=TUNED_LIKE)


def list_demo_studies() -> Iterator[DemoStudy]:
    """Yields all studies, the most important first."""
    yield from STUDIES


def read_demo_study() -> dict[str, Any]:
    """Reads the demo's study file, without its variants and without the panel.

    The paper's table is about sources of which each has its own prompts.
    """
    text = resources.files("unipref.demo").joinpath("study.yaml").read_text(encoding="utf-8")
    study: dict[str, Any] = yaml_files.parse(text, "study.yaml")
    study["sources"] = [source for source in study["sources"] if source["name"] != panel.SOURCE]
    return {key: value for key, value in study.items() if key != "variants"}


def list_arms(study: Mapping[str, Any], names: tuple[str, ...] | None = None) -> dict[str, Arm]:
    """Lists the variants of the paper's table, or those of these names: name -> what each trains on."""
    sources = [(source["name"], source["objective"]) for source in study["sources"]]
    arms = expand(Grid(), study["select"], sources)
    return {name: arm for name, arm in arms.items() if names is None or name in names}


def read_settings(study: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Reads the settings of each trainer of the demo's study that are not tuned."""
    return {
        name: {key: value for key, value in settings.items() if key not in ("max_steps", "learning_rate")}
        for step in study["train"]
        for name, settings in step.items()
    }


def prepare_world(
    folder: Path, name: str, world: demo.World, size: tuple[str, Pretraining], progress: Progress
) -> tuple[Path, Path]:
    """Writes a world, its baseline and its model, the same bytes each time; it keeps a finished model.

    Args:
        folder: output folder of all studies.
        name: of the world's folder.
        world: its settings.
        size: name and settings of the model.
        progress: called after each pretraining step.

    Returns:
        The folders of world and model.
    """
    world_folder, model = folder / "worlds" / name, folder / "models" / f"{size[0]}-{world.seed}"
    demo.write_data(world_folder, world)
    nearest.write_baseline(world_folder)
    pretrain(world_folder / "corpus.jsonl", model, size[1], progress)
    return world_folder, model


def tune(folder: Path, plan: Plan, jobs: int, listener: ProgressListener) -> dict[str, dict[str, dict[str, Any]]]:
    """Tunes each kind of arm on the dev parts of the tuning world, or reads what was tuned before.

    Returns:
        Arm -> trainer -> its tuned settings; the arm without pairs has none for DPO.
    """
    arms = list_arms(read_demo_study(), plan.arms)
    like = {arm: plan.tuned_like.get(arm, arm) for arm in arms}
    tuned = tuning.read_tuning(folder / "tuning") or _search(folder, plan, set(like.values()), jobs, listener)
    return {
        arm: {name: settings for name, settings in tuned[like[arm]].items() if name == "sft" or arm != NO_PAIRS}
        for arm in arms
    }


def _search(
    folder: Path, plan: Plan, tuned_arms: Collection[str], jobs: int, listener: ProgressListener
) -> dict[str, dict[str, dict[str, Any]]]:
    """Searches steps and rates of these arms."""
    size = ("1M", plan.sizes["1M"])
    world, model = prepare_world(folder, "tuning", plan.tuning_world, size, listener.progress)
    study = read_demo_study()
    evaluate = [
        {name: {**settings, "split": "dev"}}
        for benchmark in study["evaluate"]
        for name, settings in benchmark.items()
        if "data" in settings
    ]
    study |= {"data_root": str(world.resolve()), "model": str(model.resolve()), "evaluate": evaluate}
    return tuning.tune(
        study,
        list_arms(study, tuple(tuned_arms)),
        read_settings(read_demo_study()),
        folder / "tuning",
        jobs,
        listener,
        without_pairs=(NO_PAIRS,),
        search=plan.search,
    )


def build_study(
    demo_study: DemoStudy,
    world: Path,
    model: Path,
    tuned: Mapping[str, Mapping[str, Mapping[str, Any]]],
    arms: tuple[str, ...] | None = None,
) -> dict[str, Any]:
    """Builds a study: its arms, each with its tuned steps and rates.

    Args:
        demo_study: one of `list_demo_studies()`.
        world: folder of the world.
        model: folder of the base model.
        tuned: arm -> trainer -> tuned settings.
        arms: the arms that there are; None: all of the paper's grid.
    """
    study = read_demo_study()
    settings = read_settings(study)
    variants = {
        name: {**arm, "train": build_steps(demo_study, name, tuned[name], settings)}
        for name, arm in list_arms(study, demo_study.arms).items()
        if arms is None or name in arms
    }
    return study | {
        "name": demo_study.title,
        "data_root": str(world.resolve()),
        "model": str(model.resolve()),
        # The study as written trains nothing: every arm is a variant, and none is there twice.
        "select": "all",
        "train": [],
        "variants": variants,
        "verdicts": {"tuned": ["max_steps", "learning_rate"]},
        "seeds": list(range(demo_study.seeds)),
    }


def build_steps(
    demo_study: DemoStudy,
    arm: str,
    chosen: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Builds the training steps of an arm: twice as long on twice the feedback, and with RLOO in the study on RL."""
    times = 2 if demo_study.twice else 1
    trainers = [name for name in settings if name in chosen]
    steps = [tuning.make_step(name, chosen, settings) for name in trainers]
    for step in steps:
        for tuned in step.values():
            tuned["max_steps"] *= times
    return [*steps, {"rloo": RLOO}] if demo_study.has_rl else steps


def prepare(folder: Path, demo_study: DemoStudy, plan: Plan, tuned: Mapping[str, Any], progress: Progress) -> Path:
    """Writes the world, model and study file of a study, and returns the path of the file."""
    changes: dict[str, Any] = {"noise": demo_study.noise, "competing": demo_study.competing}
    name: str = demo_study.noise
    if demo_study.twice:
        changes["feedback"], name = TWICE_FEEDBACK, f"{name}-twice"
    if demo_study.competing:
        name = f"{name}-competing"
    size = (demo_study.size, plan.sizes[demo_study.size])
    world, model = prepare_world(folder, name, plan.world.model_copy(update=changes), size, progress)
    study_file = folder / f"{demo_study.name}.yaml"
    study = build_study(demo_study, world, model, tuned, plan.arms)
    write_text(study_file, yaml_files.write(study))
    return study_file


def run(folder: Path, jobs: int, listener: ProgressListener, plan: Plan = PLAN) -> None:
    """Tunes and runs all studies; finished stages are skipped, so an interrupted demo resumes.

    Args:
        folder: output folder for `worlds/`, `models/`, `tuning/`, and a study file and a run folder per study.
        jobs: number of processes that train and evaluate in parallel.
        listener: receives notes and progress.
        plan: what to run.
    """
    tuned = tune(folder, plan, jobs, listener)
    for demo_study in plan.studies:
        study_file = prepare(folder, demo_study, plan, tuned, listener.progress)
        listener.note(f"{demo_study.name}: {demo_study.title}")
        execute.run(study_file, folder / demo_study.name, jobs=jobs, listener=listener)
