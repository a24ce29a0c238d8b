"""An audit for the terminal: one block per source, a line per question, readable at 80 columns."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from unipref.analysis.audit.findings import Audit, GoldVerdict, Lengths, Page

if TYPE_CHECKING:
    from rich.console import RenderableType

LANGUAGES = 6
"""Languages named; the others are counted together."""

Line = tuple[str, str, str]
"""Label, what is said, and a style."""


def terminal(found: Audit) -> "RenderableType":
    """The audit, and at its end what is notable: that is what stays on the screen."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = []
    for page in found.pages:
        head = Text(page.source, style="bold")
        facts = [page.kind, page.objective, page.licence, *([f"axis {page.axis}"] if page.axis else [])]
        parts += [head.append("  " + " · ".join(facts), style="not bold dim"), _block(_page(page)), Text()]
    if found.benchmarks:
        texts = ", ".join(f"{name} {n:,}" for name, n in found.benchmarks.texts.items())
        unread = found.benchmarks.unread
        lines = [("read", f"{texts} texts", "")]
        lines += [("not read", f"{len(unread):,}: {'; '.join(unread[:3])}", "yellow")] if unread else []
        parts += [Text("Benchmarks", style="bold"), _block(lines), Text()]
    if found.gold:
        parts += [Text("Gold", style="bold"), _block(_gold(found.gold)), Text()]
    parts.append(Text("Worth a look" if found.notable else "Nothing stands out.", style="bold"))
    parts += [Text(f"  • {item}") for item in found.notable]
    return Group(*parts)


def _block(lines: Iterable[Line]) -> "RenderableType":
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for label, said, style in lines:
        grid.add_row(Text(label, style="dim"), Text(said, style=style))
    return Padding(grid, (0, 0, 0, 2))


def _page(page: Page) -> Iterator[Line]:
    yield from _books(page)
    yield from _rejects(page)
    yield from _copies(page)
    yield from _length(page)
    yield from _prompts(page)
    cost = page.cost
    if cost.ordered:
        yield (
            "binary cost",
            f"{cost.ordered:,} ordered pairs in the data: {cost.kept:,} kept, {cost.implied:,} implied by them, "
            f"{cost.lost:,} lost ({_share(cost.lost, cost.ordered)})",
            "",
        )
    else:
        yield "binary cost", "no ordered pair in the data", ""
    by_axis = ", ".join(f"{axis} {agree}:{against}" for axis, (agree, against) in page.polarity.by_axis.items())
    said = page.polarity.verdict.replace("_", " ")
    style = "red" if page.polarity.verdict == "contradicts" else ""
    yield "polarity", f"{said}: {page.polarity.why}" + (f" (for:against {by_axis})" if by_axis else ""), style


def _books(page: Page) -> Iterator[Line]:
    books = page.books
    yield "rows", f"{books.rows:,} = {books.used:,} used + {books.rejected:,} rejected", ""
    yield "groups", f"{books.groups:,} = {books.projected:,} projected + {books.groups_rejected:,} rejected", ""
    sides = [(books.pairs, "pairs"), (books.only_chosen, "chosen only"), (books.only_rejected, "rejected only")]
    told = " + ".join(f"{n:,} {what}" for n, what in sides if n)
    yield "preferences", f"{books.preferences:,}" + (f" = {told}" if told else ""), ""
    if books.after_clean:
        yield "after clean", ", ".join(f"{part} {n:,}" for part, n in books.after_clean.items()), ""
    if books.faults:
        yield "balance", "NO: " + "; ".join(books.faults), "red"
    else:
        yield "balance", "yes", "green"


def _rejects(page: Page) -> Iterator[Line]:
    for place, reject in enumerate(page.rejects):
        said = f"{reject.count:,} {reject.reason} ({reject.level}), first {reject.example}: {reject.detail}"
        yield "" if place else "rejects", said, ""
    ties = page.ties
    if ties.ties or ties.contradictions:
        said = f"{ties.ties:,} of {ties.groups:,} groups ({_share(ties.ties, ties.groups)})"
        said += f"; {ties.contradictions:,} more whose judgements cancel out" if ties.contradictions else ""
        yield "ties", said, ""


