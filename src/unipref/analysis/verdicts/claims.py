"""Judges the paper's three claims: each is shown, refuted or not shown by a stated rule."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from unipref.analysis.verdicts.evidence import Evidence, Gain, Model, Variant
from unipref.analysis.verdicts.read import OBJECTIVES
from unipref.core.records import BASE, MAIN
from unipref.core.run_folder import ClaimRecord
from unipref.core.stats.intervals import LEVEL

SHOWN, REFUTED, NOT_SHOWN = "shown", "refuted", "not shown"
MARGIN = 0.02
"""A model matches another if it is clearly not worse by this much: two points in a hundred."""
SFT = "demonstrations"
"""What an SFT step learns from."""

COMBINED = (
    "Shown if the model trained on all sources is clearly better than the base model on both sides, and every "
    "source alone is clearly behind it on at least one side and not clearly better than the base model on both. "
    "Refuted if it is clearly worse than the base model on a side, or a source alone is clearly better on both. "
    "Clearly: the 95 % interval over seeds and examples excludes 0."
)
SUBSET = (
    f"Shown if a selected part is, on both sides, clearly not worse than all data by {MARGIN:g} or more. "
    f"Refuted if every selected part is clearly worse by more than {MARGIN:g} on some side. The intervals "
    "are those of 1 - 0.05 / k for k parts (Bonferroni)."
)
ADDS = (
    "Shown if a step after SFT is clearly better on one side than the model it starts from, and clearly not worse by "
    f"{MARGIN:g} or more on the other. Refuted if every such step is clearly worse on some side and clearly better "
    "on none. The intervals are those of 1 - 0.05 / k for k steps (Bonferroni)."
)


@dataclass(frozen=True)
class Claim:
    """A claim and its verdict.

    Attributes:
        claim: in words; rule: when it is shown or refuted.
        verdict: SHOWN, REFUTED or NOT_SHOWN; why: in words, with the figures.
        gains: its evidence: comparison -> objective -> gain.
    """

    claim: str
    rule: str
    verdict: str
    why: str
    gains: dict[str, dict[str, Gain]] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """Claim, verdict and reason as text."""
        return f"{self.claim}: {self.verdict}. {self.why}"

    def record(self) -> ClaimRecord:
        """Converts it for `verdicts.json`."""
        gains = {name: {side: gain.record() for side, gain in by.items()} for name, by in self.gains.items()}
        return ClaimRecord(self.claim, self.verdict, self.why, self.rule, gains)


def judge_claims(evidence: Evidence) -> list[Claim]:
    """Judges the three claims, in the paper's order."""
    return [judge_combined(evidence), judge_subset(evidence), judge_after_sft(evidence)]


def _find_comparable(evidence: Evidence) -> list[Variant]:
    """Finds the variants that train a policy and differ from the study as written only in their selection."""
    first = next(iter(evidence.variants.values()), None)
    if first is None:
        return []
    comparable = [other for other in evidence.variants.values() if other.settings_hash == first.settings_hash]
    return [variant for variant in comparable if variant.last is not None]


def find_combined_variant(evidence: Evidence) -> Variant | None:
    """Finds the variant for all feedback together: one that keeps everything, else the study as written."""
    comparable = _find_comparable(evidence)
    full = next((variant for variant in comparable if variant.kind == "full"), None)
    return full or next((variant for variant in comparable if variant.name == MAIN and variant.kind != "alone"), None)


