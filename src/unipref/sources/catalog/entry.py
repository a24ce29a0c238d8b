"""One entry of the catalog of datasets."""

from typing import Any, Literal

from unipref.core.contracts import Settings
from unipref.sources.hub import Hub


class Dataset(Settings):
    """One known public dataset."""

    name: str
    """Its name in a study file."""
    about: str
    """What it contains, in one line."""
    origin: str
    """Where it is published: a repository and its files, or a hub name."""
    hub: Hub | None = None
    """Its files on the hub, downloaded if a source has no `path`."""
    licence: str
    """As its publishers state it."""
    format: str
    """The format its rows are read with."""
    map: dict[str, Any]
    """The settings of that format."""
    records: str | None = None
    """Path of the list inside each row that holds the real rows."""
    signature: dict[str, list[bool | int | float | str | None]] = {}
    """Path in a raw row -> its possible values, or an empty list for any. `unipref inspect` proposes this entry for
    rows that all have these fields and values. Empty: the fields are too common to recognise the dataset."""
    axis: str | None = None
    """The axis that decides by default."""
    objective: str
    """The objective that training on it serves."""
    faults: tuple[str, ...] = ()
    """Faults of the published data, and how unipref handles them."""
    verified: Literal["data", "schema"]
    """data: tested on real rows; schema: written from its documentation and tested on a hand-written row."""
    seen: str
    """The source of its schema."""
