"""The arena: every published way to select preferences beside random, all data, quality and the paper's.

    python benchmarks/selection_arena.py tune -o FOLDER                 # steps and rate, on the dev parts
    python benchmarks/selection_arena.py run -o FOLDER --processes 1    # every arm; test parts are read here
    python benchmarks/selection_arena.py table -o FOLDER                # results.json and table.md
    python benchmarks/selection_arena.py purity -o FOLDER               # labels kept that are right; trains no arm
    python benchmarks/selection_arena.py smoke -o FOLDER                # all of it, tiny, on a development world

`docs/selection_arena.md` has the protocol: arms, settings, seeds, and the rule for the default of `select`, all fixed
before a result was read. Jobs run seed by seed, and in each seed under every noise, so that an arena that is stopped
has complete seeds. `run` can be started again: finished stages are skipped.
"""

import argparse
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import selection_runs
from selection_runs import BATCH, FULL, NOISES
from unipref import demo
from unipref.demo import BenchmarkSizes, FeedbackSizes, Pretraining
from unipref.pipeline import execute

WORLD_SEED = 41
"""A world that is used for nothing else."""
DEVELOPMENT_SEEDS = (100, 101, 102)
"""Worlds on which the script and the settings of the arms were tried."""
FRACTIONS = (0.4,)
SEEDS = 3
TUNING_SEED = 100
RATES = (5e-4, 1e-3, 2e-3)
STEPS = (75, 150, 300)
MORE_STEPS = 600
"""Tried if the most of `STEPS` are the best."""
SAME = 0.01
"""Means on dev that differ by less are equal; of equal settings, the one with the most steps is taken."""
AGGREGATE = "latent"
LEAST_STEPS = 0.1
"""An arm whose selection leaves fewer steps than this part is not run at equal compute."""
DPO = {"repeats": 1, "most_pairs": 400, "learning_rate": 1e-3, "beta": 0.1}
"""Of the arms that train models to select by: guesses, to be tried on development worlds before the arena runs."""
BY_MARGINS = ["margin", "policy_margin"]
INFLUENCE = {"loss": "sft", "most_targets": 100}


class Data(NamedTuple):
    """The size of what an arm selects from: preferences, those with two answers, and dev preferences that it reads."""

    n: int
    pairs: int
    dev: int


class Arm(NamedTuple):
    """One way to select.

    Attributes:
        strategy: its name.
        settings: besides the fraction.
        source: where it was published.
        is_sampled: whether preferences without a score are sampled; a strategy of another kind has no such setting.
    """

    strategy: str
    settings: dict[str, Any]
    source: str = ""
    is_sampled: bool = True

    def select(self, fraction: float) -> dict[str, Any]:
        """Returns the part `select` of a study."""
        unscored = {"unscored": "sample"} if self.is_sampled else {}
        return {self.strategy: {"fraction": fraction, **unscored, **self.settings}}


def _by(*scorers: Any) -> dict[str, Any]:
    return {"quality": list(scorers)}


ARMS = {
    "random": Arm("random", {}),
    "quality": Arm("quality", {}, "2408.02861, §2.4"),
    "cluster_quality": Arm("cluster_quality", {}, "2408.02861"),
    "confidence": Arm("quality", _by("confidence")),
    "confident": Arm("confident", {"at_least": 0.0}, is_sampled=False),
    "rip": Arm("quality", _by("rip"), "2501.18578"),
    "divergence": Arm("quality", _by("divergence"), "2508.07638"),
    "ultramix": Arm("ultramix", {"tasks": "clusters"}, "2511.10985"),
    "policy_margin": Arm("quality", _by("policy_margin")),
    "margin_gap": Arm("quality", _by("margin_gap"), "2503.01864"),
    "bees": Arm("quality", _by({"bees": {"margins": BY_MARGINS}}), "2502.14560"),
    "dpo_easy": Arm("quality", _by({"dpo_margin": {"prefer": "easy", **DPO}}), "2502.09650"),
    "dpo_hard": Arm("quality", _by({"dpo_margin": {"prefer": "hard", **DPO}}), "2508.04149"),
    "influence": Arm("quality", _by({"influence": INFLUENCE}), "2402.04333"),
}
"""In the order of their runs: those without a model first."""