def judge_combined(evidence: Evidence) -> Claim:
    """Judges claim 1: combined feedback improves both sides at once, one source alone does not."""
    name = "Combined feedback improves instruction following and bias at once, one source alone does not"

    def conclude(verdict: str, why: str, gains: dict[str, dict[str, Gain]] | None = None) -> Claim:
        return Claim(name, COMBINED, verdict, why, gains or {})

    variant = find_combined_variant(evidence)
    if variant is None or variant.last is None:
        return conclude(NOT_SHOWN, "No policy is trained on all sources together.")
    model, base = variant.last, evidence.base_of(variant.last)
    gains = {f"{model} - base": _compute_gains(evidence, model, base)}
    mine = gains[f"{model} - base"]
    if reason := _explain_unusable(mine):
        return conclude(NOT_SHOWN, reason, gains)
    figures = f"{model} against the base model: {describe_gains(mine)}.{_name_excluded(evidence)}"
    alone = [other for other in _find_comparable(evidence) if other.alone]
    alone = [other for other in alone if other.alone and other.alone[0] == "source"] or alone
    both, behind = [], []
    for other in alone:
        assert other.last is not None
        against_base = _compute_gains(evidence, other.last, evidence.base_of(other.last))
        ahead = _compute_gains(evidence, model, other.last)
        gains |= {f"{other.last} - base": against_base, f"{model} - {other.last}": ahead}
        better = len(against_base) == len(OBJECTIVES) and all(gain.is_better for gain in against_base.values())
        both += [str(other.last)] if better else []
        behind += [str(other.last)] if not better and any(gain.is_better for gain in ahead.values()) else []
    if worse := [side for side, gain in mine.items() if gain.is_worse]:
        return conclude(REFUTED, f"It is clearly worse on {' and '.join(worse)}. {figures}", gains)
    if both:
        return conclude(
            REFUTED, f"Better on both sides than the base model, from one source: {', '.join(both)}.", gains
        )
    if missing := [side for side, gain in mine.items() if not gain.is_better]:
        return conclude(NOT_SHOWN, f"It is not clearly better on {' and '.join(missing)}. {figures}", gains)
    if not alone:
        return conclude(NOT_SHOWN, f"{figures} The study has no variant with one source alone.", gains)
    if len(behind) < len(alone):
        rest = [str(other.last) for other in alone if str(other.last) not in behind]
        return conclude(NOT_SHOWN, f"{figures} It is not clearly ahead of {', '.join(rest)}.", gains)
    return conclude(SHOWN, f"{figures} Each source alone is behind it on a side.", gains)


def _name_excluded(evidence: Evidence) -> str:
    """Names the single-source variants that are not compared, because more than their selection differs."""
    compared = {variant.name for variant in _find_comparable(evidence)}
    single = [variant.name for variant in evidence.variants.values() if variant.alone and variant.alone[0] == "source"]
    excluded = ", ".join(name for name in single if name not in compared)
    return f" Not compared, because their training differs: {excluded}." if excluded else ""


def judge_subset(evidence: Evidence) -> Claim:
    """Judges claim 2: a selected subset matches or beats the full data."""
    name = "A selected subset matches or beats the full data"
    comparable = _find_comparable(evidence)
    full = next((variant for variant in comparable if variant.kind == "full"), None)
    parts = [variant for variant in comparable if variant.kind == "selected"]
    if full is None or full.last is None or not parts:
        missing = "no selected part" if full else "no variant on all data ('select: all')"
        return Claim(name, SUBSET, NOT_SHOWN, f"The study has {missing} to compare with.")
    level = 1 - (1 - LEVEL) / len(parts)
    gains = {
        f"{variant.last} - {full.last}": _compute_gains(evidence, variant.last, full.last, level)
        for variant in parts
        if variant.last
    }
    if reason := _explain_all_unusable(gains):
        return Claim(name, SUBSET, NOT_SHOWN, reason, gains)
    fit = {pair: by for pair, by in gains.items() if not _explain_unusable(by)}
    matching = [pair for pair, by in fit.items() if all(gain.is_at_least(MARGIN) for gain in by.values())]
    if matching:
        best = max(matching, key=lambda pair: sum(gain.value for gain in fit[pair].values()))
        beats = " and beats them" if any(gain.is_better for gain in fit[best].values()) else ""
        against_random = _compare_with_random(evidence, best, parts)
        why = f"{best}: {describe_gains(fit[best])}; it matches all data{beats}. {against_random}"
        return Claim(name, SUBSET, SHOWN, why, gains)
    lost = [pair for pair, by in fit.items() if any(g.is_conclusive and g.high < -MARGIN for g in by.values())]
    nearest = max(fit, key=lambda pair: min(gain.low for gain in fit[pair].values()))
    why = f"The nearest is {nearest}: {describe_gains(fit[nearest])}."
    return Claim(name, SUBSET, REFUTED if len(lost) == len(gains) else NOT_SHOWN, why, gains)


def _compare_with_random(evidence: Evidence, pair: str, parts: Sequence[Variant]) -> str:
    """Compares the part that matches with a random part of its size."""
    variant = next(variant for variant in parts if pair.startswith(f"{variant.last} - "))
    rival = find_random_rival(evidence, variant)
    if rival is None or rival.last is None or variant.last is None:
        return "The study has no random part of its size."
    against = _compute_gains(evidence, variant.last, rival.last)
    clear = all(gain.is_at_least(0.0) or gain.value >= 0 for gain in against.values()) and any(
        gain.is_better for gain in against.values()
    )
    verdict = "clearly better than" if clear else "not clearly better than"
    return f"It is {verdict} a random part of its size ({describe_gains(against)})."


