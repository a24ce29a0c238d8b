"""The verdict: three sentences, the claims with their rules, and what went wrong."""

from unipref.core.run_folder import Verdicts
from unipref.report.content import Points, Section, number


def verdict_section(verdicts: Verdicts | None) -> Section | None:
    """The section; None where there are no verdicts."""
    if verdicts is None:
        return None
    sides = "; ".join(
        f"{objective}: {side.metric} of {side.benchmark}"
        + (f" ({side.slice})" if side.slice != "all" else "")
        + (f", read beside {side.skill_metric}" if side.skill_metric else "")
        for objective, side in verdicts.sides.items()
    )
    paragraphs = [*verdicts.summary, f"Judged by {sides}."]
    if front := verdicts.front:
        paragraphs.append(
            f"No model is better on both sides than: {', '.join(front.models)}. Hypervolume "
            f"{number(front.hypervolume)}, from {front.measured_from}."
        )
    signs = failure_warnings(verdicts)
    points = [Points("Signs of failure", signs)] if signs else []
    rules = [f"{claim.claim}: {claim.rule}" for claim in verdicts.claims]
    points.append(Points("When a claim counts", rules, folded=True))
    absent = [f"{sign.name}: {sign.threshold}" for sign in verdicts.signatures if not sign.occurrences]
    points += [Points("Looked for and not found", absent, folded=True)] if absent else []
    return Section("Verdict", paragraphs=paragraphs, points=points)


def failure_warnings(verdicts: Verdicts | None) -> list[str]:
    """The signs of failure that occurred, each with its threshold."""
    signs = verdicts.signatures if verdicts else []
    return [f"{sign.name} ({sign.threshold}): {place}" for sign in signs for place in sign.occurrences]


def summary(verdicts: Verdicts | None) -> list[str]:
    """The three sentences."""
    return verdicts.summary if verdicts else []