def _copies(page: Page) -> Iterator[Line]:
    repeats, opposites = page.repeats, page.opposites
    if repeats.within or repeats.across:
        yield "duplicates", f"{repeats.within:,} within{_across(repeats.across)}", ""
        yield from _examples(repeats.examples)
    if opposites.within or opposites.across:
        said = f"{opposites.within:,} within, of {opposites.again:,} pairs judged again{_across(opposites.across)}"
        yield "opposites", said, "yellow"
        yield from _examples(opposites.examples)
    if not (repeats.within or repeats.across or opposites.within or opposites.across):
        yield "copies", "no duplicates, no opposite labels", ""


def _length(page: Page) -> Iterator[Line]:
    found = page.length
    if not found.pairs:
        return
    words = {
        "longer": "BIAS: chosen is the longer one",
        "shorter": "BIAS: chosen is the shorter one",
        "none": "no bias named",
        "too_few": "too few pairs to name a bias",
    }
    style = "yellow" if found.verdict in ("longer", "shorter") else ""
    yield "length", words[found.verdict], style
    for unit, lengths in (("characters", found.characters), ("words", found.words)):
        yield "", f"{unit}: {_lengths(lengths)}", ""


def _lengths(found: Lengths) -> str:
    if found.share is None or found.ratio is None:
        return "all equal"
    share = f"chosen longer {100 * found.share:.1f} % [{100 * found.low:.1f}, {100 * found.high:.1f}]"
    return f"{share} of {found.longer + found.shorter:,} that differ, mean ratio {found.ratio:.2f}"


def _prompts(page: Page) -> Iterator[Line]:
    languages, prompts = page.languages, page.prompts
    if languages.sampled:
        named = list(languages.found.items())
        told = ", ".join(f"{code} {_share(n, languages.sampled)}" for code, n in named[:LANGUAGES])
        rest = sum(n for _, n in named[LANGUAGES:])
        told += f", others {_share(rest, languages.sampled)}" if rest else ""
        yield "languages", f"{told} (of {languages.sampled:,} of {languages.prompts:,} prompts)", ""
    if prompts.shared:
        shared = ", ".join(f"{n:,} with {other}" for other, n in prompts.shared.items())
        yield "prompts", f"{prompts.different:,} different; shared {shared}", ""
        yield from _examples(prompts.examples)
    else:
        yield "prompts", f"{prompts.different:,} different, none in another source", ""
    for leak in prompts.leaks or ():
        said = f"{leak.benchmark}: prompts that are in it {leak.exact:,}, that overlap {leak.overlapping:,}"
        yield "benchmark", said, "yellow"
        yield from _examples(leak.examples)
    if prompts.leaks == []:
        yield "benchmark", "none of its prompts is in a benchmark", ""


def _gold(gold: GoldVerdict) -> Iterator[Line]:
    said = f"{gold.right} of {gold.entries} entries: {100 * gold.accuracy:.1f} %"
    yield "accuracy", f"{said} [{100 * gold.low:.1f}, {100 * gold.high:.1f}]", "red" if gold.wrong else "green"
    for place, (name, (right, n)) in enumerate(gold.by_file.items()):
        yield "" if place else "by file", f"{name} {right}/{n}", ""
    for wrong in gold.wrong:
        yield "wrong", f"entry {wrong.entry}, {wrong.origin}: expected {wrong.expected}; found {wrong.found}", "red"


def _examples(examples: Sequence[tuple[str, str]]) -> Iterator[Line]:
    for one, other in examples:
        yield "", f"{one} ~ {other}", "dim"


def _across(counts: dict[str, int]) -> str:
    return "".join(f", {n:,} with {other}" for other, n in counts.items())


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"