def count_passes(arm: str, data: Data) -> int:
    """Counts the cost of a selection in forward passes of one answer; a backward pass costs two.

    Training on one answer costs three. For `dpo_margin`, each of the two models of a division learns from at most half
    of the pairs: three passes and one of the reference for each of the two answers. Numbers that two arms share are
    counted for both.
    """
    if arm in ("policy_margin", "margin_gap", "bees"):
        return 2 * data.pairs
    if arm in ("dpo_easy", "dpo_hard"):
        learnt = min(int(DPO["most_pairs"]), data.pairs // 2)
        return 2 * data.pairs + int(DPO["repeats"]) * (2 * 2 * 4 * learnt + 2 * data.pairs)
    return data.n + data.dev if arm == "influence" else 0


class Variant(NamedTuple):
    """What a model is trained on, and for how long; `arm` None: all data."""

    arm: str | None
    fraction: float = 1.0
    is_compute_equal: bool = False

    @property
    def name(self) -> str:
        """Its name in the study."""
        if self.arm is None:
            return FULL
        return f"{self.arm}-{self.fraction:g}".replace(".", "") + ("-compute" if self.is_compute_equal else "")

    @property
    def at_equal_steps(self) -> "Variant":
        """The same selection at equal steps."""
        return self._replace(is_compute_equal=False)


class Plan(NamedTuple):
    """What the arena runs.

    Attributes:
        out: the output folder.
        world: the settings of the world.
        fractions, arms, noises: in the order of their runs.
        sft: `learning_rate` and `max_steps`.
    """

    out: Path
    world: demo.World
    fractions: Sequence[float]
    arms: Sequence[str]
    sft: dict[str, Any]
    noises: Sequence[demo.Noise] = NOISES

    def list_variants(self, data: Data) -> list[Variant]:
        """Returns all data, every arm at equal steps, and the arms whose selection costs passes at equal compute."""
        parts = [Variant(arm, fraction) for fraction in self.fractions for arm in self.arms]
        shorter = [one._replace(is_compute_equal=True) for one in parts if self.is_shorter(one, data)]
        return [Variant(None), *parts, *shorter]

    def is_shorter(self, variant: Variant, data: Data) -> bool:
        """Whether the variant takes fewer steps at equal compute, and enough of them."""
        steps = self.count_steps(variant._replace(is_compute_equal=True), data)
        return LEAST_STEPS * self.sft["max_steps"] <= steps < self.sft["max_steps"]

    def count_steps(self, variant: Variant, data: Data) -> int:
        """Counts the steps of a variant: at equal compute, less what its selection costs."""
        steps = int(self.sft["max_steps"])
        if not variant.is_compute_equal or variant.arm is None:
            return steps
        return max(0, steps - round(count_passes(variant.arm, data) / (3 * BATCH)))

    def folder(self, noise: str, seed: int) -> Path:
        """Returns the run folder of one noise and seed."""
        return self.out / "arena" / f"{noise}-{seed}"

    def make_study(self, noise: demo.Noise, seed: int) -> dict[str, Any]:
        """Returns the study of one noise and seed: all data as its main part, and every other variant."""
        world = selection_runs.world_of(noise, self.out, self.world)
        study = selection_runs.read_study(world, with_panel=True) | {"unify": {"aggregate": AGGREGATE}}
        name = f"Arena of selection under {noise} noise"
        settings = selection_runs.sft_settings(self.sft)
        selection_runs.complete(study, world, selection_runs.model_of(self.out), name, seed, settings)
        data = self.measure_data(study, noise)
        variants: dict[str, Any] = {}
        for variant in self.list_variants(data)[1:]:
            assert variant.arm is not None
            variants[variant.name] = {"select": ARMS[variant.arm].select(variant.fraction)}
            if variant.is_compute_equal:
                steps = self.count_steps(variant, data)
                variants[variant.name]["train"] = [{"sft": settings | {"max_steps": steps}}]
        return study | {"variants": variants}

    def measure_data(self, study: dict[str, Any], noise: str) -> Data:
        """Counts the preferences that the arms select from; it runs unify and clean."""
        import pyarrow.parquet as pq

        folder = self.out / "counts" / noise
        execute.run(study, folder, until="unify")
        clean = folder / "clean"
        table = pq.read_table(clean / "train.parquet", columns=["chosen", "rejected"])
        has_both = [column.null_count == 0 for column in table.columns]
        pairs = (
            len(table)
            if all(has_both)
            else sum(
                one is not None and other is not None
                for one, other in zip(table["chosen"].to_pylist(), table["rejected"].to_pylist(), strict=True)
            )
        )
        dev = pq.read_table(clean / "dev.parquet", columns=["objective"])["objective"].value_counts().to_pylist()
        most = int(INFLUENCE["most_targets"])
        return Data(len(table), pairs, sum(min(most, row["counts"]) for row in dev))

    def list_jobs(self, seeds: Sequence[int]) -> list[tuple[dict[str, Any], Path]]:
        """Returns study and run folder of each job: seed by seed, each under every noise."""
        return [
            (self.make_study(noise, seed), self.folder(noise, seed))
            for seed, noise in itertools.product(seeds, self.noises)
        ]


def tune(plan: Plan) -> dict[str, Any]:
    """Tries learning rates and steps on the first noise with all data and a random part, which favours no arm."""
    trials = [_try(plan, rate, steps) for rate, steps in itertools.product(RATES, STEPS)]
    chosen = selection_runs.write_tuning(plan.out, trials, SAME)
    if chosen["max_steps"] == max(STEPS):
        trials.append(_try(plan, chosen["learning_rate"], MORE_STEPS))
        chosen = selection_runs.write_tuning(plan.out, trials, SAME)
    return chosen


def _try(plan: Plan, rate: float, steps: int) -> dict[str, Any]:
    sft = {"learning_rate": rate, "max_steps": steps}
    study = plan._replace(arms=("random",), fractions=(0.4,), sft=sft).make_study(NOISES[0], TUNING_SEED)
    folder = plan.out / "tuning" / f"{rate:g}-{steps}"
    return selection_runs.run_trial(study, folder, sft, [FULL, "random-04"], TUNING_SEED, plan.out)


def smoke(out: Path, arms: Sequence[str]) -> None:
    """Runs one noise and seed in a tiny form on a development world, to show that it works; its figures mean nothing.

    Args:
        out: the output folder.
        arms: their names, the random one among them.
    """
    import selection_arena_table

    sizes = FeedbackSizes(pairs=80, multiple_choice=40, ratings=80, tree=60, thumbs=40)
    world = demo.World(
        seed=DEVELOPMENT_SEEDS[0],
        documents=2000,
        feedback=sizes,
        benchmarks=BenchmarkSizes(coreference={"dev": 4, "test": 24}, instructions={"dev": 12, "test": 24}),
        pretraining=Pretraining(steps=20),
    )
    plan = Plan(out, world, (0.4,), arms, {"learning_rate": 1e-3, "max_steps": 60}, NOISES[:1])
    selection_runs.run_jobs(plan.list_jobs([0]), 1)
    selection_arena_table.write(plan, [0])


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("tune", "run", "table", "purity", "smoke"))
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help="of run and table: the first N seeds")
    parser.add_argument("--fractions", type=float, nargs="+", default=FRACTIONS, help="of run and table")
    parser.add_argument("--worlds", type=int, nargs="+", metavar="SEED", default=DEVELOPMENT_SEEDS, help="of purity")
    parser.add_argument("--arms", nargs="+", choices=tuple(ARMS), default=tuple(ARMS), help="of purity and smoke")
    parser.add_argument("--model", type=Path, help="of purity: the base model of these worlds, instead of a new one")
    args = parser.parse_args()
    unset = {"learning_rate": 0.0, "max_steps": 0}
    plan = Plan(args.out, demo.World(seed=WORLD_SEED), args.fractions, tuple(ARMS), unset)
    if args.what == "smoke":
        smoke(args.out, args.arms)
    elif args.what == "purity":
        import selection_arena_purity

        selection_arena_purity.write(args.out, args.worlds, args.arms, args.model)
    elif args.what == "tune":
        tune(plan)
    else:
        plan = plan._replace(sft=selection_runs.chosen_settings(args.out))
        if args.what == "run":
            selection_runs.run_jobs(plan.list_jobs(range(args.seeds)), args.processes)
        else:
            import selection_arena_table

            selection_arena_table.write(plan, range(args.seeds))


if __name__ == "__main__":
    main()
