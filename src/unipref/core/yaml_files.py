"""YAML 1.2 in its core schema: plain `yes`, `on` and `2024-05-01` are text, a repeated key is an error.

A plain scalar is null (`null`, `~` or nothing), a boolean (`true`, `false`), an integer (`10`, `010` = 10, `0o17`,
`0x1f`), a float (`1e-5`, `.5`, `.inf`, `.nan`) or else text. So dates, `12:30` and `1_000` are text. Merge keys (`<<`)
and anchors work, though YAML 1.2 left the former out. What is written here reads back equal in YAML 1.1 as well.
"""

import io
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, cast

from ruamel.yaml import YAML
from ruamel.yaml.constructor import BaseConstructor, RoundTripConstructor, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.representer import RoundTripRepresenter, SafeRepresenter
from ruamel.yaml.resolver import VersionedResolver, implicit_resolvers

from unipref.core.errors import UserError, first_line

MOST_ALIASED = 100_000
"""Most values that the aliases of one text may add to it; protects against a file that expands to billions."""
WIDTH = 110
TAG = "tag:yaml.org,2002:"
NULL, BOOL = re.compile(r"(?:~|null|Null|NULL|)\Z"), re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
INT = re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z")
FLOAT = re.compile(
    r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
)


class _CoreSchema(VersionedResolver):
    """Types of plain scalars in the core schema of YAML 1.2 (section 10.3.2), and the merge key."""

    rules: ClassVar[list[tuple[str, Any, list[str]]]] = [
        ("null", NULL, ["~", "n", "N", ""]),
        ("bool", BOOL, list("tTfF")),
        ("int", INT, list("-+0123456789")),
        ("float", FLOAT, list("-+.0123456789")),
        ("merge", re.compile(r"<<\Z"), ["<"]),
    ]
    """Tag, pattern and first characters."""

    @cached_property
    def versioned_resolver(self) -> dict[str, list[tuple[str, Any]]]:
        """First character -> tags and patterns, the same for every version that a text declares."""
        by_first: dict[str, list[tuple[str, Any]]] = {}
        for tag, pattern, first in self.rules:
            for character in first:
                by_first.setdefault(character, []).append((tag if ":" in tag else TAG + tag, pattern))
        return by_first

    @property
    def processing_version(self) -> tuple[int, int]:
        """1.2, for every version that a text declares."""
        return (1, 2)


class _BothVersions(_CoreSchema):
    """Types of plain scalars in YAML 1.1 or 1.2: text that either reads as another type is written in quotes."""

    rules = [*_CoreSchema.rules, *((tag, pattern, first) for _, tag, pattern, first in implicit_resolvers)]


def _invalid(node: Node, problem: str) -> MarkedYAMLError:
    return MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _null(constructor: BaseConstructor, node: Node) -> None:
    constructor.construct_scalar(node)


def _bool(constructor: BaseConstructor, node: Node) -> bool:
    text = constructor.construct_scalar(node)
    if not BOOL.match(text):
        raise _invalid(node, f"'{text}' is not true or false")
    return str(text).lower() == "true"


def _int(constructor: BaseConstructor, node: Node) -> int:
    text = constructor.construct_scalar(node)
    if not INT.match(text):
        raise _invalid(node, f"'{text}' is not an integer")
    try:
        return int(text[2:], 8) if text.startswith("0o") else int(text, 16 if text.startswith("0x") else 10)
    except ValueError:  # Python converts at most 4300 digits.
        raise _invalid(node, f"an integer of {len(text)} digits is too long") from None


def _float(constructor: BaseConstructor, node: Node) -> float:
    text = constructor.construct_scalar(node)
    if not (FLOAT.match(text) or INT.match(text)):
        raise _invalid(node, f"'{text}' is not a number")
    return float(re.sub(r"\.(?=[inIN])", "", text))


class _Reader(SafeConstructor):
    """Builds plain values: mappings, lists, text, numbers, booleans and null, no other tags."""

    def construct_document(self, node: Any) -> Any:
        """Builds the value of a document after checking its keys and aliases."""
        _Check(self).size(node)
        return super().construct_document(node)


