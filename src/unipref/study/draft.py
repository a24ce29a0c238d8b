"""Drafts a study from files of feedback, for `unipref init`: comments at the top list what the rows do not say."""

import itertools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unipref.core import registry, yaml_files
from unipref.core.contracts import Format
from unipref.core.errors import UserError
from unipref.unify.detection.ignored import describe_ignored
from unipref.unify.inspection import Inspection, describe_catalog_match, inspect, source_name, source_questions

PERPLEXITY = {"perplexity": {"data": None, "text": "chosen.*.content"}}
"""The benchmark for data without pairs: the perplexity of the good answers in the test split."""


MODEL = "Qwen/Qwen2.5-0.5B"
"""The model of a drafted study."""
MOST_COUPLES = 4
"""Most couples of sources with the same prompts that a comment names."""


def draft_study(paths: Sequence[Path | str]) -> str:
    """Drafts a study for some files, as YAML: each file with its format and mapping, and a model to replace.

    Files of one folder with the same format and mapping become one source. A file that is given twice is read once.

    Raises:
        UserError: no format fits any of the files.
    """
    groups: list[tuple[Inspection, list[Inspection]]] = []
    read: set[Path] = set()
    for path in paths:
        groups += _group_files(path, read)
    if not any(file.source for file, _ in groups):
        raise UserError("no format fits any of the files.", mend="See why with: unipref inspect FILES")
    sources: list[dict[str, Any]] = []
    prompts: dict[str, frozenset[str]] = {}
    lines = ["# Written by unipref init. Check every source: unipref inspect FILE shows how its rows are read."]
    for first, others in groups:
        label = first.file
        comments = list(dict.fromkeys(doubt for file in (first, *others) for doubt in file.doubts))
        if not first.source:
            why = f"no row can be read: {first.why[0]}" if first.why and not first.rows else "no format fits"
            comments.insert(0, f"left out, because {why}")
        else:
            label = _find_unused_name(first.source["name"], {source["name"] for source in sources})
            sources.append({**first.source, "name": label})
            prompts[label] = frozenset().union(*(file.prompts for file in (first, *others)))
            ignored = [line for file in (first, *others) for line in describe_ignored(file.ignored)]
            comments += dict.fromkeys(ignored)
            unanswered = [f"sources.{label}.{question}" for question in source_questions(first.source)]
            comments += [f"open questions, marked '?': {', '.join(unanswered)}"] * bool(unanswered)
            comments += [
                describe_catalog_match(name)
                for name in dict.fromkeys(file.known for file in (first, *others) if "dataset" not in file.source)
                if name
            ]
        lines += [" ".join(f"# {label}: {comment}".split()) for comment in comments]
    lines.append(f"# model: {MODEL} is fetched from the hub (1 GB); replace it by your model's name or folder.")
    shared = _describe_shared_prompts(prompts)
    lines += [f"# {line}" for line in shared]
    study = _study(sources, [file for file, _ in groups if file.source], is_judged_together=bool(shared))
    return "\n".join(lines) + "\n" + yaml_files.write(study)


def _describe_shared_prompts(prompts: Mapping[str, frozenset[str]]) -> list[str]:
    """Says which sources have prompts in common, and what unify does with them.

    Args:
        prompts: source -> hashes of its first prompts.
    """
    couples = [(a, b, len(prompts[a] & prompts[b])) for a, b in itertools.combinations(prompts, 2)]
    shared = [f"{a} and {b} ({n} of the first {len(prompts[a])} and {len(prompts[b])})" for a, b, n in couples if n]
    if not shared:
        return []
    more = [f"and {len(shared) - MOST_COUPLES} more"] if len(shared) > MOST_COUPLES else []
    return [
        f"Sources with the same prompts: {', '.join([*shared[:MOST_COUPLES], *more])}.",
        "unify brings all judgements of the same answers together and gives each preference a confidence; it",
        "needs the sources' annotators by name ('annotator') and one 'objective'. See docs/judges.md. The scorer",
        "'confidence' can select by it: select: {quality: {quality: [confidence]}}.",
    ]


def _study(sources: list[dict[str, Any]], files: list[Inspection], is_judged_together: bool = False) -> dict[str, Any]:
    """The study, with training steps and a benchmark that fit the sources.

    Args:
        sources: entries of the study file.
        files: the inspection of each source's first file.
        is_judged_together: whether several sources may judge the same answers; then the study names the aggregate.
    """
    kinds = {_format(file).feedback_kind for file in files}
    train: list[dict[str, Any]] = [{"sft": {}}]
    if "single" in kinds:
        train.append({"kto": {}})
    elif "pairs" in kinds:
        train.append({"dpo": {}})
    return {
        "name": "my study",
        "model": MODEL,
        "data_root": ".",
        "sources": sources,
        **({"unify": {"aggregate": "latent", "overruled": "leave_out"}} if is_judged_together else {}),
        "split": {"dev": 0.1, "test": 0.1},
        "select": {"all": {}},
        "train": train,
        "evaluate": [{"preference_accuracy": {"split": "test"}} if any(map(_has_pairs, files)) else PERPLEXITY],
        "seeds": [0],
    }


def _has_pairs(file: Inspection) -> bool:
    """Whether its rows say which of two answers is better."""
    return _format(file).has_pairs(file.map)


def _format(file: Inspection) -> type[Format]:
    """The class of the format that an inspection proposes."""
    format_class = registry.find("format", file.format or "")
    assert issubclass(format_class, Format)
    return format_class


def _group_files(path: Path | str, read: set[Path]) -> list[tuple[Inspection, list[Inspection]]]:
    """Groups the files of one path by folder, format and mapping; the first of a group gets the entry for all.

    Args:
        path: a file or a folder.
        read: files to leave out, because another path has them; those of this path are added.
    """
    groups: dict[tuple[Any, ...], list[Inspection]] = {}
    files = inspect([path])
    new = [file for file in files if Path(os.path.realpath(file.file)) not in read]
    read |= {Path(os.path.realpath(file.file)) for file in new}
    for file in new:
        settings = {key: value for key, value in file.source.items() if key not in ("name", "path")}
        alike = (Path(file.file).parent, file.format, yaml_files.write(settings)) if file.source else (file.file,)
        groups.setdefault(alike, []).append(file)
    for first, *others in groups.values():
        if others:
            paths = [first.file, *(file.file for file in others)]
            first.source["name"] = source_name(Path(first.file).parent)
            first.source["path"] = str(path) if len(paths) == len(files) and Path(path).is_dir() else paths
    return [(first, others) for first, *others in groups.values()]


def _find_unused_name(name: str, used: set[str]) -> str:
    """The name, with a number appended if another source has it."""
    numbered = itertools.chain([name], (f"{name}-{i}" for i in itertools.count(2)))
    return next(candidate for candidate in numbered if candidate not in used)
