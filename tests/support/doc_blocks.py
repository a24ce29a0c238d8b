"""The code blocks of the documents, and what each kind of block is checked against.

Each `check_...` raises an error that says what is wrong: a `UserError`, a usage error of the command line, or a
`WrongBlockError`.
"""

import ast
import importlib
import inspect
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import typer

from unipref import cli
from unipref.analysis.audit.gold import GoldEntry
from unipref.collect.load import load as load_collection
from unipref.collect.schema import Collection
from unipref.core import registry, yaml_files
from unipref.core.contracts import Format
from unipref.core.errors import UserError
from unipref.core.leaves import iterate_leaves
from unipref.models import gguf
from unipref.study.load import load as load_study
from unipref.study.overrides import merge
from unipref.study.schema import Study
from unipref.study.source import Source
from unipref.unify.detection.guess import PLACEHOLDER

BLOCK = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<content>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
INLINE = re.compile(r"`(unipref [^`\n]+)`")
OPERATORS = (">", ">>", "|", "&&", ";")
"""Words of the shell that end a command, or its arguments."""
PROGRAMS = ("accelerate", "export", "git", "hf", "make", "pip", "python", "unipref")
"""Programs that a block may call; `nice` may stand before them."""
VARIABLE = re.compile(r"[A-Za-z_]\w*=")
KEYS = {
    "study": set(Study.model_fields),
    "source": set(Source.model_fields),
    "collection": set(Collection.model_fields),
}
"""What a mapping can be -> the settings that it can have."""
ROWS = "rows.jsonl"
"""A file that stands in for those which sources name."""
SOURCE = {"name": "own", "format": "pairs"}
COLLECTION = {"model": "owner/name", "judges": ["checker"]}
STUDY: dict[str, Any] = {
    "model": "owner/name",
    "split": {"dev": 0.1, "test": 0.1},
    "evaluate": [{"preference_accuracy": {"split": "dev"}}],
}
"""Settings that a part of a study needs beside it."""


class WrongBlockError(Exception):
    """A block is not what its language says."""


class Block(NamedTuple):
    """A fenced block: its page and first line, its language and its content without indentation."""

    page: Path
    line: int
    language: str
    content: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def read_blocks(page: Path) -> list[Block]:
    """Returns the fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    blocks = []
    for match in BLOCK.finditer(text):
        lines = (line.removeprefix(match["indent"]) for line in match["content"].splitlines(keepends=True))
        blocks.append(Block(page, text.count("\n", 0, match.start()) + 1, match["language"], "".join(lines)))
    return blocks


def iterate_commands(content: str) -> Iterator[list[str]]:
    """Yields the words of each command of a block, without variables before it, redirections and comments."""
    for line in content.replace("\\\n", " ").splitlines():
        words = _split_line(line)
        ends = [place for place, word in enumerate(words) if word in OPERATORS] + [len(words)]
        begin = 0
        for end in ends:
            command = words[begin:end]
            is_file = begin > 0 and words[begin - 1] in (">", ">>")
            while command and (VARIABLE.match(command[0]) or command[0] == "nice"):
                command = command[1:]
            if command and not is_file:
                yield command
            begin = end + 1


def _split_line(line: str) -> list[str]:
    """Splits a line of a shell into words; a comment begins with a # at the start of a word."""
    quote, before = "", " "
    for place, character in enumerate(line):
        if character == "#" and not quote and before.isspace():
            line = line[:place]
            break
        if character in "'\"" and quote in ("", character):
            quote = "" if quote else character
        before = character
    return shlex.split(line)


def check_commands(content: str, root: Path) -> int:
    """Checks the commands of a block and returns how many of them are unipref's; nothing runs.

    Args:
        content: of the block.
        root: the folder in which the scripts of the project start.
    """
    n_own = 0
    for program, *arguments in iterate_commands(content):
        if program not in PROGRAMS:
            raise WrongBlockError(f"unknown program '{program}'")
        if program == "unipref":
            check_arguments(arguments)
            n_own += 1
        if program == "python" and arguments[0].endswith(".py"):
            _check_script(root / arguments[0], arguments[1:])
    return n_own


