"""Folders that `datasets.Dataset.save_to_disk` wrote: their Arrow files are the data, the JSON files describe them."""

import json
import os
from collections.abc import Sequence
from typing import Any

from unipref.sources.file_tree import DataFile

STATE, INFO, SPLITS = "state.json", "dataset_info.json", "dataset_dict.json"
ARROW = ".arrow"


def without_descriptions(root: str, files: Sequence[DataFile]) -> list[DataFile]:
    """Leaves out the files of saved datasets that are not data; names those that other files are needed to read.

    Args:
        root: absolute path that relative paths start from.
        files: as found in folders and globs.
    """
    saved = {folder for folder in map(_folder, files) if os.path.isfile(os.path.join(root, folder, STATE))}
    states = {folder: state for folder in saved if (state := _read_state(os.path.join(root, folder))) is not None}
    parents = {os.path.dirname(folder) for folder in states}
    kept: list[DataFile] = []
    for file in files:
        folder, name = os.path.split(file.path)
        if name == SPLITS and folder in parents:
            continue
        state = states.get(folder)
        if state is None:
            kept.append(file)
        elif name.endswith(ARROW):
            if name in _data_files(state):
                fault = _describe_selection(file.path, state)
                kept.append(DataFile(file.path, fault) if fault else file)
        elif name not in (STATE, INFO):
            kept.append(file)
    return kept


def _folder(file: DataFile) -> str:
    return os.path.dirname(file.path)


def _read_state(folder: str) -> dict[str, Any] | None:
    """Reads the state of a saved dataset; None if the folder is not one."""
    try:
        with open(os.path.join(folder, STATE), encoding="utf-8") as file:
            state = json.load(file)
    except (OSError, ValueError, RecursionError):
        return None
    return state if isinstance(state, dict) and _data_files(state) else None


def _data_files(state: dict[str, Any]) -> set[str]:
    files = state.get("_data_files")
    names = [file.get("filename") for file in files if isinstance(file, dict)] if isinstance(files, list) else []
    return {name for name in names if isinstance(name, str)}


def _describe_selection(path: str, state: dict[str, Any]) -> str:
    """Says why a file is not read if the dataset consists of some of its rows, in an order that another file holds."""
    if not state.get("_indices_data_files") and not state.get("_indices_files"):
        return ""
    return f"'{path}' is not read: its dataset is a selection of its rows. Save it after flatten_indices()."
