"""Notes on what the clean stage removed, and its error if nothing is left."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from unipref.core.errors import UserError
from unipref.core.records import Reason

NOTABLE_SHARE = 0.2
"""Share of a source's preferences from which a note mentions their removal."""


def describe_cleaning(
    result: Mapping[str, Any], unread: Sequence[str], fetched: Sequence[str], heavy: Sequence[int]
) -> Iterator[str]:
    """Yields notes for the reader.

    Args:
        result: the result of `clean`.
        unread: benchmark rows and files that could not be read.
        fetched: benchmarks that fetch their own data.
        heavy: number of preferences of each family that is too large to be held out.
    """
    if redacted := result.get("redacted"):
        totals: Counter[str] = sum(map(Counter, redacted.values()), Counter())
        by_kind = ", ".join(f"{kind} {n:,}" for kind, n in sorted(totals.items()))
        yield f"personal data replaced by placeholders: {by_kind}"
    if removed := result["removed"]:
        by_reason = ", ".join(f"{reason} {n:,}" for reason, n in removed.items())
        yield f"{sum(removed.values()):,} preferences removed: {by_reason}"
    yield from _describe_removals(result)
    if unread:
        yield f"{len(unread)} benchmark rows or files could not be read, so not compared; the first: {unread[0]}"
    if fetched:
        yield (
            f"{', '.join(fetched)}: prompts were not compared with data that is fetched at evaluation; to compare "
            "them, put a copy of the data into the benchmark's folder under data_root"
        )
    for size in heavy:
        total = sum(result[part] for part in ("train", "dev", "test"))
        yield (
            f"{size:,} of {total:,} preferences have near-duplicate prompts and stay together in train. If their "
            "prompts share only a fixed text, raise clean.near.threshold or map that text to 'system'"
        )


def _describe_removals(result: Mapping[str, Any]) -> Iterator[str]:
    """Yields notes on opposite labels, on labels that agree, and on sources of which much is removed."""
    if opposite := result["removed"].get(Reason.CONTRADICTION.value, 0):
        subject = "1 preference has" if opposite == 1 else f"{opposite:,} preferences have"
        yield (
            f"{subject} the opposite label of another one on the same answers, which is more probable, or about which "
            "as little is known; `clean/removed.parquet` lists both"
        )
    for source, counts in result["by_source"].items():
        if agreeing := result["agreeing"].get(source, 0):
            subject = "1 preference agrees" if agreeing == 1 else f"{agreeing:,} preferences agree"
            yield f"{source}: {subject} with another source on the same answers; of equal ones, the first is trained on"
        for reason, n in counts.items():
            n -= agreeing if reason == Reason.DUPLICATE.value else 0
            if reason != "preferences" and n > NOTABLE_SHARE * counts["preferences"]:
                share = 100 * n / counts["preferences"]
                yield f"{source}: {share:.0f} % of its preferences were removed as {reason}" + _advice(reason)


def _advice(reason: str) -> str:
    if reason == Reason.BENCHMARK_MEANING.value:
        return "; look at some in clean/removed.parquet: if they ask something else, raise clean.meaning.threshold"
    if reason != Reason.BENCHMARK.value:
        return ""
    return (
        "; if a benchmark's 'data' contains training files too, set it to the test file, or set clean.benchmarks: false"
    )


def nothing_left_error(result: Mapping[str, Any]) -> UserError:
    """Makes the error for a study without a preference to train on."""
    counts = {part: result[part] for part in ("train", "dev", "test")}
    mend = "Lower split.dev and split.test, or add sources."
    if Reason.BENCHMARK.value in result["removed"]:
        mend += " If a benchmark's 'data' contains the training files too, set it to the test file."
    return UserError(
        f"no preference is left to train on: {counts} after removing {result['removed']}.", where="split", mend=mend
    )
