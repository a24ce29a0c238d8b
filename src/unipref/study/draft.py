"""A study drafted from files of feedback, as `unipref init` writes it: what the rows tell is in it, what they do not is
said above it.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unipref.core import yaml_files
from unipref.core.errors import UserError
from unipref.unify.inspection import Inspection, describe_catalog_match, inspect, open_questions, source_name

JUDGED_ALONE = ("steps", "thumbs")
"""Formats in which most answers are judged for themselves, which KTO learns from and DPO does not."""
NO_ORDER = ("critique", "demonstration")
"""Formats in which nothing is rejected."""
HELD_OUT = {"perplexity": {"data": None, "text": "chosen.*.content"}}
"""How surprising the good answers of the test part are: for data that have no pairs to rank."""


def study_for(paths: Sequence[Path | str]) -> str:
    """A study for some files, as YAML: every file with its format, ready to be run on a model of yours.

    The files of a folder that are read alike are one source; a file that is named twice is read once.

    Raises:
        UserError: no file has a shape that a format reads.
    """
    groups: list[tuple[Inspection, list[Inspection]]] = []
    read: set[Path] = set()
    for path in paths:
        groups += _alike(path, read)
    if not any(file.source for file, _ in groups):
        raise UserError("no file has a shape that a format reads.", mend="See why with: unipref inspect FILES")
    sources: list[dict[str, Any]] = []
    lines = ["# Written by: unipref init. Check every source: unipref inspect FILE shows how its rows are read."]
    for first, others in groups:
        label = first.file
        said = list(dict.fromkeys(doubt for file in (first, *others) for doubt in file.doubts))
        if not first.source:
            said.insert(0, "no format fits; it is left out")
        else:
            label = _unused(first.source["name"], {source["name"] for source in sources})
            sources.append({**first.source, "name": label})
            asked = open_questions(first.source["map"], f"sources.{label}.map")
            said += [f"to be answered where it says '?': {', '.join(asked)}"] * bool(asked)
            said += [
                describe_catalog_match(name) for name in dict.fromkeys(file.known for file in (first, *others)) if name
            ]
        lines += [" ".join(f"# {label}: {doubt}".split()) for doubt in said]
    return "\n".join(lines) + "\n" + yaml_files.write(_study(sources))


def _study(sources: list[dict[str, Any]]) -> dict[str, Any]:
    """The study with the training and the benchmark that suit what the sources hold."""
    formats = [source["format"] for source in sources]
    train: list[dict[str, Any]] = [{"sft": {}}]
    if any(name in JUDGED_ALONE for name in formats):
        train.append({"kto": {}})
    elif any(name not in NO_ORDER for name in formats):
        train.append({"dpo": {}})
    return {
        "name": "my study",
        "model": "Qwen/Qwen2.5-0.5B",
        "data_root": ".",
        "sources": sources,
        "split": {"dev": 0.1, "test": 0.1},
        "select": {"cluster_quality": {"fraction": 0.6}},
        "train": train,
        "evaluate": [{"preference_accuracy": {"split": "test"}} if any(map(_has_pairs, sources)) else HELD_OUT],
        "seeds": [0],
    }


def _has_pairs(source: dict[str, Any]) -> bool:
    """Whether its rows say of two answers which is better; a step has to have other versions for that."""
    if source["format"] == "steps":
        return "versions" in source["map"]
    return source["format"] not in (*JUDGED_ALONE, *NO_ORDER)


def _alike(path: Path | str, read: set[Path]) -> list[tuple[Inspection, list[Inspection]]]:
    """The files of one path: of those in one folder that are read alike the first, with an entry for all, and the
    others.

    Args:
        path: a file or a folder.
        read: files that are left out, as they were read before; those of this path are added.
    """
    groups: dict[tuple[Any, ...], list[Inspection]] = {}
    found = inspect([path])
    new = [file for file in found if Path(file.file).resolve() not in read]
    read |= {Path(file.file).resolve() for file in new}
    for file in new:
        alike = (Path(file.file).parent, file.format, yaml_files.write(file.map)) if file.source else (file.file,)
        groups.setdefault(alike, []).append(file)
    for first, *others in groups.values():
        if others:
            every = [first.file, *(file.file for file in others)]
            first.source["name"] = source_name(Path(first.file).parent)
            first.source["path"] = str(path) if len(every) == len(found) and Path(path).is_dir() else every
    return [(first, others) for first, *others in groups.values()]


def _unused(name: str, taken: set[str]) -> str:
    """The name, numbered when another source has it."""
    numbered = itertools.chain([name], (f"{name}-{i}" for i in itertools.count(2)))
    return next(candidate for candidate in numbered if candidate not in taken)
