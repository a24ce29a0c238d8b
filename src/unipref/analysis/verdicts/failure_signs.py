"""The failure signatures of the method: what is known to go wrong, found by a stated threshold."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from unipref.analysis.verdicts.evidence import Evidence

OVERLAP = 0.05
"""Sources hardly overlap when a smaller part of the clusters of prompts holds prompts of two of them."""


@dataclass(frozen=True)
class Signature:
    """A way to fail, its threshold, and where it was found; nowhere: `found` is empty."""

    name: str
    threshold: str
    found: list[str]

    def as_dict(self) -> dict[str, Any]:
        """For `verdicts.json`."""
        return asdict(self)


def signatures(manifest: Mapping[str, Any], evidence: Evidence) -> list[Signature]:
    """All of them, found or not."""
    return [
        Signature(
            "conversion in doubt",
            "further evidence speaks against a source's labels, or not clearly for them (3 standard errors)",
            list(dict.fromkeys(_doubtful(manifest))),
        ),
        Signature(
            "over-aggressive filtering",
            "a source or objective keeps less than 0.2 of its share, or 10 % of the clusters of prompts are emptied",
            list(_aggressive(manifest)),
        ),
        Signature(
            "one objective bought with the other",
            "a model is clearly better than the base model on one side and clearly worse on the other",
            list(_bought(evidence)),
        ),
        Signature(
            "sources that hardly overlap",
            f"under {100 * OVERLAP:g} % of the clusters of prompts hold prompts of two sources or more",
            list(dict.fromkeys(_apart(manifest))),
        ),
        Signature(
            "training collapse",
            "a training step left its bounds (docs/training.md) and was stopped",
            list(_collapsed(manifest)),
        ),
    ]


def _doubtful(manifest: Mapping[str, Any]) -> Iterator[str]:
    for page in [manifest, *(manifest.get("variants") or {}).values()]:
        for source, books in (page.get("sources") or {}).items():
            polarity = books.get("polarity") or {}
            if polarity.get("verdict") in ("contradicts", "unclear"):
                yield f"{source}: {polarity['why']}"


def _leaves(by_variant: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for variant, by_seed in by_variant.items():
        for seed, leaf in by_seed.items():
            yield f"{variant}, seed {seed}", leaf


def _aggressive(manifest: Mapping[str, Any]) -> Iterator[str]:
    for where, summary in _leaves(manifest.get("selected") or {}):
        for warning in (summary.get("account") or {}).get("warnings") or ():
            yield f"{where}: {warning}"


def _bought(evidence: Evidence) -> Iterator[str]:
    models = dict.fromkeys(model for models in evidence.measured.values() for model in models)
    for model in models:
        if model.step == "base":
            continue
        gains = {side: evidence.gain(side, model, evidence.base_of(model)) for side in evidence.sides}
        better = [side for side, gain in gains.items() if gain and gain.better]
        worse = [side for side, gain in gains.items() if gain and gain.worse]
        if better and worse:
            yield f"{model}: better on {', '.join(better)}, worse on {', '.join(worse)}"


def _apart(manifest: Mapping[str, Any]) -> Iterator[str]:
    for _, summary in _leaves(manifest.get("selected") or {}):
        account = summary.get("account") or {}
        shared, clusters = account.get("shared_clusters"), account.get("clusters")
        if shared is not None and clusters and shared < OVERLAP * clusters:
            yield f"{shared} of {clusters} clusters of prompts hold prompts of two sources or more"


def _collapsed(manifest: Mapping[str, Any]) -> Iterator[str]:
    for where, steps in _leaves(manifest.get("train") or {}):
        for step, fit in steps.items():
            if collapse := fit.get("collapse"):
                yield f"{where}, {step}: {collapse['why']}"
