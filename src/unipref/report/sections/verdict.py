"""The section with the verdict: the claims that the study tests, their rules, and signs of failure that are absent."""

from collections import Counter

from unipref.core.run_folder import FrontRecord, Verdicts
from unipref.report.content import Points, Section, format_number, format_with_interval

MOST_SUPPORTED = 5
"""Most models that are named with their support."""


def make_verdict_section(verdicts: Verdicts | None) -> Section | None:
    """The section; None without verdicts."""
    if verdicts is None:
        return None
    sides = "; ".join(
        f"{objective}: {side.metric} of {side.benchmark}"
        + (f", which the study chose in place of {side.replaces}" if side.replaces else "")
        + (f" ({side.slice})" if side.slice != "all" else "")
        + (f", with {side.skill_metric} beside it" if side.skill_metric else "")
        + f", smallest effect of interest {side.effect:g}"
        for objective, side in verdicts.sides.items()
    )
    paragraphs = [*verdicts.summary, f"Headline metrics: {sides}."]
    if front := verdicts.front:
        paragraphs.append(
            f"Pareto-optimal: {', '.join(front.models)}. Hypervolume {format_number(front.hypervolume)}, "
            f"measured from {front.measured_from}.{_describe_luck(front)}"
        )
        paragraphs += _describe_support(verdicts)
    paragraphs += _count_pairs(verdicts)
    rules = [f"{claim.claim}: {claim.rule}" for claim in verdicts.claims if claim.tested]
    points = [Points("Rules of the claims", rules, folded=True)] if rules else []
    absent = [f"{sign.name}: {sign.threshold}" for sign in verdicts.signatures if not sign.occurrences]
    points += [Points("Signs of failure that did not occur", absent, folded=True)] if absent else []
    return Section("Verdict", paragraphs=paragraphs, points=points)


def _describe_luck(front: FrontRecord) -> str:
    """Describes the hypervolume without the luck of the best models."""
    if front.hypervolume_unbiased is None:
        return ""
    value = format_with_interval(front.hypervolume_unbiased, front.low, front.high)
    return f" Without the luck of the best of many models: {value}."


def _describe_support(verdicts: Verdicts) -> list[str]:
    """Names the models that are on the front in many simulated runs."""
    supported = [(model.support, f"{model.variant} after {model.step}") for model in verdicts.models if model.support]
    ranked = sorted(supported, key=lambda one: -one[0])[:MOST_SUPPORTED]
    if not ranked:
        return []
    names = ", ".join(f"{name} {share:.0%}" for share, name in ranked)
    return [f"If the run were repeated, these would be on the front most often: {names}."]


def _count_pairs(verdicts: Verdicts) -> list[str]:
    """Counts how the last models compare in pairs, by objective."""
    sentences = []
    for objective in verdicts.sides:
        gains = [pair.gains[objective] for pair in verdicts.pairs if objective in pair.gains]
        counts = Counter("different" if gain.verdict in ("better", "worse") else gain.verdict for gain in gains)
        starred = sum(gain.has_star for gain in gains)
        if gains:
            sentences.append(
                f"{objective}: {counts['different']} of {len(gains)} pairs differ ({starred} after Holm's correction), "
                f"{counts['equivalent']} are equivalent, {counts['inconclusive']} are inconclusive"
            )
    return [f"Last models in pairs. {'; '.join(sentences)}. Each pair is in verdicts.json."] if sentences else []


def list_failures(verdicts: Verdicts | None) -> list[str]:
    """The signs of failure that occurred, each with its threshold and place."""
    signs = verdicts.signatures if verdicts else []
    return [f"{sign.name} ({sign.threshold}): {place}" for sign in signs for place in sign.occurrences]