def find_random_rival(evidence: Evidence, variant: Variant) -> Variant | None:
    """Finds the random variant of the same size among the comparable variants."""
    from unipref.analysis.verdicts.read import has_same_size

    comparable = [other for other in evidence.variants.values() if other.settings_hash == variant.settings_hash]
    random = [other for other in comparable if other.kind == "random" and other.name != variant.name]
    return next((other for other in random if has_same_size(variant, other)), None)


def judge_after_sft(evidence: Evidence) -> Claim:
    """Judges claim 3: reinforcement learning, or DPO, adds to SFT."""
    name = "RL or DPO adds to SFT"
    variant = find_combined_variant(evidence)
    if variant is None:
        return Claim(name, ADDS, NOT_SHOWN, "No policy is trained on all sources together.")
    learns_from = {step.name: step.learns_from for step in variant.steps}
    later = [
        (Model(variant.name, step.name), Model(variant.name, step.start))
        for step in variant.steps
        if step.model_kind == "policy" and step.learns_from != SFT and learns_from.get(step.start) == SFT
    ]
    if not later:
        return Claim(name, ADDS, NOT_SHOWN, "The study has no step of RL or DPO that starts from SFT.")
    level = 1 - (1 - LEVEL) / len(later)
    gains = {f"{model} - {start.step}": _compute_gains(evidence, model, start, level) for model, start in later}
    if reason := _explain_all_unusable(gains):
        return Claim(name, ADDS, NOT_SHOWN, reason, gains)
    fit = {pair: by for pair, by in gains.items() if not _explain_unusable(by)}
    adds = [p for p, by in fit.items() if any(g.is_better for g in by.values()) and _are_all_at_least(by)]
    costs = [
        p for p, by in fit.items() if any(g.is_worse for g in by.values()) and not any(g.is_better for g in by.values())
    ]
    verdict = SHOWN if adds else REFUTED if len(costs) == len(gains) else NOT_SHOWN
    pairs = adds or list(fit)
    return Claim(name, ADDS, verdict, "; ".join(f"{pair}: {describe_gains(fit[pair])}" for pair in pairs) + ".", gains)


def _are_all_at_least(by_side: dict[str, Gain]) -> bool:
    return all(gain.is_at_least(MARGIN) for gain in by_side.values())


def _compute_gains(evidence: Evidence, model: Model, other: Model, level: float = LEVEL) -> dict[str, Gain]:
    gains = {objective: evidence.compute_gain(objective, model, other, level) for objective in evidence.sides}
    return {objective: gain for objective, gain in gains.items() if gain is not None}


def _explain_unusable(gains: dict[str, Gain]) -> str:
    """Explains why these gains support no verdict; empty if they do."""
    if missing := [objective for objective in OBJECTIVES if objective not in gains]:
        return f"No benchmark measures {' and '.join(missing)} in these models."
    if void := [objective for objective, gain in gains.items() if gain.is_void]:
        models = list(dict.fromkeys(one for objective in void for one in gains[objective].guessing))
        guess = "guess, so their" if len(models) > 1 else "guesses, so its"
        return f"{' and '.join(models)} {guess} {' and '.join(void)} is meaningless ({describe_gains(gains)})."
    if min(gain.seeds for gain in gains.values()) < 2:
        return (
            f"One seed shows nothing: the spread between trainings is unknown ({describe_gains(gains)}; intervals over "
            "examples alone)."
        )
    return ""


def _explain_all_unusable(gains: dict[str, dict[str, Gain]]) -> str:
    """Explains why none of several comparisons supports a verdict; empty if one does."""
    reasons = [_explain_unusable(by_side) for by_side in gains.values()]
    return "" if not all(reasons) else next(iter(reasons), "Nothing was measured.")


def describe_gains(gains: dict[str, Gain]) -> str:
    """Writes gains with their intervals; above 0 is better."""
    return ", ".join(
        f"{side} {gain.value:+.3f}" + ("" if gain.low != gain.low else f" [{gain.low:+.3f}, {gain.high:+.3f}]")
        for side, gain in gains.items()
    )


def is_base(model: Model) -> bool:
    """Whether it is the study's model before any training."""
    return model.step == BASE
