"""What the studies of selection share: worlds, study files, running stages, and tuning on dev."""

import concurrent.futures
import json
import multiprocessing
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from unipref import demo
from unipref.core import yaml_files
from unipref.core.progress import ProgressListener
from unipref.demo import panel
from unipref.evaluate.benchmarks.coreference import Coreference
from unipref.evaluate.benchmarks.instructions import Instructions
from unipref.models.loading import load_policy
from unipref.pipeline import execute

NOISES: tuple[demo.Noise, ...] = ("careless", "gaussian", "adversarial")
BATCH = 16
SPLIT = {"dev": 0.1, "test": 0.15}
FULL = "main"
"""The variant of a study as written."""


def model_of(out: Path) -> Path:
    """Returns the folder of the base model, which all worlds share."""
    return out / "worlds" / NOISES[0] / "model"


def world_of(noise: demo.Noise, out: Path, world: demo.World) -> Path:
    """Returns the folder of a world, and creates it if missing. All worlds share one base model.

    Args:
        noise: the noise model.
        out: the output folder.
        world: its other settings; its noise is not used.
    """
    first = out / "worlds" / NOISES[0]
    folder = out / "worlds" / noise
    if not (first / "study.yaml").is_file():
        print("building the world and its model", flush=True)
        demo.build(first, world=world.model_copy(update={"noise": NOISES[0]}))
    if not (folder / "study.yaml").is_file():
        demo.write_data(folder, world.model_copy(update={"noise": noise}))
        shutil.copy(first / "study.yaml", folder / "study.yaml")
    return folder


def read_study(world: Path, with_panel: bool) -> dict[str, Any]:
    """Reads the study file of a world, without its variants, and with or without the votes of its panel."""
    study: dict[str, Any] = yaml_files.read(world / "study.yaml")
    study.pop("variants", None)
    if not with_panel:
        study["sources"] = [source for source in study["sources"] if source["name"] != panel.SOURCE]
    return study


def complete(study: dict[str, Any], world: Path, model: Path, name: str, seed: int, sft: dict[str, Any]) -> None:
    """Sets what all studies of selection have: SFT alone, on everything, with one seed.

    Args:
        study: changed in place.
        world: the folder of the world.
        model: the base model.
        name: of the study.
        seed: of selection and training.
        sft: the settings of SFT.
    """
    study |= {
        "name": name,
        "data_root": str(world.resolve()),
        "model": str(model.resolve()),
        "split": SPLIT,
        "clean": {"duplicates": "exact"},
        "select": "all",
        "train": [{"sft": sft}],
        "seeds": [seed],
        "workers": 1,
    }


def sft_settings(sft: dict[str, Any]) -> dict[str, Any]:
    """Completes `learning_rate` and `max_steps`."""
    return {"per_device_train_batch_size": BATCH, "logging_steps": 50, **sft}


class StagePrinter(ProgressListener):
    """Prints which stage of which run begins, and how many there were."""

    def __init__(self, prefix: str) -> None:
        self._prefix, self._start, self._begun = prefix, time.monotonic(), 0

    def stage(self, name: str, cached: bool) -> None:
        """Prints one line per stage that is not cached."""
        self._begun += 1
        if not cached:
            print(f"{self._prefix} {time.monotonic() - self._start:6.0f} s  {self._begun:3}  {name}", flush=True)


def work(study: dict[str, Any], folder: Path) -> str:
    """Runs all variants of one noise and seed; finished stages are skipped."""
    execute.run(study, folder, listener=StagePrinter(f"{folder.name}:"))
    return f"{folder.name}: done"


def run_jobs(jobs: Sequence[tuple[dict[str, Any], Path]], processes: int) -> None:
    """Runs studies in their run folders, in this order, some at a time."""
    context = multiprocessing.get_context("spawn")
    start = time.monotonic()
    with concurrent.futures.ProcessPoolExecutor(processes, mp_context=context) as pool:
        waiting = [pool.submit(work, *job) for job in jobs]
        for done, future in enumerate(concurrent.futures.as_completed(waiting), start=1):
            print(f"{future.result()} ({done} of {len(jobs)}, {(time.monotonic() - start) / 60:.1f} min)", flush=True)


def dev_scores(model: Path, out: Path) -> dict[str, float]:
    """Measures instructions followed and two-way accuracy on the dev parts."""
    policy, data = load_policy(str(model)), out / "worlds" / NOISES[0] / "eval"
    scores = [
        *Instructions().measure(policy, data / "instructions", "dev").scores,
        *Coreference().measure(policy, data / "coreference", "dev").scores,
    ]
    whole = {score.metric: round(score.value, 4) for score in scores if score.slice == "all"}
    return {name: whole[name] for name in ("followed", "two_way_accuracy")}


def write_tuning(out: Path, trials: list[dict[str, Any]], tolerance: float = 0.0) -> dict[str, Any]:
    """Writes `tuning.json` with all trials, and returns the rate and steps of the best.

    Args:
        out: the folder.
        trials: with their means on dev.
        tolerance: of the trials whose mean is at most so far below the best, that with the most steps is chosen.
    """
    least = max(trial["mean"] for trial in trials) - tolerance
    near = [trial for trial in trials if trial["mean"] >= least]
    best = max(near, key=lambda trial: (trial["max_steps"], trial["mean"]))
    chosen = {key: best[key] for key in ("learning_rate", "max_steps")}
    (out / "tuning.json").write_text(json.dumps({"chosen": chosen, "tried": trials}, indent=1) + "\n", encoding="utf-8")
    print(f"chosen: {chosen}")
    return chosen


def chosen_settings(out: Path) -> dict[str, Any]:
    """Reads the settings that tuning chose.

    Raises:
        SystemExit: `tuning.json` is missing.
    """
    path = out / "tuning.json"
    if not path.is_file():
        raise SystemExit(f"{path} is missing. Run the command tune first.")
    settings: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["chosen"]
    return settings


def run_trial(
    study: dict[str, Any], folder: Path, sft: dict[str, Any], variants: Sequence[str], seed: int, out: Path
) -> dict[str, Any]:
    """Trains the variants of a study with one setting, and returns it with the mean of their scores on dev.

    Args:
        study: with the setting.
        folder: its run folder.
        sft: the setting.
        variants: names of its variants.
        seed: of the study.
        out: the folder with the worlds.
    """
    start = time.monotonic()
    execute.run(study, folder, until="train")
    trained = time.monotonic() - start
    scores = {name: dev_scores(folder / "train" / name / str(seed) / "sft", out) for name in variants}
    mean = sum(sum(each.values()) / len(each) for each in scores.values()) / len(scores)
    seconds = [round(trained, 1), round(time.monotonic() - start - trained, 1)]
    trial = {**sft, "mean": round(mean, 4), "scores": scores, "seconds_training_and_measuring": seconds}
    print(json.dumps(trial), flush=True)
    return trial
