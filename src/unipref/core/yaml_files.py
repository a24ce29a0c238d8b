"""YAML as people mean it: `1e-5` is a number, a key given twice is a mistake, errors name the line."""

import re
from pathlib import Path
from typing import Any

import yaml

from unipref.core.errors import UserError


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with YAML 1.2 floats and without silent repeats."""


class _Dumper(yaml.SafeDumper):
    """PyYAML's safe dumper, which quotes a text that `_Loader` would read as a float."""


for _kind in (_Loader, _Dumper):
    _kind.yaml_implicit_resolvers = {first: [*known] for first, known in _kind.yaml_implicit_resolvers.items()}
    _kind.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
    )


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen = set()
    for key_node, _ in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise yaml.MarkedYAMLError(
                problem="a key must be plain text (are there double braces?)", problem_mark=key_node.start_mark
            )
        if key_node.tag == "tag:yaml.org,2002:merge":
            continue
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise yaml.MarkedYAMLError(problem=f"the key '{key}' is given twice", problem_mark=key_node.start_mark)
        seen.add(key)
    # Only now `<<: *anchor` is laid under the mapping's own keys: those may well be given again.
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def parse(content: str, where: str) -> Any:
    """The value of a YAML text.

    Raises:
        UserError: it is no YAML; the line is named.
    """
    try:
        return yaml.load(content, _Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{where}, line {mark.line + 1}, column {mark.column + 1}" if mark else where
        raise UserError(f"no valid YAML: {getattr(error, 'problem', None) or error}.", where=place) from error
    except (ValueError, RecursionError) as error:
        # PyYAML lets through what its own constructors cannot take, such as the date 2024-13-45.
        raise UserError(f"no valid YAML: {error}.", where=where) from error


def read(path: Path) -> Any:
    """The value of a YAML file."""
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise UserError("the file is not UTF-8 text.", where=str(path)) from error
    except OSError as error:
        raise UserError(f"the file cannot be read: {error.strerror}.", where=str(path)) from error


def write(value: Any) -> str:
    """A value as YAML, keys in their own order."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
