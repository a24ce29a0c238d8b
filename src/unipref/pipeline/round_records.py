"""What the manifest and messages say of a round."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from unipref.core.stage_cache import Stage
from unipref.study.steps import Step
from unipref.unify import ResolvedSource, rejection_warnings


def drop_answers_prefix(text: str) -> str:
    """Names the settings of rounds, which are those of a collection but for `answers`."""
    return text.replace("'answers.", "'")


def list_notes(name: str, stage: Stage) -> list[str]:
    """Lists what a reader should know of the stage `unified`, `clean` or `selected` of a round."""
    if name == "unified":
        return list(rejection_warnings(stage.result))
    warnings = stage.result["account"]["warnings"] if name == "selected" else []
    return [*stage.result["notes"], *warnings]


def count_decided(feedback: Path) -> int:
    """Counts the pairs of a file of votes on which some judge finds one answer better."""
    with feedback.open("rb") as file:
        votes = map(msgspec.json.decode, file)
        return len({vote["pair"] for vote in votes if vote["vote"] != "tie"})


def describe_votes(report: Mapping[str, Any]) -> str:
    """Describes what judges said who decided nothing."""
    lines = []
    for judge in report["judges"]:
        ties, pairs = judge["votes"]["tie"], judge["pairs"]
        said = f"called {ties} of {pairs} a tie and had no vote on {pairs - ties}" if pairs else "was asked about none"
        lines.append(f"{judge['judge']} {said}")
    answers = report["answers"]
    if cut := answers["answers"] - answers["ended"]:
        lines.append(f"{cut} of {answers['answers']} answers were cut off, which most judges are not asked about")
    return "; ".join(lines)


def describe_round(
    step: Step, start: str, stages: Mapping[str, Stage], prompts: Sequence[ResolvedSource]
) -> dict[str, Any]:
    """Returns the record of a round; `prompts`: the other sources that its prompts are from."""
    assert step.round is not None
    report = stages["feedback"].result
    answers = report["answers"]
    return {
        "number": step.round.number,
        "of": step.round.settings.n,
        "policy": start,
        "prompts": answers["prompts"],
        "answers": answers["answers"],
        "ended": answers["ended"],
        "pairs": answers["pairs"],
        "decided": report["decided_pairs"],
        "judges": [
            {
                "judge": judge["judge"],
                "pairs": judge["pairs"],
                "decided": judge["votes"]["first"] + judge["votes"]["second"],
                "ties": judge["votes"]["tie"],
                "mean_score": judge["mean_score"],
                "tested": judge["gold"]["text"] if judge["gold"] else judge["untested"] or "",
            }
            for judge in report["judges"]
        ],
        "preferences": sum(source["preferences"] for source in stages["unified"].result.values()),
        "removed": sum(stages["clean"].result["removed"].values()),
        "kept": stages["selected"].result["kept"],
        "objective": step.round.settings.objective,
        "prompt_sources": [
            {
                "name": source.projection.source,
                "licence": source.projection.licence,
                "used": report["sources"][source.projection.source]["used"],
            }
            for source in prompts
        ],
        "warnings": [
            *map(drop_answers_prefix, report["warnings"]),
            *(note for name in ("unified", "clean", "selected") for note in list_notes(name, stages[name])),
        ],
    }