def _check_script(script: Path, arguments: list[str]) -> None:
    """Checks that a script exists and names each option in its code."""
    if not script.is_file():
        raise WrongBlockError(f"no script '{script.name}'")
    code = script.read_text(encoding="utf-8")
    for word in arguments:
        if word.startswith("-") and f'"{word}"' not in code:
            raise WrongBlockError(f"{script.name} has no option '{word}'")


def check_arguments(arguments: list[str]) -> None:
    """Reads the arguments of `unipref` as the program does, without running the command."""
    program = typer.main.get_command(cli.app)
    if not arguments or arguments[0].startswith("-"):
        program.make_context("unipref", list(arguments))
        return
    name, *rest = arguments
    context = program.make_context("unipref", [name])
    command = program.get_command(context, name)
    if command is None:
        raise WrongBlockError(f"unknown command '{name}'")
    read = command.make_context(name, rest, parent=context)
    known = KEYS["collection" if name == "collect" else "study"]
    for override in read.params.get("overrides") or []:
        key, equals, _ = override.partition("=")
        if not equals or key.partition(".")[0] not in known:
            raise WrongBlockError(f"--set {override}: no such setting")


def check_options(command: str) -> None:
    """Checks that a command in a sentence, whose arguments may be left out, has the options that it names."""
    _, name, *words = [*_split_line(command), ""]
    program = typer.main.get_command(cli.app)
    context = program.make_context("unipref", ["list"])
    named = program if name.startswith("-") else program.get_command(context, name)
    if named is None:
        raise WrongBlockError(f"{command}: unknown command '{name}'")
    options = {text for one in named.get_params(context) for text in (*one.opts, *one.secondary_opts)}
    for word in [name, *words]:
        if word.startswith("-") and word.partition("=")[0] not in options:
            raise WrongBlockError(f"{command}: no option '{word}'")


def check_yaml(value: Any, folder: Path) -> str:
    """Checks a value as what most of its keys say that it is, and returns what that is.

    It is a study or a part of one, a file for `unipref collect` or a part of one, sources, settings of a format,
    training steps, or a gold file. Files that sources name need not exist.

    Args:
        value: of the block.
        folder: an empty folder, for files that stand in for those which sources name.
    """
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        return _check_list(value, folder)
    if not isinstance(value, dict) or not value:
        raise WrongBlockError(f"neither settings nor a list of settings: {value!r}")
    kind = max(KEYS, key=lambda name: len(KEYS[name] & set(value)))
    if not KEYS[kind] & set(value):
        _check_map(value)
        return "map"
    if kind == "study":
        load_study(_stand_in({**STUDY, "sources": [SOURCE], **value}, folder), folder=folder)
    elif kind == "collection":
        load_collection(_stand_in({**COLLECTION, "sources": [SOURCE], **value}, folder))
    else:
        load_study(_stand_in({"sources": [_complete_source(value)]}, folder), folder=folder)
    return kind


def _check_list(value: list[dict[str, Any]], folder: Path) -> str:
    if "origin" in value[0]:
        for place, entry in enumerate(value):
            registry.validate_settings(GoldEntry, entry, str(place))
        return "gold"
    if KEYS["source"] & set(value[0]):
        load_study(_stand_in({"sources": [_complete_source(one) for one in value]}, folder), folder=folder)
        return "source"
    load_study(_stand_in({**STUDY, "sources": [SOURCE], "train": value}, folder), folder=folder)
    return "train"


def _complete_source(source: Mapping[str, Any]) -> dict[str, Any]:
    """Gives a source a name, and a format if its block is not about one."""
    if "map" in source and not {"format", "dataset"} & set(source):
        raise WrongBlockError("a 'map' needs the 'format' beside it")
    return {**({} if "dataset" in source else SOURCE), "name": "own", **source}


def _check_map(value: Mapping[str, Any]) -> None:
    """Checks a part of `map:`: at least one format takes it beside the settings of its own example."""
    errors = []
    for name in registry.list_own_names("format"):
        form = registry.find("format", name)
        assert issubclass(form, Format)
        try:
            registry.make("format", name, {**form.example["settings"], **value}, "map")
            return
        except UserError as error:
            errors.append(f"{name}: {error}")
    raise WrongBlockError("no format takes these settings:\n" + "\n".join(errors))


