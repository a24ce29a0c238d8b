"""Known public datasets: origin, licence, format and mapping of each, and known faults of its data.

Each entry is one file in `datasets`, and the file's name is its name; no list has to be extended. `dataset: NAME` in a
study uses the entry's format, mapping, objective and licence; the study's own settings override them.
"""

import importlib
import pkgutil

from unipref.core.errors import UserError, near_name
from unipref.sources.catalog import datasets
from unipref.sources.catalog.entry import Dataset

__all__ = ["DATASETS", "Dataset", "dataset"]


def _read_entries() -> tuple[Dataset, ...]:
    """Returns the entry of each module in `datasets`, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(datasets.__path__))
    entries = [importlib.import_module(f"{datasets.__name__}.{name}").ENTRY for name in names]
    for name, entry in zip(names, entries, strict=True):
        if not isinstance(entry, Dataset) or entry.name != name:
            raise AssertionError(f"the module '{name}' must define ENTRY, a Dataset of the same name")
    return tuple(entries)


DATASETS: tuple[Dataset, ...] = _read_entries()


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
