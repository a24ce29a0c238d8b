"""The cheap part of the arena: which share of the labels that each arm keeps is right. Nothing is trained on them.

Arms that select by a model need the base model of the first development world, which is pretrained once. On the other
worlds they are left out, because the words of each world differ.
"""

import functools
import itertools
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

import selection_runs
from selection_arena import AGGREGATE, ARMS, DEVELOPMENT_SEEDS, Data, count_passes
from selection_runs import NOISES
from selection_table import make_table
from unipref import demo
from unipref.core import registry
from unipref.core.candidates import Candidates
from unipref.core.contracts import Strategy
from unipref.demo import feedback
from unipref.pipeline import execute
from unipref.select.candidates import read_candidates
from unipref.study.load import load as load_study

FRACTIONS = (0.2, 0.4, 0.6)
DOCUMENTS = 10
"""Documents in the corpus of a world without a model, which nothing reads."""
NEEDS_MODEL = {arm for arm in ARMS if count_passes(arm, Data(100, 100, 10)) > 0}


class Kept(NamedTuple):
    """What one selection keeps.

    Attributes:
        right: share of right orders.
        least: the smallest quotient of a source's share of what is kept and its share of the candidates.
        seconds: of the selection.
    """

    right: float
    least: float
    seconds: float


def write(out: Path, worlds: Sequence[int], arms: Sequence[str], model: Path | None) -> None:
    """Measures arms on worlds under every noise, and writes `purity.md`, again after each world and noise.

    Args:
        out: the output folder.
        worlds: their seeds.
        arms: their names.
        model: the base model of all these worlds; None: that of the first development world is pretrained.
    """
    found: dict[tuple[str, str, float], list[Kept]] = {}
    for seed, noise in itertools.product(worlds, NOISES):
        pretrains = model is None and seed == DEVELOPMENT_SEEDS[0] and bool(NEEDS_MODEL & set(arms))
        folder = out / f"world-{seed}"
        candidates, right = read_world(folder, noise, seed, selection_runs.model_of(folder) if pretrains else model)
        for arm in arms:
            if arm in NEEDS_MODEL and candidates.model is None:
                continue
            for fraction in FRACTIONS:
                ((name, settings),) = ARMS[arm].select(fraction).items()
                strategy = registry.make("strategy", name, settings, "select")
                assert isinstance(strategy, Strategy)
                start = time.perf_counter()
                kept = strategy.select(candidates, 0).kept
                seconds = time.perf_counter() - start
                least = find_least_share(candidates.sources, kept)
                found.setdefault((arm, noise, fraction), []).append(Kept(float(right[kept].mean()), least, seconds))
        lines = "\n".join(tabulate(found, arms))
        (out / "purity.md").write_text(lines + "\n", encoding="utf-8")
        print(f"{seed} {noise}\n{lines}", flush=True)


def read_world(
    folder: Path, noise: demo.Noise, seed: int, model: Path | None
) -> tuple[Candidates, npt.NDArray[np.bool_]]:
    """Makes a world, unifies and cleans it, and returns its n candidates and whether each one's order is true.

    Args:
        folder: of the world.
        noise: the noise model.
        seed: of the world.
        model: the base model; that of `selection_runs.model_of` is pretrained if it is missing.
    """
    world = folder / "worlds" / noise
    if model == selection_runs.model_of(folder):
        selection_runs.world_of(noise, folder, demo.World(seed=seed))
    elif not (world / "study.yaml").is_file():
        demo.write_data(world, demo.World(seed=seed, noise=noise, documents=DOCUMENTS))
        shutil.copy(Path(feedback.__file__).with_name("study.yaml"), world / "study.yaml")
    study: dict[str, Any] = selection_runs.read_study(world, with_panel=True)
    for part in ("train", "evaluate", "model"):
        study.pop(part, None)
    study |= {"name": f"Purity under {noise} noise", "data_root": str(world.resolve()), "workers": 1, "select": "all"}
    study |= {"unify": {"aggregate": AGGREGATE}, "split": selection_runs.SPLIT, "clean": {"duplicates": "exact"}}
    run = folder / "runs" / noise
    execute.run(study, run, until="unify")
    resolved = load_study(study).sources["main"]
    axes = {source.projection.source: source.projection.independent_axes() for source in resolved}
    train, dev = run / "clean" / "train.parquet", run / "clean" / "dev.parquet"
    name = None if model is None else str(model.resolve())
    candidates = read_candidates(train, run / "cache", 4096, name, axes, dev)
    embed = functools.cache(candidates.embed)
    candidates.embed = embed
    truth = demo.Truth(world)
    rows = pq.read_table(train, columns=["prompt", "chosen", "rejected"]).to_pylist()
    return candidates, np.array([truth.is_order_right(row) for row in rows])


def find_least_share(sources: npt.NDArray[np.str_], kept: npt.NDArray[np.int64]) -> float:
    """Finds the smallest quotient of a source's share of what is kept and its share of the candidates."""
    names, codes = np.unique(sources, return_inverse=True)
    before = np.bincount(codes, minlength=len(names)) / len(sources)
    after = np.bincount(codes[kept], minlength=len(names)) / len(kept)
    return float((after / before).min())


def tabulate(found: dict[tuple[str, str, float], list[Kept]], arms: Sequence[str]) -> list[str]:
    """Renders the mean share of right labels of each arm, with the number of worlds behind it."""
    cells = list(itertools.product(NOISES, FRACTIONS))
    heads = ["arm", "worlds", *(f"{noise} {fraction:g}" for noise, fraction in cells), "least share", "seconds"]
    rows = []
    for arm in arms:
        own = [found.get((arm, *cell), []) for cell in cells]
        every = [one for cell in own for one in cell]
        if every:
            means = [f"{np.mean([one.right for one in cell]):.3f}" if cell else "" for cell in own]
            least, seconds = (np.mean([getattr(one, name) for one in every]) for name in ("least", "seconds"))
            rows.append([f"`{arm}`", str(max(map(len, own))), *means, f"{least:.2f}", f"{seconds:.1f}"])
    return make_table(heads, rows)
