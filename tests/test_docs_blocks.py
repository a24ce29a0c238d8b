"""Every code block of every page: commands are read, settings are loaded, Python compiles and finds its names."""

import importlib.util
import json
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest
import typer

from support.doc_blocks import (
    INLINE,
    Block,
    WrongBlockError,
    check_arguments,
    check_commands,
    check_options,
    check_python,
    check_yaml,
    iterate_commands,
    iterate_values,
    read_blocks,
)
from unipref.core import yaml_files
from unipref.core.errors import UserError

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCKS = {page: read_blocks(page) for page in PAGES}
LANGUAGES = {"sh", "yaml", "python", "json", "toml", "text"}
UsageError = typer.BadParameter.__mro__[1]
"""The base of the errors of a command line; typer itself has no name for it."""
OTHER_YAML = {
    ("metrics.md", "task: my_task"): "a task of lm-eval, with lm-eval's own settings",
}
"""Page and first line of a block that is no settings of unipref -> what it is."""
WRITTEN = re.compile(r"^`(?:src|tests)/([\w/]+)\.py`:$", re.MULTILINE)
"""A file that a page says how to write."""


def list_pages(language: str) -> list[object]:
    """The pages with blocks of a language."""
    return [
        pytest.param(page, id=page.relative_to(ROOT).as_posix())
        for page, blocks in BLOCKS.items()
        if any(block.language == language for block in blocks)
    ]