def _stand_in(raw: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Lets the settings name files and functions of a folder instead of those that only their reader has."""
    (folder / "rows.jsonl").touch()
    (folder / "model.gguf").write_bytes(gguf.MAGIC)
    (folder / "data").mkdir(exist_ok=True)
    return {"data_root": str(folder), **_replace(raw, "", folder)}


def _replace(value: Any, key: str, folder: Path) -> Any:
    """Replaces the files in a value, which is the value of a key."""
    if isinstance(value, dict):
        changed = {name: _replace(one, name, folder) for name, one in value.items()}
        if "name" not in value or not {"format", "dataset"} & set(value):
            return changed
        # A revision is for the hub, and the stand-in is a file.
        has_hub = "dataset" in value or str(value.get("path")).startswith("hf://")
        return {name: one for name, one in changed.items() if name != "revision" or not has_hub} | {"path": ROWS}
    if isinstance(value, list) and key != "path":
        return [_replace(one, key, folder) for one in value]
    stand_ins = {"path": ROWS, "data": "data", "data_root": str(folder), "checker": ROWS}
    if key == "function":
        module, _, name = str(value).rpartition(".")
        (folder / f"{module}.py").write_text(f"def {name}(*given): return None\n", encoding="utf-8")
    if key == "model" and str(value).endswith(gguf.SUFFIX):
        return str(folder / "model.gguf")
    return stand_ins.get(key, value)


def iterate_values(blocks: list[Block]) -> Iterator[tuple[Block, Any]]:
    """Yields the value of each YAML block; the block after one with open questions holds the answers to them."""
    waiting: tuple[Block, Any] | None = None
    for block in blocks:
        value = yaml_files.parse(block.content, str(block))
        if waiting is not None:
            before, (source,) = waiting
            yield before, [merge(source, value)]
            waiting = None
        elif any(leaf == PLACEHOLDER for _, leaf in iterate_leaves(value, "")):
            waiting = (block, value)
        else:
            yield block, value
    if waiting is not None:
        raise WrongBlockError(f"{waiting[0]}: no block answers its questions")


def check_python(content: str, written: set[str]) -> int:
    """Checks that a block compiles, and that the names of unipref which it imports exist and take its arguments.

    Args:
        content: of the block.
        written: modules that the page itself says how to write.

    Returns:
        The number of names and modules of unipref that were found.
    """
    tree = ast.parse(content)
    compile(tree, "block", "exec")
    found: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [one.name for one in node.names if one.name.split(".")[0] == "unipref"]
            found |= {name: importlib.import_module(name) for name in modules if name not in written}
            found |= {"unipref": importlib.import_module("unipref")} if modules else {}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "unipref":
            found |= _find_names(node, written)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "unipref":
            _get(found["unipref"], node.attr)
        elif isinstance(node, ast.Call):
            _check_call(node, found)
    return len(found)


def _find_names(node: ast.ImportFrom, written: set[str]) -> dict[str, Any]:
    assert node.module is not None
    if node.module in written:
        return {}
    module = importlib.import_module(node.module)
    names = [one for one in node.names if f"{node.module}.{one.name}" not in written]
    return {one.asname or one.name: _get(module, one.name) for one in names}


def _get(module: Any, name: str) -> Any:
    try:
        return getattr(module, name)
    except AttributeError:
        try:
            return importlib.import_module(f"{module.__name__}.{name}")
        except ImportError:
            raise WrongBlockError(f"{module.__name__} has no '{name}'") from None


def _check_call(node: ast.Call, found: Mapping[str, Any]) -> None:
    """Checks that a function of unipref takes the arguments of a call."""
    target = node.func
    called = None
    if isinstance(target, ast.Name):
        called = found.get(target.id)
    elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "unipref":
        called = _get(found["unipref"], target.attr)
    given = [*node.args, *(one.value for one in node.keywords if one.arg is None)]
    if not inspect.isfunction(called) or any(isinstance(one, ast.Starred) for one in given):
        return
    if any(one.arg is None for one in node.keywords):
        return
    try:
        inspect.signature(called).bind(*node.args, **{str(one.arg): one.value for one in node.keywords})
    except TypeError as error:
        raise WrongBlockError(f"{called.__name__}: {error}") from None
