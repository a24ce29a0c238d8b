"""What a collection shows: counts, tests of the judges, costs and warnings."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from unipref.collect.corrections_file import CorrectionCounts
from unipref.collect.feedback_file import name_model
from unipref.collect.gold_pairs import Agreement
from unipref.collect.judging import JudgeResult, compare_judges
from unipref.collect.load import ResolvedCollection
from unipref.collect.pairs import AnswerCounts, OwnPair
from unipref.collect.prompts import Prompt, PromptCounts
from unipref.core.votes import decide_vote

MOST_UNENDED, MOST_SAME, MOST_REPETITIVE, MOST_UNREAD = 0.5, 0.2, 0.2, 0.2
"""Shares above which a warning says so."""


def build_report(
    loaded: ResolvedCollection,
    prompts: Sequence[Prompt],
    prompt_counts: Mapping[str, PromptCounts],
    answers: AnswerCounts,
    pairs: Sequence[OwnPair],
    results: Sequence[JudgeResult],
    rows: int,
    corrected: CorrectionCounts | None,
) -> dict[str, Any]:
    """Returns the content of `collect.json`: plain JSON values, the same for the same votes."""
    judges = [_describe_judge(result, results, pairs, [prompt.key for prompt in prompts]) for result in results]
    constraints = Counter(constraint.kind for prompt in prompts for constraint in prompt.constraints)
    settings = loaded.settings
    decided = sum(
        opinion.vote in ("first", "second")
        for result in results
        for given in result.opinions.values()
        for opinion in given
    )
    return {
        "name": settings.name,
        "policy": name_model(settings.model),
        "settings": settings.model_dump(
            mode="json", include={"prompts", "constraints", "answers", "corrections", "pairs", "objective"}
        ),
        "sources": {
            name: {**vars(counts), "reasons": dict(sorted(counts.reasons.items()))}
            for name, counts in prompt_counts.items()
        },
        "constraints": dict(sorted(constraints.items())),
        "answers": msgspec.to_builtins(answers),
        "corrections": msgspec.to_builtins(corrected),
        "judges": judges,
        "rows": rows,
        "decided": decided,
        "warnings": [
            *_warn_of_answers(answers, settings.answers.max_new_tokens),
            *_warn_of_corrections(corrected),
            *_warn_of_judges(results),
            *_warn_of_ties(rows, decided),
        ],
    }


def _warn_of_corrections(counts: CorrectionCounts | None) -> list[str]:
    if counts is None or counts.corrected:
        return []
    return [
        f"no answer could be corrected: {counts.followed} follow their constraints already, {counts.repetitive} repeat "
        f"themselves, and no rule can correct {counts.unchanged}: they were cut off too early, or need new words. "
        "corrections.jsonl is empty."
    ]


def _warn_of_ties(rows: int, decided: int) -> list[str]:
    if decided or not rows:
        return []
    votes = "the only vote is a tie" if rows == 1 else f"all {rows} votes are ties"
    return [f"{votes}, so no preference can be made of them: nobody calls one of two answers better."]


def _describe_judge(
    result: JudgeResult, results: Sequence[JudgeResult], pairs: Sequence[OwnPair], prompts: Sequence[str]
) -> dict[str, Any]:
    votes = Counter(decide_vote(given) or "none" for given in result.opinions.values())
    whys = Counter(
        opinion.why_not for given in result.opinions.values() for opinion in given if opinion.why_not is not None
    )
    others = [
        other for other in results if other is not result and (not other.judge.is_fallible or other.judge.has_people)
    ]
    own = {
        other.judge.annotator(): agreement
        for other in others
        if result.judge.is_fallible and (agreement := compare_judges(result, other, pairs, prompts)) is not None
    }
    return {
        "judge": result.judge.annotator(),
        "kind": result.judge.name(),
        "settings": result.judge.model_dump(mode="json"),
        "pairs": result.asked,
        "votes": {name: votes[name] for name in ("first", "second", "tie", "none")},
        "why_no_vote": dict(sorted(whys.items())),
        "mean_score": _average_scores(result, pairs),
        "gold": None if result.gold is None else _as_dict(result.gold),
        "untested": result.untested,
        "own_answers": {name: _as_dict(agreement) for name, agreement in own.items()},
        "place": _measure_place(result),
        "cost": _sum_cost(result),
        "stopped": result.stopped,
        "left_out": result.is_left_out,
    }


def _as_dict(agreement: Agreement) -> dict[str, Any]:
    return {**msgspec.to_builtins(agreement), "text": agreement.description}


def _average_scores(result: JudgeResult, pairs: Sequence[OwnPair]) -> float | None:
    """Returns the mean score of the answers in judged pairs, each text of a prompt once; None without scores."""
    scores = {}
    for pair in pairs:
        for opinion in result.opinions.get(pair.to_judge.key, []):
            if opinion.scores is not None and all(map(math.isfinite, opinion.scores)):
                scores[pair.place, pair.first.text], scores[pair.place, pair.second.text] = opinion.scores
    return sum(scores.values()) / len(scores) if scores else None


def _measure_place(result: JudgeResult) -> dict[str, Any] | None:
    """Returns how a judge that was asked in both orders depends on the order; None for others."""
    both = [
        opinion.details["votes"]
        for given in [*result.opinions.values(), *result.gold_opinions]
        for opinion in given
        if len(opinion.details.get("votes", ())) == 2 and None not in opinion.details["votes"]
    ]
    if not both:
        return None
    # In the first order the first answer is shown first, in the second order the second one.
    shown_first = sum((votes[0] == "first") + (votes[1] == "second") for votes in both)
    decided = sum(vote != "tie" for votes in both for vote in votes)
    return {
        "pairs": len(both),
        "same_verdict": sum(votes[0] == votes[1] for votes in both) / len(both),
        "chose_shown_first": shown_first / decided if decided else None,
    }


def _sum_cost(result: JudgeResult) -> dict[str, Any] | None:
    """Returns the requests and tokens of a judge that keeps them, and the cost by the price in its settings."""
    details = [
        opinion.details
        for given in [*result.opinions.values(), *result.gold_opinions]
        for opinion in given
        if "requests" in opinion.details
    ]
    if not details:
        return None
    tokens = [one["tokens"] for one in details if one["tokens"] is not None]
    read, written = sum(one[0] for one in tokens), sum(one[1] for one in tokens)
    price = getattr(result.judge, "price", None)
    return {
        "requests": sum(one["requests"] for one in details),
        "tokens_read": read,
        "tokens_written": written,
        "uncounted": sum(one["tokens"] is None for one in details),
        "cost": None if price is None else (read * price.input + written * price.output) / 1e6,
    }


def _warn_of_answers(counts: AnswerCounts, new_tokens: int) -> list[str]:
    warnings = []
    total = max(counts.answers, 1)
    if 1 - counts.ended / total > MOST_UNENDED:
        warnings.append(
            f"the policy ended {counts.ended} of {counts.answers} answers; the others were cut off at {new_tokens} "
            "tokens and are in no pair of a judge of whole answers. Raise 'answers.max_new_tokens'."
        )
    if counts.same > MOST_SAME * max(counts.prompts, 1):
        warnings.append(
            f"to {counts.same} of {counts.prompts} prompts all answers are the same text and give no pair. Raise "
            "'answers.temperature'."
        )
    if counts.repetitive > MOST_REPETITIVE * total:
        warnings.append(
            f"{counts.repetitive} of {counts.answers} answers repeat themselves: more than half of their runs of four "
            "words occurred before. Lower 'answers.temperature', or use another policy."
        )
    return warnings


def _warn_of_judges(results: Sequence[JudgeResult]) -> list[str]:
    warnings = []
    for result in results:
        name = result.judge.annotator()
        if result.gold is not None and result.gold.is_weak:
            use = (
                "It judged nothing" if result.is_left_out else "Its votes are in the feedback, because keep_weak is set"
            )
            warnings.append(f"{name} is not clearly better than chance: agreement {result.gold.description}. {use}.")
        elif result.gold is not None and not result.gold.is_known:
            warnings.append(f"{name} is not tested: agreement {result.gold.description}.")
        elif result.judge.is_fallible and result.untested is not None and not result.judge.has_people:
            warnings.append(f"{name} is not tested: {result.untested}. Set 'gold'.")
        missing = sum(decide_vote(given) is None for given in result.opinions.values())
        if missing > MOST_UNREAD * max(len(result.opinions), 1) and not result.judge.has_people:
            whys = sorted({o.why_not for given in result.opinions.values() for o in given if o.why_not is not None})
            warnings.append(f"{name} has no vote on {missing} of {len(result.opinions)} pairs: {'; '.join(whys)}.")
        if result.stopped is not None:
            done = f"{len(result.opinions)} of {result.asked} pairs are judged"
            warnings.append(f"{name} stopped: {result.stopped}. {done}. {result.mend}")
    return warnings


def format_report(report: Mapping[str, Any]) -> str:
    """Formats the report as Markdown."""
    answers = report["answers"]
    lines = [f"# {report['name']}", "", f"Policy: {report['policy']}", "", "## Prompts", ""]
    lines += ["| source | rows | unread | repeated | with tools or images | used |", "|---|---|---|---|---|---|"]
    for name, one in report["sources"].items():
        counts = [one[key] for key in ("rows", "unread", "repeated", "with_parts", "used")]
        lines.append(f"| {name} | {' | '.join(map(str, counts))} |")
    lines += ["", "## Answers", ""]
    lines.append(
        f"{answers['answers']} answers to {answers['prompts']} prompts, {answers['tokens']} tokens. The policy ended "
        f"{answers['ended']}; {answers['empty']} are empty, {answers['repetitive']} repeat themselves. To "
        f"{answers['same']} prompts all answers are the same."
    )
    lines += [f"- {count} prompts are not answered: {why}" for why, count in answers["unanswered"].items()]
    if corrected := report["corrections"]:
        lines += [
            "",
            f"Corrected by rule: {corrected['corrected']} answers to {corrected['corrected_prompts']} of "
            f"{corrected['prompts']} prompts with constraints. Of the others that were looked at, "
            f"{corrected['repetitive']} repeat themselves, {corrected['followed']} follow all constraints already, "
            f"as far as they go, and no rule can correct {corrected['unchanged']}.",
        ]
    lines += ["", f"{answers['pairs']} pairs, {answers['unended_pairs']} of them with an answer that was cut off."]
    lines += ["", "## Judges", ""]
    lines += [
        "| judge | pairs | first | second | tie | no vote | mean score | agreement with gold pairs | on own answers |"
    ]
    lines += ["|---|---|---|---|---|---|---|---|---|"]
    for judge in report["judges"]:
        votes = [judge["votes"][key] for key in ("first", "second", "tie", "none")]
        score = "" if judge["mean_score"] is None else f"{judge['mean_score']:.4g}"
        gold = judge["gold"]["text"] if judge["gold"] else judge["untested"] or ""
        own = "; ".join(f"with {name}: {one['text']}" for name, one in judge["own_answers"].items())
        lines.append(
            f"| {judge['judge']} | {judge['pairs']} | {' | '.join(map(str, votes))} | {score} | {gold} | {own} |"
        )
    lines += ["", "Agreement is the share of pairs with the same better answer; a tie counts half, chance is .5. The "]
    lines[-1] += "interval (95 %) is over prompts."
    lines += [""] + [line for judge in report["judges"] for line in _format_place_and_cost(judge)]
    lines += ["", f"The feedback has {report['rows']} rows, one for each vote; {report['decided']} are no tie."]
    if report["warnings"]:
        lines += ["", "## Warnings", "", *(f"- {warning}" for warning in report["warnings"])]
    return "\n".join(lines) + "\n"


def _format_place_and_cost(judge: Mapping[str, Any]) -> list[str]:
    lines = []
    if place := judge["place"]:
        share = place["chose_shown_first"]
        first = "" if share is None else f"; of all decided replies {share:.3f} chose the answer shown first"
        lines.append(
            f"- {judge['judge']}: the same verdict in both orders on {place['same_verdict']:.3f} of {place['pairs']} "
            f"pairs{first}"
        )
    if cost := judge["cost"]:
        price = "" if not cost["cost"] else f", cost {cost['cost']:.4g}"
        uncounted = f"; {cost['uncounted']} pairs without a count of tokens" if cost["uncounted"] else ""
        lines.append(
            f"- {judge['judge']}: its judgements took {cost['requests']} requests, {cost['tokens_read']} tokens read, "
            f"{cost['tokens_written']} written{price}{uncounted}"
        )
    return lines
