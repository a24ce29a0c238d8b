"""The section on split and clean: sizes of the parts, removals by source and reason, benchmark leaks, examples."""

from unipref.core.run_folder import CleanCounts
from unipref.report.content import Section, format_count, format_share
from unipref.report.tables import drop_missing, make_table

LEAK_NOTE = (
    "The user turns of prompts are compared with all benchmark texts of at least five words; answers are not compared. "
    "A preference counts once for each benchmark that contains its prompt."
)
REDACTED_NOTE = (
    "Values recognised by their form in prompt, chosen and rejected (docs/audit.md). Other personal data may be left. "
    "unified/ and the source files still have the values."
)
TWIN_NOTE = "Twin: the preference that was kept instead or, for a benchmark prompt, the benchmark's text."


def make_clean_section(clean: CleanCounts | None) -> Section | None:
    """The section; None if the run has not reached clean."""
    if clean is None:
        return None
    parts = [[part, format_count(n)] for part, n in clean.parts().items()]
    removed = [
        [source, reason, format_count(n), format_share(n, clean.before(source))]
        for source in clean.by_source
        for reason, n in clean.removed_from(source).items()
    ]
    leaks = [
        [name, format_count(leak.texts), format_count(leak.found), format_count(leak.by_meaning)]
        for name, leak in clean.benchmarks.items()
    ]
    redacted = [
        [source, kind, format_count(n)] for source, by_kind in clean.redacted.items() for kind, n in by_kind.items()
    ]
    examples = [
        [reason, example.origin, example.twin_origin]
        for reason, several in clean.examples.items()
        for example in several
    ]
    tables = drop_missing(
        make_table("Preferences in each part", ["part", "preferences"], parts),
        make_table("Removed preferences", ["source", "reason", "preferences", "share"], removed),
        make_table(
            "Prompts that occur in benchmarks", ["benchmark", "texts", "by words", "by meaning alone"], leaks, LEAK_NOTE
        ),
        make_table("Personal data replaced by placeholders", ["source", "kind", "values"], redacted, REDACTED_NOTE),
        make_table("Examples of removed preferences", ["reason", "preference", "twin"], examples, TWIN_NOTE),
    )
    notes = ["The data are split by groups of prompts; training never uses dev or test.", *clean.notes]
    return Section("Split and clean", paragraphs=notes, tables=tables) if tables else None
