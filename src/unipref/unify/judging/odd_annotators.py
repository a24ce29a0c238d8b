"""Sentences about annotators of whom a reader should know."""

from collections.abc import Iterator, Sequence

from unipref.core.display import shorten_name
from unipref.core.judge_reports import AnnotatorReport

MOST_NAMED = 5
"""Most people that a sentence names."""


def describe_inverted(annotators: Sequence[AnnotatorReport]) -> Iterator[str]:
    """Yields sentences on those who judge against all others. Where all judgements of a person are in a source that is
    the wrong way round, the source may be to blame.
    """
    inverted = sorted((one for one in annotators if one.is_inverted), key=lambda one: (one.reliability or 0, one.name))
    people = [one for one in inverted if one.inverted_source is None]
    if people:
        first = people[0]
        subject = "1 annotator judges" if len(people) == 1 else f"{len(people)} annotators judge"
        others = f"; the others: {_list_names([one.name for one in people[1:]])}" if len(people) > 1 else ""
        yield (
            f"{subject} against all others, so what they prefer counts as worse: {shorten_name(first.name)} has the "
            f"reliability {first.reliability:.2f} (95 % interval {first.low:.2f} to {first.high:.2f}){others}"
        )
    for source in dict.fromkeys(one.inverted_source for one in inverted if one.inverted_source is not None):
        names = _list_names([one.name for one in inverted if one.inverted_source == source])
        yield (
            f"{names} judged only in source {source}, which is the other way round than others: whether the people or "
            "the source are is not known"
        )


def describe_odd_annotators(annotators: Sequence[AnnotatorReport]) -> Iterator[str]:
    """Yields sentences on those who judge about at random, who favour a place, and who contradict themselves."""
    if careless := sorted(one.name for one in annotators if one.is_near_chance):
        is_one = len(careless) == 1
        people = "1 annotator judges" if is_one else f"{len(careless)} annotators judge"
        yield f"{people} about at random and hardly count{'s' if is_one else ''}: {_list_names(careless)}"
    favouring = sorted((one for one in annotators if one.favours_place), key=lambda one: (-one.n_shown, one.name))
    for one in favouring[:MOST_NAMED]:
        share = one.chose_first or 0.0
        share = share if one.favours_place == "first" else 1 - share
        subject = f"{shorten_name(one.name)} chose the answer shown {one.favours_place}"
        yield f"{subject} in {share:.0%} of {one.n_shown} pairs, clearly more often than the others"
    if len(favouring) > MOST_NAMED:
        yield f"{len(favouring) - MOST_NAMED} more annotators favour the answer shown first or last"
    if opposite := sorted((one for one in annotators if one.n_opposite), key=lambda one: (-one.n_opposite, one.name)):
        number = sum(one.n_opposite for one in opposite)
        people = "1 annotator" if len(opposite) == 1 else f"{len(opposite)} annotators"
        names = _list_names([one.name for one in opposite])
        yield f"{number} judgements of {people} contradict others of the same person and do not count: {names}"


def _list_names(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(map(shorten_name, names[:MOST_NAMED])) + more
