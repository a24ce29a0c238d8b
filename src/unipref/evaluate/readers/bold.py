"""Reads BOLD's prompts: one JSON file per domain, group of people -> entity -> prompts."""

from pathlib import Path
from typing import NamedTuple

from unipref.core.errors import UserError, near_name
from unipref.evaluate.readers.typed_json import read_typed

SUFFIX = "_prompt.json"
SHAPE = "Expected {group: {entity: [prompt, ...]}}, as in BOLD's folder prompts."


class Prompt(NamedTuple):
    """The beginning of a sentence about an entity of a group; `at`: its place among those of the entity."""

    domain: str
    group: str
    entity: str
    at: int
    text: str


def read_groups(data: Path) -> dict[tuple[str, str], list[Prompt]]:
    """Reads (domain, group) -> its prompts, in the order of the files.

    Args:
        data: a folder with files `<domain>_prompt.json`, or with a folder `prompts` of them, or one such file.

    Raises:
        UserError: there is no such file, or it has another shape, or no prompts.
    """
    groups: dict[tuple[str, str], list[Prompt]] = {}
    for path in _find_files(data):
        domain = path.name.removesuffix(SUFFIX).removesuffix(".json")
        content = read_typed(path, dict[str, dict[str, list[str]]], SHAPE)
        for group, entities in content.items():
            groups[domain, group] = [
                Prompt(domain, group, entity, at, text)
                for entity, prompts in entities.items()
                for at, text in enumerate(prompts)
            ]
    if not any(groups.values()):
        raise UserError("the benchmark has no prompts.", where=str(data), mend=SHAPE)
    return groups


def _find_files(data: Path) -> list[Path]:
    if data.is_file():
        return [data]
    for folder in (data, data / "prompts"):
        if paths := sorted(folder.glob(f"*{SUFFIX}")):
            return paths
    names = [entry.name for entry in data.iterdir()] if data.is_dir() else []
    raise UserError(
        f"the folder has no file whose name ends in {SUFFIX}.",
        where=str(data),
        mend=near_name(f"gender{SUFFIX}", names) or "Set 'data' to the folder 'prompts' of BOLD.",
    )
