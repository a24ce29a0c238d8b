"""Sentences about annotators of whom a reader should know."""

from collections.abc import Iterator, Sequence

from unipref.core.display import shorten_name
from unipref.core.judge_reports import AnnotatorReport

MOST_NAMED = 5
"""Most people that a sentence names."""


def describe_odd_annotators(annotators: Sequence[AnnotatorReport]) -> Iterator[str]:
    """Yields sentences on those who judge about at random, who favour a place, and who contradict themselves."""
    if careless := sorted(one.name for one in annotators if one.is_near_chance):
        people = "1 annotator judges" if len(careless) == 1 else f"{len(careless)} annotators judge"
        count = "hardly counts" if len(careless) == 1 else "hardly count"
        yield f"{people} about at random and {count}: {_list_names(careless)}"
    favouring = sorted((one for one in annotators if one.favours_place), key=lambda one: (-one.n_shown, one.name))
    for one in favouring[:MOST_NAMED]:
        share = one.chose_first or 0.0
        share = share if one.favours_place == "first" else 1 - share
        subject = f"{shorten_name(one.name)} chose the answer shown {one.favours_place}"
        yield f"{subject} in {share:.0%} of {one.n_shown} pairs, clearly more often than the others"
    if len(favouring) > MOST_NAMED:
        yield f"{len(favouring) - MOST_NAMED} more annotators favour the answer shown first or last"
    if opposite := sorted((one for one in annotators if one.n_opposite), key=lambda one: (-one.n_opposite, one.name)):
        count = sum(one.n_opposite for one in opposite)
        people = "1 annotator" if len(opposite) == 1 else f"{len(opposite)} annotators"
        names = _list_names([one.name for one in opposite])
        verdict = "contradicts others of the same person and does not count"
        verdict = verdict if count == 1 else "contradict others of the same person and do not count"
        yield f"{count} judgement{'' if count == 1 else 's'} of {people} {verdict}: {names}"


def _list_names(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(map(shorten_name, names[:MOST_NAMED])) + more
