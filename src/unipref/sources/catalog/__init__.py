"""Known public datasets: where each is, its licence, how its rows are read, and the faults of its data.

An entry is data, in the file of its family. `dataset: NAME` in a study uses the format, mapping, objective and licence
of the entry; the study's own settings override them.
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
    """Returns the entry of that name.

    Raises:
        UserError: the name is unknown; the error suggests the nearest one.
    """
    for entry in DATASETS:
        if entry.name == name:
            return entry
    mend = f"{near_name(name, [d.name for d in DATASETS])} For your own data give 'format' and 'map' instead."
    raise UserError(f"unknown dataset '{name}'.", where=where, mend=mend)
