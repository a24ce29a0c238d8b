"""Scores of a run's models without the benchmark items that also occur in its preferences, recomputed from disk."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from unipref.clean.text_overlap import MIN_WORDS, iterate_row_texts, split_words
from unipref.core.run_folder import Evaluated, Manifest, VariantInfo
from unipref.core.scores import Example, Score
from unipref.core.stats.statistic import Statistic
from unipref.core.text_keys import normalise
from unipref.evaluate.compare import Table, load_tables

LeakedItems = Mapping[str, Mapping[str, Sequence[str]]]
"""Benchmark -> how they were found -> texts; as `RunFolder.leaked_items`."""


@dataclass(frozen=True)
class LeakedScore:
    """A headline score of a model over all items, and without those that leaked.

    Attributes:
        evaluated: the model and the benchmark.
        whole, without: the two scores; without is None if no item is left.
        left_out, items: number of rows of the benchmark's table that hold a leaked text, and of all.
    """

    evaluated: Evaluated
    whole: Score
    without: Score | None
    left_out: int
    items: int


def compare_leaked(run: Path, manifest: Manifest, leaked: LeakedItems) -> list[LeakedScore]:
    """Computes the headline scores of every model on benchmarks of which items leaked.

    An item is left out if one of its texts of at least five words holds a leaked text or lies within one.

    Args:
        run: the run folder.
        manifest: its manifest.
        leaked: the leaked texts.
    """
    main = next(iter(manifest.variants.values()), VariantInfo())
    metrics = {label: headline.metric for label, headline in main.judged.items()}
    scores = []
    for one in manifest.evaluated if leaked else ():
        folder = run / one.folder
        if one.benchmark not in metrics or not folder.is_dir():
            continue
        table = load_tables(folder)[one.benchmark]
        texts = list(_list_texts(leaked, table.benchmark.name()))
        if texts and (score := _compare(one, table, texts, metrics[one.benchmark])) is not None:
            scores.append(score)
    return scores


def _list_texts(leaked: LeakedItems, benchmark: str) -> Iterator[str]:
    """Yields the leaked texts of a benchmark; of several data folders, those of all."""
    for name, kinds in leaked.items():
        if name == benchmark or (name.startswith(f"{benchmark}-") and name[len(benchmark) + 1 :].isdecimal()):
            for texts in kinds.values():
                yield from texts


def _compare(one: Evaluated, table: Table, texts: Sequence[str], metric: str) -> LeakedScore | None:
    examples = table.read_examples()
    kept = [example for example in examples if not _has_leaked(example, texts)]
    whole = _find(table, examples, metric)
    if whole is None:
        return None
    without = _find(table, kept, metric) if kept else None
    return LeakedScore(
        one, whole.score(), None if without is None else without.score(), len(examples) - len(kept), len(examples)
    )


def _find(table: Table, examples: Sequence[Example], metric: str) -> Statistic | None:
    """Finds the headline statistic over all examples of a split: in the corrected mode and of the test part, if any."""
    several = [s for s in table.statistics(examples).values() if s.metric == metric and s.slice == "all"]
    usable = [statistic for statistic in several if statistic.mode != "paper"]
    return min(usable, key=lambda one: (one.mode != "corrected", one.split != "test"), default=None)


def _has_leaked(example: Example, leaked: Sequence[str]) -> bool:
    own = [normalise(text) for text in iterate_row_texts(example)]
    long = [text for text in own if len(split_words(text)) >= MIN_WORDS]
    known = [text for text in leaked if len(split_words(text)) >= MIN_WORDS]
    return any(text in other or other in text for text in known for other in long)
