"""The signs of failure of the method: what is known to go wrong, each shown by a stated threshold."""

from collections.abc import Iterator

from unipref.analysis.verdicts.evidence import Evidence
from unipref.core.records import BASE, MAIN
from unipref.core.run_folder import FailureSign, Manifest, each_seed

OVERLAP = 0.05
"""Sources hardly overlap when a smaller part of the clusters of prompts holds prompts of two of them."""


def failure_signs(manifest: Manifest, evidence: Evidence) -> list[FailureSign]:
    """All of them, whether they occurred or not."""
    return [
        FailureSign(
            "conversion in doubt",
            "further evidence speaks against a source's labels, or not clearly for them (3 standard errors)",
            list(dict.fromkeys(_doubtful(manifest))),
        ),
        FailureSign(
            "over-aggressive filtering",
            "a source or objective keeps less than 0.2 of its share, or 10 % of the clusters of prompts are emptied",
            list(_aggressive(manifest)),
        ),
        FailureSign(
            "one objective bought with the other",
            "a model is clearly better than the base model on one side and clearly worse on the other",
            list(_bought(evidence)),
        ),
        FailureSign(
            "sources that hardly overlap",
            f"under {100 * OVERLAP:g} % of the clusters of prompts hold prompts of two sources or more",
            list(dict.fromkeys(_apart(manifest))),
        ),
        FailureSign(
            "training collapse",
            "a training step left its bounds (docs/training.md) and was stopped",
            list(_collapsed(manifest)),
        ),
    ]


def _doubtful(manifest: Manifest) -> Iterator[str]:
    for variant in dict.fromkeys([MAIN, *manifest.variants]):
        for source, counts in manifest.sources_of(variant).items():
            polarity = counts.polarity
            if polarity and polarity.verdict in ("contradicts", "unclear"):
                yield f"{source}: {polarity.why}"


def _aggressive(manifest: Manifest) -> Iterator[str]:
    for variant, seed, selected in each_seed(manifest.selected):
        for warning in selected.warnings:
            yield f"{variant}, seed {seed}: {warning}"


def _bought(evidence: Evidence) -> Iterator[str]:
    models = dict.fromkeys(model for models in evidence.measured.values() for model in models)
    for model in models:
        if model.step == BASE:
            continue
        gains = {side: evidence.gain(side, model, evidence.base_of(model)) for side in evidence.sides}
        better = [side for side, gain in gains.items() if gain and gain.better]
        worse = [side for side, gain in gains.items() if gain and gain.worse]
        if better and worse:
            yield f"{model}: better on {', '.join(better)}, worse on {', '.join(worse)}"


def _apart(manifest: Manifest) -> Iterator[str]:
    for _, _, selected in each_seed(manifest.selected):
        account = selected.account
        if account is None or account.shared_clusters is None or not account.clusters:
            continue
        if account.shared_clusters < OVERLAP * account.clusters:
            yield (
                f"{account.shared_clusters} of {account.clusters} clusters of prompts hold prompts of two sources or "
                "more"
            )


def _collapsed(manifest: Manifest) -> Iterator[str]:
    for variant, seed, step, trained in manifest.trained_steps():
        if trained.collapse:
            yield f"{variant}, seed {seed}, {step}: {trained.collapse.why}"
