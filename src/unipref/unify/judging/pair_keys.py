"""The keys by which a preference is found in the table of judgements: further columns of the reduce tasks' files."""

import functools
from typing import TYPE_CHECKING

from unipref.core.records import Preference
from unipref.core.text_keys import answer_key

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_KEY, CHOSEN_KEY, REJECTED_KEY = "judged_group", "judged_chosen", "judged_rejected"
KEY_COLUMNS = (GROUP_KEY, CHOSEN_KEY, REJECTED_KEY)
"""The prompt and both answers as in `judgements.parquet`; an answer that the preference lacks is null."""
NUMBER = "group_number"
"""The number of the group within its bucket: the pairs of a group can be found together."""


def make_keys(preference: Preference, group: str, number: int) -> dict[str, str | int | None]:
    """Returns the values of the key columns.

    Args:
        preference: the preference.
        group: the key of its prompt.
        number: of the group in its bucket.
    """
    chosen, rejected = preference.chosen, preference.rejected
    return {
        GROUP_KEY: group,
        CHOSEN_KEY: None if chosen is None else answer_key(chosen),
        REJECTED_KEY: None if rejected is None else answer_key(rejected),
        NUMBER: number,
    }


@functools.cache
def with_keys(schema: "pa.Schema") -> "pa.Schema":
    """Returns the schema of preferences with the key columns after the others."""
    import pyarrow as pa

    keys = [pa.field(name, pa.string()) for name in KEY_COLUMNS]
    return pa.schema([*schema, *keys, pa.field(NUMBER, pa.int64())])
