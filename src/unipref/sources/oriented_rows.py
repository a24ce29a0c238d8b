"""Tables that are stored by column: one JSON object holds all values of each column, or the columns and the cells.

`columns` is what `DataFrame.to_json()` of pandas writes: column -> label -> value. A list of values in place of the
mapping is the same, as in `Table.to_pydict()` of Arrow, and so is what polars' `serialize` writes. `split` names the
columns once: `{"columns": [...], "data": [[...], ...]}`, perhaps with the labels in `index`.

Each row has the fields of the columns. `key` is its label, unless a column has that name. `parent` holds what stands
beside the table, if anything does. The second row of row 7 is called `7.2`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from unipref.core.display import shorten
from unipref.core.records import Reason, Reject, Row
from unipref.sources.csv_rows import column_names
from unipref.sources.json_rows import Numbered

OTHERS = {
    "index": "it is an object of rows: set 'records: .' instead",
    "table": "its rows are in 'data': set 'records: data' instead",
    "records": "its rows are rows already: remove 'orient'",
    "values": "its rows are lists without names: save it with orient='split'",
}
"""What to set for the other values of `orient` in pandas."""


def _refuse_others(value: object) -> object:
    if isinstance(value, str) and value in OTHERS:
        raise ValueError(f"a table that pandas wrote with orient='{value}' has no such rows; {OTHERS[value]}")
    return value


Orient = Annotated[Literal["columns", "split"], BeforeValidator(_refuse_others)]
"""How a table is stored in one JSON object."""

MAX_NAMED = 3
"""Most columns that a message names."""


def oriented_rows(outer: Iterator[Numbered], orient: str) -> Iterator[Numbered]:
    """Yields the rows of the table in each row; a row that holds no such table is a reject.

    Args:
        outer: numbered rows.
        orient: `columns` or `split`.
    """
    for number, row in outer:
        if isinstance(row, Reject):
            yield number, row
            continue
        try:
            rows = _rows_of_split(row) if orient == "split" else _rows_of_columns(row)
        except Reject as reject:
            yield number, reject
            continue
        for place, inner in enumerate(rows, 1):
            yield f"{number}.{place}", inner


def _rows_of_columns(table: Row) -> Iterator[Row]:
    """Returns the rows of a table whose columns are mappings from labels to values, or lists of values."""
    table = _polars_columns(table) or table
    columns = {name: values for name, values in table.items() if isinstance(values, dict | list)}
    parent = {name: value for name, value in table.items() if name not in columns}
    around = {"parent": parent} if parent else {}
    by_label = {name: values for name, values in columns.items() if isinstance(values, dict)}
    if not columns:
        raise Reject(Reason.WRONG_TYPE, f"'orient: columns' needs columns of values, found {_describe(table)}")
    if by_label and len(by_label) < len(columns):
        lists = [name for name in columns if name not in by_label]
        raise Reject(
            Reason.WRONG_TYPE,
            "'orient: columns' needs mappings from labels to values, or lists of values in all columns; "
            f"{_names(by_label)} have labels, {_names(lists)} have none",
        )
    by_place = {name: values for name, values in columns.items() if isinstance(values, list)}
    return _by_label(by_label, around) if by_label else _by_place(by_place, around)


def _by_label(columns: Mapping[str, Mapping[str, Any]], around: Row) -> Iterator[Row]:
    """Yields a row for each label, in the order of their first appearance."""
    for label in dict.fromkeys(label for values in columns.values() for label in values):
        yield {
            **around,
            "key": label,
            **{name: values[label] for name, values in columns.items() if label in values},
        }


def _by_place(columns: Mapping[str, Sequence[Any]], around: Row) -> Iterator[Row]:
    """Returns the rows of lists of values."""
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        shortest, longest = min(lengths, key=lambda name: lengths[name]), max(lengths, key=lambda name: lengths[name])
        raise Reject(
            Reason.WRONG_TYPE,
            f"the columns have different lengths: '{shorten(shortest, 60)}' has {lengths[shortest]:,} values, "
            f"'{shorten(longest, 60)}' has {lengths[longest]:,}",
        )
    return ({**around, **dict(zip(columns, cells, strict=True))} for cells in zip(*columns.values(), strict=True))


def _rows_of_split(table: Row) -> Iterator[Row | Reject]:
    """Returns the rows of a table that names its columns once, a reject for one with more or fewer cells."""
    header, data, index = table.get("columns"), table.get("data"), table.get("index")
    if not isinstance(header, list) or not isinstance(data, list):
        description = _describe(table)
        raise Reject(Reason.MISSING_FIELD, f"'orient: split' needs the lists 'columns' and 'data', found {description}")
    if index is not None and (not isinstance(index, list) or len(index) != len(data)):
        count = f"{len(index):,} labels" if isinstance(index, list) else "no list of labels"
        raise Reject(Reason.WRONG_TYPE, f"the table has {len(data):,} rows, but {count}", "index")
    parent = {name: value for name, value in table.items() if name not in ("columns", "data", "index")}
    around: Row = {"parent": parent} if parent else {}
    names = column_names([_column_name(name) for name in header])
    labels: Sequence[Any] = index if index is not None else [None] * len(data)
    return (_row_of_split(names, cells, label, around) for cells, label in zip(data, labels, strict=True))


def _row_of_split(names: list[str], cells: Any, label: Any, around: Row) -> Row | Reject:
    if not isinstance(cells, list) or len(cells) != len(names):
        count = f"{len(cells)} cells" if isinstance(cells, list) else f"no list of cells but {_describe(cells)}"
        return Reject(Reason.WRONG_TYPE, f"the row has {count}, the table {len(names)} columns.")
    key = {} if label is None else {"key": label}
    return {**around, **key, **dict(zip(names, cells, strict=True))}


def _column_name(name: Any) -> str:
    """Returns the name of a column as text: pandas' columns of several levels are lists, W&B's have types."""
    if isinstance(name, dict):
        name = name.get("name")
    if isinstance(name, list):
        return ".".join(map(_column_name, name))
    return "" if name is None else str(name)


def _polars_columns(table: Row) -> Row | None:
    """Returns the columns of what polars' `serialize` writes; None for another table."""
    columns = table.get("columns")
    if not isinstance(columns, list) or not columns:
        return None
    if not all(isinstance(column, dict) and isinstance(column.get("values"), list) for column in columns):
        return None
    names = column_names([_column_name(column) for column in columns])
    return {name: column["values"] for name, column in zip(names, columns, strict=True)}


def _describe(value: Any) -> str:
    if isinstance(value, dict):
        return f"an object with {_names(value) or 'no field'}"
    return {list: "a list", str: "a text", bool: "a boolean", type(None): "null"}.get(type(value), "a number")


def _names(names: Any) -> str:
    """Returns the first names of some columns, for a message."""
    shown = [f"'{shorten(str(name), 60)}'" for name in list(names)[:MAX_NAMED]]
    return ", ".join(shown) + (f" and {len(names) - MAX_NAMED:,} more" if len(names) > MAX_NAMED else "")