def list_blocks(page: Path, language: str) -> list[Block]:
    return [block for block in BLOCKS[page] if block.language == language]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder; the package that `benchmarks: semantic` needs counts as installed."""
    if importlib.util.find_spec("sentence_transformers") is None:
        (tmp_path / "packages").mkdir()
        (tmp_path / "packages" / "sentence_transformers.py").touch()
        monkeypatch.syspath_prepend(tmp_path / "packages")
    return tmp_path


def is_other(block: Block) -> bool:
    return (block.page.name, block.content.partition("\n")[0]) in OTHER_YAML


def test_every_fence_begins_or_ends_a_block_of_a_known_language() -> None:
    for page, blocks in BLOCKS.items():
        fences = re.findall(r"^ *```", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert len(fences) == 2 * len(blocks), page.name
        for block in blocks:
            assert block.language in LANGUAGES, f"{block}: language '{block.language}'"
    counts = Counter(block.language for blocks in BLOCKS.values() for block in blocks)
    assert set(counts) == LANGUAGES


@pytest.mark.parametrize("page", list_pages("sh"))
def test_the_commands_of_a_page_are_read_by_the_program(page: Path) -> None:
    for block in list_blocks(page, "sh"):
        n_read = check_commands(block.content, ROOT)
        assert n_read == len(re.findall(r"^(?:\w+=\S+ )*unipref ", block.content, re.MULTILINE)), block


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_in_sentences_have_the_options_that_they_name(page: Path) -> None:
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for command in INLINE.findall(text):
        check_options(command)


@pytest.mark.parametrize("page", list_pages("yaml"))
def test_the_settings_of_a_page_are_valid(page: Path, folder: Path) -> None:
    blocks = [block for block in list_blocks(page, "yaml") if not is_other(block)]
    for block, value in iterate_values(blocks):
        try:
            check_yaml(value, folder)
        except (UserError, WrongBlockError) as error:
            pytest.fail(f"{block}: {error}")


def test_the_table_of_other_yaml_names_blocks_that_exist() -> None:
    others = [block for page in PAGES for block in list_blocks(page, "yaml") if is_other(block)]
    assert len(others) == len(OTHER_YAML)
    for block in others:
        assert isinstance(yaml_files.parse(block.content, str(block)), dict)


@pytest.mark.parametrize("page", list_pages("python"))
def test_the_python_of_a_page_compiles_and_finds_its_names(page: Path) -> None:
    written = {name.replace("/", ".") for name in WRITTEN.findall(page.read_text(encoding="utf-8"))}
    for block in list_blocks(page, "python"):
        check_python(block.content, written)


@pytest.mark.parametrize("page", list_pages("json"))
def test_the_json_of_a_page_is_json_or_json_lines(page: Path) -> None:
    for block in list_blocks(page, "json"):
        try:
            json.loads(block.content)
        except ValueError:
            for line in block.content.splitlines():
                json.loads(line)


@pytest.mark.parametrize("page", list_pages("toml"))
def test_the_toml_of_a_page_is_toml(page: Path) -> None:
    for block in list_blocks(page, "toml"):
        assert tomllib.loads(block.content)


@pytest.mark.parametrize("page", list_pages("sh"))
def test_another_option_on_a_page_would_be_found(page: Path) -> None:
    for block in list_blocks(page, "sh"):
        for program, *arguments in iterate_commands(block.content):
            if program == "unipref":
                with pytest.raises(UsageError, match="--no-such-option"):
                    check_arguments([*arguments, "--no-such-option"])


@pytest.mark.parametrize("page", list_pages("yaml"))
def test_another_setting_on_a_page_would_be_found(page: Path, folder: Path) -> None:
    for _, value in iterate_values([block for block in list_blocks(page, "yaml") if not is_other(block)]):
        changed = [{**value[0], "no_such": 1}, *value[1:]] if isinstance(value, list) else {**value, "no_such": 1}
        with pytest.raises((UserError, WrongBlockError), match="no_such"):
            check_yaml(changed, folder)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("unipref run study.yaml --dryrun", "--dryrun"),
        ("unipref run", "missing argument 'study'"),
        ('unipref generate runs/a   # "a prompt" is missing', "missing argument 'prompts"),
        ("unipref export runs/a --to", "requires an argument"),
        ("unipref evaluate model", "missing option '--data'"),
        ("unipref run study.yaml --jobs two", "invalid value for '--jobs'"),
        ("unipref run study.yaml --jobs 0", "invalid value for '--jobs'"),
        ("unipref push runs/a --to me/a --what weights", "'weights' is not one of"),
        ("unipref run a.yaml b.yaml", "unexpected extra argument"),
        ("unipref runs study.yaml", "unknown command 'runs'"),
        ("unipref --verzion", "no such option"),
        ("unipreff run study.yaml", "unknown program 'unipreff'"),
        ("unipref run study.yaml --set seed=[0]", "--set seed="),
        ("unipref collect file.yaml --set train=[]", "--set train="),
        ("unipref run study.yaml \\\n  --no-such", "no such option"),
        ("A=1 B='2 3' nice unipref run", "missing argument 'study'"),
        ("make demo && unipref run", "missing argument 'study'"),
        ("unipref list formats | unipref run", "missing argument 'study'"),
        ("python benchmarks/no_such.py run", "no script 'no_such.py'"),
        ("python benchmarks/selection_arena.py run --proceses 1", "has no option '--proceses'"),
    ],
)
def test_a_wrong_command_is_found(content: str, found: str) -> None:
    with pytest.raises((UsageError, WrongBlockError)) as raised:
        check_commands(content + "\n", ROOT)
    error = raised.value
    text = error.format_message() if isinstance(error, UsageError) else str(error)
    assert found in text.lower()


@pytest.mark.parametrize(
    ("content", "commands"),
    [
        ("A=1 nice unipref run s.yaml --jobs 2 > log.txt  # it's fine", [["unipref", "run", "s.yaml", "--jobs", "2"]]),
        (
            "unipref list formats | unipref list exports",
            [["unipref", "list", "formats"], ["unipref", "list", "exports"]],
        ),
        (
            "unipref generate a \"Is # a 'sign'?\" \\\n  --seed 1",
            [["unipref", "generate", "a", "Is # a 'sign'?", "--seed", "1"]],
        ),
        ("# unipref run\n\n", []),
        ("unipref inspect book.xlsx#Answers", [["unipref", "inspect", "book.xlsx#Answers"]]),
    ],
)
def test_commands_are_split_as_a_shell_splits_them(content: str, commands: list[list[str]]) -> None:
    assert list(iterate_commands(content)) == commands
    assert check_commands(content, ROOT) == len(commands)


@pytest.mark.parametrize("command", ["unipref run STUDY --dryrun", "unipref rum --jobs 2", "unipref --no-such"])
def test_a_wrong_option_in_a_sentence_is_found(command: str) -> None:
    with pytest.raises(WrongBlockError, match=r"no option|unknown command"):
        check_options(command)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("trian: [{sft: {}}]", "trian"),
        ("train: [{stf: {}}]", "unknown trainer 'stf'"),
        ("train: [{sft: {max_step: 1}}]", "max_step"),
        ("train: [{dpo: {from: sft}}]", "no earlier step trains a policy 'sft'"),
        ("train: [{sft: {max_steps: many}}]", "max_steps"),
        ("train: [{dpo: {rounds: {n: 0, judges: [checker]}}}]", "rounds.n"),
        ("select: {quality_gate: {fraction: 2}}", "fraction"),
        ("evaluate: [{perplexityy: {data: a}}]", "unknown benchmark"),
        ("engine: {rai: {}}", "engine"),
        ("clean: {duplicates: nearly}", "duplicates"),
        ("variants: {a: {selekt: all}}", "selekt"),
        ("report: {examples: -1}", "report.examples"),
        ("grid: papier", "grid"),
        ("model: demo/model\nsources: [{name: a, path: a.jsonl, format: pair}]", "unknown format 'pair'"),
        ("model: demo/model\nsources: [{name: a, path: a.jsonl, format: votes, map: {frist: a}}]", "frist"),
        ("sources: [{name: a, dataset: alpaka}]", "alpaka"),
        ("judges: [{llm: {url: 'http://localhost', modle: a}}]", "modle"),
        ("judges: [checker]\nanswers: {k: 1}", "answers.k"),
        ("- {name: a, format: votes, map: {codez: {A: first}}}", "codez"),
        ("- {name: a, map: {prompt: q}}", "needs the 'format'"),
        ("name: a\npath: a.csv\nformat: ratings\nmap: {scores: {a: {field: a, beter: high}}}", "beter"),
        ("join: [{path: a.lst, onn: row}]", "onn"),
        ("where: {stars: {at_leest: 4}}", "at_leest"),
        ("up: {at_least: 8}\nwhere_item: {}", "no format takes these settings"),
        ("- {origin: 'a.csv:1', chosen_begin: A}", "chosen_begin"),
        ("- rloo: {rewards: [{likelyhood: base}]}", "a reward must be a mapping"),
        ("[1, 2]", "neither settings"),
        ("Text.", "neither settings"),
    ],
)
def test_wrong_settings_are_found(content: str, found: str, folder: Path) -> None:
    with pytest.raises((UserError, WrongBlockError), match=found):
        check_yaml(yaml_files.parse(content, "block"), folder)


def test_questions_without_an_answer_are_found() -> None:
    question = Block(ROOT / "a.md", 1, "yaml", "- {name: a, format: thumbs, map: {label: a, up: '?'}}\n")
    answer = Block(ROOT / "a.md", 9, "yaml", "map: {up: [yes]}\n")
    ((_, value),) = iterate_values([question, answer])
    assert value == [{"name": "a", "format": "thumbs", "map": {"label": "a", "up": ["yes"]}}]
    with pytest.raises(WrongBlockError, match=r"a\.md:1"):
        list(iterate_values([question]))


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("import unipref\nunipref.run(", SyntaxError),
        ("return 1", SyntaxError),
        ("import unipref.no_such", ImportError),
        ("from unipref.no_such import a", ImportError),
        ("from unipref import no_such", WrongBlockError),
        ("from unipref.collect import colect", WrongBlockError),
        ("import unipref\nunipref.no_such", WrongBlockError),
        ("import unipref\nunipref.run()", WrongBlockError),
        ("import unipref\nunipref.run('a.yaml', 'b', no_such=1)", WrongBlockError),
        ("from unipref.collect import collect\ncollect('a.yaml', 'b', job=2)", WrongBlockError),
    ],
)
def test_wrong_python_is_found(content: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        check_python(content, set())
    assert check_python("import unipref\nunipref.run('a.yaml', 'b')", set()) == 1


def test_modules_that_a_page_writes_need_not_exist() -> None:
    assert check_python("from unipref.select.scorers.mine import Mine\nMine()", {"unipref.select.scorers.mine"}) == 0
