"""Known public datasets: where each is, its licence, how its rows are read, and what is odd about it.

An entry is data, in the file of its family. `dataset: NAME` in a study takes format, mapping, objective and licence
from here; the study's own settings go over it.
"""

from unipref.core.errors import UserError, near_name
from unipref.sources.catalog import comparisons, demonstrations, ratings, single_judgements
from unipref.sources.catalog.entry import Dataset

__all__ = ["DATASETS", "Dataset", "dataset"]

DATASETS: tuple[Dataset, ...] = tuple(
    sorted(
        (*comparisons.ENTRIES, *demonstrations.ENTRIES, *ratings.ENTRIES, *single_judgements.ENTRIES),
        key=lambda entry: entry.name,
    )
)


def dataset(name: str, where: str) -> Dataset:
    """The entry of that name.

    Raises:
        UserError: there is none; the near name is offered.
    """
    for entry in DATASETS:
        if entry.name == name:
            return entry
    mend = f"{near_name(name, [d.name for d in DATASETS])} For your own data give 'format' and 'map' instead."
    raise UserError(f"there is no known dataset '{name}'.", where=where, mend=mend)
