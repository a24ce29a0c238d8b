"""What a reader of an audit should look at, in words."""

from collections.abc import Iterator, Sequence

from unipref.analysis.audit.findings import GoldVerdict, Page

MANY_REJECTED, MANY_TIES = 0.2, 0.2
"""Share of a source's rows left out, and of its groups tied, from which it is said."""


def notable(pages: Sequence[Page], gold: GoldVerdict | None) -> list[str]:
    """One sentence per finding, source by source."""
    said = [f"{page.source}: {sentence}" for page in pages for sentence in _of(page)]
    if gold and gold.wrong:
        said.append(f"gold: {len(gold.wrong)} of {gold.entries} entries were converted otherwise")
    return said


def _of(page: Page) -> Iterator[str]:
    books = page.books
    yield from (f"the books do not balance: {fault}" for fault in books.faults)
    if not books.preferences:
        yield "no preference came of it"
    elif books.rejected >= MANY_REJECTED * books.rows:
        yield f"{_share(books.rejected, books.rows)} of its rows are left out"
    if books.groups and page.ties.ties >= MANY_TIES * books.groups:
        yield f"{_share(page.ties.ties, books.groups)} of its groups are ties"
    if page.polarity.verdict == "contradicts":
        yield f"the labels contradict the data: {page.polarity.why}"
    if page.length.verdict in ("longer", "shorter"):
        found = page.length.characters
        so = found.longer if page.length.verdict == "longer" else found.shorter
        share = _share(so, found.longer + found.shorter)
        yield f"chosen is {page.length.verdict} in {share} of the pairs that differ in length"
    if page.opposites.within:
        yield f"{_counted(page.opposites.within, 'pair is', 'pairs are')} in it with opposite labels"
    for other, n in page.opposites.across.items():
        yield f"{_counted(n, 'pair has', 'pairs have')} the opposite label in {other}"
    if page.repeats.within:
        yield f"{_counted(page.repeats.within, 'preference repeats', 'preferences repeat')} an earlier one"
    for leak in page.prompts.leaks or ():
        yield f"{_counted(leak.exact + leak.overlapping, 'prompt is', 'prompts are')} in benchmark {leak.benchmark}"


def _counted(n: int, one: str, more: str) -> str:
    return f"{n:,} {one if n == 1 else more}"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %"