class _CommentKeeper(RoundTripConstructor):
    """Builds mappings and lists that keep their comments and style."""


_SCALARS: dict[str, Any] = {"null": _null, "bool": _bool, "int": _int, "float": _float}
_Reader.yaml_constructors = {
    **{TAG + tag: build for tag, build in _SCALARS.items()},
    **{TAG + tag: SafeConstructor.construct_yaml_str for tag in ("str", "merge")},
    TAG + "seq": SafeConstructor.construct_yaml_seq,
    TAG + "map": SafeConstructor.construct_yaml_map,
    None: SafeConstructor.construct_undefined,
}
for _tag, _build in _SCALARS.items():
    _CommentKeeper.add_constructor(TAG + _tag, _build)


def _write_float(representer: SafeRepresenter, value: float) -> Any:
    """Writes a float with a point: YAML 1.1 reads 1e-05 as text."""
    text = {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(repr(value), repr(value))
    if "." not in text:
        text = text.replace("e", ".0e")
    return representer.represent_scalar(TAG + "float", text)


LINE_BREAKS = ("\x85", "\u2028", "\u2029")
"""Characters that YAML 1.1 takes for line breaks and YAML 1.2 does not: they are written as escapes."""


def _write_text(representer: SafeRepresenter, value: str) -> Any:
    style = '"' if any(character in value for character in LINE_BREAKS) else None
    return representer.represent_scalar(TAG + "str", value, style=style)


class _Writer(SafeRepresenter):
    """Represents plain values."""


class _CommentWriter(RoundTripRepresenter):
    """Represents values with the comments they were read with."""


for _kind in (_Writer, _CommentWriter):
    _kind.add_representer(float, _write_float)
    _kind.add_representer(str, _write_text)


class _Check:
    """Raises errors for repeated keys, keys that are not plain text, and aliases that expand too far.

    Args:
        constructor: builds the keys.
    """

    def __init__(self, constructor: BaseConstructor) -> None:
        self._constructor = constructor
        self._sizes: dict[int, int] = {}
        self._open: set[int] = set()

    def size(self, node: Node) -> int:
        """Counts the values of a node with all aliases expanded.

        Raises:
            MarkedYAMLError: the node breaks a rule; the error has its line.
        """
        if id(node) in self._open:
            raise _invalid(node, f"the anchor '{node.anchor}' contains itself")
        if (size := self._sizes.get(id(node))) is not None:
            return size
        self._open.add(id(node))
        total = 1
        if isinstance(node, MappingNode):
            self._check_keys(node)
            total += sum(1 + self.size(value) for _, value in node.value)
        elif isinstance(node, SequenceNode):
            total += sum(self.size(item) for item in node.value)
        self._open.remove(id(node))
        self._sizes[id(node)] = total
        # Without aliases a node has at most as many values as nodes and keys were visited.
        if total > MOST_ALIASED + 2 * len(self._sizes):
            raise _invalid(node, f"its aliases expand to more than {MOST_ALIASED:,} values")
        return total

    def _check_keys(self, node: MappingNode) -> None:
        lines: dict[Any, int] = {}
        for key_node, _ in node.value:
            if not isinstance(key_node, ScalarNode):
                raise _invalid(key_node, "a key must be plain text (are there double braces?)")
            merges = str(key_node.tag) == TAG + "merge"
            key = "<<" if merges else self._constructor.construct_object(key_node, deep=True)
            if key in lines:
                mend = "; merge several mappings with <<: [*a, *b]" if merges else ""
                raise _invalid(key_node, f"the key '{key}' is repeated, it is also in line {lines[key]}{mend}")
            lines[key] = key_node.start_mark.line + 1


def parse(content: str, where: str) -> Any:
    """Parses a YAML text.

    Raises:
        UserError: the text is not valid YAML; the error has file, line and column.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.Resolver, yaml.Constructor = _CoreSchema, _Reader
    try:
        return yaml.load(content)
    except YAMLError as error:
        place, problem = _place(error, content)
        raise UserError(f"invalid YAML: {problem}.", where=f"{where}{place}") from error
    except RecursionError as error:
        raise UserError("invalid YAML: nested too deeply.", where=where) from error


def plain_value(text: str) -> Any:
    """Parses a text as a plain YAML scalar: null, a boolean, a number, or else the text itself."""
    if BOOL.match(text):
        return text.lower() == "true"
    if NULL.match(text):
        return None
    return parse(text, "text") if INT.match(text) or FLOAT.match(text) else text


def _place(error: YAMLError, content: str) -> tuple[str, str]:
    """Returns line and column of an error, as `, line 1, column 1`, and the problem."""
    if isinstance(error, ReaderError):
        before = content[: error.position]
        line, column = before.count("\n"), len(before) - (before.rfind("\n") + 1)
        return f", line {line + 1}, column {column + 1}", f"the character {content[error.position]!r} is not allowed"
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    problem = str(getattr(error, "problem", None) or first_line(error)).partition("\n")[0]
    if problem.startswith("but found"):
        problem = f"{getattr(error, 'context', '')}, {problem}"
    return place, problem


def read(path: Path) -> Any:
    """Reads a YAML file.

    Raises:
        UserError: the file cannot be read or is not valid YAML.
    """
    return parse(read_text(path), str(path))


def read_text(path: Path) -> str:
    """Reads the text of a YAML file.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError("the file is not UTF-8 text.", where=str(path)) from error
    except OSError as error:
        raise UserError(f"the file cannot be read: {error.strerror}.", where=str(path)) from error


def write(value: Any) -> str:
    """Returns a value as YAML with its order of keys; readers of YAML 1.1 and 1.2 read the same value."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Resolver, yaml.Representer = _BothVersions, _Writer
    yaml.default_flow_style, yaml.sort_base_mapping_type_on_output = False, cast(Any, False)
    return _dump(yaml, value)


def rewrite(content: str, value: Any) -> str:
    """Returns a value as YAML, with the comments and layout of the text from which it was read before it changed.

    If the comments cannot be kept, for example because an anchor has changed values, the result is that of `write`.

    Args:
        content: valid YAML.
        value: its value, parts of which may have changed.
    """
    yaml = YAML(typ="rt", pure=True)
    yaml.Resolver, yaml.Constructor, yaml.preserve_quotes = _CoreSchema, _CommentKeeper, True
    try:
        tree = yaml.load(content)
        _update(tree, value)
        writer = YAML(typ="rt", pure=True)
        writer.Resolver, writer.Representer = _BothVersions, _CommentWriter
        text = _dump(writer, tree)
        return text if _is_same(parse(text, "rewritten"), value) else write(value)
    except Exception:  # The value itself can always be written, without comments.
        return write(value)


def _update(tree: Any, value: Any) -> None:
    """Changes a tree with comments in place to hold a value; equal parts stay as they are."""
    if isinstance(tree, dict):
        for key in [key for key in tree if key not in value]:
            del tree[key]
        entries = list(value.items())
    else:
        del tree[len(value) :]
        entries = list(enumerate(value))
    for key, new in entries:
        old = tree[key] if (key in tree if isinstance(tree, dict) else key < len(tree)) else None
        if (isinstance(old, dict) and isinstance(new, Mapping)) or (isinstance(old, list) and isinstance(new, list)):
            _update(old, new)
        elif isinstance(tree, list) and key >= len(tree):
            tree.append(new)
        elif old is None or not _is_same(old, new):
            tree[key] = new


def _is_same(one: Any, other: Any) -> bool:
    """Returns whether two values are equal and of the same type: 1, 1.0 and True differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(_is_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return bool(one == other) and all(isinstance(one, kind) == isinstance(other, kind) for kind in (bool, float))


def _dump(yaml: YAML, value: Any) -> str:
    yaml.width = WIDTH
    stream = io.StringIO()
    yaml.dump(value, stream)
    return stream.getvalue()
