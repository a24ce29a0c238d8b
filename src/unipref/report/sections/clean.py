"""What clean did: the parts, what was removed of each source and why, leaks by benchmark, examples with their twins."""

from unipref.core.run_folder import CleanCounts
from unipref.report.content import Section, format_count, format_share
from unipref.report.tables import drop_missing, make_table

LEAKS = (
    "Compared are the user turns of prompts with all texts of five words or more; answers are not. A preference counts "
    "for each benchmark it is found in."
)
TWINS = "The twin is what is kept in its place or, for a benchmark's prompt, the text of the benchmark."


def cleaned_section(clean: CleanCounts | None) -> Section | None:
    """The section on split and clean; None when the run did not go so far."""
    if clean is None:
        return None
    parts = [[part, format_count(n)] for part, n in clean.parts().items()]
    removed = [
        [source, reason, format_count(n), format_share(n, clean.before(source))]
        for source in clean.by_source
        for reason, n in clean.removed_from(source).items()
    ]
    leaks = [[name, format_count(leak.texts), format_count(leak.found)] for name, leak in clean.benchmarks.items()]
    examples = [
        [reason, example.origin, example.twin_origin]
        for reason, several in clean.examples.items()
        for example in several
    ]
    tables = drop_missing(
        make_table("Preferences in each part", ["part", "preferences"], parts),
        make_table("Removed", ["source", "reason", "preferences", "share"], removed),
        make_table("Prompts that occur in benchmarks", ["benchmark", "texts", "preferences removed"], leaks, LEAKS),
        make_table("The first that were removed", ["reason", "preference", "twin"], examples, TWINS),
    )
    notes = ["Parts are split by group of prompts; training never sees dev or test.", *clean.notes]
    return Section("Split and clean", paragraphs=notes, tables=tables) if tables else None
