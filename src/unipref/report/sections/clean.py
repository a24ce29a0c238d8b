"""What clean did: the parts, what was removed of each source and why, leaks by benchmark, examples with their twins."""

from unipref.report.content import Section, count, share
from unipref.report.tables import Manifest, present, table

LEAKS = (
    "Compared are the user turns of prompts with all texts of five words or more; answers are not. A preference counts "
    "for each benchmark it is found in."
)
TWINS = "The twin is what is kept in its place or, for a benchmark's prompt, the text of the benchmark."


def cleaned_section(clean: Manifest) -> Section | None:
    """The section on split and clean; None when the run did not go so far."""
    parts = [[part, count(clean[part])] for part in ("train", "dev", "test") if part in clean]
    removed = [
        [source, reason, count(n), share(n, counts["preferences"])]
        for source, counts in (clean.get("by_source") or {}).items()
        for reason, n in counts.items()
        if reason != "preferences"
    ]
    leaks = [
        [name, count(found["texts"]), count(found["found"])] for name, found in (clean.get("benchmarks") or {}).items()
    ]
    examples = [
        [reason, example["origin"], example["twin_origin"]]
        for reason, several in (clean.get("examples") or {}).items()
        for example in several
    ]
    tables = present(
        table("Preferences in each part", ["part", "preferences"], parts),
        table("Removed", ["source", "reason", "preferences", "share"], removed),
        table("Prompts that occur in benchmarks", ["benchmark", "texts", "preferences removed"], leaks, LEAKS),
        table("The first that were removed", ["reason", "preference", "twin"], examples, TWINS),
    )
    said = ["Parts are split by group of prompts; training never sees dev or test.", *(clean.get("notes") or [])]
    return Section("Split and clean", paragraphs=said, tables=tables) if tables else None
