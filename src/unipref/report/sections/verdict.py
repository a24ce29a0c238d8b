"""The section with the verdict: a summary, the rules of the claims, and signs of failure."""

from unipref.core.run_folder import Verdicts
from unipref.report.content import Points, Section, format_number


def make_verdict_section(verdicts: Verdicts | None) -> Section | None:
    """The section; None without verdicts."""
    if verdicts is None:
        return None
    sides = "; ".join(
        f"{objective}: {side.metric} of {side.benchmark}"
        + (f" ({side.slice})" if side.slice != "all" else "")
        + (f", together with {side.skill_metric}" if side.skill_metric else "")
        for objective, side in verdicts.sides.items()
    )
    paragraphs = [*verdicts.summary, f"Headline metrics: {sides}."]
    if front := verdicts.front:
        paragraphs.append(
            f"On the Pareto front: {', '.join(front.models)}. Hypervolume {format_number(front.hypervolume)}, "
            f"measured from {front.measured_from}."
        )
    signs = list_failures(verdicts)
    points = [Points("Signs of failure", signs)] if signs else []
    rules = [f"{claim.claim}: {claim.rule}" for claim in verdicts.claims]
    points.append(Points("Rules of the claims", rules, folded=True))
    absent = [f"{sign.name}: {sign.threshold}" for sign in verdicts.signatures if not sign.occurrences]
    points += [Points("Signs of failure that did not occur", absent, folded=True)] if absent else []
    return Section("Verdict", paragraphs=paragraphs, points=points)


def list_failures(verdicts: Verdicts | None) -> list[str]:
    """The signs of failure that occurred, each with its threshold and place."""
    signs = verdicts.signatures if verdicts else []
    return [f"{sign.name} ({sign.threshold}): {place}" for sign in signs for place in sign.occurrences]
