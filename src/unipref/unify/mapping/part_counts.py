"""Counts the rows whose messages hold more than text, and says what happens to these parts."""

from collections.abc import Iterator, Mapping

from unipref.core.messages import have_parts
from unipref.core.records import Feedback, Messages

REASONING, CALLS, RESULTS, IMAGES, TOOLS = "reasoning", "tool_calls", "tool_results", "images", "tools"
NO_TOOLS = "no_tools"
"""Rows without tools though the mapping says where they are."""


def find_parts(feedback: Feedback, has_tools: bool) -> set[str]:
    """Returns which parts besides text the messages of feedback hold.

    Args:
        feedback: of a row.
        has_tools: whether the mapping says where the tools are.
    """
    parts = set[str]()
    answers = [turn for response in feedback.responses for turn in response.messages]
    if have_parts(answers):
        parts.update(_iterate_parts(answers), [REASONING] if any(turn.get("reasoning") for turn in answers) else [])
    if have_parts(feedback.prompt):
        parts.update(_iterate_parts(feedback.prompt))
    if has_tools and TOOLS not in parts:
        parts.add(NO_TOOLS)
    return parts


def _iterate_parts(messages: Messages) -> Iterator[str]:
    for turn in messages:
        if turn["role"] == "tool":
            yield RESULTS
        yield from (part for part in (CALLS, IMAGES, TOOLS) if turn.get(part))


def describe_parts(counts: Mapping[str, int], rows: int, tools: str = "'tools'") -> Iterator[str]:
    """Yields what happens to the parts of a source's messages.

    Args:
        counts: part -> number of rows.
        rows: number of all rows.
        tools: what names the field of the tools.
    """
    if n := counts.get(REASONING):
        yield (
            f"in {n} of {rows} rows, answers hold reasoning, which is kept apart from the answer: training leaves it "
            "out unless a step sets 'reasoning: train'"
        )
    if n := counts.get(IMAGES):
        yield (
            f"in {n} of {rows} rows, messages hold images: their references are kept; 'sft' and 'dpo' read them if "
            "the model does, and other trainers leave such rows out"
        )
    if n := counts.get(NO_TOOLS):
        yield f"{n} of {rows} rows have nothing at the path of {tools}"
