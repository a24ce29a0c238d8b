"""Renders an audit for the terminal: one block per source, one line per figure, at 80 columns."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from unipref.analysis.audit.findings import Audit, GoldAccuracy, Lengths, SourceAudit
from unipref.analysis.audit.judge_lines import describe_calibration, describe_judges, describe_source_judges
from unipref.core.display import shorten_name

if TYPE_CHECKING:
    from rich.console import RenderableType

LANGUAGES = 6
"""Maximum number of languages named; the others are counted together."""
MOST_PARTS = 5
"""Most files and raters whose votes are shown."""

Line = tuple[str, str, str]
"""Label, text and style."""

MOST_WRONG = 20
"""Most wrong entries of a gold file that are listed."""


def render_terminal(audit: Audit) -> "RenderableType":
    """Renders the audit. The notable findings come last, where they stay on the screen."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = []
    for source in audit.sources:
        head = Text(source.source, style="bold")
        facts = [source.kind, source.objective, source.licence, *([f"axis {source.axis}"] if source.axis else [])]
        parts += [head.append("  " + " · ".join(facts), style="not bold dim"), _block(_describe_source(source)), Text()]
    if audit.benchmarks:
        texts = ", ".join(f"{name} {n:,}" for name, n in audit.benchmarks.texts.items())
        unread = audit.benchmarks.unread
        lines = [("read", f"{texts} texts", "")]
        lines += [("not read", f"{len(unread):,}: {'; '.join(unread[:3])}", "yellow")] if unread else []
        parts += [Text("Benchmarks", style="bold"), _block(lines), Text()]
    if audit.judges:
        parts += [Text("Judges", style="bold"), _block(describe_judges(audit.judges)), Text()]
    if audit.gold:
        parts += [Text("Gold", style="bold"), _block(_describe_gold(audit.gold)), Text()]
    if audit.truth:
        bins = describe_calibration(audit.truth.calibration)
        parts += [Text("Right labels by confidence", style="bold"), _block(bins), Text()]
    parts.append(Text("Worth a look" if audit.notable else "Nothing stands out.", style="bold"))
    parts += [Text(f"  • {item}") for item in audit.notable]
    return Group(*parts)


def _block(lines: Iterable[Line]) -> "RenderableType":
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text, style in lines:
        grid.add_row(Text(label, style="dim"), Text(text, style=style))
    return Padding(grid, (0, 0, 0, 2))


def _describe_source(source: SourceAudit) -> Iterator[Line]:
    yield from _describe_counts(source)
    yield from _describe_rejects(source)
    yield from _describe_copies(source)
    yield from _describe_length(source)
    yield from _describe_prompts(source)
    yield from _describe_personal_data(source)
    cost = source.cost
    if cost.ordered:
        yield (
            "binary cost",
            f"{cost.ordered:,} ordered pairs in the data: {cost.kept:,} kept, {cost.implied:,} implied by them, "
            f"{cost.lost:,} lost ({_share(cost.lost, cost.ordered)})",
            "",
        )
    else:
        yield "binary cost", "no ordered pairs in the data", ""
    by_axis = ", ".join(f"{axis} {agree}:{against}" for axis, (agree, against) in source.polarity.by_axis.items())
    verdict = source.polarity.in_words
    style = "red" if source.polarity.verdict == "contradicts" else ""
    yield "polarity", f"{verdict}: {source.polarity.why}" + (f" (for:against {by_axis})" if by_axis else ""), style
    for what, parts in (("files", source.polarity.by_file), ("raters", source.polarity.by_rater)):
        if len(parts) > 1:
            listed = ", ".join(
                f"{shorten_name(name)} {agree}:{against}" + (f" {verdict}" if verdict else "")
                for name, agree, against, verdict in parts[:MOST_PARTS]
            )
            yield f"polarity by {what}", f"for:against {listed}", ""
    if source.judges:
        yield from describe_source_judges(source.judges)


def _describe_counts(source: SourceAudit) -> Iterator[Line]:
    counts = source.counts
    yield "rows", f"{counts.rows:,} = {counts.used:,} used + {counts.rejected:,} rejected", ""
    yield "groups", f"{counts.groups:,} = {counts.projected:,} projected + {counts.groups_rejected:,} rejected", ""
    sides = [(counts.pairs, "pairs"), (counts.only_chosen, "chosen only"), (counts.only_rejected, "rejected only")]
    parts = " + ".join(f"{n:,} {kind}" for n, kind in sides if n)
    yield "preferences", f"{counts.preferences:,}" + (f" = {parts}" if parts else ""), ""
    if counts.after_clean:
        yield "after clean", ", ".join(f"{part} {n:,}" for part, n in counts.after_clean.items()), ""
    if counts.faults:
        yield "balance", "NO: " + "; ".join(counts.faults), "red"
    else:
        yield "balance", "yes", "green"


