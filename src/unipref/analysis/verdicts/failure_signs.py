"""Finds the known signs of failure of the method, each by a fixed threshold."""

from collections.abc import Iterator

from unipref.analysis.verdicts.evidence import Evidence, Model
from unipref.core.records import BASE, MAIN
from unipref.core.run_folder import FailureSign, Manifest, each_seed

OVERLAP = 0.05
"""Sources hardly overlap if a smaller share of the prompt clusters holds prompts of two of them."""


def find_failure_signs(manifest: Manifest, evidence: Evidence) -> list[FailureSign]:
    """Lists all signs that were looked for, whether they occurred or not."""
    deceptions = FailureSign(
        "a better figure that deceives",
        "a model is better than the base model by a headline metric and worse by a guard of it (docs/verdicts.md)",
        list(_find_deceptions(evidence)),
    )
    return [
        FailureSign(
            "conversion in doubt",
            "other evidence contradicts a source's labels, or does not clearly support them (3 standard errors)",
            list(dict.fromkeys(_find_doubtful_sources(manifest))),
        ),
        FailureSign(
            "over-aggressive filtering",
            "a source or objective keeps less than 0.2 of its share, or 10 % of the prompt clusters are emptied",
            list(_find_strict_selections(manifest)),
        ),
        FailureSign(
            "one objective bought with the other",
            "a model is better than the base model on one side and worse on the other",
            list(_find_trades(evidence)),
        ),
        *([deceptions] if evidence.guards else []),
        FailureSign(
            "sources that hardly overlap",
            f"under {100 * OVERLAP:g} % of the prompt clusters hold prompts of two sources or more",
            list(dict.fromkeys(_find_separate_sources(manifest))),
        ),
        FailureSign(
            "training collapse",
            "a training step left its bounds and stopped (docs/training.md)",
            list(_find_collapses(manifest)),
        ),
    ]


def _find_doubtful_sources(manifest: Manifest) -> Iterator[str]:
    for variant in dict.fromkeys([MAIN, *manifest.variants]):
        for source, counts in manifest.sources_of(variant).items():
            polarity = counts.polarity
            if polarity and polarity.verdict in ("contradicts", "mixed"):
                yield f"{source}: {polarity.why}"


def _find_strict_selections(manifest: Manifest) -> Iterator[str]:
    for variant, seed, selected in each_seed(manifest.selected):
        for warning in selected.warnings:
            yield f"{variant}, seed {seed}: {warning}"


def _find_trades(evidence: Evidence) -> Iterator[str]:
    models = dict.fromkeys(model for models in evidence.measured.values() for model in models)
    for model in models:
        if model.step == BASE:
            continue
        gains = {side: evidence.compute_gain(side, model, evidence.base_of(model)) for side in evidence.sides}
        better = [side for side, gain in gains.items() if gain and gain.is_better]
        worse = [side for side, gain in gains.items() if gain and gain.is_worse]
        if better and worse:
            yield f"{model}: better on {', '.join(better)}, worse on {', '.join(worse)}"


def _find_deceptions(evidence: Evidence) -> Iterator[str]:
    for objective, guards in evidence.guards.items():
        side = evidence.sides[objective]
        for metric, by_model in guards.measured.items():
            for model in by_model:
                if model.step == BASE:
                    continue
                base = evidence.base_of(model)
                gain, other = evidence.compute_gain(objective, model, base), guards.compute_gain(metric, model, base)
                if gain and gain.is_better and other and other.is_worse:
                    change = " to ".join(_format_figure(guards, metric, one) for one in (base, model))
                    yield f"{model}: {side.metric} of {side.benchmark} is better, but {metric} is worse ({change})"


def _format_figure(evidence: Evidence, side: str, model: Model) -> str:
    figure = evidence.compute_figure(side, model)
    return "unknown" if figure is None or figure.value is None else f"{figure.value:.3f}"


def _find_separate_sources(manifest: Manifest) -> Iterator[str]:
    for _, _, selected in each_seed(manifest.selected):
        account = selected.account
        if account is None or account.shared_clusters is None or not account.clusters:
            continue
        if account.shared_clusters < OVERLAP * account.clusters:
            yield (
                f"{account.shared_clusters} of {account.clusters} prompt clusters hold prompts of two sources or more"
            )


def _find_collapses(manifest: Manifest) -> Iterator[str]:
    for variant, seed, step, trained in manifest.trained_steps():
        if trained.collapse:
            yield f"{variant}, seed {seed}, {step}: {trained.collapse.why}"
