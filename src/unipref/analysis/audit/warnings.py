"""Lists in words what a reader of an audit should look at."""

from collections.abc import Iterator, Sequence

from unipref.analysis.audit.findings import GoldAccuracy, SourceAudit
from unipref.analysis.audit.judges import JudgesAudit
from unipref.core.display import shorten_name

MANY_REJECTED, MANY_TIES = 0.2, 0.2
"""Share of a source's rows rejected, and of its groups tied, from which the audit says so."""
MOST_NAMED = 3
"""Most annotators named in a sentence."""


def find_notable(
    sources: Sequence[SourceAudit], gold: GoldAccuracy | None, judges: JudgesAudit | None = None
) -> list[str]:
    """Writes one sentence per finding, source by source."""
    sentences = [f"{source.source}: {sentence}" for source in sources for sentence in _describe(source)]
    if gold and gold.wrong:
        sentences.append(f"gold: the conversion misses {len(gold.wrong)} of {gold.entries} entries")
    return [*sentences, *(_describe_judges(judges) if judges else ())]


def _describe_judges(judges: JudgesAudit) -> Iterator[str]:
    if judges.inverted:
        names = ", ".join(shorten_name(one.name) for one in judges.most_inverted[:MOST_NAMED])
        names += f" and {judges.inverted - MOST_NAMED:,} more" if judges.inverted > MOST_NAMED else ""
        yield f"judges: {_count(judges.inverted, 'annotator judges', 'annotators judge')} against all others: {names}"
    if judges.convergence and not judges.convergence.has_converged:
        yield f"judges: the fit of {judges.aggregate} has not converged after {judges.convergence.steps} steps"


def _describe(source: SourceAudit) -> Iterator[str]:
    counts = source.counts
    yield from (f"the counts do not add up: {fault}" for fault in counts.faults)
    if not counts.preferences:
        yield "it yields no preferences"
    elif counts.rejected >= MANY_REJECTED * counts.rows:
        yield f"{_share(counts.rejected, counts.rows)} of its rows are rejected"
    if counts.groups and source.ties.ties >= MANY_TIES * counts.groups:
        yield f"{_share(source.ties.ties, counts.groups)} of its groups are ties"
    if source.polarity.verdict == "contradicts":
        yield f"the labels contradict the data: {source.polarity.why}"
    elif source.polarity.verdict == "mixed":
        yield f"the labels are mixed: {source.polarity.why}"
    yield from _describe_labels(source)
    if source.length.verdict in ("longer", "shorter"):
        lengths = source.length.characters
        n = lengths.longer if source.length.verdict == "longer" else lengths.shorter
        share = _share(n, lengths.longer + lengths.shorter)
        yield f"chosen is {source.length.verdict} in {share} of the pairs that differ in length"
    if source.opposites.within:
        yield f"{_count(source.opposites.within, 'pair has', 'pairs have')} opposite labels within the source"
    for other, n in source.opposites.across.items():
        yield f"{_count(n, 'pair has', 'pairs have')} the opposite label in {other}"
    if source.repeats.within:
        yield f"{_count(source.repeats.within, 'preference repeats', 'preferences repeat')} an earlier one"
    yield from _describe_texts(source)


def _describe_labels(source: SourceAudit) -> Iterator[str]:
    if source.judges is None:
        return
    for scale in source.judges.scales:
        if scale.is_inverted:
            axis = f" on '{shorten_name(scale.axis)}'" if scale.axis else ""
            yield f"the other judges contradict its judgements of kind {scale.kind}{axis}: the scale looks inverted"
    if source.judges.overruled and source.judges.overruled.all:
        number = _count(source.judges.overruled.all, "preference contradicts", "preferences contradict")
        yield f"{number} all judgements taken together"


def _describe_texts(source: SourceAudit) -> Iterator[str]:
    if source.personal_data:
        kinds = ", ".join(f"{data.kind} {data.values:,}" for data in source.personal_data)
        yield f"its texts have what looks like personal data ({kinds}); clean.redact replaces it"
    for leak in source.prompts.leaks or ():
        yield f"{_count(leak.exact + leak.overlapping, 'prompt occurs', 'prompts occur')} in benchmark {leak.benchmark}"


def _count(n: int, one: str, more: str) -> str:
    return f"{n:,} {one if n == 1 else more}"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %"
