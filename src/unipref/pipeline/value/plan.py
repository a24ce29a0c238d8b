"""Plans the models that show the value of a run's sources, and what they would cost."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from unipref.analysis.value.design import MIXTURES, PREFIX, QUESTIONS, Design, Part, make_design
from unipref.core import parquet, registry
from unipref.core.contracts import Strategy
from unipref.core.display import format_seconds
from unipref.core.errors import UserError, near_name
from unipref.core.progress import ProgressListener
from unipref.core.records import MAIN
from unipref.core.run_folder import STUDY, RunFolder
from unipref.core.stage_cache import Stage, stage_kind
from unipref.core.yaml_files import read as read_yaml
from unipref.pipeline.dry_run import read_costs
from unipref.pipeline.run import STAGES, Run
from unipref.study.load import ResolvedStudy, load
from unipref.study.steps import list_steps

FRACTIONS = (0.25, 0.5)
LABELS = 1000


class Request(NamedTuple):
    """What is asked.

    Attributes:
        variant: whose last policy is the reference.
        questions: some of `QUESTIONS`.
        fractions: parts of each source for the learning curve.
        labels: number of further labels.
    """

    variant: str = MAIN
    questions: tuple[str, ...] = QUESTIONS
    fractions: tuple[float, ...] = FRACTIONS
    labels: int = LABELS

    def check(self) -> None:
        """Checks the values.

        Raises:
            UserError: one is invalid.
        """
        for question in self.questions:
            if question not in QUESTIONS:
                raise UserError(f"'{question}' cannot be asked.", where="--ask", mend=near_name(question, QUESTIONS))
        if not self.questions:
            raise UserError("nothing is asked.", where="--ask", mend=f"Give one of {', '.join(QUESTIONS)}.")
        if not self.fractions or any(not 0 < fraction < 1 for fraction in self.fractions):
            raise UserError("a part must lie between 0 and 1.", where="--fraction", mend="For example: --fraction 0.5")
        if self.labels < 1:
            raise UserError("the number of labels must be 1 or more.", where="--labels", mend="Give --labels 1000.")


def make_request(
    variant: str = MAIN, ask: Sequence[str] = (), fractions: Sequence[float] = (), labels: int | None = None
) -> Request:
    """Makes a request; what is empty or None gets its default."""
    return Request(
        variant, tuple(ask) or QUESTIONS, tuple(sorted({*fractions})) or FRACTIONS, LABELS if labels is None else labels
    )


@dataclass(frozen=True)
class Plan:
    """A run's study with the variants to train.

    Attributes:
        folder: the run.
        request: what is asked.
        resolved: the study with the further variants.
        design: what they are.
        step: the last policy of the reference.
        dropped: variant -> why it cannot be trained.
    """

    folder: Path
    request: Request
    resolved: ResolvedStudy
    design: Design
    step: str
    dropped: dict[str, str]

    @property
    def only(self) -> list[str]:
        """The variants to run: the study as written, the reference and the further ones that can be trained."""
        more = (name for name in self.design.variants if name not in self.dropped)
        return list(dict.fromkeys([MAIN, self.request.variant, *more]))

    @property
    def seeds(self) -> list[int]:
        """The seeds of the reference."""
        return self.resolved.variants[self.request.variant].seeds

    def list_mixtures(self) -> list[tuple[int, str, list[Part]]]:
        """Lists seed, name of the part left out (empty for none) and the parts that are merged, for each mixture."""
        alone = [part for part, variant in self.design.alone.items() if variant not in self.dropped]
        if MIXTURES not in self.request.questions or len(alone) < 2:
            return []
        left_out: list[Part | None] = [None, *(alone if len(alone) > 2 else [])]
        return [
            (seed, "" if less is None else less.name, [part for part in alone if part != less])
            for seed in self.seeds
            for less in left_out
        ]


def make_plan(folder: Path, request: Request) -> Plan:
    """Plans without writing anything.

    Raises:
        UserError: the run is not finished, has no trained model of that variant, or a value is invalid.
    """
    request.check()
    resolved = load_study(folder)
    if request.variant not in resolved.variants:
        mend = near_name(request.variant, resolved.variants)
        raise UserError(f"the run has no variant '{request.variant}'.", where="--variant", mend=mend)
    study = resolved.variants[request.variant]
    policies = [step.name for step in list_steps(study) if step.trainer.model_kind == "policy"]
    if not policies:
        raise UserError(f"the variant '{request.variant}' trains no policy.", where=str(folder / STUDY))
    if taken := [name for name in resolved.variants if name.startswith(PREFIX)]:
        raise UserError(f"the name '{taken[0]}' is reserved.", where="variants", mend="Rename the variant.")
    cells = _count_cells(_find_selections(resolved, folder, request.variant))
    design = make_design(cells, request.questions, request.fractions, request.variant)
    return Plan(folder, request, _add_variants(resolved, design, request.variant), design, policies[-1], {})


def load_study(folder: Path) -> ResolvedStudy:
    """Loads the study of a run, with the paths that it had there.

    Raises:
        UserError: the folder is no run, or its study cannot be read.
    """
    manifest = RunFolder(folder).manifest
    raw = read_yaml(folder / STUDY)
    if manifest.data_root:
        raw["data_root"] = manifest.data_root
    return load(raw, folder=Path(manifest.study_folder) if manifest.study_folder else None)


def _find_selections(resolved: ResolvedStudy, folder: Path, variant: str) -> list[Stage]:
    """Finds the reference's selections, and checks that the run is finished.

    Raises:
        UserError: it is not, or other settings or code made it.
    """
    run = Run(resolved, folder, ProgressListener(), dry_run=True, only=(MAIN, variant))
    run.run_stages("evaluate")
    if pending := run.context.cache.pending:
        names = ", ".join(stage.name for stage in pending[:3])
        more = f" and {len(pending) - 3} more" if len(pending) > 3 else ""
        raise UserError(
            f"the run is not finished, or another version of unipref or of its files made it: {names}{more} would run.",
            where=str(folder),
            mend=f"Run it again: unipref run STUDY -o {folder}",
        )
    depth = STAGES.index("select")
    return list(run.prepare_variant(variant, resolved.variants[variant], depth).selected.values())


def _count_cells(selections: Sequence[Stage]) -> Counter[tuple[str, str]]:
    """Counts the selected preferences by source and axis, over all seeds."""
    counts: Counter[tuple[str, str]] = Counter()
    for stage in selections:
        rows = parquet.read_rows(stage.folder / "train.parquet", ["source", "axis", "objective"])
        counts.update((row["source"], row["axis"] or row["objective"]) for row in rows)
    return counts


def _add_variants(resolved: ResolvedStudy, design: Design, variant: str) -> ResolvedStudy:
    study, sources = resolved.variants[variant], resolved.sources[variant]
    more = {}
    for name, settings in design.variants.items():
        strategy = registry.make("strategy", "reduced", {"strategy": study.select, **settings}, "select")
        assert isinstance(strategy, Strategy)
        more[name] = study.model_copy(update={"select": strategy})
    return replace(
        resolved,
        variants={**resolved.variants, **more},
        sources={**resolved.sources, **dict.fromkeys(more, sources)},
    )


def estimate(plan: Plan) -> dict[str, Any]:
    """Estimates what a plan would cost, from the stages that the run has finished; writes nothing.

    Returns:
        `variants` (the further ones), `trainings` and `trainings_left` (one per variant, seed and step), `mixtures`
        (measured, not trained), `seconds` for what is left, None without a past stage of a kind; and `at_most`:
        whether some of these may turn out to be done.
    """
    run = Run(
        plan.resolved,
        plan.folder,
        ProgressListener(),
        dry_run=True,
        only=plan.only,
    )
    run.run_stages("evaluate")
    costs = {kind: median(cost[0] for cost in past) for kind, past in read_costs(plan.folder).items()}
    pending = [stage.name for stage in run.context.cache.pending]
    trainings = [s for s in run.context.cache.stages if _is_training(s, plan)]
    evaluated = [name for name in pending if name.startswith("evaluated/")]
    each = sum(seconds for kind, seconds in costs.items() if kind.startswith("evaluated/"))
    known = [costs.get(stage_kind(name)) for name in pending]
    seconds = sum(one for one in known if one is not None) + each * len(plan.list_mixtures())
    return {
        "variants": [name for name in plan.design.variants if name not in plan.dropped],
        "trainings": len(trainings),
        "trainings_left": sum(stage.pending for stage in trainings),
        "evaluations_left": len(evaluated),
        "mixtures": len(plan.list_mixtures()),
        "seconds": round(seconds, 1) if all(one is not None for one in known) else None,
        "at_most": any(name.startswith("selected/") for name in pending),
        "dropped": dict(plan.dropped),
    }


def _is_training(stage: Stage, plan: Plan) -> bool:
    parts = stage.folder.relative_to(plan.folder).parts
    return parts[0] == "train" and parts[1] in plan.design.variants


def describe_estimate(cost: dict[str, Any], seeds: int) -> str:
    """Describes the cost in a sentence."""
    most = "at most " if cost["at_most"] else ""
    done = cost["trainings"] - cost["trainings_left"]
    time = "unknown time" if cost["seconds"] is None else f"about {format_seconds(cost['seconds'])} in one process"
    text = (
        f"{len(cost['variants'])} models with less data, {seeds} seed{'s' * (seeds != 1)}: {most}{cost['trainings']} "
        f"trainings, {done} of them done; {cost['mixtures']} mixtures to measure; {most}{time}."
    )
    return text + "".join(f"\nNot trained: {name}: {why}" for name, why in cost["dropped"].items())
