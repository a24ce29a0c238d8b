"""Known public datasets: origin, licence, format and mapping of each, and known faults of its data.

Each entry is in the file of its kind of feedback. `dataset: NAME` in a study uses the entry's format, mapping,
objective and licence; the study's own settings override them.
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