def _describe_rejects(source: SourceAudit) -> Iterator[Line]:
    for place, reject in enumerate(source.rejects):
        text = f"{reject.count:,} {reject.reason} ({reject.level}), first {reject.example}: {reject.detail}"
        yield "" if place else "rejects", text, ""
    ties = source.ties
    if ties.ties or ties.contradictions:
        text = f"{ties.ties:,} of {ties.groups:,} groups ({_share(ties.ties, ties.groups)})"
        text += f"; {ties.contradictions:,} more whose judgements cancel out" if ties.contradictions else ""
        yield "ties", text, ""


def _describe_copies(source: SourceAudit) -> Iterator[Line]:
    repeats, opposites = source.repeats, source.opposites
    if repeats.within or repeats.across:
        yield "duplicates", f"{repeats.within:,} within{_across(repeats.across)}", ""
        yield from _examples(repeats.examples)
    if opposites.within or opposites.across:
        text = f"{opposites.within:,} within, of {opposites.again:,} pairs judged again{_across(opposites.across)}"
        yield "opposites", text, "yellow"
        yield from _examples(opposites.examples)
    if not (repeats.within or repeats.across or opposites.within or opposites.across):
        yield "copies", "no duplicates, no opposite labels", ""


def _describe_length(source: SourceAudit) -> Iterator[Line]:
    bias = source.length
    if not bias.pairs:
        return
    words = {
        "longer": "BIAS: chosen is usually longer",
        "shorter": "BIAS: chosen is usually shorter",
        "none": "no bias",
        "too_few": "too few pairs to name a bias",
    }
    style = "yellow" if bias.verdict in ("longer", "shorter") else ""
    yield "length", words[bias.verdict], style
    for unit, lengths in (("characters", bias.characters), ("words", bias.words)):
        yield "", f"{unit}: {_describe_lengths(lengths)}", ""


def _describe_lengths(lengths: Lengths) -> str:
    if lengths.share is None or lengths.ratio is None:
        return "all equal"
    share = f"chosen longer {100 * lengths.share:.1f} % [{100 * lengths.low:.1f}, {100 * lengths.high:.1f}]"
    return f"{share} of {lengths.longer + lengths.shorter:,} that differ, mean ratio {lengths.ratio:.2f}"


def _describe_prompts(source: SourceAudit) -> Iterator[Line]:
    languages, prompts = source.languages, source.prompts
    if languages.sampled:
        counts = list(languages.found.items())
        shares = ", ".join(f"{code} {_share(n, languages.sampled)}" for code, n in counts[:LANGUAGES])
        rest = sum(n for _, n in counts[LANGUAGES:])
        shares += f", others {_share(rest, languages.sampled)}" if rest else ""
        yield "languages", f"{shares} (of {languages.sampled:,} of {languages.prompts:,} prompts)", ""
    if prompts.shared:
        shared = ", ".join(f"{n:,} with {other}" for other, n in prompts.shared.items())
        yield "prompts", f"{prompts.different:,} distinct; shared: {shared}", ""
        yield from _examples(prompts.examples)
    else:
        yield "prompts", f"{prompts.different:,} distinct, none in another source", ""
    for leak in prompts.leaks or ():
        text = f"{leak.benchmark}: {leak.exact:,} prompts are in it, {leak.overlapping:,} overlap"
        yield "benchmark", text, "yellow"
        yield from _examples(leak.examples)
    if prompts.leaks == []:
        yield "benchmark", "no prompt occurs in a benchmark", ""


def _describe_personal_data(source: SourceAudit) -> Iterator[Line]:
    for place, data in enumerate(source.personal_data):
        examples = "; ".join(f"{origin}: {form}" for origin, form in data.examples)
        text = f"{data.kind}: {data.values:,} values in {data.preferences:,} preferences, such as {examples}"
        yield "" if place else "personal data", text, "yellow"
    if not source.personal_data:
        yield "personal data", "none recognised by its form", ""


def _describe_gold(gold: GoldAccuracy) -> Iterator[Line]:
    text = f"{gold.right} of {gold.entries} entries: {100 * gold.accuracy:.1f} %"
    yield "accuracy", f"{text} [{100 * gold.low:.1f}, {100 * gold.high:.1f}]", "red" if gold.wrong else "green"
    for place, (name, (right, n)) in enumerate(gold.by_file.items()):
        yield "" if place else "by file", f"{name} {right}/{n}", ""
    if gold.overruled:
        more = (
            "1 more entry is on a preference" if gold.overruled == 1 else f"{gold.overruled:,} more entries are on ones"
        )
        yield "overruled", f"{more} left out as overruled", ""
    for wrong in gold.wrong[:MOST_WRONG]:
        yield "wrong", f"entry {wrong.entry}, {wrong.origin}: expected {wrong.expected}; found {wrong.found}", "red"
    if len(gold.wrong) > MOST_WRONG:
        yield "", f"and {len(gold.wrong) - MOST_WRONG:,} more; --json lists all", "red"


def _examples(examples: Sequence[tuple[str, str]]) -> Iterator[Line]:
    for one, other in examples:
        yield "", f"{one} ~ {other}", "dim"


def _across(counts: dict[str, int]) -> str:
    return "".join(f", {n:,} with {other}" for other, n in counts.items())


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"
