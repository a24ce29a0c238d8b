"""The versions of one step of a solution: their verdicts, and what is used of them."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from unipref.core.records import Feedback, Messages, Reason, Reject, Response
from unipref.unify.mapping.turns import assistant_turn

Verdict = Literal["right", "wrong", "neutral"]


class Version(NamedTuple):
    """One version of a step.

    Attributes:
        content: its text; None if it cannot be read.
        verdict: None if it has no rating that can be read.
        reject: why text or rating cannot be read.
    """

    content: str | None
    verdict: Verdict | None = None
    reject: Reject | None = None


Versions = list[Version]


def compare_versions(prompt: Messages, versions: Versions) -> Feedback:
    """Returns the right and the wrong versions of a step as judged answers."""
    responses = [
        Response(messages=assistant_turn(version.content), approved=version.verdict == "right", n_judgements=0)
        for version in versions
        if version.content is not None and version.verdict in ("right", "wrong")
    ]
    return Feedback(prompt=prompt, responses=responses)


def count_unused_versions(
    versions: Versions, following: Version | None, is_compared: bool, field: str
) -> Iterator[Reject]:
    """Yields a reject for each rated version that is neither compared nor part of the solution."""
    for version in versions:
        if version is following:
            continue
        if version.verdict == "neutral":
            yield Reject(Reason.NEUTRAL, "the version is neutral: it is not compared with others", field)
        elif version.verdict == "right" and not is_compared:
            yield Reject(Reason.TIE, "the version is right, but no other version of the step is wrong", field)


def append_steps(prompt: Messages, steps: list[str]) -> Messages:
    """Returns the prompt with the steps appended to its last turn."""
    if not steps:
        return prompt
    last = prompt[-1]
    return [*prompt[:-1], {**last, "content": "\n".join([last["content"], "", *steps])}]
