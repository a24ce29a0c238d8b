"""What a reader has to know of what clean did, in sentences."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from unipref.core.errors import UserError
from unipref.core.records import Reason

NOTABLE_SHARE = 0.2
"""Share of a source's preferences from which their removal is pointed out."""


def describe_cleaning(
    result: Mapping[str, Any], unread: Sequence[str], fetched: Sequence[str], heavy: Sequence[int]
) -> Iterator[str]:
    """Sentences for the reader.

    Args:
        result: what `clean` returns.
        unread: what could not be read of the benchmarks.
        fetched: benchmarks whose data are not here.
        heavy: preferences in each family that was too large to be held out.
    """
    if removed := result["removed"]:
        told = ", ".join(f"{reason} {n:,}" for reason, n in removed.items())
        yield f"{sum(removed.values()):,} preferences removed: {told}"
    for source, counts in result["by_source"].items():
        for reason, n in counts.items():
            if reason != "preferences" and n > NOTABLE_SHARE * counts["preferences"]:
                share = 100 * n / counts["preferences"]
                yield f"{source}: {share:.0f} % of its preferences are removed as {reason}" + _advice(reason)
    if unread:
        yield f"{len(unread)} rows or files of benchmarks cannot be read and were not compared; the first: {unread[0]}"
    if fetched:
        yield (
            f"{', '.join(fetched)}: what is fetched for the measurement was not compared with the prompts; a copy of "
            "it in the benchmark's folder under data_root is"
        )
    for size in heavy:
        total = sum(result[part] for part in ("train", "dev", "test"))
        yield (
            f"near-duplicate prompts tie {size:,} of {total:,} preferences together; they stay in train. If they share "
            "a fixed text only, raise clean.near.threshold, or map that text to 'system'"
        )


def _advice(reason: str) -> str:
    if reason != Reason.BENCHMARK.value:
        return ""
    return "; where a benchmark's 'data' holds training files too, name its test file, or set clean.benchmarks: false"


def nothing_left_error(result: Mapping[str, Any]) -> UserError:
    """The error for a study without a preference to train on."""
    counts = {part: result[part] for part in ("train", "dev", "test")}
    mend = "Lower split.dev and split.test, or add sources."
    if Reason.BENCHMARK.value in result["removed"]:
        mend += " Where a benchmark's 'data' holds the training files too, name its test file there."
    return UserError(
        f"no preference is left to train on: {counts} after removing {result['removed']}.", where="split", mend=mend
    )
